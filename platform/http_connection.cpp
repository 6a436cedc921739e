#include "platform/http_connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "platform/log.hpp"

namespace platform {

using Next = HttpConnection::Next;
using Standing = Next::Standing;
using SocketOutcome = Socket::Outcome;

namespace {

constexpr std::size_t kReadBytes = std::size_t{32} << 10U;
constexpr std::size_t kReadAtOnceMax = std::size_t{1} << 20U;  // Then it is others' turn.
constexpr std::size_t kShortRequestBytes = 64 * 1024;
constexpr std::size_t kBlankBytesMax = 256;
constexpr std::size_t kStreamBatchBytes = std::size_t{256} << 10U;
constexpr base::Duration kLinger = std::chrono::seconds(2);
constexpr int kLastWriteMillis = 1000;
constexpr base::Duration kRefusalsQuiet = std::chrono::seconds(10);

bool begins_request(char c) { return (c > ' ' && c < '\x7f') || c == '\r'; }

}  // namespace

// ---- StreamBody

StreamBody::State::Batch StreamBody::State::take(bool chunked) {
  const std::lock_guard lock(mutex);
  Batch batch;
  while (!chunks.empty() && batch.bytes.size() < kStreamBatchBytes) {
    batch.bytes += chunked ? wire::chunk(chunks.front()) : chunks.front();
    batch.content_bytes += chunks.front().size();
    chunks.pop_front();
  }
  batch.finished = finished && chunks.empty();
  return batch;
}

void StreamBody::State::written(std::size_t content_bytes) {
  const std::lock_guard lock(mutex);
  bytes -= content_bytes;
}

bool StreamBody::State::cut_off() const {
  const std::lock_guard lock(mutex);
  return closed || aborted;
}

bool StreamBody::State::fell_behind() const {
  const std::lock_guard lock(mutex);
  return closed && !aborted;
}

void StreamBody::State::tell_changes(std::function<void()> to) {
  const std::lock_guard lock(mutex);
  changed = std::move(to);
}

void StreamBody::State::end(bool tell) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex);
    closed = true;
    changed = nullptr;
    if (tell) callback = std::move(on_closed);
    on_closed = nullptr;
  }
  if (callback) callback();
}

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
  if (state_->changed) state_->changed();
  return !state_->closed;
}

void StreamBody::finish() {
  const std::lock_guard lock(state_->mutex);
  state_->finished = true;
  if (state_->changed) state_->changed();
}

void StreamBody::abort() {
  const std::lock_guard lock(state_->mutex);
  state_->aborted = true;
  if (state_->changed) state_->changed();
}

void StreamBody::on_closed(std::function<void()> callback) {
  const std::lock_guard lock(state_->mutex);
  state_->on_closed = std::move(callback);
}

bool StreamBody::closed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->closed || state_->finished || state_->aborted;
}

std::size_t StreamBody::pending() const {
  const std::lock_guard lock(state_->mutex);
  return state_->bytes;
}

// ---- ServerShared

std::shared_ptr<TlsContext> ServerShared::tls() const {
  const std::lock_guard lock(mutex_);
  return tls_;
}

void ServerShared::set_tls(std::shared_ptr<TlsContext> context) {
  const std::lock_guard lock(mutex_);
  tls_ = std::move(context);
}

void ServerShared::tell_refused(const std::string& peer, const std::string& why) {
  std::string line = "TLS: connection refused peer=" + peer + " reason=\"" + why + "\"";
  {
    const std::lock_guard lock(mutex_);
    const auto now = SteadyClock::now();
    if (now < quiet_until_) {
      ++untold_;
      return;
    }
    quiet_until_ = now + kRefusalsQuiet;
    if (const std::size_t others = std::exchange(untold_, 0); others > 0)
      line += " others_before=" + std::to_string(others);
  }
  log_warning(line);
}

// ---- HttpConnection

HttpConnection::HttpConnection(int fd, std::string peer, ServerShared& shared, std::function<void()> changed)
    : shared_(shared), changed_(std::move(changed)), peer_(std::move(peer)), socket_(fd), since_(SteadyClock::now()) {
  if (shared_.tls()) phase_ = Phase::greeting;
}

HttpConnection::~HttpConnection() {
  if (stream_) end_stream(!shared_.stopping);
  hold(0);
}

Next HttpConnection::advance(Happened happened) {
  read_at_once_ = 0;
  std::optional<Next> next;
  if (happened.too_late) next = too_late();
  while (!next) {
    switch (phase_) {
      case Phase::greeting:
        next = greet();
        break;
      case Phase::handshake:
        next = shake_hands();
        break;
      case Phase::idle:
        next = await_request();
        break;
      case Phase::head:
        next = read_head();
        break;
      case Phase::body:
        next = read_body();
        break;
      case Phase::answer:
        next = write_answer();
        break;
      case Phase::stream:
        next = go_on_streaming(std::exchange(happened.hung_up, false));
        break;
      case Phase::linger:
        next = read_away();
        break;
    }
  }
  if (next->what == Next::What::wait && shared_.stopping) return close();
  return *next;
}

