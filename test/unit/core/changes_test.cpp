// What the core tells of what changed.
#include "rig.hpp"

using namespace core;

namespace {

Config telling() {
  Config config;
  config.tells_changes = true;
  return config;
}

std::vector<std::string> told(Rig& rig) {
  std::vector<std::string> lines;
  const Changes changes = rig.core.take_changes();
  for (const Change change : changes) {
    std::string line(to_string(change.kind));
    if (change.key) line += " " + to_string(Key{change.key->kind, std::string(change.key->guid), change.key->index});
    if (!change.agent_id.empty()) line += " on " + std::string(change.agent_id);
    if (!change.reason.empty()) line += ": " + std::string(change.reason);
    lines.push_back(std::move(line));
  }
  return lines;
}
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("an instance's life is told step by step, with how long it waited", "[changes]") {
  Rig rig(telling());
  rig.subscribe_and_suppress();
  CHECK(told(rig) == Lines{"master.subscribed: framework F"});
  rig.lrp("p", {0});
  rig.pass(3s);
  rig.offer("a1", 4000);
  auto changes = rig.core.take_changes();
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].kind == ChangeKind::instance_queued);
  CHECK(changes[1].kind == ChangeKind::cell_starting);
  CHECK(changes[2].kind == ChangeKind::instance_launching);
  CHECK(changes[2].waited == base::Duration(3s));
  CHECK(changes[2].cell_id == changes[1].cell_id);
  CHECK_FALSE(changes[2].cell_id.empty());
  CHECK(changes[2].at == rig.now);
  rig.pass(1s);
  rig.status(rig.task_id("p", 0), TaskState::starting, "a1");
  CHECK(told(rig) == Lines{"cell.up on a1", "instance.starting p.0 on a1"});
  rig.status(rig.task_id("p", 0), TaskState::running, "a1");
  changes = rig.core.take_changes();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].kind == ChangeKind::instance_running);
  CHECK(changes[0].waited == base::Duration(4s));
  rig.happen(StopRequested{{Kind::lrp, "p", 0}});
  rig.status(rig.task_id("p", 0), TaskState::killed, "a1");
  CHECK(told(rig) ==
        Lines{"instance.stopping p.0 on a1: stopped by request", "instance.stopped p.0 on a1: stopped by request"});
  rig.pass(70s);
  CHECK(told(rig) == Lines{"cell.stopping on a1: it is idle"});
  rig.happen(ExecutorEnded{"a1", *rig.executor_of("a1"), 0});
  CHECK(told(rig) == Lines{"cell.gone on a1"});
  rig.happen(Disconnected{"broken"});
  CHECK(told(rig) == Lines{"master.lost: broken"});
}

TEST_CASE("what waits too long, and an agent that is left, are told", "[changes]") {
  Rig rig(telling());
  rig.run_one();
  rig.core.take_changes();
  rig.lrp("big", {0}, 9000);
  rig.offer("a2", 500);
  rig.pass(31s);
  CHECK(told(rig) == Lines{"instance.queued big.0", "instance.unplaced big.0: insufficient resources: memory"});
  rig.happen(DrainRequested{"a1"});
  CHECK(told(rig).front() == "agent.left on a1: an operator drains it");
  rig.happen(DrainCancelled{"a1"});
  CHECK(told(rig).front() == "agent.stays on a1");
}

TEST_CASE("what could not be saved is told to nobody", "[changes]") {
  Rig rig(telling());
  rig.subscribe_and_suppress();
  rig.core.changes_saved();
  rig.core.take_changes();
  rig.lrp("p", {0, 1});
  rig.core.withdraw_unsaved(rig.now);
  CHECK(told(rig).empty());
}

TEST_CASE("nothing is kept where nobody takes it", "[changes]") {
  Rig rig;
  rig.run_one();
  CHECK(rig.core.take_changes().empty());
}

TEST_CASE("figures count instances, cells, room and offers over time", "[changes]") {
  Rig rig;
  rig.run_one();
  rig.lrp("big", {0, 1}, 9000);
  rig.offer("a2", 2000);
  rig.pass(2s);
  const Figures figures = rig.core.figures(rig.now);
  const auto lrps = figures.instances[0];
  CHECK(lrps[static_cast<std::size_t>(State::running)] == 1);
  CHECK(lrps[static_cast<std::size_t>(State::queued)] == 2);
  CHECK(figures.oldest_waiting == base::Duration(2s));
  CHECK(figures.cells[static_cast<std::size_t>(CellState::up)] == 1);
  CHECK(figures.used == placement::Amounts{100, 0, 100, 1});
  CHECK(figures.total.mem_mb == 3488);
  CHECK(figures.agents == 2);
  CHECK(figures.offers_held == 1);
  CHECK(figures.offer_seconds >= 2);
  CHECK(rig.core.figures(rig.now + 3s).offer_seconds == Approx(figures.offer_seconds + 3));
}

