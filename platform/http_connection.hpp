// One connection of the server as a machine that is moved on whenever something has happened to it, and never
// waits. Private to platform/.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "platform/http_server.hpp"
#include "platform/http_wire.hpp"
#include "platform/socket.hpp"

namespace platform {

using SteadyClock = std::chrono::steady_clock;

struct StreamBody::State {
  explicit State(std::size_t limit) : bytes_max(limit) {}

  const std::size_t bytes_max;
  mutable std::mutex mutex;
  std::deque<std::string> chunks;
  std::size_t bytes = 0;  // Pushed and not yet written.
  bool finished = false, aborted = false, closed = false;
  std::function<void()> on_closed;
  std::function<void()> changed;  // Tells the server; called with the mutex held.

  // What to write next, at most about a quarter of a megabyte, each push as its own chunk.
  struct Batch {
    std::string bytes;
    std::size_t content_bytes = 0;
    bool finished = false;
  };
  Batch take(bool chunked);
  void written(std::size_t content_bytes);
  bool cut_off() const;      // Ends without a last chunk: by its holder, or because
  bool fell_behind() const;  // its reader did.
  void tell_changes(std::function<void()> to);
  // The stream has ended; `tell` whether its holder is to hear of it. Nothing is told to the server after it.
  void end(bool tell);
};

// What the connections of a server have in common. Thread-safe.
struct ServerShared {
  ServerOptions options;
  HttpServer::Handler handler;
  HttpServer::ErrorBody error_body;
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> streams{0};
  std::atomic<std::size_t> long_bytes{0};  // Of long requests.

  std::shared_ptr<TlsContext> tls() const;  // nullptr: none is spoken.
  void set_tls(std::shared_ptr<TlsContext> context);
  // One line of the log at most every ten seconds: whoever connects may not fill it.
  void tell_refused(const std::string& peer, const std::string& why);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<TlsContext> tls_;
  SteadyClock::time_point quiet_until_{};
  std::size_t untold_ = 0;
};

class HttpConnection {
 public:
  // `shared` must outlive it. `changed` wakes whoever moves it on: there is something to write to its stream.
  HttpConnection(int fd, std::string peer, ServerShared& shared, std::function<void()> changed);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  int fd() const { return socket_.fd(); }

  struct Happened {
    bool hung_up = false;  // The peer has closed or reset.
    bool too_late = false;
  };
  struct Next {
    enum class What { close, go_on, wait };
    // Who makes room for others first, when it waits.
    enum class Standing { incomplete, idle, busy };

    What what = What::close;
    bool for_read = false, for_write = false;  // Neither: for the end of what the peer sends.
    SteadyClock::time_point deadline{};
    Standing standing = Standing::busy;
    SteadyClock::time_point since{};  // When it came to stand so.
  };
  // As far as it goes. Blocks for the handler alone; once the server stops, never asks to wait.
  Next advance(Happened happened);

 private:
  enum class Phase { greeting, handshake, idle, head, body, answer, stream, linger };
  enum class Then { idle, linger, close };

  // Each moves to another phase, or says how to go on.
  std::optional<Next> greet();
  std::optional<Next> shake_hands();
  std::optional<Next> await_request();
  std::optional<Next> read_head();
  std::optional<Next> read_body();
  std::optional<Next> write_answer();
  std::optional<Next> go_on_streaming(bool hung_up);
  std::optional<Next> read_away();
  std::optional<Next> too_late();

  Next close() const { return {}; }
  Next go_on() const;
  Next wait(bool for_write, SteadyClock::time_point deadline, Next::Standing standing) const;
  Socket::Outcome fill();
  void skip_blank_lines();
  wire::Refusal body_refusal(bool& complete);
  SteadyClock::time_point body_deadline() const;

  void enter(Phase phase);
  void handle();
  void respond(ServerResponse response);
  void begin_stream(ServerResponse response);
  void refuse(int status);
  void send(std::string bytes, Then then);
  void end_stream(bool tell);
  bool hold(std::size_t bytes);

  ServerShared& shared_;
  const std::function<void()> changed_;
  const std::string peer_;
  Socket socket_;

  Phase phase_ = Phase::idle;
  SteadyClock::time_point since_;  // The phase began; of head and body: the request.
  std::size_t served_ = 0;
  std::size_t read_at_once_ = 0;
  std::string buffer_;  // Received, not yet used: requests may come back to back.

  // The request being read.
  wire::Head head_;
  std::optional<wire::ChunkedReader> chunks_;
  std::string body_;
  std::size_t searched_ = 0, skipped_ = 0;
  std::size_t held_ = 0;  // Counted in long_bytes.

  // The answer being written.
  std::string out_;
  std::size_t out_sent_ = 0;
  Then then_ = Then::close;

  std::shared_ptr<StreamBody::State> stream_;
  std::size_t stream_bytes_ = 0;  // Content in `out_`.
  bool stream_chunked_ = false, stream_keeps_ = false, stream_ends_ = false;
};

}  // namespace platform
