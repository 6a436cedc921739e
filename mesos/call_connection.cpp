#include <poll.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "mesos/call_writer.hpp"
#include "mesos/http_transport.hpp"
#include "platform/client_socket.hpp"
#include "platform/flags.hpp"
#include "platform/http.hpp"
#include "platform/socket.hpp"

namespace mesos_client {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20U;
constexpr std::size_t kReadBytes = std::size_t{64} << 10U;

std::string host_of(const TransportOptions& options, const platform::Url& url) {
  const bool usual = url.port == (url.scheme == "https" ? 443 : 80);
  if (!options.unix_socket.empty() && (url.host.empty() || url.port == 0)) return "localhost";
  const std::string text = platform::HostPort{url.host, url.port}.text();
  return usual && options.unix_socket.empty() ? text.substr(0, text.rfind(':')) : text;
}

base::Result<CallWriter> writer_for(const TransportOptions& options, const base::Result<platform::Url>& url,
                                    const std::string& stream_id) {
  if (!url) return base::Error{"", url.error().message()};
  return CallWriter::make({url->path, host_of(options, *url), std::string(content_type(options.codec)),
                           authorization(options.credentials), stream_id});
}

}  // namespace

struct CallConnection::Impl {
  struct Call {
    std::uint64_t tag = 0;
    std::string body;
  };
  // A call whose answer is awaited, and where its request lies in all that was ever written.
  struct Sent {
    std::uint64_t tag = 0;
    std::uint64_t begin = 0, end = 0;
  };

  Impl(TransportOptions call_options, const std::string& call_url, const std::string& stream_id,
       std::uint64_t call_generation, Report to)
      : options(std::move(call_options)),
        url(platform::parse_url("url", call_url)),
        writer(writer_for(options, url, stream_id)),
        generation(call_generation),
        report(std::move(to)),
        tls({options.cert_file, options.key_file, options.ca_file}),
        buffer(kReadBytes, '\0') {}

  void run();
  void take();
  void answer_all_without_sending();
  bool connect();
  void fill();
  void write();
  void read();
  void deliver(Answer answer);
  void peer_closed(const std::string& why);
  void hang_up();
  void fail(const std::string& why);
  void check_silence();
  void sleep();
  void tell(std::uint64_t tag, int status, std::string body);
  void tell_failed(std::uint64_t tag, const std::string& why, bool surely_not_sent);
  void tell_merged();

  bool more_to_send() const { return next < waiting.size(); }
  std::uint64_t appended() const { return written + (out.size() - out_sent); }

  const TransportOptions options;
  const base::Result<platform::Url> url;
  const base::Result<CallWriter> writer;
  const std::uint64_t generation;
  const Report report;

  // ---- Shared
  std::mutex mutex;
  std::vector<Call> incoming;
  bool asleep = false;  // The thread must be woken for a call.
  bool stopped = false;
  platform::WakeFd wake, stop;
  std::atomic<std::size_t> open{0};  // Without a report.

  // ---- The thread's own
  std::vector<Call> waiting;  // From `next` on: to be written.
  std::size_t next = 0;
  std::deque<Sent> unanswered;
  platform::TlsClient tls;
  std::unique_ptr<platform::Socket> socket;
  bool proven = false;  // The peer has answered and keeps this connection open.
  bool readable = false;
  bool just_wrote = false;
  std::string out;  // Requests, of which the first `out_sent` bytes are written.
  std::size_t out_sent = 0;
  std::uint64_t written = 0;  // Ever.
  std::optional<AnswerReader> reader;
  std::vector<Answer> answers;
  std::string buffer;
  SteadyClock::time_point since;  // When the peer last did something about the oldest call.
  std::string broken;             // Why nothing is sent any more.
  bool over = false;              // Stopped, and all is told.
  CallResult merged;              // calls == 0: none.

  std::thread thread;
};

void CallConnection::Impl::run() {
  platform::ignore_broken_pipes();
  merged.calls = 0;
  if (!writer) broken = writer.error().text;
  while (!over) {
    if (readable && socket) read();
    take();
    if (socket && unanswered.empty() && more_to_send()) read();  // It may have been closed while it was idle.
    if (!broken.empty()) {
      answer_all_without_sending();
    } else if (more_to_send() && (socket || connect())) {
      fill();
    }
    if (socket) write();
    tell_merged();
    sleep();
    check_silence();
  }
}

