// Agents that are left: start before stop, and what becomes of the two attempts meanwhile.
#include "memory_store.hpp"
#include "rig.hpp"

namespace core {
namespace {

struct Busy : Rig {
  // p.0 and, if wanted, the Task t run on a1.
  explicit Busy(Config config = {}, bool with_task = false) : Rig(std::move(config)) {
    run_one();
    old_task = task_id("p", 0);
    executor = *executor_of("a1");
    if (with_task) {
      task("t");
      offer("a1", 3000, {executor});
      status(view({Kind::task, "t", 0}).task_id, TaskState::starting, "a1");
      status(view({Kind::task, "t", 0}).task_id, TaskState::running, "a1");
    }
    done();
  }
  void drain() { happen(DrainRequested{"a1"}); }
  // The successor is launched on a2.
  std::string move() {
    offer("a2", 4000);
    return only<Accept>().launches.at(0).task_id;
  }
  void starts(const std::string& task, const std::string& agent = "a2") { status(task, TaskState::starting, agent); }
  void runs(const std::string& task, const std::string& agent = "a2") { status(task, TaskState::running, agent); }
  CellView agent_view(const std::string& agent) const {
    for (const CellView& cell : core.cells()) {
      if (cell.agent_id == agent) return cell;
    }
    return {};
  }
  std::string old_task, executor;
};

}  // namespace

TEST_CASE("a drained agent's LRP runs elsewhere before it is killed here, then the cell goes", "[drain]") {
  Busy rig;
  rig.drain();
  CHECK(rig.none<Kill>());
  rig.pass(1s);
  CHECK(rig.all<Revive>().size() == 1);
  CHECK(rig.state("p", 0) == State::running);
  CHECK(rig.view("p", 0).reason.starts_with("is to move"));
  CHECK(rig.agent_view("a1").draining == "operator");
  rig.offer("a1", 3000, {rig.executor});
  CHECK(rig.none<Accept>());  // Not here.

  const std::string next = rig.move();
  CHECK(rig.view("p", 0).reason == "moves to agent a2");
  CHECK(rig.task_id("p", 0) == rig.old_task);
  rig.starts(next);
  CHECK(rig.none<Kill>());
  rig.runs(next);
  CHECK(rig.only<Kill>() == Kill{"a1", rig.old_task});
  CHECK(rig.task_id("p", 0) == next);
  CHECK(rig.view("p", 0).agent_id == "a2");
  CHECK(rig.view("p", 0).attempts == 2);
  CHECK(rig.none<ShutdownExecutor>());
  rig.pass(5s);
  CHECK(rig.all<Kill>().size() == 2);  // Until its end is heard of.
  rig.status(rig.old_task, TaskState::killed, "a1");
  CHECK(rig.only<ShutdownExecutor>() == ShutdownExecutor{"a1", rig.executor});
  CHECK(rig.state("p", 0) == State::running);
  rig.happen(ExecutorEnded{"a1", rig.executor, 0});
  CHECK(rig.agent_view("a1").state == CellState::none);
  rig.lrp("q", {0});
  rig.done();
  rig.offer("a1", 4000);
  rig.pass(2s);
  CHECK(rig.none<Accept>());  // The drain lasts...
  rig.happen(DrainCancelled{"a1"});
  CHECK(rig.only<Accept>().agent_id == "a1");  // ...until it is cancelled.
}

TEST_CASE("without room elsewhere work stays on a drained agent until the timeout, then it is killed", "[drain]") {
  Config config;
  config.evacuation_timeout = 100s;
  Busy rig(config, true);
  rig.drain();
  rig.pass(99s);
  CHECK(rig.none<Kill>());
  CHECK(rig.state("p", 0) == State::running);
  rig.pass(1s);
  REQUIRE(rig.all<Kill>().size() == 2);
  rig.status(rig.old_task, TaskState::killed, "a1");
  CHECK(rig.state("p", 0) == State::queued);
  rig.status(rig.view({Kind::task, "t", 0}).task_id, TaskState::killed, "a1");
  CHECK(rig.view({Kind::task, "t", 0}).state == State::failed);
  CHECK(rig.all<ShutdownExecutor>().size() == 1);
  rig.offer("a2", 4000);
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("work that does not obey its KILL goes with its executor", "[drain]") {
  Config config;
  config.evacuation_timeout = 100s;
  Busy rig(config, true);
  rig.drain();
  rig.pass(159s);
  CHECK(rig.none<ShutdownExecutor>());
  rig.pass(1s);
  CHECK(rig.only<ShutdownExecutor>().executor_id == rig.executor);
}

TEST_CASE("a Task may end by itself on a drained agent", "[drain]") {
  Busy rig({}, true);
  rig.drain();
  rig.runs(rig.move());
  rig.status(rig.old_task, TaskState::killed, "a1");
  rig.pass(5min);
  CHECK(rig.none<ShutdownExecutor>());
  rig.status(rig.view({Kind::task, "t", 0}).task_id, TaskState::finished, "a1");
  CHECK(rig.only<ShutdownExecutor>().executor_id == rig.executor);
}

TEST_CASE("an idle cell on a drained agent goes at once", "[drain]") {
  Busy rig;
  rig.status(rig.old_task, TaskState::finished, "a1");
  rig.drain();
  CHECK(rig.only<ShutdownExecutor>().executor_id == rig.executor);
}

TEST_CASE("a cancelled drain leaves work where it is, and lets go what is on its way", "[drain]") {
  const bool launched = GENERATE(false, true);
  Busy rig;
  rig.drain();
  const std::string next = launched ? rig.move() : "";
  rig.happen(DrainCancelled{"a1"});
  rig.done();
  rig.offer("a3", 4000);
  rig.offer("a1", 3000, {rig.executor});
  CHECK(rig.none<Accept>());
  CHECK(rig.state("p", 0) == State::running);
  if (!launched) {
    CHECK(rig.view("p", 0).reason.empty());
    return;
  }
  rig.runs(next);
  CHECK(rig.only<Kill>().task_id == rig.old_task);
  CHECK(rig.task_id("p", 0) == next);
}

TEST_CASE("DELETE of what moves ends both attempts", "[drain]") {
  const bool old_first = GENERATE(true, false);
  Busy rig;
  rig.drain();
  const std::string next = rig.move();
  rig.happen(StopRequested{{Kind::lrp, "p", {}}});
  REQUIRE(rig.all<Kill>().size() == 2);
  rig.status(old_first ? rig.old_task : next, TaskState::killed, old_first ? "a1" : "a2");
  CHECK(rig.state("p", 0) == State::stopping);
  rig.status(old_first ? next : rig.old_task, TaskState::killed, old_first ? "a2" : "a1");
  CHECK(rig.state("p", 0) == State::stopped);
  rig.pass(20s);
  rig.done();
  rig.pass(20s);
  CHECK(rig.none<Kill>());
  CHECK(rig.none<Accept>());
}

TEST_CASE("DELETE of what is to move is not moved any more", "[drain]") {
  Busy rig;
  rig.drain();
  rig.happen(StopRequested{{Kind::lrp, "p", {}}});
  CHECK(rig.only<Kill>().task_id == rig.old_task);
  rig.offer("a2", 4000);
  CHECK(rig.none<Accept>());
  rig.status(rig.old_task, TaskState::killed, "a1");
  CHECK(rig.state("p", 0) == State::stopped);
}

TEST_CASE("where the old attempt ends first, its successor counts, or is still to come", "[drain]") {
  const auto [state, reason] = GENERATE(table<TaskState, StatusReason>(
      {{TaskState::failed, StatusReason::executor_ended}, {TaskState::unreachable, StatusReason::agent_lost}}));
  const bool launched = GENERATE(false, true);
  CAPTURE(to_string(state), launched);
  Busy rig;
  rig.drain();
  std::string next = launched ? rig.move() : "";
  rig.status(rig.old_task, state, "a1", reason);
  CHECK(rig.state("p", 0) == (launched ? State::launching : State::queued));
  if (!launched) next = rig.move();
  CHECK(rig.all<Accept>().size() == 1);
  CHECK(rig.task_id("p", 0) == next);
  rig.done();
  rig.runs(next);
  CHECK(rig.state("p", 0) == State::running);
  CHECK(rig.none<Kill>());
  rig.status(rig.old_task, TaskState::running, "a1", StatusReason::other, "", false);  // It returns, or is heard late.
  CHECK(rig.only<Kill>().task_id == rig.old_task);
}

TEST_CASE("a move that fails is tried again while the old attempt runs on", "[drain]") {
  Busy rig;
  rig.drain();
  const std::string next = rig.move();
  rig.status(next, TaskState::failed, "a2", StatusReason::executor_ended);
  CHECK(rig.state("p", 0) == State::running);
  CHECK(rig.task_id("p", 0) == rig.old_task);
  rig.pass(1s);
  rig.done();
  rig.happen(OffersArrived{{rig.make_offer("a2", 4000), rig.make_offer("a3", 4000)}});
  REQUIRE(rig.only<Accept>().agent_id == "a3");
  const std::string third = rig.only<Accept>().launches.at(0).task_id;
  CHECK(third != next);
  rig.runs(third, "a3");
  CHECK(rig.only<Kill>().task_id == rig.old_task);
}

TEST_CASE("a successor that runs and dies while the old attempt is killed is placed again", "[drain]") {
  Busy rig;
  rig.drain();
  const std::string next = rig.move();
  rig.runs(next);
  rig.status(next, TaskState::failed, "a2", StatusReason::executor_ended);
  CHECK(rig.state("p", 0) == State::queued);
  rig.status(rig.old_task, TaskState::killed, "a1");
  CHECK(rig.state("p", 0) == State::queued);
  rig.done();
  rig.offer("a3", 4000);
  CHECK(rig.only<Accept>().agent_id == "a3");
}

TEST_CASE("what only starts on a drained agent moves once it runs", "[drain]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  rig.happen(DrainRequested{"a1"});
  rig.done();
  rig.offer("a2", 4000);
  CHECK(rig.none<Accept>());
  rig.status(rig.task_id("p", 0), TaskState::running, "a1");
  rig.offer("a3", 4000);
  CHECK(rig.only<Accept>().agent_id == "a3");
}

TEST_CASE("both attempts are asked about after a reconnection, and a KILL is sent again", "[drain]") {
  Busy rig;
  rig.drain();
  const std::string next = rig.move();
  rig.happen(Disconnected{"x"});
  rig.done();
  rig.subscribe();
  std::vector<std::string> asked;
  for (const Reconcile& ask : rig.all<Reconcile>()) {
    for (const auto& task : ask.tasks) asked.push_back(task.task_id);
  }
  std::sort(asked.begin(), asked.end());
  std::vector<std::string> both{rig.old_task, next};
  std::sort(both.begin(), both.end());
  CHECK(asked == both);
  rig.runs(next);
  rig.happen(Disconnected{"x"});
  rig.done();
  rig.subscribe();
  CHECK(rig.only<Kill>() == Kill{"a1", rig.old_task});
}

TEST_CASE("a removed framework takes both attempts with it", "[drain]") {
  Busy rig;
  rig.drain();
  rig.move();
  rig.happen(FrameworkRemoved{"gone"});
  CHECK(rig.state("p", 0) == State::queued);
  rig.done();
  rig.happen(Subscribed{"G", false});
  rig.offer("a2", 4000);
  CHECK(rig.only<Accept>().launches.size() == 1);
}

TEST_CASE("an inverse offer is accepted when the agent is empty of us", "[drain]") {
  Busy rig;
  rig.happen(InverseOffersArrived{{{"i1", "a1"}}});
  CHECK(rig.agent_view("a1").draining == "maintenance");
  CHECK(rig.none<AcceptInverseOffers>());
  rig.runs(rig.move());
  rig.status(rig.old_task, TaskState::killed, "a1");
  CHECK(rig.none<AcceptInverseOffers>());
  rig.happen(ExecutorEnded{"a1", rig.executor, 0});
  CHECK(rig.only<AcceptInverseOffers>().inverse_offer_ids == std::vector<std::string>{"i1"});
  rig.done();
  rig.happen(InverseOffersArrived{{{"i2", "a1"}}});  // It comes again.
  CHECK(rig.only<AcceptInverseOffers>().inverse_offer_ids == std::vector<std::string>{"i2"});
  rig.done();

  auto offer = rig.make_offer("a1", 4000);
  offer.unavailable = true;
  rig.lrp("q", {0}, 3900);
  rig.happen(OffersArrived{{offer}});
  CHECK(rig.none<Accept>());
  rig.offer("a1", 5000);  // The maintenance was called off, or is over.
  CHECK(rig.only<Accept>().agent_id == "a1");
}

TEST_CASE("an inverse offer that is rescinded ends its drain, not an operator's", "[drain]") {
  const bool operators = GENERATE(false, true);
  Busy rig;
  rig.happen(InverseOffersArrived{{{"i1", "a1"}}});
  if (operators) rig.drain();
  rig.happen(InverseOfferRescinded{"i1"});
  rig.done();
  rig.offer("a2", 4000);
  CHECK(rig.all<Accept>().size() == (operators ? 1 : 0));
  CHECK(rig.agent_view("a1").draining == (operators ? "operator" : ""));
}

TEST_CASE("an agent that Mesos drains: its LRPs start elsewhere at once, it gets no work until it offers again",
          "[drain]") {
  Busy rig({}, true);
  const std::string task = rig.view({Kind::task, "t", 0}).task_id;
  rig.status(rig.old_task, TaskState::killing, "a1", StatusReason::agent_draining);
  rig.status(task, TaskState::killing, "a1", StatusReason::agent_draining);
  CHECK(rig.agent_view("a1").draining == "mesos");
  CHECK(rig.none<Kill>());  // Mesos does it.
  const std::string next = rig.move();
  rig.status(rig.old_task, TaskState::killed, "a1", StatusReason::agent_draining);
  rig.status(task, TaskState::killed, "a1", StatusReason::agent_draining);
  CHECK(rig.view({Kind::task, "t", 0}).state == State::failed);
  CHECK(rig.task_id("p", 0) == next);
  CHECK(rig.state("p", 0) == State::launching);
  CHECK(rig.only<ShutdownExecutor>().executor_id == rig.executor);  // Else the agent never counts as drained.
  rig.runs(next);
  rig.happen(ExecutorEnded{"a1", rig.executor, 0});
  rig.done();
  rig.lrp("q", {0}, 3900);
  rig.offer("a1", 5000);
  CHECK(rig.only<Accept>().agent_id == "a1");
}

TEST_CASE("a launch that a draining agent drops goes elsewhere, and is not held against the agent", "[drain]") {
  Rig rig;
  rig.subscribe_and_suppress();
  for (int i = 0; i < 4; ++i) {
    rig.lrp("p", {i});
    rig.offer("a1", 4000);
    rig.status(rig.task_id("p", i), TaskState::dropped, "a1", StatusReason::agent_draining, "draining", false);
    CHECK(rig.state("p", i) == State::queued);
    rig.happen(StopRequested{{Kind::lrp, "p", {}}});
    rig.pass(10s);
  }
  rig.done();
  rig.lrp("q", {0});
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().agent_id == "a1");
}

TEST_CASE("the evacuation timeout may be changed while an agent is drained", "[drain]") {
  const auto [timeout, killed_after] = GENERATE(table<const char*, base::Duration>({
      {R"({"evacuation_timeout_ms":1200000})", 1200s},
      {R"({"evacuation_timeout_ms":60000})", 60s},
  }));
  Busy rig;
  rig.drain();
  rig.pass(10s);
  rig.happen(PolicyChanged{*merged(rig.core.policy(), rig.core.usual_policy(), timeout)});
  rig.pass(killed_after - 12s);
  CHECK(rig.none<Kill>());
  rig.pass(4s);
  CHECK(rig.only<Kill>().task_id == rig.old_task);
}

// ---- Restarts

namespace {

class IntoCore final : public Recovery {
 public:
  explicit IntoCore(Core& core) : core_(core) {}
  void text(std::string_view, std::string_view value) override { core_.remember_framework(std::string(value)); }
  base::Status wish(std::uint64_t id, std::string_view text) override { return core_.restore_wish(id, text); }
  base::Status instance(const InstanceRow& row) override { return core_.restore(row); }

