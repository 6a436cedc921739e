#include <catch2/catch.hpp>

#include "master_rig.hpp"

using local_test::Lines;
using local_test::MasterRig;
using std::chrono::seconds;

namespace {

// A task "t" launched on S0; nothing of it heard yet.
MasterRig launched() {
  MasterRig rig;
  rig.add_agent();
  rig.subscribe();
  rig.launch("O0", "t");
  rig.take();
  return rig;
}

constexpr const char* kUuid = "0123456789abcdef";  // Version nibble 3.
constexpr const char* kUuidText = "MDEyMzQ1Njc4OWFiY2RlZg==";

std::string acknowledge(const std::string& uuid) {
  return R"({"type":"ACKNOWLEDGE","framework_id":{"value":"F"},"acknowledge":{"agent_id":{"value":"S0"},"task_id":{"value":"t"},"uuid":")" +
         uuid + "\"}}";
}

std::string reconcile(const std::string& task, const std::string& agent) {
  return R"({"type":"RECONCILE","framework_id":{"value":"F"},"reconcile":{"tasks":[{"task_id":{"value":")" + task +
         "\"}" + (agent.empty() ? "" : R"(,"agent_id":{"value":")" + agent + "\"}") + "}]}}";
}

}  // namespace

TEST_CASE("statuses are forwarded with their uuid and acknowledgements go to the agent", "[master]") {
  MasterRig rig = launched();
  rig.status("t", 1, kUuid);
  CHECK(rig.take() == Lines{"UPDATE t TASK_RUNNING from EXECUTOR uuid"});
  CHECK(rig.call(acknowledge(kUuidText)).status == 202);
  CHECK(rig.take() == Lines{"1<- AckStatus t"});
}

TEST_CASE("an acknowledgement must look like a UUID", "[master]") {
  MasterRig rig = launched();
  const auto answer = rig.call(acknowledge(GENERATE("AAAAAAAAAAAAAAAAAAAAAA==", "c2hvcnQ=")));
  CHECK(answer.status == 400);
  CHECK(answer.body == "Failed to validate scheduler::Call: Not a valid UUID");
  CHECK(rig.take().empty());
}

TEST_CASE("resources are free as soon as the agent knows the end, though RUNNING is unacknowledged", "[master]") {
  MasterRig rig = launched();
  rig.pass(seconds(1));
  rig.take();
  rig.status("t", 1, kUuid, "TASK_FINISHED");
  CHECK(rig.take() == Lines{"UPDATE t TASK_RUNNING from EXECUTOR uuid"});
  rig.pass(seconds(1));
  CHECK(rig.take() == Lines{"OFFERS O2@S0 cpus:1; mem:64"});
}

TEST_CASE("reconciliation answers by what is known, agent given or not", "[master]") {
  MasterRig rig = launched();
  rig.status("t", 1, kUuid);
  rig.take();
  const auto [task, agent, answer] = GENERATE(table<std::string, std::string, std::string>({
      {"t", "S0", "t TASK_RUNNING RECONCILIATION 'Reconciliation: Latest task state' @S0"},
      {"t", "", "t TASK_RUNNING RECONCILIATION 'Reconciliation: Latest task state' @S0"},
      {"u", "S0", "u TASK_GONE RECONCILIATION 'Reconciliation: Task is unknown to the agent' @S0"},
      {"u", "", "u TASK_UNKNOWN RECONCILIATION 'Reconciliation: Task is unknown'"},
      {"u", "S9", "u TASK_UNKNOWN RECONCILIATION 'Reconciliation: Task is unknown' @S9"},
  }));
  CHECK(rig.call(reconcile(task, agent)).status == 202);
  CHECK(rig.take() == Lines{"UPDATE " + answer});
}

TEST_CASE("a launch on its way is known as staging", "[master]") {
  MasterRig rig = launched();
  rig.call(reconcile("t", "S0"));
  CHECK(rig.take() == Lines{"UPDATE t TASK_STAGING RECONCILIATION 'Reconciliation: Latest task state' @S0"});
}

TEST_CASE("implicit reconciliation tells of every task until its end is acknowledged", "[master]") {
  MasterRig rig = launched();
  const std::string implicit = R"({"type":"RECONCILE","framework_id":{"value":"F"},"reconcile":{}})";
  rig.status("t", 2, kUuid);
  rig.take();
  rig.call(implicit);
  CHECK(rig.take() == Lines{"UPDATE t TASK_FINISHED RECONCILIATION 'Reconciliation: Latest task state' @S0"});
  rig.call(acknowledge(kUuidText));
  rig.take();
  rig.call(implicit);
  CHECK(rig.take().empty());
}

TEST_CASE("an acknowledgement of another update does not complete a task", "[master]") {
  MasterRig rig = launched();
  rig.status("t", 2, kUuid);
  rig.call(acknowledge("MDEyMzQ1Njc4OWFiY2RlWg=="));
  rig.take();
  rig.call(reconcile("t", "S0"));
  CHECK(rig.take() == Lines{"UPDATE t TASK_FINISHED RECONCILIATION 'Reconciliation: Latest task state' @S0"});
}

TEST_CASE("KILL goes to the agent, unless it names a wrong one", "[master]") {
  MasterRig rig = launched();
  const auto kill = [&](const std::string& rest) {
    return rig.call(R"({"type":"KILL","framework_id":{"value":"F"},"kill":{"task_id":{"value":"t"})" + rest + "}}")
        .status;
  };
  CHECK(kill(R"(,"kill_policy":{"grace_period":{"nanoseconds":5}})") == 202);
  CHECK(rig.take() == Lines{"1<- KillTask t with policy"});
  CHECK(kill(R"(,"agent_id":{"value":"S5"})") == 202);
  CHECK(rig.take().empty());
}

TEST_CASE("KILL of an unknown task is answered like reconciliation", "[master]") {
  MasterRig rig = launched();
  rig.call(R"({"type":"KILL","framework_id":{"value":"F"},"kill":{"task_id":{"value":"u"}}})");
  CHECK(rig.take() == Lines{"UPDATE u TASK_UNKNOWN RECONCILIATION 'Reconciliation: Task is unknown'"});
}

TEST_CASE("messages pass both ways and SHUTDOWN reaches the agent", "[master]") {
  MasterRig rig = launched();
  rig.call(
      R"({"type":"MESSAGE","framework_id":{"value":"F"},"message":{"agent_id":{"value":"S0"},"executor_id":{"value":"e"},"data":"cGluZw=="}})");
  rig.call(
      R"({"type":"SHUTDOWN","framework_id":{"value":"F"},"shutdown":{"agent_id":{"value":"S0"},"executor_id":{"value":"e"}}})");
  rig.agent_says(1, local::ExecutorMessage{rig.framework_id(), "e", "pong"});
  CHECK(rig.take() == Lines{"1<- FrameworkMessage e ping", "1<- ShutdownExecutor e", "MESSAGE e pong"});
}

TEST_CASE("operations are unknown when asked about", "[master]") {
  MasterRig rig = launched();
  rig.call(
      R"({"type":"RECONCILE_OPERATIONS","framework_id":{"value":"F"},"reconcile_operations":{"operations":[{"operation_id":{"value":"op"}}]}})");
  CHECK(rig.take() == Lines{"OPERATION op OPERATION_UNKNOWN"});
}
