#include "cell/core/supervisor.hpp"

#include <catch2/catch.hpp>
#include <csignal>

using namespace cell;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Process checked(std::string name, Process::AtEnd at_end, int exit_code = kOtherEnded) {
  Process process;
  process.name = std::move(name);
  process.check = {.kind = Check::Kind::tcp, .failures_max = 2};
  process.start_limit = 10s;
  process.at_end = at_end;
  process.needed = at_end == Process::AtEnd::end_cell;
  process.exit_code = exit_code;
  process.stop = {{SIGTERM, 5s}};
  return process;
}

// agent (0), mounts (1), garden (2), rep (3), job (4), as a cell has them.
Plan cell_plan() {
  Plan plan;
  plan.cell = "a cell";
  plan.processes = {checked("agent", Process::AtEnd::restart), checked("mounts", Process::AtEnd::leave, kGardenEnded),
                    checked("garden", Process::AtEnd::end_cell, kGardenEnded),
                    checked("rep", Process::AtEnd::end_cell, kRepEnded), checked("job", Process::AtEnd::restart)};
  plan.processes[1].once = plan.processes[1].needed = true;
  plan.processes[1].check = {};
  plan.processes[2].stop = {{SIGTERM, 10s}, {SIGQUIT, 2s}};
  plan.processes[3].may_finish = true;
  plan.processes[3].check.failures_max = 0;
  plan.processes[4].check = {};
  plan.stop_order = {3, 4, 2, 1, 0};
  return plan;
}

struct Rig {
  Supervisor supervisor{cell_plan()};
  base::Time now{};

  Lines lines(const Actions& actions) {
    Lines out;
    for (const Action& action : actions) {
      if (const auto* start = std::get_if<Start>(&action)) out.push_back("start " + name(start->index));
      if (const auto* probe = std::get_if<Probe>(&action)) out.push_back("probe " + name(probe->index));
      if (const auto* exit = std::get_if<Exit>(&action)) out.push_back("exit " + std::to_string(exit->code));
      if (const auto* signal = std::get_if<Signal>(&action))
        out.push_back("signal " + std::to_string(signal->signal) + " " + name(signal->index));
    }
    return out;
  }
  static std::string name(std::size_t index) { return cell_plan().processes[index].name; }

  Lines give(const Event& event) { return lines(supervisor.handle(event, now)); }
  Lines tick(base::Duration passed) {
    now += passed;
    return give(ClockTicked{});
  }
  Lines well(std::size_t index) { return give(Checked{index, true, ""}); }
  Lines ill(std::size_t index) { return give(Checked{index, false, "no answer"}); }
  Lines ends(std::size_t index, bool with_0 = false) { return give(Ended{index, with_0, "ended"}); }

  void up() {
    supervisor.begin(now);
    well(0);
    ends(1, true);
    well(2);
    well(3);
  }
};

}  // namespace

TEST_CASE("each process starts when the one before it is up", "[cell]") {
  Rig rig;
  CHECK(rig.lines(rig.supervisor.begin(rig.now)) == Lines{"start agent", "probe agent"});
  CHECK(rig.ill(0).empty());
  CHECK(rig.tick(49ms).empty());
  CHECK(rig.tick(1ms) == Lines{"probe agent"});
  CHECK(rig.well(0) == Lines{"start mounts"});
  CHECK(rig.ends(1, true) == Lines{"start garden", "probe garden"});
  CHECK(rig.well(2) == Lines{"start rep", "probe rep"});
  CHECK(rig.well(3) == Lines{"start job"});
}

TEST_CASE("a log agent that does not come up is gone without", "[cell]") {
  Rig rig;
  rig.supervisor.begin(rig.now);
  CHECK(rig.supervisor.next_deadline() == rig.now + 10s);
  CHECK(rig.tick(10s) == Lines{"start mounts"});
}

TEST_CASE("one that the cell needs and that does not come up ends it, with its code", "[cell]") {
  Rig rig;
  rig.supervisor.begin(rig.now);
  rig.well(0);
  SECTION("it takes too long") {
    rig.ends(1, true);
    CHECK(rig.tick(10s) == Lines{"probe agent", "signal 15 garden"});
    CHECK(rig.ends(2) == Lines{"signal 15 agent"});
  }
  SECTION("a step fails") { CHECK(rig.ends(1, false) == Lines{"signal 15 agent"}); }
  SECTION("a step cannot be started") { CHECK(rig.give(NotStarted{1, "not found"}) == Lines{"signal 15 agent"}); }
  CHECK(rig.ends(0) == Lines{"exit 70"});
  CHECK_FALSE(rig.supervisor.next_deadline());
  CHECK(rig.tick(1h).empty());
}

TEST_CASE("a dead garden takes the rep with it at once", "[cell]") {
  Rig rig;
  rig.up();
  CHECK(rig.ends(2) == Lines{"signal 9 rep", "signal 15 rep"});
  CHECK(rig.ends(3) == Lines{"signal 15 job"});
  CHECK(rig.ends(4) == Lines{"signal 15 agent"});
  CHECK(rig.ends(0) == Lines{"exit 70"});
}

