// Work with a BBS behind it: what is asked there, what is reported, and what is left to it.
#include "rig.hpp"

namespace core {
namespace {

using diego::LrpRow;
using diego::TaskRow;

Config with_bbs() {
  Config config;
  config.with_bbs = true;
  return config;
}

LrpRow row(const std::string& guid, std::int32_t index, LrpRow::State state,
           LrpRow::Presence presence = LrpRow::Presence::ordinary) {
  LrpRow row;
  row.process_guid = guid;
  row.index = index;
  row.state = state;
  row.presence = presence;
  return row;
}

struct BbsRig : Rig {
  BbsRig() : Rig(with_bbs()) {}

  void answer(std::vector<LrpRow> rows) { happen(RowsRead{only<ReadRows>().call, {}, std::move(rows), {}}); }
  void answer(std::optional<TaskRow> row) { happen(RowsRead{only<ReadRows>().call, {}, {}, std::move(row)}); }
  void fail_question(diego::BbsFailure::Kind kind = diego::BbsFailure::Kind::transient) {
    happen(RowsRead{only<ReadRows>().call, diego::BbsFailure{kind, "no"}, {}, {}});
  }
  static std::optional<TaskRow> pending(std::int32_t rejections = 0) {
    TaskRow row;
    row.task_guid = "t";
    row.state = TaskRow::State::pending;
    row.rejection_count = rejections;
    return row;
  }
  // Too big for the one agent there is.
  void nothing_fits() { offer("a1", 700); }
};

constexpr auto kUnclaimed = LrpRow::State::unclaimed;
constexpr auto kRunning = LrpRow::State::running;

}  // namespace

TEST_CASE("what the BBS has just auctioned is launched without a question", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.pass(4s);
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().launches.size() == 1);
  CHECK(rig.none<ReadRows>());
}

TEST_CASE("what has waited has its row read before it is launched", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1});
  rig.pass(6s);
  rig.offer("a1", 4000);
  CHECK(rig.none<Accept>());
  CHECK(rig.only<ReadRows>().guid == "p");
  CHECK(rig.view("p", 0).reason == "the BBS is asked whether it is still wanted");

  SECTION("wanted: it is launched") {
    rig.answer({row("p", 0, kUnclaimed), row("p", 1, kUnclaimed)});
    CHECK(rig.only<Accept>().launches.size() == 2);
  }
  SECTION("taken or retired meanwhile: it is dropped, and says why") {
    rig.answer({row("p", 0, kRunning)});
    CHECK(rig.none<Accept>());
    CHECK(rig.state("p", 0) == State::stopped);
    CHECK(rig.view("p", 1).reason == "the BBS does not want it any more");
  }
  SECTION("a suspect row beside an unclaimed one does not count") {
    rig.answer({row("p", 0, kRunning, LrpRow::Presence::suspect), row("p", 0, kUnclaimed)});
    CHECK(rig.only<Accept>().launches.size() == 1);
    CHECK(rig.state("p", 1) == State::stopped);
  }
  SECTION("no answer: it is launched all the same") {
    rig.fail_question();
    CHECK(rig.only<Accept>().launches.size() == 2);
  }
  SECTION("auctioned again since: that is the later word") {
    rig.lrp("p", {0});
    rig.answer(std::vector<LrpRow>{});
    CHECK(rig.only<Accept>().launches.size() == 1);
    CHECK(rig.state("p", 0) == State::launching);
    CHECK(rig.state("p", 1) == State::stopped);
  }
  SECTION("stopped meanwhile: nothing is launched") {
    rig.happen(StopRequested{{Kind::lrp, "p", std::nullopt}});
    rig.answer({row("p", 0, kUnclaimed), row("p", 1, kUnclaimed)});
    CHECK(rig.none<Accept>());
  }
}

TEST_CASE("a Task that has waited is launched only while it is Pending", "[bbs]") {
  const auto [state, launches] = GENERATE(table<TaskRow::State, std::size_t>({
      {TaskRow::State::pending, 1},
      {TaskRow::State::running, 0},
      {TaskRow::State::completed, 0},
      {TaskRow::State::resolving, 0},
  }));
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.task("t");
  rig.pass(6s);
  rig.offer("a1", 4000);
  auto found = BbsRig::pending();
  found->state = state;
  rig.answer(found);
  CHECK(rig.all<Accept>().size() == launches);
  CHECK(is_ended(rig.view(Key{Kind::task, "t", 0}).state) == (launches == 0));
}

TEST_CASE("a Task without a row is dropped", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.task("t");
  rig.pass(6s);
  rig.offer("a1", 4000);
  rig.answer(std::optional<TaskRow>());
  CHECK(rig.none<Accept>());
}

