// The bridge's own routes, and who may ask.
#include <catch2/catch.hpp>

#include "auctionrunner_bridge/views.hpp"
#include "rig.hpp"

using namespace std::chrono_literals;
using bridge::Access;
using bridge::answer;

namespace {

core::InstanceView full_view() {
  core::InstanceView view;
  view.key = lrp("app/1", 3);
  view.state = core::State::running;
  view.domain = "cf-apps";
  view.memory_mb = 128;
  view.disk_mb = 512;
  view.agent_id = "agent-S0";
  view.agent_hostname = "10.0.0.1";
  view.cell_id = "cell-10-0-0-1-abcd";
  view.task_id = "app%2F1.3.abcdefgh";
  view.attempts = 2;
  view.since = base::Time(1795341600s + 123ms);
  view.accepted = base::Time(1795341599s);
  view.reason = "a <b>";
  view.trace_id = "trace";
  return view;
}

constexpr const char* kFullJson =
    R"({"kind":"lrp","process_guid":"app/1","index":3,"domain":"cf-apps","state":"running","reason":"a \u003cb\u003e","agent_id":"agent-S0",)"
    R"("agent_hostname":"10.0.0.1","cell_id":"cell-10-0-0-1-abcd","task_id":"app%2F1.3.abcdefgh","attempts":2,"memory_mb":128,"disk_mb":512,)"
    R"("since":"2026-11-22T10:00:00.123Z","accepted":"2026-11-22T09:59:59.000Z","trace_id":"trace","usage":null})";

}  // namespace

TEST_CASE("an instance is shown whole and in a fixed order", "[bridge]") {
  CHECK(bridge::instance_json(full_view()) == kFullJson);
}

TEST_CASE("instances are listed in pages", "[bridge]") {
  FakeDesk desk;
  desk.views = {view_of(lrp("a", 0)), view_of(lrp("a", 1)), view_of(task("t"))};
  auto ask = request("GET", "/v1/instances");
  ask.query = {{"limit", "2"}};
  const auto first = answer(ask, desk, {});
  CHECK(first.status == 200);
  CHECK(first.body.ends_with(R"(],"next":"lrp/a/1"})"));
  ask.query["after"] = "lrp/a/1";
  const auto second = answer(ask, desk, {});
  CHECK(second.body.starts_with(R"({"instances":[{"kind":"task","task_guid":"t","domain":)"));
  CHECK(second.body.ends_with(R"(],"next":null})"));
}

TEST_CASE("instances are filtered by state and process", "[bridge]") {
  FakeDesk desk;
  auto ask = request("GET", "/v1/instances");
  ask.query = {{"state", "queued"}, {"process_guid", "app"}};
  CHECK(answer(ask, desk, {}).body == R"({"instances":[],"next":null})");
  CHECK(desk.last_query.state == core::State::queued);
  CHECK(desk.last_query.process_guid == "app");
  CHECK(desk.last_query.limit == 1000);
}

TEST_CASE("bad queries name the parameter", "[bridge]") {
  const auto [name, value, text] = GENERATE(table<std::string, std::string, std::string>({
      {"state", "flying", R"({"error":"state: \"flying\" is no state of an instance"})"},
      {"limit", "0", R"({"error":"limit: \"0\" is not between 1 and 10000"})"},
      {"limit", "10001", R"({"error":"limit: \"10001\" is not between 1 and 10000"})"},
      {"limit", "x", R"({"error":"limit: \"x\" is not between 1 and 10000"})"},
      {"after", "nonsense", R"({"error":"after: \"nonsense\" is not the \"next\" of a page"})"},
      {"colour", "red", R"({"error":"colour: unknown parameter"})"},
  }));
  FakeDesk desk;
  auto ask = request("GET", "/v1/instances");
  ask.query = {{name, value}};
  const auto response = answer(ask, desk, {});
  CHECK(response.status == 400);
  CHECK(response.body == text);
}

TEST_CASE("one instance, one process, one task", "[bridge]") {
  FakeDesk desk;
  desk.views = {full_view(), view_of(lrp("app/1", 4)), view_of(lrp("t", 0)), view_of(task("t"))};
  CHECK(answer(request("GET", "/v1/lrps/app%2F1/3"), desk, {}).body == kFullJson);
  const auto both = answer(request("GET", "/v1/lrps/app%2F1"), desk, {});
  CHECK(both.body.find(R"("index":3)") != std::string::npos);
  CHECK(both.body.find(R"("index":4)") != std::string::npos);
  CHECK(answer(request("GET", "/v1/tasks/t"), desk, {}).body.starts_with(R"({"kind":"task","task_guid":"t")"));
  CHECK(answer(request("HEAD", "/v1/tasks/t"), desk, {}).status == 200);
}

