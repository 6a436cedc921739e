// What the program is told: flags, and the environment that a Mesos agent gives its executors.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "executor/core/core.hpp"
#include "mesos/codec.hpp"
#include "platform/log.hpp"
#include "platform/tls_files.hpp"

namespace platform {
class Flags;
}

namespace executor {

struct Flags {
  std::string cell_command;
  std::string rep_url = "https://127.0.0.1:1801";
  std::string rep_admin_url;
  std::string rep_ca, rep_cert, rep_key, rep_server_name;
  std::string cell_id, cell_zone;
  std::int64_t cell_mem_mb = 512, cell_disk_mb = 1024;
  std::int64_t cell_max_mem_mb = 0, cell_max_disk_mb = 0;
  base::Duration boot_timeout = std::chrono::seconds(50);
  base::Duration rep_timeout = std::chrono::seconds(30);
  std::string mesos_codec = "json";
  std::string log_level = "info";
  platform::LogForm log_form;
};

// Registers them; `flags` is filled by parsing.
void declare(platform::Flags& parser, Flags& flags);

// Mesos: agent, executorEnvironment().
struct AgentEnvironment {
  std::string framework_id, executor_id;
  std::string agent_pid;  // MESOS_SLAVE_PID: address and path prefix.
  std::string url;        // Of the executor API.
  std::string sandbox;
  std::string token;  // MESOS_EXECUTOR_AUTHENTICATION_TOKEN
  std::string domain_socket;
  std::string ca_file, cert_file, key_file;  // LIBPROCESS_SSL_..._FILE, for an agent that speaks https.
  bool checkpoint = false;
  base::Duration recovery_timeout{};  // 0 without checkpoint.
  base::Duration backoff_max = std::chrono::seconds(2);
  base::Duration shutdown_grace = std::chrono::seconds(5);
};

// The error names every variable that is missing.
base::Result<AgentEnvironment> read_agent_environment(const std::map<std::string, std::string>& environment);

// "5secs", "1.5mins", "15hrs": how Mesos writes durations.
base::Result<base::Duration> parse_mesos_duration(std::string_view where, std::string_view text);

// "cell-10-0-0-7-abc": one DNS label, from the agent's address and the run part of the executor id.
std::string default_cell_id(std::string_view agent_pid, std::string_view executor_id);

// Where the rep is: "auto" in a URL stands for a free port of 127.0.0.1, another one for each of its two listeners.
struct RepAddress {
  std::string url, admin_url;
  std::string listen, admin_listen;  // host:port of them, for the cell's command.
};
struct FreePorts {
  int rep = 0, admin = 0;
};
bool is_auto(const std::string& url);
base::Result<RepAddress> rep_address(const Flags& flags, FreePorts free);

// Whom the rep's certificate must be for; empty: the host of its URL. A --rep-server-name that begins with a dot
// is a domain, in which a rep's name is its cell's id with '-' for '_'.
std::string rep_server_name(const Flags& flags, const std::string& cell_id);

// The certificates, keys and authorities that flags and environment name.
std::vector<platform::TlsFiles> tls_files(const Flags& flags, const AgentEnvironment& agent);

Config core_config(const Flags& flags, const AgentEnvironment& agent);

}  // namespace executor
