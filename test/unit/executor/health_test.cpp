// What the rep says of its garden, of what its containers use, and to whom its work belongs.
#include "rig.hpp"

using namespace rig;

namespace {

diego::CellState state_of(bool healthy, std::vector<diego::Lrp> lrps = {}, std::int64_t starting = 0) {
  diego::CellState state;
  state.cell_id = "cell-1";
  state.available = {100, 200, 3};
  state.total = {1000, 2000, 10};
  state.lrps = std::move(lrps);
  state.tasks = std::vector<diego::Task>{};
  state.starting_container_count = starting;
  state.garden_healthy = healthy;
  return state;
}

void still_there(Rig& rig) { rig.state({Rig::at(lrp("a"), "i1", "RUNNING")}, {Rig::at(task("t"), "Running")}); }

// One LRP and one Task run.
Rig with_work() {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.launch("t.x", task("t"));
  rig.tick();
  rig.taken();
  still_there(rig);
  return rig;
}

}  // namespace

TEST_CASE("while garden is unhealthy launches fail at once and what runs is followed", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.give(RepAnswered{state_of(false, {Rig::at(lrp("a"), "i1", "RUNNING")})});
  rig.tick(1s);
  CHECK_FALSE(rig.last<SendReport>().report.cell.garden_healthy);
  rig.launch("b.0.x", lrp("b"));
  CHECK(rig.tick() == Lines{"FAILED b.0.x: the cell's garden is unhealthy"});
  CHECK(rig.give(RepAnswered{state_of(false)}) == Lines{gone("a.0.x")});
  rig.give(RepAnswered{state_of(true)});
  rig.launch("c.0.x", lrp("c"));
  CHECK(rig.tick() == Lines{"post c.0"});
}

TEST_CASE("a boot task is done when the rep answers, however garden is", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.launch("~cell.abcdefgh", lrp("unused"));
  rig.tick();
  rig.give(RepAnswered{state_of(false)});
  CHECK(rig.tick() == Lines{"FINISHED ~cell.abcdefgh: the cell is up"});
}

TEST_CASE("starting containers that are none of ours are told apart", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.tick();
  rig.taken();
  rig.give(RepAnswered{state_of(true, {Rig::at(lrp("a"), "i1", "CLAIMED")}, 3)});
  rig.tick(1s);
  CHECK(rig.last<SendReport>().report.cell.starting_container_count == 3);
  CHECK(rig.last<SendReport>().report.others_starting == 2);
  rig.give(RepAnswered{state_of(true, {Rig::at(lrp("a"), "i1", "RUNNING")}, 0)});
  rig.tick(1s);
  CHECK(rig.last<SendReport>().report.others_starting == 0);
}

TEST_CASE("metrics are asked for every 15 s while there is work, and sent by task id", "[executor]") {
  Rig rig = with_work();
  CHECK(rig.tick(14999ms).empty());
  CHECK(rig.tick(1ms) == Lines{"poll metrics"});
  still_there(rig);
  CHECK(rig.tick(20s).empty());  // Not before the answer.
  diego::ContainerMetrics metrics{"cell-1",
                                  {{"i1", 10, 64, 1}, {"stranger", 1, 1, 1}},  //
                                  {{"t", 20, 32, 2}, {"i1", 9, 9, 9}}};
  CHECK(rig.give(MetricsAnswered{metrics, {}}) == Lines{"metrics cell-1 a.0.x=10/64/1 t.x=20/32/2"});
  CHECK(rig.tick() == Lines{"poll metrics"});
  rig.give(MetricsAnswered{metrics, {}});
  REQUIRE(rig.core_.next_deadline());
  CHECK(*rig.core_.next_deadline() <= rig.now_ + kMetricsEvery);
}

TEST_CASE("a cell without work, or without its agent, is not measured", "[executor]") {
  Rig rig;
  rig.up();
  for (int i = 0; i < 20; ++i) {
    rig.state();
    CHECK(rig.tick(1s).empty());
  }
  Rig alone = with_work();
  alone.give(StreamLost{});
  for (int i = 0; i < 20; ++i) {
    still_there(alone);
    CHECK(alone.tick(1s).empty());
  }
}

TEST_CASE("metrics that cannot be had are said once and asked for at their time", "[executor]") {
  const auto [answer, text] = GENERATE(table<MetricsAnswered, std::string>({
      {{{}, "GET /container_metrics: the rep answered 404"}, "GET /container_metrics: the rep answered 404"},
      {{{"cell-2", {{"i1", 1, 1, 1}}, {}}, {}}, "they are of cell \"cell-2\""},
  }));
  Rig rig = with_work();
  rig.tick(15s);
  CHECK(rig.give(answer, true) == Lines{"log: no container metrics: " + text});
  still_there(rig);
  CHECK(rig.tick(15s) == Lines{"poll metrics"});
  CHECK(rig.give(answer, true).empty());
}

TEST_CASE("work of one request is posted under its id, work of several under none", "[executor]") {
  const auto [first, second, posted] = GENERATE(table<std::string, std::string, std::string>(
      {{"r1", "r1", "r1"}, {"r1", "r2", ""}, {"r1", "", ""}, {"", "r1", ""}, {"", "", ""}}));
  Rig rig;
  rig.up();
  rig.give(TasksLaunched{{{"a.0.x", diego::write_element(lrp("a")), first}}});
  rig.give(TasksLaunched{{{"t.x", diego::write_element(task("t")), second}}});
  CHECK(rig.tick() == Lines{"post a.0 t"});
  CHECK(rig.last<PostWork>().trace_id == posted);
}

TEST_CASE("what is stopped is stopped under the id it was launched with", "[executor]") {
  Rig rig = with_work();
  rig.kill("a.0.x");
  rig.kill("t.x");
  CHECK(rig.last<StopLrp>().trace_id == "trace");
  CHECK(rig.last<CancelTask>().trace_id == "trace");
}
