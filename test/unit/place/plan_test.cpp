#include <catch2/catch.hpp>

#include "place/plan.hpp"
#include "place/print.hpp"
#include "rig.hpp"

namespace {

std::unique_ptr<placement::Strategy> strategy(const std::string& name) { return *placement::make_strategy(name); }

std::vector<std::string> order(const place::Workload& workload) {
  std::vector<std::string> keys;
  for (const std::uint32_t item : place::auction_order(workload)) keys.push_back(workload.key(item));
  return keys;
}

place::Plan plan_of(const place::Workload& workload, const std::string& name, const placement::Limits& limits = {}) {
  auto cluster = place::build_cluster(workload, strategy(name), limits, name == "diego");
  place::CellNumbers numbers(workload);
  place::Plan plan;
  place::place_all(workload, cluster, numbers, plan);
  return plan;
}

}  // namespace

TEST_CASE("the auction takes first instances, then Tasks, then the others; bigger before smaller", "[plan]") {
  const auto workload =
      workload_of(file_of(cell_of("c", "z"),
                          list_of({lrp_of("a", 2, 5), lrp_of("a", 1, 5), lrp_of("b", 1, 9), lrp_of("a", 0, 5),
                                   lrp_of("b", 0, 9), lrp_of("c", 0, 5), lrp_of("c", 1000, 70000)}),
                          list_of({task_of("s", 1), task_of("t", 300), task_of("u", 1)})));
  CHECK(order(workload) == std::vector<std::string>{"b.0", "a.0", "c.0", "t", "s", "u", "b.1", "a.1", "a.2", "c.1000"});
}

TEST_CASE("Tasks come behind first instances even where there are no others", "[plan]") {
  const auto workload = workload_of(file_of(cell_of("c", "z"), lrp_of("a", 0, 1), task_of("t", 300)));
  CHECK(order(workload) == std::vector<std::string>{"a.0", "t"});
}

TEST_CASE("equals keep the order of the file, however many", "[plan]") {
  std::string lrps;
  for (int i = 0; i < 3000; ++i) lrps += (i == 0 ? "" : ",") + lrp_of("app-" + std::to_string(i % 7), i / 7, 1 + i % 2);
  const auto workload = workload_of(file_of("", lrps));
  std::uint32_t before = 0;
  bool first = true;
  for (const std::uint32_t item : place::auction_order(workload)) {
    const place::Item &now = workload.items[item], &last = workload.items[before];
    if (!first && now.index == last.index && now.memory_mb == last.memory_mb) CHECK(before < item);
    before = item;
    first = false;
  }
}

TEST_CASE("a plan names the cell of everything placed, and counts the rest by reason", "[plan]") {
  const auto workload = workload_of(file_of(
      list_of({cell_of("c-0", "z1", 100), cell_of("c-1", "z2", 100)}),
      list_of({lrp_of("a", 0, 60), lrp_of("a", 1, 60), lrp_of("a", 2, 60), lrp_of("b", 0, 1, "preloaded:windows")}),
      list_of({task_of("t", 40)})));
  const std::string name = GENERATE("binpack", "spread", "diego");
  CAPTURE(name);
  const auto plan = plan_of(workload, name);
  CHECK(plan.placed_lrps == 2);
  CHECK(plan.placed_tasks == 1);
  CHECK(plan.failed == std::map<std::string, std::size_t, std::less<>>{
                           {"found no compatible cell for required rootfs", 1}, {"insufficient resources: memory", 1}});
  CHECK(plan.cell_of[0] != plan.cell_of[1]);
  CHECK(plan.cell_of[2] == place::kNone);
  CHECK(plan.cell_of[3] == place::kNone);
  CHECK(plan.cell_of[4] != place::kNone);
  const std::string lines = place::plan_lines(workload, plan);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);
  CHECK(lines.find("a.0 c-") == 0);
  CHECK(lines.find("t c-") != std::string::npos);
}

TEST_CASE("starting containers of the file count against the limits", "[plan]") {
  const std::string full = R"(,"starting_containers":2)";
  const auto workload =
      workload_of(file_of(list_of({cell_of("c-0", "z", 100, 100, 100, full), cell_of("c-1", "z", 100)}),
                          list_of({lrp_of("a", 0, 1), lrp_of("b", 0, 1)})));
  const auto limited = plan_of(workload, "diego", {.starting_max = 3});
  CHECK(limited.placed_lrps == 1);
  CHECK(limited.failed == std::map<std::string, std::size_t, std::less<>>{
                              {"waiting to start instance: reached in-flight start limit", 1}});
  const auto per_cell = plan_of(workload, "diego", {.starting_per_cell_max = 2});
  CHECK(per_cell.placed_lrps == 2);
  CHECK(place::plan_lines(workload, per_cell) == "a.0 c-1\nb.0 c-1\n");
}

TEST_CASE("a cell is up once something is on it, and under diego from the start", "[plan]") {
  const std::string busy = R"(,"starting_containers":1)";
  const auto workload = workload_of(
      file_of(list_of({cell_of("c-0", "z"), cell_of("c-1", "z", 1000, 1000, 100, busy)}), lrp_of("a", 0, 1)));
  auto cluster = place::build_cluster(workload, strategy("binpack"), {}, false);
  CHECK_FALSE(cluster.find("c-0")->up);
  CHECK(cluster.find("c-1")->up);
  CHECK(place::build_cluster(workload, strategy("diego"), {}, true).find("c-0")->up);
}

TEST_CASE("what comes before an item is placed without it", "[plan]") {
  const auto workload =
      workload_of(file_of(cell_of("c", "z"), list_of({lrp_of("a", 0, 1), lrp_of("a", 1, 2), lrp_of("a", 2, 3)})));
  auto cluster = place::build_cluster(workload, strategy("diego"), {}, true);
  CHECK(place::place_before(workload, cluster, 1) == 1);
  CHECK(cluster.instances("c", "a") == 1);
}

TEST_CASE("one workload has one plan", "[plan]") {
  std::string cells, lrps;
  for (int i = 0; i < 12; ++i) {
    cells += (i == 0 ? "" : ",") + cell_of("c-" + std::to_string(i), "z" + std::to_string(i % 3), 200 + 50 * (i % 2));
  }
  for (int i = 0; i < 200; ++i) lrps += (i == 0 ? "" : ",") + lrp_of("a-" + std::to_string(i / 5), i % 5, 1 + i % 13);
  const auto workload = workload_of(file_of(cells, lrps));
  const std::string name = GENERATE("binpack", "spread", "diego");
  CHECK(plan_of(workload, name).cell_of == plan_of(workload, name).cell_of);
}
