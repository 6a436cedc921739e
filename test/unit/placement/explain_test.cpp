#include "scheduler/placement/explain.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace placement_test;
using placement::Amounts;
using placement::Cell;
using placement::Explanation;
using placement::Obstacle;

namespace {

constexpr int of(Obstacle one) { return static_cast<int>(one); }

std::string described(const placement::Cluster& c, const placement::Request& request, const std::string& agent) {
  for (const auto& verdict : c.explain(request).cells) {
    if (verdict.agent_id == agent) return placement::describe(request, *c.find(agent), verdict);
  }
  return "no verdict";
}

}  // namespace

TEST_CASE("explain has a verdict for every cell, by agent id, and the answer place would give", "[explain]") {
  Cell idle = cell("c", "z2", 1000, true);
  idle.takes_work = false;
  const auto c = cluster("binpack", {cell("b", "z1", 100, true), idle, cell("a", "z1", 1000)});
  const Explanation told = c.explain(lrp("p", 300));
  CHECK(told.outcome == on("a", true));
  REQUIRE(told.cells.size() == 3);
  CHECK(told.cells[0].agent_id == "a");
  CHECK(told.cells[0].fits());
  CHECK_FALSE(told.cells[0].up);
  CHECK(told.cells[0].cost == placement::Cost{1, 0, 700});
  CHECK(told.cells[1].agent_id == "b");
  CHECK(told.cells[1].zone == "z1");
  CHECK(told.cells[1].up);
  CHECK(told.cells[1].obstacles == of(Obstacle::memory));
  CHECK(told.cells[1].short_by == Amounts{200, 0, 0, 0});
  CHECK(told.cells[2].obstacles == of(Obstacle::takes_no_work));
}

TEST_CASE("explaining changes nothing", "[explain]") {
  auto c = cluster("spread", {cell("a", "z", 100)});
  c.explain(lrp("p", 100));
  CHECK(c.starting() == 0);
  CHECK(c.place(lrp("p", 100)) == on("a", true));
}

TEST_CASE("a verdict tells how many instances the zone has", "[explain]") {
  auto c = cluster("diego", {cell("a", "z1", 1000, true), cell("b", "z1", 1000, true), cell("c", "z2", 1000, true)});
  c.occupy("a", {true, "p"});
  const auto told = c.explain(lrp("p", 1));
  CHECK(told.cells[0].zone_instances == 1);
  CHECK(told.cells[1].zone_instances == 1);
  CHECK(told.cells[2].zone_instances == 0);
  CHECK(c.explain(task(1)).cells[0].zone_instances == 0);
}

