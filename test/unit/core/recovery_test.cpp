// What the core says must survive, and what it makes of it after a restart.
#include "memory_store.hpp"
#include "rig.hpp"

namespace core {
namespace {

void save(Rig& rig, MemoryStore& store) {
  if (!rig.core.has_changes()) return;
  REQUIRE(store.commit([&](Journal& journal) { rig.core.write_changes(journal); }));
  rig.core.changes_saved();
}

// As the engine does it.
class IntoCore final : public Recovery {
 public:
  explicit IntoCore(Core& core) : core_(core) {}
  void text(std::string_view name, std::string_view value) override {
    if (name == kFrameworkText) core_.remember_framework(std::string(value));
  }
  base::Status wish(std::uint64_t id, std::string_view text) override { return core_.restore_wish(id, text); }
  base::Status instance(const InstanceRow& row) override {
    auto status = core_.restore(row);
    if (!status) refused.push_back(status.error().message());
    return status;
  }
  std::vector<std::string> refused;

 private:
  Core& core_;
};

// The process was killed and started again.
struct Restarted : Rig {
  explicit Restarted(const MemoryStore& store, base::Time at, Config config = {})
      : Rig(std::move(config), "binpack", 2) {
    now = at;
    IntoCore into(core);
    store.load(into);
    refused = into.refused;
    core.recovered(now);
    offers_made = 1000;
  }
  std::vector<std::string> refused;
};

std::vector<Reconcile::Task> asked(const Rig& rig) {
  std::vector<Reconcile::Task> tasks;
  for (const auto& reconcile : rig.all<Reconcile>())
    tasks.insert(tasks.end(), reconcile.tasks.begin(), reconcile.tasks.end());
  return tasks;
}

}  // namespace

TEST_CASE("accepted work that never got a place is queued again after a restart", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.subscribe();
  before.lrp("p", {0, 1}, 300);
  before.task("t", 200);
  save(before, store);
  CHECK(store.contents.texts.at("framework_id") == "F");
  CHECK(store.contents.rows.size() == 3);

  Restarted after(store, before.now + 1min);
  CHECK(after.core.framework_id() == "F");
  CHECK(after.state("p", 1) == State::queued);
  CHECK(after.view(Key{Kind::task, "t", 0}).memory_mb == 200);
  CHECK(after.view("p", 0).accepted == before.view("p", 0).accepted);
  after.subscribe();
  after.offer("a1", 8000);
  CHECK(after.only<Accept>().launches.size() == 3);
}

TEST_CASE("what was queued by a clock that was ahead is told as unplaced in its time", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.subscribe();
  before.task("t", 9000);
  save(before, store);
  Config config;
  config.tells_changes = true;
  Restarted after(store, before.now - 30min, config);
  after.subscribe();
  after.offer("a1", 4000);
  after.pass(29s);
  after.core.take_changes();
  after.pass(2s);
  const Changes changes = after.core.take_changes();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].kind == ChangeKind::instance_unplaced);
}

TEST_CASE("what ran once and waits again is no start that anybody waits for, also after a restart", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.run_one();
  before.status(before.task_id("p", 0), TaskState::failed, "a1", StatusReason::executor_ended);
  before.pass(1s);
  REQUIRE(before.state("p", 0) == State::queued);
  save(before, store);
  Config config;
  config.tells_changes = true;
  Restarted after(store, before.now + 48h, config);
  after.subscribe();
  after.pass(2s);
  after.core.take_changes();
  after.offer("a2", 4000);
  const Changes changes = after.core.take_changes();
  REQUIRE(after.state("p", 0) == State::launching);
  for (const Change change : changes) CHECK_FALSE(change.waited);
}

TEST_CASE("one wish is one row, however many instances have it", "[recovery]") {
  MemoryStore store;
  Rig rig;
  rig.lrp("p", {0, 1, 2});
  rig.lrp("q", {0});
  rig.lrp("r", {0}, 500);
  save(rig, store);
  CHECK(store.contents.wishes.size() == 2);
  Restarted after(store, rig.now);
  after.lrp("s", {0}, 500);  // Of a wish that is known.
  after.lrp("s", {1}, 600);
  save(after, store);
  CHECK(store.contents.wishes.size() == 3);
  CHECK(store.row("r")->wish == 2);
}

