#include "scheduler/edge/launch_calls.hpp"

#include <google/protobuf/util/message_differencer.h>

#include <catch2/catch.hpp>

#include "mesos/calls.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/edge/translate_resources.hpp"

namespace {

using mesos_client::Codec;
using Call = mesos::v1::scheduler::Call;

const std::string kOdd = "a\"b\\c\n\x01/\xc3\xa4";

core::Piece piece(core::Dimension dimension, const std::string& name, std::int64_t amount, bool reserved = false) {
  mesos::v1::Resource shape;
  shape.set_name(name);
  shape.set_type(mesos::v1::Value::SCALAR);
  shape.mutable_allocation_info()->set_role(kOdd);
  if (reserved) shape.add_reservations()->set_role("diego");
  return {dimension, amount, shape.SerializePartialAsString(), reserved};
}

mesos::v1::ExecutorInfo executor() {
  mesos::v1::ExecutorInfo info;
  info.set_type(mesos::v1::ExecutorInfo::CUSTOM);
  info.mutable_executor_id()->set_value("E");
  info.mutable_command()->set_value("run \"it\"");
  *info.add_resources() = edge::resource_of(piece(core::Dimension::mem, "mem", 512));
  return info;
}

core::Accept accept() {
  core::Accept accept{"S", {"O1", kOdd}, executor().SerializeAsString(), {}};
  accept.launches.push_back({"p.3.abcd2345",
                             {core::Kind::lrp, "p", 3},
                             "apps",
                             "trace",
                             "{\"x\":1}",
                             {piece(core::Dimension::cpus, "cpus", 105), piece(core::Dimension::mem, "mem", 128, true),
                              piece(core::Dimension::mem, "mem", 7)}});
  accept.launches.push_back({kOdd, {core::Kind::task, kOdd, 0}, "", "", kOdd, {}});
  return accept;
}

// As a message, field by field.
mesos::v1::TaskInfo task_of(const core::Launch& launch, const std::string& agent_id) {
  const bool is_lrp = launch.key.kind == core::Kind::lrp;
  mesos::v1::TaskInfo task;
  task.set_name(core::to_string(launch.key));
  task.mutable_task_id()->set_value(launch.task_id);
  task.mutable_agent_id()->set_value(agent_id);
  for (const core::Piece& one : launch.pieces) *task.add_resources() = edge::resource_of(one);
  *task.mutable_executor() = executor();
  task.set_data(launch.element);
  const auto label = [&task](const std::string& key, const std::string& value) {
    if (value.empty()) return;
    auto* added = task.mutable_labels()->add_labels();
    added->set_key(key);
    added->set_value(value);
  };
  label("diego.kind", is_lrp ? "lrp" : "task");
  label(is_lrp ? "diego.process_guid" : "diego.task_guid", launch.key.guid);
  if (is_lrp) label("diego.index", std::to_string(launch.key.index));
  label("diego.domain", launch.domain);
  label("diego.trace_id", launch.trace_id);
  task.mutable_discovery()->set_visibility(mesos::v1::DiscoveryInfo::CLUSTER);
  task.mutable_discovery()->set_name(launch.key.guid);
  return task;
}

Call decoded(Codec codec, const std::string& bytes) {
  Call call;
  const auto done = mesos_client::decode(codec, bytes, call);
  INFO(bytes);
  REQUIRE(done);
  return call;
}

bool same(const Call& a, const Call& b) { return google::protobuf::util::MessageDifferencer::Equals(a, b); }

}  // namespace

TEST_CASE("an ACCEPT put together from parts is the message it stands for", "[translate]") {
  const Codec codec = GENERATE(Codec::json, Codec::protobuf);
  edge::LaunchCalls calls(codec);
  std::vector<mesos::v1::TaskInfo> tasks;
  for (const core::Launch& launch : accept().launches) tasks.push_back(task_of(launch, "S"));
  const Call expected = mesos_client::accept_call(kOdd, accept().offer_ids, tasks, base::Duration{0});
  for (int i = 0; i < 2; ++i) {  // The second time from what was kept.
    const Call got = decoded(codec, calls.accept(kOdd, accept()));
    INFO(got.DebugString() << expected.DebugString());
    CHECK(same(got, expected));
  }
}

TEST_CASE("an ACKNOWLEDGE put together from parts is the message it stands for", "[translate]") {
  const Codec codec = GENERATE(Codec::json, Codec::protobuf);
  const std::string uuid("\x00\x01\xff\"456789abcdef", 16);
  const Call got = decoded(codec, edge::LaunchCalls(codec).acknowledge("F", {"S", kOdd, uuid}));
  CHECK(same(got, mesos_client::acknowledge_call("F", "S", kOdd, uuid)));
}
