#include <catch2/catch.hpp>

#include "master_rig.hpp"

using local_test::Lines;
using local_test::MasterRig;
using std::chrono::seconds;

namespace {

constexpr const char* kExecutor =
    R"("executor":{"executor_id":{"value":"e"},"type":"CUSTOM","command":{"value":"run"},)"
    R"("resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]})";

MasterRig offered() {
  MasterRig rig;
  rig.add_agent();
  rig.subscribe();
  rig.take();
  return rig;
}

// ACCEPT of `offers` (JSON ids) with one LAUNCH of `tasks` (JSON).
std::string accept(const std::string& offers, const std::string& tasks, const std::string& operation_id = "") {
  return R"({"type":"ACCEPT","framework_id":{"value":"F"},"accept":{"offer_ids":[)" + offers +
         R"(],"operations":[{"type":"LAUNCH")" + operation_id + R"(,"launch":{"task_infos":[)" + tasks +
         R"(]}}],"filters":{"refuse_seconds":0}}})";
}

std::string task(const std::string& id, const std::string& rest, const std::string& agent = "S0") {
  return R"({"name":"t","task_id":{"value":")" + id + R"("},"agent_id":{"value":")" + agent + "\"}," + rest + "}";
}

std::string cpus(const std::string& value) {
  return R"("resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":)" + value + "}}]";
}

constexpr const char* kCommand = R"("command":{"value":"true"})";

}  // namespace

TEST_CASE("a launched task takes its resources and the rest comes back", "[master]") {
  MasterRig rig = offered();
  CHECK(rig.launch("O0", "t").status == 202);
  CHECK(rig.take() == Lines{"1<- RunTask t"});
  rig.pass(seconds(1));
  CHECK(rig.take() == Lines{"OFFERS O1@S0 ports:[31000-31099]; cpus:3; mem:4032"});
}

TEST_CASE("an executor is charged with its first task only and is listed in offers", "[master]") {
  MasterRig rig = offered();
  rig.launch("O0", "a", kExecutor);
  CHECK(rig.take() == Lines{"1<- RunTask a on new e"});
  rig.pass(seconds(1));
  CHECK(rig.take() == Lines{"OFFERS O1@S0 ports:[31000-31099]; cpus:2.5; mem:4000 +e"});
  rig.launch("O1", "b", kExecutor);
  CHECK(rig.take() == Lines{"1<- RunTask b on e"});
  rig.pass(seconds(1));
  CHECK(rig.take() == Lines{"OFFERS O2@S0 ports:[31000-31099]; cpus:1.5; mem:3936 +e"});
}

TEST_CASE("an executor's resources are free when it exits, not when its last task ends", "[master]") {
  MasterRig rig = offered();
  rig.launch("O0", "a", kExecutor);
  rig.status("a", 2, "0123456789abcdef");
  rig.take();
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS") == Lines{"OFFERS O1@S0 ports:[31000-31099]; cpus:3.5; mem:4064 +e"});
  rig.agent_says(1, local::ExitedExecutor{rig.framework_id(), "e", 768});
  CHECK(rig.take() == Lines{"FAILURE S0 e 768"});
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS") == Lines{"OFFERS O2@S0 cpus:0.5; mem:32"});
}

TEST_CASE("ExecutorInfo may differ from the running one only where Mesos does not compare", "[master]") {
  const auto [executor, accepted] = GENERATE(table<std::string, bool>({
      {R"("executor":{"executor_id":{"value":"e"},"type":"CUSTOM","command":{"value":"run","uris":[]},"shutdown_grace_period":{"nanoseconds":7},)"
       R"("labels":{"labels":[{"key":"k"}]},"name":"","resources":[{"name":"mem","type":"SCALAR","scalar":{"value":32}},)"
       R"({"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]})",
       true},
      {R"("executor":{"executor_id":{"value":"e"},"type":"CUSTOM","command":{"value":"walk"},)"
       R"("resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]})",
       false},
      {R"("executor":{"executor_id":{"value":"e"},"type":"CUSTOM","command":{"value":"run"},)"
       R"("resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.6}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]})",
       false},
      {R"("executor":{"executor_id":{"value":"e"},"command":{"value":"run"},)"
       R"("resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]})",
       false},
      {R"("executor":{"executor_id":{"value":"e"},"type":"CUSTOM","command":{"value":"run"},"resources":[{"name":"cpus","type":"SCALAR",)"
       R"("scalar":{"value":0.5},"allocation_info":{"role":"other"}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]})",
       false},
  }));
  CAPTURE(executor);
  MasterRig rig = offered();
  rig.launch("O0", "a", kExecutor);
  rig.pass(seconds(1));
  rig.take();
  rig.launch("O1", "b", executor);
  const Lines lines = rig.take();
  REQUIRE(lines.size() == 1);
  if (accepted) {
    CHECK(lines[0] == "1<- RunTask b on e");
  } else {
    CHECK(lines[0].rfind("UPDATE b TASK_ERROR TASK_INVALID 'ExecutorInfo is not compatible with existing ExecutorInfo "
                         "with same ExecutorID.",
                         0) == 0);
  }
}

TEST_CASE("offers that cannot be accepted together drop the tasks and are lost", "[master]") {
  const auto [offers, message] = GENERATE(table<std::string, std::string>({
      {"", "No offers specified"},
      {R"({"value":"O0"},{"value":"O0"})", "Duplicate offer O0 in offer list"},
      {R"({"value":"O0"},{"value":"O9"})", "Offer O9 is no longer valid"},
      {R"({"value":"O0"},{"value":"O1"})",
       "Aggregated offers must belong to one single agent. Offer O1 uses agent S1 and agent S0"},
  }));
  MasterRig rig;
  rig.add_agent();
  rig.add_agent("cpus:1;mem:64");
  rig.subscribe();
  rig.take();
  CHECK(rig.call(accept(offers, task("t", cpus("1") + "," + kCommand))).status == 202);
  CHECK(rig.take() ==
        Lines{"UPDATE t TASK_DROPPED INVALID_OFFERS 'Task launched with invalid offers: " + message + "' @S0"});
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS").size() == (offers.empty() ? 0 : 1));
}

