// What a cell is told: by flags, and by the executor that starts it (environment).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace cell {

// Certificate, key and authority of one connection, as paths; nobody here reads them.
struct Certificates {
  std::string cert, key, ca;
  bool complete() const { return !cert.empty() && !key.empty() && !ca.empty(); }
  bool operator==(const Certificates&) const = default;
};

struct Config {
  // Who it is and how much it may give away; 0 and "" mean: as the executor says. Never `auto`: that is the host's.
  std::string cell_id, zone;
  std::int64_t memory_mb = 0, disk_mb = 0;
  std::int64_t containers_max = 250;
  std::vector<std::string> rootfs;  // stack:path, or the stack alone of one among the packages.
  std::vector<std::string> placement_tags, optional_placement_tags;

  // Where things are.
  std::string packages = "/var/vcap/packages";
  std::string data = "/var/vcap/data";
  std::string jobs = "/etc/cf-mesos/jobs.d";
  std::string sandbox;  // Logs and rendered files; "": MESOS_SANDBOX.
  std::string stand_in = "diego-local";

  // The rep.
  std::string rep_listen;        // host:port; "": as the executor says.
  std::string rep_admin_listen;  // Of Diego's rep, which has it apart; "": as the executor says, else 127.0.0.1:1800.
  Certificates rep;
  std::string rep_config;  // A JSON file laid under what is rendered.
  std::string advertise_domain = "cell.service.cf.internal";
  std::string bbs_url = "https://bbs.service.cf.internal:8889";
  std::string locket_address = "locket.service.cf.internal:8891";

  // Garden.
  std::int64_t store_mb = 0;  // Of a store in a file; 0: data/grootfs/store is a mounted XFS already.
  bool disk_limits = true;    // False: apps' are dropped, for a store that cannot hold them.
  std::string network_plugin;
  std::vector<std::string> garden_args;

  // Consul's agent, for Diego of the days when it found its parts by it: started where there is a directory for it.
  std::string consul_config;
  std::string consul_http = "127.0.0.1:8500";  // Where that says that it listens.

  // The log agent: started where there is a program for it.
  std::int64_t log_agent_port = 3458;
  Certificates log_agent;
  std::vector<std::string> log_agent_env;  // NAME=VALUE

  // Patience.
  base::Duration consul_start = std::chrono::seconds(30);
  base::Duration log_agent_start = std::chrono::seconds(5);
  base::Duration garden_start = std::chrono::seconds(30);
  base::Duration rep_start = std::chrono::seconds(45);
  base::Duration rep_stop = std::chrono::seconds(20);
  base::Duration garden_stop = std::chrono::seconds(10);

  bool operator==(const Config&) const = default;
};

using Environment = std::map<std::string, std::string>;

// The config with what flags left open taken from CELL_ID, CELL_MEMORY_MB, CELL_DISK_MB, CELL_ZONE, REP_LISTEN,
// REP_ADMIN_LISTEN and MESOS_SANDBOX. The error names the flag and the variable of what is in neither.
base::Result<Config> complete(Config config, const Environment& environment);

struct Stack {
  std::string name, path;
  bool operator==(const Stack&) const = default;
};
base::Result<Stack> parse_stack(std::string_view text);

// "host:port"; the port is a number up to 65535.
struct Listen {
  std::string host;
  std::string port;
};
base::Result<Listen> parse_listen(std::string_view where, std::string_view text);

}  // namespace cell