TEST_CASE("an LRP without a place is reported in Diego's words, stays, and is placed when room comes", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 1000);
  rig.nothing_fits();
  rig.pass(29s);
  CHECK(rig.none<Report>());
  rig.offer("a1", 700);
  rig.pass(2s);
  const auto report = rig.only<Report>();
  CHECK(report.key == Key{Kind::lrp, "p", 0});
  CHECK(report.domain == "apps");
  CHECK(report.text == "insufficient resources: memory");
  rig.happen(ReportAnswered{report.call, {}});
  CHECK(rig.state("p", 0) == State::queued);

  rig.done();
  rig.lrp("p", {0}, 1000);  // The BBS's convergence.
  rig.pass(30s);
  CHECK(rig.none<Report>());  // It has been told.
  rig.lrp("p", {0}, 1000);
  rig.offer("a2", 4000);
  CHECK(rig.only<Accept>().launches.size() == 1);
}

TEST_CASE("another reason is another report", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 1000);
  rig.pass(31s);
  CHECK(rig.only<Report>().text == "unable to communicate to compatible cells");
  rig.happen(ReportAnswered{rig.only<Report>().call, {}});
  rig.done();
  rig.nothing_fits();
  rig.pass(30s);
  CHECK(rig.only<Report>().text == "insufficient resources: memory");
}

TEST_CASE("a report that is not delivered yet is taken back when its instance is launched", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 1000);
  rig.lrp("q", {0}, 1000);
  rig.nothing_fits();
  rig.pass(31s);
  for (const auto& report : rig.all<Report>())
    rig.happen(ReportAnswered{report.call, diego::BbsFailure{diego::BbsFailure::Kind::transient, "down"}});
  rig.done();
  rig.lrp("p", {0}, 1000);
  rig.lrp("q", {0}, 1000);
  rig.offer("a2", 4000);
  CHECK(rig.only<Accept>().launches.size() == 2);
  rig.pass(1min);
  CHECK(rig.none<Report>());
}

TEST_CASE("while Mesos is away LRPs are reported, Tasks held", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.happen(Disconnected{"gone"});
  rig.lrp("p", {0});
  rig.task("t");
  rig.pass(40s);
  CHECK(rig.only<Report>().text == "unable to communicate to compatible cells");
  CHECK(rig.none<ReadRows>());
  CHECK(rig.view(Key{Kind::task, "t", 0}).state == State::queued);
}

TEST_CASE("a Task without a place is rejected once for each auction", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.task("t", 1000);
  rig.nothing_fits();
  rig.pass(31s);
  CHECK(rig.none<Report>());
  rig.answer(BbsRig::pending(1));
  const auto report = rig.only<Report>();
  CHECK(report.text == "insufficient resources: memory");
  CHECK(report.rejections == 1);
  CHECK(rig.view(Key{Kind::task, "t", 0}).state == State::rejected);
  rig.happen(ReportAnswered{report.call, {}});
  rig.done();
  rig.pass(2min);
  CHECK(rig.none<Report>());

  rig.task("t", 1000);  // The next convergence.
  CHECK(rig.view(Key{Kind::task, "t", 0}).state == State::queued);
  rig.offer("a2", 4000);
  CHECK(rig.only<Accept>().launches.size() == 1);
}

TEST_CASE("a Task is not rejected when its row says otherwise, cannot be read, or it found a place", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.task("t", 1000);
  rig.nothing_fits();
  rig.pass(31s);
  const Key key{Kind::task, "t", 0};
  SECTION("it is gone") {
    rig.answer(std::optional<TaskRow>());
    CHECK(rig.view(key).state == State::stopped);
  }
  SECTION("the BBS does not answer") {
    rig.fail_question();
    CHECK(rig.view(key).state == State::queued);
    rig.done();
    rig.pass(40s);
    CHECK(rig.only<ReadRows>().guid == "t");  // It is asked again.
  }
  SECTION("room came") {
    rig.task("t", 1000);
    rig.offer("a2", 4000);
    CHECK(rig.view(key).state == State::launching);
    rig.answer(BbsRig::pending());
    CHECK(rig.view(key).state == State::launching);
  }
  CHECK(rig.none<Report>());
}

TEST_CASE("a Task waits for the cell that starts for it", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.task("t");
  rig.offer("a1", 4000);
  rig.pass(10min);  // Nobody says anything about the launch.
  CHECK(rig.none<Report>());
}

