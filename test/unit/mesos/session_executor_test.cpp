// The executor's subscription: the same machine under an agent's rules.
#include <catch2/catch.hpp>

#include "session_rig.hpp"

using namespace mesos_client;
using namespace mesos_client::test;
using namespace std::chrono_literals;

namespace {

const std::string kAgent = "http://127.0.0.1:5051/slave(1)/api/v1/executor";

SessionConfig agent() {
  SessionConfig config;
  config.peer = SessionConfig::Peer::agent;
  config.urls = {kAgent};
  config.backoff_max = 2s;
  config.recovery_timeout = 15min;
  return config;
}

SessionRig up(SessionConfig config = agent()) {
  SessionRig rig(std::move(config));
  rig.start();
  rig.head(200);
  rig.subscribed_event(0);
  REQUIRE(rig.session.subscribed());
  return rig;
}

}  // namespace

TEST_CASE("an agent's stream needs no stream id and has no watchdog", "[session][executor]") {
  SessionRig rig(agent());
  CHECK(rig.start() == Lines{"connect 1 " + kAgent});
  CHECK(rig.head(200) == Lines{});
  CHECK(rig.subscribed_event(0) == Lines{"subscribed 1 " + kAgent + " []"});
  CHECK_FALSE(rig.session.next_deadline());
  rig.now += 29min;
  rig.event({StreamEvent::Kind::other, 0, ""});
  CHECK_FALSE(rig.session.next_deadline());
}

TEST_CASE("a restarting agent is asked again and again within half the announced delay", "[session][executor]") {
  SessionRig rig = up();
  CHECK(rig.ended("the peer ended the stream") == Lines{"lost: the peer ended the stream", "disconnect 1"});
  base::Duration shortest = 1h, longest{};
  for (int i = 0; i < 100; ++i) {
    const auto delay = rig.until_due();
    shortest = std::min(shortest, delay);
    longest = std::max(longest, delay);
    REQUIRE(rig.tick().size() == 1);
    i % 2 == 0 ? rig.ended("connection refused") : rig.answer(503, "Agent has not finished recovery");
  }
  CHECK(longest <= 1s);
  CHECK(shortest < 300ms);
}

TEST_CASE("an outage ends with the recovery timeout, counted from its first loss", "[session][executor]") {
  SessionRig rig = up();
  const base::Time lost_at = rig.now += 1h;
  rig.ended("gone");
  Lines lines;
  int tries = 0;
  for (; tries < 100'000; ++tries) {
    lines = rig.tick();
    if (lines.back().starts_with("given up")) break;
    rig.ended("connection refused");
    if (!rig.session.next_deadline()) break;
  }
  CHECK(tries > 900);
  CHECK(lines == Lines{"given up (3): no agent to resubscribe with for 900000 ms"});
  CHECK(rig.now - lost_at == 15min);
}

TEST_CASE("a subscription between two losses starts the recovery timeout anew", "[session][executor]") {
  SessionRig rig = up();
  rig.ended("gone");
  rig.now += 10min;
  CHECK(rig.tick() == Lines{"connect 2 " + kAgent});
  rig.head(200);
  rig.subscribed_event(0);
  rig.ended("gone");
  rig.now += 10min;
  CHECK(rig.tick() == Lines{"connect 3 " + kAgent});
}

TEST_CASE("an outage ends in the middle of a try, too", "[session][executor]") {
  SessionRig rig = up();
  rig.ended("gone");
  rig.tick();
  rig.head(200);
  rig.now += 15min;
  CHECK(rig.tick() == Lines{"disconnect 2", "given up (3): no agent to resubscribe with for 900000 ms"});
}

TEST_CASE("without checkpointing the first loss is final", "[session][executor]") {
  SessionConfig config = agent();
  config.recovery_timeout = 0s;
  SessionRig rig = up(config);
  CHECK(rig.ended("the peer ended the stream") == Lines{"lost: the peer ended the stream", "disconnect 1",
                                                        "given up (3): no agent to resubscribe with for 0 ms"});
}

TEST_CASE("a session that gave up has the whole time again when restarted", "[session][executor]") {
  SessionRig rig = up();
  rig.ended("gone");
  rig.now += 15min;
  rig.tick();
  REQUIRE_FALSE(rig.session.next_deadline());
  CHECK(rig.restart("told to") == Lines{"connect 2 " + kAgent});
  rig.ended("connection refused");
  CHECK(rig.tick() == Lines{"connect 3 " + kAgent});
}

TEST_CASE("the first subscription has a time limit of its own", "[session][executor]") {
  SessionConfig config = agent();
  config.recovery_timeout = 0s;
  SessionRig rig(config);
  const base::Time began = rig.now;
  rig.start();
  Lines lines;
  while (true) {
    rig.ended("connection refused");
    lines = rig.tick();
    if (lines.back().starts_with("given up")) break;
  }
  CHECK(lines == Lines{"given up (3): not subscribed within 60000 ms"});
  CHECK(rig.now - began == 1min);
}

TEST_CASE("SHUTDOWN may come instead of SUBSCRIBED", "[session][executor]") {
  SessionRig rig(agent());
  rig.start();
  rig.head(200);
  CHECK(rig.event({StreamEvent::Kind::shutdown, 0, ""}) ==
        Lines{"disconnect 1", "given up (4): the agent sent SHUTDOWN instead of SUBSCRIBED"});
}

TEST_CASE("SHUTDOWN of a subscribed executor leaves the stream up for its last updates", "[session][executor]") {
  SessionRig rig = up();
  CHECK(rig.event({StreamEvent::Kind::shutdown, 0, ""}) == Lines{});
  CHECK(rig.session.subscribed());
}

TEST_CASE("a SUBSCRIBED that is not the executor API's ends the session with the remedy", "[session][executor]") {
  SessionRig rig(agent());
  rig.start();
  rig.head(200);
  CHECK(rig.event({StreamEvent::Kind::unreadable, 0, "SUBSCRIBED has no executor_info"}) ==
        Lines{"disconnect 1", "given up (5): " + kAgent +
                                  " is not the executor API of an agent (its address must come from "
                                  "MESOS_SLAVE_PID): SUBSCRIBED has no executor_info"});
}

TEST_CASE("a refusal by the agent is said once and tried on at the usual pace", "[session][executor]") {
  SessionRig rig(agent());
  rig.start();
  CHECK(rig.answer(400, "Executor cannot be found") ==
        Lines{"disconnect 1", "warn: " + kAgent + " answers SUBSCRIBE with 400: Executor cannot be found"});
  CHECK(rig.until_due() <= 1s);
  rig.tick();
  CHECK(rig.answer(400, "Executor cannot be found") == Lines{"disconnect 2"});
}

TEST_CASE("a call answered with not subscribed renews the executor's session", "[session][executor]") {
  const auto [status, text] = GENERATE(table<int, std::string>({
      {403, "Executor is not subscribed"},
      {400, "Executor cannot be found"},
      {400, "Framework cannot be found"},
      {503, "Agent has not finished recovery"},
      {404, "404 Not Found."},
  }));
  SessionRig rig = up();
  CHECK(rig.call_refused(status, text) ==
        Lines{"lost: a call was answered with " + std::to_string(status) + ": " + text, "disconnect 1"});
  CHECK(rig.until_due() <= 1s);
}
