#include "scheduler/edge/host_command.hpp"

namespace edge {
namespace {

constexpr const char* kSandbox = "/mnt/mesos/sandbox";

// What an executor tells its cell's command.
constexpr const char* kCellVariables[] = {"CELL_ID",    "CELL_MEMORY_MB",   "CELL_DISK_MB", "CELL_ZONE",
                                          "REP_LISTEN", "REP_ADMIN_LISTEN", "REP_URL"};

// Up to `docker run`. Status 69 is diego-cell's, of a host that lacks something.
// One cell per agent: it has the agent's network. What is left is of one that Mesos has ended.
// A control group that is the executor's own has the name of its run, with /leaf below it in version 2. Any other is
// the agent's or the machine's: what is in it ends neither with the executor nor at its limits. Where docker leaves its
// groups to systemd, a parent is a slice, and a path would be taken for the name of one.
constexpr const char* kPrepare = R"sh(
refuse() { echo "the host lacks $1" >&2; exit 69; }
left=$(docker ps --all --quiet --filter label=cf-mesos.cell) || refuse 'a Docker engine that answers'
[ -z "$left" ] || docker rm --force --volumes $left
run=${MESOS_DIRECTORY##*/} group=
[ -z "$run" ] || group=$(sed -n "s#^[^:]*:[^:]*:\(.*/$run\)\(/leaf\)\{0,1\}\$#\1#p" /proc/self/cgroup | head -n 1)
if [ -z "$group" ]; then
  echo 'no control group of the executor (the agent wants --launcher=linux and --isolation=cgroups/all): the cell has no limits, and outlives a killed executor until the next cell starts here' >&2
else
  driver=$(docker info --format '{{.CgroupDriver}}')
  [ "$driver" = cgroupfs ] || refuse "Docker's cgroup driver cgroupfs: it is '$driver' (dockerd --exec-opt native.cgroupdriver=cgroupfs)"
  set -- --cgroup-parent "$group"
fi
exec docker run --rm --name "diego-$CELL_ID" --label cf-mesos.cell="$CELL_ID" --net host "$@")sh";

}  // namespace

std::string shell_quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string host_command(const CellOptions& cell) {
  std::string script = kPrepare + 1;
  if (cell.privileged) script += " --privileged";
  for (const char* name : kCellVariables) script += std::string(" --env ") + name;
  if (!rootfs_told(cell).empty()) script += std::string(" --env ") + kRootFsVariable;
  for (const std::string& variable : cell.environment) script += " --env " + shell_quote(split_setting(variable).first);
  script += std::string(" --env MESOS_SANDBOX=") + kSandbox + " --volume \"${MESOS_SANDBOX:-$PWD}:" + kSandbox + "\"";
  for (const std::string& volume : cell.volumes) script += " --volume " + shell_quote(volume);
  for (const std::string& parameter : cell.docker_parameters) script += " " + shell_quote("--" + parameter);
  script += " " + shell_quote(cell.image);
  if (!cell.command.empty()) return script + " /bin/sh -c " + shell_quote(cell.command);
  return script + " /bin/sh -c 'eval \"$DIEGO_MESOS_CELL_COMMAND\"'";  // What the image says of itself.
}

}  // namespace edge
