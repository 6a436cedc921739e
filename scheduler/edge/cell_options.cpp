#include "scheduler/edge/cell_options.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "base/text.hpp"

namespace edge {
namespace {

constexpr std::int64_t kMany = std::numeric_limits<std::int32_t>::max();

std::vector<std::string> items_of(const std::vector<std::string>& values) {
  std::vector<std::string> all;
  for (const std::string& value : values) {
    for (auto& item : base::split_list(value)) all.push_back(std::move(item));
  }
  return all;
}

std::string stack_of(const std::string& entry) { return entry.substr(0, entry.find(':')); }

diego::RootFsProviders rootfs_providers(const std::vector<std::string>& entries) {
  diego::RootFsProviders providers;
  for (const std::string& entry : items_of(entries)) {
    if (entry == "docker") {
      providers[entry].kind = diego::RootFsProvider::Kind::arbitrary;
      continue;
    }
    for (const char* scheme : {"preloaded", "preloaded+layer"}) {
      providers[scheme].kind = diego::RootFsProvider::Kind::fixed_set;
      providers[scheme].set.insert(stack_of(entry));
    }
  }
  return providers;
}

std::set<std::string> set_of(const std::vector<std::string>& values) {
  const auto items = items_of(values);
  return {items.begin(), items.end()};
}

base::Status check_rootfs(const CellOptions& cell) {
  std::set<std::string> stacks;
  for (const std::string& entry : items_of(cell.rootfs)) {
    const std::string where = "--cell-rootfs " + entry, stack = stack_of(entry);
    if (stack.empty() || entry.ends_with(':')) return base::Error{where, "is not stack[:path]"};
    // The rest of a root file system's URL, as an app asks for it.
    if (entry != "docker" && (stack == "docker" || stack.starts_with("preloaded")))
      return base::Error{where, "'" + stack + "' is no stack"};
    if (!stacks.insert(stack).second) return base::Error{where, "is the second of this stack; a cell has one of each"};
  }
  const auto said = [](const std::string& variable) { return split_setting(variable).first == kRootFsVariable; };
  if (!rootfs_told(cell).empty() && std::any_of(cell.environment.begin(), cell.environment.end(), said))
    return base::Error{std::string("--cell-env ") + kRootFsVariable, "is for --cell-rootfs to say, which has a path"};
  return base::ok();
}

bool is_setting(const std::string& text) {
  const auto equals = text.find('=');
  return equals != std::string::npos && equals > 0;
}

// Mesos refuses a `name`; a cell needs the agent's own network (facts of garden and of Mesos's API).
base::Status check_docker_parameters(const CellOptions& cell) {
  for (const std::string& parameter : cell.docker_parameters) {
    const std::string where = "--cell-docker-parameter " + parameter;
    if (!is_setting(parameter)) return base::Error{where, "is not key=value"};
    const std::string key = split_setting(parameter).first;
    if (key.starts_with('-')) return base::Error{where, "is written without dashes"};
    if (key == "name") return base::Error{where, "is refused by Mesos, which names containers itself"};
    if (key == "network" || key == "net") return base::Error{where, "a cell has its agent's network"};
  }
  return base::ok();
}

base::Status check_container(const CellOptions& cell) {
  for (const std::string& volume : cell.volumes) {
    if (const auto parsed = parse_volume(volume); !parsed) return parsed.error();
  }
  const bool docker = cell.containerizer == "docker" || cell.on_host();
  const bool has_image = cell.in_image() || cell.on_host();
  if (has_image && cell.image.empty())
    return base::Error{"--cell-image", "is needed with --cell-containerizer " + cell.containerizer +
                                           " (none runs cells as bare processes)"};
  if (!cell.in_image() && cell.executor.empty())
    return base::Error{"--executor", "is needed: the path of diego-executor on the agents"};
  if (is_uri(cell.executor) && (cell.in_image() || cell.executor.ends_with('/')))
    return base::Error{"--executor " + cell.executor,
                       cell.in_image() ? "is no path in the image" : "names no file to fetch"};
  if (!has_image) {
    if (!cell.image.empty() || !cell.volumes.empty())
      return base::Error{cell.image.empty() ? "--cell-volume" : "--cell-image",
                         "is not for --cell-containerizer " + cell.containerizer};
  }
  if (!docker && !cell.docker_parameters.empty())
    return base::Error{"--cell-docker-parameter", "is for --cell-containerizer docker or host only"};
  return check_docker_parameters(cell);
}

}  // namespace

std::pair<std::string, std::string> split_setting(const std::string& text) {
  const auto equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string rootfs_told(const CellOptions& cell) {
  std::string told;
  bool with_path = false;
  for (const std::string& entry : items_of(cell.rootfs)) {
    if (entry == "docker") continue;
    with_path = with_path || entry.find(':') != std::string::npos;
    told += (told.empty() ? "" : ",") + entry;
  }
  return with_path ? told : "";
}

base::Result<CellVolume> parse_volume(const std::string& text) {
  const std::string where = "--cell-volume " + text;
  const auto parts = base::split_list(text, ':');
  const auto colons = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
  if (parts.size() != colons + 1 || colons < 1 || colons > 2)
    return base::Error{where, "is not host:container[:ro|rw]"};
  if (!parts[0].starts_with('/')) return base::Error{where, "the agent's folder is not an absolute path"};
  if (!parts[1].starts_with('/')) return base::Error{where, "the cell's folder is not an absolute path"};
  if (parts.size() == 3 && parts[2] != "ro" && parts[2] != "rw")
    return base::Error{where, "'" + parts[2] + "' is neither ro nor rw"};
  return CellVolume{parts[0], parts[1], parts.size() < 3 || parts[2] == "rw"};
}

void add_cell_flags(platform::Flags& flags, CellOptions& cell, core::Config& core) {
  flags.group("Cells");
  flags.add_choice("cell-containerizer", cell.containerizer, {"docker", "host", "mesos", "none"},
                   "how agents run a cell: --cell-image by their docker containerizer, by the executor on the host, or "
                   "by their Mesos containerizer; none: a bare process");
  flags.add("cell-image", cell.image, "image of a cell, as the agents' containerizer finds it");
  flags.add("cell-privileged", cell.privileged, "docker: whether the container has all the agent's rights");
  flags.add("cell-docker-parameter", cell.docker_parameters,
            "key=value for docker run, such as cap-add=SYS_ADMIN; repeatable");
  flags.add("cell-volume", cell.volumes, "host:container[:ro|rw], a folder of the agent in the cell; repeatable");
  flags.add("executor", cell.executor,
            "diego-executor: path on the agents, or URI that they fetch; with --cell-image in the image, by default "
            "what its entry point runs");
  flags.add("cell-command", cell.command, "shell command that runs the cell (rep and all) under the executor");
  flags.add("cell-rep-url", cell.rep_url,
            "where the executor finds its rep; auto: a free port, told to --cell-command as $REP_LISTEN");
  flags.add("cell-env", cell.environment, "K=V for the executor and its cell; repeatable");
  flags.add("cell-cpus-milli", cell.cpus_milli, "thousandths of a core the cell itself needs", 10, kMany);
  flags.add("cell-mem-mb", cell.mem_mb, "MiB of memory the cell itself needs", 32, kMany);
  flags.add("cell-disk-mb", cell.disk_mb, "MiB of disk the cell itself needs", 0, kMany);
  flags.add("cell-max-mem-mb", cell.max_mem_mb, "MiB a cell offers its instances at most; 0: all the agent has", 0,
            kMany);
  flags.add("cell-max-disk-mb", cell.max_disk_mb, "the same for disk", 0, kMany);
  flags.add("cell-max-containers", cell.max_containers, "instances per cell", 1, kMany);
  flags.add("cell-proxy-mem-mb", cell.proxy_mem_mb, "MiB added to each LRP until the rep says", 0, kMany);
  flags.add("cell-rootfs", cell.rootfs,
            "stack or docker that a cell offers; stack:path tells the cell where it is; repeatable");
  flags.add("cell-placement-tags", cell.placement_tags, "tags an instance must want; comma list, repeatable");
  flags.add("cell-optional-placement-tags", cell.optional_placement_tags, "tags an instance may want");
  flags.add("cell-volume-drivers", cell.volume_drivers, "volume drivers of a cell");
  flags.add("cell-zone", cell.zone, "zone of agents that have neither attribute nor fault domain");
  flags.add("cell-idle-timeout", cell.idle_timeout, "an idle cell ends after it");
  flags.add("cells-min", core.cells_min, "cells kept, started ahead of work if need be", 0, kMany);
  flags.add("cells-max", core.cells_max, "no cell beyond is started; 0: any number", 0, kMany);
  flags.add("cells-starting-max", core.cells_starting_max, "cells that may be coming up at a time; 0: any number", 0,
            kMany);
  flags.add("cells-roll-max", core.cells_roll_max,
            "cells replaced at a time after their configuration changed; 0: they stay as they are", 0, kMany);
  flags.add("evacuation-timeout", core.evacuation_timeout,
            "how long work may take to leave a drained agent; then it is killed");
  flags.add("quarantine-failures", core.quarantine_failures,
            "launches that fail by an agent's fault before it gets no work for a while; 0: never", 0, 1000);
  flags.add("quarantine-half-life", core.quarantine_half_life, "in so much time half of them are forgiven",
            std::chrono::seconds(1));
  flags.add("cell-shutdown-grace", cell.shutdown_grace, "time a cell has to leave", std::chrono::seconds(1));
  flags.add_choice("cell-log-level", cell.log_level, {"debug", "info", "warning", "error"}, "of the executors");
}

base::Status finish_cell(const CellOptions& cell, core::Config& core) {
  if (auto checked = check_container(cell); !checked) return checked;
  if (cell.command.empty() && cell.rep_url == "auto" && cell.containerizer == "none")
    return base::Error{"--cell-command", "is needed where --cell-rep-url is auto"};
  for (const std::string& variable : cell.environment) {
    if (variable.find('=') == std::string::npos || variable.starts_with('='))
      return base::Error{"--cell-env " + variable, "is not K=V"};
  }
  if (auto checked = check_rootfs(cell); !checked) return checked;
  core.cell_own = {cell.mem_mb, cell.disk_mb, cell.cpus_milli, 0};
  core.cell_max_mem_mb = cell.max_mem_mb;
  core.cell_max_disk_mb = cell.max_disk_mb;
  core.cell_max_containers = cell.max_containers;
  core.cell_proxy_mem_mb = cell.proxy_mem_mb;
  core.cell_zone = cell.zone;
  core.cell_rootfs = rootfs_providers(cell.rootfs);
  core.cell_placement_tags = set_of(cell.placement_tags);
  core.cell_optional_placement_tags = set_of(cell.optional_placement_tags);
  core.cell_volume_drivers = set_of(cell.volume_drivers);
  core.cell_idle_timeout = cell.idle_timeout;
  if (core.cells_max > 0 && core.cells_min > core.cells_max) {
    return base::Error{"--cells-min " + std::to_string(core.cells_min),
                       "is more than --cells-max " + std::to_string(core.cells_max)};
  }
  return base::ok();
}

}  // namespace edge
