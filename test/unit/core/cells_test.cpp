#include "rig.hpp"

namespace core {

TEST_CASE("a cell's names tell its agent and are new for every launch", "[cells]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.offer("a7", 4000);
  const auto cell = rig.core.cells().at(0);
  CHECK(cell.executor_id.starts_with("diego-cell-f00d-"));
  CHECK(cell.cell_id == "cell-10-0-0-7-" + cell.executor_id.substr(16));
  CHECK(cell.state == CellState::starting);
  rig.status(rig.task_id("p", 0), TaskState::starting, "a7");
  CHECK(rig.core.cells().at(0).state == CellState::up);
}

TEST_CASE("an idle cell is told to go after its time, again until it is gone, and gets no work meanwhile", "[cells]") {
  Rig rig;
  rig.run_one();
  const std::string executor = *rig.executor_of("a1");
  rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  CHECK(rig.core.cells().at(0).state == CellState::idle);
  rig.pass(59s);
  CHECK(rig.none<ShutdownExecutor>());
  rig.pass(1s);
  CHECK(rig.only<ShutdownExecutor>() == ShutdownExecutor{"a1", executor});
  CHECK(rig.core.cells().at(0).state == CellState::stopping);
  rig.lrp("q", {0});
  rig.offer("a1", 4000, {executor});
  CHECK(rig.none<Accept>());
  rig.pass(10s);
  CHECK(rig.all<ShutdownExecutor>().size() == 2);
  rig.happen(ExecutorEnded{"a1", executor, 0});
  CHECK(rig.core.cells().empty());
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().executor_info.find(executor) == std::string::npos);
}

TEST_CASE("work in time keeps a cell", "[cells]") {
  Rig rig;
  rig.run_one();
  rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  rig.pass(50s);
  rig.lrp("q", {0});
  rig.offer("a1", 4000, {*rig.executor_of("a1")});
  REQUIRE(rig.all<Accept>().size() == 1);
  rig.status(rig.task_id("q", 0), TaskState::running, "a1");
  rig.pass(1h);
  CHECK(rig.none<ShutdownExecutor>());
}

TEST_CASE("a stopping cell whose end went unheard is gone when its agent's offer names it no more", "[cells]") {
  Rig rig;
  rig.run_one();
  rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  rig.pass(61s);
  rig.done();
  rig.lrp("q", {0});
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().agent_id == "a1");
}

TEST_CASE("what a cell said before its end does not bring it back", "[cells]") {
  Rig rig;
  rig.run_one();
  const std::string executor = *rig.executor_of("a1");
  rig.happen(ExecutorEnded{"a1", executor, 0});
  rig.happen(CellSaidHello{"a1", executor, "cell-1", "info"});
  CHECK_FALSE(rig.executor_of("a1") == executor);
}

TEST_CASE("what was launched as its executor ended is of the next one of that name", "[cells]") {
  Rig rig;
  rig.run_one();
  const std::string executor = *rig.executor_of("a1");
  rig.lrp("q", {0});
  rig.offer("a1", 4000, {executor});
  REQUIRE(rig.state("q", 0) == State::launching);
  rig.happen(ExecutorEnded{"a1", executor, 1});
  REQUIRE(rig.core.cells().empty());
  rig.offer("a1", 3000, {executor});
  REQUIRE(rig.core.cells().size() == 1);
  const auto seated = rig.core.cells().at(0).instances;
  CHECK(std::any_of(seated.begin(), seated.end(), [](const CellInstance& one) { return one.key.guid == "q"; }));
}

TEST_CASE("the rep's report limits what its cell gets", "[cells]") {
  Rig rig;
  rig.run_one();
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = *rig.executor_of("a1");
  report.rep_answers = true;
  report.total = {350, 9000, 0, 10};
  report.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
  rig.happen(report);
  rig.lrp("q", {0, 1, 2}, 100);
  rig.offer("a1", 3000, {report.executor_id});
  CHECK(rig.only<Accept>().launches.size() == 2);  // 100 of 350 MiB are taken.
  CHECK(rig.view("q", 2).reason == "insufficient resources: memory");
}

TEST_CASE("an evacuating cell, or one whose rep is silent, gets no work", "[cells]") {
  const bool evacuating = GENERATE(true, false);
  Rig rig;
  rig.run_one();
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = *rig.executor_of("a1");
  report.rep_answers = evacuating;
  report.evacuating = evacuating;
  report.total = {4000, 9000, 0, 10};
  report.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
  rig.happen(report);
  rig.lrp("q", {0});
  rig.offer("a1", 3000, {report.executor_id});
  CHECK(rig.none<Accept>());
}

TEST_CASE("an agent that is lost takes its offers with it and comes back with the next", "[cells]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 3000);
  rig.offer("a1", 1000);
  rig.happen(AgentLost{"a1"});
  rig.pass(10s);
  CHECK(rig.none<Decline>());
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().agent_id == "a1");
}

TEST_CASE("an agent's attributes say what its cell offers", "[cells]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  auto plain = rig.make_offer("a1", 4000);
  plain.attributes["rootfs"] = "other,docker";
  auto fitting = rig.make_offer("a2", 4000);
  fitting.attributes["rootfs"] = "fs";
  fitting.attributes["zone"] = "z9";
  rig.happen(OffersArrived{{plain, fitting}});
  CHECK(rig.only<Accept>().agent_id == "a2");
  CHECK(rig.core.cells().at(0).zone == "z9");
}

TEST_CASE("a cell that never came up is forgotten with its last instance", "[cells]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  rig.happen(StopRequested{{Kind::lrp, "p", 0}});
  rig.status(rig.task_id("p", 0), TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  CHECK(rig.core.cells().empty());
  rig.lrp("q", {0});
  rig.offer("a1", 4000);
  CHECK(rig.all<Accept>().size() == 2);
}

TEST_CASE("an executor that refused its first work is up and is launched on again", "[cells]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  const auto executor = rig.executor_of("a1");
  rig.status(rig.task_id("p", 0), TaskState::failed, "a1", StatusReason::none, "the rep refused it");
  CHECK(rig.executor_of("a1") == executor);
}

TEST_CASE("a second executor of ours on an agent is told to go", "[cells]") {
  Rig rig;
  rig.run_one();
  rig.offer("a1", 1000, {*rig.executor_of("a1"), "diego-cell-other"});
  CHECK(rig.only<ShutdownExecutor>().executor_id == "diego-cell-other");
}

TEST_CASE("a lost agent's cell is not told to go, and is forgotten with its last instance", "[cells]") {
  Rig rig;
  rig.run_one();
  rig.happen(AgentLost{"a1"});
  rig.status(rig.task_id("p", 0), TaskState::unreachable, "a1", StatusReason::agent_lost, "", false);
  CHECK(rig.core.cells().empty());
  rig.done();
  rig.pass(10min);
  CHECK(rig.none<ShutdownExecutor>());
}

TEST_CASE("asking twice to stop is one chain of KILLs", "[cells]") {
  Rig rig;
  rig.run_one();
  for (int i = 0; i < 10; ++i) rig.happen(StopRequested{{Kind::lrp, "p", 0}});
  rig.happen(Disconnected{"x"});
  rig.subscribe();
  rig.done();
  rig.pass(11s);
  CHECK(rig.all<Kill>().size() == 2);
}

}  // namespace core