// What was queued; and whether we are to stop.
void CallConnection::Impl::take() {
  bool stopping = false;
  {
    const std::lock_guard lock(mutex);
    asleep = false;
    stopping = stopped;
    if (!more_to_send()) {
      waiting.clear();
      next = 0;
      waiting.swap(incoming);
    }
    over = stopping && incoming.empty();
  }
  if (stopping && broken.empty()) fail("stopped");
}

void CallConnection::Impl::answer_all_without_sending() {
  for (; more_to_send(); ++next) tell_failed(waiting[next].tag, broken, true);
}

bool CallConnection::Impl::connect() {
  auto opened = platform::connect_socket(
      {.url = *url, .unix_socket = options.unix_socket, .server_name = {}, .connect_timeout = options.connect_timeout},
      tls, stop.fd());
  if (opened) {
    socket = *std::move(opened);
    reader.emplace(kAnswerBytesMax);
    return true;
  }
  tell_failed(waiting[next++].tag, opened.error().text, true);
  fail(opened.error().text);
  answer_all_without_sending();
  return false;
}

// Requests into the buffer, as many as may be without an answer.
void CallConnection::Impl::fill() {
  const std::size_t most = proven ? std::max<std::size_t>(options.calls_unanswered_max, 1) : 1;
  for (; more_to_send() && unanswered.size() < most; ++next) {
    const std::uint64_t begin = appended();
    if (unanswered.empty()) {
      since = SteadyClock::now();
    } else if (begin - unanswered.front().begin + waiting[next].body.size() > options.unanswered_bytes_max) {
      return;
    }
    writer->append(std::exchange(waiting[next].body, {}), out);  // The copy that waited is given back at once.
    unanswered.push_back({waiting[next].tag, begin, appended()});
  }
}

void CallConnection::Impl::write() {
  if (out_sent == out.size()) return;
  std::string_view rest = std::string_view(out).substr(out_sent);
  const std::size_t before = rest.size();
  const auto outcome = socket->write(rest);
  const std::size_t count = before - rest.size();
  const bool first_was_out = !unanswered.empty() && unanswered.front().end <= written;
  if (count > 0 && !first_was_out) since = SteadyClock::now();
  written += count;
  out_sent += count;
  just_wrote = count > 0;
  constexpr std::size_t kWrittenKept = std::size_t{1} << 20U;
  if (out_sent == out.size()) {
    out.clear();
    out_sent = 0;
  } else if (out_sent >= kWrittenKept) {  // In a long burst there is always something left.
    out.erase(0, out_sent);
    out_sent = 0;
  }
  // An answer may have come all the same: the peer need not read a request that it refuses.
  if (outcome == platform::Socket::Outcome::closed) {
    read();
    if (socket) peer_closed("connection closed while the request was sent");
  }
}

void CallConnection::Impl::read() {
  readable = false;
  while (socket) {
    std::size_t got = 0;
    const auto outcome = socket->read(buffer, got);
    if (outcome == platform::Socket::Outcome::blocked) return;
    if (unanswered.empty()) return hang_up();  // To no question of ours: the end, or why it comes.
    const base::Status fed = outcome == platform::Socket::Outcome::closed
                                 ? reader->end(answers)
                                 : reader->feed(std::string_view(buffer).substr(0, got), answers);
    since = SteadyClock::now();
    for (Answer& answer : std::exchange(answers, {})) {
      if (!socket) break;  // What follows the last answer means nothing.
      deliver(std::move(answer));
    }
    if (!socket) return;
    if (!fed) return peer_closed(fed.error().text);
    if (outcome == platform::Socket::Outcome::closed)
      return peer_closed("connection closed before the answer was complete");
    if (unanswered.empty() && !reader->at_boundary()) return hang_up();
    if (got < buffer.size() && !socket->encrypted()) return;  // There is no more.
  }
}

void CallConnection::Impl::deliver(Answer answer) {
  if (unanswered.empty()) return hang_up();
  const std::uint64_t tag = unanswered.front().tag;
  unanswered.pop_front();
  proven = true;
  tell(tag, answer.status, std::move(answer.body));
  if (answer.last) peer_closed("the peer closed the connection behind an earlier answer");
}

// A failure only for calls that are on their way.
void CallConnection::Impl::peer_closed(const std::string& why) {
  if (unanswered.empty()) {
    hang_up();
  } else {
    fail(why);
  }
}

