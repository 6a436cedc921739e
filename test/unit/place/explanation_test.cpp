#include <catch2/catch.hpp>

#include "place/plan.hpp"
#include "place/print_explanation.hpp"
#include "rig.hpp"

namespace {

std::string explained(const std::string& file, const std::string& key, bool json) {
  const auto workload = workload_of(file);
  auto cluster = place::build_cluster(workload, *placement::make_strategy("diego"), {}, true);
  const std::size_t item = workload.find(key).value();
  const std::size_t before = place::place_before(workload, cluster, item);
  place::Requests requests(workload);
  const placement::Request& request = requests.of(item);
  const placement::Explanation explanation = cluster.explain(request);
  const place::Explained all{.workload = workload,
                             .item = item,
                             .strategy = "diego",
                             .before = before,
                             .cluster = cluster,
                             .request = request,
                             .explanation = explanation,
                             .explain_ms = 0.5};
  return json ? place::explanation_json(all) : place::explanation_text(all);
}

const std::string kSmall = file_of(list_of({cell_of("c-0", "z1", 100), cell_of("c-1", "z2", 50),
                                            cell_of("c-2", "z2", 100, 100, 100, R"(,"placement_tags":["iso"])")}),
                                   list_of({lrp_of("a", 0, 90), lrp_of("a", 1, 60), lrp_of("b", 0, 95)}));

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an explanation says where an instance goes, and of every cell why not", "[explain]") {
  const std::string text = explained(kSmall, "b.0", false);
  CAPTURE(text);
  CHECK(contains(text, "b.0 (LRP, 95 MB memory, 1 MB disk, rootfs preloaded:linux)\n"));
  CHECK(contains(text, "0 of 3 come before it in the auction; strategy diego\n"));
  CHECK(contains(text, "goes to c-0 in zone z1, with 0 of its app in that zone\n"));
  CHECK(contains(text, "zone z1: fits 1 of 1 cells, 0 of its app there\n"));
  CHECK(contains(text, "zone z2: fits 0 of 2 cells, 0 of its app there\n"));
  CHECK(contains(text, "c-0 in zone z1: fits\n"));
  CHECK(contains(text, "c-1 in zone z2: short of"));
  CHECK(contains(text, "\"iso\""));
  CHECK(contains(text, "nearest miss: c-1 in zone z2: "));
}

TEST_CASE("what fits nowhere is told with Diego's words", "[explain]") {
  const std::string text = explained(kSmall, "a.1", false);
  CAPTURE(text);
  CHECK(contains(text, "2 of 3 come before it"));
  CHECK(contains(text, "goes nowhere: insufficient resources: memory\n"));
}

TEST_CASE("many cells are told by their reasons", "[explain]") {
  std::string cells;
  for (int i = 0; i < 60; ++i) {
    cells +=
        (i == 0 ? "" : ",") + cell_of("c-" + std::to_string(100 + i), "z", i < 40 ? 10 + i % 4 : 100, i < 50 ? 100 : 0);
  }
  const std::string text = explained(file_of(cells, lrp_of("a", 0, 50)), "a.0", false);
  CAPTURE(text);
  CHECK(contains(text, "zone z: fits 10 of 60 cells"));
  CHECK(contains(text, "does not fit 40 cells: memory; short of memory by 37 to 40 MB (c-100, c-101, c-102, ...)\n"));
  CHECK(contains(text, "does not fit 10 cells: disk; short of disk by 1 MB (c-150, c-151, c-152, ...)\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 7);
}

TEST_CASE("as JSON an explanation has the verdict of every cell", "[explain]") {
  const std::string text = explained(kSmall, "a.1", true);
  CAPTURE(text);
  CHECK(contains(text,
                 R"({"workload":"test","strategy":"diego","key":"a.1","before":2,"outcome":"rejected",)"
                 R"("reason":"insufficient resources: memory","nearest_miss":{"cell":"c-1","zone":"z2","up":true,)"
                 R"("fits":false,"zone_instances":0,"reasons":["memory"],"text":")"));
  CHECK(contains(text, R"("short_by":{"memory_mb":10,"disk_mb":0,"containers":0}})"));
  CHECK(contains(text, R"("cells":[{"cell":"c-0")"));
  CHECK(contains(text, R"("reasons":["placement tags"])"));
  CHECK(contains(text, R"("explain_ms":0.5})"));
  CHECK(text.back() == '\n');
}
