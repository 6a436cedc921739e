// What a cell needs of the host, against what there is: one line each, with why and what to do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cell/core/config.hpp"
#include "cell/core/plan.hpp"

namespace cell {

// A Docker engine, in its own words.
struct Engine {
  std::string api_version;    // "1.41"
  std::string cgroup_driver;  // "cgroupfs" or "systemd"
};

// What was found. Numbers and words of the kernel, as it writes them.
struct Host {
  std::uint64_t capabilities = 0;      // CapEff of /proc/self/status.
  bool seccomp = false;                // A filter is on.
  bool cgroups = false;                // /sys/fs/cgroup is mounted,
  bool cgroups_writable = false;       // and not read-only.
  bool masked_paths = false;           // Something of /proc is mounted over or read-only.
  std::set<std::string> file_systems;  // /proc/filesystems
  std::set<std::string> devices;       // Of fuse, loop-control, loop0: what is there.
  std::string store_type;              // File system of data/grootfs/store, or of what is above it.
  bool store_has_quota = false;
  bool xfs_lacks_quota = false;  // The kernel's XFS is without; unknown until it has been loaded.
  bool default_route = false;
  std::uint64_t open_files_max = 0;
  std::uint64_t memory_limit_mb = 0;  // Of our control group, if nobody raises it later; 0: none.
  bool sandbox_writable = false;
  std::set<std::string> missing_files;             // Of those that the config names.
  std::map<std::string, std::string> unreachable;  // "bbs" or "locket" -> why.
  std::optional<Engine> engine;                    // Where its socket can be seen.
};

struct Finding {
  enum class Level { ok, warn, missing } level;
  std::string what;    // "capability SYS_ADMIN"
  std::string why;     // What it is for, or what is wrong; "" where it is fine.
  std::string remedy;  // What to do; "" where it is fine.
  bool operator==(const Finding&) const = default;
};

// Only what the cell needs that would be started: the stand-in needs neither garden nor a BBS.
std::vector<Finding> judge(const Config& config, const Packages& packages, const Host& host);

bool may_start(const std::vector<Finding>& findings);

// One screen; a finding that is fine takes a line, another two.
std::string describe(const std::vector<Finding>& findings);

// The files that the config and the packages name: certificates, root file systems.
std::vector<std::string> files_needed(const Config& config, const Packages& packages);

}  // namespace cell