TEST_CASE("what an attempt has come to is saved before its status can be acknowledged", "[recovery]") {
  MemoryStore store;
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  save(rig, store);
  CHECK(store.row("p")->state == State::queued);
  rig.offer("a1", 4000);
  REQUIRE(rig.core.has_changes());
  save(rig, store);
  CHECK(store.row("p")->state == State::launching);
  CHECK(store.row("p")->agent_id == "a1");
  CHECK(store.row("p")->executor_id == *rig.executor_of("a1"));
  CHECK(rig.task_id("p", 0) == "p.0." + std::string(store.row("p")->attempt));
  rig.status(rig.task_id("p", 0), TaskState::starting, "a1");
  REQUIRE(rig.core.has_changes());
  save(rig, store);
  CHECK(store.row("p")->started);
  rig.status(rig.task_id("p", 0), TaskState::running, "a1");
  REQUIRE(rig.core.has_changes());
  save(rig, store);
  CHECK(store.row("p")->state == State::running);
  CHECK(store.row("p")->ran);
  rig.status(rig.task_id("p", 0), TaskState::running, "a1");  // Again: nothing is new.
  CHECK_FALSE(rig.core.has_changes());
  rig.happen(StopRequested{{Kind::lrp, "p", {}}});
  REQUIRE(rig.core.has_changes());
  save(rig, store);
  CHECK(store.row("p")->stop_wanted);
  rig.status(rig.task_id("p", 0), TaskState::killed, "a1");
  save(rig, store);
  CHECK(store.row("p")->state == State::stopped);
  rig.pass(2h);
  save(rig, store);
  CHECK(store.row("p") == nullptr);
}

TEST_CASE("what could not be saved is asked to be saved again", "[recovery]") {
  MemoryStore store;
  Rig rig;
  rig.lrp("p", {0});
  store.trouble = "is full";
  CHECK_FALSE(store.commit([&](Journal& journal) { rig.core.write_changes(journal); }));
  rig.lrp("q", {0});
  store.trouble.clear();
  save(rig, store);
  CHECK(store.contents.rows.size() == 2);
}

TEST_CASE("auctions that could not be saved are withdrawn, older work is not", "[recovery]") {
  MemoryStore store;
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("old", {0});
  save(rig, store);
  rig.lrp("new", {0, 1});
  rig.lrp("old", {0}, 700);  // Another wish of what is accepted.
  rig.core.withdraw_unsaved(rig.now);
  CHECK(rig.core.instances({}).size() == 1);
  CHECK(rig.view("old", 0).memory_mb == 700);
  rig.done();
  save(rig, store);
  CHECK(store.contents.rows.size() == 1);
  rig.offer("a1", 8000);
  CHECK(rig.only<Accept>().launches.size() == 1);
}

TEST_CASE("running work is found again after a restart: asked about, and left alone when the master knows it",
          "[recovery]") {
  MemoryStore store;
  Rig before;
  before.run_one();
  save(before, store);
  const std::string task = before.task_id("p", 0), executor = *before.executor_of("a1");

  Restarted after(store, before.now + 10s);
  CHECK(after.state("p", 0) == State::running);
  CHECK(after.executor_of("a1") == executor);
  after.subscribe();
  REQUIRE(asked(after).size() == 1);
  CHECK(asked(after).front() == Reconcile::Task{task, "a1"});
  after.status(task, TaskState::running, "a1", StatusReason::reconciliation, "", false);
  CHECK(after.none<Kill>());
  CHECK(after.state("p", 0) == State::running);

  // Its cell takes more work once its ExecutorInfo is known, and no second cell is started beside it.
  after.lrp("q", {0});
  after.offer("a1", 4000, {executor});
  CHECK(after.none<Accept>());
  after.happen(CellSaidHello{"a1", executor, "cell-1", "info of " + executor});
  CHECK(after.only<Accept>().executor_info == "info of " + executor);
}