TEST_CASE("a limit on starting containers is reported for LRPs and holds Tasks", "[bbs]") {
  Config config = with_bbs();
  config.limits.starting_max = 1;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1});
  rig.task("t");
  rig.offer("a1", 4000);
  rig.pass(31s);
  std::vector<std::string> texts;
  for (const auto& report : rig.all<Report>()) texts.push_back(report.text);
  CHECK(texts == std::vector<std::string>{"waiting to start instance: reached in-flight start limit"});
}

TEST_CASE("what has not been auctioned for long is asked about, and dropped if nobody wants it", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1}, 1000);
  rig.nothing_fits();
  rig.pass(2min);
  CHECK(rig.none<ReadRows>());
  rig.pass(2min);
  rig.answer({row("p", 0, kUnclaimed)});
  CHECK(rig.state("p", 0) == State::queued);
  CHECK(rig.state("p", 1) == State::stopped);
  rig.done();
  rig.pass(2min);
  CHECK(rig.none<ReadRows>());  // It was wanted two minutes ago.
}

TEST_CASE("a running LRP that is auctioned has a successor, if its row is UNCLAIMED", "[bbs]") {
  BbsRig rig;
  rig.run_one();
  const std::string old = rig.task_id("p", 0);
  rig.lrp("p", {0});
  rig.offer("a2", 4000);
  CHECK(rig.none<Accept>());

  SECTION("it is RUNNING: the auction was an old one") {
    rig.answer({row("p", 0, kRunning)});
    CHECK(rig.none<Accept>());
    CHECK_FALSE(rig.core.has_two_attempts({Kind::lrp, "p", 0}));
    CHECK(rig.state("p", 0) == State::running);
    rig.status(old, TaskState::finished, "a1");
    CHECK(rig.state("p", 0) == State::stopped);
  }
  SECTION("it is UNCLAIMED: the successor starts beside it, and neither is killed") {
    rig.answer({row("p", 0, kUnclaimed), row("p", 0, kRunning, LrpRow::Presence::evacuating)});
    rig.pass(2s);  // For an offer of the cell that is up; then it may be another.
    REQUIRE(rig.only<Accept>().launches.size() == 1);
    const std::string next = rig.only<Accept>().launches[0].task_id;
    const std::string agent = rig.only<Accept>().agent_id;
    SECTION("the old one ends first") {
      rig.status(old, TaskState::finished, "a1", StatusReason::none, "evacuated");
      CHECK(rig.task_id("p", 0) == next);
      CHECK(rig.state("p", 0) == State::launching);
    }
    SECTION("the new one runs first") {
      rig.status(next, TaskState::starting, agent);
      rig.status(next, TaskState::running, agent);
      CHECK(rig.task_id("p", 0) == next);
      CHECK(rig.state("p", 0) == State::running);
      rig.status(old, TaskState::finished, "a1");
      CHECK(rig.state("p", 0) == State::running);
    }
    SECTION("the new one fails before its rep has it: another is tried") {
      rig.done();
      rig.status(next, TaskState::failed, agent, StatusReason::other, "refused");
      rig.pass(1s);
      rig.offer("a3", 4000);
      rig.pass(2s);
      CHECK(rig.only<Accept>().launches[0].task_id != next);
      CHECK(rig.task_id("p", 0) == old);
    }
    CHECK(rig.none<Kill>());
  }
  SECTION("it ends before the answer: the key is queued again, and its row read") {
    rig.status(old, TaskState::finished, "a1");
    CHECK(rig.state("p", 0) == State::queued);
    rig.answer({row("p", 0, kUnclaimed)});
    rig.pass(2s);
    CHECK(rig.all<Accept>().size() == 1);
  }
}

TEST_CASE("an auction that comes while an LRP starts is remembered until it ends", "[bbs]") {
  BbsRig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  const std::string first = rig.task_id("p", 0);
  rig.status(first, TaskState::starting, "a1");
  rig.lrp("p", {0});  // It crashed at once.
  rig.done();
  rig.status(first, TaskState::failed, "a1", StatusReason::none, "crashed");
  CHECK(rig.state("p", 0) == State::queued);
  rig.offer("a1", 3000, {*rig.executor_of("a1")});
  rig.answer({row("p", 0, kUnclaimed)});
  CHECK(rig.only<Accept>().launches.size() == 1);
}

