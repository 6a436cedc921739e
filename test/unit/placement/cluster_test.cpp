#include "scheduler/placement/cluster.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace placement_test;
using placement::Amounts;
using placement::Awaited;
using placement::Cell;
using placement::Outcome;
using placement::Placement;

TEST_CASE("an instance may fill a cell to the brim", "[cluster]") {
  const std::string strategy = GENERATE(as<std::string>{}, "binpack", "spread", "diego");
  auto c = cluster(strategy, {cell("a", "z1", 256)});
  CHECK(c.place(lrp("p", 256)) == on("a", true));
  CHECK(c.place(lrp("p", 1)) == refused("insufficient resources: memory"));
}

TEST_CASE("binpack fills the running cell that is left with least", "[binpack]") {
  auto c = cluster("binpack", {cell("a", "z", 900), cell("b", "z", 800, true), cell("c", "z", 500, true)});
  CHECK(c.place(lrp("p", 100)) == on("c", false));
  CHECK(c.place(lrp("p", 100)) == on("b", false));  // The fewest instances of the process come first.
  CHECK(c.place(lrp("q", 450)) == on("b", false));
  CHECK(c.place(task(400)) == on("c", false));
  CHECK(c.place(lrp("r", 600)) == on("a", true));
}

TEST_CASE("spread gives every agent a cell before any a second instance", "[spread]") {
  auto c = cluster("spread", {cell("a", "z", 500), cell("b", "z", 900), cell("c", "z", 700)});
  CHECK(c.place(lrp("p", 100)) == on("b", true));
  CHECK(c.place(lrp("p", 100)) == on("c", true));
  CHECK(c.place(lrp("p", 100)) == on("a", true));
  CHECK(c.place(lrp("p", 100)) == on("b", false));
  CHECK(c.place(task(100)) == on("b", false));
}

TEST_CASE("under spread a task goes where a cell is up", "[spread]") {
  auto c = cluster("spread", {cell("a", "z", 900), cell("b", "z", 300, true)});
  CHECK(c.place(task(100)) == on("b", false));
}

TEST_CASE("diego takes the emptiest cell, and spares one that is busy starting others", "[diego]") {
  auto c = cluster("diego", {cell("a", "z", 1000, true), cell("b", "z", 2000, true)});
  CHECK(c.place(lrp("p", 100)) == on("b", false));
  CHECK(c.place(lrp("q", 100)) == on("a", false));  // A starting container weighs a quarter of the whole score.
  c.started("a");
  c.started("b");
  CHECK(c.place(lrp("r", 100)) == on("b", false));
}

TEST_CASE("under diego a task keeps away from other tasks, whatever is free there", "[diego]") {
  auto c = cluster("diego", {cell("a", "z", 1000, true), cell("b", "z", 500, true)});
  CHECK(c.place(task(1)) == on("a", false));
  c.started("a");
  CHECK(c.place(task(1)) == on("b", false));
}

