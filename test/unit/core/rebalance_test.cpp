// What runs, packed or spread anew: what is planned, and how it is carried out.
#include <algorithm>

#include "rebalance_rig.hpp"

namespace core {
namespace {

std::vector<std::string> sources(const RebalanceView& view) {
  std::vector<std::string> agents;
  for (const RebalanceMove& move : view.moves) agents.push_back(move.from.agent_id);
  return agents;
}
std::vector<std::string> targets(const RebalanceMove& move) {
  std::vector<std::string> agents;
  for (const auto& instance : move.instances) agents.push_back(to_string(instance.key) + ">" + instance.to.agent_id);
  return agents;
}

// Three cells with 100 MB each: a3 and a2 fit on a1.
struct Three : Full {
  explicit Three(Config config = {}) : Full(std::move(config)) {
    run("a1", "p", 0, 250, 300);
    run("a2", "q", 0, 0, 200);
    run("a3", "r", 0, 0, 100);
    REQUIRE(core.cells().size() == 3);
  }
};

}  // namespace

TEST_CASE("packing empties the cell with the least work that fits into the others", "[rebalance]") {
  Three rig;
  const RebalanceView plan = rig.preview();
  CHECK(plan.goal == Goal::pack);
  CHECK(plan.state == RebalanceState::preview);
  CHECK(plan.reason.empty());
  REQUIRE(sources(plan) == std::vector<std::string>{"a3"});
  CHECK(targets(plan.moves[0]) == std::vector<std::string>{"r.0>a1"});
  CHECK(plan.moves[0].instances[0].memory_mb == 100);
  CHECK(plan.moves[0].instances[0].to.cell_id == rig.core.cell_id_on("a1"));
  CHECK(plan.moves[0].from.cell_id == rig.core.cell_id_on("a3"));
  CHECK(plan.moves[0].state == MoveState::planned);
  CHECK(plan.before.cells == 3);
  CHECK(plan.after.cells == 2);
  // The rest: q fits into what r leaves of a1 no more.
  CHECK(plan.stay ==
        std::map<std::string, std::int64_t>{{"its work fits nowhere else: insufficient resources: memory", 1}});
}

TEST_CASE("packing fills no cell that has no work, and starts none", "[rebalance]") {
  Full rig;
  rig.run("a1", "p", 0, 0, 300);
  rig.run("a2", "q", 0, 500, 100);
  rig.offer_again("a3", 4000);
  SECTION("an agent without a cell") {
    const RebalanceView plan = rig.preview();
    CHECK(sources(plan) == std::vector<std::string>{"a1"});
    CHECK(plan.stay.at("another cell would have to start for its work") == 1);
  }
  SECTION("a cell without work") {
    rig.run("a3", "r", 0, 3000, 200);
    rig.happen(StopRequested{{Kind::lrp, "r", 0}});
    rig.carry_out();
    rig.offer_again("a2", 0);
    rig.offer_again("a1", 0);
    const RebalanceView plan = rig.preview();
    CHECK(plan.moves.empty());
    CHECK(plan.reason == "no cell is worth emptying");
    CHECK(plan.stay == std::map<std::string, std::int64_t>{{"as many cells would have work", 2}});
  }
}

TEST_CASE("packing leaves --cells-min cells", "[rebalance]") {
  Three rig;
  Policy policy = rig.core.policy();
  policy.cells_min = 3;
  rig.happen(PolicyChanged{policy});
  const RebalanceView plan = rig.preview();
  CHECK(plan.moves.empty());
  CHECK(plan.stay.at("--cells-min keeps as many cells") == 3);
}

TEST_CASE("packing does not cost balance over the zones", "[rebalance]") {
  Full rig;
  rig.offer_again("a1", 100, "z1");
  rig.offer_again("a2", 400, "z2");
  rig.pass(20s);
  rig.run("a1", "p", 0, 0, 100);
  rig.run("a2", "p", 1, 300, 100);
  CHECK(rig.preview().moves.empty());
  CHECK(rig.preview().stay.at("its work would be less balanced over the zones") == 1);
}

TEST_CASE("cells that may not be emptied are counted with the reason", "[rebalance]") {
  Three rig;
  SECTION("Tasks cannot move") {
    rig.nothing_elsewhere();
    rig.task("t", 10);
    rig.offer_again("a3", 10);
    rig.status(rig.view({Kind::task, "t", 0}).task_id, TaskState::running, "a3");
    rig.offer_again("a1", 250);
    CHECK(rig.preview().stay.at("it has Tasks, which cannot move") == 1);
    CHECK(sources(rig.preview()) == std::vector<std::string>{"a2"});
  }
  SECTION("an agent that is left already") {
    rig.happen(DrainRequested{"a3"});
    CHECK(rig.preview().stay.at("its agent is left already") == 1);
  }
  SECTION("a lost agent") {
    rig.happen(AgentLost{"a3"});
    CHECK(rig.preview().stay.at("its agent is lost") == 1);
  }
  SECTION("what starts or stops") {
    rig.nothing_elsewhere();
    rig.lrp("s", {0}, 10);
    rig.offer_again("a3", 10);
    CHECK(rig.preview().stay.at("not all of its instances just run") == 1);
    rig.status(rig.task_id("s", 0), TaskState::running, "a3");
    rig.happen(StopRequested{{Kind::lrp, "s", 0}});
    CHECK(rig.preview().stay.at("not all of its instances just run") == 1);
  }
}

TEST_CASE("spreading brings instances apart once there is where to", "[rebalance]") {
  Full rig({}, "spread");
  for (const auto* agent : {"a1", "a2"}) {
    for (int index = 0; index < 2; ++index) rig.run(agent, std::string("p-") + agent, index, 300);
  }
  REQUIRE(rig.preview().before.cell_pairs == 2);
  CHECK(rig.preview().moves.empty());  // Elsewhere they would be as close.
  rig.offer_again("a3", 4000);
  rig.offer_again("a4", 4000);
  rig.offer_again("a5", 4000);
  const RebalanceView plan = rig.preview();
  CHECK(plan.goal == Goal::spread);
  REQUIRE(plan.moves.size() == 2);
  CHECK(plan.after.cell_pairs == 0);
  CHECK(plan.moves[0].before == plan.before);
  CHECK(plan.moves[0].after == plan.moves[1].before);
  CHECK(plan.moves[1].after == plan.after);
  CHECK(sources(plan) == std::vector<std::string>{"a1", "a2"});
  CHECK(plan.moves[0].instances[0].starts_cell);
  CHECK(plan.moves[0].instances[0].to.cell_id.empty());
}

TEST_CASE("spreading goes to a zone that came back", "[rebalance]") {
  Full rig;
  rig.offer_again("a1", 400, "z1");
  rig.offer_again("a2", 400, "z1");
  rig.run("a1", "p", 0, 100);
  rig.run("a2", "p", 1, 100);
  CHECK(rig.preview(Goal::spread).moves.empty());
  rig.offer_again("a3", 4000, "z2");
  const RebalanceView plan = rig.preview(Goal::spread);
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.before.zone_pairs == 1);
  CHECK(plan.after.zone_pairs == 0);
  rig.rebalance(Goal::spread);
  rig.pass(2s);  // It has waited for the offer of the cell that is up.
  rig.offer_again("a3", 4000);
  rig.carry_out();
  CHECK(rig.view("p", 0).agent_id == "a3");
  CHECK(rig.view("p", 1).agent_id == "a2");
  CHECK(rig.shown().moves[0].state == MoveState::moved);
}

