// A bounded HTTP/1.1 server on sockets of its own: every request, whatever its method and path, goes to one
// handler; routing is the handler's affair.
// Threads: one watches all connections; those of a pool, started as they are needed, go on with whichever has
// something to do, and run the handler, several at a time. Nobody holds a thread by being slow or silent: not an
// idle connection, half a request or half a handshake, an answer that is not read, nor an open stream.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "platform/http.hpp"

namespace platform {

struct ServerRequest {
  std::string method;
  std::string target;                        // As received, undecoded, with the query.
  std::string path;                          // Undecoded, without the query: the caller decodes what it splits.
  std::map<std::string, std::string> query;  // Decoded.
  Headers headers;
  std::string body;  // De-chunked, decompressed. Complete: a cut body never reaches the handler.
};

// The body of a response that goes on: whoever holds it pushes bytes, a thread of the server's writes
// each push as one HTTP chunk. Thread-safe. Bounded: a reader that falls more than
// `bytes_max` behind is cut off, as if it had closed.
class StreamBody {
 public:
  explicit StreamBody(std::size_t bytes_max = std::size_t{64} << 20U);
  ~StreamBody();  // As finish(): with its last holder gone, nobody can push any more.
  StreamBody(const StreamBody&) = delete;
  StreamBody& operator=(const StreamBody&) = delete;

  // False once the peer is gone or finish() was called.
  bool push(std::string chunk);

  // Ends the response with the last chunk after what was pushed; the connection stays usable.
  void finish();

  // Ends the response by closing the socket without a last chunk, like a killed peer.
  void abort();

  // Runs once, on a server thread, when the peer has closed or reading fell behind; not after
  // finish(), abort() or the server's stop(). Set before the response is returned from the handler.
  void on_closed(std::function<void()> callback);

  bool closed() const;
  std::size_t pending() const;  // Bytes pushed and not yet written.

 private:
  friend class HttpConnection;
  struct State;
  std::shared_ptr<State> state_;
};

struct ServerResponse {
  int status = 200;
  Headers headers;  // Content-Type is the handler's to set; Content-Length is the server's.
  std::string body;
  std::shared_ptr<StreamBody> stream;  // If set, `body` is ignored and the response is chunked.
};

struct ServerOptions {
  HostPort listen;
  std::size_t threads = 16;  // Requests handled at once.
  // Beyond it a new connection takes the place of one that waits: of the oldest that has not sent a whole request
  // for two seconds, else of the one that has been idle longest. Where none waits the new one does.
  std::size_t connections_max = 1024;
  std::size_t streams_max = 1024;                      // Open at once; 503 beyond it.
  std::size_t body_bytes_max = std::size_t{8} << 20U;  // 413 beyond it, also for chunked and compressed bodies.
  std::size_t header_bytes_max = 64 * 1024;            // 431 beyond it.
  // All requests longer than 64 KiB together, while they are read and handled; 503 beyond it.
  std::size_t long_requests_bytes_max = std::size_t{256} << 20U;
  base::Duration idle_timeout = std::chrono::seconds(5);  // A keep-alive connection without a request.
  // For a head, from its first byte to its last, and a handshake. A body may take as long again, and a second
  // more for each `bytes_per_s_min` of it; so may an answer.
  base::Duration read_timeout = std::chrono::seconds(10);
  std::size_t bytes_per_s_min = 64 * 1024;
  std::size_t requests_per_connection_max = 1'000'000;
  // TLS when cert_file and key_file are set (platform/tls.hpp); client certificates are required when ca_file is.
  std::string cert_file, key_file, ca_file;
};

class HttpServer {
 public:
  using Handler = std::function<ServerResponse(const ServerRequest&)>;
  // What the server itself refuses (413, 431, 400 for an unparsable request line) is given its body
  // by this, so that every error of one API looks alike. Optional.
  using ErrorBody = std::function<ServerResponse(int status)>;

  HttpServer(ServerOptions options, Handler handler, ErrorBody error_body = {});
  ~HttpServer();  // As stop().
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Binds and serves on threads of its own; returns the port in use. A busy port is an error that
  // names it: "--bridge-listen 127.0.0.1:9016: address already in use" (`where` names the flag).
  base::Result<int> start(std::string_view where);

  // Reads certificate, key and authority again: those who connect from now on meet them, connections that are
  // open go on. On an error all stays as it is. Any thread; ok() without TLS.
  base::Status reload_certificates();

  // Ends all streams (as finish()), closes the listener and joins every thread, also those still in
  // the handler: not to be called from there. Idempotent. There is no second start().
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace platform
