#include "cell/core/preflight.hpp"

#include <catch2/catch.hpp>
#include <functional>

using namespace cell;

namespace {

Config config_of() {
  Config config;
  config.memory_mb = 1024;
  config.sandbox = "/sb";
  config.log_agent = {.cert = "/c", .key = "/k", .ca = "/a"};
  return config;
}

Packages diego() {
  Packages packages;
  for (const char* const name : {"rep", "gdn", "grootfs", "forwarder-agent"}) packages.programs[name] = "/p";
  return packages;
}

// One that lacks nothing.
Host good() {
  Host host;
  host.capabilities = 0x1ffffffffff;
  host.cgroups = host.cgroups_writable = true;
  host.file_systems = {"overlay", "xfs"};
  host.devices = {"fuse", "loop-control", "loop0"};
  host.store_type = "xfs";
  host.store_has_quota = true;
  host.default_route = true;
  host.open_files_max = 100000;
  host.sandbox_writable = true;
  return host;
}

// The names of what is not fine, warnings in brackets.
std::vector<std::string> lacks(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& finding : findings) {
    if (finding.level == Finding::Level::missing) out.push_back(finding.what);
    if (finding.level == Finding::Level::warn) out.push_back("(" + finding.what + ")");
    CHECK((finding.level == Finding::Level::ok) == finding.remedy.empty());
  }
  return out;
}

}  // namespace

TEST_CASE("a host that lacks nothing has an ok for everything", "[cell]") {
  const auto findings = judge(config_of(), diego(), good());
  CHECK(lacks(findings).empty());
  CHECK(may_start(findings));
  CHECK(findings.size() == 23);
}

TEST_CASE("each thing that a host lacks has its line", "[cell]") {
  using Change = std::function<void(Host&)>;
  const auto [change, line] = GENERATE(table<Change, std::string>({
      {[](Host& h) { h.capabilities &= ~(1ULL << 21U); }, "capability SYS_ADMIN"},
      {[](Host& h) { h.capabilities &= ~(1ULL << 19U); }, "capability SYS_PTRACE"},
      {[](Host& h) { h.capabilities &= ~(1ULL << 12U); }, "(capability NET_ADMIN)"},
      {[](Host& h) { h.capabilities &= ~(1ULL << 24U); }, "(capability SYS_RESOURCE)"},
      {[](Host& h) { h.seccomp = true; }, "(no seccomp filter)"},
      {[](Host& h) { h.cgroups = false; }, "control groups"},
      {[](Host& h) { h.masked_paths = true; }, "/proc and /sys unmasked"},
      {[](Host& h) { h.devices.erase("fuse"); }, "/dev/fuse"},
      {[](Host& h) { h.default_route = false; }, "a default route"},
      {[](Host& h) { h.open_files_max = 1024; }, "(65536 open files)"},
      {[](Host& h) { h.file_systems.erase("xfs"); }, "file system xfs"},
      {[](Host& h) { h.file_systems.erase("overlay"); }, "file system overlay"},
      {[](Host& h) { h.store_type = "overlay"; }, "/var/vcap/data/grootfs/store on xfs"},
      {[](Host& h) { h.xfs_lacks_quota = true; }, "quotas in the kernel's xfs"},
      {[](Host& h) { h.store_has_quota = false; }, "/var/vcap/data/grootfs/store with prjquota"},
      {[](Host& h) { h.sandbox_writable = false; }, "sandbox /sb"},
      {[](Host& h) { h.missing_files = {"/c/ca.crt"}; }, "certificates and root file systems"},
      {[](Host& h) { h.memory_limit_mb = 512; }, "(memory for 1024 MiB of instances)"},
      {[](Host& h) { h.unreachable["bbs"] = "connection refused"; }, "(bbs at https://bbs.service.cf.internal:8889)"},
      {[](Host& h) { h.unreachable["locket"] = "not found"; }, "(locket at locket.service.cf.internal:8891)"},
  }));
  Host host = good();
  change(host);
  const auto findings = judge(config_of(), diego(), host);
  CHECK(lacks(findings) == std::vector<std::string>{line});
  CHECK(may_start(findings) == line.starts_with('('));
}

TEST_CASE("an engine that can be seen is judged for Mesos and for executors on the host", "[cell]") {
  const auto [api, driver, lines] = GENERATE(table<std::string, std::string, std::vector<std::string>>({
      {"1.41", "cgroupfs", {}},
      {"1.44", "cgroupfs", {}},
      {"1.45", "cgroupfs", {"(Docker's API 1.45 for Mesos)"}},
      {"1.51", "systemd", {"(Docker's API 1.51 for Mesos)", "(Docker's cgroup driver cgroupfs)"}},
  }));
  Host host = good();
  host.engine = Engine{api, driver};
  CHECK(lacks(judge(config_of(), diego(), host)) == lines);
}

TEST_CASE("read-only control groups matter only to who cannot mount them anew", "[cell]") {
  Host host = good();
  host.cgroups_writable = false;
  CHECK(may_start(judge(config_of(), diego(), host)));
}

TEST_CASE("a store in a file needs loop devices instead of an XFS of its own", "[cell]") {
  Config config = config_of();
  config.store_mb = 10240;
  Host host = good();
  host.store_type = "ext4";
  CHECK(lacks(judge(config, diego(), host)).empty());
  host.devices.erase("loop0");
  CHECK(lacks(judge(config, diego(), host)) == std::vector<std::string>{"loop devices"});
}

TEST_CASE("without disk limits a mounted store needs no quotas; one in a file is mounted with them all the same",
          "[cell]") {
  Config config = config_of();
  config.disk_limits = false;
  Host host = good();
  host.xfs_lacks_quota = true;
  host.store_has_quota = false;
  CHECK(lacks(judge(config, diego(), host)) == std::vector<std::string>{"(apps' disk limits)"});
  config.store_mb = 10240;
  CHECK(lacks(judge(config, diego(), host)) == std::vector<std::string>{"quotas in the kernel's xfs"});
}

TEST_CASE("the stand-in needs next to nothing", "[cell]") {
  Host host;
  host.sandbox_writable = true;
  const auto findings = judge(config_of(), Packages{}, host);
  CHECK(lacks(findings) == std::vector<std::string>{"(Diego's packages)"});
  CHECK(may_start(findings));
}

TEST_CASE("a finding that is not fine says why and what to do", "[cell]") {
  CHECK(describe({{Finding::Level::ok, "a", "", ""},
                  {Finding::Level::warn, "b", "so", "do"},
                  {Finding::Level::missing, "c", "thus", "act"}}) ==
        "ok       a\n"
        "warn     b: so\n"
        "           do\n"
        "MISSING  c: thus\n"
        "           act\n");
}

TEST_CASE("files that the config names are looked for", "[cell]") {
  Config config = config_of();
  config.rep_config = "/t.json";
  config.rootfs = {"a:/r.tar", "b:raw:///d"};
  CHECK(files_needed(config, Packages{}) == std::vector<std::string>{"/a", "/c", "/k", "/t.json"});
  CHECK(files_needed(config, diego()) == std::vector<std::string>{"/a", "/c", "/k", "/t.json", "/r.tar"});
}