TEST_CASE("each bad task is refused in the words of Mesos", "[master]") {
  const auto [bad, message] = GENERATE(table<std::string, std::string>({
      {task("a/b", cpus("1") + "," + kCommand), "a/b TASK_ERROR TASK_INVALID ''a/b' contains invalid characters' @S0"},
      {task("t", std::string(R"("resources":[],)") + kCommand),
       "t TASK_ERROR TASK_INVALID 'Task uses no resources' @S0"},
      {task("t", cpus("1") + "," + kCommand, "S7"),
       "t TASK_ERROR TASK_INVALID 'Task uses invalid agent S7 while agent S0 is expected' @S7"},
      {task("t", cpus("1")),
       "t TASK_ERROR TASK_INVALID 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo "
       "present' @S0"},
      {task("t", cpus("400") + "," + kCommand),
       "t TASK_ERROR TASK_INVALID 'Total resources cpus(allocated: r):400 required by task and its executor is more "
       "than available "
       "ports(allocated: r):[31000-31099]; cpus(allocated: r):4; mem(allocated: r):4096' @S0"},
      {task("t", cpus("-1") + "," + kCommand),
       "t TASK_ERROR TASK_INVALID 'Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0' @S0"},
  }));
  MasterRig rig = offered();
  rig.call(accept(R"({"value":"O0"})", bad));
  CHECK(rig.take() == Lines{"UPDATE " + message});
}

TEST_CASE("a bad task does not hold back a good one but a bad resource fails the whole operation", "[master]") {
  MasterRig rig = offered();
  const std::string good = task("good", cpus("1") + "," + kCommand);
  rig.call(accept(R"({"value":"O0"})", task("bad/id", cpus("1") + "," + kCommand) + "," + good));
  CHECK(rig.take() ==
        Lines{"UPDATE bad/id TASK_ERROR TASK_INVALID ''bad/id' contains invalid characters' @S0", "1<- RunTask good"});
  rig.pass(seconds(1));
  rig.take();
  rig.call(accept(R"({"value":"O1"})",
                  task("worse", cpus("0") + "," + kCommand) + "," + task("bystander", cpus("1") + "," + kCommand)));
  CHECK(rig.take().size() == 2);
}

TEST_CASE("a task id is taken until its end is acknowledged", "[master]") {
  MasterRig rig = offered();
  rig.launch("O0", "t");
  rig.status("t", 2, "0123456789abcdef");
  rig.pass(seconds(1));
  rig.take();
  rig.launch("O1", "t");
  CHECK(rig.take() == Lines{"UPDATE t TASK_ERROR TASK_INVALID 'Task has duplicate ID: t' @S0"});
}

TEST_CASE("a LAUNCH with an operation id fails its tasks", "[master]") {
  MasterRig rig = offered();
  rig.call(accept(R"({"value":"O0"})", task("t", cpus("1") + "," + kCommand), R"(,"id":{"value":"op"})"));
  CHECK(rig.take() ==
        Lines{"UPDATE t TASK_ERROR TASK_INVALID 'The `id` field cannot be set on LAUNCH operations' @S0"});
}

TEST_CASE("a task group is launched whole or not at all", "[master]") {
  const std::string executor =
      R"({"executor_id":{"value":"g"},"type":"CUSTOM","command":{"value":"run"},"framework_id":{"value":"F"},"resources":[)"
      R"({"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}},)"
      R"({"name":"disk","type":"SCALAR","scalar":{"value":16}}]})";
  const auto group = [&](const std::string& tasks) {
    return R"({"type":"ACCEPT","framework_id":{"value":"F"},"accept":{"offer_ids":[{"value":"O0"}],"operations":[{"type":"LAUNCH_GROUP",)"
           R"("launch_group":{"executor":)" +
           executor + R"(,"task_group":{"tasks":[)" + tasks + "]}}}]}}";
  };
  MasterRig rig;
  rig.add_agent("cpus:4;mem:4096;disk:100");
  rig.subscribe();
  rig.take();
  SECTION("whole") {
    rig.call(group(task("a", cpus("1")) + "," + task("b", cpus("1"))));
    CHECK(rig.take() == Lines{"1<- RunGroup a b on new g"});
  }
  SECTION("not at all") {
    rig.call(group(task("a", cpus("1")) + "," + task("b", cpus("9"))));
    const Lines lines = rig.take();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].rfind("UPDATE a TASK_ERROR TASK_GROUP_INVALID 'Total resources", 0) == 0);
    CHECK(lines[1].rfind("UPDATE b TASK_ERROR TASK_GROUP_INVALID 'Total resources", 0) == 0);
  }
}

TEST_CASE("operations the stand-in does not know fail with an answer only if they have an id", "[master]") {
  MasterRig rig = offered();
  const auto reserve = [](const std::string& id) {
    return R"({"type":"ACCEPT","framework_id":{"value":"F"},"accept":{"offer_ids":[{"value":"O0"}],"operations":[{"type":"RESERVE")" +
           id + R"(,"reserve":{"resources":[]}}],"filters":{"refuse_seconds":0}}})";
  };
  const std::string id = GENERATE("", R"(,"id":{"value":"op"})");
  rig.call(reserve(id));
  CHECK(rig.take() == (id.empty() ? Lines{} : Lines{"OPERATION op OPERATION_ERROR"}));
}