TEST_CASE("changes keep their texts, one after the other, and those that are not wanted go", "[changes]") {
  Changes changes;
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    changes.add({.kind = ChangeKind::instance_running,
                 .at = base::Time(std::chrono::seconds(i)),
                 .key = KeyView(Kind::task, "guid " + number, i),
                 .agent_id = "agent " + number,
                 .reason = number,
                 .waited = std::chrono::seconds(i)});
    changes.add({.kind = ChangeKind::cell_up, .cell_id = "cell " + number, .trace_id = "trace"});
  }
  changes.erase_if(
      [](const Change& change) { return change.kind == ChangeKind::cell_up && change.cell_id != "cell 7"; });
  REQUIRE(changes.size() == 101);
  CHECK(changes[7].key == KeyView(Kind::task, "guid 7", 7));
  CHECK(changes[7].agent_id == "agent 7");
  CHECK(changes[7].reason == "7");
  CHECK(changes[7].waited == base::Duration(std::chrono::seconds(7)));
  CHECK(changes[7].cell_id.empty());
  CHECK(changes[8].cell_id == "cell 7");
  CHECK(changes[8].trace_id == "trace");
  CHECK_FALSE(changes[8].key);
  CHECK_FALSE(changes[8].waited);
  CHECK(changes[100].at == base::Time(std::chrono::seconds(99)));
}

TEST_CASE("changes put together are in order, each with its texts", "[changes]") {
  const auto three = [](int from) {
    Changes some;
    for (int i = from; i < from + 3; ++i) {
      const std::string number = std::to_string(i);
      some.add({.kind = ChangeKind::cell_up, .agent_id = "agent " + number, .cell_id = "cell " + number});
    }
    return some;
  };
  Changes all;
  all.append(three(0));
  all.append({});
  all.append(three(3));
  all.add({.kind = ChangeKind::cell_gone, .cell_id = "cell 6"});
  REQUIRE(all.size() == 7);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].cell_id == "cell " + std::to_string(i));
  CHECK(all[4].agent_id == "agent 4");
}

TEST_CASE("only a start that somebody waits for is told with how long it took", "[changes]") {
  Rig rig(telling());
  rig.run_one();
  rig.pass(2h);
  rig.core.take_changes();
  const auto waits = [&rig] {
    std::vector<std::string> told;
    for (const Change change : rig.core.take_changes()) {
      if (change.waited) told.emplace_back(to_string(change.kind));
    }
    return told;
  };
  SECTION("not a move") {
    rig.happen(DrainRequested{"a1"});
    rig.offer("a2", 4000);
    const std::string next = rig.only<Accept>().launches.at(0).task_id;
    rig.status(next, TaskState::starting, "a2");
    rig.status(next, TaskState::running, "a2");
    CHECK(rig.view("p", 0).agent_id == "a2");
    CHECK(waits().empty());
  }
  SECTION("not what is started anew for it was lost") {
    rig.happen(AgentLost{"a1"});
    rig.offer("a2", 4000);
    rig.pass(1s);
    rig.status(rig.task_id("p", 0), TaskState::starting, "a2");
    rig.status(rig.task_id("p", 0), TaskState::running, "a2");
    CHECK(waits().empty());
  }
}

TEST_CASE("a placement timeout that is changed holds for what waits already", "[changes]") {
  const auto [timeout, after] = GENERATE(table<const char*, base::Duration>({
      {R"({"placement_timeout_ms":120000})", 120s},
      {R"({"placement_timeout_ms":5000})", 5s},
  }));
  Rig rig(telling());
  rig.subscribe_and_suppress();
  rig.offer("a1", 700);
  rig.lrp("p", {0}, 9000);
  rig.pass(10s);
  rig.happen(PolicyChanged{*merged(rig.core.policy(), rig.core.usual_policy(), timeout)});
  rig.core.take_changes();
  rig.pass(after - 1s);
  CHECK(told(rig).empty());
  rig.pass(2s);
  const Lines lines = told(rig);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("instance.unplaced p.0"));
}

TEST_CASE("what waits again for a failed launch is told as unplaced, too", "[changes]") {
  Rig rig(telling());
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  rig.pass(29s);
  rig.status(rig.task_id("p", 0), TaskState::failed, "a1");
  rig.pass(20s);
  const auto unplaced = [&rig] {
    std::size_t count = 0;
    for (const std::string& line : told(rig)) count += line.starts_with("instance.unplaced p.0") ? 1 : 0;
    return count;
  };
  CHECK(unplaced() == 0);
  rig.happen(OfferRescinded{"none"});
  rig.pass(20s);
  CHECK(unplaced() == 1);
}

TEST_CASE("a Task for which there seems to be room is told as unplaced all the same", "[changes]") {
  Rig rig(telling());
  rig.subscribe_and_suppress();
  rig.offer("a1", 4000);
  rig.happen(OfferRescinded{"O1"});
  rig.task("t", 1000);
  rig.pass(25s);
  rig.core.take_changes();
  rig.pass(10s);
  const Lines lines = told(rig);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("instance.unplaced t"));
}
