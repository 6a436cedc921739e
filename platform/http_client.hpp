// HTTP/1.1 client connections over cpp-httplib: plain requests on one keep-alive connection, and a
// POST whose answer streams. Nothing is retried here and redirects are not followed: callers decide.
// TCP_NODELAY is on; no Accept-Encoding is sent; no proxy is used. https is TLS 1.2 or 1.3, and the
// peer's certificate must be good and for the right name.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "platform/http.hpp"

namespace platform {

struct ClientOptions {
  Url origin;  // Path is ignored.
  base::Duration connect_timeout = std::chrono::seconds(5);
  base::Duration read_timeout = std::chrono::seconds(10);  // Between bytes of an answer.
  // https. The files are read again for a new connection when they have changed (platform/tls.hpp).
  std::string ca_file;              // Whom to trust; empty: whom the system trusts.
  std::string cert_file, key_file;  // Our own certificate, if the peer asks.
  std::string server_name;          // Whom the certificate must be for, and what Host says, if not origin's host:
                                    // for a peer that is dialled at an address of ours.
  std::string unix_socket;          // If set, connect there instead of to origin's host and port.
  std::size_t answer_bytes_max = std::size_t{64} << 20U;  // For plain requests.
  base::Duration answer_timeout{};  // For plain requests: the whole of an answer that drips; 0: none.
};

struct ClientRequest {
  std::string method = "GET";
  std::string path = "/";
  Headers headers;
  std::string body;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

// One connection, one request at a time (an internal mutex serialises callers). Error texts say
// what happened in a reader's words: "connection refused", "no answer within 10 s", "connection
// closed before the answer was complete", "TLS: the peer's certificate expired on ...". After an error the
// outcome of the request is unknown, unless nothing was sent.
class HttpClient {
 public:
  explicit HttpClient(ClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  base::Result<ClientResponse> send(const ClientRequest& request);

  // Of the last send(), by the thread that called it: whether the peer was reached, so that it may have
  // seen the request. False: refused, not found, no TLS with it.
  bool sent() const;

  // From another thread: ends the request under way, and every later one, with an error. Final.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A request whose answer is read as it comes. run() blocks on the calling thread until the answer
// ends; stop() from another thread (also from inside a callback) ends it.
class HttpStream {
 public:
  struct Callbacks {
    // The head of the answer, once. Bytes of a non-200 answer also come through on_bytes.
    std::function<void(int status, const Headers& headers)> on_head;
    std::function<void(std::string_view bytes)> on_bytes;
  };

  // read_timeout: silence on the stream longer than this ends it with an error.
  explicit HttpStream(ClientOptions options);
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  // ok() when the answer ended (never take that for a clean end: the framing above must say so).
  base::Status run(const ClientRequest& request, const Callbacks& callbacks);
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace platform
