#include "cell/core/garden.hpp"

#include <algorithm>
#include <csignal>

namespace cell {
namespace {

using namespace std::chrono_literals;

constexpr const char* kStores[] = {"unprivileged", "privileged"};
constexpr std::int64_t kMaximalId = 4294967294;  // Root of an unprivileged container is this user outside of it.

constexpr std::int64_t kReserveMb = 15360;  // Cloud Foundry's, of a disk that grootfs shares.

// Layers that no container uses just now are kept until they and the quotas given out take this much. Without a number
// grootfs throws them away at every container, and unpacks or pulls them anew for the next.
std::int64_t layers_kept_mb(std::int64_t disk_mb) { return std::max(disk_mb - kReserveMb, (disk_mb + 1) / 2); }

std::string grootfs_config(const Config& config, const std::string& store) {
  return config.sandbox + "/grootfs-" + store + ".yml";
}

// Instead of tardis, which grootfs asks to set quotas. It answers to all else as tardis does.
std::string no_limits(const Config& config) { return config.sandbox + "/tardis-without-limits"; }
std::string no_limits_text(const std::string& tardis) {
  return "#!/bin/sh\n[ \"$1\" != limit ] || exit 0\nexec \"" + tardis + "\" \"$@\"\n";
}

// $1 is the directory that containers' mounts go through.
constexpr const char* kMounts = R"(
if ! [ -w /sys/fs/cgroup ] || grep -q ' /sys/fs/cgroup[^ ]* ro,' /proc/self/mountinfo; then
  mount -o remount,rw /sys/fs/cgroup || true
  for group in /sys/fs/cgroup/*; do
    ! mountpoint -q "$group" || mount -o remount,rw,bind "$group"
  done
fi
mountpoint -q "$1" || mount --bind "$1" "$1"
mount --make-shared "$1"
)";

// $1 grootfs, $2 its configuration, $3 the store, $4 the size of its file or 0, then flags. Containers that an earlier
// cell left behind are gone with it, their images are not.
constexpr const char* kStore = R"(
grootfs=$1 config=$2 store=$3 bytes=$4
shift 4
rm -rf "$store"/images/*
if [ "$bytes" -gt 0 ]; then set -- "$@" --store-size-bytes "$bytes"; fi
exec "$grootfs" --config "$config" init-store "$@"
)";

Process step(std::string name, std::vector<std::string> argv) {
  Process process;
  process.name = std::move(name);
  process.argv = std::move(argv);
  process.once = true;
  process.start_limit = 20s;
  process.at_end = Process::AtEnd::leave;
  process.exit_code = kGardenEnded;
  process.stop = {{SIGTERM, 2s}};
  return process;
}

Process store_step(const Config& config, const Packages& packages, const std::string& store) {
  std::vector<std::string> argv = {"/bin/sh",
                                   "-ec",
                                   kStore,
                                   "store",
                                   packages.program("grootfs"),
                                   grootfs_config(config, store),
                                   config.data + "/grootfs/store/" + store,
                                   std::to_string(config.store_mb << 20)};
  if (store == "unprivileged") {
    const std::string root = "0:" + std::to_string(kMaximalId) + ":1";
    const std::string others = "1:1:" + std::to_string(kMaximalId - 1);
    for (const char* const flag : {"--uid-mapping", "--gid-mapping"})
      argv.insert(argv.end(), {flag, root, flag, others});
  }
  return step("store-" + store, std::move(argv));
}

std::vector<std::string> gdn_argv(const Config& config, const Packages& packages) {
  const std::string garden = config.data + "/garden";
  std::vector<std::string> argv = {packages.program("gdn"), "server"};
  const auto add = [&](const std::string& flag, const std::string& value) {
    if (!value.empty()) argv.insert(argv.end(), {"--" + flag, value});
  };
  add("bind-socket", garden + "/garden.sock");
  add("depot", garden + "/depot");
  add("properties-path", garden + "/props.json");
  add("port-pool-properties-path", garden + "/port-pool-props.json");
  add("console-sockets-path", garden + "/consoles");
  add("runtime-plugin", packages.program("runc").empty() ? "/usr/sbin/runc" : packages.program("runc"));
  for (const char* const name : {"dadoo", "init", "nstar"}) add(std::string(name) + "-bin", packages.program(name));
  add("tar-bin", packages.program("tar").empty() ? "/bin/tar" : packages.program("tar"));
  if (const std::string grootfs = packages.program("grootfs"); grootfs.empty()) {
    argv.emplace_back("--no-image-plugin");
  } else {
    add("image-plugin", grootfs);
    argv.push_back("--image-plugin-extra-arg=--config=" + grootfs_config(config, "unprivileged"));
    add("privileged-image-plugin", grootfs);
    argv.push_back("--privileged-image-plugin-extra-arg=--config=" + grootfs_config(config, "privileged"));
  }
  add("network-plugin", config.network_plugin);
  // Without a number gdn answers with one that makes the rep's negative.
  add("max-containers", std::to_string(config.containers_max));
  const std::string length = std::to_string(kMaximalId - 1);
  for (const std::string kind : {"uid", "gid"}) {
    add(kind + "-map-start", "1");
    add(kind + "-map-length", length);
  }
  argv.emplace_back("--destroy-containers-on-startup");
  add("log-level", "info");
  argv.insert(argv.end(), config.garden_args.begin(), config.garden_args.end());
  return argv;
}

}  // namespace

std::vector<Process> garden_processes(const Config& config, const Packages& packages) {
  std::vector<Process> out;
  out.push_back(step("mounts", {"/bin/sh", "-ec", kMounts, "mounts", config.data + "/rep/shared/garden"}));
  if (!packages.program("grootfs").empty()) {
    for (const char* const store : kStores) out.push_back(store_step(config, packages, store));
  }
  Process gdn;
  gdn.name = "garden";
  gdn.argv = gdn_argv(config, packages);
  gdn.check = {.kind = Check::Kind::http,
               .target = "http://garden/ping",
               .unix_socket = config.data + "/garden/garden.sock",
               .failures_max = 6};
  gdn.start_limit = config.garden_start;
  gdn.exit_code = kGardenEnded;
  gdn.stop = {{SIGTERM, config.garden_stop}, {SIGQUIT, 2s}};
  out.push_back(std::move(gdn));
  return out;
}

std::vector<File> garden_files(const Config& config, const Packages& packages) {
  std::vector<File> out;
  if (packages.program("grootfs").empty()) return out;
  std::string tardis = packages.program("tardis");
  if (!config.disk_limits) {
    out.push_back({no_limits(config), no_limits_text(tardis.empty() ? "tardis" : tardis), true});
    tardis = no_limits(config);
  }
  const std::pair<const char*, std::string> programs[] = {
      {"tardis", tardis}, {"newuidmap", packages.program("newuidmap")}, {"newgidmap", packages.program("newgidmap")}};
  for (const char* const store : kStores) {
    std::string text = "store: \"" + config.data + "/grootfs/store/" + store + "\"\nlog_level: info\n";
    for (const auto& [name, path] : programs) {
      if (!path.empty()) text += std::string(name) + "_bin: \"" + path + "\"\n";
    }
    text += "create:\n  with_clean: true\n  skip_layer_validation: true\n";
    text += "clean:\n  threshold_bytes: " + std::to_string(layers_kept_mb(config.disk_mb) << 20) + "\n";
    out.push_back({grootfs_config(config, store), text});
  }
  return out;
}

}  // namespace cell
