// Cells and agents that do not do what they should.
#include "rig.hpp"

namespace core {
namespace {

struct Failing : Rig {
  explicit Failing(Config config = {}) : Rig((config.launch_attempts = 100, config)) {
    subscribe_and_suppress();
    lrp("p", {0});
  }
  // The next launch on a1 ends like that.
  void fail(TaskState state = TaskState::failed, StatusReason reason = StatusReason::executor_ended) {
    done();
    offer("a1", 4000);
    REQUIRE(all<Accept>().size() == 1);
    status(task_id("p", 0), state, "a1", reason, "no such image");
    pass(11s);
  }
  bool quarantined() const {
    const auto shown = core.cells();
    return std::any_of(shown.begin(), shown.end(),
                       [](const CellView& cell) { return cell.quarantined_until.has_value(); });
  }
};

}  // namespace

TEST_CASE("an agent on which launches keep failing gets no work until they are forgiven", "[trouble]") {
  Failing rig;
  rig.fail();
  rig.fail();
  CHECK_FALSE(rig.quarantined());
  rig.fail();
  CHECK(rig.quarantined());
  rig.offer("a1", 4000);
  CHECK(rig.all<Accept>().size() == 1);  // The one that failed.
  rig.offer("a2", 4000);
  CHECK(rig.all<Accept>().back().agent_id == "a2");
  rig.status(rig.task_id("p", 0), TaskState::running, "a2");
  rig.pass(70s);
  CHECK(rig.quarantined());
  rig.pass(10s);
  CHECK_FALSE(rig.quarantined());
  rig.lrp("q", {0}, 3000);
  rig.pass(2s);
  rig.done();
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().agent_id == "a1");
}

TEST_CASE("failures far apart, those of an offer, and those that come together do not count as many", "[trouble]") {
  Failing rig;
  SECTION("far apart") {
    for (int i = 0; i < 8; ++i) {
      rig.fail();
      rig.pass(2min);
    }
  }
  SECTION("the offer was gone") {
    for (int i = 0; i < 8; ++i) rig.fail(TaskState::dropped, StatusReason::invalid_offers);
  }
  SECTION("together") {
    rig.lrp("q", {0, 1, 2, 3, 4, 5});
    rig.offer("a1", 4000);
    for (int i = 0; i < 6; ++i)
      rig.status(rig.task_id("q", i), TaskState::failed, "a1", StatusReason::executor_ended, "no such image");
  }
  SECTION("after it ran") {
    for (int i = 0; i < 5; ++i) {
      rig.offer("a1", 4000);
      rig.status(rig.task_id("p", 0), TaskState::running, "a1");
      rig.status(rig.task_id("p", 0), TaskState::failed, "a1", StatusReason::executor_ended);
      rig.pass(5s);
    }
  }
  SECTION("not wanted") {
    Config config;
    config.quarantine_failures = 0;
    Failing other(config);
    for (int i = 0; i < 8; ++i) other.fail();
    CHECK_FALSE(other.quarantined());
  }
  CHECK_FALSE(rig.quarantined());
}

TEST_CASE("one process that the rep refuses again and again does not cost the agent its work, several do",
          "[trouble]") {
  Failing rig;
  for (int i = 0; i < 6; ++i) rig.fail(TaskState::failed, StatusReason::none);
  CHECK_FALSE(rig.quarantined());
  for (const std::string guid : {"q", "r", "s"}) {
    rig.done();
    rig.lrp(guid, {0});
    rig.offer("a1", 4000);
    rig.status(rig.task_id(guid, 0), TaskState::failed, "a1", StatusReason::none, "no such image");
    rig.happen(StopRequested{{Kind::lrp, guid, {}}});
    rig.pass(2s);
  }
  CHECK(rig.quarantined());
}

TEST_CASE("an executor that ends before it was ever up counts once, with the tasks it takes along", "[trouble]") {
  Failing rig;
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(rig.quarantined());
    rig.offer("a1", 4000);
    const std::string executor = *rig.executor_of("a1"), task = rig.task_id("p", 0);
    rig.happen(ExecutorEnded{"a1", executor, 256});
    rig.status(task, TaskState::failed, "a1", StatusReason::executor_ended);
    rig.pass(5s);
  }
  CHECK(rig.quarantined());
}

