// Runs a plan: the supervisor's one thread, its processes and their logs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cell/core/supervisor.hpp"
#include "cell/edge/checker.hpp"
#include "platform/child_process.hpp"
#include "platform/mailbox.hpp"

namespace cell {

void log_said(const Say& said);  // Into the program's log.

struct RunnerOptions {
  std::string log_folder;  // NAME.stdout.log and NAME.stderr.log of each process.
  std::uint64_t log_bytes_max = std::uint64_t{10} << 20U;
  std::map<std::string, std::string> environment;             // Of every process.
  base::Duration look_every = std::chrono::milliseconds(50);  // At the processes.
  std::function<void(const Say&)> say = log_said;
};

class Runner {
 public:
  Runner(Plan plan, RunnerOptions options);
  ~Runner();  // Nothing that was started here is left running.
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Until the cell has ended; its exit code.
  int run();

  // From any thread: SIGTERM has come.
  void terminate() { mailbox_.post(StopAsked{}); }

 private:
  void handle(const Event& event);
  void perform(const Actions& actions);
  void start(std::size_t index);
  void look_at_processes();
  void bound_logs();
  base::Duration wait() const;
  std::string log_file(std::size_t index, const char* stream) const;

  const Plan plan_;
  const RunnerOptions options_;
  Supervisor supervisor_;
  platform::Mailbox<Event> mailbox_;
  std::vector<std::optional<platform::ChildProcess>> children_;
  std::vector<std::uint64_t> logs_begun_;  // Size of each stderr log when its process was started last.
  std::unique_ptr<Checker> checker_;
  base::Time logs_looked_at_{};
  std::optional<int> code_;
};

}  // namespace cell