TEST_CASE("spreading evens the use of memory, if by enough", "[rebalance]") {
  Full rig({}, "spread");
  for (int app = 0; app < 8; ++app) rig.run("a1", "p" + std::to_string(app), 0, 100, 400);
  CHECK(rig.preview().moves.empty());
  rig.offer_again("a2", 3300);
  CHECK(rig.preview().moves.empty());  // Another full cell would be as uneven.
  rig.offer_again("a3", 3300);
  const RebalanceView plan = rig.preview();
  REQUIRE(sources(plan) == std::vector<std::string>{"a1"});
  CHECK(plan.after.unevenness_permille < plan.before.unevenness_permille);
  CHECK(plan.after.cells == 2);
  CHECK(rig.preview(Goal::spread, 0).moves.empty());
}

TEST_CASE("a move starts before it stops, and its agent may be used again", "[rebalance]") {
  Three rig;
  rig.rebalance();
  CHECK(rig.told(ChangeKind::rebalance_planned).size() == 1);
  CHECK(rig.shown().state == RebalanceState::under_way);
  CHECK(rig.shown().moves[0].state == MoveState::moving);
  CHECK(rig.core.cells().at(2).draining == "rebalance");
  CHECK(rig.none<Kill>());
  rig.pass(1s);
  const std::string before = rig.task_id("r", 0);
  rig.offer_again("a1", 350);
  const Accept accept = rig.only<Accept>();
  CHECK(accept.agent_id == "a1");
  rig.status(accept.launches.at(0).task_id, TaskState::starting, "a1");
  CHECK(rig.none<Kill>());
  CHECK(rig.task_id("r", 0) == before);
  rig.done();
  rig.status(accept.launches.at(0).task_id, TaskState::running, "a1");
  CHECK(rig.only<Kill>() == Kill{"a3", before});
  rig.status(before, TaskState::killed, "a3");
  CHECK(rig.shown().moves[0].state == MoveState::moving);
  const ShutdownExecutor shutdown = rig.only<ShutdownExecutor>();
  CHECK(shutdown.agent_id == "a3");
  rig.happen(ExecutorEnded{"a3", shutdown.executor_id, 0});
  CHECK(rig.shown().moves[0].state == MoveState::moved);
  CHECK(rig.shown().state == RebalanceState::ended);
  CHECK(rig.shown().reason == "all of it is done");
  CHECK(rig.shown().ended == rig.now);
  CHECK(rig.core.cells().size() == 2);
  const Changes changes = rig.core.take_changes();
  const auto agents = [&changes](ChangeKind kind) {
    std::vector<std::string> found;
    for (const Change change : changes) {
      if (change.kind == kind) found.emplace_back(change.agent_id);
    }
    return found;
  };
  CHECK(agents(ChangeKind::rebalance_moved) == std::vector<std::string>{"a3"});
  CHECK(agents(ChangeKind::rebalance_ended).size() == 1);
  rig.lrp("s", {0}, 900);
  rig.done();
  rig.offer_again("a3", 1000);
  CHECK(rig.only<Accept>().agent_id == "a3");
}

