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
    std::ofstream(folder_ + "/docker") << "#!/bin/sh\n"
                                          "[ \"$1\" = ps ] && cat " +
                                              folder_ +
                                              "/left\n"
                                              "for word; do echo \"$word\"; done >>" +
                                              folder_ +
                                              "/asked\n"
                                              "echo . >>" +
                                              folder_ + "/asked\n";
    fs::permissions(folder_ + "/docker", fs::perms::owner_all);
    leaves("");
  }
  ~Machine() { fs::remove_all(folder_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void leaves(const std::string& ids) const { std::ofstream(folder_ + "/left") << ids; }

  // What docker was asked, a word a line, each call ended by a dot; but for the cgroup, which is the machine's.
  std::string run(const std::string& script) const {
    platform::Command command;
    command.argv = {"/bin/sh", "-c", script};
    command.environment = {{"PATH", folder_ + ":/usr/bin:/bin"}, {"CELL_ID", "cell-1"}, {"MESOS_SANDBOX", "/w/run"}};
    command.directory = folder_;
    command.stdout_file = command.stderr_file = folder_ + "/said";
    auto child = platform::ChildProcess::start(command);
    REQUIRE(child);
    REQUIRE(child->wait(std::chrono::seconds(30)) == 0);
    std::ifstream said(folder_ + "/asked");
    std::string text{std::istreambuf_iterator<char>(said), {}};
    if (const auto at = text.find("--cgroup-parent\n"); at != std::string::npos)
      text.erase(at, text.find('\n', at + 16) + 1 - at);
    return text;
  }

 private:
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
const std::string kRun =
    "run\n--rm\n--name\ndiego-cell-1\n--label\ncf-mesos.cell=cell-1\n--net\nhost\n"
    "--env\nCELL_ID\n--env\nCELL_MEMORY_MB\n--env\nCELL_DISK_MB\n--env\nCELL_ZONE\n--env\nREP_LISTEN\n"
    "--env\nREP_ADMIN_LISTEN\n--env\nREP_URL\n";
const std::string kSandbox = "--env\nMESOS_SANDBOX=/mnt/mesos/sandbox\n--volume\n/w/run:/mnt/mesos/sandbox\n";
const std::string kImageSays = "registry/cell:1\n/bin/sh\n-c\neval \"$DIEGO_MESOS_CELL_COMMAND\"\n.\n";

}  // namespace

TEST_CASE("a cell on the host is one docker run, of what its image says", "[host]") {
  CHECK(Machine().run(host_command(on_host())) == kLooked + kRun + kSandbox + kImageSays);
}

TEST_CASE("volumes, parameters and variables reach docker as they were written", "[host]") {
  auto cell = on_host();
  cell.privileged = true;
  cell.command = "exec diego-cell --flag 'a b' \"$X\"";
  cell.environment = {"A B=it's", "SECRET=x"};
  cell.volumes = {"/my data:/data:ro"};
  cell.docker_parameters = {"device-cgroup-rule=c 10:229 rwm", "label=$HOME;`id`"};
  std::string run = kRun;
  run.insert(run.find("--env"), "--privileged\n");
  CHECK(Machine().run(host_command(cell)) ==
        kLooked + run + "--env\nA B\n--env\nSECRET\n" + kSandbox + "--volume\n/my data:/data:ro\n" +
            "--device-cgroup-rule=c 10:229 rwm\n--label=$HOME;`id`\nregistry/cell:1\n/bin/sh\n-c\n" + cell.command +
            "\n.\n");
}

TEST_CASE("what another cell left on the agent is removed before", "[host]") {
  Machine machine;
  machine.leaves("aaa\nbbb\n");
  CHECK(machine.run(host_command(on_host())) ==
        kLooked + "rm\n--force\n--volumes\naaa\nbbb\n.\n" + kRun + kSandbox + kImageSays);
}

TEST_CASE("whatever a text holds it is one word of a shell", "[host]") {
  const auto* const text = GENERATE("", "a", "a b", "it's", "''", "$HOME `id` \\ \"", "a\nb");
  CHECK(Machine().run("docker " + edge::shell_quote(text)) == std::string(text) + "\n.\n");
}
