// bench-scale-master: the master model behind a socket of 127.0.0.1 and the poster, for
// test/bench/scale. One thread with epoll serves the scheduler: pipelined calls are taken in batches
// and answered in batches, so that the machine is left to the scheduler.
//
// Says `listening PORT`, once there is a stream `subscribed`, and `settled` when the scheduler has
// answered its first offers. Told `go BRIDGE_PORT PID` on stdin it posts; when every instance runs, or
// at the limit, it prints one JSON object; told `report`, at once. It ends with its stdin.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "test/bench/scale_http.hpp"
#include "test/bench/scale_model.hpp"
#include "test/bench/scale_poster.hpp"

namespace scale {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kLinger = 300'000'000;  // For what should not come any more.

Nanos read_clock(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return 0;
  return Nanos{time.tv_sec} * kSecond + time.tv_nsec;
}
Nanos now() { return read_clock(CLOCK_MONOTONIC); }
double seconds(Nanos nanos) { return static_cast<double>(nanos) / 1e9; }
double wall_s() { return seconds(read_clock(CLOCK_REALTIME)); }

struct Options {
  ModelOptions model;
  PosterOptions poster;
  double limit_s = 300;
};

// What the scheduler had used up at a moment.
struct Mark {
  Nanos at = 0, cpu = 0;
  std::uint64_t peak_rss_kb = 0;
};

class Watched {
 public:
  void watch(pid_t pid) {
    pid_ = pid;
    known_ = clock_getcpuclockid(pid, &clock_) == 0;
  }
  Mark mark(bool with_memory = true) const {
    Mark mark{now(), known_ ? read_clock(clock_) : 0, 0};
    if (!with_memory || pid_ == 0) return mark;
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) mark.peak_rss_kb = std::strtoull(line.c_str() + 6, nullptr, 10);
    }
    return mark;
  }

 private:
  pid_t pid_ = 0;
  clockid_t clock_{};
  bool known_ = false;
};

class Master {
 public:
  explicit Master(const Options& options)
      : options_(options), model_(options.model), poster_(options.poster), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    posted_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch(posted_event_, EPOLLIN);
    watch(STDIN_FILENO, EPOLLIN);
  }

  bool listen_on_any_port();
  int run();

 private:
  void watch(int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void accept_peers();
  void read_orders();
  void go(int bridge_port, pid_t scheduler);
  void read(Connection& peer);
  void serve(Connection& peer);
  void answer(Connection& peer, const Request& request);
  void subscribe(Connection& peer, const Call& call);
  void flush(Connection& peer);
  void flush_all();
  void take_marks();
  bool finished() const;
  void report(bool complete);
  int wait_ms() const;

  const Options options_;
  Model model_;
  Poster poster_;
  Watched scheduler_;
  const int epoll_;
  int listener_ = -1, posted_event_ = -1, port_ = 0;
  std::map<int, std::unique_ptr<Connection>> peers_;
  Connection* stream_ = nullptr;
  std::uint64_t streams_ = 0;
  std::string orders_;
  bool orders_ended_ = false, told_subscribed_ = false, told_settled_ = false, reported_ = false;
  std::optional<Nanos> limit_, complete_since_;
  Nanos own_cpu_at_go_ = 0;
  Mark go_, posted_, last_accept_, last_running_;
  std::uint64_t accepts_marked_ = 0, running_marked_ = 0;
  std::vector<Mark> tenths_;
  std::size_t backlog_max_ = 0;
};

bool Master::listen_on_any_port() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, any, size) != 0 || listen(listener_, 64) != 0) return false;
  getsockname(listener_, any, &size);
  port_ = ntohs(address.sin_port);
  watch(listener_, EPOLLIN);
  std::printf("listening %d\n", port_);
  std::fflush(stdout);
  return true;
}

void Master::accept_peers() {
  for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto peer = std::make_unique<Connection>();
    peer->fd = fd;
    peers_.emplace(fd, std::move(peer));
    watch(fd, EPOLLIN);
  }
}

void Master::read_orders() {
  char some[256];
  const ssize_t n = ::read(STDIN_FILENO, some, sizeof some);
  if (n <= 0) {
    orders_ended_ = true;
    return;
  }
  orders_.append(some, static_cast<std::size_t>(n));
  int bridge_port = 0, pid = 0;
  if (orders_.find('\n') == std::string::npos) return;
  if (std::sscanf(orders_.c_str(), "go %d %d", &bridge_port, &pid) == 2) go(bridge_port, pid);
  if (orders_.starts_with("report")) report(finished());
  orders_.clear();
}

