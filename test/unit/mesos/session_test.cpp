// The scheduler's subscription: every rule as a transcript.
#include <catch2/catch.hpp>

#include <limits>

#include "session_rig.hpp"

using namespace mesos_client;
using namespace mesos_client::test;
using namespace std::chrono_literals;

namespace {

const std::string kA = "http://a:5050/api/v1/scheduler";
const std::string kB = "http://b:5050/api/v1/scheduler";

SessionConfig masters(std::vector<std::string> urls) {
  SessionConfig config;
  config.urls = std::move(urls);
  return config;
}

SessionRig up() {
  SessionRig rig(masters({kA}));
  rig.start();
  rig.head(200, "s1");
  rig.subscribed_event();
  REQUIRE(rig.session.subscribed());
  return rig;
}

}  // namespace

TEST_CASE("a subscription is up with SUBSCRIBED, not with 200", "[session]") {
  SessionRig rig(masters({kA}));
  CHECK(rig.start() == Lines{"connect 1 " + kA});
  CHECK(rig.head(200, "s1") == Lines{});
  CHECK_FALSE(rig.session.subscribed());
  CHECK(rig.subscribed_event() == Lines{"subscribed 1 " + kA + " [s1]"});
  CHECK(rig.session.subscribed());
}

TEST_CASE("five announced intervals of silence are a partition; any event breaks the silence", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  rig.head(200, "s1");
  rig.subscribed_event(2);
  CHECK(rig.until_due() == 10s);
  rig.now += 9s;
  rig.event({StreamEvent::Kind::other, 0, ""});
  CHECK(rig.until_due() == 10s);
  rig.now += 9s;
  rig.event({StreamEvent::Kind::heartbeat, 0, ""});
  CHECK(rig.until_due() == 10s);
  CHECK(rig.tick() == Lines{"lost: nothing heard for 10000 ms", "disconnect 1"});
  CHECK(rig.until_due() <= 500ms);
  CHECK(rig.tick() == Lines{"connect 2 " + kA});
}

TEST_CASE("an interval that is absent or absurd is taken for Mesos's 15 s", "[session]") {
  const auto interval =
      GENERATE(0.0, -1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN());
  SessionRig rig(masters({kA}));
  rig.start();
  rig.head(200, "s1");
  rig.subscribed_event(interval);
  CHECK(rig.until_due() == 75s);
}

TEST_CASE("a redirect is followed at once and remembered", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  const std::string leader = "http://127.0.0.1:5255/master/api/v1/scheduler";
  CHECK(rig.answer(307, "", "//127.0.0.1:5255/master/api/v1/scheduler") ==
        Lines{"disconnect 1", "connect 2 " + leader});
  rig.head(200, "s1");
  CHECK(rig.subscribed_event() == Lines{"subscribed 2 " + leader + " [s1]"});
  CHECK(rig.ended("the peer ended the stream") == Lines{"lost: the peer ended the stream", "disconnect 2"});
  CHECK(rig.tick() == Lines{"connect 3 " + leader});
  // The leader of before is gone: back to the list.
  CHECK(rig.ended("connection refused") == Lines{"disconnect 3", "warn: " + leader + ": connection refused"});
  CHECK(rig.tick() == Lines{"connect 4 " + kA});
}

TEST_CASE("masters that point at each other are not followed without end", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  int connects = 1;
  while (rig.answer(307, "", "//b:5050/x").size() == 2) ++connects;
  CHECK(connects == 4);
  CHECK(rig.until_due() >= 250ms);
  CHECK(rig.tick() == Lines{"connect 5 " + kA});
}

TEST_CASE("a redirect to anything but //host:port/path is not followed", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  CHECK(rig.answer(307, "", "http://evil/") ==
        Lines{"disconnect 1", "warn: " + kA + " redirects to an unusable location 'http://evil/'"});
  CHECK(rig.tick() == Lines{"connect 2 " + kA});
}

TEST_CASE("a location becomes a URL with the scheme asked, or nothing", "[session]") {
  CHECK(redirect_target(kA, "//h:1/master/api/v1/scheduler") == "http://h:1/master/api/v1/scheduler");
  CHECK(redirect_target("https://a:5050/api/v1/scheduler", "//10.0.0.1:5050") ==
        "https://10.0.0.1:5050/api/v1/scheduler");
  CHECK(redirect_target(kA, "//[fe80::1]:5050/x?a=b") == "http://[fe80::1]:5050/x?a=b");
  const auto bad = GENERATE(as<std::string>{}, "", "//", "///x", "//h/x", "//:5050/x", "//h:0/x", "//h:65536/x",
                            "//h:/x", "//h:5050x/y", "//u@h:5050/x", "//h:5050/a b", "//h:5050/\r\nX: y",
                            "//h:5050/../x", "http://h:5050/x", "/x", "//h:5050/" + std::string(3000, 'x'));
  CAPTURE(bad);
  CHECK_FALSE(redirect_target(kA, bad));
}

