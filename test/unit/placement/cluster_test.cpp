#include "scheduler/placement/cluster.hpp"

#include <catch2/catch.hpp>

namespace {

using placement::Amounts;
using placement::Awaited;
using placement::Cell;
using placement::Cluster;
using placement::Outcome;
using placement::Placement;
using placement::Rejection;

Cell cell(const std::string& agent, const std::string& zone, std::int64_t mem_mb, bool up = false) {
  Cell cell;
  cell.agent_id = agent;
  cell.zone = zone;
  cell.up = up;
  cell.room = cell.last_room = cell.total = {mem_mb, 10'000, 10'000, 250};
  cell.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
  return cell;
}

placement::Request lrp(const std::string& process, std::int64_t mem_mb) {
  placement::Request request;
  request.process = process;
  request.needs = {mem_mb, 1, 100, 1};
  request.rootfs = diego::parse_rootfs("preloaded:fs");
  return request;
}

placement::Request task(std::int64_t mem_mb) {
  auto request = lrp("t", mem_mb);
  request.is_lrp = false;
  return request;
}

Cluster cluster(const std::string& strategy, std::initializer_list<Cell> cells) {
  Cluster cluster(std::move(*placement::make_strategy(strategy)));
  for (const Cell& one : cells) cluster.put(one);
  return cluster;
}

Outcome on(const std::string& agent, bool starts_cell) { return Placement{agent, starts_cell}; }

}  // namespace

TEST_CASE("an instance may fill a cell to the brim", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z1", 256)});
  CHECK(c.place(lrp("p", 256), false) == on("a", true));
  CHECK(c.place(lrp("p", 1), false) == Outcome(Rejection{"insufficient resources: memory"}));
}

TEST_CASE("binpack fills the running cell that is left with least", "[binpack]") {
  auto c = cluster("binpack", {cell("a", "z", 900), cell("b", "z", 800, true), cell("c", "z", 500, true)});
  CHECK(c.place(lrp("p", 100), false) == on("c", false));
  CHECK(c.place(lrp("p", 100), false) == on("b", false));  // The fewest instances of the process come first.
  CHECK(c.place(lrp("q", 450), false) == on("b", false));
  CHECK(c.place(task(400), false) == on("c", false));
  CHECK(c.place(lrp("r", 600), false) == on("a", true));
}

TEST_CASE("spread gives every agent a cell before any a second instance", "[spread]") {
  auto c = cluster("spread", {cell("a", "z", 500), cell("b", "z", 900), cell("c", "z", 700)});
  CHECK(c.place(lrp("p", 100), false) == on("b", true));
  CHECK(c.place(lrp("p", 100), false) == on("c", true));
  CHECK(c.place(lrp("p", 100), false) == on("a", true));
  CHECK(c.place(lrp("p", 100), false) == on("b", false));
  CHECK(c.place(task(100), false) == on("b", false));
}

TEST_CASE("under spread a task goes where a cell is up", "[spread]") {
  auto c = cluster("spread", {cell("a", "z", 900), cell("b", "z", 300, true)});
  CHECK(c.place(task(100), false) == on("b", false));
}

TEST_CASE("zones are balanced before any cost counts", "[cluster]") {
  const std::string strategy = GENERATE(as<std::string>{}, "binpack", "spread");
  auto c = cluster(strategy, {cell("a", "z1", 1000, true), cell("b", "z1", 1000, true), cell("c", "z2", 1000)});
  int in_z2 = 0;
  for (int i = 0; i < 4; ++i) {
    const Outcome outcome = c.place(lrp("p", 100), false);
    if (std::get<Placement>(outcome).agent_id == "c") ++in_z2;
  }
  CHECK(in_z2 == 2);
}

TEST_CASE("a fuller zone is used when the emptier ones have no room", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z1", 1000), cell("b", "z2", 100)});
  CHECK(c.place(lrp("p", 100), false) == on("b", true));
  CHECK(c.place(lrp("p", 100), false) == on("a", true));
  CHECK(c.place(lrp("p", 100), false) == on("a", false));
}

