#include "rig.hpp"

namespace core {

TEST_CASE("a new framework id is something to save", "[session]") {
  Rig rig;
  rig.subscribe();
  CHECK(rig.core.framework_id() == "F");
  CHECK(rig.core.has_changes());
  rig.core.changes_saved();
  rig.subscribe();
  CHECK_FALSE(rig.core.has_changes());
}

TEST_CASE("nothing is sent while disconnected, everything waits", "[session]") {
  Rig rig;
  rig.lrp("p", {0});
  CHECK(rig.actions.empty());
  rig.subscribe();
  rig.offer("a1", 4000);
  CHECK(rig.all<Accept>().size() == 1);
}

TEST_CASE("offers of a former subscription are forgotten, not answered", "[session]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 9000);
  rig.offer("a1", 4000);
  rig.happen(Disconnected{"broken"});
  rig.subscribe();
  rig.done();
  rig.pass(1min);
  CHECK(rig.none<Decline>());
}

TEST_CASE("every live task is asked about after a subscription, until it is answered", "[session]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  rig.happen(Disconnected{"broken"});
  rig.subscribe();
  const auto asked = rig.all<Reconcile>();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].tasks == std::vector<Reconcile::Task>{{task, "a1"}});
  CHECK(asked[1].tasks.empty());  // Implicit: what we do not know of.
  rig.done();
  rig.pass(3s);
  CHECK(rig.all<Reconcile>().size() == 2);  // After 1 s and 3 s.
  rig.status(task, TaskState::running, "a1", StatusReason::reconciliation, "", false);
  rig.done();
  rig.pass(5min);
  CHECK(rig.none<Reconcile>());
}

TEST_CASE("what stays unanswered beyond the agents' time to return is lost", "[session]") {
  Rig rig;
  rig.run_one();
  rig.happen(Disconnected{"broken"});
  rig.subscribe();
  rig.pass(9min);
  CHECK(rig.state("p", 0) == State::running);
  rig.pass(3min);
  CHECK(rig.state("p", 0) == State::queued);
}

TEST_CASE("every quarter of an hour the master is asked for all it knows", "[session]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.pass(31min);
  CHECK(rig.all<Reconcile>() == std::vector<Reconcile>{{}, {}});
}

TEST_CASE("a restarted scheduler knows its instances and cells again", "[session]") {
  Rig before;
  before.run_one();
  const std::string task = before.task_id("p", 0);
  const std::string executor = *before.executor_of("a1");

  Rig rig;
  rig.core.remember_framework("F");
  rig.subscribe();
  CHECK(rig.all<Reconcile>() == std::vector<Reconcile>{{}});
  rig.happen(StatusArrived{{task, TaskState::running, StatusReason::reconciliation, "", "", "", "a1", executor}});
  CHECK(rig.state("p", 0) == State::running);
  rig.settle();
  CHECK(rig.only<RequestReport>() == RequestReport{"a1", executor});
  CHECK(rig.none<Kill>());

  // Nothing is launched there before the running ExecutorInfo is known.
  rig.done();
  rig.lrp("q", {0});
  rig.offer("a1", 3000, {executor});
  CHECK(rig.none<Accept>());
  rig.happen(CellSaidHello{"a1", executor, "cell-1", "the info"});
  const auto accept = rig.only<Accept>();
  CHECK(accept.executor_info == "the info");
  CHECK(rig.view("q", 0).cell_id == "cell-1");
}

TEST_CASE("an idle cell of an earlier run is found by its agent's offer and ends when its time is up", "[session]") {
  Rig rig;
  rig.core.remember_framework("F");
  rig.subscribe();
  rig.offer("a1", 3000, {"diego-cell-f00d-x"});
  rig.settle();
  CHECK(rig.only<RequestReport>().executor_id == "diego-cell-f00d-x");
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = "diego-cell-f00d-x";
  report.rep_answers = true;
  rig.happen(report);
  rig.pass(61s);
  CHECK(rig.only<ShutdownExecutor>() == ShutdownExecutor{"a1", "diego-cell-f00d-x"});
}

TEST_CASE("a removed framework takes its tasks with it: LRPs are queued again under a new id", "[session]") {
  Rig rig;
  rig.run_one();
  rig.happen(FrameworkRemoved{"Framework has been removed"});
  CHECK(rig.core.framework_id().empty());
  CHECK(rig.state("p", 0) == State::queued);
  CHECK(rig.core.cells().empty());
  rig.happen(Subscribed{"G", false});
  CHECK(rig.core.framework_id() == "G");
}

TEST_CASE("a found cell with work that the master has not told of is asked about, not ended", "[session]") {
  Rig rig;
  rig.core.remember_framework("F");
  rig.subscribe();
  rig.offer("a1", 3000, {"diego-cell-old-x"});
  rig.done();
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = "diego-cell-old-x";
  report.rep_answers = true;
  report.work = {{"p.0.abcd2345", "apps", 128, 256}};
  rig.happen(report);
  CHECK(rig.only<Reconcile>().tasks == std::vector<Reconcile::Task>{{"p.0.abcd2345", "a1"}});
  rig.pass(5min);
  CHECK(rig.none<ShutdownExecutor>());
  rig.happen(StatusArrived{
      {"p.0.abcd2345", TaskState::running, StatusReason::reconciliation, "", "", "", "a1", "diego-cell-old-x", false}});
  CHECK(rig.state("p", 0) == State::running);
  rig.happen(report);
  CHECK(rig.view("p", 0).memory_mb == 128);
}

TEST_CASE("a found cell that never says a word is ended when no work can come to light any more", "[session]") {
  Rig rig;
  rig.core.remember_framework("F");
  rig.subscribe();
  rig.offer("a1", 3000, {"diego-cell-old-x"});
  rig.pass(9min);
  CHECK(rig.none<ShutdownExecutor>());
  rig.pass(2min);
  CHECK_FALSE(rig.none<ShutdownExecutor>());
}

TEST_CASE("an adopted instance is not queued again before an auction has told what it is", "[session]") {
  Rig rig;
  rig.core.remember_framework("F");
  rig.subscribe();
  const Status running{"p.0.abcd2345", TaskState::running, StatusReason::reconciliation, "", "", "", "a1", "E", false};
  const Status ended{
      "p.0.abcd2345", TaskState::failed, StatusReason::executor_ended, "", "", "uuid-of-16-bytes", "a1", "E", false};
  rig.happen(StatusArrived{running});
  SECTION("without one it is lost") {
    rig.happen(StatusArrived{ended});
    CHECK(rig.state("p", 0) == State::lost);
    rig.pass(2s);
    CHECK_FALSE(rig.none<Suppress>());
  }
  SECTION("with one it is launched again") {
    rig.lrp("p", {0}, 300);
    CHECK(rig.state("p", 0) == State::running);
    rig.happen(StatusArrived{ended});
    rig.offer("a2", 4000);
    CHECK(rig.only<Accept>().launches[0].pieces[1].amount == 300);
  }
}

TEST_CASE("an idle hour does not make a later silent launch given up", "[session]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.pass(1h);
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  rig.done();
  rig.pass(5min);  // A cold cell may take long to come up.
  CHECK(rig.state("p", 0) == State::launching);
  CHECK_FALSE(rig.none<Reconcile>());
}

}  // namespace core
