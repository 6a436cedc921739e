// diego-scheduler: Diego's auctions answered with Mesos offers.

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "auctionrunner_bridge/bridge.hpp"
#include "platform/flags.hpp"
#include "platform/log.hpp"
#include "platform/tls_files.hpp"
#include "scheduler/edge/options.hpp"
#include "scheduler/edge/recording.hpp"
#include "scheduler/edge/replay.hpp"
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
  sigaddset(&signals, SIGHUP);
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

// Tells the scheduler of a first SIGINT or SIGTERM; a second one ends the process as it stands. Looks after the
// certificates after SIGHUP, when they have been renewed, and once a day.
class Signals {
 public:
  using Renew = std::function<void(bool renewed)>;

  // nullptr: it is about to be destroyed.
  static void watch(edge::Scheduler* scheduler, Renew renew) {
    const std::lock_guard lock(mutex_);
    scheduler_ = scheduler;
    renew_ = std::move(renew);
    if (std::exchange(started_, true)) return;
    std::thread(wait).detach();  // Ends with the process.
  }

 private:
  static void wait() {
    const sigset_t signals = stop_signals();
    for (int stops = 0;;) {
      const timespec day{.tv_sec = platform::kTlsFilesEverySeconds, .tv_nsec = 0};
      const int signal = sigtimedwait(&signals, nullptr, &day);
      if (signal < 0 && errno == EINTR) continue;
      if (signal < 0 || signal == SIGHUP) {
        const std::lock_guard lock(mutex_);
        if (renew_) renew_(signal == SIGHUP);
        continue;
      }
      if (++stops > 1) _exit(1);
      platform::log_info("stopping, cells run on");
      const std::lock_guard lock(mutex_);
      if (scheduler_ != nullptr) scheduler_->stop();
    }
  }

  static inline std::mutex mutex_;
  static inline edge::Scheduler* scheduler_ = nullptr;
  static inline Renew renew_;
  static inline bool started_ = false;
};

bridge::BridgeOptions bridge_options(const edge::BridgeFlags& flags) {
  bridge::BridgeOptions options;
  options.listen = flags.address;
  options.cert_file = flags.cert_file;
  options.key_file = flags.key_file;
  options.ca_file = flags.ca_file;
  options.token_file = flags.token_file;
  options.connections_max = static_cast<std::size_t>(flags.connections_max);
  options.streams_max = static_cast<std::size_t>(flags.streams_max);
  options.body_bytes_max = static_cast<std::size_t>(flags.body_max_mb) << 20U;
  options.header_bytes_max = static_cast<std::size_t>(flags.header_max_kb) << 10U;
  options.request_timeout = flags.request_timeout;
  return options;
}

void look_after_certificates(const edge::Options& options, bridge::Bridge& bridge, bool renewed) {
  std::vector<platform::TlsFiles> files = edge::tls_files(options);
  if (renewed) {
    std::erase_if(files, [](const auto& one) { return one.role == platform::TlsFiles::For::server; });
    if (const auto reloaded = bridge.reload_certificates(); !reloaded) {
      platform::log_error("TLS: " + reloaded.error().message() + "; the certificates read before stay in use");
    } else {
      platform::log_info("certificates read again");
    }
  }
  platform::log_tls_files(files);
}

// Connections may be as many as the system lets us have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run(const edge::Options& options) {
  auto strategy = plugin::load_strategy(options.strategy, options.weights, platform::log_error);
  if (!strategy) return fail(strategy.error());
  auto state = edge::open_state(options.state_dir);
  if (!state) return fail(state.error());

  std::unique_ptr<edge::Recording> recording;
  if (!options.record_dir.empty()) {
    auto started = edge::Recording::start(options, DIEGO_MESOS_VERSION);
    if (!started) return fail(started.error());
    recording = *std::move(started);
  }

  // Who does not lead does not listen: Diego's BBS goes to the one that answers.
  std::unique_ptr<bridge::Bridge> bridge;
  edge::Scheduler scheduler(
      options, std::move(*strategy), *state->store, recording ? &recording->tape() : nullptr, [&]() -> base::Status {
        const auto port = bridge->start();
        if (!port) return port.error();
        std::printf("diego-scheduler: bridge %s://%s master %s\n", options.bridge.cert_file.empty() ? "http" : "https",
                    platform::HostPort{options.bridge.address.host, *port}.text().c_str(),
                    options.mesos.master.c_str());
        std::fflush(stdout);
        platform::log(platform::LogLevel::info, "", "started",
                      platform::LogData().add("port", *port).add("master", options.mesos.master));
        return base::ok();
      });
  bridge = std::make_unique<bridge::Bridge>(bridge_options(options.bridge), scheduler);
  if (auto loaded = state->store->load(scheduler.recovery(), platform::log_warning); !loaded)
    return fail(loaded.error());

  Signals::watch(&scheduler, [&](bool renewed) { look_after_certificates(options, *bridge, renewed); });
  const base::Status outcome = scheduler.run();
  Signals::watch(nullptr, {});
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
  raise_descriptor_limit();

  edge::Options options;
  platform::Flags flags("diego-scheduler",
                        "Answers Diego's auctions with Mesos offers and runs cells where work needs them.");
  flags.version("diego-scheduler " DIEGO_MESOS_VERSION);
  edge::add_flags(flags, options);
  flags.subcommand("teardown", "End the framework with all its cells and instances");
  edge::ReplayOptions replaying;
  edge::add_replay_flags(
      flags.subcommand("replay", "Decide again what a recording of --record holds, or by another policy"), replaying);
  const std::string subcommand = platform::parse_or_exit(flags, argc, argv);
  if (subcommand == "replay") return static_cast<int>(edge::replay(replaying));
  const bool tears_down = subcommand == "teardown";
  if (tears_down) {  // Needs the master and the id, nothing about cells.
    options.cell = {};
    options.cell.containerizer = "none";
    options.cell.executor = options.cell.command = "unused";
  }
  if (auto finished = edge::finish(options); !finished) return fail(finished.error());
  platform::start_log("diego-scheduler", *platform::parse_log_level("--log-level", options.log_level),
                      options.log_form);
  if (const auto errors = platform::check_tls_files(edge::tls_files(options)); !errors.empty()) {
    for (const base::Error& error : errors) fail(error);
    return kCannotStart;
  }
  if (!tears_down) return run(options);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  const auto done = edge::teardown(options);
  if (!done) return fail(done.error());
  std::printf("diego-scheduler: %s\n", done->c_str());
  return 0;
}