TEST_CASE("a master that cannot serve is left for the next; a whole round of them waits longer each time",
          "[session]") {
  SessionRig rig(masters({kA, kB}));
  rig.start();
  CHECK(rig.answer(503, "No leader elected") ==
        Lines{"disconnect 1", "warn: " + kA + " answers SUBSCRIBE with 503: No leader elected", "connect 2 " + kB});
  CHECK(rig.answer(404, "404 Not Found.") ==
        Lines{"disconnect 2", "warn: " + kB + " answers SUBSCRIBE with 404: 404 Not Found."});
  base::Duration longest{};
  int generation = 2;
  for (const auto limit : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 15000ms, 15000ms}) {
    CHECK(rig.until_due() >= limit / 2);
    CHECK(rig.until_due() <= limit);
    longest = std::max(longest, rig.until_due());
    CHECK(rig.tick() == Lines{"connect " + std::to_string(++generation) + " " + kA});
    rig.answer(503, "No leader elected");
    ++generation;
    rig.answer(503, "No leader elected");
  }
  CHECK(longest > 7500ms);
}

TEST_CASE("an outage with several complaints says each of them once", "[session]") {
  SessionRig rig(masters({kA, kB}));
  rig.start();
  int warnings = 0;
  for (int i = 0; i < 50; ++i) {
    for (const auto& lines : {rig.answer(503, "No leader elected"), rig.ended("connection refused"), rig.tick()}) {
      for (const auto& line : lines) warnings += line.starts_with("warn: ") ? 1 : 0;
    }
  }
  CHECK(warnings > 1);
  CHECK(warnings <= 4);
}

TEST_CASE("success makes the backoff short again", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  for (int i = 0; i < 6; ++i) {
    rig.answer(503, "");
    rig.tick();
  }
  rig.head(200, "s1");
  rig.subscribed_event();
  rig.ended("gone");
  CHECK(rig.until_due() <= 500ms);
  rig.tick();
  rig.answer(503, "");
  CHECK(rig.until_due() <= 500ms);
}

TEST_CASE("two sessions do not come back in step", "[session]") {
  base::Random one(1), two(2);
  Session first(masters({kA})), second(masters({kA}));
  for (auto [session, random] : {std::pair(&first, &one), std::pair(&second, &two)}) {
    session->start(base::Time{});
    session->on_stream_ended(1, "connection refused", base::Time{}, *random);
  }
  CHECK(first.next_deadline() != second.next_deadline());
}

TEST_CASE("a configuration error is said once and tried again slowly", "[session]") {
  const auto status = GENERATE(400, 401, 403, 405, 406, 415, 501);
  SessionRig rig(masters({kA, kB}));
  rig.start();
  const std::string text = kA + " answers SUBSCRIBE with " + std::to_string(status) + ": no";
  CHECK(rig.answer(status, "no") == Lines{"disconnect 1", "warn: " + text});
  CHECK(rig.until_due() == 15s);
  CHECK(rig.tick() == Lines{"connect 2 " + kA});
  CHECK(rig.answer(status, "no") == Lines{"disconnect 2"});
  CHECK(rig.until_due() == 15s);
}

TEST_CASE("told to, a session gives up at a configuration error", "[session]") {
  SessionConfig config = masters({kA});
  config.give_up_when_refused = true;
  SessionRig rig(config);
  rig.start();
  CHECK(rig.answer(401, "401 Unauthorized.") ==
        Lines{"disconnect 1", "given up (2): " + kA + " answers SUBSCRIBE with 401: 401 Unauthorized."});
  CHECK_FALSE(rig.session.next_deadline());
  CHECK(rig.restart("new secret") == Lines{"connect 2 " + kA});
}

TEST_CASE("an ERROR event is the reason of a refusal, and the end of its stream", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  rig.head(200, "s1");
  CHECK(rig.error_event("Role '/x' cannot start with a slash") ==
        Lines{"disconnect 1", "warn: Mesos refuses the subscription: Role '/x' cannot start with a slash"});
  CHECK(rig.ended("the peer ended the stream") == Lines{});  // It was left already.
  CHECK(rig.until_due() == 15s);
  CHECK(rig.tick() == Lines{"connect 2 " + kA});
}

TEST_CASE("another scheduler's takeover is not fought", "[session]") {
  SessionRig rig = up();
  CHECK(rig.error_event("Framework failed over") ==
        Lines{"lost: Framework failed over", "disconnect 1", "given up (0): Framework failed over"});
  CHECK_FALSE(rig.session.next_deadline());
  CHECK(rig.masters({kB}) == Lines{});
  CHECK(rig.restart("leading again") == Lines{"connect 2 " + kB});
}

TEST_CASE("a removed framework needs a new id from the caller", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  rig.head(200, "s1");
  CHECK(rig.error_event("Framework has been removed") ==
        Lines{"disconnect 1", "given up (1): Framework has been removed"});
}