TEST_CASE("diego starts a cell only where no cell that is up has room", "[diego]") {
  auto c = cluster("diego", {cell("a", "z", 10'000), cell("b", "z", 300, true)});
  CHECK(c.place(lrp("p", 200)) == on("b", false));
  CHECK(c.place(lrp("p", 200)) == on("a", true));
}

TEST_CASE("zones are balanced before any cost counts", "[cluster]") {
  const std::string strategy = GENERATE(as<std::string>{}, "binpack", "spread", "diego");
  auto c = cluster(strategy, {cell("a", "z1", 1000, true), cell("b", "z1", 1000, true), cell("c", "z2", 1000)});
  int in_z2 = 0;
  for (int i = 0; i < 4; ++i) {
    const Outcome outcome = c.place(lrp("p", 100));
    if (std::get<Placement>(outcome).agent_id == "c") ++in_z2;
  }
  CHECK(in_z2 == 2);
}

TEST_CASE("instances on cells that take no work count for their zone", "[cluster]") {
  Cell draining = cell("a", "z1", 1000, true);
  draining.takes_work = false;
  auto c = cluster("binpack", {draining, cell("b", "z1", 100, true), cell("c", "z2", 1000)});
  c.occupy("a", {true, "p"});
  CHECK(c.place(lrp("p", 10)) == on("c", true));
}

TEST_CASE("an instance counts for the zone its cell has moved to", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z1", 1000, true), cell("b", "z2", 1000, true), cell("c", "z1", 500, true)});
  c.occupy("a", {true, "p"});
  CHECK(c.preview(lrp("p", 10)) == on("b", false));
  c.upsert(cell("a", "z2", 1000, true));
  CHECK(c.instances("a", "p") == 1);
  CHECK(c.preview(lrp("p", 10)) == on("c", false));
}

TEST_CASE("a fuller zone is used when the emptier ones have no room", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z1", 1000), cell("b", "z2", 100)});
  CHECK(c.place(lrp("p", 100)) == on("b", true));
  CHECK(c.place(lrp("p", 100)) == on("a", true));
  CHECK(c.place(lrp("p", 100)) == on("a", false));
}

TEST_CASE("ties go to the smallest agent id, in whatever order the agents came", "[cluster]") {
  const std::string strategy = GENERATE(as<std::string>{}, "binpack", "spread", "diego");
  auto c = cluster(strategy, {});
  for (int number = 199; number >= 100; --number) c.upsert(cell("agent " + std::to_string(number), "z", 100));
  for (int number = 100; number < 200; ++number) {
    const std::string agent = "agent " + std::to_string(number);
    CHECK(c.place(lrp("p", 100)) == on(agent.c_str(), true));
  }
}

TEST_CASE("the proxy's memory is paid by LRPs and not by tasks", "[cluster]") {
  Cell with_proxy = cell("a", "z", 132);
  with_proxy.proxy_mem_mb = 32;
  auto c = cluster("binpack", {with_proxy});
  CHECK(c.place(lrp("p", 101)) == refused("insufficient resources: memory"));
  CHECK(c.place(lrp("p", 100)) == on("a", true));
  CHECK(c.find("a")->room.mem_mb == 0);
  c.release("a", lrp("p", 100), true);
  CHECK(c.find("a")->room.mem_mb == 132);
  CHECK(c.place(task(132)) == on("a", false));
}

TEST_CASE("what is placed is there until it is released", "[cluster]") {
  auto c = cluster("spread", {cell("a", "z", 500)});
  const Cell before = *c.find("a");
  REQUIRE(c.place(lrp("p", 100)) == on("a", true));
  CHECK(c.find("a")->up);
  CHECK(c.find("a")->room == Amounts{400, 9'999, 9'900, 249});
  CHECK(c.find("a")->last_room == Amounts{400, 9'999, 9'900, 249});
  CHECK(c.find("a")->starting == 1);
  CHECK(c.instances("a", "p") == 1);
  CHECK(c.starting() == 1);
  c.started("a");
  CHECK(c.starting() == 0);
  c.release("a", lrp("p", 100), false);
  CHECK(c.instances("a", "p") == 0);
  CHECK(c.find("a")->room == before.room);
}

TEST_CASE("who is on a cell survives news of it and goes with it", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z", 500)});
  Cell told = cell("a", "z", 800, true);
  told.starting = 2;
  c.occupy("a", {true, "p", true});
  c.occupy("a", {false, "t", false});
  c.upsert(told);
  CHECK(c.find("a")->room.mem_mb == 800);
  CHECK(c.find("a")->starting == 3);
  CHECK(c.instances("a", "p") == 1);
  CHECK(c.tasks("a") == 1);
  c.remove("a");
  c.remove("a");
  CHECK(c.size() == 0);
  CHECK(c.starting() == 0);
  CHECK_FALSE(c.find("a"));
  c.upsert(cell("a", "z", 500));
  CHECK(c.instances("a", "p") == 0);
  CHECK(c.tasks("a") == 0);
}

TEST_CASE("a process that was never there does not leave", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z", 500)});
  c.occupy("a", {true, "p", true});
  c.vacate("a", {true, "q", true});
  c.vacate("a", {false, "p", true});
  CHECK(c.instances("a", "p") == 1);
  CHECK(c.starting() == 1);
}

TEST_CASE("the starting containers a cell was told to have are none of those told one by one", "[cluster]") {
  Cell told = cell("a", "z", 500, true);
  told.starting = 2;
  auto c = cluster("binpack", {told});
  c.occupy("a", {true, "p", false});
  c.started("a");
  c.vacate("a", {true, "p", true});
  CHECK(c.find("a")->starting == 2);
}

TEST_CASE("a cell that comes after another was lost has none of its instances", "[cluster]") {
  auto c = cluster("binpack", {});
  for (int number = 10; number < 60; ++number) {
    c.upsert(cell(std::to_string(number), "z", 100, true));
    c.occupy(std::to_string(number), {true, "p"});
  }
  REQUIRE(c.preview(lrp("p", 100)) == on("10", false));
  c.remove("35");
  c.upsert(cell("99", "z", 100, true));
  CHECK(c.place(lrp("p", 100)) == on("99", false));
}

TEST_CASE("a preview reserves nothing", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z", 100)});
  CHECK(c.preview(lrp("p", 100)) == on("a", true));
  CHECK(c.preview(lrp("p", 100)) == on("a", true));
  CHECK_FALSE(c.find("a")->up);
}

TEST_CASE("binpack and diego wait for a running cell's offer, spread does not", "[cluster]") {
  Cell up = cell("a", "z", 500, true);
  up.room = {};
  const std::string strategy = GENERATE(as<std::string>{}, "binpack", "diego");
  auto packed = cluster(strategy, {up, cell("b", "z", 500)});
  CHECK(packed.place(lrp("p", 100), true) == Outcome(Awaited{"a"}));
  CHECK(packed.place(lrp("p", 600), true) == refused("insufficient resources: memory"));
  CHECK(packed.place(lrp("p", 100), false) == on("b", true));
  auto spread = cluster("spread", {up, cell("b", "z", 500)});
  CHECK(spread.place(lrp("p", 100), true) == on("b", true));
}

TEST_CASE("no more work waits for an offer than it can hold", "[cluster]") {
  Cell up = cell("a", "z", 250, true);
  up.room = {};
  auto c = cluster("binpack", {up, cell("b", "z", 500)});
  CHECK(c.place(lrp("p", 100), true) == Outcome(Awaited{"a"}));
  CHECK(c.place(lrp("p", 100), true) == Outcome(Awaited{"a"}));
  CHECK(c.place(lrp("p", 100), true) == on("b", true));
  CHECK(c.find("a")->last_room.mem_mb == 50);
  CHECK(c.find("a")->room == Amounts{});
  c.set_room("a", {250, 10'000, 10'000, 250}, {250, 10'000, 10'000, 250});
  CHECK(c.place(lrp("q", 250), true) == on("a", false));
}

TEST_CASE("a cell of a fuller zone is not awaited", "[cluster]") {
  Cell up = cell("a", "z1", 500, true);
  up.room = {};
  auto c = cluster("binpack", {up, cell("b", "z2", 500)});
  c.occupy("a", {true, "p"});
  CHECK(c.place(lrp("p", 100), true) == on("b", true));
}

TEST_CASE("agents to avoid are taken when nothing else fits", "[cluster]") {
  auto c = cluster("binpack", {cell("a", "z1", 100), cell("b", "z2", 1000)});
  auto request = lrp("p", 100);
  request.avoid = {"b", "gone"};
  CHECK(c.place(request) == on("a", true));
  c.occupy("b", {true, "p"});
  CHECK(c.place(request) == on("b", true));
}

TEST_CASE("a cell that takes no work is not there", "[cluster]") {
  Cell stopping = cell("a", "z", 1000, true);
  stopping.takes_work = false;
  auto c = cluster("binpack", {stopping});
  CHECK(c.place(lrp("p", 1), true) == refused("unable to communicate to compatible cells"));
  CHECK(cluster("diego", {}).place(lrp("p", 1)) == refused("unable to communicate to compatible cells"));
}

TEST_CASE("a refusal names what is short on every eligible cell, the most specific constraint first", "[cluster]") {
  Cell low_mem = cell("a", "z", 10);
  Cell low_disk = cell("b", "z", 1000);
  low_disk.room.disk_mb = 0;
  low_disk.room.mem_mb = 10;
  Cell tagged = cell("c", "z", 1000);
  tagged.placement_tags = {"iso"};
  CHECK(cluster("binpack", {low_mem, low_disk}).place(lrp("p", 50)) == refused("insufficient resources: memory"));
  low_disk.room.mem_mb = 1000;
  CHECK(cluster("binpack", {low_mem, low_disk}).place(lrp("p", 50)) == refused("insufficient resources"));
  CHECK(cluster("binpack", {tagged}).place(lrp("p", 50)) == refused("found no compatible cell with no placement tags"));
  Cell other_stack = cell("d", "z", 1000);
  other_stack.rootfs.clear();
  CHECK(cluster("binpack", {other_stack}).place(lrp("p", 50)) ==
        refused("found no compatible cell for required rootfs"));
  CHECK(cluster("binpack", {other_stack, tagged}).place(lrp("p", 50)) ==
        refused("found no compatible cell with no placement tags"));
  CHECK(cluster("binpack", {other_stack, tagged, low_mem}).place(lrp("p", 50)) ==
        refused("insufficient resources: memory"));
}

TEST_CASE("everything that is short is named, sorted", "[cluster]") {
  Cell small = cell("a", "z", 10);
  small.room = {10, 10, 10, 1};
  auto c = cluster("binpack", {small});
  auto request = lrp("p", 10);
  request.needs = {11, 11, 11, 2};
  CHECK(c.place(request) == refused("insufficient resources: containers, cpu, disk, memory"));
  request.needs = {11, 1, 1, 1};
  CHECK(c.place(request) == refused("insufficient resources: memory"));
  request.needs = {10, 10, 10, 1};
  CHECK(c.place(request) == on("a", true));
}

TEST_CASE("so many containers start at a time and no more, in all and on each cell", "[cluster]") {
  constexpr auto kInFlight = "waiting to start instance: reached in-flight start limit";
  auto all = cluster("diego", {cell("a", "z", 1000, true), cell("b", "z", 1000, true)}, {2, 0});
  CHECK(all.place(lrp("p", 1)) == on("a", false));
  CHECK(all.place(task(1)) == on("b", false));
  CHECK(all.place(lrp("p", 1)) == refused(kInFlight));
  CHECK(all.place(lrp("p", 5000)) == refused(kInFlight));  // Before anything else is asked.
  all.started("a");
  CHECK(all.place(lrp("p", 5000)) == refused("insufficient resources: memory"));

  auto each = cluster("binpack", {cell("a", "z", 900, true), cell("b", "z", 1000, true)}, {0, 1});
  CHECK(each.place(lrp("p", 1)) == on("a", false));
  CHECK(each.place(lrp("q", 1)) == on("b", false));
  CHECK(each.place(lrp("r", 1)) == refused(kInFlight));
  CHECK(each.place(lrp("r", 5000)) == refused("insufficient resources: memory"));
  each.started("b");
  CHECK(each.place(lrp("r", 1)) == on("b", false));
}

TEST_CASE("an unknown strategy is refused with the names of the known", "[registry]") {
  CHECK(placement::strategy_names() == std::vector<std::string>{"binpack", "diego", "spread"});
  const auto none = placement::make_strategy("best");
  REQUIRE_FALSE(none);
  CHECK(none.error().message() == "--strategy best: is not one of binpack, diego, spread");
  for (const auto& name : placement::strategy_names()) CHECK((*placement::make_strategy(name))->name() == name);
}