TEST_CASE("a dead rep ends the cell in order", "[cell]") {
  Rig rig;
  rig.up();
  const auto [with_0, code] = GENERATE(table<bool, std::string>({{false, "exit 71"}, {true, "exit 0"}}));
  CHECK(rig.ends(3, with_0) == Lines{"signal 15 job"});  // 0: it was evacuated.
  CHECK(rig.ends(4) == Lines{"signal 15 garden"});
  CHECK(rig.ends(2) == Lines{"signal 15 agent"});
  CHECK(rig.ends(0) == Lines{code});
}

TEST_CASE("a rep that ends well before it was up was no good", "[cell]") {
  Rig rig;
  rig.supervisor.begin(rig.now);
  rig.well(0);
  rig.ends(1, true);
  rig.well(2);
  CHECK(rig.ends(3, true) == Lines{"signal 15 garden"});
  rig.ends(2);
  CHECK(rig.ends(0) == Lines{"exit 71"});
}

TEST_CASE("SIGTERM stops the rep first and the log agent last", "[cell]") {
  Rig rig;
  rig.up();
  CHECK(rig.give(StopAsked{}) == Lines{"signal 15 rep"});
  CHECK(rig.supervisor.next_deadline() == rig.now + 5s);
  CHECK(rig.ends(3) == Lines{"signal 15 job"});
  CHECK(rig.ends(4) == Lines{"signal 15 garden"});
  CHECK(rig.tick(10s) == Lines{"signal 3 garden"});
  CHECK(rig.tick(2s) == Lines{"signal 9 garden"});
  CHECK(rig.ends(2) == Lines{"signal 15 agent"});
  CHECK(rig.ends(0, true) == Lines{"exit 0"});
}

TEST_CASE("a process that even KILL does not end holds nobody up for ever", "[cell]") {
  Rig rig;
  rig.up();
  rig.give(StopAsked{});
  CHECK(rig.tick(5s) == Lines{"signal 9 rep"});
  CHECK(rig.tick(5s) == Lines{"signal 15 job"});
}

TEST_CASE("a second SIGTERM ends all at once", "[cell]") {
  Rig rig;
  rig.up();
  rig.give(StopAsked{});
  CHECK(rig.give(StopAsked{}) == Lines{"signal 9 agent", "signal 9 garden", "signal 9 rep", "signal 9 job"});
  CHECK(rig.give(StopAsked{}).empty());
  for (const std::size_t i : {0U, 2U, 3U}) CHECK(rig.ends(i).empty());
  CHECK(rig.ends(4) == Lines{"exit 143"});
}

TEST_CASE("the first SIGTERM while the cell ends by itself hurries nobody", "[cell]") {
  Rig rig;
  rig.up();
  rig.ends(3);
  CHECK(rig.give(StopAsked{}).empty());
  CHECK(rig.give(StopAsked{}).size() == 3);
}

TEST_CASE("SIGTERM while the cell comes up stops what there is", "[cell]") {
  Rig rig;
  rig.supervisor.begin(rig.now);
  rig.well(0);
  CHECK(rig.give(StopAsked{}) == Lines{"signal 15 mounts"});
  CHECK(rig.ends(1) == Lines{"signal 15 agent"});
  CHECK(rig.ends(0) == Lines{"exit 0"});
}

TEST_CASE("what may be started again is, ever later, and soon again once it was well for long", "[cell]") {
  Rig rig;
  rig.up();
  const auto starts = [&rig](base::Duration passed) {
    const Lines lines = rig.tick(passed);
    return std::count(lines.begin(), lines.end(), "start job");
  };
  for (const auto delay : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    CAPTURE(delay.count());
    CHECK(rig.ends(4).empty());
    CHECK(starts(delay - 1ms) == 0);
    CHECK(starts(1ms) == 1);
  }
  rig.tick(60s);
  rig.ends(4);
  CHECK(starts(1s) == 1);
}

TEST_CASE("a process that goes on failing its checks is ended, and that is its end like any other", "[cell]") {
  Rig rig;
  rig.up();
  CHECK(rig.tick(10s) == Lines{"probe agent", "probe garden"});
  CHECK(rig.tick(10s).empty());  // Never two checks of one at a time.
  CHECK(rig.well(0).empty());
  CHECK(rig.ill(2).empty());
  CHECK(rig.tick(10s) == Lines{"probe agent", "probe garden"});
  CHECK(rig.ill(2) == Lines{"signal 9 garden"});
  CHECK(rig.ends(2) == Lines{"signal 9 rep", "signal 15 rep"});
}

TEST_CASE("one good check forgives the bad ones", "[cell]") {
  Rig rig;
  rig.up();
  for (int i = 0; i < 5; ++i) {
    rig.tick(10s);
    CHECK(rig.ill(2).empty());
    rig.tick(10s);
    CHECK(rig.well(2).empty());
  }
}

TEST_CASE("an answer about a process that has ended since counts for nothing", "[cell]") {
  Rig rig;
  rig.up();
  rig.tick(10s);
  rig.ends(0);
  CHECK(rig.ill(0).empty());
  CHECK(rig.tick(1s) == Lines{"start agent", "probe agent"});
}