Next HttpConnection::wait(bool for_write, SteadyClock::time_point deadline, Standing standing) const {
  return {.what = Next::What::wait,
          .for_read = !for_write,
          .for_write = for_write,
          .deadline = deadline,
          .standing = standing,
          .since = since_};
}

Next HttpConnection::go_on() const {
  Next next;
  next.what = Next::What::go_on;
  return next;
}

void HttpConnection::enter(Phase phase) {
  phase_ = phase;
  since_ = SteadyClock::now();
}

std::optional<Next> HttpConnection::too_late() {
  if (phase_ != Phase::head && phase_ != Phase::body) return close();
  refuse(408);
  return std::nullopt;
}

std::optional<Next> HttpConnection::greet() {
  char first = 0;
  const ssize_t got = ::recv(fd(), &first, 1, MSG_PEEK);
  if (got == 0) return close();
  if (got < 0) return wait(false, since_ + shared_.options.read_timeout, Standing::incomplete);
  if (first >= 'A' && first <= 'Z') {
    // A TLS record starts with 0x16. Go's server gives the same hint; Diego's BBS may fall back to plain HTTP on the
    // same port when TLS fails.
    send("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", Then::linger);
    return std::nullopt;
  }
  socket_.start_tls(shared_.tls());
  phase_ = Phase::handshake;
  return std::nullopt;
}

std::optional<Next> HttpConnection::shake_hands() {
  const SocketOutcome outcome = socket_.handshake();
  if (outcome == SocketOutcome::done) {
    enter(Phase::idle);
  } else if (outcome == SocketOutcome::closed) {
    if (socket_.failure().empty()) return close();
    shared_.tell_refused(peer_, socket_.failure());
    // Bytes that are not read would reset the connection, and the peer never hear why.
    socket_.finish_writing();
    enter(Phase::linger);
  } else {
    return wait(socket_.wants_room(), since_ + shared_.options.read_timeout, Standing::incomplete);
  }
  return std::nullopt;
}

Socket::Outcome HttpConnection::fill() {
  static thread_local std::string window(kReadBytes, '\0');
  std::size_t got = 0;
  const SocketOutcome outcome = socket_.read(window, got);
  buffer_.append(window, 0, got);
  read_at_once_ += got;
  return outcome;
}

std::optional<Next> HttpConnection::await_request() {
  const ServerOptions& options = shared_.options;
  if (buffer_.empty()) {
    const SocketOutcome outcome = fill();
    if (outcome == SocketOutcome::closed) return close();
    if (outcome == SocketOutcome::blocked) {
      const auto limit = served_ == 0 ? std::max(options.idle_timeout, options.read_timeout) : options.idle_timeout;
      return wait(socket_.wants_room(), since_ + limit, served_ == 0 ? Standing::incomplete : Standing::idle);
    }
  }
  enter(Phase::head);
  searched_ = skipped_ = 0;
  head_ = {};
  body_.clear();
  return std::nullopt;
}

// RFC 9112 2.2: some clients end a body with an empty line.
void HttpConnection::skip_blank_lines() {
  std::size_t blank = 0;
  while (std::string_view(buffer_).substr(blank).starts_with("\r\n")) blank += 2;
  if (blank == 0) return;
  buffer_.erase(0, blank);
  skipped_ += blank;
  searched_ = 0;
}

std::optional<Next> HttpConnection::read_head() {
  const std::size_t bytes_max = shared_.options.header_bytes_max;
  for (;;) {
    skip_blank_lines();
    const std::size_t end = buffer_.find("\r\n\r\n", searched_ > 3 ? searched_ - 3 : 0);
    const std::size_t length = end == std::string::npos ? buffer_.size() : end + 4;
    wire::Refusal refusal = length > bytes_max ? 431 : skipped_ > kBlankBytesMax ? 400 : 0;
    // Whoever speaks something else, TLS for one, may never send an empty line.
    if (refusal == 0 && !buffer_.empty() && !begins_request(buffer_[0])) refusal = 400;
    if (refusal == 0 && end != std::string::npos) {
      refusal = wire::parse_head(std::string_view(buffer_).substr(0, length), head_);
      buffer_.erase(0, length);
      if (refusal == 0) break;
    }
    if (refusal != 0) {
      refuse(refusal);
      return std::nullopt;
    }
    searched_ = buffer_.size();
    const SocketOutcome outcome = fill();
    if (outcome == SocketOutcome::closed) return close();
    if (outcome == SocketOutcome::blocked)
      return wait(socket_.wants_room(), since_ + shared_.options.read_timeout, Standing::incomplete);
  }
  phase_ = Phase::body;
  chunks_.reset();
  if (head_.chunked) chunks_.emplace(shared_.options.body_bytes_max);
  if (head_.content_length.value_or(0) > shared_.options.body_bytes_max) {
    refuse(413);
  } else if (head_.expects_continue && buffer_.empty()) {
    std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    if (socket_.write(go_on) != SocketOutcome::done) return close();
  }
  return std::nullopt;
}

