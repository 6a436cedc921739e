// Packing and spreading: what is taken, what is refused, and how the answer is written.
#include <catch2/catch.hpp>

#include "auctionrunner_bridge/rebalance.hpp"
#include "rig.hpp"

using bridge::answer;

namespace {

core::RebalanceView view() {
  core::RebalanceView view;
  view.goal = core::Goal::spread;
  view.max_moves = 3;
  view.state = core::RebalanceState::under_way;
  view.before = {2, 1, 1, 500};
  view.after = {2, 0, 1, 500};
  core::RebalanceMove move;
  move.from = {"A1", "host-1", "z1", "cell-1"};
  move.memory_mb = 64;
  move.instances.push_back({lrp("p", 1), 64, {"A2", "host-2", "z1", ""}, true});
  move.before = view.before;
  move.after = view.after;
  move.state = core::MoveState::moving;
  view.moves.push_back(move);
  view.stay = {{"it has Tasks, which cannot move", 4}};
  return view;
}

platform::ServerRequest post(const std::string& body, const std::string& dry_run = "") {
  auto ask = request("POST", "/v1/rebalance", body);
  if (!dry_run.empty()) ask.query = {{"dry_run", dry_run}};
  return ask;
}

}  // namespace

TEST_CASE("a rebalance is written whole and in a fixed order", "[bridge][rebalance]") {
  const std::string balances =
      R"("before":{"cells_with_work":2,"cell_pairs":1,"zone_pairs":1,"memory_unevenness_permille":500},)"
      R"("after":{"cells_with_work":2,"cell_pairs":0,"zone_pairs":1,"memory_unevenness_permille":500})";
  CHECK(
      bridge::rebalance_json(view()) ==
      R"({"goal":"spread","max_moves":3,"state":"under_way","reason":"","planned":"1970-01-01T00:00:00.000Z","ended":null,)" +
          balances +
          R"(,"moves":[{"agent_id":"A1","agent_hostname":"host-1","zone":"z1","cell_id":"cell-1","memory_mb":64,)"
          R"("state":"moving","reason":"",)" +
          balances +
          R"(,"instances":[{"kind":"lrp","process_guid":"p","index":1,"memory_mb":64,"to":{"agent_id":"A2",)"
          R"("agent_hostname":"host-2","zone":"z1","cell_id":""},"starts_cell":true}]}],)"
          R"("stay":[{"reason":"it has Tasks, which cannot move","cells":4}],"cut_short":false})");
}

TEST_CASE("a rebalance is asked for, with a body or without", "[bridge][rebalance]") {
  FakeDesk desk;
  desk.rebalance_shown = view();
  CHECK(answer(post(""), desk, {}).status == 202);
  CHECK(answer(post(R"({"goal":"pack","max_moves":100})"), desk, {}).body == bridge::rebalance_json(view()));
  CHECK(answer(post("{}", "1"), desk, {}).status == 200);
  CHECK(answer(post(R"({"goal":"spread"})", "true"), desk, {}).status == 200);
  CHECK(answer(post(R"({"max_moves":1})", "0"), desk, {}).status == 202);
  CHECK(answer(post("", "false"), desk, {}).status == 202);
  using Asked = std::pair<core::RebalanceOrder, bool>;
  CHECK(desk.rebalances == std::vector<Asked>{{{{}, 10}, false},
                                              {{core::Goal::pack, 100}, false},
                                              {{{}, 10}, true},
                                              {{core::Goal::spread, 10}, true},
                                              {{{}, 1}, false},
                                              {{{}, 10}, false}});
}

TEST_CASE("what is no rebalance is refused in one line", "[bridge][rebalance]") {
  FakeDesk desk;
  desk.rebalance_shown = view();
  const auto ask = [&desk](const std::string& body, const std::string& dry_run = "") {
    const auto response = answer(post(body, dry_run), desk, {});
    return std::to_string(response.status) + " " + response.body;
  };
  CHECK(ask("{") == R"(400 {"error":"unexpected end of JSON input"})");
  CHECK(ask("[]") == R"(400 {"error":"rebalance: is not a JSON object"})");
  CHECK(ask(R"({"goal":"tidy"})") == R"(400 {"error":"goal: is neither \"pack\" nor \"spread\""})");
  CHECK(ask(R"({"goal":null})") == R"(400 {"error":"goal: is neither \"pack\" nor \"spread\""})");
  for (const char* const moves : {"0", "101", "-1", "1.5", "\"3\"", "null", "99999999999999999999"}) {
    CHECK(ask(std::string(R"({"max_moves":)") + moves + "}") ==
          R"(400 {"error":"max_moves: is no whole number between 1 and 100"})");
  }
  CHECK(ask(R"({"moves":3})") == R"(400 {"error":"moves: is no part of a rebalance"})");
  CHECK(ask("", "yes") == R"(400 {"error":"dry_run: \"yes\" is none of 1, true, 0, false"})");
  auto other = post("");
  other.query = {{"dry", "1"}};
  CHECK(answer(other, desk, {}).body == R"({"error":"dry: unknown parameter"})");
  CHECK(desk.rebalances.empty());
  desk.rebalance_refused = bridge::Desk::RebalanceRefused{false, "a rebalance is under way"};
  CHECK(ask("") == R"(409 {"error":"a rebalance is under way"})");
  desk.rebalance_refused = bridge::Desk::RebalanceRefused{true, "scheduler: does not lead"};
  CHECK(ask("") == R"(503 {"error":"scheduler: does not lead"})");
}

TEST_CASE("the rebalance under way is shown and ended", "[bridge][rebalance]") {
  FakeDesk desk;
  const auto ask = [&desk](const std::string& method) { return answer(request(method, "/v1/rebalance"), desk, {}); };
  CHECK(ask("GET").status == 404);
  CHECK(ask("DELETE").status == 404);
  desk.rebalance_shown = view();
  CHECK(ask("GET").status == 200);
  CHECK(ask("HEAD").status == 200);
  CHECK(ask("GET").body == bridge::rebalance_json(view()));
  CHECK(ask("DELETE").status == 202);
  CHECK(desk.rebalances_cancelled == 2);
  CHECK(ask("PUT").status == 405);
  CHECK(answer(request("GET", "/v1/rebalance/x"), desk, {}).status == 404);
}
