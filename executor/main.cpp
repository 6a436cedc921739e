// diego-executor: the Mesos executor inside a cell's container. A Mesos agent starts it.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <thread>

#include "executor/edge/loop.hpp"
#include "platform/child_process.hpp"
#include "platform/flags.hpp"
#include "platform/log.hpp"

namespace {

// Blocked everywhere, so that one thread can wait for them; children start with none blocked.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

void await_signals(const sigset_t& signals, const std::atomic<bool>& over, executor::Loop& loop) {
  while (!over) {
    const timespec pause{.tv_sec = 0, .tv_nsec = 100'000'000};
    if (sigtimedwait(&signals, nullptr, &pause) > 0) loop.terminate();
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

  executor::Loop loop(flags, *std::move(agent), environment);
  std::atomic<bool> over = false;
  std::thread listener([&] { await_signals(signals, over, loop); });
  const int code = loop.run();
  over = true;
  listener.join();
  return code;
}