TEST_CASE("what comes late from an abandoned stream is not heard", "[session]") {
  SessionRig rig = up();
  CHECK(rig.restart("call connection broke") ==
        Lines{"lost: call connection broke", "disconnect 1", "connect 2 " + kA});
  auto& session = rig.session;
  CHECK(session.on_event(1, {StreamEvent::Kind::error, 0, "Framework failed over"}, rig.now, rig.random).empty());
  CHECK(session.on_stream_ended(1, "gone", rig.now, rig.random).empty());
  CHECK(session.on_head(1, {200, "s1", ""}, rig.now, rig.random).empty());
  CHECK(session.on_call_refused(1, 400, "Framework cannot be found", rig.now, rig.random).empty());
  rig.head(200, "s2");
  CHECK(rig.subscribed_event() == Lines{"subscribed 2 " + kA + " [s2]"});
}

TEST_CASE("the end of the stream before SUBSCRIBED is a failed try", "[session]") {
  SessionRig rig(masters({kA}));
  rig.start();
  rig.head(200, "s1");
  CHECK(rig.ended("the peer ended the stream") ==
        Lines{"disconnect 1", "warn: " + kA + " ended the stream before SUBSCRIBED: the peer ended the stream"});
  CHECK(rig.tick() == Lines{"connect 2 " + kA});
}

TEST_CASE("a stream id is used only if it can go into a header", "[session]") {
  CHECK(valid_stream_id("12eb1a89-513e-4032-a360-e35549cb80d5"));
  CHECK(valid_stream_id(std::string(128, 'x')));
  const auto id = GENERATE(as<std::string>{}, "", std::string(129, 'x'), "a b", "a\r\nX: y", "\x80");
  CAPTURE(id);
  CHECK_FALSE(valid_stream_id(id));
  SessionRig rig(masters({kA}));
  rig.start();
  CHECK(rig.head(200, id) ==
        Lines{"warn: " + kA + " answers SUBSCRIBE without a usable Mesos-Stream-Id", "disconnect 1"});
  CHECK(rig.tick() == Lines{"connect 2 " + kA});
}

TEST_CASE("calls that show the session gone renew it", "[session]") {
  const auto [status, text] = GENERATE(table<int, std::string>({
      {400, "Framework cannot be found"},
      {400, "The stream ID 'x' included in this request didn't match the stream ID currently associated"},
      {400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"},
      {403, "Framework is not subscribed"},
      {403, "Framework is not connected via HTTP"},
      {503, "No leader elected"},
      {307, ""},
  }));
  SessionRig rig = up();
  const auto lines = rig.call_refused(status, text);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("lost: a call was answered with " + std::to_string(status)));
  CHECK(lines[1] == "disconnect 1");
  CHECK(rig.tick() == Lines{"connect 2 " + kA});
}

TEST_CASE("other refused calls are only said", "[session]") {
  SessionRig rig = up();
  CHECK(rig.call_refused(400, "Failed to validate scheduler::Call: Not a valid UUID") ==
        Lines{"warn: a call was refused with 400: Failed to validate scheduler::Call: Not a valid UUID"});
  CHECK(rig.session.subscribed());
}

TEST_CASE("an event that cannot be read is skipped, unless it should have been SUBSCRIBED", "[session]") {
  SessionRig rig = up();
  CHECK(rig.event({StreamEvent::Kind::unreadable, 0, "garbage"}) == Lines{"warn: skipped an event: garbage"});
  CHECK(rig.session.subscribed());
  SessionRig first(masters({kA}));
  first.start();
  first.head(200, "s1");
  CHECK(first.event({StreamEvent::Kind::unreadable, 0, "garbage"}) ==
        Lines{"warn: " + kA + " does not begin its stream with SUBSCRIBED: garbage", "disconnect 1"});
}

TEST_CASE("a master that says nothing is left", "[session]") {
  SessionRig rig(masters({kA, kB}));
  rig.start();
  rig.head(200, "s1");
  CHECK(rig.until_due() == 30s);
  CHECK(rig.tick() == Lines{"warn: " + kA + ": not subscribed within 30000 ms", "disconnect 1", "connect 2 " + kB});
}

TEST_CASE("a detector's news move the session only when its master is not among them", "[session]") {
  SessionRig rig = up();
  CHECK(rig.masters({kB, kA}) == Lines{});
  CHECK(rig.masters({kB}) == Lines{"lost: another master leads", "disconnect 1", "connect 2 " + kB});
  rig.head(200, "s2");
  rig.subscribed_event();
  CHECK(rig.masters({}) == Lines{"lost: no master leads", "disconnect 2"});
  CHECK(rig.tick() == Lines{});
  CHECK(rig.masters({kA}) == Lines{"connect 3 " + kA});
}

TEST_CASE("news before the start only change where it will go", "[session]") {
  SessionRig rig(masters({kA}));
  CHECK(rig.masters({kB}) == Lines{});
  CHECK(rig.start() == Lines{"connect 1 " + kB});
}
