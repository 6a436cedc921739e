// diego-cell: what runs beside the executor in a cell's container, started in order, watched and stopped in order.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <thread>

#include "cell/core/preflight.hpp"
#include "cell/edge/files.hpp"
#include "cell/edge/probes.hpp"
#include "cell/edge/runner.hpp"
#include "cell/edge/settings.hpp"
#include "platform/child_process.hpp"
#include "platform/flags.hpp"
#include "platform/log.hpp"

namespace {

constexpr int kCannotStart = 2;
constexpr int kHostLacks = 69;

int fail(const base::Error& error) {
  std::fprintf(stderr, "diego-cell: %s\n", error.message().c_str());
  return kCannotStart;
}

base::Result<cell::Plan> plan_of(const cell::Config& config, const cell::Packages& packages) {
  std::string rep_template;
  if (!config.rep_config.empty()) {
    auto text = cell::read_text("--rep-config " + config.rep_config, config.rep_config);
    if (!text) return text.error();
    rep_template = *std::move(text);
  }
  const auto jobs = cell::read_jobs(config.jobs);
  if (!jobs) return jobs.error();
  return cell::make_plan(config, packages, *jobs, rep_template);
}

// The words of the log, so that `exited with status 69` has its reason beside it.
bool host_is_fine(const cell::Options& options, const cell::Packages& packages, const cell::Stopped& stopped) {
  if (options.preflight == "off") return true;
  const auto findings = cell::judge(options.config, packages, cell::look_at_host(options.config, packages, stopped));
  if (stopped()) return true;
  for (const cell::Finding& finding : findings) {
    const std::string line = finding.what + ": " + finding.why + "; " + finding.remedy;
    if (finding.level == cell::Finding::Level::missing) platform::log_error("the host lacks " + line);
    if (finding.level == cell::Finding::Level::warn) platform::log_warning("the host lacks " + line);
  }
  return options.preflight == "warn" || cell::may_start(findings);
}

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int run(const cell::Options& options, const cell::Packages& packages) {
  const auto plan = plan_of(options.config, packages);
  if (!plan) return fail(plan.error());
  // Blocked before any thread starts, so that one of them can wait for them; children start with none blocked.
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  bool stop_asked = false;
  const auto stopped = [&] {
    const timespec at_once{};
    stop_asked = stop_asked || sigtimedwait(&signals, nullptr, &at_once) > 0;
    return stop_asked;
  };
  const bool fine = host_is_fine(options, packages, stopped);
  if (stopped()) {
    platform::log_info("the cell stops before it has started anything");
    return 0;
  }
  if (!fine) return kHostLacks;
  if (const auto prepared = cell::prepare(*plan); !prepared) return fail(prepared.error());

  cell::Runner runner(*plan, {.log_folder = options.config.sandbox,
                              .log_bytes_max = static_cast<std::uint64_t>(options.log_file_mb) << 20U,
                              .environment = platform::own_environment()});
  std::atomic<bool> over = false;
  std::thread listener([&] {
    while (!over) {
      const timespec pause{.tv_sec = 0, .tv_nsec = 100'000'000};
      if (sigtimedwait(&signals, nullptr, &pause) > 0) runner.terminate();
    }
  });
  const int code = runner.run();
  over = true;
  listener.join();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  cell::Options options;
  platform::Flags flags("diego-cell", "Runs a Diego cell: log agent, garden, rep and the operator's own processes.");
  flags.version("diego-cell " DIEGO_MESOS_VERSION);
  cell::declare(flags, options);
  flags.subcommand("run", "Start them in order, watch them, stop them in order on SIGTERM; the default");
  flags.subcommand("preflight", "Say what this host lacks for it; status 1 when it could not run");
  flags.subcommand("render", "Print the files that would be written and the processes that would be started");
  const std::string subcommand = platform::parse_or_exit(flags, argc, argv);

  platform::start_log("diego-cell", *platform::parse_log_level("--log-level", options.log_level), options.log_form);
  auto config = cell::complete(options.config, platform::own_environment());
  const cell::Packages packages = cell::find_packages(options.config.packages);
  if (subcommand == "preflight") {
    // Whoever asks by hand has no executor that says how much there is.
    if (config) options.config = *std::move(config);
    if (options.config.sandbox.empty()) options.config.sandbox = ".";
    const auto findings =
        cell::judge(options.config, packages, cell::look_at_host(options.config, packages, [] { return false; }));
    std::fputs(cell::describe(findings).c_str(), stdout);
    return cell::may_start(findings) ? 0 : 1;
  }
  if (!config) return fail(config.error());
  options.config = *std::move(config);
  if (subcommand != "render") return run(options, packages);
  const auto plan = plan_of(options.config, packages);
  if (!plan) return fail(plan.error());
  std::fputs(cell::describe(*plan).c_str(), stdout);
  return 0;
}
