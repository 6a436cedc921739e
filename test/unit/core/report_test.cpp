// What reps say of themselves: room, health, drift, use.
#include "test/unit/core/rig.hpp"

namespace core {
namespace {

constexpr std::int64_t kPlenty = 100'000;

// The report of a1's cell, whose rep had `available` of `total` left and `with_rep` already.
CellReported report_of(const Rig& rig, placement::Amounts available, const std::vector<std::string>& with_rep = {},
                       placement::Amounts total = {1000, kPlenty, 0, 10}) {
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = *rig.executor_of("a1");
  report.rep_answers = true;
  report.total = total;
  report.available = available;
  report.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
  for (const std::string& task_id : with_rep) report.work.push_back({task_id, "apps", 100, 0, true});
  return report;
}

CellView cell(const Rig& rig) { return rig.core.cells().at(0); }

// How many of many LRPs that wait go to a1 with an offer of all it could want.
std::size_t launched_with_room(Rig& rig, std::int32_t mem_mb = 100) {
  rig.done();
  rig.lrp("many", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, mem_mb);
  rig.offer("a1", 4000, {*rig.executor_of("a1")});
  std::size_t launched = 0;
  for (const Accept& accept : rig.all<Accept>()) {
    if (accept.agent_id == "a1") launched += accept.launches.size();
  }
  return launched;
}

std::vector<std::string> warnings(const Rig& rig) {
  std::vector<std::string> texts;
  for (const Note& note : rig.all<Note>()) {
    if (note.warning) texts.push_back(note.text);
  }
  return texts;
}

}  // namespace

TEST_CASE("no more is launched than the rep has left, in any dimension", "[core]") {
  const auto [available, fit] = GENERATE(table<placement::Amounts, std::size_t>({
      {{350, kPlenty, 0, 9}, 3},
      {{900, kPlenty, 0, 4}, 4},
      {{0, kPlenty, 0, 9}, 0},
      {{900, -5, 0, 9}, 0},
      {{900, kPlenty, 0, 9}, 9},
  }));
  Rig rig;
  rig.run_one();
  rig.happen(report_of(rig, available, {rig.task_id("p", 0)}));
  CHECK(launched_with_room(rig) == fit);
}

TEST_CASE("no more is launched than the offers hold, whatever the rep has left", "[core]") {
  Rig rig;
  rig.run_one();
  rig.happen(report_of(rig, {900, kPlenty, 0, 9}, {rig.task_id("p", 0)}));
  rig.done();
  rig.lrp("many", {1, 2, 3, 4, 5});
  rig.offer("a1", 250, {*rig.executor_of("a1")});
  CHECK(rig.only<Accept>().launches.size() == 2);
}

TEST_CASE("what is on its way to the rep is not in what it has left", "[core]") {
  Rig rig;
  rig.run_one();
  const std::string first = rig.task_id("p", 0);
  rig.lrp("q", {0});
  rig.offer("a1", 500, {*rig.executor_of("a1")});
  REQUIRE(rig.state("q", 0) == State::launching);
  rig.happen(report_of(rig, {350, kPlenty, 0, 9}, {first}));  // Without q.
  CHECK(launched_with_room(rig) == 2);
}

TEST_CASE("what ends after a report gives its room back at once", "[core]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  rig.happen(report_of(rig, {0, kPlenty, 0, 9}, {task}, {100, kPlenty, 0, 10}));
  rig.happen(StopRequested{{Kind::lrp, "p", {}}});
  rig.status(task, TaskState::killed, "a1");
  CHECK(launched_with_room(rig) == 1);
}

TEST_CASE("what the rep charges differently is no drift: unlimited memory and the proxy", "[core]") {
  Config config;
  config.instance_mem_floor_mb = 64;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 0);  // Unlimited: the rep adds no proxy to it.
  rig.lrp("q", {0}, 100);
  rig.offer("a1", 4000);
  auto report = report_of(rig, {868, kPlenty, 0, 8}, {rig.task_id("p", 0), rig.task_id("q", 0)});
  report.proxy_mem_mb = 32;
  rig.happen(report);
  rig.pass(11s);
  CHECK(cell(rig).drifts == 0);
  CHECK(warnings(rig).empty());
}

TEST_CASE("drift is counted and said once when it has lasted 10 s, and nothing is set right", "[core]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  const auto report = report_of(rig, {700, kPlenty, 0, 7}, {task});
  rig.happen(report);
  rig.pass(9s);
  CHECK(cell(rig).drifts == 0);
  rig.happen(report);
  rig.pass(1s);
  CHECK(cell(rig).drifts == 1);
  CHECK(warnings(rig) ==
        std::vector<std::string>{"the rep has other room left than our books say cell=" + cell(rig).cell_id +
                                 " agent=a1 more_mem_mb=-200 more_disk_mb=0 more_containers=-2"});
  rig.happen(report);
  rig.pass(30s);
  CHECK(cell(rig).drifts == 1);
  CHECK(cell(rig).memory_used_mb == 100);
  CHECK(rig.state("p", 0) == State::running);
}