TEST_CASE("what is unknown is 404 in JSON", "[bridge]") {
  const auto method = GENERATE("GET", "DELETE");
  const auto path =
      GENERATE("/v1/lrps/app", "/v1/lrps/app/0", "/v1/tasks/app", "/v1/nosuch", "/page", "/v2/lrps/a",
               "/v1/lrps/a/0/why", "/v1/tasks/a/b", "/v1/cells/a/other", "/v1", "/v1/lrps//0", "/v1/instances/x", "*");
  CAPTURE(method, path);
  FakeDesk desk;
  const auto response = answer(request(method, path), desk, {});
  CHECK(response.status == 404);
  CHECK(response.body.starts_with(R"({"error":")"));
  CHECK(*platform::find_header(response.headers, "Content-Type") == "application/json");
}

TEST_CASE("stopping names what is stopped", "[bridge]") {
  FakeDesk desk;
  desk.views = {view_of(lrp("app", 0)), view_of(lrp("app", 1)), view_of(task("app"))};
  const auto one = answer(request("DELETE", "/v1/lrps/app/1"), desk, {});
  CHECK(one.status == 202);
  CHECK(one.body == R"({"stopping":[{"kind":"lrp","process_guid":"app","index":1}]})");
  const auto all = answer(request("DELETE", "/v1/lrps/app"), desk, {});
  CHECK(
      all.body ==
      R"({"stopping":[{"kind":"lrp","process_guid":"app","index":0},{"kind":"lrp","process_guid":"app","index":1}]})");
  const auto a_task = answer(request("DELETE", "/v1/tasks/app"), desk, {});
  CHECK(a_task.body == R"({"stopping":[{"kind":"task","task_guid":"app"}]})");
  CHECK(desk.stopped == std::vector<core::Key>{lrp("app", 1), lrp("app", 0), lrp("app", 1), task("app")});
}

TEST_CASE("an agent is drained by POST, used again by DELETE, and 404 if there is none", "[bridge]") {
  FakeDesk desk;
  const auto drained = answer(request("POST", "/v1/cells/A1/drain"), desk, {});
  CHECK(drained.status == 202);
  CHECK(drained.body == R"({"agent_id":"A1","draining":true})");
  CHECK(answer(request("DELETE", "/v1/cells/A1/drain"), desk, {}).body == R"({"agent_id":"A1","draining":false})");
  CHECK(answer(request("POST", "/v1/cells/a%2Fb/drain"), desk, {}).status == 404);
  CHECK(desk.drains == std::vector<std::pair<std::string, bool>>{{"A1", true}, {"A1", false}, {"a/b", true}});
  CHECK(answer(request("GET", "/v1/cells/A1/drain"), desk, {}).status == 405);
  CHECK(answer(request("POST", "/v1/cells/A1/other"), desk, {}).status == 404);
  CHECK(answer(request("POST", "/v1/cells//drain"), desk, {}).status == 404);
  CHECK(desk.drains.size() == 3);
}

TEST_CASE("a guid may contain anything", "[bridge]") {
  const std::string guid("a/b%c d?\xc3\xa9\0.", 12);
  FakeDesk desk;
  desk.views = {view_of(task(guid))};
  CHECK(answer(request("DELETE", "/v1/tasks/a%2Fb%25c%20d%3F%c3%A9%00%2E"), desk, {}).status == 202);
  CHECK(desk.stopped == std::vector<core::Key>{task(guid)});
}

TEST_CASE("a path that cannot be decoded is 400", "[bridge]") {
  const auto path = GENERATE("/v1/tasks/%", "/v1/tasks/%4", "/v1/tasks/%zz", "/%%/x");
  FakeDesk desk;
  CHECK(answer(request("GET", path), desk, {}).status == 400);
}

TEST_CASE("an index is a number from 0", "[bridge]") {
  const auto index = GENERATE("x", "-1", "1.0", "+1", "2147483648", "%201", "");
  CAPTURE(index);
  FakeDesk desk;
  desk.views = {view_of(lrp("a", 0)), view_of(lrp("a", 1))};
  CHECK(answer(request("DELETE", std::string("/v1/lrps/a/") + index), desk, {}).status == 400);
  CHECK(desk.stopped.empty());
}

TEST_CASE("a wrong method says which are right", "[bridge]") {
  const auto [method, path, allow] = GENERATE(table<std::string, std::string, std::string>({
      {"POST", "/v1/instances", "GET, HEAD"},
      {"DELETE", "/v1/cells", "GET, HEAD"},
      {"PUT", "/v1/lrps/a", "GET, HEAD, DELETE"},
      {"POST", "/v1/tasks/a", "GET, HEAD, DELETE"},
      {"POST", "/healthz", "GET, HEAD"},
      {"PUT", "/readyz", "GET, HEAD"},
  }));
  FakeDesk desk;
  const auto response = answer(request(method, path), desk, {});
  CHECK(response.status == 405);
  CHECK(*platform::find_header(response.headers, "Allow") == allow);
  CHECK(response.body == R"({"error":"method not allowed"})");
}

TEST_CASE("cells are shown with what is on them", "[bridge]") {
  core::CellView cell;
  cell.cell_id = "cell-a";
  cell.executor_id = "diego-cell-x";
  cell.agent_id = "S0";
  cell.agent_hostname = "h";
  cell.state = core::CellState::up;
  cell.zone = "z1";
  cell.memory_total_mb = 1024;
  cell.memory_used_mb = 256;
  cell.disk_total_mb = 8192;
  cell.disk_used_mb = 512;
  cell.cpus_used_milli = 200;
  cell.containers_used = 2;
  cell.since = base::Time(1795341600s);
  cell.instances = {{lrp("a", 0), core::State::running, 192}, {task("t"), core::State::launching, 64}};
  FakeDesk desk;
  desk.cell_views = {cell};
  CHECK(
      answer(request("GET", "/v1/cells"), desk, {}).body ==
      R"({"cells":[{"cell_id":"cell-a","executor_id":"diego-cell-x","agent_id":"S0","agent_hostname":"h","state":"up","zone":"z1",)"
      R"("memory_total_mb":1024,"memory_used_mb":256,"disk_total_mb":8192,"disk_used_mb":512,"cpus_used_milli":200,"containers_used":2,)"
      R"("since":"2026-11-22T10:00:00.000Z","outdated":false,"draining":"","quarantined_until":null,"rep":null,"drifts":0,"usage_dropped":0,"instances":[{"kind":"lrp","process_guid":"a","index":0,"state":"running","memory_mb":192},{"kind":"task","task_guid":"t","state":"launching","memory_mb":64}]}],"next":null})");
}

TEST_CASE("cells are listed in pages, by zone, mark and part of a name", "[bridge]") {
  FakeDesk desk;
  desk.cell_views.resize(3);
  desk.cell_views[1].agent_id = "S1";
  auto ask = request("GET", "/v1/cells");
  ask.query = {{"zone", "z1"}, {"mark", "draining"}, {"match", "app"}, {"limit", "2"}, {"after", "S0"}};
  CHECK_THAT(answer(ask, desk, {}).body, Catch::EndsWith(R"(],"next":"S1"})"));
  CHECK(desk.last_cell_query.zone == "z1");
  CHECK(desk.last_cell_query.mark == core::CellMark::draining);
  CHECK(desk.last_cell_query.match == "app");
  CHECK(desk.last_cell_query.after == "S0");
  ask.query = {};
  CHECK_THAT(answer(ask, desk, {}).body, Catch::EndsWith(R"(],"next":null})"));
  CHECK_FALSE(desk.last_cell_query.zone);
}

TEST_CASE("a bad query of cells names the parameter", "[bridge]") {
  const auto [name, value, text] = GENERATE(table<std::string, std::string, std::string>({
      {"mark", "tired", R"({"error":"mark: \"tired\" is no mark of a cell"})"},
      {"limit", "0", R"({"error":"limit: \"0\" is not between 1 and 10000"})"},
      {"colour", "red", R"({"error":"colour: unknown parameter"})"},
  }));
  FakeDesk desk;
  auto ask = request("GET", "/v1/cells");
  ask.query = {{name, value}};
  const auto response = answer(ask, desk, {});
  CHECK(response.status == 400);
  CHECK(response.body == text);
}

