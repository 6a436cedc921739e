#include "scheduler/edge/host_command.hpp"

namespace edge {
namespace {

// Of containers of ours on one agent.
constexpr const char* kLabel = "cf-mesos.cell";
constexpr const char* kSandbox = "/mnt/mesos/sandbox";

// What an executor tells its cell's command.
constexpr const char* kCellVariables[] = {"CELL_ID",    "CELL_MEMORY_MB",   "CELL_DISK_MB", "CELL_ZONE",
                                          "REP_LISTEN", "REP_ADMIN_LISTEN", "REP_URL"};

}  // namespace

std::string shell_quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string host_command(const CellOptions& cell) {
  // One cell per agent: it has the agent's network. What is left is of one that Mesos has ended.
  std::string script = "left=$(docker ps --all --quiet --filter label=" + std::string(kLabel) +
                       "); [ -z \"$left\" ] || docker rm --force --volumes $left; ";
  // cgroup v1 has a line for each controller, v2 one with none.
  script +=
      "group=$(sed -n 's/^[0-9]*:\\(memory\\)\\{0,1\\}:\\(.*\\)/\\2/p' /proc/self/cgroup | head -n 1); "
      "[ \"${group:-/}\" = / ] || set -- --cgroup-parent \"$group\"; ";
  script += "exec docker run --rm --name \"diego-$CELL_ID\" --label " + std::string(kLabel) +
            "=\"$CELL_ID\" --net host \"$@\"";
  if (cell.privileged) script += " --privileged";
  for (const char* name : kCellVariables) script += std::string(" --env ") + name;
  for (const std::string& variable : cell.environment) script += " --env " + shell_quote(split_setting(variable).first);
  script += std::string(" --env MESOS_SANDBOX=") + kSandbox + " --volume \"${MESOS_SANDBOX:-$PWD}:" + kSandbox + "\"";
  for (const std::string& volume : cell.volumes) script += " --volume " + shell_quote(volume);
  for (const std::string& parameter : cell.docker_parameters) script += " " + shell_quote("--" + parameter);
  script += " " + shell_quote(cell.image);
  if (!cell.command.empty()) return script + " /bin/sh -c " + shell_quote(cell.command);
  return script + " /bin/sh -c 'eval \"$DIEGO_MESOS_CELL_COMMAND\"'";  // What the image says of itself.
}

}  // namespace edge
