// Starting and ending processes of ours. Each child leads its own process group (or session), so
// that ending it ends what it started; only processes started here are ever signalled.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace platform {

struct Command {
  std::vector<std::string> argv;                   // argv[0] is looked up in PATH of `environment`.
  std::map<std::string, std::string> environment;  // The whole of it: nothing is inherited.
  std::string directory;                           // Working directory; empty: ours.
  std::string stdout_file, stderr_file;            // Appended to; empty: inherited.
  bool die_with_parent = false;                    // PR_SET_PDEATHSIG SIGKILL on the child itself.
};

// The environment of this process, to start from.
std::map<std::string, std::string> own_environment();

// A running child. Not copyable; the destructor does not end the child. One thread at a time.
class ChildProcess {
 public:
  ChildProcess(ChildProcess&&) = default;
  ChildProcess& operator=(ChildProcess&&) = default;

  // Its standard input is /dev/null; of our open files it keeps only standard output and error.
  static base::Result<ChildProcess> start(const Command& command);

  pid_t pid() const { return pid_; }

  // The raw waitpid status once it has ended, without blocking; the same answer ever after.
  std::optional<int> poll();

  // Blocks up to `limit`.
  std::optional<int> wait(base::Duration limit);

  // To the child's whole process group. No effect after the group is gone.
  void signal_group(int signal);

  // SIGTERM to the group, up to `grace` for the child to end, then SIGKILL to the group. Returns
  // the raw wait status. Nothing of the group is left afterwards.
  int stop(base::Duration grace);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  std::optional<int> status_;
  bool group_gone_ = false;
};

// "exited with status 3", "killed by signal 9".
std::string describe_wait_status(int status);

}  // namespace platform