TEST_CASE("zones are shown in numbers", "[bridge]") {
  FakeDesk desk;
  core::ZoneTotals zone;
  zone.zone = "z1";
  zone.cells = 3;
  zone.marks[static_cast<std::size_t>(core::CellMark::up)] = 2;
  zone.marks[static_cast<std::size_t>(core::CellMark::quarantined)] = 1;
  zone.instances = 7;
  zone.memory_total_mb = 100;
  zone.memory_used_mb = 30;
  zone.fills[3] = 2;
  desk.zone_totals = {zone};
  CHECK(
      answer(request("GET", "/v1/zones"), desk, {}).body ==
      R"({"zones":[{"zone":"z1","cells":3,"starting":0,"up":2,"idle":0,"stopping":0,"none":0,"draining":0,"quarantined":1,)"
      R"("outdated":0,"unwell":0,"instances":7,"memory_total_mb":100,"memory_used_mb":30,"disk_total_mb":0,"disk_used_mb":0,)"
      R"("memory_tenths":[0,0,0,2,0,0,0,0,0,0]}]})");
}

TEST_CASE("what a rep says of its cell is shown", "[bridge]") {
  core::CellView cell;
  cell.rep = {.state = "unhealthy",
              .memory_available_mb = 100,
              .disk_available_mb = 200,
              .containers_total = 10,
              .containers_available = 9,
              .containers_starting = 1,
              .proxy_memory_mb = 32,
              .rootfs = {"docker:*", "preloaded:fs"},
              .placement_tags = {"iso"},
              .optional_placement_tags = {"gpu"},
              .volume_drivers = {"nfs"}};
  cell.drifts = 3;
  cell.usage_dropped = 4;
  FakeDesk desk;
  desk.cell_views = {cell};
  CHECK_THAT(
      answer(request("GET", "/v1/cells"), desk, {}).body,
      Catch::Contains(
          R"("rep":{"state":"unhealthy","memory_available_mb":100,"disk_available_mb":200,"containers_total":10,)"
          R"("containers_available":9,"containers_starting":1,"proxy_memory_mb":32,)"
          R"("rootfs":["docker:*","preloaded:fs"],"placement_tags":["iso"],"optional_placement_tags":["gpu"],)"
          R"("volume_drivers":["nfs"]},"drifts":3,"usage_dropped":4,)"));
}

