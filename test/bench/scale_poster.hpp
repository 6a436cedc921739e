// Diego's BBS as test/bench/scale needs it: posts LRP instances to the bridge over a few kept-alive
// connections, each on a thread of its own. The bodies are made before the clock starts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace scale {

struct PosterOptions {
  std::size_t instances = 250'000;
  std::size_t instances_per_app = 10;
  std::size_t starts_per_body = 10;
  std::size_t connections = 4;
  std::uint64_t seed = 5;
};

class Poster {
 public:
  explicit Poster(const PosterOptions& options);
  ~Poster();  // Waits for the threads.
  Poster(const Poster&) = delete;
  Poster& operator=(const Poster&) = delete;

  // Once. `done` is called on a poster's thread right after the last answer.
  void start(int port, std::function<void()> done);

  struct Result {
    std::size_t posts = 0, refused = 0;
    std::string first_failure;
    double cpu_s = 0;
    double p50_ms = 0, p99_ms = 0, max_ms = 0;
  };
  Result result();  // After done.

 private:
  void run(int port);
  void fail(const std::string& why);

  const PosterOptions options_;
  std::vector<std::string> requests_;
  std::atomic<std::size_t> next_{0}, running_{0}, posted_{0}, refused_{0};
  std::function<void()> done_;
  std::mutex mutex_;
  std::vector<double> millis_;
  std::string first_failure_;
  double cpu_s_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace scale