 private:
  Core& core_;
};

}  // namespace

TEST_CASE("a restart in the middle of a move leaves one attempt, the one that counted", "[drain]") {
  const bool moved = GENERATE(false, true);
  MemoryStore store;
  Busy before;
  before.drain();
  const std::string next = before.move();
  if (moved) before.runs(next);
  REQUIRE(store.commit([&](Journal& journal) { before.core.write_changes(journal); }));

  Rig after;
  after.now = before.now + 1s;
  IntoCore into(after.core);
  store.load(into);
  after.core.recovered(after.now);
  after.subscribe();
  after.status(next, TaskState::running, "a2", StatusReason::reconciliation, "", false);
  after.status(before.old_task, TaskState::running, "a1", StatusReason::reconciliation, "", false);
  CHECK(after.state("p", 0) == State::running);
  CHECK(after.task_id("p", 0) == (moved ? next : before.old_task));
  CHECK(after.only<Kill>() == (moved ? Kill{"a1", before.old_task} : Kill{"a2", next}));
}

// ---- Strays

TEST_CASE("an attempt that comes back while its successor starts serves until that one runs", "[drain]") {
  const bool fails = GENERATE(false, true);
  Busy rig;
  rig.status(rig.old_task, TaskState::unreachable, "a1", StatusReason::agent_lost, "", false);
  const std::string next = rig.move();
  rig.done();
  rig.status(rig.old_task, TaskState::running, "a1", StatusReason::other, "", false);
  CHECK(rig.none<Kill>());
  CHECK(rig.task_id("p", 0) == next);
  if (fails) {
    rig.status(next, TaskState::failed, "a2", StatusReason::executor_ended);
    CHECK(rig.state("p", 0) == State::running);
    CHECK(rig.task_id("p", 0) == rig.old_task);
    rig.pass(1min);
    CHECK(rig.none<Kill>());
  } else {
    rig.runs(next);
    CHECK(rig.only<Kill>() == Kill{"a1", rig.old_task});
    rig.status(rig.old_task, TaskState::killed, "a1");
    CHECK(rig.task_id("p", 0) == next);
    CHECK(rig.state("p", 0) == State::running);
  }
}

}  // namespace core
