// Executors in DOCKER containers, as an agent with Mesos's docker containerizer runs them.
#include <catch2/catch.hpp>

#include "agent_rig.hpp"
#include "local/agent/agent_launch.hpp"
#include "mesos/v1/mesos.pb.h"

using namespace std::chrono_literals;
using local::AgentRig;
using local::Lines;
using Words = std::vector<std::string>;

namespace {

local::RigOptions with_docker() {
  local::RigOptions options;
  options.docker = true;
  options.agent.docker = "/usr/bin/docker";
  options.agent.docker_socket = "/run/docker.sock";
  return options;
}

std::string update_line(AgentRig& rig, int shares, int mem_mb) {
  return "update ex /usr/bin/docker -H unix:///run/docker.sock update --cpu-shares " + std::to_string(shares) +
         " --memory " + std::to_string(mem_mb) + "m --memory-swap -1 mesos-" + rig.container("ex").container_id;
}

}  // namespace

TEST_CASE("an executor in a DOCKER container is a docker run, with all that its info says", "[agent][docker]") {
  local::AgentConfig config = with_docker().agent;
  mesos::v1::ExecutorInfo executor;
  executor.mutable_command()->set_shell(false);
  executor.mutable_command()->add_arguments("--flag");
  auto& container = *executor.mutable_container();
  container.set_type(mesos::v1::ContainerInfo::DOCKER);
  container.mutable_docker()->set_image("cell:1");
  container.mutable_docker()->set_privileged(GENERATE(true, false));
  auto& parameter = *container.mutable_docker()->add_parameters();
  parameter.set_key("device-cgroup-rule");
  parameter.set_value("c 10:229 rwm");
  auto& volume = *container.add_volumes();
  volume.set_host_path("/certs");
  volume.set_container_path("/etc/certs");
  volume.set_mode(mesos::v1::Volume::RO);
  auto& relative = *container.add_volumes();
  relative.set_host_path("/data");
  relative.set_container_path("data");
  relative.set_mode(mesos::v1::Volume::RW);

  local::StartContainer start;
  start.container_id = "C";
  start.sandbox = "/w/run";
  start.environment = {{"A", "b c"}, {"MESOS_SANDBOX", "/w/run"}, {"PATH", "/bin"}};
  run_in_docker(config, executor, {.cpus = 0.5, .mem_mb = 612}, start);
  CHECK(start.file == "/usr/bin/docker");
  Words wanted = {
      "/usr/bin/docker", "-H",  "unix:///run/docker.sock", "run", "--name", "mesos-C", "--cpu-shares", "512",
      "--memory",        "612m"};
  if (container.docker().privileged()) wanted.emplace_back("--privileged");
  for (const char* more :
       {"--env", "A", "--env", "MESOS_CONTAINER_NAME", "--env", "MESOS_SANDBOX", "--volume",
        "/w/run:/mnt/mesos/sandbox", "--volume", "/certs:/etc/certs:ro", "--volume", "/data:/mnt/mesos/sandbox/data:rw",
        "--net", "host", "--device-cgroup-rule=c 10:229 rwm", "cell:1", "--flag"})
    wanted.emplace_back(more);
  CHECK(start.argv == wanted);
  CHECK(start.environment.at("A") == "b c");
  CHECK(start.environment.at("MESOS_SANDBOX") == "/mnt/mesos/sandbox");
  CHECK(start.remove ==
        Words{"/usr/bin/docker", "-H", "unix:///run/docker.sock", "rm", "--force", "--volumes", "mesos-C"});
}

TEST_CASE("the memory of a container in docker rises with its tasks and never falls", "[agent][docker]") {
  AgentRig rig(with_docker());
  rig.run("ex", {"t1"});
  const Words& argv = rig.container("ex").argv;
  const auto memory = std::find(argv.begin(), argv.end(), "--memory");
  REQUIRE(memory != argv.end());
  CHECK(*std::next(memory) == "612m");  // With its first task.
  rig.started("ex");
  CHECK(rig.subscribe("ex") == Lines{"200", "SUBSCRIBED", "LAUNCH t1"});
  CHECK(rig.run("ex", {"t2"}, false) == Lines{"LAUNCH t2", update_line(rig, 1024, 712)});
  rig.update("ex", "t1", "TASK_FINISHED");
  rig.ack("t1");
  CHECK(rig.run("ex", {"t3"}, false) == Lines{"LAUNCH t3"});  // In the room of t1.
}

TEST_CASE("a container whose limits cannot be raised is destroyed", "[agent][docker]") {
  AgentRig rig(with_docker());
  rig.run("ex", {"t1"});
  rig.started("ex");
  rig.subscribe("ex");
  rig.run("ex", {"t2"}, false);
  const local::UpdateFailed failed{rig.container("ex").container_id, "invalid argument"};
  CHECK(rig.feed(failed) == Lines{"destroy ex"});
  CHECK(rig.feed(failed).empty());
  const std::string why =
      " TASK_GONE REASON_CONTAINER_UPDATE_FAILED \"Failed to update resources for container: invalid argument\"";
  CHECK(rig.exited("ex", 9) ==
        Lines{"destroy ex", "stream ends", "exited ex -1", "status t1" + why, "status t2" + why});
}

TEST_CASE("a docker run that fails is a launch that failed", "[agent][docker]") {
  AgentRig rig(with_docker());
  rig.run("ex", {"t1"});
  rig.started("ex");
  CHECK(
      rig.exited("ex", 125 << 8) ==
      Lines{"destroy ex", "exited ex -1",
            "status t1 TASK_FAILED REASON_CONTAINER_LAUNCH_FAILED \"Failed to launch container: Container exited with "
            "status 125\""});
}

TEST_CASE("an agent that restarts ends its HTTP executors in docker", "[agent][docker]") {
  AgentRig rig(with_docker());
  rig.run("ex", {"t1"});
  rig.started("ex");
  rig.subscribe("ex");
  rig.feed(local::Killed{});
  rig.feed(local::Restarted{});
  CHECK(rig.pass(100ms) == Lines{"destroy ex"});
  rig.exited("ex", 9);
  rig.master(local::MasterAppeared{});
  rig.pass(2s);
  CHECK(rig.master(local::RegisteredAck{"A", true, {}}) ==
        Lines{"status t1 TASK_FAILED REASON_EXECUTOR_TERMINATED \"Abnormal executor termination: unknown container\""});
}

TEST_CASE("an agent without docker ends an executor that wants it", "[agent][docker]") {
  local::RigOptions options;
  options.docker = true;
  AgentRig rig(options);
  CHECK(rig.run("ex", {"t1"}) ==
        Lines{"exited ex -1",
              "status t1 TASK_FAILED REASON_EXECUTOR_TERMINATED \"Abnormal executor termination: unknown container\""});
}
