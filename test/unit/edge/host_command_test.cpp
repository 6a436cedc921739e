// The command is run here by a real shell, with a docker that only tells what it was asked.
#include "scheduler/edge/host_command.hpp"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "platform/child_process.hpp"

namespace {

namespace fs = std::filesystem;

class Machine {
 public:
  Machine() {
    std::string made = "/tmp/diego-host-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    folder_ = made;
    program("docker",
            "for word; do echo \"$word\"; done >>asked; echo . >>asked\n"
            "[ \"$1\" != ps ] || cat left\n"
            "[ \"$1\" != info ] || cat driver\n");
    write("left", "");
    write("driver", "cgroupfs\n");
    in_group("/mesos/run");
  }
  ~Machine() { fs::remove_all(folder_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // What docker says: containers with the label, its driver of control groups, or nothing at all.
  void leaves(const std::string& ids) const { write("left", ids); }
  void has_driver(const std::string& name) const { write("driver", name); }
  void has_no_docker() const { program("docker", "echo Cannot connect >&2; exit 1\n"); }
  // As the machine's control groups cannot be chosen, a sed that reads others.
  void in_group(const std::string& group, const std::string& line = "5:cpuset:/\n4:memory:") const {
    write("cgroup", line + group + "\n3:cpu,cpuacct:" + group + "\n");
    program("sed", "[ \"$3\" = /proc/self/cgroup ] || exit 9; exec /bin/sed \"$1\" \"$2\" cgroup\n");
  }

  // What docker was asked, a word a line, each call ended by a dot.
  std::string run(const std::string& script, int status = 0) const {
    platform::Command command;
    command.argv = {"/bin/sh", "-c", script};
    command.environment = {{"PATH", folder_ + ":/usr/bin:/bin"},
                           {"CELL_ID", "cell-1"},
                           {"MESOS_SANDBOX", "/w/run"},
                           {"MESOS_DIRECTORY", "/w/run"}};
    command.directory = folder_;
    command.stdout_file = command.stderr_file = folder_ + "/said";
    auto child = platform::ChildProcess::start(command);
    REQUIRE(child);
    REQUIRE(child->wait(std::chrono::seconds(30)) == status << 8);
    return read("asked");
  }
  std::string said() const { return read("said"); }

 private:
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void program(const std::string& name, const std::string& script) const {
    write(name, "#!/bin/sh\ncd " + folder_ + "\n" + script);
    fs::permissions(folder_ + "/" + name, fs::perms::owner_all);
  }

  std::string folder_;
};

edge::CellOptions on_host() {
  edge::CellOptions cell;
  cell.containerizer = "host";
  cell.image = "registry/cell:1";
  cell.privileged = false;
  return cell;
}

const std::string kLooked = "ps\n--all\n--quiet\n--filter\nlabel=cf-mesos.cell\n.\n";
const std::string kAsked = "info\n--format\n{{.CgroupDriver}}\n.\n";
const std::string kRun =
    "run\n--rm\n--name\ndiego-cell-1\n--label\ncf-mesos.cell=cell-1\n--net\nhost\n--cgroup-parent\n/mesos/run\n"
    "--env\nCELL_ID\n--env\nCELL_MEMORY_MB\n--env\nCELL_DISK_MB\n--env\nCELL_ZONE\n--env\nREP_LISTEN\n"
    "--env\nREP_ADMIN_LISTEN\n--env\nREP_URL\n";
const std::string kSandbox = "--env\nMESOS_SANDBOX=/mnt/mesos/sandbox\n--volume\n/w/run:/mnt/mesos/sandbox\n";
const std::string kImageSays = "registry/cell:1\n/bin/sh\n-c\neval \"$DIEGO_MESOS_CELL_COMMAND\"\n.\n";

}  // namespace

TEST_CASE("a cell on the host is one docker run, of what its image says", "[host]") {
  CHECK(Machine().run(host_command(on_host())) == kLooked + kAsked + kRun + kSandbox + kImageSays);
}

TEST_CASE("volumes, parameters and variables reach docker as they were written", "[host]") {
  auto cell = on_host();
  cell.privileged = true;
  cell.command = "exec diego-cell --flag 'a b' \"$X\"";
  cell.environment = {"A B=it's", "SECRET=x"};
  cell.rootfs = {"a:/a"};
  cell.volumes = {"/my data:/data:ro"};
  cell.docker_parameters = {"device-cgroup-rule=c 10:229 rwm", "label=$HOME;`id`"};
  std::string run = kRun;
  run.insert(run.find("--env"), "--privileged\n");
  CHECK(Machine().run(host_command(cell)) ==
        kLooked + kAsked + run + "--env\nDIEGO_MESOS_ROOTFS\n--env\nA B\n--env\nSECRET\n" + kSandbox +
            "--volume\n/my data:/data:ro\n" +
            "--device-cgroup-rule=c 10:229 rwm\n--label=$HOME;`id`\nregistry/cell:1\n/bin/sh\n-c\n" + cell.command +
            "\n.\n");
}

TEST_CASE("what another cell left on the agent is removed before", "[host]") {
  Machine machine;
  machine.leaves("aaa\nbbb\n");
  CHECK(machine.run(host_command(on_host())) ==
        kLooked + "rm\n--force\n--volumes\naaa\nbbb\n.\n" + kAsked + kRun + kSandbox + kImageSays);
}

TEST_CASE("in version 2 of control groups the executor is in a leaf, and its container beside it", "[host]") {
  Machine machine;
  machine.in_group("/mesos/run/leaf", "0::");
  CHECK(machine.run(host_command(on_host())) == kLooked + kAsked + kRun + kSandbox + kImageSays);
}

TEST_CASE("a control group that is not the executor's is not its container's either", "[host]") {
  Machine machine;
  machine.in_group(GENERATE("/", "/system.slice/mesos-agent.service", "/mesos/other", "/mesos/run/below"));
  std::string run = kRun;
  run.replace(run.find("--cgroup-parent\n/mesos/run\n"), 27, "");
  CHECK(machine.run(host_command(on_host())) == kLooked + run + kSandbox + kImageSays);
  CHECK(machine.said().starts_with("no control group of the executor "));
}

TEST_CASE("docker whose control groups are systemd's runs no cell", "[host]") {
  Machine machine;
  machine.has_driver("systemd\n");
  CHECK(machine.run(host_command(on_host()), 69) == kLooked + kAsked);
  CHECK(machine.said() ==
        "the host lacks Docker's cgroup driver cgroupfs: it is 'systemd' (dockerd --exec-opt "
        "native.cgroupdriver=cgroupfs)\n");
}

TEST_CASE("without a docker engine there is no cell", "[host]") {
  Machine machine;
  machine.has_no_docker();
  CHECK(machine.run(host_command(on_host()), 69).empty());
  CHECK(machine.said() == "Cannot connect\nthe host lacks a Docker engine that answers\n");
}

TEST_CASE("whatever a text holds it is one word of a shell", "[host]") {
  const auto* const text = GENERATE("", "a", "a b", "it's", "''", "$HOME `id` \\ \"", "a\nb");
  CHECK(Machine().run("docker " + edge::shell_quote(text)) == std::string(text) + "\n.\n");
}
