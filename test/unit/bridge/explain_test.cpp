// Questions about placing: what is taken, what is refused, and how the answer is written.
#include <catch2/catch.hpp>

#include "auctionrunner_bridge/views.hpp"
#include "rig.hpp"

using bridge::answer;

namespace {

constexpr const char* kTwo =
    R"([{"process_guid":"p","domain":"d","indices":[1,0,1],"RootFs":"preloaded:fs","MemoryMB":64}])";

core::ExplanationView refused_view() {
  core::ExplanationView view;
  view.key = lrp("p", 0);
  view.state = core::State::queued;
  view.reason = "insufficient resources: memory";
  view.needs = {64, 0, 100, 1};
  view.refusal = view.reason;
  view.with_cells = true;
  view.cells = 1;
  view.zones = {{"z1", 2, 1, 0}};
  view.misses.push_back({{"A1", "host-1", "z1", "cell-1"}, {"memory"}, {12, 0, 0, 0}, "short of 12 MB memory", 2, {}});
  view.groups.push_back({{"memory"}, 1, {12, 0, 0, 0}, {12, 0, 0, 0}, {"A1"}});
  return view;
}

}  // namespace

TEST_CASE("an explanation is written whole and in a fixed order", "[bridge]") {
  CHECK(
      bridge::explanation_json(refused_view()) ==
      R"({"kind":"lrp","process_guid":"p","index":0,"state":"queued","reason":"insufficient resources: memory","runs_on":null,)"
      R"("held_up_by":[],"needs":{"memory_mb":64,"disk_mb":0,"cpus_milli":100,"containers":1},"outcome":"refused",)"
      R"("refusal":"insufficient resources: memory","place":null,"starts_cell":false,"cells":{"total":1,"fit":0,)"
      R"("zones":[{"zone":"z1","instances":2,"cells":1,"fit":0}],"fitting":[],"misses":[{"agent_id":"A1",)"
      R"("agent_hostname":"host-1","zone":"z1","cell_id":"cell-1","zone_instances":2,"reasons":["memory"],)"
      R"("short_by":{"memory_mb":12,"disk_mb":0,"cpus_milli":0,"containers":0},"text":"short of 12 MB memory"}],)"
      R"("miss_groups":[{"reasons":["memory"],"cells":1,"short_by_min":{"memory_mb":12,"disk_mb":0,"cpus_milli":0,"containers":0},)"
      R"("short_by_max":{"memory_mb":12,"disk_mb":0,"cpus_milli":0,"containers":0},"examples":["A1"]}]}})");
}

TEST_CASE("a place that fits is written with its cost", "[bridge]") {
  core::ExplanationView view;
  view.key = task("t");
  view.outcome = core::ExplanationView::Outcome::placed;
  view.place = core::PlaceView{"A1", "host-1", "z1", ""};
  view.starts_cell = true;
  view.with_cells = true;
  view.fitting.push_back({*view.place, {}, {}, "", 0, {1, 2, 3}});
  const std::string json = bridge::explanation_json(view);
  CHECK_THAT(json, Catch::Contains(R"("outcome":"placed","refusal":"","place":{"agent_id":"A1",)"));
  CHECK_THAT(json, Catch::Contains(R"("cell_id":"","zone_instances":0,"cost":[1,2,3]}])"));
  CHECK_THAT(json, Catch::Contains(R"("state":null)"));
}

TEST_CASE("the body of an auction is explained, each key once, and nothing is submitted", "[bridge]") {
  FakeDesk desk;
  desk.explanations = {refused_view()};
  auto ask = request("POST", "/v1/explain/lrps", kTwo);
  ask.query = {{"cells", "5"}};
  const auto response = answer(ask, desk, {});
  CHECK(response.status == 200);
  CHECK(response.body == R"({"explanations":[)" + bridge::explanation_json(refused_view()) + "]}");
  REQUIRE(desk.explained.size() == 2);
  CHECK(desk.explained[0].key == lrp("p", 1));
  CHECK(desk.explained[1].key == lrp("p", 0));
  CHECK(desk.cells_asked == 5);
  CHECK(desk.submissions == 0);
  CHECK(answer(request("POST", "/v1/explain/tasks", R"([{"TaskGuid":"t","Domain":"d","RootFs":"preloaded:fs"}])"), desk,
               {})
            .status == 200);
  CHECK(desk.explained[2].key == task("t"));
  CHECK(desk.cells_asked == 20);
}

TEST_CASE("what cannot be explained is refused in one line", "[bridge]") {
  std::string many = R"([{"process_guid":"p","domain":"d","RootFs":"preloaded:fs","indices":[0)";
  for (int i = 1; i <= 100; ++i) many += "," + std::to_string(i);
  many += "]}]";
  FakeDesk desk;
  const auto ask = [&desk](const std::string& body, const std::string& cells = "20") {
    auto question = request("POST", "/v1/explain/lrps", body);
    question.query = {{"cells", cells}};
    const auto response = answer(question, desk, {});
    return std::to_string(response.status) + " " + response.body;
  };
  CHECK(ask("[") == R"(400 {"error":"unexpected end of JSON input"})");
  CHECK_THAT(ask(R"([{"process_guid":"p","indices":[0],"RootFs":"preloaded:fs"}])"),
             Catch::StartsWith(R"(400 {"error":"\"p\": )") && Catch::Contains("domain"));
  CHECK_THAT(ask(R"([{"process_guid":"p","domain":"d","indices":[-1],"RootFs":"preloaded:fs"}])"),
             Catch::Contains("index -1 is negative"));
  CHECK(ask(many) == R"(400 {"error":"more instances are asked about than the 100 that are explained at a time"})");
  CHECK(ask(kTwo, "10001") == R"(400 {"error":"cells: \"10001\" is not between 0 and 10000"})");
  CHECK(ask(kTwo, "x") == R"(400 {"error":"cells: \"x\" is not between 0 and 10000"})");
  CHECK(desk.explained.empty());
  desk.refusal = "is stopping";
  CHECK(ask(kTwo) == R"(503 {"error":"is stopping"})");
}

TEST_CASE("one instance is explained by its key", "[bridge]") {
  FakeDesk desk;
  core::ExplanationView of_task;
  of_task.key = task("t/1");
  desk.explanations = {refused_view(), of_task};
  const auto get = [&desk](const std::string& path) { return answer(request("GET", path), desk, {}); };
  CHECK(get("/v1/lrps/p/0/explain").body == bridge::explanation_json(refused_view()));
  CHECK(get("/v1/tasks/t%2F1/explain").body == bridge::explanation_json(of_task));
  CHECK(get("/v1/lrps/p/1/explain").status == 404);
  CHECK(get("/v1/lrps/p/x/explain").status == 400);
  CHECK(get("/v1/lrps/p/0/explained").status == 404);
  CHECK(answer(request("DELETE", "/v1/lrps/p/0/explain"), desk, {}).status == 405);
  CHECK(answer(request("GET", "/v1/explain/lrps"), desk, {}).status == 405);
}