TEST_CASE("one cell at a time, the next when the last one is gone", "[rebalance]") {
  Full rig;
  rig.run("a1", "p", 0, 1000, 300);
  rig.run("a2", "q", 0, 0, 200);
  rig.run("a3", "r", 0, 0, 100);
  REQUIRE(sources(rig.preview()) == std::vector<std::string>{"a3", "a2"});
  rig.rebalance();
  CHECK(rig.core.cells().at(1).draining.empty());
  rig.offer_again("a1", 1000);
  rig.carry_out();
  CHECK(rig.shown().moves[0].state == MoveState::moved);
  CHECK(rig.shown().moves[1].state == MoveState::moving);
  CHECK(rig.core.cells().at(1).draining == "rebalance");
  rig.offer_again("a1", 900);
  rig.carry_out();
  CHECK(rig.shown().state == RebalanceState::ended);
  CHECK(rig.core.cells().size() == 1);
}

TEST_CASE("a move is decided anew when its turn comes", "[rebalance]") {
  Full rig;
  rig.run("a1", "p", 0, 1000, 300);
  rig.run("a2", "q", 0, 0, 200);
  rig.run("a3", "r", 0, 0, 100);
  rig.rebalance();
  SECTION("what it counted on is taken") {
    rig.lrp("s", {0}, 850);
    rig.offer_again("a1", 1000);
    rig.carry_out();
    rig.pass(1s);
    CHECK(rig.shown().moves[0].state == MoveState::moved);
    CHECK(rig.shown().moves[1].state == MoveState::skipped);
    CHECK(rig.shown().moves[1].reason == "its work fits nowhere else: insufficient resources: memory");
  }
  SECTION("its cell is gone") {
    rig.happen(ExecutorEnded{"a2", *rig.executor_of("a2"), 0});
    rig.happen(StopRequested{{Kind::lrp, "q", 0}});
    rig.offer_again("a1", 1000);
    rig.carry_out();
    rig.pass(1s);
    CHECK(rig.shown().moves[1].reason == "its cell is gone");
  }
  SECTION("it is drained meanwhile") {
    rig.happen(DrainRequested{"a2"});
    rig.offer_again("a1", 1000);
    rig.carry_out();
    rig.pass(1s);
    CHECK(rig.shown().moves[1].state == MoveState::skipped);
  }
  CHECK(rig.shown().state == RebalanceState::ended);
}

