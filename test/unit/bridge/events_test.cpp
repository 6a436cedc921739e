// Events as readers see them: order, numbers, filters, resuming, gaps; and readers that do not read.
#include <catch2/catch.hpp>

#include "auctionrunner_bridge/event_window.hpp"
#include "auctionrunner_bridge/history.hpp"
#include "rig.hpp"

using namespace std::chrono_literals;
using bridge::EventFilter;
using bridge::EventWindow;
using core::Change;
using core::ChangeKind;

namespace {

core::KeyView instance(std::string_view process, int index) { return {core::Kind::lrp, process, index}; }

Change change(ChangeKind kind, std::optional<core::KeyView> key = {}, std::string_view cell = "",
              std::string_view agent = "") {
  return {.kind = kind, .at = base::Time(1795341600s), .key = key, .agent_id = agent, .cell_id = cell};
}

core::Changes many(int count) {
  core::Changes changes;
  for (int i = 0; i < count; ++i) changes.add(change(ChangeKind::instance_queued, instance("p", i)));
  return changes;
}

std::string all(EventWindow& window, const EventFilter& filter = {}, std::uint64_t from = 1) {
  std::string text;
  CHECK(window.read(filter, from, 1'000'000, text) == window.next());
  return text;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("an event has a number, a kind and what it is about", "[events]") {
  EventWindow window("e", 10);
  Change one = change(ChangeKind::instance_running, instance("p", 3), "cell-1", "A1");
  one.reason = "a \"b\"";
  one.trace_id = "t";
  one.waited = 1500ms;
  window.add({one, change(ChangeKind::master_lost)});
  CHECK(
      all(window) ==
      "id: e-1\nevent: instance.running\n"
      R"(data: {"event":"instance.running","at":"2026-11-22T10:00:00.000Z","kind":"lrp","process_guid":"p","index":3,)"
      R"("agent_id":"A1","cell_id":"cell-1","reason":"a \"b\"","trace_id":"t","waited_ms":1500})"
      "\n\nid: e-2\nevent: master.lost\n"
      R"(data: {"event":"master.lost","at":"2026-11-22T10:00:00.000Z"})"
      "\n\n");
}

TEST_CASE("events are filtered by process, cell and kind", "[events]") {
  EventWindow window("e", 10);
  window.add({change(ChangeKind::instance_queued, instance("p", 0)), change(ChangeKind::cell_up, {}, "c1", "A1"),
              change(ChangeKind::instance_running, instance("q", 0), "c1", "A1"),
              change(ChangeKind::agent_left, {}, "", "A1")});
  const auto numbers = [&window](const EventFilter& filter) {
    std::string found;
    for (int number = 1; number <= 4; ++number) {
      if (all(window, filter).find("id: e-" + std::to_string(number) + "\n") != std::string::npos)
        found += std::to_string(number);
    }
    return found;
  };
  CHECK(numbers({}) == "1234");
  CHECK(numbers({.process_guid = "q"}) == "3");
  CHECK(numbers({.cell = "c1"}) == "23");
  CHECK(numbers({.cell = "A1"}) == "234");
  CHECK(numbers({.kinds = *bridge::parse_kinds("instance")}) == "13");
  CHECK(numbers({.cell = "c1", .kinds = *bridge::parse_kinds("instance.queued, cell.up")}) == "2");
  CHECK(bridge::parse_kinds("cell.ups").error().message() == "kind: \"cell.ups\" is no kind of event");
}

TEST_CASE("a reader that comes back goes on where it was, or is told what it missed", "[events]") {
  EventWindow window("e", 3);
  window.add(many(5));
  CHECK(window.first() == 3);
  std::string text;
  CHECK(*window.resume("e-4", text) == 5);
  CHECK(*window.resume("e-99", text) == 6);  // Nothing it could have seen is missing.
  CHECK(text.empty());

  CHECK(*window.resume("e-1", text) == 2);
  CHECK(window.read({}, 2, 1'000'000, text) == 6);
  CHECK_THAT(text, Catch::StartsWith("id: e-2\nevent: gap\ndata: {\"event\":\"gap\",\"after\":\"e-1\",\"lost\":1,"));
  CHECK(count(text, "event: instance.queued") == 3);

  text.clear();
  CHECK(*window.resume("other-7", text) == 3);
  CHECK_THAT(text, Catch::Contains("\"lost\":null") && Catch::Contains("another scheduler process"));
  for (const char* wrong : {"", "e", "e-", "e-x", "e-1x", "e--"}) CHECK_FALSE(window.resume(wrong, text));
}

