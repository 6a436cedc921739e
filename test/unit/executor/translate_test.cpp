#include <catch2/catch.hpp>

#include "cell.pb.h"
#include "executor/edge/translate.hpp"
#include "mesos/codec.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"

using namespace executor;

namespace {

mesos::v1::executor::Event event(const std::string& json) {
  mesos::v1::executor::Event event;
  REQUIRE(mesos_client::decode(mesos_client::Codec::json, json, event));
  return event;
}

template <class T>
T only(const std::vector<Event>& events) {
  REQUIRE(events.size() == 1);
  REQUIRE(std::holds_alternative<T>(events[0]));
  return std::get<T>(events[0]);
}

const char* const kSubscribed = R"({"type":"SUBSCRIBED","subscribed":{
  "executor_info":{"type":"CUSTOM","executor_id":{"value":"e"},"command":{"shell":true,"value":"x"},
                   "container":{"type":"MESOS","linux_info":{"share_cgroups":true}}},
  "framework_info":{"user":"root","name":"n","capabilities":[{"type":"TASK_KILLING_STATE"}]},
  "agent_info":{"hostname":"h","resources":[{"name":"mem","type":"SCALAR","scalar":{"value":2048}},
    {"name":"mem","type":"SCALAR","scalar":{"value":1024},"revocable":{}},
    {"name":"disk","type":"SCALAR","scalar":{"value":4096}}],
    "attributes":[{"name":"zone","type":"TEXT","text":{"value":"z1"}}]}}})";

}  // namespace

TEST_CASE("SUBSCRIBED tells capacity, capability and the ExecutorInfo without what it did not set", "[translate]") {
  const auto message = event(kSubscribed);
  const auto subscribed = only<Subscribed>(events_of(message, true));
  CHECK(subscribed.killing_state_wanted);
  CHECK(subscribed.agent_mem_mb == 2048);
  CHECK(subscribed.agent_disk_mb == 4096);
  CHECK(zone_of(message) == "z1");
  mesos::v1::ExecutorInfo info;
  REQUIRE(info.ParseFromString(subscribed.executor_info));
  CHECK(info.command().value() == "x");
  CHECK_FALSE(info.command().has_shell());
  CHECK_FALSE(info.container().linux_info().has_share_cgroups());
  CHECK(only<Subscribed>(events_of(message, false)).executor_info ==
        message.subscribed().executor_info().SerializeAsString());
}

TEST_CASE("LAUNCH and LAUNCH_GROUP bring tasks with data and trace", "[translate]") {
  const std::string task = R"({"name":"n","task_id":{"value":"a.0.x"},"agent_id":{"value":"s"},"data":"e30=",
    "labels":{"labels":[{"key":"diego.trace_id","value":"abc"}]}})";
  const auto one = only<TasksLaunched>(events_of(event(R"({"type":"LAUNCH","launch":{"task":)" + task + "}}"), true));
  REQUIRE(one.tasks.size() == 1);
  CHECK(one.tasks[0].task_id == "a.0.x");
  CHECK(one.tasks[0].data == "{}");
  CHECK(one.tasks[0].trace_id == "abc");
  const auto group =
      event(R"({"type":"LAUNCH_GROUP","launch_group":{"task_group":{"tasks":[)" + task + "," + task + "]}}}");
  CHECK(only<TasksLaunched>(events_of(group, true)).tasks.size() == 2);
  CHECK(tasks_of(group).size() == 2);
}

TEST_CASE("messages that are none of ours are ignored", "[translate]") {
  cell::v1::ToExecutor drain;
  drain.mutable_drain();
  mesos::v1::executor::Event message;
  message.set_type(mesos::v1::executor::Event::MESSAGE);
  message.mutable_message()->set_data(drain.SerializeAsString());
  CHECK(std::holds_alternative<DrainRequested>(events_of(message, true).at(0)));
  message.mutable_message()->set_data("\xff\xff garbage");
  CHECK(events_of(message, true).empty());
  CHECK(events_of(event(R"({"type":"HEARTBEAT"})"), true).empty());
}

TEST_CASE("a report is cut to what a message may hold, and says so", "[translate]") {
  CellReport report{.cell_id = "c", .rep_answers = true};
  report.cell.zone = "z1";
  report.cell.total = {1, 2, 3};
  for (int i = 0; i < 2000; ++i)
    report.work.push_back({std::string(60, 'a') + std::to_string(i), "domain", 1, 2, "RUNNING"});
  const std::string bytes = report_message(report);
  CHECK(bytes.size() <= 64 * 1024);
  cell::v1::ToScheduler message;
  REQUIRE(message.ParseFromString(bytes));
  CHECK(message.state().work_is_cut());
  CHECK(message.state().work_size() > 500);
  CHECK(message.state().total().containers() == 3);
  report.work.resize(1);
  REQUIRE(message.ParseFromString(report_message(report)));
  CHECK_FALSE(message.state().work_is_cut());
  CHECK(message.state().work(0).rep_state() == "RUNNING");
}

TEST_CASE("a report says how the rep's garden is and how many others start", "[translate]") {
  CellReport report{.cell_id = "c", .rep_answers = true};
  report.cell.available = {4, 5, 6};
  report.cell.starting_container_count = 3;
  report.others_starting = 2;
  cell::v1::ToScheduler message;
  REQUIRE(message.ParseFromString(report_message(report)));
  CHECK_FALSE(message.state().garden_unhealthy());
  CHECK(message.state().available().memory_mb() == 4);
  CHECK(message.state().starting_containers() == 3);
  CHECK(message.state().others_starting() == 2);
  report.cell.garden_healthy = false;
  REQUIRE(message.ParseFromString(report_message(report)));
  CHECK(message.state().garden_unhealthy());
}

TEST_CASE("metrics are cut to what a message may hold by whole instances, which are counted", "[translate]") {
  SendMetrics metrics{"c", {}};
  for (int i = 0; i < 2000; ++i) metrics.usage.push_back({std::string(60, 'a') + std::to_string(i), 10, 1 << 30, 5});
  const std::string bytes = metrics_message(metrics);
  CHECK(bytes.size() <= 64 * 1024);
  CHECK(bytes.size() > 60 * 1024);
  cell::v1::ToScheduler message;
  REQUIRE(message.ParseFromString(bytes));
  CHECK(message.metrics().dropped() == 2000 - message.metrics().usage_size());
  metrics.usage.resize(2);
  REQUIRE(message.ParseFromString(metrics_message(metrics)));
  CHECK(message.metrics().dropped() == 0);
  REQUIRE(message.metrics().usage_size() == 2);
  CHECK(message.metrics().usage(1).memory_bytes() == 1 << 30);
}

TEST_CASE("an update becomes a status with its uuid, time and message", "[translate]") {
  const auto status = status_of(
      {"a.0.x", TaskState::killing, std::string(16, 'u'), base::Time(std::chrono::milliseconds(1500)), "why"});
  CHECK(status.task_id().value() == "a.0.x");
  CHECK(status.state() == mesos::v1::TASK_KILLING);
  CHECK(status.uuid() == std::string(16, 'u'));
  CHECK(status.timestamp() == 1.5);
  CHECK(status.message() == "why");
  CHECK_FALSE(status.has_reason());
}

TEST_CASE("a task that ended with its cell says so as an agent would", "[translate]") {
  const auto status = status_of({"a.0.x", TaskState::failed, std::string(16, 'u'), base::Time{}, "why", true});
  CHECK(status.reason() == mesos::v1::TaskStatus::REASON_EXECUTOR_TERMINATED);
}
