#include <catch2/catch.hpp>

#include <csignal>

#include "agent_rig.hpp"
#include "mesos/v1/mesos.pb.h"

using namespace std::chrono_literals;
using local::AgentRig;
using local::Lines;

namespace {

// Started, its STARTING acknowledged.
void run_until_running(AgentRig& rig, const mesos::v1::TaskInfo& task) {
  rig.run_command(task);
  rig.started(task.task_id().value(), 77);
  rig.ack(task.task_id().value());
}

}  // namespace

TEST_CASE("a command task starts, runs and ends as its command does", "[agent]") {
  const auto [status, line] = GENERATE(table<int, std::string>({
      {0, "status t TASK_FINISHED \"Command exited with status 0\""},
      {3 << 8, "status t TASK_FAILED \"Command exited with status 3\""},
      {127 << 8, "status t TASK_FAILED \"Command exited with status 127\""},
      {SIGKILL, "status t TASK_FAILED \"Command terminated with signal Killed\""},
  }));
  AgentRig rig;
  CHECK(rig.run_command("t", "run me") == Lines{"start t"});
  CHECK(rig.container("t").argv == std::vector<std::string>{"sh", "-c", "run me"});
  CHECK(rig.started("t", 77) == Lines{"status t TASK_STARTING"});
  CHECK(rig.ack("t") == Lines{"status t TASK_RUNNING"});
  CHECK(rig.last_status->executor_id().value() == "t");
  CHECK(rig.last_status->source() == mesos::v1::TaskStatus::SOURCE_EXECUTOR);
  CHECK(rig.last_status->container_status().executor_pid() == 77);
  CHECK(rig.ack("t").empty());
  // No FAILURE: the command executor is not the framework's.
  CHECK(rig.exited("t", status) == Lines{"destroy t", line});
  CHECK(rig.ack("t").empty());
  CHECK(rig.run_command("t") == Lines{"start t"});  // Nothing is left of it.
}

TEST_CASE("KILL of a command task is SIGTERM, then the end", "[agent]") {
  const bool killing_state = GENERATE(true, false);
  AgentRig rig({.killing_state = killing_state});
  run_until_running(rig, local::command_task("t", "sleep 100"));
  rig.ack("t");
  CHECK(rig.kill("t") == (killing_state ? Lines{"status t TASK_KILLING", "terminate t"} : Lines{"terminate t"}));
  if (killing_state) rig.ack("t");

  SECTION("in time") {
    CHECK(rig.exited("t", SIGTERM) ==
          Lines{"destroy t", "status t TASK_KILLED \"Command terminated with signal Terminated\""});
  }
  SECTION("not in time") {
    CHECK(rig.pass(2999ms).empty());
    CHECK(rig.pass(1ms) == Lines{"destroy t"});
    CHECK(rig.exited("t", SIGKILL) ==
          Lines{"destroy t", "status t TASK_KILLED \"Command terminated with signal Killed\""});
  }
  SECTION("in less time when asked again") {
    CHECK(rig.kill("t", 1s).empty());
    CHECK(rig.pass(1s) == Lines{"destroy t"});
  }
  SECTION("and a clean exit is a kill all the same") {
    CHECK(rig.exited("t", 0) == Lines{"destroy t", "status t TASK_KILLED \"Command exited with status 0\""});
  }
}

TEST_CASE("KILL before a command has started", "[agent]") {
  AgentRig rig;
  rig.run_command("t");
  CHECK(rig.kill("t") ==
        Lines{"status t TASK_KILLED REASON_TASK_KILLED_DURING_LAUNCH \"Killed before delivery to the executor\""});
  CHECK(rig.started("t") == Lines{"destroy t"});
  CHECK(rig.exited("t", SIGKILL) == Lines{"destroy t"});
}

TEST_CASE("a command task that takes too long fails", "[agent]") {
  AgentRig rig;
  mesos::v1::TaskInfo task = local::command_task("t", "sleep 100");
  task.mutable_max_completion_time()->set_nanoseconds(std::chrono::nanoseconds(1s).count());
  run_until_running(rig, task);
  rig.ack("t");
  CHECK(rig.pass(1s) == Lines{"terminate t"});
  CHECK(rig.exited("t", SIGTERM) ==
        Lines{"destroy t",
              "status t TASK_FAILED REASON_MAX_COMPLETION_TIME_REACHED \"Command terminated with signal Terminated\""});
}

TEST_CASE("containers that this agent cannot run", "[agent]") {
  AgentRig rig;
  mesos::v1::TaskInfo task = local::command_task("t", "true");
  SECTION("docker") {
    task.mutable_container()->set_type(mesos::v1::ContainerInfo::DOCKER);
    CHECK(
        rig.run_command(task) ==
        Lines{"status t TASK_FAILED REASON_EXECUTOR_TERMINATED \"Abnormal executor termination: unknown container\""});
  }
  SECTION("an image") {
    task.mutable_container()->set_type(mesos::v1::ContainerInfo::MESOS);
    task.mutable_container()->mutable_mesos()->mutable_image()->set_type(mesos::v1::Image::DOCKER);
    CHECK(rig.run_command(task) == Lines{"status t TASK_FAILED REASON_CONTAINER_LAUNCH_FAILED \"Failed to launch "
                                         "container: Unsupported container image type: DOCKER\""});
  }
}

TEST_CASE("a removed framework's command is killed without a word", "[agent]") {
  AgentRig rig;
  run_until_running(rig, local::command_task("t", "sleep 100"));
  CHECK(rig.master(local::ShutdownFramework{"F"}) == Lines{"terminate t"});
  CHECK(rig.exited("t", SIGTERM) == Lines{"destroy t"});
  CHECK(rig.model.running_containers().empty());
}
