#include <catch2/catch.hpp>

#include "place/figures.hpp"
#include "place/print.hpp"
#include "rig.hpp"

namespace {

// Two zones of two cells, and two apps and a Task on them.
const std::string kFile = file_of(
    list_of({cell_of("c-0", "z1", 100), cell_of("c-1", "z1", 100), cell_of("c-2", "z2", 200), cell_of("c-3", "z2", 0)}),
    list_of({lrp_of("a", 0, 10), lrp_of("a", 1, 10), lrp_of("a", 2, 10), lrp_of("b", 0, 50), lrp_of("n", 0, 1)}),
    task_of("t", 20));

place::Plan plan() {
  return {.cell_of = {0, 0, 1, 2, place::kNone, 2},
          .failed = {{"insufficient resources: disk", 1}},
          .placed_lrps = 4,
          .placed_tasks = 1};
}

}  // namespace

TEST_CASE("figures are those of the whole population of cells and of the apps placed", "[figures]") {
  const auto figures = place::figures_of(workload_of(kFile), plan());
  CHECK(figures.instances_per_cell.mean == Approx(1.25));  // 2, 1, 2, 0
  CHECK(figures.instances_per_cell.stddev == Approx(0.82915619758885));
  CHECK(figures.instances_per_cell.min == 0);
  CHECK(figures.instances_per_cell.max == 2);
  CHECK(figures.memory_utilisation.mean == Approx(0.1625));  // .2, .1, .35, 0
  CHECK(figures.memory_utilisation.stddev == Approx(0.12930100540986));
  CHECK(figures.memory_utilisation.max == Approx(0.35));
  CHECK(figures.cells_used == 3);
  CHECK(figures.app_zone_spread_mean == Approx(2.0));  // a: 3 and 0, b: 0 and 1; n is nowhere.
  CHECK(figures.app_zone_spread_max == 3);
  CHECK(figures.app_colocated_instances == 1);
}

TEST_CASE("a workload of nothing has figures of nothing", "[figures]") {
  const auto workload = workload_of(file_of(""));
  CHECK(place::figures_of(workload, {}) == place::Figures{});
  CHECK_FALSE(place::report_text(workload, {}, {}).empty());
}

TEST_CASE("figures are told to four places", "[figures]") {
  CHECK(place::rounded(0.12344999) == 0.1234);
  CHECK(place::rounded(2.0 / 3) == 0.6667);
  CHECK(place::rounded(12) == 12);
}

TEST_CASE("a report is one JSON object on one line", "[print]") {
  const auto workload = workload_of(kFile);
  place::Report report{.strategy = "diego", .seconds = 0.25, .cpu_seconds = 0.24, .repeats = 3, .peak_rss_mb = 12.34};
  report.figures = place::figures_of(workload, plan());
  CHECK(
      place::report_json(workload, plan(), report) ==
      R"({"workload":"test","strategy":"diego","seconds":0.25,"cpu_seconds":0.24,"repeats":3,"placed_lrps":4,"placed_tasks":1,)"
      R"("failed":{"insufficient resources: disk":1},)"
      R"("instances_per_cell":{"mean":1.25,"stddev":0.8292,"min":0.0,"max":2.0},)"
      R"("memory_utilisation":{"mean":0.1625,"stddev":0.1293,"min":0.0,"max":0.35},"cells_used":3,)"
      R"("app_zone_spread_mean":2.0,"app_zone_spread_max":3,"app_colocated_instances":1,"peak_rss_mb":12.3})"
      "\n");
}

TEST_CASE("big numbers are told in groups", "[print]") {
  CHECK(place::grouped(0) == "0");
  CHECK(place::grouped(999) == "999");
  CHECK(place::grouped(1000) == "1,000");
  CHECK(place::grouped(1234567) == "1,234,567");
}

TEST_CASE("a report for people says what was placed, what was not and why", "[print]") {
  const auto workload = workload_of(kFile);
  const std::string text = place::report_text(workload, plan(), {.strategy = "diego", .seconds = 0.25, .repeats = 3});
  for (const char* part :
       {"test: 4 cells in 2 zones, 5 LRPs and 1 Task, strategy diego\n", "placed 5 of 6 in 0.250000 s (median of 3)",
        "not placed         1: insufficient resources: disk\n"}) {
    CAPTURE(text, part);
    CHECK(text.find(part) != std::string::npos);
  }
}
