#include "platform/http_server.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/http_wire.hpp"
#include "platform/log.hpp"
#include "platform/socket.hpp"

namespace platform {

using Outcome = Connection::Outcome;
using SteadyClock = std::chrono::steady_clock;

// How long a new connection may say nothing while others wait for its thread.
constexpr base::Duration kSilentMax = std::chrono::seconds(2);

struct StreamBody::State {
  explicit State(std::size_t limit) : bytes_max(limit) {}

  const std::size_t bytes_max;
  mutable std::mutex mutex;
  std::deque<std::string> chunks;
  std::size_t bytes = 0;  // Pushed and not yet written.
  bool finished = false, aborted = false, closed = false;
  std::function<void()> on_closed;
  WakeFd wake;

  // What to write next, at most about a quarter of a megabyte, each push as its own chunk.
  struct Batch {
    std::string bytes;
    std::size_t content_bytes = 0;
    bool finished = false, aborted = false, closed = false;
  };
  Batch take(bool chunked) {
    const std::lock_guard lock(mutex);
    Batch batch;
    while (!chunks.empty() && batch.bytes.size() < std::size_t{256} << 10U) {
      batch.bytes += chunked ? wire::chunk(chunks.front()) : chunks.front();
      batch.content_bytes += chunks.front().size();
      chunks.pop_front();
    }
    batch.finished = finished && chunks.empty();
    batch.aborted = aborted;
    batch.closed = closed;
    return batch;
  }

  void written(std::size_t content_bytes) {
    const std::lock_guard lock(mutex);
    bytes -= content_bytes;
  }

  bool cut_off() const {
    const std::lock_guard lock(mutex);
    return closed || aborted;
  }

  // The stream has ended; `tell` whether its holder is to hear of it.
  void end(bool tell) {
    std::function<void()> callback;
    {
      const std::lock_guard lock(mutex);
      closed = true;
      if (tell) callback = std::move(on_closed);
      on_closed = nullptr;
    }
    if (callback) callback();
  }
};

StreamBody::StreamBody(std::size_t bytes_max) : state_(std::make_shared<State>(bytes_max)) {}
StreamBody::~StreamBody() { finish(); }

bool StreamBody::push(std::string chunk) {
  const std::lock_guard lock(state_->mutex);
  if (state_->closed || state_->finished || state_->aborted) return false;
  if (chunk.empty()) return true;  // An empty chunk would end the body.
  if (state_->bytes + chunk.size() > state_->bytes_max) {
    state_->closed = true;
  } else {
    state_->bytes += chunk.size();
    state_->chunks.push_back(std::move(chunk));
  }
  state_->wake.raise();
  return !state_->closed;
}

void StreamBody::finish() {
  const std::lock_guard lock(state_->mutex);
  state_->finished = true;
  state_->wake.raise();
}

void StreamBody::abort() {
  const std::lock_guard lock(state_->mutex);
  state_->aborted = true;
  state_->wake.raise();
}

void StreamBody::on_closed(std::function<void()> callback) {
  const std::lock_guard lock(state_->mutex);
  state_->on_closed = std::move(callback);
}

bool StreamBody::closed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->closed || state_->finished || state_->aborted;
}

struct HttpServer::Impl {
  Impl(ServerOptions given_options, Handler given_handler, ErrorBody given_error_body)
      : options(std::move(given_options)), handler(std::move(given_handler)), error_body(std::move(given_error_body)) {}

  const ServerOptions options;
  const Handler handler;
  const ErrorBody error_body;
  std::shared_ptr<TlsContext> tls;
  Listener listener;
  WakeFd stop;
  std::atomic<bool> stopping{false};

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<int> waiting;  // Accepted, not yet with a thread.
  std::size_t idle = 0;
  std::vector<std::thread> workers;
  std::thread acceptor;

  void accept_all();
  void work();
  bool others_wait();
  void serve(int fd);
  bool serve_one(Connection& connection, std::string& buffer, bool first, bool last);
  Outcome await_request(Connection& connection, std::string& buffer, bool first);
  wire::Refusal read_head(Connection& connection, std::string& buffer, wire::Head& head, bool& gone);
  wire::Refusal read_body(Connection& connection, std::string& buffer, wire::Head& head, bool& gone);
  bool respond(Connection& connection, const wire::Head& head, ServerResponse response, bool keep_alive);
  bool stream(Connection& connection, const wire::Head& head, ServerResponse response, bool keep_alive);
  void refuse(Connection& connection, int status);
};

void HttpServer::Impl::accept_all() {
  for (;;) {
    const int fd = listener.accept(stop);
    if (fd < 0) return;
    const std::lock_guard lock(mutex);
    const bool thread_free = idle > waiting.size();
    const bool may_grow = workers.size() < options.threads;
    if (!thread_free && !may_grow && waiting.size() >= options.queued_connections_max) {
      ::close(fd);
      continue;
    }
    waiting.push_back(fd);
    if (!thread_free && may_grow) workers.emplace_back([this] { work(); });
    changed.notify_one();
  }
}

