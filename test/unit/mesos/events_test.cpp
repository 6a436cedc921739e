// Reading the events of a scheduler's stream into a message that is used again.
#include "mesos/events.hpp"

#include <catch2/catch.hpp>

#include "mesos/v1/scheduler/scheduler.pb.h"

using namespace mesos_client;
using mesos::v1::scheduler::Event;

namespace {

Event error_event(const std::string& message) {
  Event event;
  event.set_type(Event::ERROR);
  event.mutable_error()->set_message(message);
  return event;
}

Event offers_event(int offers) {
  Event event;
  event.set_type(Event::OFFERS);
  for (int i = 0; i < offers; ++i) {
    auto& offer = *event.mutable_offers()->add_offers();
    offer.mutable_id()->set_value("O" + std::to_string(i));
    offer.mutable_framework_id()->set_value("F");
    offer.mutable_agent_id()->set_value("S");
    offer.set_hostname("h");
  }
  return event;
}

}  // namespace

TEST_CASE("nothing of an event is left in the next one", "[events]") {
  const auto codec = GENERATE(Codec::json, Codec::protobuf);
  // Large ones too, after which the message is a new one.
  for (const Event& sent : {offers_event(3), error_event("x"), offers_event(5000), offers_event(1), error_event("")}) {
    const auto read = read_scheduler_event(codec, encode(codec, sent));
    REQUIRE(read);
    CHECK((*read)->SerializeAsString() == sent.SerializeAsString());
  }
}

TEST_CASE("an unreadable record is refused in decode()'s words, and the next one is read", "[events]") {
  const auto codec = GENERATE(Codec::json, Codec::protobuf);
  Event event;
  const auto refused = read_scheduler_event(codec, "{garbage");
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == decode(codec, "{garbage", event).error());
  const auto read = read_scheduler_event(codec, encode(codec, error_event("x")));
  REQUIRE(read);
  CHECK((*read)->error().message() == "x");
}
