#include "local/agent/update_streams.hpp"

#include <catch2/catch.hpp>

#include "mesos/v1/mesos.pb.h"

using namespace std::chrono_literals;
using local::TaskRef;
using local::UpdateStreams;

namespace {

const base::Time kStart{1'000s};
const TaskRef kTask{"F", "t"};

local::Shared<mesos::v1::TaskStatus> status(const std::string& uuid,
                                            mesos::v1::TaskState state = mesos::v1::TASK_RUNNING) {
  auto made = std::make_shared<mesos::v1::TaskStatus>();
  made->mutable_task_id()->set_value("t");
  made->set_state(state);
  made->set_uuid(uuid);
  return made;
}

std::vector<std::string> uuids(const UpdateStreams::Sends& sends) {
  std::vector<std::string> all;
  for (const auto& send : sends) all.push_back(send.status->uuid());
  return all;
}

using Uuids = std::vector<std::string>;

}  // namespace

TEST_CASE("one update of a task is in flight until it is acknowledged", "[update_streams]") {
  UpdateStreams streams(10s, 10min);
  CHECK(uuids(streams.resume(kStart)).empty());
  CHECK(uuids(streams.add(kTask, status("a"), true, kStart)) == Uuids{"a"});
  CHECK(uuids(streams.add(kTask, status("b"), true, kStart)).empty());
  CHECK(uuids(streams.add({"F", "other"}, status("c"), true, kStart)) == Uuids{"c"});

  const auto acknowledged = streams.acknowledge(kTask, "a", kStart);
  CHECK(acknowledged.known);
  CHECK_FALSE(acknowledged.terminal);
  CHECK(uuids(acknowledged.next) == Uuids{"b"});
}

TEST_CASE("an unacknowledged update is repeated after 10 s, doubling up to 10 min", "[update_streams]") {
  UpdateStreams streams(10s, 10min);
  streams.resume(kStart);
  streams.add(kTask, status("a"), true, kStart);
  base::Time now = kStart;
  for (const base::Duration wait : {10s, 20s, 40s, 80s, 160s, 320s, 600s, 600s}) {
    REQUIRE(streams.next_deadline() == now + wait);
    CHECK(uuids(streams.due(now + wait - 1ns)).empty());
    now += wait;
    CHECK(uuids(streams.due(now)) == Uuids{"a"});
  }
}

TEST_CASE("acknowledgements of anything but the update in flight change nothing", "[update_streams]") {
  UpdateStreams streams(10s, 10min);
  streams.resume(kStart);
  streams.add(kTask, status("a"), true, kStart);
  streams.add(kTask, status("b"), true, kStart);
  CHECK_FALSE(streams.acknowledge(kTask, "b", kStart).known);
  CHECK_FALSE(streams.acknowledge({"F", "x"}, "a", kStart).known);
  CHECK(streams.acknowledge(kTask, "a", kStart).known);
  CHECK_FALSE(streams.acknowledge(kTask, "a", kStart).known);
}

TEST_CASE("an update that was taken before is not sent again", "[update_streams]") {
  UpdateStreams streams(10s, 10min);
  streams.resume(kStart);
  streams.add(kTask, status("a"), true, kStart);
  streams.acknowledge(kTask, "a", kStart);
  CHECK(uuids(streams.add(kTask, status("a"), true, kStart)).empty());
}

TEST_CASE("a terminal update ends the stream when it is acknowledged", "[update_streams]") {
  const auto state =
      GENERATE(mesos::v1::TASK_FINISHED, mesos::v1::TASK_FAILED, mesos::v1::TASK_KILLED, mesos::v1::TASK_LOST,
               mesos::v1::TASK_ERROR, mesos::v1::TASK_DROPPED, mesos::v1::TASK_GONE);
  UpdateStreams streams(10s, 10min);
  streams.resume(kStart);
  streams.add(kTask, status("a", state), true, kStart);
  CHECK(streams.has(kTask));
  CHECK(streams.acknowledge(kTask, "a", kStart).terminal);
  CHECK_FALSE(streams.has(kTask));
}

TEST_CASE("without a master updates wait, and resuming sends the head of every stream", "[update_streams]") {
  UpdateStreams streams(10s, 10min);
  CHECK(uuids(streams.add(kTask, status("a"), true, kStart)).empty());
  CHECK(streams.next_deadline() == std::nullopt);
  streams.add(kTask, status("b"), true, kStart);
  streams.add({"G", "u"}, status("c"), true, kStart);
  CHECK(uuids(streams.resume(kStart)) == Uuids{"a", "c"});
  CHECK(uuids(streams.repeat("G", kStart)) == Uuids{"c"});
  streams.pause();
  CHECK(uuids(streams.repeat("G", kStart)).empty());
  CHECK(uuids(streams.due(kStart + 1h)).empty());
}

TEST_CASE("a restart forgets the streams that are not checkpointed", "[update_streams]") {
  UpdateStreams streams(10s, 10min);
  streams.add(kTask, status("a"), true, kStart);
  streams.add({"G", "u"}, status("b"), false, kStart);
  streams.forget_unsaved();
  CHECK(streams.has(kTask));
  CHECK_FALSE(streams.has_framework("G"));
}