TEST_CASE("what ends after its rep took it is the BBS's to restart", "[bbs]") {
  const auto [state, reason, ended] = GENERATE(table<TaskState, StatusReason, State>({
      {TaskState::finished, StatusReason::none, State::stopped},
      {TaskState::failed, StatusReason::none, State::failed},
      {TaskState::failed, StatusReason::executor_ended, State::failed},
      {TaskState::lost, StatusReason::agent_lost, State::lost},
      {TaskState::unreachable, StatusReason::other, State::lost},
      {TaskState::killed, StatusReason::agent_draining, State::failed},
  }));
  BbsRig rig;
  rig.run_one();
  rig.status(rig.task_id("p", 0), state, "a1", reason);
  CAPTURE(static_cast<int>(state));
  CHECK(rig.state("p", 0) == ended);
  rig.offer("a2", 4000);
  CHECK(rig.none<Accept>());
}

TEST_CASE("what ended with its cell starts anew where its row is UNCLAIMED already, and nobody auctions it", "[bbs]") {
  BbsRig rig;
  rig.run_one();
  rig.status(rig.task_id("p", 0), TaskState::failed, "a1", StatusReason::executor_ended, "the rep ended");
  CHECK(rig.state("p", 0) == State::failed);

  SECTION("it is UNCLAIMED") {
    rig.answer({row("p", 0, kUnclaimed)});
    CHECK(rig.state("p", 0) == State::queued);
    rig.offer("a2", 4000);
    rig.pass(2s);
    CHECK(rig.only<Accept>().launches.size() == 1);
  }
  SECTION("it is auctioned meanwhile: one start is enough") {
    rig.lrp("p", {0});
    rig.answer({row("p", 0, kUnclaimed)});
    rig.offer("a2", 4000);
    rig.pass(2s);
    CHECK(rig.only<Accept>().launches.size() == 1);
  }
  SECTION("it still runs there, as far as the BBS knows: it will auction it") {
    rig.answer({row("p", 0, kRunning)});
    CHECK(rig.state("p", 0) == State::failed);
  }
  SECTION("the BBS does not answer: as before") {
    rig.fail_question();
    CHECK(rig.state("p", 0) == State::failed);
  }
}

TEST_CASE("what no cell takes is reported when its launches are used up", "[bbs]") {
  Config config = with_bbs();
  config.launch_attempts = 2;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  for (const std::string agent : {"a1", "a2"}) {
    rig.offer(agent, 4000);
    rig.status(rig.task_id("p", 0), TaskState::failed, agent, StatusReason::none, "the rep refused it");
    rig.pass(1s);
  }
  CHECK(rig.state("p", 0) == State::failed);
  CHECK(rig.only<Report>().text == "insufficient resources");
}

TEST_CASE("with a BBS a drained cell is evacuated, not its work moved", "[bbs]") {
  BbsRig rig;
  rig.run_one();
  rig.happen(DrainRequested{"a1"});
  CHECK(rig.only<Evacuate>() == Evacuate{"a1", *rig.executor_of("a1")});
  CHECK_FALSE(rig.core.has_two_attempts({Kind::lrp, "p", 0}));
  rig.done();
  rig.pass(3s);
  CHECK(rig.all<Evacuate>().size() == 1);  // Best effort, so again.
  rig.done();
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = *rig.executor_of("a1");
  report.rep_answers = report.evacuating = true;
  rig.happen(report);
  rig.pass(10s);
  CHECK(rig.none<Evacuate>());
  CHECK(rig.none<Kill>());
}

TEST_CASE("a successor that was wanted survives a restart", "[bbs]") {
  BbsRig rig;
  rig.run_one();
  rig.lrp("p", {0});
  struct Rows final : Journal {
    std::vector<std::string> texts;
    std::vector<std::pair<InstanceRow, std::string>> rows;
    std::deque<std::string> kept;
    std::string_view keep(std::string_view text) { return kept.emplace_back(text); }
    void text(std::string_view, std::string_view) override {}
    void put(const InstanceRow& row, const Wish& wish) override {
      InstanceRow copy = row;
      copy.guid = keep(row.guid);
      copy.trace_id = keep(row.trace_id);
      copy.attempt = keep(row.attempt);
      copy.agent_id = keep(row.agent_id);
      copy.executor_id = keep(row.executor_id);
      copy.reason = keep(row.reason);
      rows.emplace_back(copy, wish_text(wish));
    }
    void erase(std::uint32_t) override {}
  } journal;
  rig.core.write_changes(journal);
  REQUIRE(journal.rows.size() == 1);
  CHECK(journal.rows[0].first.successor);

  BbsRig next;
  REQUIRE(next.core.restore_wish(journal.rows[0].first.wish, journal.rows[0].second));
  REQUIRE(next.core.restore(journal.rows[0].first));
  next.core.recovered(next.now);
  CHECK(next.core.has_two_attempts({Kind::lrp, "p", 0}));
}

}  // namespace core