void CallConnection::Impl::hang_up() {
  socket.reset();
  written = appended();
  out.clear();
  out_sent = 0;
  proven = false;
  readable = false;
  just_wrote = false;
}

void CallConnection::Impl::fail(const std::string& why) {
  broken = why == "stopped" ? why : "not sent: an earlier call got no answer (" + why + ")";
  // What TLS has not taken as a whole may have left as a part.
  const std::uint64_t seen = socket && socket->encrypted() ? appended() : written;
  bool first = true;
  for (const Sent& call : std::exchange(unanswered, {})) {
    const bool surely_not_sent = call.begin >= seen;
    tell_failed(call.tag, surely_not_sent && !first ? broken : why, surely_not_sent);
    first = false;
  }
  hang_up();
}

void CallConnection::Impl::check_silence() {
  if (unanswered.empty() || readable || SteadyClock::now() < since + options.call_timeout) return;
  const std::string limit = platform::format_duration(options.call_timeout);
  fail((reader->at_boundary() ? "no answer within " : "silent for ") + limit);
}

// Until there is something to do.
void CallConnection::Impl::sleep() {
  std::optional<base::Duration> limit;
  {
    const std::lock_guard lock(mutex);
    const bool could_take = !more_to_send() && !incoming.empty();
    const bool could_send = more_to_send() && unanswered.empty();  // Or could be told that they are not sent.
    if (over || could_take || could_send) {
      // Only a look whether answers have come in the meantime.
      limit = base::Duration{0};
    } else if (!unanswered.empty() && just_wrote && !more_to_send()) {
      limit = kCoalesce;
    } else {
      asleep = !more_to_send();
      if (!unanswered.empty())
        limit = std::max<base::Duration>(since + options.call_timeout - SteadyClock::now(), base::Duration{0});
    }
  }
  if (over) return;
  just_wrote = false;
  pollfd waits[] = {{wake.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}, {-1, POLLIN, 0}};
  if (socket) {
    waits[2].fd = socket->fd();
    if (socket->wants_room()) waits[2].events = POLLIN | POLLOUT;
  }
  timespec time{};
  if (limit) {
    time.tv_sec = static_cast<time_t>(limit->count() / 1'000'000'000);
    time.tv_nsec = static_cast<long>(limit->count() % 1'000'000'000);
  }
  if (::ppoll(waits, 3, limit ? &time : nullptr, nullptr) <= 0) return;
  if (waits[0].revents != 0) wake.lower();
  readable = (waits[2].revents & ~POLLOUT) != 0;
}

// ---- Reports

void CallConnection::Impl::tell(std::uint64_t tag, int status, std::string body) {
  const bool plain = options.merge_accepted && status / 100 == 2 && body.empty();
  if (!plain || merged.status != status) tell_merged();
  if (!plain) {
    open.fetch_sub(1);
    return report({generation, tag, 1, status, std::move(body), "", false});
  }
  merged.generation = generation;
  merged.tag = tag;
  merged.status = status;
  ++merged.calls;
}

void CallConnection::Impl::tell_merged() {
  if (merged.calls == 0) return;
  open.fetch_sub(merged.calls);
  report(std::exchange(merged, {.calls = 0}));
}

void CallConnection::Impl::tell_failed(std::uint64_t tag, const std::string& why, bool surely_not_sent) {
  tell_merged();
  open.fetch_sub(1);
  report({generation, tag, 1, 0, "", why, surely_not_sent});
}

// ---- CallConnection

CallConnection::CallConnection(TransportOptions options, std::string url, std::string stream_id,
                               std::uint64_t generation, Report report)
    : impl_(std::make_unique<Impl>(std::move(options), url, stream_id, generation, std::move(report))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

CallConnection::~CallConnection() {
  stop();
  impl_->thread.join();
}

bool CallConnection::send(std::uint64_t tag, std::string call) {
  bool sleeps = false;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopped || impl_->open.load() >= impl_->options.calls_queued_max) return false;
    impl_->open.fetch_add(1);
    impl_->incoming.push_back({tag, std::move(call)});
    sleeps = std::exchange(impl_->asleep, false);
  }
  if (sleeps) impl_->wake.raise();
  return true;
}

void CallConnection::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopped = true;
  }
  impl_->stop.raise();
}

std::size_t CallConnection::queued() const { return impl_->open; }

}  // namespace mesos_client
