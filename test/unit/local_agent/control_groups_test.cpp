// What is made is looked at in a plain directory; that it ends is seen in the kernel's, where there are such.
#include "local/agent/control_groups.hpp"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent_rig.hpp"
#include "platform/child_process.hpp"

using local::AgentRig;
using local::ControlGroups;
using local::Lines;
using Words = std::vector<std::string>;

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Folder {
 public:
  Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  void put(const std::string& name) const {
    fs::create_directories(fs::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name) << "";
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_ = "/tmp/diego-groups-XXXXXX";
};

local::RigOptions with_groups() {
  local::RigOptions options;
  options.agent.cgroup_root = "/groups";
  return options;
}

}  // namespace

TEST_CASE("of version 1 a container has a group in each hierarchy, with limits", "[agent][groups]") {
  const Folder folder;
  for (const char* hierarchy : {"freezer", "cpu", "memory"}) folder.put(std::string(hierarchy) + "/cgroup.procs");
  const ControlGroups groups(folder.path());
  REQUIRE(groups.check());
  const auto entrances = groups.make("C", {.cpus = 0.5, .mem_mb = 612});
  REQUIRE(entrances);
  CHECK(*entrances == Words{folder.path() + "/freezer/diego-local/C/cgroup.procs",
                            folder.path() + "/cpu/diego-local/C/cgroup.procs",
                            folder.path() + "/memory/diego-local/C/cgroup.procs"});
  CHECK(folder.read("cpu/diego-local/C/cpu.shares") == "512");
  CHECK(folder.read("memory/diego-local/C/memory.limit_in_bytes") == std::to_string(612 << 20));
  REQUIRE(groups.limit("C", {.cpus = 2, .mem_mb = 712}));
  CHECK(folder.read("cpu/diego-local/C/cpu.shares") == "2048");
  CHECK(folder.read("memory/diego-local/C/memory.limit_in_bytes") == std::to_string(712 << 20));
}

TEST_CASE("of version 2 a container has one group, with its processes in a leaf", "[agent][groups]") {
  const Folder folder;
  folder.put("cgroup.controllers");
  const ControlGroups groups(folder.path());
  REQUIRE(groups.check());
  const auto entrances = groups.make("C", {.cpus = 1, .mem_mb = 512});
  REQUIRE(entrances);
  CHECK(*entrances == Words{folder.path() + "/diego-local/C/leaf/cgroup.procs"});
  CHECK(folder.read("diego-local/C/cpu.weight") == "39");  // Of 1024 shares, as the kernel's documentation has it.
  CHECK(folder.read("diego-local/C/memory.max") == std::to_string(512 << 20));
}

TEST_CASE("without hierarchies there are no control groups, and the error names the first", "[agent][groups]") {
  const Folder folder;
  CHECK(ControlGroups(folder.path()).check().error().message() ==
        folder.path() + "/freezer: is no control group's hierarchy");
}

TEST_CASE("a container's groups end with all that is in them and below", "[agent][groups]") {
  const ControlGroups groups("/sys/fs/cgroup");
  if (!groups.check()) {
    WARN("there are no control groups to be made here");
    return;
  }
  const std::string container = "test-" + fs::path(Folder().path()).filename().string();
  const auto entrances = groups.make(container, {.cpus = 1, .mem_mb = 64});
  REQUIRE(entrances);
  std::vector<platform::ChildProcess> children;
  for (const std::string inner : {"", "/inner"}) {
    platform::Command command;
    command.argv = {"/bin/sh", "-c", "for file; do echo $$ >$file; done; exec sleep 600", "sh"};
    for (const std::string& entrance : *entrances) {
      const std::string group = fs::path(entrance).parent_path().string() + inner;
      fs::create_directories(group);
      command.argv.push_back(group + "/cgroup.procs");
    }
    command.environment = {{"PATH", "/usr/bin:/bin"}};
    command.die_with_parent = true;
    auto child = platform::ChildProcess::start(command);
    REQUIRE(child);
    children.push_back(*std::move(child));
  }
  for (auto& child : children) {
    const std::string own = "/proc/" + std::to_string(child.pid()) + "/cgroup";
    const auto entered = [&own, &container] {
      std::ifstream file(own);
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      return text.find(container) != std::string::npos;
    };
    for (int round = 0; round < 10'000 && !entered(); ++round) (void)child.wait(1ms);
    REQUIRE(entered());
  }
  CHECK(groups.end(container));
  for (auto& child : children) CHECK(child.wait(10s) == 9);
  CHECK_FALSE(fs::exists(fs::path(entrances->front()).parent_path()));
  groups.forget();
}

TEST_CASE("where there are control groups an executor has limits, which rise with its tasks", "[agent][groups]") {
  AgentRig rig(with_groups());
  rig.run("ex", {"t1"});
  CHECK(rig.container("ex").limits == local::ContainerLimits{.cpus = 1, .mem_mb = 612});
  rig.started("ex");
  rig.subscribe("ex");
  CHECK(rig.run("ex", {"t2"}, false) == Lines{"LAUNCH t2", "update ex cpus 1 mem 712"});
}

TEST_CASE("without control groups an executor has no limits", "[agent][groups]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  CHECK(rig.container("ex").limits == std::nullopt);
}
