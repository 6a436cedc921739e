#include "cell/core/preflight.hpp"

#include <algorithm>
#include <charconv>

namespace cell {
namespace {

// linux/capability.h; only these are of interest.
constexpr int kNetAdmin = 12, kSysPtrace = 19, kSysAdmin = 21, kSysResource = 24;

class Findings {
 public:
  void needed(bool fine, std::string what, std::string why, std::string remedy) {
    add(fine ? Finding::Level::ok : Finding::Level::missing, std::move(what), std::move(why), std::move(remedy));
  }
  void wanted(bool fine, std::string what, std::string why, std::string remedy) {
    add(fine ? Finding::Level::ok : Finding::Level::warn, std::move(what), std::move(why), std::move(remedy));
  }
  std::vector<Finding> take() { return std::move(list_); }

 private:
  void add(Finding::Level level, std::string what, std::string why, std::string remedy) {
    if (level == Finding::Level::ok) why = remedy = "";
    list_.push_back({level, std::move(what), std::move(why), std::move(remedy)});
  }
  std::vector<Finding> list_;
};

void judge_capabilities(const Host& host, Findings& findings) {
  const auto has = [&](int number) { return ((host.capabilities >> static_cast<unsigned>(number)) & 1U) != 0; };
  const auto parameter = [](const std::string& name) {
    return "--cell-docker-parameter cap-add=" + name + ", or --cell-privileged";
  };
  findings.needed(has(kSysAdmin), "capability SYS_ADMIN", "garden mounts control groups and root file systems",
                  parameter("SYS_ADMIN"));
  findings.needed(has(kSysPtrace), "capability SYS_PTRACE", "runc cannot enter the namespaces of what it starts",
                  parameter("SYS_PTRACE"));
  findings.wanted(has(kNetAdmin), "capability NET_ADMIN", "only a network plugin that needs no interface works",
                  parameter("NET_ADMIN"));
  findings.wanted(has(kSysResource), "capability SYS_RESOURCE", "privileged app containers do not start",
                  parameter("SYS_RESOURCE"));
  findings.wanted(!host.seccomp, "no seccomp filter", "mount and unshare may be refused",
                  "--cell-docker-parameter security-opt=seccomp=unconfined");
}

void judge_kernel(const Host& host, Findings& findings) {
  const bool may_mount = ((host.capabilities >> static_cast<unsigned>(kSysAdmin)) & 1U) != 0;
  findings.needed(host.cgroups, "control groups", "apps have no limits without /sys/fs/cgroup",
                  "mount it on the agent; --cell-volume /sys/fs/cgroup:/sys/fs/cgroup:rw");
  findings.needed(host.cgroups_writable || may_mount, "control groups writable", "garden makes one for each app",
                  "--cell-volume /sys/fs/cgroup:/sys/fs/cgroup:rw");
  findings.needed(!host.masked_paths, "/proc and /sys unmasked", "the kernel lets no container mount its own then",
                  "--cell-docker-parameter security-opt=systempaths=unconfined, or --cell-privileged");
  findings.needed(host.devices.contains("fuse"), "/dev/fuse", "garden hands it to every app",
                  "--cell-docker-parameter device=/dev/fuse and device-cgroup-rule='c 10:200 rwm'");
  findings.needed(host.default_route, "a default route", "the rep takes its address from it",
                  "--network host, and a route on the agent");
  findings.wanted(host.open_files_max >= 65536, "65536 open files",
                  std::to_string(host.open_files_max) + " are allowed", "--cell-docker-parameter ulimit=nofile=100000");
}

void judge_store(const Config& config, const Packages& packages, const Host& host, Findings& findings) {
  if (packages.program("grootfs").empty()) return;
  const std::string store = config.data + "/grootfs/store";
  findings.needed(host.file_systems.contains("overlay"), "file system overlay", "grootfs lays images with it",
                  "modprobe overlay on the agent");
  findings.needed(host.file_systems.contains("xfs"), "file system xfs", "grootfs's store is one",
                  "modprobe xfs on the agent");
  // Diego gives every app a disk limit, and grootfs makes no root file system whose limit it cannot set.
  const std::string no_images = "grootfs makes no root file system with a disk limit, as every app has one";
  if (config.store_mb > 0 || config.disk_limits) {
    findings.needed(!host.xfs_lacks_quota, "quotas in the kernel's xfs",
                    config.store_mb > 0 ? "a store in a file is mounted with them" : no_images,
                    config.store_mb > 0 ? "CONFIG_XFS_QUOTA; or a mounted XFS and --disk-limits=false"
                                        : "CONFIG_XFS_QUOTA; or --disk-limits=false");
  }
  if (config.store_mb > 0) {
    findings.needed(host.devices.contains("loop-control") && host.devices.contains("loop0"), "loop devices",
                    "--store-mb puts the store into a file", "modprobe loop on the agent; --cell-privileged");
    return;
  }
  findings.needed(host.store_type == "xfs", store + " on xfs", "it is on " + host.store_type,
                  "a volume on XFS for it, or --store-mb");
  if (config.disk_limits) {
    findings.needed(host.store_has_quota, store + " with prjquota", no_images,
                    "mount that XFS with -o prjquota; or --disk-limits=false");
  } else {
    findings.wanted(false, "apps' disk limits", "any app may fill " + store, "prjquota on it, and --disk-limits");
  }
}

void judge_network(const Config& config, const Host& host, Findings& findings) {
  const auto reachable = [&](const std::string& who, const std::string& address, const std::string& why) {
    const auto found = host.unreachable.find(who);
    findings.wanted(
        found == host.unreachable.end(), who + " at " + address,
        found == host.unreachable.end() ? "" : found->second + "; " + why,
        "look at the cell's DNS and routes, and at --" + (who == "bbs" ? std::string("bbs-url") : "locket-address"));
  };
  reachable("bbs", config.bbs_url, "the rep starts nothing without it");
  reachable("locket", config.locket_address, "the rep waits 10 s for it, then ends");
}

// Of "1.45" 45: there has been no other first number.
int minor_of(const std::string& version) {
  const auto dot = version.find('.');
  int minor = 0;
  if (dot != std::string::npos) std::from_chars(version.data() + dot + 1, version.data() + version.size(), minor);
  return minor;
}

// What runs the cell itself; which of it matters is the scheduler's --cell-containerizer.
void judge_engine(const Engine& engine, Findings& findings) {
  findings.wanted(minor_of(engine.api_version) < 45, "Docker's API " + engine.api_version + " for Mesos",
                  "its docker containerizer misses ContainerConfig in images since 1.45",
                  "DOCKER_API_VERSION=1.44 in the agent's environment; --cell-containerizer host does not mind");
  findings.wanted(engine.cgroup_driver == "cgroupfs", "Docker's cgroup driver cgroupfs",
                  "it is " + engine.cgroup_driver + ": no cell with --cell-containerizer host",
                  "dockerd --exec-opt native.cgroupdriver=cgroupfs; other ways to run a cell do not mind");
}

std::string names_of(const std::set<std::string>& files) {
  std::string out;
  for (const std::string& file : files) out += (out.empty() ? "" : ", ") + file;
  return out;
}

}  // namespace

std::vector<Finding> judge(const Config& config, const Packages& packages, const Host& host) {
  Findings findings;
  const auto need_mb = static_cast<std::uint64_t>(config.memory_mb);
  findings.needed(host.sandbox_writable, "sandbox " + config.sandbox, "logs and rendered files go there",
                  "a directory that can be written; --sandbox");
  findings.wanted(host.memory_limit_mb == 0 || host.memory_limit_mb >= need_mb,
                  "memory for " + std::to_string(config.memory_mb) + " MiB of instances",
                  "the container now ends at " + std::to_string(host.memory_limit_mb) + " MiB",
                  "give the container more");
  findings.needed(host.missing_files.empty(), "certificates and root file systems",
                  "cannot be read: " + names_of(host.missing_files), "mount them into the container: --cell-volume");
  if (host.engine) judge_engine(*host.engine, findings);
  if (!packages.has_rep()) {
    findings.wanted(false, "Diego's packages", "no rep under " + config.packages + ": a stand-in runs no real app",
                    "CELL_PACKAGES at the image's build, or a volume at " + config.packages);
    return findings.take();
  }
  findings.needed(!packages.program("gdn").empty(), "program gdn", "no garden under " + config.packages,
                  "garden-runc's packages beside the rep's");
  findings.wanted(!packages.program("forwarder-agent").empty() && config.log_agent.complete(), "log agent",
                  "apps' logs and metrics are lost", "the package forwarder-agent, and --log-agent-ca, -cert, -key");
  judge_capabilities(host, findings);
  judge_kernel(host, findings);
  judge_store(config, packages, host, findings);
  judge_network(config, host, findings);
  return findings.take();
}

bool may_start(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.level == Finding::Level::missing; });
}

std::string describe(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    switch (finding.level) {
      case Finding::Level::ok:
        out += "ok       " + finding.what + "\n";
        continue;
      case Finding::Level::warn:
        out += "warn     ";
        break;
      case Finding::Level::missing:
        out += "MISSING  ";
        break;
    }
    out += finding.what + ": " + finding.why + "\n           " + finding.remedy + "\n";
  }
  return out;
}

std::vector<std::string> files_needed(const Config& config, const Packages& packages) {
  std::vector<std::string> out;
  for (const Certificates& own : {config.rep, config.log_agent}) {
    for (const std::string& file : {own.ca, own.cert, own.key}) {
      if (!file.empty()) out.push_back(file);
    }
  }
  for (const std::string& path : {config.rep_config, config.consul_config}) {
    if (!path.empty()) out.push_back(path);
  }
  if (!packages.has_rep()) return out;
  for (const std::string& text : config.rootfs) {
    if (const auto stack = parse_stack(text); stack && stack->path.starts_with('/')) out.push_back(stack->path);
  }
  return out;
}

}  // namespace cell