void HttpServer::Impl::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    ++idle;
    changed.wait(lock, [this] { return stopping || !waiting.empty(); });
    --idle;
    if (stopping) return;
    const int fd = waiting.front();
    waiting.pop_front();
    lock.unlock();
    serve(fd);
    lock.lock();
  }
}

bool HttpServer::Impl::others_wait() {
  const std::lock_guard lock(mutex);
  return !waiting.empty() && idle == 0 && workers.size() >= options.threads;
}

void HttpServer::Impl::serve(int fd) {
  Connection connection(fd, stop);
  if (tls && connection.handshake(*tls, options.read_timeout) != Outcome::done) return;
  std::string buffer;  // Received, not yet used: requests may come back to back.
  for (std::size_t served = 1; !stopping; ++served) {
    if (!serve_one(connection, buffer, served == 1, served >= options.requests_per_connection_max)) return;
  }
}

// False when the connection is to be closed.
bool HttpServer::Impl::serve_one(Connection& connection, std::string& buffer, bool first, bool last) {
  if (await_request(connection, buffer, first) != Outcome::done) return false;
  wire::Head head;
  bool gone = false;
  wire::Refusal refusal = read_head(connection, buffer, head, gone);
  if (refusal == 0 && !gone) refusal = read_body(connection, buffer, head, gone);
  if (gone) return false;
  if (refusal != 0) {
    refuse(connection, refusal);
    return false;
  }
  const bool keep_alive = head.keep_alive && !last;
  return respond(connection, head, handler(head.request), keep_alive);
}

// Between requests: someone waiting for a thread has a better claim to it than an idle connection,
// or than one that has been open for a while and never asked for anything.
Outcome HttpServer::Impl::await_request(Connection& connection, std::string& buffer, bool first) {
  const auto begun = SteadyClock::now();
  const auto deadline = begun + (first ? std::max(options.idle_timeout, options.read_timeout) : options.idle_timeout);
  const auto gives_way = first ? begun + kSilentMax : begun;
  while (buffer.empty()) {
    const auto left = deadline - SteadyClock::now();
    if (left <= SteadyClock::duration::zero()) return Outcome::timed_out;
    const Outcome outcome = connection.read(buffer, std::min<base::Duration>(left, std::chrono::milliseconds(100)));
    const bool stays = SteadyClock::now() < gives_way || !others_wait();
    if (outcome == Outcome::timed_out && stays) continue;
    if (outcome != Outcome::done) return outcome;
  }
  return Outcome::done;
}

wire::Refusal HttpServer::Impl::read_head(Connection& connection, std::string& buffer, wire::Head& head, bool& gone) {
  const auto deadline = SteadyClock::now() + options.read_timeout;
  std::size_t searched = 0;
  for (;;) {
    while (buffer.starts_with("\r\n")) buffer.erase(0, 2);  // RFC 9112 2.2: some clients end a body with one.
    const std::size_t end = buffer.find("\r\n\r\n", searched > 3 ? searched - 3 : 0);
    if (end != std::string::npos) {
      const std::size_t length = end + 4;
      if (length > options.header_bytes_max) return 431;
      const wire::Refusal refusal = wire::parse_head(std::string_view(buffer).substr(0, length), head);
      buffer.erase(0, length);
      return refusal;
    }
    if (buffer.size() > options.header_bytes_max) return 431;
    searched = buffer.size();
    const Outcome outcome = connection.read(buffer, deadline - SteadyClock::now());
    if (outcome == Outcome::timed_out) return 408;
    gone = outcome != Outcome::done;
    if (gone) return 0;
  }
}

wire::Refusal HttpServer::Impl::read_body(Connection& connection, std::string& buffer, wire::Head& head, bool& gone) {
  if (!head.chunked && head.content_length.value_or(0) == 0) return 0;
  const std::size_t bytes_max = options.body_bytes_max;
  if (head.content_length && *head.content_length > bytes_max) return 413;
  if (head.expects_continue && buffer.empty()) {
    std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    gone = connection.write(go_on, options.read_timeout) != Outcome::done;
  }
  // A peer that sends a byte now and then must not hold the thread for ever either.
  const auto deadline = SteadyClock::now() + 10 * options.read_timeout;
  wire::ChunkedReader chunks(bytes_max);
  std::string body;
  while (!gone) {
    if (head.chunked) {
      if (const wire::Refusal refusal = chunks.feed(buffer, body); refusal != 0) return refusal;
      if (chunks.done()) break;
    } else if (buffer.size() >= *head.content_length) {
      const auto length = static_cast<std::size_t>(*head.content_length);
      body = buffer.substr(0, length);
      buffer.erase(0, length);
      break;
    }
    if (SteadyClock::now() >= deadline) return 408;
    const Outcome outcome = connection.read(buffer, options.read_timeout);
    if (outcome == Outcome::timed_out) return 408;
    gone = outcome != Outcome::done;
  }
  if (gone) return 0;
  if (head.coding == wire::Head::Coding::identity) {
    head.request.body = std::move(body);
    return 0;
  }
  return wire::inflate(body, bytes_max, head.request.body);
}

