#include <catch2/catch.hpp>

#include "mesos/calls.hpp"
#include "mesos/codec.hpp"
#include "mesos/events.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

using namespace mesos_client;
using mesos::v1::scheduler::Call;

TEST_CASE("the codec's names are those of the flag and of the headers", "[codec]") {
  CHECK(*parse_codec("json") == Codec::json);
  CHECK(*parse_codec("protobuf") == Codec::protobuf);
  CHECK(parse_codec("JSON").error().text == "'JSON' is neither json nor protobuf");
  CHECK(content_type(Codec::json) == "application/json");
  CHECK(content_type(Codec::protobuf) == "application/x-protobuf");
  CHECK(codec_name(Codec::protobuf) == "protobuf");
}

TEST_CASE("a call survives both codecs", "[codec]") {
  const auto codec = GENERATE(Codec::json, Codec::protobuf);
  const std::string uuid("\x00\xff\x10zz", 5);
  const Call sent = acknowledge_call("F", "A", "t.\xc3\xa4\"\\\n", uuid);
  Call read;
  read.mutable_accept();  // Must be gone afterwards.
  REQUIRE(decode(codec, encode(codec, sent), read));
  CHECK(read.SerializeAsString() == sent.SerializeAsString());
}

TEST_CASE("refusals of a body read word for word as Mesos's", "[codec]") {
  const auto [codec, body, text] = GENERATE(table<Codec, std::string, std::string>({
      {Codec::json, "", "Failed to parse body into JSON: syntax error at line 1 near: "},
      {Codec::json, "{\"type\":", "Failed to parse body into JSON: syntax error at line 1 near: "},
      {Codec::json, "{}x",
       "Failed to parse body into JSON: Parsed JSON included non-whitespace trailing characters: x"},
      {Codec::json, "[]", "Failed to convert JSON into Call protobuf: Expecting a JSON object"},
      {Codec::json, "{\"type\":1}",
       "Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'type'"},
      {Codec::json, "{\"kill\":{}}",
       "Failed to convert JSON into Call protobuf: Missing required fields: kill.task_id"},
      {Codec::protobuf, "{}", "Failed to parse body into Call protobuf"},
      {Codec::protobuf, std::string("\x32\x00", 2), "Failed to parse body into Call protobuf"},  // kill without task_id
  }));
  CAPTURE(body);
  Call call;
  const auto status = decode(codec, body, call);
  REQUIRE_FALSE(status);
  CHECK(status.error().message() == text);
}

TEST_CASE("a session is told of an event what it needs to know", "[codec]") {
  using Kind = StreamEvent::Kind;
  mesos::v1::scheduler::Event event;
  CHECK(stream_event(event) == StreamEvent{Kind::other, 0, ""});
  event.set_type(mesos::v1::scheduler::Event::SUBSCRIBED);
  event.mutable_subscribed()->set_heartbeat_interval_seconds(15);
  CHECK(stream_event(event) == StreamEvent{Kind::subscribed, 15, ""});
  event.set_type(mesos::v1::scheduler::Event::ERROR);
  event.mutable_error()->set_message("Framework failed over");
  CHECK(stream_event(event) == StreamEvent{Kind::error, 0, "Framework failed over"});
  event.set_type(mesos::v1::scheduler::Event::HEARTBEAT);
  CHECK(stream_event(event) == StreamEvent{Kind::heartbeat, 0, ""});

  mesos::v1::executor::Event at_agent;
  at_agent.set_type(mesos::v1::executor::Event::SHUTDOWN);
  CHECK(stream_event(at_agent) == StreamEvent{Kind::shutdown, 0, ""});
  at_agent.set_type(mesos::v1::executor::Event::SUBSCRIBED);
  CHECK(stream_event(at_agent).kind == Kind::unreadable);  // Some other API's SUBSCRIBED.
  at_agent.mutable_subscribed()->mutable_executor_info();
  CHECK(stream_event(at_agent) == StreamEvent{Kind::subscribed, 0, ""});
}