TEST_CASE("ties go to the smallest agent id", "[cluster]") {
  auto c = cluster("binpack", {cell("b", "z", 100), cell("a", "z", 100)});
  CHECK(c.place(lrp("p", 10), false) == on("a", true));
}

TEST_CASE("the proxy's memory is paid by LRPs and not by tasks", "[cluster]") {
  Cell with_proxy = cell("a", "z", 132);
  with_proxy.proxy_mem_mb = 32;
  auto c = cluster("binpack", {with_proxy});
  CHECK(c.place(lrp("p", 101), false) == Outcome(Rejection{"insufficient resources: memory"}));
  CHECK(c.place(lrp("p", 100), false) == on("a", true));
  c.put(with_proxy);
  CHECK(c.place(task(132), false) == on("a", true));
}

TEST_CASE("binpack waits for a running cell's offer, spread does not", "[cluster]") {
  Cell up = cell("a", "z", 500, true);
  up.room = {};
  auto packed = cluster("binpack", {up, cell("b", "z", 500)});
  CHECK(packed.place(lrp("p", 100), true) == Outcome(Awaited{"a"}));
  CHECK(packed.place(lrp("p", 600), true) == Outcome(Rejection{"insufficient resources: memory"}));
  CHECK(packed.place(lrp("p", 100), false) == on("b", true));
  auto spread = cluster("spread", {up, cell("b", "z", 500)});
  CHECK(spread.place(lrp("p", 100), true) == on("b", true));
}

TEST_CASE("a cell of a fuller zone is not awaited", "[cluster]") {
  Cell up = cell("a", "z1", 500, true);
  up.room = {};
  up.instances["p"] = 1;
  auto c = cluster("binpack", {up, cell("b", "z2", 500)});
  CHECK(c.place(lrp("p", 100), true) == on("b", true));
}

TEST_CASE("agents to avoid are taken when nothing else fits", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z", 100), cell("b", "z", 1000)});
  auto request = lrp("p", 100);
  request.avoid = {"b"};
  CHECK(c.place(request, false) == on("a", true));
  CHECK(c.place(request, false) == on("b", true));
}

TEST_CASE("a cell that takes no work is not there", "[cluster]") {
  Cell stopping = cell("a", "z", 1000, true);
  stopping.takes_work = false;
  auto c = cluster("binpack", {stopping});
  CHECK(c.place(lrp("p", 1), true) == Outcome(Rejection{"unable to communicate to compatible cells"}));
}

TEST_CASE("a refusal names what is short on every eligible cell, the most specific constraint first", "[cluster]") {
  Cell low_mem = cell("a", "z", 10);
  Cell low_disk = cell("b", "z", 1000);
  low_disk.room.disk_mb = 0;
  low_disk.room.mem_mb = 10;
  Cell tagged = cell("c", "z", 1000);
  tagged.placement_tags = {"iso"};
  CHECK(cluster("binpack", {low_mem, low_disk}).place(lrp("p", 50), false) ==
        Outcome(Rejection{"insufficient resources: memory"}));
  low_disk.room.mem_mb = 1000;
  CHECK(cluster("binpack", {low_mem, low_disk}).place(lrp("p", 50), false) ==
        Outcome(Rejection{"insufficient resources"}));
  CHECK(cluster("binpack", {tagged}).place(lrp("p", 50), false) ==
        Outcome(Rejection{"found no compatible cell with no placement tags"}));
  Cell other_stack = cell("d", "z", 1000);
  other_stack.rootfs.clear();
  CHECK(cluster("binpack", {other_stack}).place(lrp("p", 50), false) ==
        Outcome(Rejection{"found no compatible cell for required rootfs"}));
  CHECK(cluster("binpack", {other_stack, tagged}).place(lrp("p", 50), false) ==
        Outcome(Rejection{"found no compatible cell with no placement tags"}));
}

TEST_CASE("an unknown strategy is refused with the names of the known", "[registry]") {
  const auto none = placement::make_strategy("best");
  REQUIRE_FALSE(none);
  CHECK(none.error().message() == "--strategy best: is not one of binpack, spread");
}
