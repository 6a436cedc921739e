#include <catch2/catch.hpp>

#include "master_rig.hpp"
#include "mesos/record_decoder.hpp"
#include "mesos/v1/scheduler/scheduler.pb.h"

using local_test::Lines;
using local_test::MasterRig;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

MasterRig subscribed() {
  MasterRig rig;
  rig.add_agent();
  rig.subscribe();
  rig.take();
  return rig;
}

constexpr const char* kId = R"("id":{"value":"F"})";
constexpr const char* kCallId = R"(,"framework_id":{"value":"F"})";

std::string reconcile() { return R"({"type":"RECONCILE","framework_id":{"value":"F"},"reconcile":{}})"; }

}  // namespace

TEST_CASE("calls are checked in the order of Mesos", "[master]") {
  MasterRig rig = subscribed();
  const std::string path = "/api/v1/scheduler";
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const Headers json{{"Content-Type", "application/json"}};
  const auto check = [&](const Headers& headers, const std::string& body, int status, const std::string& text) {
    const auto answer = rig.post(path, body, headers);
    CHECK(answer.status == status);
    CHECK(answer.body == text);
  };
  check({}, "", 400, "Expecting 'Content-Type' to be present");
  check({{"Content-Type", "application/json; charset=utf-8"}}, "", 415,
        "Expecting 'Content-Type' of application/json or application/x-protobuf");
  check(json, "{}", 400, "Failed to validate scheduler::Call: Expecting 'type' to be present");
  check(json, R"({"type":"REVIVE"})", 400,
        "Failed to validate scheduler::Call: Expecting 'framework_id' to be present");
  check(json, R"({"type":"KILL","framework_id":{"value":"x"}})", 400,
        "Failed to validate scheduler::Call: Expecting 'kill' to be present");
  check(json, R"({"type":"REVIVE","framework_id":{"value":"x"}})", 400, "Framework cannot be found");
  check(json, reconcile(), 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
  check(
      {{"Content-Type", "application/json"}, {"Mesos-Stream-Id", "x"}}, reconcile(), 400,
      "The stream ID 'x' included in this request didn't match the stream ID currently associated with framework ID " +
          rig.framework_id());
}

TEST_CASE("routes ignore tails, know the process name and nothing above", "[master]") {
  MasterRig rig;
  const auto [path, status] = GENERATE(table<std::string, int>({{"/api/v1/scheduler", 400},
                                                                {"/master/api/v1/scheduler", 400},
                                                                {"/m%61ster/api/v1/scheduler/more", 400},
                                                                {"/api/v1/sched%75ler", 400},
                                                                {"/nope/api/v1/scheduler", 404},
                                                                {"/master/../api/v1", 404},
                                                                {"/redirect/x", 404},
                                                                {"/redirect", 307},
                                                                {"/health", 200}}));
  CAPTURE(path);
  CHECK(rig.post(path, "{}").status == status);
}

TEST_CASE("a refused subscription is 200, ERROR and the end of the stream", "[master]") {
  const auto [extra, message] = GENERATE(table<std::string, std::string>({
      {R"("roles":["a//b"])",
       "'FrameworkInfo.roles' contains invalid role: Role 'a//b' cannot contain two adjacent slashes"},
      {R"("roles":["a","a"])", "'FrameworkInfo.roles' contains duplicate items: { a }"},
      {R"("role":"x")", "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"},
      {R"("failover_timeout":1e10)", "The framework failover_timeout (1e+10) is invalid"},
  }));
  MasterRig rig;
  CHECK(rig.subscribe(extra).status == 200);
  CHECK(rig.take() == Lines{"ERROR " + message + " on 1", "CLOSE 1"});
}

TEST_CASE("a second subscription takes over: new stream first, then the old one ends", "[master]") {
  MasterRig rig = subscribed();
  CHECK(rig.subscribe(kId, kCallId).status == 200);
  CHECK(rig.take() == Lines{"SUBSCRIBED 0000 on 2", "HEARTBEAT", "ERROR Framework failed over on 1", "CLOSE 1",
                            "1<- UpdateFramework n"});
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS").size() == 1);  // Old offers were withdrawn without RESCIND.
}

TEST_CASE("a framework may return within its failover timeout, and is gone after it", "[master]") {
  const bool late = GENERATE(false, true);
  MasterRig rig = subscribed();
  rig.launch("O0", "t");
  rig.take();
  rig.close_stream();
  CHECK(rig.call(reconcile()).status == 403);
  CHECK(rig.take().empty());
  rig.pass(late ? seconds(10) : seconds(10) - milliseconds(1));
  rig.take();
  CHECK(rig.subscribe(kId, kCallId).status == 200);
  const Lines lines = rig.take();
  REQUIRE(!lines.empty());
  CHECK(lines[0] == (late ? "ERROR Framework has been removed on 4" : "SUBSCRIBED 0000 on 4"));
}

TEST_CASE("TEARDOWN ends the stream and the executors without any update", "[master]") {
  MasterRig rig = subscribed();
  rig.launch("O0", "t");
  rig.take();
  CHECK(rig.call(R"({"type":"TEARDOWN","framework_id":{"value":"F"}})").status == 202);
  CHECK(rig.take() == Lines{"CLOSE 1", "1<- ShutdownFramework 0000"});
  CHECK(rig.call(reconcile()).body == "Framework cannot be found");
  const auto tasks = rig.post("/api/v1", R"({"type":"GET_TASKS"})");
  CHECK(tasks.body.find(R"("tasks":[],"unreachable_tasks":[],"completed_tasks":[{)") != std::string::npos);
  CHECK(tasks.body.find("TASK_KILLED") != std::string::npos);
}

TEST_CASE("an id this master never gave is accepted", "[master]") {
  MasterRig rig;
  rig.subscribe(R"("id":{"value":"made-up"})", R"(,"framework_id":{"value":"made-up"})");
  CHECK(rig.take() == Lines{"SUBSCRIBED made-up on 1", "HEARTBEAT"});
}

TEST_CASE("UPDATE_FRAMEWORK replaces roles and refuses what cannot change", "[master]") {
  MasterRig rig = subscribed();
  const auto update = [&](const std::string& info) {
    return rig.call(
        R"({"type":"UPDATE_FRAMEWORK","framework_id":{"value":"F"},"update_framework":{"framework_info":{"name":"n","failover_timeout":10,)"
        R"("id":{"value":"F"},"capabilities":[{"type":"MULTI_ROLE"}],)" +
        info + "}}}");
  };
  CHECK(update(R"("user":"u","roles":["r"])").body ==
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update "
        "from 'true' to 'false'");
  CHECK(update(R"("user":"v","checkpoint":true,"roles":["r"])").body ==
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; attempted to update from 'u' "
        "to 'v'");
  CHECK(update(R"("user":"u","checkpoint":true,"roles":["/x"])").body ==
        "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains invalid role: Role '/x' cannot start with "
        "a slash");
  CHECK(rig.take().empty());
  CHECK(update(R"("user":"u","checkpoint":true,"roles":["s"])").status == 200);
  CHECK(rig.take() == Lines{"RESCIND O0", "1<- UpdateFramework n"});
}

TEST_CASE("with credentials everybody must authenticate, and as the same principal", "[master]") {
  MasterRig rig({.credentials = {{"fw", "secret"}, {"fw2", "secret2"}}});
  const std::string subscribe =
      R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["r"],)"
      R"("capabilities":[{"type":"MULTI_ROLE"}])";
  const auto with = [&](const std::string& authorization, const std::string& body) {
    return rig.post("/api/v1/scheduler", body,
                    {{"Content-Type", "application/json"}, {"Authorization", authorization}});
  };
  const std::string good = "Basic Znc6c2VjcmV0";
  const std::string bad =
      GENERATE("", "basic Znc6c2VjcmV0", "Basic Znc6bm9wZQ==", "Bearer Znc6c2VjcmV0", "Basic Znc6c2VjcmV0Og==");
  const auto refused = with(bad, subscribe + "}}}");
  CHECK(refused.status == 401);
  CHECK(refused.headers.front().second == "Basic realm=\"mesos-master-scheduler\"");
  CHECK(with(good, subscribe + R"(,"principal":"other"}}})").body ==
        "Failed to validate scheduler::Call: Authenticated principal 'fw' does not match principal 'other' set in "
        "`FrameworkInfo`");
  CHECK(with(good, subscribe + "}}}").status == 200);
  CHECK(with("Basic ZncyOnNlY3JldDI=", reconcile()).body ==
        "Authenticated principal 'fw2' does not match principal 'fw' set in `FrameworkInfo`");
}

