// The calls as they stand in recorded sessions with a real master and agent.
#include <catch2/catch.hpp>

#include "mesos/calls.hpp"
#include "mesos/codec.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

using namespace mesos_client;
using namespace std::chrono_literals;

namespace {

std::string json(const google::protobuf::Message& call) { return encode(Codec::json, call); }

mesos::v1::TaskInfo task(const std::string& id) {
  mesos::v1::TaskInfo task;
  task.set_name(id);
  task.mutable_task_id()->set_value(id);
  task.mutable_agent_id()->set_value("A");
  return task;
}

const std::string kUuid("\xdd\xc4\x22\x4c\x94\x53\x4f\x52\xbb\xb2\x9a\x65\xab\x5d\x25\xf1", 16);
const std::string kUuidText = "3cQiTJRTT1K7spplq10l8Q==";

}  // namespace

TEST_CASE("scheduler calls have their type, the framework id and their body, also an empty one", "[calls]") {
  mesos::v1::FrameworkInfo info;
  info.set_user("u");
  info.set_name("n");
  CHECK(json(subscribe_call(info, {})) ==
        R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}})");
  info.mutable_id()->set_value("F");
  CHECK(
      json(subscribe_call(info, {"r"})) ==
      R"({"framework_id":{"value":"F"},"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","id":{"value":"F"}},"suppressed_roles":["r"]}})");

  const std::string head = R"({"framework_id":{"value":"F"},"type":)";
  CHECK(
      json(accept_call("F", {"O1", "O2"}, {task("t1"), task("t2")}, 0s)) ==
      head +
          R"("ACCEPT","accept":{"offer_ids":[{"value":"O1"},{"value":"O2"}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[)" +
          R"({"name":"t1","task_id":{"value":"t1"},"agent_id":{"value":"A"}},{"name":"t2","task_id":{"value":"t2"},"agent_id":{"value":"A"}})" +
          R"(]}}],"filters":{"refuse_seconds":0.0}}})");
  CHECK(json(accept_call("F", {"O1"}, {}, 1s)) ==
        head + R"("ACCEPT","accept":{"offer_ids":[{"value":"O1"}],"filters":{"refuse_seconds":1.0}}})");
  CHECK(json(decline_call("F", {"O1"}, 10min)) ==
        head + R"("DECLINE","decline":{"offer_ids":[{"value":"O1"}],"filters":{"refuse_seconds":600.0}}})");
  CHECK(json(revive_call("F", {})) == head + R"("REVIVE","revive":{}})");
  CHECK(json(revive_call("F", {"a"})) == head + R"("REVIVE","revive":{"roles":["a"]}})");
  CHECK(json(suppress_call("F", {})) == head + R"("SUPPRESS","suppress":{}})");
  CHECK(
      json(kill_call("F", "t", "A", 5s)) ==
      head +
          R"("KILL","kill":{"task_id":{"value":"t"},"agent_id":{"value":"A"},"kill_policy":{"grace_period":{"nanoseconds":5000000000}}}})");
  CHECK(json(kill_call("F", "t", "")) == head + R"("KILL","kill":{"task_id":{"value":"t"}}})");
  CHECK(json(shutdown_call("F", "E", "A")) ==
        head + R"("SHUTDOWN","shutdown":{"executor_id":{"value":"E"},"agent_id":{"value":"A"}}})");
  CHECK(json(acknowledge_call("F", "A", "t", kUuid)) ==
        head + R"("ACKNOWLEDGE","acknowledge":{"agent_id":{"value":"A"},"task_id":{"value":"t"},"uuid":")" + kUuidText +
            R"("}})");
  CHECK(json(reconcile_call("F", {})) == head + R"("RECONCILE","reconcile":{}})");
  CHECK(
      json(reconcile_call("F", {{"t1", "A"}, {"t2", ""}})) ==
      head +
          R"("RECONCILE","reconcile":{"tasks":[{"task_id":{"value":"t1"},"agent_id":{"value":"A"}},{"task_id":{"value":"t2"}}]}})");
  CHECK(json(message_call("F", "A", "E", "x")) ==
        head + R"("MESSAGE","message":{"agent_id":{"value":"A"},"executor_id":{"value":"E"},"data":"eA=="}})");
  CHECK(json(teardown_call("F")) == R"({"framework_id":{"value":"F"},"type":"TEARDOWN"})");
  CHECK(
      json(accept_inverse_offers_call("F", {"I"}, 5s)) ==
      head +
          R"("ACCEPT_INVERSE_OFFERS","accept_inverse_offers":{"inverse_offer_ids":[{"value":"I"}],"filters":{"refuse_seconds":5.0}}})");
  CHECK(
      json(decline_inverse_offers_call("F", {"I"}, 5s)) ==
      head +
          R"("DECLINE_INVERSE_OFFERS","decline_inverse_offers":{"inverse_offer_ids":[{"value":"I"}],"filters":{"refuse_seconds":5.0}}})");
  CHECK(json(acknowledge_operation_call("F", "A", "op", kUuid)) ==
        head + R"("ACKNOWLEDGE_OPERATION_STATUS","acknowledge_operation_status":{"agent_id":{"value":"A"},"uuid":")" +
            kUuidText + R"(","operation_id":{"value":"op"}}})");
}

TEST_CASE("executor calls carry both ids, and an update its source and executor", "[calls]") {
  const std::string head = R"({"executor_id":{"value":"E"},"framework_id":{"value":"F"},"type":)";
  CHECK(json(executor_subscribe_call("F", "E", {}, {})) == head + R"("SUBSCRIBE","subscribe":{}})");

  mesos::v1::TaskStatus status;
  status.mutable_task_id()->set_value("t");
  status.set_state(mesos::v1::TASK_RUNNING);
  status.set_uuid(kUuid);
  const std::string update =
      R"({"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING","executor_id":{"value":"E"},"source":"SOURCE_EXECUTOR","uuid":")" +
      kUuidText + R"("}})";
  const auto call = executor_update_call("F", "E", status);
  CHECK(json(call) == head + R"("UPDATE","update":)" + update + "}");
  CHECK(
      json(executor_subscribe_call("F", "E", {task("t")}, {call.update().status()})) ==
      head +
          R"("SUBSCRIBE","subscribe":{"unacknowledged_tasks":[{"name":"t","task_id":{"value":"t"},"agent_id":{"value":"A"}}],"unacknowledged_updates":[)" +
          update + "]}}");
  CHECK(json(executor_message_call("F", "E", "x")) == head + R"("MESSAGE","message":{"data":"eA=="}})");
}
