#include "cell/core/config.hpp"

#include <charconv>
#include <set>

namespace cell {
namespace {

// From the environment what the flag left open.
void fill(std::string& value, const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (value.empty() && found != environment.end()) value = found->second;
}

base::Status fill(std::int64_t& value, const Environment& environment, const std::string& name,
                  const std::string& flag) {
  if (value > 0) return base::ok();
  const auto found = environment.find(name);
  if (found == environment.end() || found->second.empty())
    return base::Error{name, "is not set, and there is no " + flag + "; how much a cell has is never guessed"};
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && value > 0) return base::ok();
  return base::Error{name, "\"" + text + "\" is no number of MiB above 0"};
}

bool is_label(std::string_view text) {
  for (const char c : text) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (!fine && c != '_') return false;
  }
  return !text.empty() && text.size() <= 63;
}

}  // namespace

base::Result<Config> complete(Config config, const Environment& environment) {
  fill(config.cell_id, environment, "CELL_ID");
  fill(config.zone, environment, "CELL_ZONE");
  fill(config.rep_listen, environment, "REP_LISTEN");
  fill(config.rep_admin_listen, environment, "REP_ADMIN_LISTEN");
  // The executor names one for both where it knows of a stand-in only.
  if (config.rep_admin_listen.empty() || config.rep_admin_listen == config.rep_listen)
    config.rep_admin_listen = "127.0.0.1:1800";
  fill(config.sandbox, environment, "MESOS_SANDBOX");
  if (config.sandbox.empty()) config.sandbox = ".";
  if (config.cell_id.empty()) return base::Error{"CELL_ID", "is not set, and there is no --cell-id"};
  if (!is_label(config.cell_id))
    return base::Error{"--cell-id " + config.cell_id, "is no DNS label; reps are found by this name"};
  for (const auto& status : {fill(config.memory_mb, environment, "CELL_MEMORY_MB", "--memory-mb"),
                             fill(config.disk_mb, environment, "CELL_DISK_MB", "--disk-mb")}) {
    if (!status) return status.error();
  }
  if (config.rep_listen.empty()) return base::Error{"REP_LISTEN", "is not set, and there is no --rep-listen"};
  if (const auto listen = parse_listen("--rep-listen", config.rep_listen); !listen) return listen.error();
  if (const auto listen = parse_listen("--rep-admin-listen", config.rep_admin_listen); !listen) return listen.error();
  if (const auto listen = parse_listen("--consul-http", config.consul_http); !listen) return listen.error();
  std::set<std::string> stacks;
  for (const std::string& text : config.rootfs) {
    const auto stack = parse_stack(text);
    if (!stack) return stack.error();
    if (!stacks.insert(stack->name).second)
      return base::Error{"--rootfs " + text, "is the second of this stack; a cell has one of each"};
  }
  for (const std::string& text : config.log_agent_env) {
    if (text.find('=') == std::string::npos || text.front() == '=')
      return base::Error{"--log-agent-env " + text, "is not NAME=VALUE"};
  }
  return config;
}

base::Result<Stack> parse_stack(std::string_view text) {
  const auto colon = text.find(':');
  if (text.empty() || colon == 0 || colon + 1 == text.size())
    return base::Error{"--rootfs " + std::string(text), "is not stack[:path]"};
  if (colon == std::string_view::npos) return Stack{std::string(text), ""};
  return Stack{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

base::Result<Listen> parse_listen(std::string_view where, std::string_view text) {
  const auto colon = text.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535 || colon == 0)
    return base::Error{std::string(where), "\"" + std::string(text) + "\" is not host:port"};
  return Listen{std::string(text.substr(0, colon)), std::string(port)};
}

}  // namespace cell
