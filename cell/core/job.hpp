// The operator's own processes beside a cell: one file each in jobs.d, in the order of their names.
//   command = "exec /var/vcap/packages/route-emitter/bin/route-emitter -config /etc/cf-mesos/route_emitter.json"
//   health-url = "http://127.0.0.1:17011/ping"    # or health-tcp = "host:port", health-command = "shell command"
//   restart = "always"             # never, once (the next begins when it has ended well), cell (its end ends the cell)
//   stage = "after-rep"            # before-rep, before-garden
//   start-timeout-s = 30
//   needed = false                 # true: without it, no cell
// The form is the part of TOML that such a file needs: strings, whole numbers, true and false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cell {

struct Job {
  enum class Restart { always, never, once, cell };
  enum class Stage { before_garden, before_rep, after_rep };
  std::string name;
  std::string command;  // For /bin/sh.
  std::string health_url, health_tcp, health_command;
  Restart restart = Restart::always;
  Stage stage = Stage::after_rep;
  std::int64_t start_timeout_s = 30;
  bool needed = false;
  bool operator==(const Job&) const = default;
};

// `path` names the file in errors; the job's name is the file's, without folder, ending and leading digits
// ("10-silk.toml" is silk).
base::Result<Job> parse_job(std::string_view path, std::string_view text);

}  // namespace cell
