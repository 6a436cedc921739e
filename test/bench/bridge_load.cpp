// Auctions posted to a bridge over many kept-alive connections, one at a time on each as Diego's BBS posts them,
// while others misbehave beside them: slow-loris clients that send a byte now and then, and one that sends
// garbage as fast as it can. Tells as one JSON object what was answered and how long it took. test/bench/bridge
// starts it and accounts for every 202.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "test/bench/loopback.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kCutOffWithin{40};

struct Options {
  int port = 0;
  std::size_t auctions = 100'000, per_post = 1, connections = 200;
  std::size_t slow = 50;
  int slow_every_ms = 500;
  bool garbage = true;
  double limit_s = 300;
};

// Post number n is LRP load-n with as many indices as there are auctions in a post.
std::string post(const Options& options, std::size_t number) {
  std::string body = R"([{"process_guid":"load-)" + std::to_string(number) + R"(","domain":"cf-apps","indices":[)";
  for (std::size_t i = 0; i < options.per_post; ++i) body += (i == 0 ? "" : ",") + std::to_string(i);
  body +=
      R"(],"PlacementTags":[],"VolumeDrivers":[],"RootFs":"preloaded:cflinuxfs4","MemoryMB":64,"DiskMB":64,"MaxPids":1024}])";
  return "POST /v1/lrps HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nContent-Type: application/json\r\nX-Vcap-Request-Id: load-" +
         std::to_string(number) + "\r\nAccept-Encoding: gzip\r\n\r\n" + body;
}

// ---- Those who behave

struct Poster {
  int fd = -1;
  std::size_t number = 0;  // Of the post under way.
  Clock::time_point sent_at;
  std::string received;
};

struct Told {
  std::map<int, std::size_t> statuses;     // 0: no answer.
  std::vector<std::size_t> without_a_202;  // Posts.
  std::vector<double> millis;
  double seconds = 0;
};

class Posting {
 public:
  explicit Posting(const Options& options)
      : options_(options), posts_(options.auctions / options.per_post), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~Posting() { close(epoll_); }
  Posting(const Posting&) = delete;
  Posting& operator=(const Posting&) = delete;

  Told run() {
    std::vector<Poster> posters(std::min(options_.connections, posts_));
    const auto begun = Clock::now();
    for (std::size_t i = 0; i < posters.size(); ++i) begin(posters[i], i);
    std::array<epoll_event, 256> events;
    while (under_way_ > 0 && Clock::now() - begun < std::chrono::duration<double>(options_.limit_s)) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1000);
      for (int i = 0; i < count; ++i) {
        const std::size_t which = events[static_cast<std::size_t>(i)].data.u64;
        read(posters[which], which);
      }
    }
    for (const Poster& poster : posters) {
      if (poster.fd >= 0) close(poster.fd);
    }
    told_.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    return std::move(told_);
  }

 private:
  void begin(Poster& poster, std::size_t which) {
    if (next_ >= posts_) return;
    poster.number = next_++;
    poster.received.clear();
    ++under_way_;
    if (poster.fd < 0) {
      poster.fd = bench::connect_to(options_.port);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = which}};
      if (poster.fd < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, poster.fd, &event) != 0) return end(poster, which, 0);
    }
    const std::string bytes = post(options_, poster.number);
    poster.sent_at = Clock::now();
    if (send(poster.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      end(poster, which, 0);
  }

  void read(Poster& poster, std::size_t which) {
    std::array<char, 4096> some;
    const ssize_t got = recv(poster.fd, some.data(), some.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return end(poster, which, 0);
    poster.received.append(some.data(), static_cast<std::size_t>(got));
    const std::size_t head = poster.received.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const std::size_t length = poster.received.find("Content-Length: ");
    const std::size_t body = length < head ? std::strtoul(poster.received.c_str() + length + 16, nullptr, 10) : 0;
    if (poster.received.size() >= head + 4 + body) end(poster, which, std::atoi(poster.received.c_str() + 9));
  }

  void end(Poster& poster, std::size_t which, int status) {
    told_.millis.push_back(std::chrono::duration<double, std::milli>(Clock::now() - poster.sent_at).count());
    ++told_.statuses[status];
    if (status != 202) told_.without_a_202.push_back(poster.number);
    if (status == 0 || poster.received.find("Connection: close") != std::string::npos) {
      if (poster.fd >= 0) close(poster.fd);
      poster.fd = -1;
    }
    --under_way_;
    begin(poster, which);
  }

  const Options& options_;
  const std::size_t posts_;
  const int epoll_;
  std::size_t next_ = 0, under_way_ = 0;
  Told told_;
};

// ---- Those who do not

struct Harm {
  std::atomic<bool> over{false};
  std::atomic<std::size_t> slow_opened{0}, slow_cut_off{0}, slow_bytes{0}, garbage_sent{0}, garbage_answered{0};
};

// Each holds a connection and sends one byte of a request now and then; those that are cut off come again.
void be_slow(const Options& options, Harm& harm) {
  constexpr std::string_view kHead = "POST /v1/lrps HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ";
  constexpr std::string_view kBody = "POST /v1/lrps HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n";
  struct Slow {
    int fd = -1;
    std::size_t sent = 0;
  };
  std::vector<Slow> all(options.slow);
  while (!harm.over) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      Slow& one = all[i];
      char byte = 'x';
      if (one.fd >= 0 && recv(one.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0) {  // An answer, or the end.
        ++harm.slow_cut_off;
        close(one.fd);
        one = {};
      }
      if (one.fd < 0) {
        one.fd = bench::connect_to(options.port);
        if (one.fd >= 0) ++harm.slow_opened;
      }
      // Half of them are slow in the head and half in the body, whose head they have sent at once.
      const std::string_view begin = i % 2 == 0 ? kHead : kBody;
      const bool at_once = i % 2 == 1 && one.sent == 0;
      const std::string_view bytes = at_once ? begin : one.sent < begin.size() ? begin.substr(one.sent, 1) : "x";
      if (one.fd >= 0 && send(one.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
        one.sent += bytes.size();
        harm.slow_bytes += bytes.size();
      }
    }
    poll(nullptr, 0, options.slow_every_ms);  // Their pace.
  }
  for (const Slow& one : all) {
    if (one.fd >= 0) close(one.fd);
  }
}

void send_garbage(const Options& options, Harm& harm) {
  std::uint64_t state = 7;
  const auto chance = [&state] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<unsigned char>(state >> 33U);
  };
  constexpr std::array<std::string_view, 5> kBegins = {
      "", "\x16\x03\x01\x02", "POST /v1/lrps HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
      "POST /v1/lrps HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n[{]"};
  std::string bytes;
  while (!harm.over) {
    const int fd = bench::connect_to(options.port, 1);
    if (fd < 0) continue;
    bytes = kBegins[chance() % kBegins.size()];
    for (std::size_t i = 0, count = 1 + 16U * chance(); i < count; ++i) bytes += static_cast<char>(chance());
    bytes += "\r\n\r\n";
    if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) ++harm.garbage_sent;
    std::array<char, 4096> some;
    if (recv(fd, some.data(), some.size(), 0) > 0) ++harm.garbage_answered;
    close(fd);
  }
}

