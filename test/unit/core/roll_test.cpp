// Outdated cells, which give way one after the other: whose turn it is, how long, and what becomes of their work.
#include <set>

#include "rig.hpp"

namespace core {
namespace {

struct Found : Rig {
  explicit Found(Config config = {}) : Rig(std::move(config)) {
    core.remember_framework("F");
    subscribe();
  }
  // A cell of an earlier configuration, with one LRP whose auction is known.
  void cell(const std::string& agent, const std::string& guid) {
    const std::string executor = "diego-cell-0dd-" + agent;
    offer(agent, 3000, {executor});
    happen(CellSaidHello{agent, executor, "cell-" + agent, "info of " + executor});
    CellReported report;
    report.agent_id = agent;
    report.executor_id = executor;
    report.rep_answers = true;
    report.total = {3500, 9000, 0, 250};
    report.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
    report.work = {{guid + ".0.aaaabbbb", "apps", 100, 100}};
    happen(report);
    Status status{guid + ".0.aaaabbbb", TaskState::running, StatusReason::reconciliation, "", "", "", agent, executor};
    happen(StatusArrived{status});
    lrp(guid, {0});
    report.work.clear();
    reports.push_back(report);
  }
  bool has_turn(std::size_t cell) const { return core.cells().at(cell).draining == "roll"; }
  std::vector<CellReported> reports;
};

}  // namespace

TEST_CASE("outdated cells give way one at a time, the new one only after the old one is gone", "[roll]") {
  Found rig;
  rig.cell("a1", "p");
  rig.cell("a2", "q");
  rig.pass(4s);
  rig.done();
  REQUIRE(rig.core.cells().size() == 2);
  CHECK(rig.core.cells().at(0).outdated);
  CHECK(rig.has_turn(0));
  CHECK(rig.core.cells().at(1).draining.empty());
  rig.offer("a3", 4000);
  REQUIRE(rig.only<Accept>().agent_id == "a3");
  CHECK(rig.core.cells().at(2).outdated == false);
  rig.status(rig.only<Accept>().launches.at(0).task_id, TaskState::running, "a3");
  CHECK(rig.only<Kill>().task_id == "p.0.aaaabbbb");
  rig.status("p.0.aaaabbbb", TaskState::killed, "a1");
  rig.happen(rig.reports.at(0));
  CHECK(rig.only<ShutdownExecutor>().executor_id == "diego-cell-0dd-a1");
  rig.done();
  rig.lrp("r", {0}, 2000);
  rig.offer("a1", 4000, {"diego-cell-0dd-a1"});
  CHECK(rig.none<Accept>());
  CHECK(rig.core.cells().at(1).draining.empty());
  rig.happen(ExecutorEnded{"a1", "diego-cell-0dd-a1", 0});
  rig.pass(4s);
  REQUIRE(rig.core.cells().size() == 3);
  CHECK(rig.only<Accept>().agent_id == "a1");  // With the offer that had to wait.
  CHECK(rig.core.cells().at(0).executor_id.starts_with("diego-cell-f00d-"));
  CHECK(rig.has_turn(1));  // The next one's turn.
  CHECK(rig.core.cells().at(1).agent_id == "a2");
}

TEST_CASE("without room elsewhere an outdated cell keeps its work", "[roll]") {
  Found rig;
  rig.cell("a1", "p");
  rig.pass(1h);
  CHECK(rig.none<Kill>());
  CHECK(rig.none<ShutdownExecutor>());
  CHECK(rig.state("p", 0) == State::running);
}

TEST_CASE("an outdated cell whose work finds no other place takes new work, until its turn comes again", "[roll]") {
  Config config;
  config.evacuation_timeout = 5min;
  Found rig(config);
  rig.cell("a1", "p");
  rig.cell("a2", "q");
  rig.pass(4s);
  REQUIRE(rig.has_turn(0));
  rig.lrp("r", {0});
  rig.pass(20s);
  CHECK(rig.has_turn(0));
  CHECK_FALSE(rig.has_turn(1));
  rig.done();
  rig.pass(15s);
  CHECK_FALSE(rig.has_turn(0));
  CHECK(rig.has_turn(1));
  rig.pass(40s);
  CHECK_FALSE(rig.has_turn(1));
  rig.offer("a1", 2900, {"diego-cell-0dd-a1"});
  CHECK(rig.only<Accept>().executor_info == "info of diego-cell-0dd-a1");
  rig.pass(200s);
  CHECK_FALSE(rig.has_turn(0));
  rig.pass(60s);
  CHECK(rig.has_turn(0));
}

TEST_CASE("the turn of an outdated cell lasts while its work moves", "[roll]") {
  Found rig;
  rig.cell("a1", "p");
  rig.pass(4s);
  rig.done();
  rig.offer("a3", 4000);
  const std::string next = rig.only<Accept>().launches.at(0).task_id;
  rig.status(next, TaskState::starting, "a3");
  rig.pass(9min);
  CHECK(rig.has_turn(0));
  // But not for ever: others wait for theirs. What has begun goes on.
  rig.pass(3min);
  CHECK(rig.core.cells().at(0).draining.empty());
  rig.status(next, TaskState::running, "a3");
  CHECK(rig.only<Kill>().task_id == "p.0.aaaabbbb");
}

TEST_CASE("an outdated cell that was stuck stands behind all others", "[roll]") {
  Config config;
  config.evacuation_timeout = 1s;
  Found rig(config);
  for (const auto& [agent, guid] : {std::pair{"a1", "p"}, {"a2", "q"}, {"a3", "r"}}) rig.cell(agent, guid);
  std::set<std::string> turns;
  for (int i = 0; i < 40; ++i) {
    rig.pass(4s);
    for (const CellView& cell : rig.core.cells()) {
      if (!cell.draining.empty()) turns.insert(cell.agent_id);
    }
  }
  CHECK(turns == std::set<std::string>{"a1", "a2", "a3"});
}

TEST_CASE("a turn that something held up is given its time from then on", "[roll]") {
  Found rig;
  rig.cell("a1", "p");
  rig.pass(4s);
  REQUIRE(rig.has_turn(0));
  SECTION("the master was away") {
    rig.happen(Disconnected{"x"});
    rig.pass(5min);
    rig.subscribe();
  }
  SECTION("the agent was drained as well") {
    rig.happen(DrainRequested{"a1"});
    rig.pass(8s);
    rig.happen(DrainCancelled{"a1"});
  }
  rig.pass(20s);
  CHECK(rig.has_turn(0));
  rig.pass(20s);
  CHECK(rig.core.cells().at(0).draining.empty());
}

TEST_CASE("outdated cells stay if none may be replaced", "[roll]") {
  Config config;
  config.cells_roll_max = 0;
  Found rig(config);
  rig.cell("a1", "p");
  rig.done();
  rig.pass(10s);
  CHECK(rig.core.cells().at(0).outdated);
  rig.lrp("q", {0});
  rig.offer("a1", 2900, {"diego-cell-0dd-a1"});
  CHECK(rig.only<Accept>().executor_info == "info of diego-cell-0dd-a1");
}

}  // namespace core