SteadyClock::time_point HttpConnection::body_deadline() const {
  const auto for_bytes = std::chrono::milliseconds(1000 * (body_.size() + buffer_.size()) /
                                                   std::max<std::size_t>(shared_.options.bytes_per_s_min, 1));
  return since_ + 2 * shared_.options.read_timeout + for_bytes;
}

// Moves what has come of the body out of the buffer.
wire::Refusal HttpConnection::body_refusal(bool& complete) {
  wire::Refusal refusal = 0;
  if (chunks_) {
    refusal = chunks_->feed(buffer_, body_);
    complete = chunks_->done();
  } else {
    const auto length = static_cast<std::size_t>(head_.content_length.value_or(0));
    const std::size_t take = std::min(length - body_.size(), buffer_.size());
    body_.append(buffer_, 0, take);
    buffer_.erase(0, take);
    complete = body_.size() == length;
  }
  if (refusal == 0 && !hold(body_.size() + buffer_.size())) refusal = 503;
  if (refusal != 0 || !complete) return refusal;
  if (head_.coding == wire::Head::Coding::identity) {
    head_.request.body = std::move(body_);
    return 0;
  }
  refusal = wire::inflate(body_, shared_.options.body_bytes_max, head_.request.body);
  body_.clear();
  return refusal == 0 && !hold(head_.request.body.size() + buffer_.size()) ? 503 : refusal;
}

std::optional<Next> HttpConnection::read_body() {
  for (;;) {
    bool complete = false;
    if (const wire::Refusal refusal = body_refusal(complete); refusal != 0) {
      refuse(refusal);
      return std::nullopt;
    }
    if (complete) break;
    if (read_at_once_ > kReadAtOnceMax) return go_on();
    if (SteadyClock::now() >= body_deadline()) {
      refuse(408);
      return std::nullopt;
    }
    const SocketOutcome outcome = fill();
    if (outcome == SocketOutcome::closed) return close();
    if (outcome == SocketOutcome::blocked) return wait(socket_.wants_room(), body_deadline(), Standing::incomplete);
  }
  handle();
  return std::nullopt;
}

// Counts the bytes of a long request; false if there are too many of them in all.
bool HttpConnection::hold(std::size_t bytes) {
  const std::size_t wanted = bytes > kShortRequestBytes ? bytes : 0;
  if (wanted == held_) return true;
  const std::size_t all = shared_.long_bytes += wanted - held_;  // Unsigned: it may well be less than before.
  const bool grows = wanted > held_;
  held_ = wanted;
  return !grows || all <= shared_.options.long_requests_bytes_max;
}

void HttpConnection::handle() {
  ++served_;
  respond(shared_.handler(head_.request));
  head_.request.body = {};
  hold(0);
}

void HttpConnection::respond(ServerResponse response) {
  const bool keep_alive =
      head_.keep_alive && served_ < shared_.options.requests_per_connection_max && !shared_.stopping;
  const bool bodiless = response.status == 204 || response.status == 304;
  if (response.stream && head_.request.method != "HEAD" && !bodiless) {
    if (shared_.streams.fetch_add(1) >= shared_.options.streams_max) {
      --shared_.streams;
      response.stream->state_->end(true);
      return refuse(503);
    }
    stream_keeps_ = keep_alive;
    return begin_stream(std::move(response));
  }
  if (response.stream) response.stream->state_->end(true);
  wire::Framing framing{.content_length = response.body.size(), .keep_alive = keep_alive};
  if (bodiless) framing.content_length.reset();
  // One write: head and body in two would meet delayed acknowledgements.
  std::string bytes = wire::response_head(response.status, response.headers, framing);
  if (!bodiless && head_.request.method != "HEAD") bytes += response.body;
  send(std::move(bytes), keep_alive ? Then::idle : Then::close);
}

void HttpConnection::begin_stream(ServerResponse response) {
  stream_ = response.stream->state_;
  response.stream.reset();         // Ours must not keep it from ending when its last holder lets go.
  stream_chunked_ = head_.http11;  // HTTP/1.0 knows no chunks: the body ends with the connection.
  stream_keeps_ = stream_keeps_ && stream_chunked_;
  stream_ends_ = false;
  stream_bytes_ = 0;
  send(
      wire::response_head(response.status, response.headers, {.chunked = stream_chunked_, .keep_alive = stream_keeps_}),
      Then::close);
  phase_ = Phase::stream;
  stream_->tell_changes(changed_);
}