TEST_CASE("a scheduler that accepts only protobuf gets protobuf records", "[master]") {
  local::Master master({}, base::Random(3), base::Time{});
  const auto result =
      master.http({.method = "POST",
                   .path = "/api/v1/scheduler",
                   .query = "",
                   .headers = {{"Content-Type", "application/json"}, {"Accept", "application/x-protobuf"}},
                   .body = R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}})"},
                  1, base::Time{});
  CHECK(result.answer.headers.back() == std::pair<std::string, std::string>{"Content-Type", "application/x-protobuf"});
  REQUIRE(result.actions.size() == 2);
  mesos_client::RecordDecoder decoder(4096);
  const auto records = decoder.feed(std::get<local::SendRecord>(result.actions[0]).bytes);
  REQUIRE(records);
  mesos::v1::scheduler::Event event;
  REQUIRE(event.ParseFromString(records->front()));
  CHECK(event.subscribed().framework_id().value() == master.id() + "-0000");
}

TEST_CASE("operators see agents, frameworks, executors and tasks", "[master]") {
  MasterRig rig = subscribed();
  rig.launch("O0", "t");
  const auto ask = [&](const std::string& type) {
    return rig.brief(rig.post("/api/v1", "{\"type\":\"" + type + "\"}").body);
  };
  CHECK(ask("GET_HEALTH") == R"({"type":"GET_HEALTH","get_health":{"healthy":true}})");
  CHECK(ask("GET_TASKS").find(R"("state":"TASK_STAGING")") != std::string::npos);
  CHECK(ask("GET_AGENTS").find(R"("pid":"slave(1)@10.0.0.1:5051")") != std::string::npos);
  CHECK(ask("GET_FRAMEWORKS").find(R"("active":true,"connected":true)") != std::string::npos);
  CHECK(ask("GET_EXECUTORS") == R"({"type":"GET_EXECUTORS","get_executors":{"executors":[]}})");
  CHECK(rig.post("/api/v1", R"({"type":"TEARDOWN","teardown":{"framework_id":{"value":"nope"}}})").body ==
        "No framework found with specified ID");
  CHECK(rig.post("/api/v1", R"({"type":"TEARDOWN","teardown":{"framework_id":{"value":"F"}}})").status == 200);
  CHECK(ask("GET_FRAMEWORKS").find(R"("frameworks":[],"completed_frameworks":[{)") != std::string::npos);
}