void Master::go(int bridge_port, pid_t scheduler) {
  scheduler_.watch(scheduler);
  own_cpu_at_go_ = read_clock(CLOCK_THREAD_CPUTIME_ID);
  go_ = last_accept_ = last_running_ = scheduler_.mark();
  limit_ = go_.at + static_cast<Nanos>(options_.limit_s * 1e9);
  poster_.start(bridge_port, [this] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(posted_event_, &one, sizeof one);
  });
}

// ---- HTTP

void Master::subscribe(Connection& peer, const Call& call) {
  if (stream_ != nullptr) {
    stream_->out.append(model_.goodbye());
    flush(*stream_);
    stream_->stream = false;
  }
  stream_ = &peer;
  peer.stream = true;
  peer.stream_id = "5ca1e57e-0000-4000-8000-" + std::to_string(100'000'000'000 + ++streams_);
  begin_stream(peer, options_.model.codec == Codec::json ? "application/json" : "application/x-protobuf");
  model_.subscribe(call, port_, now(), wall_s());
  if (std::exchange(told_subscribed_, true)) return;
  std::printf("subscribed\n");
  std::fflush(stdout);
}

void Master::answer(Connection& peer, const Request& request) {
  if (!request.line.starts_with("POST ") || request.line.find("/api/v1/scheduler ") == std::string_view::npos)
    return respond(peer, 404, "404 Not Found.");
  Call call;
  const bool json = options_.model.codec == Codec::json;
  if (!(json ? read_json_call(request.body, call) : read_protobuf_call(request.body, call))) {
    model_.unreadable(request.body);
    return respond(peer, 400, "Failed to parse body");
  }
  if (call.type == CallType::subscribe) return subscribe(peer, call);
  if (stream_ == nullptr || request.stream_id != stream_->stream_id) {
    return respond(peer, stream_ == nullptr ? 403 : 400,
                   stream_ == nullptr ? "Framework is not subscribed"
                                      : "The stream ID included in this request didn't match the stream ID currently "
                                        "associated with framework ID");
  }
  const Answer answer = model_.handle(call, now(), wall_s());
  respond(peer, answer.status, answer.text);
}

void Master::serve(Connection& peer) {
  while (!peer.broken && peer.from < peer.to) {
    Request request;
    const Parsed parsed = parse({peer.in.data() + peer.from, peer.to - peer.from}, request);
    if (parsed == Parsed::partial) break;
    if (parsed == Parsed::bad) {
      peer.broken = true;
      break;
    }
    answer(peer, request);
    peer.from += request.bytes;
  }
  if (peer.from == peer.to) peer.from = peer.to = 0;
}

void Master::read(Connection& peer) {
  if (peer.in.size() - peer.to < kReadAtOnce) {
    std::memmove(peer.in.data(), peer.in.data() + peer.from, peer.to - peer.from);
    peer.to -= peer.from;
    peer.from = 0;
    if (peer.in.size() - peer.to < kReadAtOnce) peer.in.resize(2 * peer.in.size());
  }
  const ssize_t n = recv(peer.fd, peer.in.data() + peer.to, kReadAtOnce, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    peer.broken = true;
    return;
  }
  peer.to += static_cast<std::size_t>(n);
  serve(peer);
}

void Master::flush(Connection& peer) {
  while (!peer.broken && peer.sent < peer.out.size()) {
    const ssize_t n = send(peer.fd, peer.out.data() + peer.sent, peer.out.size() - peer.sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (n <= 0) {
      peer.broken = true;
    } else {
      peer.sent += static_cast<std::size_t>(n);
    }
  }
  const bool all = peer.sent == peer.out.size();
  if (all) {
    peer.out.clear();
    peer.sent = 0;
  } else if (peer.sent > (std::size_t{8} << 20U)) {
    peer.out.erase(0, peer.sent);
    peer.sent = 0;
  }
  if (peer.waits_for_room == !all) return;
  peer.waits_for_room = !all;
  epoll_event event{};
  event.events = all ? EPOLLIN : EPOLLIN | EPOLLOUT;
  event.data.fd = peer.fd;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, peer.fd, &event);
}

void Master::flush_all() {
  if (stream_ != nullptr && !model_.out().empty()) {
    if (stream_->out.empty()) {
      stream_->out.swap(model_.out());
    } else {
      stream_->out.append(model_.out());
    }
    model_.out().clear();
  }
  if (stream_ != nullptr) backlog_max_ = std::max(backlog_max_, stream_->out.size() - stream_->sent);
  for (auto it = peers_.begin(); it != peers_.end();) {
    Connection& peer = *it->second;
    if (!peer.out.empty()) flush(peer);
    if (!peer.broken) {
      ++it;
      continue;
    }
    if (stream_ == &peer) {
      stream_ = nullptr;
      model_.disconnect();
    }
    close(peer.fd);
    it = peers_.erase(it);
  }
}

// ---- The measure

// The last ACCEPT is known only afterwards, so each is marked; the memory is worth a file only now and then.
void Master::take_marks() {
  const Figures& figures = model_.figures();
  if (const auto accepts = figures.calls[static_cast<std::size_t>(CallType::accept)]; accepts != accepts_marked_) {
    accepts_marked_ = accepts;
    const bool with_memory = now() - last_accept_.at > kSecond / 100;
    const std::uint64_t before = last_accept_.peak_rss_kb;
    last_accept_ = scheduler_.mark(with_memory);
    if (!with_memory) last_accept_.peak_rss_kb = before;
  }
  if (figures.running_acknowledged != running_marked_) {
    running_marked_ = figures.running_acknowledged;
    const bool tenth = figures.tenths.size() > tenths_.size();
    last_running_ = scheduler_.mark(tenth);
    if (tenth) tenths_.push_back(last_running_);
  }
}

bool Master::finished() const {
  return posted_.at != 0 && model_.figures().running_acknowledged >= options_.poster.instances;
}

template <class Names, class Counts>
void print_counts(const char* title, const Names& names, const Counts& counts) {
  std::printf("\"%s\":{", title);
  const char* comma = "";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (counts[i] == 0) continue;
    std::printf("%s\"%s\":%llu", comma, std::string(names[i]).c_str(), static_cast<unsigned long long>(counts[i]));
    comma = ",";
  }
  std::printf("},");
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

void print_mark(const char* title, const Mark& mark) {
  std::printf("\"%s\":{\"ns\":%lld,\"scheduler_cpu_s\":%.4f,\"peak_rss_kb\":%llu},", title,
              static_cast<long long>(mark.at), seconds(mark.cpu), static_cast<unsigned long long>(mark.peak_rss_kb));
}

void Master::report(bool complete) {
  reported_ = true;
  const Mark end = scheduler_.mark();
  const Nanos own = read_clock(CLOCK_THREAD_CPUTIME_ID) - own_cpu_at_go_;
  // Marks without a look at the memory: a peak only grows.
  if (posted_.at != 0 && posted_.at <= last_accept_.at)
    last_accept_.peak_rss_kb = std::max(last_accept_.peak_rss_kb, posted_.peak_rss_kb);
  if (last_running_.peak_rss_kb == 0) last_running_.peak_rss_kb = end.peak_rss_kb;
  const Figures& figures = model_.figures();
  std::printf("{\"complete\":%s,", complete ? "true" : "false");
  print_mark("first_post", go_);
  print_mark("last_202", posted_.at != 0 ? posted_ : end);
  print_mark("last_accept", last_accept_);
  print_mark("last_running", last_running_);
  print_mark("end", end);
  std::printf("\"first_accept_ns\":%lld,\"tenths_ns\":[", static_cast<long long>(figures.first_accept.value_or(0)));
  for (std::size_t i = 0; i < figures.tenths.size(); ++i)
    std::printf("%s%lld", i == 0 ? "" : ",", static_cast<long long>(figures.tenths[i]));
  std::printf("],\"tenths_rss_kb\":[");
  for (std::size_t i = 0; i < tenths_.size(); ++i)
    std::printf("%s%llu", i == 0 ? "" : ",", static_cast<unsigned long long>(tenths_[i].peak_rss_kb));
  std::printf("],");
  print_counts("calls", kCallNames, figures.calls);
  print_counts("events", kEventNames, figures.events);
  print_counts("violations_by_kind", kViolationNames, figures.violations);
  std::printf("\"violations\":%llu,\"first_violation\":\"%s\",", static_cast<unsigned long long>(figures.violated()),
              escaped(figures.first_violation).c_str());
  const auto number = [](const char* name, std::uint64_t value) {
    std::printf("\"%s\":%llu,", name, static_cast<unsigned long long>(value));
  };
  number("offers_made", figures.offers_made);
  number("launched", figures.launched);
  number("running_acknowledged", figures.running_acknowledged);
  number("unacknowledged", figures.unacknowledged);
  number("unacknowledged_max", figures.unacknowledged_max);
  number("updates_resent", figures.updates_resent);
  number("cells_started", figures.cells_started);
  number("subscriptions", figures.subscriptions);
  number("tasks_per_accept_max", figures.tasks_per_accept_max);
  number("stream_backlog_max_bytes", backlog_max_);
  const Poster::Result posts = poster_.result();
  number("posts", posts.posts);
  number("posts_refused", posts.refused);
  std::printf("\"first_post_failure\":\"%s\",\"post_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f},",
              escaped(posts.first_failure).c_str(), posts.p50_ms, posts.p99_ms, posts.max_ms);
  std::printf("\"model_cpu_s\":%.3f,\"poster_cpu_s\":%.3f}\n", seconds(own), posts.cpu_s);
  std::fflush(stdout);
}

int Master::wait_ms() const {
  Nanos next = model_.next_deadline();
  if (complete_since_ && !reported_) next = std::min(next, *complete_since_ + kLinger);
  if (limit_ && !reported_) next = std::min(next, *limit_);
  const Nanos left = std::clamp<Nanos>(next - now(), 0, 10 * kSecond);
  return static_cast<int>((left + 999'999) / 1'000'000);
}

int Master::run() {
  std::vector<epoll_event> events(64);
  while (!orders_ended_) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const int fd = event.data.fd;
      if (fd == listener_) {
        accept_peers();
      } else if (fd == STDIN_FILENO) {
        read_orders();
      } else if (fd == posted_event_) {
        std::uint64_t some = 0;
        [[maybe_unused]] const ssize_t n = ::read(fd, &some, sizeof some);
        posted_ = scheduler_.mark();
      } else if (const auto peer = peers_.find(fd); peer != peers_.end()) {
        if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) read(*peer->second);
      }
    }
    model_.tick(now(), wall_s());
    flush_all();
    if (!told_settled_ && model_.settled()) {
      told_settled_ = true;
      std::printf("settled\n");
      std::fflush(stdout);
    }
    if (go_.at == 0 || reported_) continue;
    take_marks();
    if (finished() && !complete_since_) complete_since_ = now();
    if (complete_since_ && now() - *complete_since_ >= kLinger) {
      report(true);
    } else if (now() >= *limit_) {
      report(false);
    }
  }
  return 0;
}

