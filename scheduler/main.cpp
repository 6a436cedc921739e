// diego-scheduler: Diego's auctions answered with Mesos offers.

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "auctionrunner_bridge/bridge.hpp"
#include "platform/flags.hpp"
#include "platform/log.hpp"
#include "scheduler/edge/options.hpp"
#include "scheduler/edge/scheduler.hpp"
#include "scheduler/edge/state.hpp"
#include "scheduler/edge/teardown.hpp"
#include "scheduler/plugin/load.hpp"

namespace {

constexpr int kCannotStart = 2;

int fail(const base::Error& error) {
  std::fprintf(stderr, "diego-scheduler: %s\n", error.message().c_str());
  return kCannotStart;
}

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// What the stream's thread allocates the loop frees: with an arena for each thread, both would keep
// what they once needed. And the offers of 10,000 agents come as one record of many MB, whose memory
// must go back to the system.
void keep_memory_small() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_MXFAST, 0);  // Fastbins are swept whenever something long is allocated, as calls are.
#endif
}

// Tells the scheduler of a first SIGINT or SIGTERM; a second one ends the process as it stands.
class StopOnSignal {
 public:
  // nullptr: it is about to be destroyed.
  static void watch(edge::Scheduler* scheduler) {
    const std::lock_guard lock(mutex_);
    scheduler_ = scheduler;
    if (std::exchange(started_, true)) return;
    std::thread(wait).detach();  // Ends with the process.
  }

 private:
  static void wait() {
    const sigset_t signals = stop_signals();
    for (int count = 1;; ++count) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (count > 1) _exit(1);
      platform::log_info("stopping, cells run on");
      const std::lock_guard lock(mutex_);
      if (scheduler_ != nullptr) scheduler_->stop();
    }
  }

  static inline std::mutex mutex_;
  static inline edge::Scheduler* scheduler_ = nullptr;
  static inline bool started_ = false;
};

bridge::BridgeOptions bridge_options(const edge::BridgeFlags& flags) {
  bridge::BridgeOptions options;
  options.listen = flags.address;
  options.cert_file = flags.cert_file;
  options.key_file = flags.key_file;
  options.ca_file = flags.ca_file;
  options.token_file = flags.token_file;
  return options;
}

int run(const edge::Options& options) {
  auto strategy = plugin::load_strategy(options.strategy, options.weights, platform::log_error);
  if (!strategy) return fail(strategy.error());
  auto state = edge::open_state(options.state_dir);
  if (!state) return fail(state.error());

  // Who does not lead does not listen: Diego's BBS goes to the one that answers.
  std::unique_ptr<bridge::Bridge> bridge;
  edge::Scheduler scheduler(options, std::move(*strategy), *state->store, [&]() -> base::Status {
    const auto port = bridge->start();
    if (!port) return port.error();
    std::printf("diego-scheduler: bridge %s://%s master %s\n", options.bridge.cert_file.empty() ? "http" : "https",
                platform::HostPort{options.bridge.address.host, *port}.text().c_str(), options.mesos.master.c_str());
    std::fflush(stdout);
    platform::log(platform::LogLevel::info, "", "started",
                  platform::LogData().add("port", *port).add("master", options.mesos.master));
    return base::ok();
  });
  bridge = std::make_unique<bridge::Bridge>(bridge_options(options.bridge), scheduler);
  if (auto loaded = state->store->load(scheduler.recovery(), platform::log_warning); !loaded)
    return fail(loaded.error());

  StopOnSignal::watch(&scheduler);
  const base::Status outcome = scheduler.run();
  StopOnSignal::watch(nullptr);
  bridge->stop();
  if (outcome) {
    platform::log(platform::LogLevel::info, "", "exited", {});
  } else {
    platform::log(platform::LogLevel::error, "", "exited-with-failure",
                  platform::LogData().add("error", outcome.error().message()));
  }
  return outcome ? 0 : fail(outcome.error());
}

}  // namespace

int main(int argc, char** argv) {
  // Before any thread: all inherit it, and only the waiting one is told.
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  keep_memory_small();

  edge::Options options;
  platform::Flags flags("diego-scheduler",
                        "Answers Diego's auctions with Mesos offers and runs cells where work needs them.");
  flags.version("diego-scheduler " DIEGO_MESOS_VERSION);
  edge::add_flags(flags, options);
  flags.subcommand("teardown", "End the framework with all its cells and instances");
  const std::string subcommand = platform::parse_or_exit(flags, argc, argv);
  const bool tears_down = subcommand == "teardown";
  if (tears_down) {  // Needs the master and the id, nothing about cells.
    if (options.cell.executor.empty()) options.cell.executor = "unused";
    if (options.cell.command.empty()) options.cell.command = "unused";
  }
  if (auto finished = edge::finish(options); !finished) return fail(finished.error());
  platform::start_log("diego-scheduler", *platform::parse_log_level("--log-level", options.log_level),
                      options.log_form);
  if (!tears_down) return run(options);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  const auto done = edge::teardown(options);
  if (!done) return fail(done.error());
  std::printf("diego-scheduler: %s\n", done->c_str());
  return 0;
}