// ---- What is told

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

void print(const Options& options, Told told, const Harm& harm) {
  std::sort(told.millis.begin(), told.millis.end());
  std::string statuses, without;
  for (const auto& [status, count] : told.statuses)
    statuses += (statuses.empty() ? "" : ", ") + ("\"" + std::to_string(status)) + "\": " + std::to_string(count);
  for (const std::size_t number : told.without_a_202) without += (without.empty() ? "" : ", ") + std::to_string(number);
  std::printf(
      "{\"auctions\": %zu, \"per_post\": %zu, \"connections\": %zu, \"posts\": %zu, \"seconds\": %.3f, "
      "\"statuses\": {%s}, \"without_a_202\": [%s], "
      "\"post_ms\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}, "
      "\"slow\": {\"clients\": %zu, \"opened\": %zu, \"cut_off\": %zu, \"bytes\": %zu}, "
      "\"garbage\": {\"sent\": %zu, \"answered\": %zu}}\n",
      options.auctions, options.per_post, options.connections, told.millis.size(), told.seconds, statuses.c_str(),
      without.c_str(), quantile(told.millis, 0.5), quantile(told.millis, 0.9), quantile(told.millis, 0.99),
      quantile(told.millis, 1), options.slow, harm.slow_opened.load(), harm.slow_cut_off.load(), harm.slow_bytes.load(),
      harm.garbage_sent.load(), harm.garbage_answered.load());
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const long value = std::atol(argv[i + 1]);
    const auto count = static_cast<std::size_t>(std::max(value, 0L));
    if (flag == "--port") {
      options.port = static_cast<int>(value);
    } else if (flag == "--auctions") {
      options.auctions = count;
    } else if (flag == "--per-post") {
      options.per_post = std::max<std::size_t>(count, 1);
    } else if (flag == "--connections") {
      options.connections = count;
    } else if (flag == "--slow") {
      options.slow = count;
    } else if (flag == "--slow-every-ms") {
      options.slow_every_ms = static_cast<int>(value);
    } else if (flag == "--garbage") {
      options.garbage = value != 0;
    } else if (flag == "--limit-s") {
      options.limit_s = static_cast<double>(value);
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && options.port > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "bench-bridge-load: --port PORT, and what test/bench/bridge passes\n");
    return 2;
  }
  Harm harm;
  std::thread slow([&] { be_slow(options, harm); });
  std::thread garbage([&] {
    if (options.garbage) send_garbage(options, harm);
  });
  Told told = Posting(options).run();
  // Slow clients may have more patience than the posts take.
  const auto until = Clock::now() + kCutOffWithin;
  while (harm.slow_cut_off < options.slow && Clock::now() < until) poll(nullptr, 0, 10);
  harm.over = true;
  slow.join();
  garbage.join();
  print(options, std::move(told), harm);
  return 0;
}