TEST_CASE("a launch that was meant and not sent is launched under a new attempt, never the same", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.subscribe_and_suppress();
  before.lrp("p", {0});
  before.offer("a1", 4000);
  save(before, store);
  const std::string task = before.task_id("p", 0);

  Restarted after(store, before.now + 1s);
  CHECK(after.state("p", 0) == State::launching);
  after.subscribe();
  CHECK(asked(after) == std::vector<Reconcile::Task>{{task, "a1"}});
  after.offer("a1", 4000);
  CHECK(after.none<Accept>());  // Until the master has said what became of it.
  after.status(task, TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  after.pass(1s);
  after.offer("a1", 4000);
  REQUIRE(after.all<Accept>().size() == 1);
  CHECK(after.task_id("p", 0) != task);
  CHECK(after.view("p", 0).attempts == 2);
}

TEST_CASE("a stop outlives a restart", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.run_one();
  before.happen(StopRequested{{Kind::lrp, "p", {}}});
  save(before, store);
  Restarted after(store, before.now + 1s);
  after.subscribe();
  CHECK(after.only<Kill>() == Kill{"a1", before.task_id("p", 0)});
}

TEST_CASE("what has ended stays ended after a restart, and is forgotten in its time", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.run_one();
  before.status(before.task_id("p", 0), TaskState::finished, "a1");
  save(before, store);
  Restarted after(store, before.now + 30min);
  after.subscribe();
  CHECK(asked(after).empty());
  CHECK(after.state("p", 0) == State::stopped);
  // An update of it that is delivered again is acknowledged; that it runs would be wrong.
  after.status(before.task_id("p", 0), TaskState::running, "a1");
  CHECK(after.only<Kill>().task_id == before.task_id("p", 0));
  after.pass(31min);
  CHECK(after.core.instances({}).empty());
}

TEST_CASE("rows that make no sense are refused one by one, the rest is kept", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.run_one();
  before.lrp("q", {0});
  before.lrp("r", {0});
  before.lrp("s", {0});
  before.lrp("u", {0});
  save(before, store);
  for (auto& [id, row] : store.contents.rows) {
    if (row.guid == "q") row.wish = 99;
    if (row.guid == "r") row.attempt = "UPPERCAS";
    if (row.guid == "s") row.state = State::running;  // Where?
  }
  store.contents.rows[77] = *store.row("u");
  store.contents.rows[77].id = 77;
  Restarted after(store, before.now);
  CHECK(after.refused == std::vector<std::string>{"q.0: what it asks for is missing", "r.0: its attempt is not one",
                                                  "s.0: it lives nowhere", "u.0: is there twice"});
  CHECK(after.core.instances({}).size() == 2);
  after.lrp("new", {0});
  save(after, store);
  CHECK(store.row("new")->id == 78);  // No row is used twice, refused ones included.
}

TEST_CASE("who takes over after another led does not raise what has ended since", "[recovery]") {
  const bool another_led = GENERATE(false, true);
  MemoryStore store;
  Rig before;
  before.run_one();
  before.lrp("q", {0});
  save(before, store);
  Restarted after(store, before.now + 1h);
  after.happen(LeadershipTaken{another_led});
  after.subscribe();
  after.status(before.task_id("p", 0), TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  CHECK(after.state("p", 0) == (another_led ? State::lost : State::queued));
  CHECK(after.state("q", 0) == State::queued);  // What was accepted here is kept.
}

TEST_CASE("a cell that was idle when another began to lead has to say so again before it is told to go", "[recovery]") {
  const bool another_led = GENERATE(false, true);
  Rig rig;
  rig.run_one();
  const std::string executor = *rig.executor_of("a1");
  rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  rig.pass(10s);
  rig.happen(Disconnected{"the lock is lost"});
  rig.pass(55s);  // Long enough idle, as far as we know.
  rig.happen(LeadershipTaken{another_led});
  rig.subscribe();
  rig.pass(1s);
  CHECK(rig.none<ShutdownExecutor>() == another_led);
  if (!another_led) return;
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = executor;
  report.rep_answers = true;
  rig.happen(report);
  rig.pass(58s);
  CHECK(rig.none<ShutdownExecutor>());
  rig.pass(2s);
  CHECK(rig.only<ShutdownExecutor>().executor_id == executor);
}

TEST_CASE("a found cell is empty when nothing was told of its work while it could be, and not before", "[recovery]") {
  const bool by_silence = GENERATE(false, true);
  Rig rig;
  rig.subscribe();
  rig.offer("a1", 4000, {"diego-cell-f00d-abcdefgh"});
  rig.pass(9min);
  if (by_silence) {
    rig.happen(Disconnected{"broken"});
    rig.pass(5min);
    rig.subscribe();
  } else {  // The store did not take anything, and the clock jumped.
    rig.now += 5min;
    rig.core.nothing_was_sent(rig.now);
    rig.settle();
  }
  rig.done();
  rig.pass(9min);
  CHECK(rig.none<ShutdownExecutor>());
  rig.pass(2min);
  CHECK_FALSE(rig.none<ShutdownExecutor>());
}

TEST_CASE("who leads again after another leaves no agent that was drained before", "[recovery]") {
  const bool another_led = GENERATE(false, true);
  Rig rig;
  rig.run_one();
  rig.happen(DrainRequested{"a1"});
  CHECK_FALSE(rig.core.cells().at(0).draining.empty());
  rig.happen(Disconnected{"the lock is lost"});
  rig.happen(LeadershipTaken{another_led});
  CHECK(rig.core.cells().at(0).draining.empty() == another_led);
  CHECK(rig.core.drains("a1") == !another_led);
}

TEST_CASE("what another leader launched counts, not our older record of the key", "[recovery]") {
  MemoryStore store;
  Rig before;
  before.run_one();
  save(before, store);
  Restarted after(store, before.now + 1h);
  after.happen(LeadershipTaken{true});
  after.subscribe();
  after.status("p.0.aaaaaaaa", TaskState::running, "a2", StatusReason::reconciliation, "", false);
  after.status(before.task_id("p", 0), TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  CHECK(after.none<Kill>());
  CHECK(after.task_id("p", 0) == "p.0.aaaaaaaa");
  CHECK(after.state("p", 0) == State::running);
}

TEST_CASE("a cell that another leader started is not ended for the one in our books", "[recovery]") {
  Config config;
  config.fence_max = 2s;
  MemoryStore store;
  Rig before;
  before.run_one();
  save(before, store);
  Restarted after(store, before.now + 1h, config);
  after.happen(LeadershipTaken{true});
  after.subscribe();
  const std::string fence = asked(after).back().task_id;
  after.offer("a1", 3000, {"diego-cell-f00d-theirs"});
  CHECK(after.none<ShutdownExecutor>());
  after.status(before.task_id("p", 0), TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  after.status(fence, TaskState::unknown, "", StatusReason::reconciliation, "", false);
  after.offer("a1", 3000, {"diego-cell-f00d-theirs"});
  CHECK(after.none<ShutdownExecutor>());
  CHECK(after.executor_of("a1") == "diego-cell-f00d-theirs");
}

TEST_CASE("nothing is launched before the master has told of tasks that we do not know", "[recovery]") {
  Config config;
  config.fence_max = 2s;
  Rig rig(config);
  rig.lrp("p", {0});
  rig.subscribe();
  std::string fence;
  for (const auto& task : asked(rig)) {
    CHECK(task.agent_id.empty());
    fence = task.task_id;
  }
  REQUIRE(fence.starts_with("~fence."));
  rig.offer("a1", 4000);
  CHECK(rig.none<Accept>());
  SECTION("until it answers") {
    // Another scheduler's attempt of the same key: known by now, so no second one is made.
    rig.status("p.0.aaaaaaaa", TaskState::running, "a2", StatusReason::reconciliation, "", false);
    rig.status(fence, TaskState::unknown, "", StatusReason::reconciliation, "", false);
    CHECK(rig.none<Accept>());
    CHECK(rig.none<Kill>());
    CHECK(rig.state("p", 0) == State::running);
  }
  SECTION("but not for ever: a master whose agents are still to come back does not answer") {
    rig.pass(1900ms);
    CHECK(rig.none<Accept>());
    rig.pass(200ms);
    CHECK(rig.all<Accept>().size() == 1);
  }
  SECTION("and again where the subscription broke before it did") {
    rig.happen(Disconnected{"broke"});
    rig.done();
    rig.subscribe();
    rig.offer("a1", 4000);
    CHECK(rig.none<Accept>());
    CHECK(asked(rig).size() == 1);
  }
  SECTION("later subscriptions do not wait") {
    rig.status(fence, TaskState::unknown, "", StatusReason::reconciliation, "", false);
    CHECK(rig.all<Accept>().size() == 1);
    rig.done();
    rig.subscribe();
    for (const auto& task : asked(rig)) CHECK(task.task_id == rig.task_id("p", 0));
  }
}

}  // namespace core