TEST_CASE("drift that passes is not counted; one that comes again is", "[core]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  const auto drifts = report_of(rig, {700, kPlenty, 0, 9}, {task});
  const auto agrees = report_of(rig, {900, kPlenty, 0, 9}, {task});
  rig.happen(drifts);
  rig.pass(9s);
  rig.happen(agrees);
  rig.pass(20s);
  CHECK(cell(rig).drifts == 0);
  for (int i = 1; i <= 2; ++i) {
    rig.happen(drifts);
    rig.pass(10s);
    rig.happen(agrees);
    CHECK(cell(rig).drifts == i);
  }
}

TEST_CASE("a report cut short counts what has started as with the rep", "[core]") {
  Rig rig;
  rig.run_one();
  auto report = report_of(rig, {900, kPlenty, 0, 9});
  report.work_is_cut = true;
  rig.happen(report);
  rig.pass(11s);
  CHECK(cell(rig).drifts == 0);
  CHECK(launched_with_room(rig) == 9);
}

TEST_CASE("a cell whose garden is unhealthy takes no new work while that lasts", "[core]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  auto report = report_of(rig, {900, kPlenty, 0, 9}, {task});
  report.garden_healthy = false;
  rig.happen(report);
  CHECK(cell(rig).rep->state == "unhealthy");
  CHECK(launched_with_room(rig) == 0);
  CHECK(rig.state("p", 0) == State::running);
  report.garden_healthy = true;
  rig.happen(report);
  CHECK(cell(rig).rep->state == "up");
  CHECK(rig.only<Accept>().launches.size() == 9);
}

TEST_CASE("a cell without work whose garden stays unhealthy is told to go", "[core]") {
  Config config;
  config.cell_idle_timeout = std::chrono::hours(1);
  Rig rig(config);
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  rig.happen(StopRequested{{Kind::lrp, "p", {}}});
  rig.status(task, TaskState::killed, "a1");
  auto report = report_of(rig, {1000, kPlenty, 0, 10});
  report.garden_healthy = false;
  rig.happen(report);
  rig.done();
  rig.pass(59s);
  CHECK(rig.none<ShutdownExecutor>());
  rig.pass(1s);
  rig.only<ShutdownExecutor>();
  CHECK_THAT(rig.all<Note>().back().text, Catch::Contains("reason=\"its garden is unhealthy\""));
}

TEST_CASE("starting containers of others count against the limits", "[core]") {
  Config config;
  config.limits.starting_per_cell_max = 3;
  Rig rig(config);
  rig.run_one();
  auto report = report_of(rig, {900, kPlenty, 0, 9}, {rig.task_id("p", 0)});
  report.starting = report.others_starting = 2;
  rig.happen(report);
  CHECK(launched_with_room(rig) == 1);
}

TEST_CASE("an old rep that says nothing of its room is bound by its total", "[core]") {
  Rig rig;
  rig.run_one();
  auto report = report_of(rig, {}, {rig.task_id("p", 0)});
  report.available.reset();
  rig.happen(report);
  CHECK(launched_with_room(rig) == 9);
  CHECK(cell(rig).drifts == 0);
}

TEST_CASE("what an instance uses is shown until its attempt ends", "[core]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  CellMeasured measured{
      "a1", *rig.executor_of("a1"), {{"x.0.aaaaaaaa", 1, 1, 1}, {task, 10, 20, 30}, {"odd", 2, 2, 2}}, 4};
  rig.happen(measured);
  CHECK(rig.view("p", 0).usage == Usage{10, 20, 30, rig.now});
  CHECK(cell(rig).usage_dropped == 4);
  rig.happen(CellMeasured{"a1", "another-executor", {{task, 1, 1, 1}}, 1});
  rig.happen(CellMeasured{"a9", measured.executor_id, {{task, 1, 1, 1}}, 1});
  CHECK(rig.view("p", 0).usage->cpus_milli == 10);
  measured.usage.clear();
  rig.happen(measured);
  CHECK_FALSE(rig.view("p", 0).usage);
  CHECK(cell(rig).usage_dropped == 8);
  measured.usage = {{task, 10, 20, 30}};
  rig.happen(measured);
  rig.status(task, TaskState::failed, "a1");
  CHECK_FALSE(rig.view("p", 0).usage);
}

TEST_CASE("a cell shows what its rep said last", "[core]") {
  Rig rig;
  rig.run_one();
  CHECK_FALSE(cell(rig).rep);
  auto report = report_of(rig, {900, 50, 0, 9}, {rig.task_id("p", 0)});
  report.starting = 1;
  report.proxy_mem_mb = 32;
  report.rootfs["docker"].kind = diego::RootFsProvider::Kind::arbitrary;
  report.placement_tags = {"iso"};
  report.volume_drivers = {"nfs"};
  rig.happen(report);
  CHECK(cell(rig).rep == RepView{.state = "up",
                                 .memory_available_mb = 900,
                                 .disk_available_mb = 50,
                                 .containers_total = 10,
                                 .containers_available = 9,
                                 .containers_starting = 1,
                                 .proxy_memory_mb = 32,
                                 .rootfs = {"docker:*", "preloaded:fs"},
                                 .placement_tags = {"iso"},
                                 .volume_drivers = {"nfs"}});
  report.evacuating = true;
  rig.happen(report);
  CHECK(cell(rig).rep->state == "evacuating");
  report.rep_answers = false;
  rig.happen(report);
  CHECK(cell(rig).rep->state == "silent");
}

}  // namespace core