bool HttpServer::Impl::respond(Connection& connection, const wire::Head& head, ServerResponse response,
                               bool keep_alive) {
  const bool bodiless = response.status == 204 || response.status == 304;
  if (response.stream && head.request.method != "HEAD" && !bodiless) {
    return stream(connection, head, std::move(response), keep_alive);
  }
  if (response.stream) response.stream->state_->end(true);
  wire::Framing framing{.content_length = response.body.size(), .keep_alive = keep_alive};
  if (bodiless) framing.content_length.reset();
  // One write: head and body in two would meet delayed acknowledgements.
  std::string bytes = wire::response_head(response.status, response.headers, framing);
  if (!bodiless && head.request.method != "HEAD") bytes += response.body;
  std::string_view rest = bytes;
  return connection.write(rest, options.read_timeout) == Outcome::done && keep_alive;
}

bool HttpServer::Impl::stream(Connection& connection, const wire::Head& head, ServerResponse response,
                              bool keep_alive) {
  const std::shared_ptr<StreamBody::State> state = response.stream->state_;
  response.stream.reset();           // Ours must not keep it from ending when its last holder lets go.
  const bool chunked = head.http11;  // HTTP/1.0 knows no chunks: the body ends with the connection.
  const bool goes_on = keep_alive && chunked;
  std::string bytes =
      wire::response_head(response.status, response.headers, {.chunked = chunked, .keep_alive = goes_on});

  const auto write = [&](std::string_view rest) {
    Outcome outcome = Outcome::timed_out;
    while (outcome == Outcome::timed_out && !state->cut_off()) {
      outcome = connection.write(rest, std::chrono::milliseconds(250));
    }
    return outcome;
  };
  Outcome outcome = write(bytes);
  bool stopped = stopping;
  while (outcome == Outcome::done) {
    StreamBody::State::Batch batch = state->take(chunked);
    if (batch.aborted || batch.closed) {
      state->end(batch.closed && !batch.aborted);
      return false;
    }
    const bool ends = batch.finished || (stopped && batch.bytes.empty());
    if (ends && chunked) batch.bytes += wire::kLastChunk;
    if (!batch.bytes.empty()) {
      outcome = write(batch.bytes);
      state->written(batch.content_bytes);
    }
    if (ends && outcome == Outcome::done) {
      state->end(false);
      return goes_on;
    }
    if (outcome == Outcome::done && batch.content_bytes == 0) {
      const Outcome woken = connection.wait(state->wake);
      if (woken == Outcome::stopped) {
        stopped = true;
      } else {
        outcome = woken;
      }
    }
  }
  state->end(outcome != Outcome::stopped && !stopping);
  return false;
}

void HttpServer::Impl::refuse(Connection& connection, int status) {
  ServerResponse response;
  if (error_body) {
    response = error_body(status);
  } else {
    response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    response.body = std::string(wire::reason(status)) + "\n";
  }
  response.status = status;
  const std::string bytes =
      wire::response_head(status, response.headers, {.content_length = response.body.size(), .keep_alive = false}) +
      response.body;
  std::string_view rest = bytes;
  if (connection.write(rest, options.read_timeout) == Outcome::done) connection.linger(std::chrono::seconds(2));
}

HttpServer::HttpServer(ServerOptions options, Handler handler, ErrorBody error_body)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(error_body))) {}

HttpServer::~HttpServer() { stop(); }

base::Result<int> HttpServer::start(std::string_view where) {
  ignore_broken_pipes();
  if (!impl_->options.cert_file.empty()) {
    auto tls = TlsContext::make(impl_->options.cert_file, impl_->options.key_file, impl_->options.ca_file);
    if (!tls) return tls.error();
    impl_->tls = *tls;
  }
  auto port = impl_->listener.open(where, impl_->options.listen);
  if (port) impl_->acceptor = std::thread([impl = impl_.get()] { impl->accept_all(); });
  return port;
}

void HttpServer::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->stop.raise();
  impl_->changed.notify_all();
  if (impl_->acceptor.joinable()) impl_->acceptor.join();
  for (std::thread& worker : impl_->workers) worker.join();
  impl_->workers.clear();
  for (const int fd : impl_->waiting) ::close(fd);
  impl_->waiting.clear();
  impl_->listener.close();
}

}  // namespace platform