TEST_CASE("an idle cell on a quarantined agent goes at once; one with work keeps it", "[trouble]") {
  const bool busy = GENERATE(false, true);
  Rig rig;
  rig.run_one();
  const std::string executor = *rig.executor_of("a1");
  for (const std::string guid : {"q", "r", "s"}) {
    rig.lrp(guid, {0});
    rig.offer("a1", 3000, {executor});
    rig.status(rig.task_id(guid, 0), TaskState::failed, "a1", StatusReason::none, "the rep refused it");
    rig.happen(StopRequested{{Kind::lrp, guid, {}}});
    rig.pass(2s);
  }
  CHECK(rig.core.cells().at(0).quarantined_until);
  CHECK(rig.none<ShutdownExecutor>());
  if (busy) {
    CHECK(rig.state("p", 0) == State::running);
    return;
  }
  rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  CHECK(rig.only<ShutdownExecutor>().executor_id == executor);
}

TEST_CASE("a cell without work whose rep stays silent is told to go", "[trouble]") {
  Config config;
  config.cells_min = 1;  // It would not go for being idle.
  Rig rig(config);
  rig.subscribe();
  rig.pass(2s);
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  const std::string executor = *rig.executor_of("a1");
  rig.status(rig.task_id("p", 0), TaskState::running, "a1");
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = executor;
  report.total = {4000, 9000, 0, 10};
  const bool with_work = GENERATE(false, true);
  const bool recovers = GENERATE(false, true);
  CAPTURE(with_work, recovers);
  if (!with_work) rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  rig.happen(report);
  rig.pass(59s);
  CHECK(rig.none<ShutdownExecutor>());
  report.rep_answers = recovers;
  rig.happen(report);
  rig.pass(20s);
  CHECK(rig.all<ShutdownExecutor>().empty() == (with_work || recovers));
  if (!with_work || recovers) return;
  rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  CHECK(rig.all<ShutdownExecutor>().size() == 1);
}

TEST_CASE("a Task on an agent that is unreachable is lost, and killed should it return", "[trouble]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.task("t");
  rig.offer("a1", 4000);
  const std::string task = rig.view({Kind::task, "t", 0}).task_id;
  rig.status(task, TaskState::running, "a1");
  rig.happen(AgentLost{"a1"});
  rig.status(task, TaskState::unreachable, "a1", StatusReason::agent_lost, "", false);
  CHECK(rig.view({Kind::task, "t", 0}).state == State::lost);
  rig.task("t");
  rig.offer("a2", 4000);
  REQUIRE(rig.view({Kind::task, "t", 0}).agent_id == "a2");
  rig.done();
  rig.status(task, TaskState::running, "a1", StatusReason::other, "", false);
  CHECK(rig.only<Kill>() == Kill{"a1", task});
}

TEST_CASE("a dead executor's LRPs are placed again at once, its Tasks have failed", "[trouble]") {
  Rig rig;
  rig.run_one();
  rig.task("t");
  rig.offer("a1", 3000, {*rig.executor_of("a1")});
  const std::string lrp = rig.task_id("p", 0), task = rig.view({Kind::task, "t", 0}).task_id;
  rig.status(task, TaskState::running, "a1");
  rig.happen(ExecutorEnded{"a1", *rig.executor_of("a1"), 9});
  rig.status(lrp, TaskState::failed, "a1", StatusReason::executor_ended);
  rig.status(task, TaskState::failed, "a1", StatusReason::executor_ended);
  CHECK(rig.state("p", 0) == State::queued);
  CHECK(rig.view({Kind::task, "t", 0}).state == State::failed);
  rig.done();
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000), rig.make_offer("a2", 4000)}});
  CHECK(rig.only<Accept>().agent_id == "a2");  // Elsewhere, if there is elsewhere.
}

}  // namespace core