bool read_number(const char* text, double& value) {
  char* end = nullptr;
  value = std::strtod(text, &end);
  return end != text && *end == '\0' && value >= 0;
}

// Flags come in pairs; the script, which is the only user, gives all.
bool parse_flags(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--codec") {
      options.model.codec = std::string_view(argv[i + 1]) == "json" ? Codec::json : Codec::protobuf;
      continue;
    }
    double value = 0;
    if (!read_number(argv[i + 1], value)) return false;
    const auto whole = static_cast<std::int64_t>(value);
    const auto count = static_cast<std::size_t>(value);
    if (flag == "--agents")
      options.model.agents = count;
    else if (flag == "--agent-mem-mb")
      options.model.agent_total.mem = whole * 1000;
    else if (flag == "--agent-disk-mb")
      options.model.agent_total.disk = whole * 1000;
    else if (flag == "--agent-cpus")
      options.model.agent_total.cpus = whole * 1000;
    else if (flag == "--zones")
      options.model.zones = count;
    else if (flag == "--allocation-interval-ms")
      options.model.allocation_interval = whole * 1'000'000;
    else if (flag == "--instances")
      options.poster.instances = options.model.expected_tasks = count;
    else if (flag == "--per-app")
      options.poster.instances_per_app = count;
    else if (flag == "--batch")
      options.poster.starts_per_body = count;
    else if (flag == "--connections")
      options.poster.connections = count;
    else if (flag == "--limit-s")
      options.limit_s = value;
    else
      return false;
  }
  return argc % 2 == 1;
}

}  // namespace
}  // namespace scale

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  scale::Options options;
  if (!scale::parse_flags(argc, argv, options)) {
    std::fprintf(stderr, "bench-scale-master: see test/bench/scale for its flags\n");
    return 2;
  }
  scale::Master master(options);
  if (!master.listen_on_any_port()) {
    std::perror("bench-scale-master: listen");
    return 2;
  }
  return master.run();
}