TEST_CASE("the nearest miss lacks least: room rather than what makes a cell eligible", "[explain]") {
  Cell other_stack = cell("a", "z", 10'000);
  other_stack.rootfs.clear();
  const auto c = cluster("binpack", {other_stack, cell("b", "z", 100), cell("c", "z", 250), cell("d", "z", 200)});
  const auto told = c.explain(lrp("p", 300));
  REQUIRE(told.nearest_miss);
  CHECK(told.cells[*told.nearest_miss].agent_id == "c");
  CHECK_FALSE(cluster("binpack", {cell("a", "z", 300)}).explain(lrp("p", 300)).nearest_miss);
}

TEST_CASE("what is in the way is said in words, with what is missing", "[explain]") {
  Cell full = cell("full", "z", 100, true);
  full.room.disk_mb = 0;
  full.room.containers = 0;
  full.room.cpus_milli = 40;
  Cell other = cell("other", "z", 1000);
  other.rootfs.clear();
  other.placement_tags = {"iso"};
  Cell idle = cell("idle", "z", 1000);
  idle.takes_work = false;
  Cell no_offer = cell("none", "z", 1000, true);
  no_offer.room = {};
  auto c = cluster("binpack", {full, other, idle, no_offer, cell("busy", "z", 1000, true)}, {0, 1});
  c.occupy("busy", {true, "q", true});
  auto request = lrp("p", 512);
  request.constraints = wants("preloaded:fs", {"gpu"}, {"nfs"});
  using Catch::Contains;
  CHECK_THAT(described(c, lrp("p", 512), "full"), Contains("412 MB memory") && Contains("1 MB disk") &&
                                                      Contains("60 milli-cpus") && Contains("1 containers"));
  CHECK_THAT(described(c, request, "other"),
             Contains("preloaded:fs") && Contains("nfs") && Contains("\"gpu\"") && Contains("\"iso\""));
  CHECK_THAT(described(c, lrp("p", 1), "idle"), Contains("takes no work"));
  CHECK_THAT(described(c, lrp("p", 1), "none"), Contains("offer"));
  CHECK_THAT(described(c, lrp("p", 1), "busy"), Contains("start"));
  CHECK(described(cluster("binpack", {cell("a", "z", 10)}), lrp("p", 1), "a").empty());
}

TEST_CASE("every obstacle has a name of its own", "[explain]") {
  std::set<std::string_view> names;
  for (unsigned bit = 1; bit <= static_cast<unsigned>(Obstacle::no_offer); bit *= 2) {
    names.insert(placement::to_string(static_cast<Obstacle>(bit)));
  }
  CHECK(names.size() == 10);
  CHECK_FALSE(names.contains(""));
}

TEST_CASE("what is short goes by the room last seen, on the cells that would take it", "[explain]") {
  Cell away = cell("a", "z", 0, true);  // Its agent has no offer in hand.
  away.last_room = {500, 1000, 1000, 10};
  Cell leaves = cell("b", "z", 0, true);
  leaves.last_room = {100000, 1000, 1000, 10};
  leaves.takes_work = false;
  const auto c = cluster("binpack", {away, leaves});
  CHECK(c.lacks(lrp("p", 600)) == "insufficient resources: memory");
  CHECK(c.lacks(lrp("p", 500)) == std::nullopt);
  CHECK(cluster("binpack", {leaves}).lacks(lrp("p", 1)) == "insufficient resources");
}

TEST_CASE("what only an offer is missing for is nearer than what lacks room, and costs by the room last seen",
          "[explain]") {
  Cell away = cell("away", "z", 0, true);
  away.last_room = {1000, 1000, 1000, 10};
  Cell elsewhere = away;
  elsewhere.agent_id = "elsewhere";
  elsewhere.rootfs.clear();
  const auto c = cluster("binpack", {away, elsewhere, cell("small", "z", 299, true)});
  const Explanation told = c.explain(lrp("p", 300));
  REQUIRE(told.cells.size() == 3);
  CHECK(told.cells[0].fits_last_room());
  CHECK(told.cells[0].cost == placement::Cost{0, 0, 700});
  CHECK_FALSE(told.cells[1].fits_last_room());
  CHECK_FALSE(told.cells[2].fits_last_room());
  CHECK(told.nearest_miss == 0);
  CHECK(described(c, lrp("p", 300), "away") ==
        "no offer of its agent is in hand, by the room last seen there is enough");
}

TEST_CASE("without an offer in hand a cell is short of what it lacks by the room last seen", "[explain]") {
  Cell away = cell("away", "z", 0, true);
  away.room = {};
  away.last_room = {200, 1000, 1000, 10};
  Cell full = away;  // Its offer is in hand, and has no memory left.
  full.agent_id = "full";
  full.room = {0, 1000, 1000, 10};
  const auto told = cluster("binpack", {away, full}).explain(lrp("p", 300));
  CHECK(told.cells[0].obstacles == of(Obstacle::memory));
  CHECK(told.cells[0].short_by == Amounts{100, 0, 0, 0});
  CHECK(told.cells[1].obstacles == of(Obstacle::memory));
  CHECK(told.cells[1].short_by == Amounts{300, 0, 0, 0});
  CHECK(told.nearest_miss == 0);
}

TEST_CASE("a rehearsal sees what it placed before, and leaves nothing behind", "[explain]") {
  Cell away = cell("c", "z", 0, true);
  away.last_room = {150, 1000, 1000, 10};
  auto c = cluster("diego", {cell("a", "z", 250), cell("b", "z", 100), away});
  const auto before = std::tuple(c.find("a"), c.find("b"), c.find("c"), c.starting());
  {
    placement::Cluster::Rehearsal rehearsal(c);
    CHECK(rehearsal.place(lrp("p", 100)) == on("a", true));
    CHECK(rehearsal.place(lrp("p", 100)) == on("a", false));
    CHECK(rehearsal.place(lrp("p", 100)) == on("b", true));
    CHECK(rehearsal.place(lrp("p", 100)) == refused("insufficient resources: memory"));
    rehearsal.await("c", lrp("p", 100));
    CHECK(c.find("c")->last_room.mem_mb == 50);
    CHECK(c.instances("a", "p") == 2);
  }
  CHECK(std::tuple(c.find("a"), c.find("b"), c.find("c"), c.starting()) == before);
  CHECK(c.instances("a", "p") == 0);
  CHECK(c.place(lrp("p", 100)) == on("a", true));
}

TEST_CASE("a rehearsal empties a cell, counts who is close to whom, and goes back to any moment", "[explain]") {
  Cell away = cell("b", "z2", 0, true);
  away.last_room = {250, 1000, 1000, 10};
  auto c = cluster("binpack", {cell("a", "z1", 0, true), away});
  c.occupy("a", {true, "p"});
  c.occupy("a", {true, "p"});
  c.occupy("b", {true, "q"});
  std::unordered_map<std::string_view, std::int64_t> strain;
  CHECK(c.crowding(&strain) == placement::Crowding{1, 1});
  CHECK(strain == std::unordered_map<std::string_view, std::int64_t>{
                      {"a", 4}});  // Each has one beside it, there and beyond the zone's share.
  const auto before = std::tuple(c.find("a"), c.find("b"), c.starting());
  {
    placement::Cluster::Rehearsal rehearsal(c);
    CHECK(rehearsal.place(lrp("p", 100)) == refused("insufficient resources: memory"));
    rehearsal.offer_all();
    rehearsal.leave("a");
    CHECK_FALSE(c.find("a")->takes_work);
    rehearsal.vacate("a", {true, "p"});
    rehearsal.vacate("a", {true, "nobody"});
    CHECK(rehearsal.change() == placement::Crowding{-1, -1});
    CHECK(rehearsal.place(lrp("p", 100)) == on("b", false));
    CHECK(rehearsal.change() == placement::Crowding{-1, -1});
    const std::size_t moment = rehearsal.moment();
    rehearsal.vacate("a", {true, "p"});
    CHECK(rehearsal.place(lrp("p", 100)) == on("b", false));
    rehearsal.started("b", "p");
    CHECK(rehearsal.change() == placement::Crowding{0, 0});
    CHECK(c.starting() == 1);
    rehearsal.ended("a", {500, 1000, 1000, 10});
    CHECK(rehearsal.place(lrp("r", 400)) == on("a", true));
    rehearsal.back_to(moment);
    CHECK(rehearsal.change() == placement::Crowding{-1, -1});
    CHECK(c.instances("b", "p") == 1);
    CHECK(c.instances("a", "p") == 1);
  }
  CHECK(std::tuple(c.find("a"), c.find("b"), c.starting()) == before);
  CHECK(c.instances("a", "p") == 2);
  CHECK(c.crowding() == placement::Crowding{1, 1});
}