TEST_CASE("what an instance uses is shown where it is known", "[bridge]") {
  core::InstanceView view;
  view.key = lrp("a", 0);
  view.usage = {.cpus_milli = 10, .memory_bytes = 1 << 20, .disk_bytes = 5, .measured = base::Time(1795341600s)};
  FakeDesk desk;
  desk.views = {view};
  CHECK_THAT(
      answer(request("GET", "/v1/lrps/a/0"), desk, {}).body,
      Catch::EndsWith(
          R"("usage":{"cpus_milli":10,"memory_bytes":1048576,"disk_bytes":5,"measured":"2026-11-22T10:00:00.000Z"}})"));
}

TEST_CASE("healthy is not yet ready", "[bridge]") {
  FakeDesk desk;
  desk.state = {false, "no master at 127.0.0.1:5050"};
  CHECK(answer(request("GET", "/healthz"), desk, {}).status == 200);
  const auto waiting = answer(request("GET", "/readyz"), desk, {});
  CHECK(waiting.status == 503);
  CHECK(waiting.body == R"({"error":"no master at 127.0.0.1:5050"})");
  desk.state = {true, "subscribed"};
  const auto ready = answer(request("GET", "/readyz"), desk, {});
  CHECK(ready.status == 200);
  CHECK(ready.body == R"({"ready":true,"detail":"subscribed"})");
}

TEST_CASE("with a token set every route but the probes asks for it", "[bridge]") {
  const Access access{"secret"};
  FakeDesk desk;
  const auto [header, status] = GENERATE(table<std::string, int>({
      {"", 401},
      {"secret", 401},
      {"Bearer", 401},
      {"Bearer ", 401},
      {"Bearer secre", 401},
      {"Bearer secrex", 401},
      {"Bearer secrets", 401},
      {"Basic secret", 401},
      {"Bearer secret", 202},
      {"bearer  secret", 202},
  }));
  CAPTURE(header);
  platform::Headers headers;
  if (!header.empty()) headers = {{"authorization", header}};
  const auto response = answer(request("POST", "/v1/lrps", "[]", headers), desk, access);
  CHECK(response.status == status);
  if (status == 401) {
    CHECK(response.body == R"({"error":"a bearer token is required"})");
    CHECK(*platform::find_header(response.headers, "WWW-Authenticate") == "Bearer");
  }
  CHECK(answer(request("GET", "/nosuch", "", headers), desk, access).status == (status == 401 ? 401 : 404));
  CHECK(answer(request("GET", "/healthz"), desk, access).status == 200);
  CHECK(answer(request("GET", "/readyz"), desk, access).status == 503);
}

TEST_CASE("the policy is shown, changed, and refused with its reason", "[bridge]") {
  FakeDesk desk;
  desk.policy_text = R"({"policy":{},"changed":{}})";
  CHECK(answer(request("GET", "/v1/policy"), desk, {}).body == desk.policy_text);
  const auto put = answer(request("PUT", "/v1/policy", R"({"cells_min":1})"), desk, {});
  CHECK(put.status == 200);
  CHECK(put.body == R"({"cells_min":1})");
  desk.policy_refused = bridge::Desk::PolicyRefused{false, "cells: is no part of the policy"};
  CHECK(answer(request("PUT", "/v1/policy", "{}"), desk, {}).status == 400);
  desk.policy_refused = bridge::Desk::PolicyRefused{true, "is passive"};
  const auto refused = answer(request("PUT", "/v1/policy", "{}"), desk, {});
  CHECK(refused.status == 503);
  CHECK(refused.body == R"({"error":"is passive"})");
  const auto wrong = answer(request("POST", "/v1/policy", "{}"), desk, {});
  CHECK(wrong.status == 405);
  CHECK(*platform::find_header(wrong.headers, "Allow") == "GET, HEAD, PUT");
}