TEST_CASE("without room a move is given up, and the work stays", "[rebalance]") {
  Config config;
  config.evacuation_timeout = 100s;
  Three rig(config);
  rig.rebalance();
  rig.offer_again("a1", 50);
  rig.pass(99s);
  CHECK(rig.shown().moves[0].state == MoveState::moving);
  rig.pass(1s);
  CHECK(rig.shown().moves[0].state == MoveState::given_up);
  CHECK(rig.shown().state == RebalanceState::ended);
  CHECK(rig.shown().reason == "a cell could not be emptied in time");
  CHECK(rig.none<Kill>());
  CHECK(rig.none<ShutdownExecutor>());
  CHECK(rig.core.cells().at(2).draining.empty());
  CHECK_FALSE(rig.core.has_two_attempts({Kind::lrp, "r", 0}));
  CHECK(rig.state("r", 0) == State::running);
  rig.pass(10min);
  CHECK(rig.none<Kill>());
}

TEST_CASE("a rebalance that is cancelled ends, and what has not begun to move stays", "[rebalance]") {
  Full rig;
  rig.run("a1", "p", 0, 1000, 300);
  rig.run("a2", "q", 0, 0, 200);
  rig.run("a3", "r", 0, 0, 100);
  rig.rebalance();
  rig.happen(RebalanceCancelled{});
  CHECK(rig.shown().state == RebalanceState::ended);
  CHECK(rig.shown().reason == "it was cancelled");
  CHECK(rig.shown().moves[0].state == MoveState::given_up);
  CHECK(rig.shown().moves[1].state == MoveState::skipped);
  rig.done();
  rig.offer_again("a1", 1000);
  rig.pass(1min);
  CHECK(rig.none<Accept>());
  CHECK(rig.core.cells().size() == 3);
  rig.happen(RebalanceCancelled{});
  CHECK(rig.shown().reason == "it was cancelled");
}

TEST_CASE("while one is under way another one changes nothing", "[rebalance]") {
  Three rig;
  rig.rebalance();
  const RebalanceView before = rig.shown();
  rig.rebalance(Goal::spread, 1);
  CHECK(rig.shown() == before);
}

TEST_CASE("a rebalance ends with what it was planned for", "[rebalance]") {
  Three rig;
  rig.rebalance();
  SECTION("a new lead") {
    rig.happen(LeadershipTaken{false});
    CHECK(rig.shown().reason == "this scheduler took the lead anew");
    CHECK(rig.core.cells().at(2).draining.empty());
  }
  SECTION("the framework") {
    rig.happen(FrameworkRemoved{"gone"});
    CHECK(rig.shown().reason == "the framework was removed");
  }
  SECTION("a master that stays away") {
    rig.happen(Disconnected{"x"});
    rig.pass(59s);
    CHECK(rig.core.rebalances());
    rig.pass(1s);
    CHECK(rig.shown().reason == "there has been no Mesos master for 60 s");
  }
  CHECK(rig.shown().state == RebalanceState::ended);
  CHECK_FALSE(rig.core.rebalances());
}

