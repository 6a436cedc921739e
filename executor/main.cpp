// diego-executor: the Mesos executor inside a cell's container. A Mesos agent starts it.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <thread>
#include <vector>

#include "executor/edge/loop.hpp"
#include "platform/child_process.hpp"
#include "platform/flags.hpp"
#include "platform/log.hpp"
#include "platform/tls_files.hpp"

namespace {

// Blocked everywhere, so that one thread can wait for them; children start with none blocked.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// SIGHUP, and a day that has passed, are occasions to say what is wrong with certificates; connections look for
// themselves whether these have changed.
void await_signals(const sigset_t& signals, const std::atomic<bool>& over, executor::Loop& loop,
                   const std::vector<platform::TlsFiles>& files) {
  std::time_t next_look = std::time(nullptr) + platform::kTlsFilesEverySeconds;
  while (!over) {
    const timespec pause{.tv_sec = 0, .tv_nsec = 100'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal == SIGTERM || signal == SIGINT) loop.terminate();
    if (signal != SIGHUP && std::time(nullptr) < next_look) continue;
    next_look = std::time(nullptr) + platform::kTlsFilesEverySeconds;
    platform::log_tls_files(files);
  }
}

}  // namespace

int main(int argc, char** argv) {
  executor::Flags flags;
  platform::Flags parser("diego-executor", "Runs one Diego cell as a Mesos executor; started by a Mesos agent.");
  executor::declare(parser, flags);
  platform::parse_or_exit(parser, argc, argv);

  const auto environment = platform::own_environment();
  auto agent = executor::read_agent_environment(environment);
  if (!agent) {
    std::fprintf(stderr, "diego-executor: %s\n", agent.error().message().c_str());
    return 2;
  }
  const sigset_t signals = block_signals();
  platform::start_log("diego-executor", *platform::parse_log_level("--log-level", flags.log_level), flags.log_form);
  platform::log_info("executor=" + agent->executor_id + " framework=" + agent->framework_id +
                     " agent=" + agent->agent_pid);

  const std::vector<platform::TlsFiles> files = executor::tls_files(flags, *agent);
  if (const auto errors = platform::check_tls_files(files); !errors.empty()) {
    for (const base::Error& error : errors) std::fprintf(stderr, "diego-executor: %s\n", error.message().c_str());
    return 2;
  }

  executor::Loop loop(flags, *std::move(agent), environment);
  std::atomic<bool> over = false;
  std::thread listener([&] { await_signals(signals, over, loop, files); });
  const int code = loop.run();
  over = true;
  listener.join();
  return code;
}