void HttpConnection::end_stream(bool tell) {
  --shared_.streams;
  std::exchange(stream_, nullptr)->end(tell);
}

void HttpConnection::refuse(int status) {
  ServerResponse response;
  if (shared_.error_body) {
    response = shared_.error_body(status);
  } else {
    response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    response.body = std::string(wire::reason(status)) + "\n";
  }
  buffer_ = {};
  body_ = {};
  hold(0);
  send(wire::response_head(status, response.headers, {.content_length = response.body.size(), .keep_alive = false}) +
           response.body,
       Then::linger);
}

void HttpConnection::send(std::string bytes, Then then) {
  out_ = std::move(bytes);
  out_sent_ = 0;
  then_ = then;
  enter(Phase::answer);
}

std::optional<Next> HttpConnection::write_answer() {
  std::string_view rest = std::string_view(out_).substr(out_sent_);
  SocketOutcome outcome = socket_.write(rest);
  for (; outcome == SocketOutcome::blocked && shared_.stopping; outcome = socket_.write(rest)) {
    // The last answers are waited for, a little.
    pollfd room{fd(), POLLOUT, 0};
    if (::poll(&room, 1, kLastWriteMillis) != 1) return close();
  }
  out_sent_ = out_.size() - rest.size();
  if (outcome == SocketOutcome::closed) return close();
  if (outcome == SocketOutcome::blocked) {
    const auto for_bytes =
        std::chrono::milliseconds(1000 * out_sent_ / std::max<std::size_t>(shared_.options.bytes_per_s_min, 1));
    return wait(socket_.wants_room(), since_ + shared_.options.read_timeout + for_bytes, Standing::busy);
  }
  out_ = {};
  if (then_ == Then::close) return close();
  if (then_ == Then::linger) {
    socket_.finish_writing();
    enter(Phase::linger);
    return std::nullopt;
  }
  enter(Phase::idle);
  // Most often the next request is not here yet; poll() will say. Bytes that TLS holds it does not know of.
  if (!buffer_.empty()) return go_on();  // Others first.
  if (buffer_.capacity() > kReadBytes) buffer_ = {};
  if (socket_.encrypted() || shared_.stopping) return std::nullopt;
  return wait(false, since_ + shared_.options.idle_timeout, Standing::idle);
}

std::optional<Next> HttpConnection::go_on_streaming(bool hung_up) {
  const auto ended = [this](bool tell) {
    end_stream(tell);
    return close();
  };
  if (hung_up) return ended(!shared_.stopping);
  for (;;) {
    if (stream_->cut_off()) return ended(stream_->fell_behind());
    std::string_view rest = std::string_view(out_).substr(out_sent_);
    const SocketOutcome outcome = socket_.write(rest);
    out_sent_ = out_.size() - rest.size();
    if (outcome == SocketOutcome::closed) return ended(!shared_.stopping);
    if (outcome == SocketOutcome::blocked) {
      if (shared_.stopping) return ended(false);
      // For ever: a reader too far behind is cut off by what is pushed.
      return wait(socket_.wants_room(), SteadyClock::time_point::max(), Standing::busy);
    }
    stream_->written(std::exchange(stream_bytes_, 0));
    if (stream_ends_) {
      end_stream(false);
      out_ = {};
      if (!stream_keeps_) return close();
      enter(Phase::idle);
      return std::nullopt;
    }
    const bool stopping = shared_.stopping;  // Asked first: what was pushed before it is still written.
    StreamBody::State::Batch batch = stream_->take(stream_chunked_);
    stream_ends_ = batch.finished || (stopping && batch.bytes.empty());
    if (batch.bytes.empty() && !stream_ends_) {
      out_ = {};
      out_sent_ = 0;
      Next next = wait(false, SteadyClock::time_point::max(), Standing::busy);
      next.for_read = false;
      return next;
    }
    out_ = std::move(batch.bytes);
    if (stream_ends_ && stream_chunked_) out_ += wire::kLastChunk;
    out_sent_ = 0;
    stream_bytes_ = batch.content_bytes;
  }
}

// Reads away what the peer still sends, so that our last answer is not lost to a reset.
std::optional<Next> HttpConnection::read_away() {
  char bytes[16 * 1024];
  for (std::size_t all = 0; all < kReadAtOnceMax;) {
    const ssize_t got = ::recv(fd(), bytes, sizeof bytes, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return close();
    if (got < 0) return wait(false, since_ + kLinger, Standing::incomplete);
    all += static_cast<std::size_t>(got);
  }
  if (SteadyClock::now() >= since_ + kLinger) return close();
  return go_on();
}

}  // namespace platform