TEST_CASE("a master that is away for a moment does not end a rebalance", "[rebalance]") {
  Three rig;
  rig.rebalance();
  rig.happen(Disconnected{"x"});
  rig.pass(50s);
  rig.subscribe();
  rig.pass(30s);
  CHECK(rig.core.rebalances());
  rig.offer_again("a1", 350);
  rig.carry_out();
  CHECK(rig.shown().moves[0].state == MoveState::moved);
}

TEST_CASE("a cell that dies while it is emptied is no move made", "[rebalance]") {
  Three rig;
  rig.rebalance();
  SECTION("its executor") {
    rig.happen(ExecutorEnded{"a3", *rig.executor_of("a3"), 9});
    CHECK(rig.shown().moves[0].reason == "its cell ended by itself");
  }
  SECTION("its work, and then its executor") {
    const std::string executor = *rig.executor_of("a3");
    rig.status(rig.task_id("r", 0), TaskState::failed, "a3");
    rig.happen(ExecutorEnded{"a3", executor, 1});
    CHECK(rig.shown().moves[0].reason == "its cell ended by itself");
  }
  SECTION("its agent") {
    rig.happen(AgentLost{"a3"});
    CHECK(rig.shown().moves[0].reason == "its agent is lost");
  }
  CHECK(rig.shown().moves[0].state == MoveState::given_up);
  CHECK(rig.core.rebalances() == false);
}

TEST_CASE("work that dies while its successor starts has moved all the same", "[rebalance]") {
  Three rig;
  rig.rebalance();
  rig.pass(1s);
  rig.offer_again("a1", 350);
  const std::string next = rig.only<Accept>().launches.at(0).task_id;
  rig.status(next, TaskState::starting, "a1");
  const std::string executor = *rig.executor_of("a3");
  rig.status(rig.task_id("r", 0), TaskState::failed, "a3");
  rig.status(next, TaskState::running, "a1");
  rig.happen(ExecutorEnded{"a3", executor, 0});
  CHECK(rig.shown().moves[0].state == MoveState::moved);
}

TEST_CASE("without a master, or before every agent was seen, nothing is planned", "[rebalance]") {
  Three rig;
  rig.happen(Disconnected{"x"});
  CHECK(rig.preview().reason == "not subscribed to a Mesos master: nothing can move");
  rig.rebalance();
  CHECK(rig.shown().state == RebalanceState::ended);
  Rig fresh;
  fresh.subscribe();
  CHECK(fresh.core.plan_rebalance({}, fresh.now).reason == "not every agent was seen yet since this scheduler leads");
}

TEST_CASE("with a BBS the rep is told to evacuate, which cannot be taken back", "[rebalance]") {
  Config config;
  config.with_bbs = true;
  config.evacuation_timeout = 100s;
  Three rig(config);
  rig.rebalance();
  CHECK(rig.only<Evacuate>().agent_id == "a3");
  CHECK(rig.none<Kill>());
  rig.pass(100s);
  CHECK(rig.shown().moves[0].reason ==
        "not all of its work found a place elsewhere within the evacuation timeout; its rep evacuates on");
  CHECK(rig.core.cells().at(2).draining == "rebalance");
  CHECK(rig.preview().stay.at("its agent is left already") == 1);
}

TEST_CASE("what moves counts no more where it leaves, so zones stay balanced", "[rebalance]") {
  Full rig;
  for (const auto* agent : {"a1", "a2", "a3", "a4"}) {
    rig.offer_again(agent, 900, std::string(agent) < "a3" ? "z1" : "z2");
    rig.run(agent, "p", agent[1] - '1', 700, 100);
  }
  REQUIRE(rig.preview().before.zone_pairs == 2);
  const std::string agent = GENERATE("a1", "a2", "a3", "a4");
  rig.happen(DrainRequested{agent});
  for (const auto* other : {"a4", "a3", "a2", "a1"}) rig.offer_again(other, 700);
  rig.carry_out();
  CHECK(rig.preview().before.zone_pairs == 2);
}

}  // namespace core