TEST_CASE("the window keeps as many as it is told, however many came", "[events]") {
  EventWindow window("e", 2500);
  // Many at a time, and few.
  for (int i = 0; i < 7; ++i) {
    window.add(many(777));
    window.add(many(i));
  }
  CHECK(window.next() == 5461);
  CHECK(window.first() == 2961);
  const std::string text = all(window, {}, window.first());
  CHECK_THAT(text, Catch::StartsWith("id: e-2961\nevent: instance.queued\ndata: ") && Catch::Contains("id: e-5460\n"));
  CHECK(count(text, "\nevent: ") == 2500);
  // Each has its own: before the 2961st came 3 times 777, 0 and 1 and 2, and 626 of the fourth 777.
  CHECK(count(text.substr(0, 250), R"("process_guid":"p","index":626})") == 1);
  // Also the last of five, which came by themselves.
  std::string one;
  CHECK(window.read({}, 4677, 1, one) == 4678);
  CHECK_THAT(one, Catch::StartsWith("id: e-4677\n") && Catch::Contains(R"("index":4})"));
}

TEST_CASE("of one list that is longer than the window the last are kept", "[events]") {
  EventWindow window("e", 2500);
  window.add(many(3));
  window.add(many(9000));
  CHECK(window.next() == 9004);
  CHECK(window.first() == 6504);
  const std::string text = all(window, {}, window.first());
  CHECK(count(text, "\nevent: ") == 2500);
  CHECK_THAT(text, Catch::StartsWith("id: e-6504\n") && Catch::Contains("id: e-9003\n"));
  CHECK(count(text.substr(0, 250), R"("process_guid":"p","index":6500})") == 1);
}

TEST_CASE("a piece of events has its bound, and the next one goes on after it", "[events]") {
  EventWindow window("e", 100);
  window.add(many(100));
  std::string text, whole;
  for (std::uint64_t next = 1; next < window.next();) {
    text.clear();
    next = window.read({}, next, 500, text);
    CHECK(text.size() < 700);
    whole += text;
  }
  CHECK(whole == all(window));
  CHECK(count(whole, "\nevent: ") == 100);
}

TEST_CASE("every kind of change has a name of its own that is read back", "[events]") {
  for (std::size_t i = 0; i < core::kChangeKinds; ++i) {
    const auto kind = static_cast<ChangeKind>(i);
    CHECK(core::parse_change_kind(core::to_string(kind)) == kind);
  }
  CHECK_FALSE(core::parse_change_kind("instance"));
}

TEST_CASE("what is asked of events and cannot be is a 400", "[events]") {
  FakeDesk desk;
  const auto ask = [&desk](const std::string& name, const std::string& value) {
    auto question = request("GET", "/v1/events");
    question.query = {{name, value}};
    const auto response = bridge::answer(question, desk, {});
    return std::to_string(response.status) + " " + response.body;
  };
  CHECK(ask("recent", "10001") == R"(400 {"error":"recent: \"10001\" is not between 0 and 10000"})");
  CHECK(ask("kind", "cells") == R"(400 {"error":"kind: \"cells\" is no kind of event"})");
  CHECK(ask("since", "1") == R"(400 {"error":"since: unknown parameter"})");
  CHECK(ask("kind", "cell") == "200 ");
  auto resumed = request("GET", "/v1/events", "", {{"Last-Event-ID", "nonsense"}});
  CHECK(bridge::answer(resumed, desk, {}).body ==
        R"({"error":"Last-Event-ID: \"nonsense\" is not the id of an event"})");
  CHECK(desk.hub.readers() == 1);
}

TEST_CASE("the last hour is told in steps, with what waiting cost", "[events]") {
  bridge::History history;
  const base::Time begin(1795341600s);
  const auto tell = [&](ChangeKind kind, base::Duration after, std::optional<base::Duration> waited = {}) {
    Change one = change(kind, instance("p", 0));
    one.at = begin + after;
    one.waited = waited;
    history.add({one});
  };
  const auto written = [&history, begin](base::Duration after) {
    diego::GoWriter out;
    history.write(out, begin + after);
    return out.take();
  };
  tell(ChangeKind::instance_queued, 1s);
  Change again = change(ChangeKind::instance_queued, instance("p", 0));
  again.reason = "its launch failed";
  history.add({again});
  for (int i = 0; i < 98; ++i) tell(ChangeKind::instance_running, 12s, 10ms);
  for (int i = 0; i < 2; ++i) tell(ChangeKind::instance_running, 13s, 4s);
  tell(ChangeKind::instance_lost, 25s);
  CHECK(
      written(29s) ==
      R"({"step_s":10,"until":"2026-11-22T10:00:30.000Z","auctions":[1,0,0],"launched":[0,0,0],"running":[0,100,0],)"
      R"("unplaced":[0,0,0],"ended":[0,0,1],"to_running_p50_ms":[null,11,null],"to_running_p99_ms":[null,4988,null]})");
  CHECK(count(written(3600s), "null") == 2 * 359);  // The first step is an hour old.
  CHECK(count(written(3620s), "null") == 2 * 360);
  CHECK(count(written(9000s), "null") == 2);  // Long after: as if it began anew.
}
