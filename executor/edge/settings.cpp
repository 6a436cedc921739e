#include "executor/edge/settings.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "mesos/agent_pid.hpp"
#include "platform/flags.hpp"
#include "platform/http.hpp"

namespace executor {
namespace {

const std::string* find(const std::map<std::string, std::string>& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

std::string value_or_empty(const std::map<std::string, std::string>& environment, const std::string& name) {
  const std::string* const value = find(environment, name);
  return value ? *value : std::string();
}

bool is_on(const std::string& value) { return value == "1" || base::equal_ignoring_case(value, "true"); }

std::string with_port(std::string url, int free_port) {
  const std::string address = "127.0.0.1:" + std::to_string(free_port);
  if (url == "auto") return "http://" + address;
  return is_auto(url) ? url.replace(url.size() - 4, 4, address) : url;
}

}  // namespace

void declare(platform::Flags& parser, Flags& flags) {
  parser.group("The cell");
  parser.add("cell-command", flags.cell_command,
             "shell command that runs the cell (rep, garden); none: a rep runs already");
  parser.add("cell-id", flags.cell_id, "the cell's id, one DNS label; default cell-<agent address>-<run>");
  parser.add("cell-zone", flags.cell_zone,
             "the cell's zone; default the agent's attribute `zone`, or its fault domain");
  constexpr std::int64_t kMax = std::int64_t{1} << 40;
  parser.add("cell-mem-mb", flags.cell_mem_mb, "memory of the cell's own processes, MiB", 0, kMax);
  parser.add("cell-disk-mb", flags.cell_disk_mb, "disk of the cell's own processes, MiB", 0, kMax);
  parser.add("cell-max-mem-mb", flags.cell_max_mem_mb, "cap of the memory the rep is told, MiB; 0: none", 0, kMax);
  parser.add("cell-max-disk-mb", flags.cell_max_disk_mb, "cap of the disk the rep is told, MiB; 0: none", 0, kMax);
  parser.add("boot-timeout", flags.boot_timeout, "how long the rep may take to answer at first",
             std::chrono::milliseconds(1));
  parser.group("The rep");
  parser.add("rep-url", flags.rep_url,
             "the rep's network listener; `auto`: a free loopback port, told to the command as REP_LISTEN");
  parser.add(
      "rep-admin-url", flags.rep_admin_url,
      "the rep's admin listener; `auto`: a free loopback port, told to the command as REP_ADMIN_LISTEN; default: port "
      "1800 beside a rep on 1801, else as --rep-url");
  parser.add("rep-ca", flags.rep_ca, "CA file that signed the rep's certificate");
  parser.add("rep-cert", flags.rep_cert, "our certificate for the rep, file");
  parser.add("rep-key", flags.rep_key, "its key, file");
  parser.add(
      "rep-server-name", flags.rep_server_name,
      "name that the rep's certificate must be for, whatever address --rep-url dials; one that begins with a dot: "
      "the cell's id in that domain, as .cell.service.cf.internal; default --rep-url's host");
  parser.add("rep-timeout", flags.rep_timeout, "how long the rep may be silent before the cell is given up",
             std::chrono::milliseconds(1));
  parser.group("Mesos and log");
  parser.add_choice("mesos-codec", flags.mesos_codec, {"json", "protobuf"}, "encoding spoken with the agent");
  parser.add_choice("log-level", flags.log_level, {"debug", "info", "warning", "error"}, "least level that is logged");
  parser.add_choice("log-format", flags.log_form.format, {"text", "lager"},
                    "lager: JSON lines as Diego's programs write them");
  parser.add_choice("log-time-format", flags.log_form.time_format, {"unix-epoch", "rfc3339"}, "of the lager format");
  parser.check([&flags]() -> base::Status {
    if (is_auto(flags.rep_url) && flags.cell_command.empty())
      return base::Error{"--rep-url", "auto needs a --cell-command that listens on $REP_LISTEN"};
    if (is_auto(flags.rep_admin_url) && flags.cell_command.empty())
      return base::Error{"--rep-admin-url", "auto needs a --cell-command that listens on $REP_ADMIN_LISTEN"};
    const auto address = rep_address(flags, {1, 1});
    if (!address) return address.error();
    if (flags.rep_cert.empty() != flags.rep_key.empty())
      return base::Error{"--rep-cert", "needs --rep-key and the reverse"};
    if (flags.rep_server_name.starts_with('.') && flags.cell_id.empty() && flags.cell_command.empty())
      return base::Error{"--rep-server-name " + flags.rep_server_name,
                         "needs the --cell-id of the rep that runs already"};
    return base::ok();
  });
}

base::Result<base::Duration> parse_mesos_duration(std::string_view where, std::string_view text) {
  static const std::map<std::string_view, double> kUnits = {{"ns", 1e-9},    {"us", 1e-6},     {"ms", 1e-3},
                                                            {"secs", 1},     {"mins", 60},     {"hrs", 3600},
                                                            {"days", 86400}, {"weeks", 604800}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = kUnits.find(text.substr(static_cast<std::size_t>(end - text.data())));
  // The bound keeps what follows inside of 64 bits of nanoseconds.
  if (error != std::errc{} || unit == kUnits.end() || !(number >= 0) || number * unit->second > 1e9) {
    return base::Error{std::string(where), "\"" + std::string(text) + "\" is no duration such as 5secs"};
  }
  return base::from_seconds(number * unit->second);
}

base::Result<AgentEnvironment> read_agent_environment(const std::map<std::string, std::string>& environment) {
  std::string missing;
  for (const char* const name : {"MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_SLAVE_PID"}) {
    if (!find(environment, name)) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  if (!missing.empty()) return base::Error{"environment", "a Mesos agent starts this program; missing: " + missing};

  AgentEnvironment agent;
  agent.framework_id = environment.at("MESOS_FRAMEWORK_ID");
  agent.executor_id = environment.at("MESOS_EXECUTOR_ID");
  agent.agent_pid = environment.at("MESOS_SLAVE_PID");
  const bool tls = is_on(value_or_empty(environment, "LIBPROCESS_SSL_ENABLED"));
  auto url = mesos_client::parse_agent_pid(agent.agent_pid, tls ? "https" : "http");
  if (!url) return base::Error{"MESOS_SLAVE_PID", url.error().text};
  agent.url = *std::move(url);
  agent.sandbox = value_or_empty(environment, "MESOS_SANDBOX");
  agent.token = value_or_empty(environment, "MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
  agent.domain_socket = value_or_empty(environment, "MESOS_DOMAIN_SOCKET");
  if (tls) {
    agent.ca_file = value_or_empty(environment, "LIBPROCESS_SSL_CA_FILE");
    agent.cert_file = value_or_empty(environment, "LIBPROCESS_SSL_CERT_FILE");
    agent.key_file = value_or_empty(environment, "LIBPROCESS_SSL_KEY_FILE");
    if (agent.cert_file.empty() || agent.key_file.empty()) agent.cert_file = agent.key_file = "";
  }
  agent.checkpoint = is_on(value_or_empty(environment, "MESOS_CHECKPOINT"));
  if (agent.checkpoint) agent.recovery_timeout = std::chrono::minutes(15);

  const auto read = [&](const char* name, base::Duration& duration) -> base::Status {
    const std::string* const text = find(environment, name);
    if (!text) return base::ok();
    const auto parsed = parse_mesos_duration(name, *text);
    if (!parsed) return parsed.error();
    duration = *parsed;
    return base::ok();
  };
  base::Duration recovery = agent.recovery_timeout;
  for (const auto& status :
       {read("MESOS_RECOVERY_TIMEOUT", recovery), read("MESOS_SUBSCRIPTION_BACKOFF_MAX", agent.backoff_max),
        read("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", agent.shutdown_grace)}) {
    if (!status) return status.error();
  }
  if (agent.checkpoint) agent.recovery_timeout = recovery;
  return agent;
}

std::string default_cell_id(std::string_view agent_pid, std::string_view executor_id) {
  std::string_view address = agent_pid.substr(std::min(agent_pid.find('@'), agent_pid.size() - 1) + 1);
  address = address.substr(0, address.rfind(':'));
  const auto dash = executor_id.rfind('-');
  const std::string_view run = dash == std::string_view::npos ? executor_id : executor_id.substr(dash + 1);
  std::string id = "cell-" + std::string(address) + "-" + std::string(run);
  // What a DNS label cannot hold (dots, colons and brackets of addresses) becomes a dash.
  const auto in_label = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  std::replace_if(
      id.begin(), id.end(), [&](char c) { return !in_label(c); }, '-');
  return id.substr(0, 63);
}

bool is_auto(const std::string& url) { return url == "auto" || url.ends_with("://auto"); }

base::Result<RepAddress> rep_address(const Flags& flags, FreePorts free) {
  RepAddress address;
  address.url = with_port(flags.rep_url, free.rep);
  const auto url = platform::parse_url("--rep-url", address.url);
  if (!url) return url.error();
  address.listen = platform::HostPort{url->host, url->port}.text();
  if (!flags.rep_admin_url.empty()) {
    address.admin_url = with_port(flags.rep_admin_url, free.admin);
  } else if (url->port == 1801) {
    platform::Url admin = *url;
    admin.port = 1800;
    address.admin_url = admin.origin();
  } else {
    address.admin_url = address.url;
  }
  const auto admin = platform::parse_url("--rep-admin-url", address.admin_url);
  if (!admin) return admin.error();
  address.admin_listen = platform::HostPort{admin->host, admin->port}.text();
  return address;
}

std::string rep_server_name(const Flags& flags, const std::string& cell_id) {
  if (!flags.rep_server_name.starts_with('.')) return flags.rep_server_name;
  std::string label = cell_id;
  std::replace(label.begin(), label.end(), '_', '-');
  return label + flags.rep_server_name;
}

std::vector<platform::TlsFiles> tls_files(const Flags& flags, const AgentEnvironment& agent) {
  using platform::TlsFiles;
  return {
      {TlsFiles::For::client, {"--rep-cert", flags.rep_cert}, {"--rep-key", flags.rep_key}, {"--rep-ca", flags.rep_ca}},
      {TlsFiles::For::client,
       {"LIBPROCESS_SSL_CERT_FILE", agent.cert_file},
       {"LIBPROCESS_SSL_KEY_FILE", agent.key_file},
       {"LIBPROCESS_SSL_CA_FILE", agent.ca_file}},
  };
}

Config core_config(const Flags& flags, const AgentEnvironment& agent) {
  Config config;
  config.cell_id = flags.cell_id;
  // A rep that runs already has an id of its own.
  if (config.cell_id.empty() && !flags.cell_command.empty())
    config.cell_id = default_cell_id(agent.agent_pid, agent.executor_id);
  config.fallback_cell_id = default_cell_id(agent.agent_pid, agent.executor_id);
  config.cell_mem_mb = flags.cell_mem_mb;
  config.cell_disk_mb = flags.cell_disk_mb;
  config.cell_max_mem_mb = flags.cell_max_mem_mb;
  config.cell_max_disk_mb = flags.cell_max_disk_mb;
  config.boot_timeout = flags.boot_timeout;
  config.rep_timeout = flags.rep_timeout;
  config.shutdown_grace = agent.shutdown_grace;
  return config;
}

}  // namespace executor
