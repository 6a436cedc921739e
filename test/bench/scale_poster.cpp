#include "test/bench/scale_poster.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "test/bench/loopback.hpp"

namespace scale {
namespace {

// The stream of the placement workloads, so that sizes are spread as there.
class Lcg {
 public:
  explicit Lcg(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t limit) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return (state_ >> 33U) % limit;
  }

 private:
  std::uint64_t state_;
};

std::string uuid(Lcg& chance) {
  std::array<char, 40> text;
  const auto word = [&] { return static_cast<unsigned>(chance.below(1U << 16U)); };
  const int length = std::snprintf(text.data(), text.size(), "%04x%04x-%04x-4%03x-8%03x-%04x%04x%04x", word(), word(),
                                   word(), word() & 0xfffU, word() & 0xfffU, word(), word(), word());
  return {text.data(), static_cast<std::size_t>(length)};
}

// As Diego's BBS writes it; the process guid of Cloud Foundry is an app's and its version's.
std::string start_of(Lcg& chance, std::size_t indices) {
  constexpr std::array<int, 6> kMemMb = {64, 128, 256, 512, 1024, 2048};
  std::string start =
      R"({"process_guid":")" + uuid(chance) + "-" + uuid(chance) + R"(","domain":"cf-apps","indices":[)";
  for (std::size_t i = 0; i < indices; ++i) start += (i == 0 ? "" : ",") + std::to_string(i);
  start += R"(],"PlacementTags":[],"VolumeDrivers":[],"RootFs":"preloaded:cflinuxfs4","MemoryMB":)";
  start += std::to_string(kMemMb[chance.below(kMemMb.size())]);
  return start + R"(,"DiskMB":1024,"MaxPids":1024})";
}

double thread_cpu_s() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

bool send_all(int fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

// The whole answer, which has a Content-Length; empty if none came.
std::string read_answer(int fd) {
  std::string answer;
  std::array<char, 4096> some;
  for (;;) {
    const std::size_t head = answer.find("\r\n\r\n");
    if (head != std::string::npos) {
      const std::size_t length = answer.find("Content-Length: ");
      const std::size_t body = length < head ? std::strtoul(answer.c_str() + length + 16, nullptr, 10) : 0;
      if (answer.size() >= head + 4 + body) return answer;
    }
    const ssize_t n = recv(fd, some.data(), some.size(), 0);
    if (n <= 0) return {};
    answer.append(some.data(), static_cast<std::size_t>(n));
  }
}

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

Poster::Poster(const PosterOptions& options) : options_(options) {
  Lcg chance(options.seed);
  std::size_t left = options.instances;
  while (left > 0) {
    std::string body = "[";
    for (std::size_t i = 0; i < options.starts_per_body && left > 0; ++i) {
      const std::size_t some = std::min(left, options.instances_per_app);
      if (i > 0) body += ',';
      body += start_of(chance, some);
      left -= some;
    }
    body += ']';
    requests_.push_back(
        "POST /v1/lrps HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\nContent-Type: application/json\r\nX-Vcap-Request-Id: " + uuid(chance) +
        "\r\nAccept-Encoding: gzip\r\n\r\n" + body);
  }
}

Poster::~Poster() {
  for (std::thread& thread : threads_) thread.join();
}

void Poster::start(int port, std::function<void()> done) {
  done_ = std::move(done);
  const std::size_t count = std::max<std::size_t>(1, std::min(options_.connections, requests_.size()));
  running_ = count;
  for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this, port] { run(port); });
}

void Poster::fail(const std::string& why) {
  ++refused_;
  const std::lock_guard lock(mutex_);
  if (first_failure_.empty()) first_failure_ = why;
}

void Poster::run(int port) {
  std::vector<double> millis;
  int fd = bench::connect_to(port, 120);
  for (std::size_t i = next_++; i < requests_.size(); i = next_++) {
    const auto begun = std::chrono::steady_clock::now();
    const std::string answer = fd >= 0 && send_all(fd, requests_[i]) ? read_answer(fd) : "";
    millis.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
    ++posted_;
    if (answer.starts_with("HTTP/1.1 202 ")) continue;
    fail(answer.empty() ? "no answer" : answer.substr(0, 300));
    if (!answer.empty()) continue;
    if (fd >= 0) close(fd);
    fd = bench::connect_to(port, 120);
    if (fd < 0) break;
  }
  if (fd >= 0) close(fd);
  {
    const std::lock_guard lock(mutex_);
    millis_.insert(millis_.end(), millis.begin(), millis.end());
    cpu_s_ += thread_cpu_s();
  }
  if (--running_ == 0) done_();
}

Poster::Result Poster::result() {
  const std::lock_guard lock(mutex_);
  std::sort(millis_.begin(), millis_.end());
  return {
      posted_, refused_, first_failure_, cpu_s_, quantile(millis_, 0.5), quantile(millis_, 0.99), quantile(millis_, 1)};
}

}  // namespace scale
