// --cell-* and what belongs to it: how agents run a cell, and what a cell is.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/flags.hpp"
#include "scheduler/core/config.hpp"

namespace edge {

struct CellOptions {
  // docker: `image` by the agent's docker containerizer, whose v1 executors die when their agent restarts.
  // host: a bare executor that runs `image` itself, by the agent's docker CLI. mesos: `image` by the Mesos
  // containerizer. none: a bare process on the agent.
  std::string containerizer = "docker";
  std::string image;
  bool privileged = true;                      // docker: garden wants it, or capabilities by `docker_parameters`.
  std::vector<std::string> docker_parameters;  // key=value, of `docker run --key=value`.
  std::vector<std::string> volumes;            // host:container[:ro|rw]
  std::string executor;                        // Path on the agent or URI for it to fetch; or path in the image.
  std::string command;                         // The cell's processes, run by the executor.
  std::string rep_url = "auto";
  std::vector<std::string> environment;  // K=V
  std::int64_t cpus_milli = 250, mem_mb = 512, disk_mb = 1024;
  std::int64_t max_mem_mb = 0, max_disk_mb = 0, max_containers = 250, proxy_mem_mb = 0;
  // Comma lists of stack, stack:path, and `docker`. With a path somewhere all stacks are told to the cell.
  std::vector<std::string> rootfs = {"cflinuxfs4", "docker"};
  std::vector<std::string> placement_tags, optional_placement_tags, volume_drivers;
  std::string zone;
  std::string log_level = "info";
  base::Duration idle_timeout = std::chrono::seconds(60);
  base::Duration shutdown_grace = std::chrono::seconds(30);

  bool on_host() const { return containerizer == "host"; }
  // The executor is in the image.
  bool in_image() const { return containerizer == "docker" || containerizer == "mesos"; }
};

void add_cell_flags(platform::Flags& flags, CellOptions& cell, core::Config& core);

// Checks them and fills what the core wants to know of a cell.
base::Status finish_cell(const CellOptions& cell, core::Config& core);

// "key=value" at its first '='. Of a text that finish_cell() has passed.
std::pair<std::string, std::string> split_setting(const std::string& text);

// The variable by which a cell learns of its root file systems, and what is in it: stack[:path] with commas; "" where
// no path is given, so that the cell offers what it has.
inline constexpr const char* kRootFsVariable = "DIEGO_MESOS_ROOTFS";
std::string rootfs_told(const CellOptions& cell);

// Whether `executor` is for Mesos to fetch.
inline bool is_uri(const std::string& executor) { return executor.find("://") != std::string::npos; }

// What --cell-volume says.
struct CellVolume {
  std::string host, container;
  bool writable = true;
};
base::Result<CellVolume> parse_volume(const std::string& text);

}  // namespace edge
