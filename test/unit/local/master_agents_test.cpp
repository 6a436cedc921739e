#include <catch2/catch.hpp>

#include "local/model/resources.hpp"
#include "master_rig.hpp"
#include "mesos/v1/mesos.pb.h"

using local_test::Lines;
using local_test::MasterRig;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

MasterRig launched(const std::string& extra = "") {
  MasterRig rig;
  rig.add_agent();
  rig.subscribe(extra);
  rig.launch("O0", "t");
  rig.pass(seconds(1));
  rig.take();
  return rig;
}

// The agent as it comes back: with its id, and with "t" if it still has it.
local::RegisterAgent comeback(const MasterRig& rig, const std::string& id, bool has_task) {
  auto info = std::make_shared<mesos::v1::AgentInfo>();
  info->set_hostname("host");
  info->mutable_id()->set_value(id);
  const auto resources = local::parse_resources("test", "cpus:4;mem:4096;ports:[31000-31099]");
  for (const auto& resource : *resources) *info->add_resources() = resource;
  local::RegisterAgent message{
      .info = info, .pid = "slave(1)@10.0.0.1:5051", .tasks = {}, .executors = {}, .frameworks = {}};
  auto framework = std::make_shared<mesos::v1::FrameworkInfo>();
  framework->set_user("u");
  framework->set_name("n");
  framework->mutable_id()->set_value(rig.framework_id());
  framework->add_roles("r");
  framework->set_checkpoint(true);
  framework->add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::MULTI_ROLE);
  framework->add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
  if (!has_task) return message;
  message.frameworks.push_back(framework);
  auto task = std::make_shared<mesos::v1::TaskInfo>();
  task->set_name("t");
  task->mutable_task_id()->set_value("t");
  task->mutable_agent_id()->set_value(id);
  const auto needs = local::parse_resources("test", "cpus:1;mem:64");
  for (const auto& resource : *needs) *task->add_resources() = resource;
  local::inject_allocation(*task->mutable_resources(), "r");
  message.tasks.push_back({rig.framework_id(), "", task, mesos::v1::TASK_RUNNING, nullptr});
  return message;
}

}  // namespace

TEST_CASE("a lost agent takes its offers back and nothing else while tasks are checkpointed", "[master]") {
  MasterRig rig = launched();
  rig.lose_agent(1);
  CHECK(rig.take() == Lines{"RESCIND O1"});
}

TEST_CASE("without checkpointing tasks are lost with the agent's connection", "[master]") {
  MasterRig rig;
  rig.add_agent();
  rig.post(
      "/api/v1/scheduler",
      R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["r"],"failover_timeout":9,)"
      R"("capabilities":[{"type":"MULTI_ROLE"},{"type":"PARTITION_AWARE"}]}}})");
  rig.launch("O0", "t");
  rig.take();
  rig.lose_agent(1);
  CHECK(rig.take() == Lines{"UPDATE t TASK_LOST AGENT_DISCONNECTED 'Agent host disconnected' @S0"});
}

TEST_CASE("an agent away for 75 s is unreachable, its tasks first, and reconciliation says so", "[master]") {
  MasterRig rig = launched();
  rig.lose_agent(1);
  rig.take();
  rig.pass(seconds(75) - milliseconds(1));
  CHECK(rig.take() == Lines(5, "HEARTBEAT"));
  rig.pass(milliseconds(1));
  CHECK(rig.take() ==
        Lines{"UPDATE t TASK_UNREACHABLE AGENT_REMOVED 'health check timed out' @S0 since", "FAILURE S0"});
  rig.call(
      R"({"type":"RECONCILE","framework_id":{"value":"F"},"reconcile":{"tasks":[{"task_id":{"value":"t"},"agent_id":{"value":"S0"}}]}})");
  CHECK(rig.take() ==
        Lines{"UPDATE t TASK_UNREACHABLE RECONCILIATION 'Reconciliation: Task is unreachable' @S0 since"});
}

TEST_CASE("an unreachable agent that returns brings its tasks back", "[master]") {
  MasterRig rig = launched();
  const std::string id = rig.master().id() + "-S0";
  rig.lose_agent(1);
  rig.pass(seconds(80));
  rig.take();
  rig.agent_says(2, comeback(rig, id, true));
  CHECK(rig.take() == Lines{"2<- Reregistered",
                            "UPDATE t TASK_RUNNING AGENT_REREGISTERED 'Unreachable agent re-reregistered' @S0",
                            "OFFERS O2@S0 ports:[31000-31099]; cpus:3; mem:4032"});
}

TEST_CASE("an agent back in time is told which tasks it should have", "[master]") {
  const bool has_task = GENERATE(true, false);
  MasterRig rig = launched();
  const std::string id = rig.master().id() + "-S0";
  rig.lose_agent(1);
  rig.take();
  rig.agent_says(2, comeback(rig, id, has_task));
  CHECK(rig.take() == Lines{has_task ? "2<- Reregistered" : "2<- Reregistered expected t"});
  rig.pass(seconds(1));
  CHECK(rig.take() == Lines{"OFFERS O2@S0 ports:[31000-31099]; cpus:3; mem:4032"});
}

TEST_CASE("a kill asked for while the agent was away reaches it on its return, without the policy", "[master]") {
  MasterRig rig = launched();
  const std::string id = rig.master().id() + "-S0";
  rig.lose_agent(1);
  rig.call(
      R"({"type":"KILL","framework_id":{"value":"F"},"kill":{"task_id":{"value":"t"},"kill_policy":{"grace_period":{"nanoseconds":5}}}})");
  rig.take();
  rig.agent_says(2, comeback(rig, id, true));
  CHECK(rig.take() == Lines{"2<- Reregistered", "2<- KillTask t"});
}

TEST_CASE("what a dead link says is not heard", "[master]") {
  MasterRig rig = launched();
  rig.lose_agent(1);
  rig.take();
  rig.status("t", 1, "0123456789abcdef");
  CHECK(rig.take().empty());
}

TEST_CASE("an agent that leaves loses its tasks even for those who know better states", "[master]") {
  MasterRig rig = launched();
  rig.agent_says(1, local::Unregister{});
  CHECK(rig.take() == Lines{"RESCIND O1",
                            "UPDATE t TASK_LOST AGENT_REMOVED 'Agent host removed: the agent unregistered' @S0",
                            "FAILURE S0"});
}

TEST_CASE("a master that knows nothing learns tasks from returning agents and frameworks", "[master]") {
  MasterRig old = launched();
  MasterRig fresh({}, 2);
  const std::string id = old.master().id() + "-S0";
  local::RegisterAgent message = comeback(old, id, true);
  fresh.subscribe(R"("id":{"value":")" + old.framework_id() + "\"}",
                  R"(,"framework_id":{"value":")" + old.framework_id() + "\"}");
  fresh.take();
  fresh.agent_says(1, message);
  const Lines lines = fresh.take();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "1<- Reregistered");
  CHECK(lines[1] == "UPDATE t TASK_RUNNING AGENT_REREGISTERED 'Unknown agent reregistered' @" + id);
  CHECK(lines[2].rfind("OFFERS O0@" + id, 0) == 0);
}
