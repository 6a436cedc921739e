#include <catch2/catch.hpp>

#include "agent_rig.hpp"
#include "mesos/v1/mesos.pb.h"

using namespace std::chrono_literals;
using local::AgentRig;
using local::Lines;

namespace {

Lines restart(AgentRig& rig) {
  rig.feed(local::Killed{});
  Lines lines = rig.feed(local::Restarted{});
  const Lines more = rig.master(local::MasterAppeared{});
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

}  // namespace

TEST_CASE("a restarted agent waits for its executors, then registers again", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  CHECK(restart(rig).empty());
  CHECK(rig.subscribe("ex") == Lines{"503 Agent has not finished recovery"});
  CHECK(rig.call("ex", R"("type":"HEARTBEAT")") == Lines{"503 Agent has not finished recovery"});
  CHECK(rig.pass(100ms).empty());

  CHECK(rig.update("ex", "t1", "TASK_FINISHED") == Lines{"503 Agent has not finished recovery"});
  const std::string carried =
      R"({"unacknowledged_updates":[{"status":{"task_id":{"value":"t1"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR","uuid":")" +
      rig.uuid_base64("while down") + R"("}}]})";
  CHECK(rig.subscribe("ex", carried) == Lines{"200", "SUBSCRIBED", "ACKNOWLEDGED t1"});
  CHECK(rig.pass(2s) == Lines{"register A t1@ex=TASK_RUNNING +ex"});
  CHECK(rig.master(local::RegisteredAck{"A", true, {}}) == Lines{"status t1 TASK_RUNNING"});
  CHECK(rig.update("ex", "t1", "TASK_FINISHED") == Lines{"202", "ACKNOWLEDGED t1"});
}

TEST_CASE("executors that do not come back are destroyed and their tasks gone", "[agent]") {
  const bool aware = GENERATE(true, false);
  AgentRig rig({.partition_aware = aware});
  rig.running_task("ex", "t1");
  restart(rig);
  CHECK(rig.pass(2099ms).empty());
  CHECK(rig.pass(1ms) == Lines{"destroy ex", "register A t1@ex=TASK_RUNNING +ex"});
  rig.master(local::RegisteredAck{"A", true, {}});
  CHECK(rig.exited("ex", 9) ==
        Lines{"destroy ex", "exited ex 9",
              std::string("status t1 ") + (aware ? "TASK_GONE" : "TASK_LOST") +
                  " REASON_EXECUTOR_REREGISTRATION_TIMEOUT \"Executor did not reregister within 2secs\""});
}

TEST_CASE("an executor that ended while the agent was down is noticed at recovery", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  rig.feed(local::Killed{});
  CHECK(rig.exited("ex", 256).empty());
  rig.feed(local::Restarted{});
  rig.master(local::MasterAppeared{});
  CHECK(rig.pass(100ms) == Lines{"destroy ex"});
  CHECK(rig.pass(2s) == Lines{"register A t1@ex=TASK_FAILED"});
  CHECK(rig.master(local::RegisteredAck{"A", true, {}}) ==
        Lines{"status t1 TASK_FAILED REASON_EXECUTOR_TERMINATED \"Executor terminated\""});
}

TEST_CASE("pending updates survive a restart and come first after it", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  rig.started("ex");
  rig.subscribe("ex");
  rig.update("ex", "t1", "TASK_STARTING");
  restart(rig);
  rig.pass(100ms);
  rig.subscribe("ex");
  rig.pass(2s);
  CHECK(rig.master(local::RegisteredAck{"A", true, {}}) == Lines{"status t1 TASK_STARTING"});
}

TEST_CASE("without checkpointing nothing survives a restart", "[agent]") {
  AgentRig rig({.checkpoint = false});
  rig.running_task("ex", "t1");
  rig.update("ex", "t1", "TASK_KILLING");
  restart(rig);
  CHECK(rig.pass(100ms) == Lines{"destroy ex"});
  CHECK(rig.subscribe("ex") == Lines{"400 Framework cannot be found"});
  CHECK(rig.pass(2s) == Lines{"register A"});
  CHECK(rig.exited("ex", 9).empty());
}

TEST_CASE("command tasks of checkpointing frameworks run on through a restart", "[agent]") {
  AgentRig rig;
  rig.run_command("t", "sleep 1");
  rig.started("t");
  restart(rig);
  CHECK(rig.pass(2100ms) == Lines{"register A t@=TASK_RUNNING"});
  CHECK(rig.master(local::RegisteredAck{"A", true, {}}) == Lines{"status t TASK_STARTING latest TASK_RUNNING"});
}
