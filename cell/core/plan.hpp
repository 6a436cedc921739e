// A cell as a list: directories, files, and the processes in the order in which they start, with how each is known to
// be up, what its end means and how it is stopped. Values in, values out; secrets stay paths.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cell/core/config.hpp"
#include "cell/core/job.hpp"

namespace cell {

// Why the cell ended, as diego-cell's exit code.
inline constexpr int kGardenEnded = 70;
inline constexpr int kRepEnded = 71;
inline constexpr int kOtherEnded = 72;  // A step of the preparation, or a job without which there is no cell.

// What is found under the packages' directory.
struct Packages {
  std::map<std::string, std::string> programs;  // "gdn" -> its path; only of kPrograms.
  std::vector<std::string> rootfs;              // stack:path of every <stack>/rootfs.tar.
  std::string healthcheck;                      // The directory with the program healthcheck; may be "".

  std::string program(const std::string& name) const;  // "" for none.
  // As stack:path what a cell offers: all that the config names, else all of `rootfs`.
  base::Result<std::vector<std::string>> offered(const Config& config) const;
  bool has_rep() const { return !program("rep").empty(); }
};
inline constexpr const char* kPrograms[] = {"rep",   "gdn",     "dadoo",  "init",      "nstar",     "tar",
                                            "runc",  "grootfs", "tardis", "newuidmap", "newgidmap", "forwarder-agent",
                                            "consul"};

struct Check {
  enum class Kind { none, http, tcp, command };
  Kind kind = Kind::none;
  std::string target;       // A URL, host:port, or a command for /bin/sh.
  std::string unix_socket;  // http: dialled instead of the URL's host.
  Certificates certificates;
  base::Duration every = std::chrono::seconds(10);
  int failures_max = 3;  // In a row, once it has been up: then it counts as dead. 0: only its start is checked.
  bool operator==(const Check&) const = default;
};

struct Process {
  enum class AtEnd { end_cell, restart, leave };
  struct StopStep {
    int signal;
    base::Duration wait;  // Before the next step; after the last comes KILL.
    bool operator==(const StopStep&) const = default;
  };

  std::string name;
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  // Beside the cell's own.
  Check check;
  base::Duration start_limit = std::chrono::seconds(30);
  bool once = false;   // A step: it has to end well before the next begins.
  bool needed = true;  // Not up in time: the cell is given up. Else that is a warning.
  AtEnd at_end = AtEnd::end_cell;
  int exit_code = kOtherEnded;  // Of the cell that it ends.
  bool may_finish = false;      // Its exit with status 0 is a good end of the cell.
  std::vector<StopStep> stop;
  bool operator==(const Process&) const = default;
};

struct File {
  std::string path, text;
  bool program = false;  // It can be run.
  bool operator==(const File&) const = default;
};

struct Plan {
  std::string cell;  // One line about it.
  std::vector<std::string> directories;
  std::vector<File> files;
  std::vector<Process> processes;
  // Indices into processes: the rep first, for garden may only go after it, then the last started first.
  std::vector<std::size_t> stop_order;
};

// `config` is complete(). `rep_template` is the text of config.rep_config, or "".
base::Result<Plan> make_plan(const Config& config, const Packages& packages, const std::vector<Job>& jobs,
                             const std::string& rep_template);

// What would be done, for a reader.
std::string describe(const Plan& plan);

}  // namespace cell
