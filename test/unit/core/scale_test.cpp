// What holds the core up at 10,000 agents and 250,000 instances: bounded passes, promises, limits.
#include "rig.hpp"

namespace core {
namespace {

std::vector<std::string> launched(const Rig& rig) {
  std::vector<std::string> keys;
  for (const Accept& accept : rig.all<Accept>()) {
    for (const Launch& launch : accept.launches) keys.push_back(accept.agent_id + ":" + to_string(launch.key));
  }
  return keys;
}

// An agent with a running cell whose offer is not in hand, and one without a cell whose offer is.
struct Promised : Rig {
  Promised() {
    run_one();
    lrp("q", {0});
    offer("a2", 4000);
    REQUIRE(none<Accept>());
    REQUIRE(view("q", 0).reason == "waiting for an offer of agent a1");
    done();
  }
};

}  // namespace

TEST_CASE("a pass decides no more than its share and asks to go on at once", "[scale]") {
  Config config;
  config.placements_per_pass = 2;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1, 2, 3, 4}, 10);
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000)}});
  int passes = 0;
  for (; rig.none<Accept>() && passes < 10; ++passes) {
    CHECK(rig.core.next_deadline() == base::Time{});
    CHECK(rig.none<Suppress>());
    rig.settle();
  }
  CHECK(passes == 2);  // Two, two and one; an ACCEPT uses up all its agent offers, so it comes last.
  CHECK(rig.only<Accept>().launches.size() == 5);
  CHECK(rig.core.next_deadline() != base::Time{});
}

TEST_CASE("launches are bounded by the pass, too", "[scale]") {
  Config config;
  config.placements_per_pass = 2;
  Rig rig(config, "spread");
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1, 2, 3}, 10);
  AuctionsSubmitted nothing;
  OffersArrived offers;
  for (const char* agent : {"a1", "a2", "a3", "a4"}) offers.offers.push_back(rig.make_offer(agent, 4000));
  rig.happen(offers);
  std::vector<std::size_t> accepts;
  for (int i = 0; i < 6; ++i) {
    rig.settle();
    accepts.push_back(rig.all<Accept>().size());
  }
  CHECK(accepts.back() == 4);
  CHECK(std::count(accepts.begin(), accepts.end(), 2) == 1);
}

TEST_CASE("what is planned and not yet launched can still be stopped, changed, rescinded and lost", "[scale]") {
  Config config;
  config.placements_per_pass = 2;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1, 2}, 100);
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000)}});
  REQUIRE(rig.none<Accept>());
  SECTION("stopped") {
    rig.happen(StopRequested{{Kind::lrp, "p", 0}});
    rig.settle();
    CHECK(rig.state("p", 0) == State::stopped);
    CHECK(launched(rig) == std::vector<std::string>{"a1:p.1", "a1:p.2"});
  }
  SECTION("changed") {
    rig.lrp("p", {0}, 700);
    for (int i = 0; i < 3; ++i) rig.settle();
    std::int64_t mem_mb = 0;
    for (const Launch& launch : rig.only<Accept>().launches) mem_mb += launch.pieces[1].amount;
    CHECK(mem_mb == 900);
  }
  SECTION("rescinded") {
    rig.happen(OfferRescinded{"o1"});
    for (int i = 0; i < 3; ++i) rig.settle();
    CHECK(rig.none<Accept>());
    CHECK(rig.core.cells().empty());
    rig.offer("a2", 4000);
    for (int i = 0; i < 3; ++i) rig.settle();
    CHECK(launched(rig) == std::vector<std::string>{"a2:p.0", "a2:p.1", "a2:p.2"});
  }
  SECTION("lost with its agent") {
    rig.happen(AgentLost{"a1"});
    for (int i = 0; i < 3; ++i) rig.settle();
    CHECK(rig.none<Accept>());
    CHECK(rig.state("p", 0) == State::queued);
  }
  SECTION("lost with the subscription") {
    rig.happen(Disconnected{"x"});
    rig.subscribe();
    for (int i = 0; i < 3; ++i) rig.settle();
    CHECK(rig.none<Accept>());
    CHECK(rig.state("p", 0) == State::queued);
    rig.offer("a1", 4000);
    for (int i = 0; i < 3; ++i) rig.settle();
    CHECK(rig.only<Accept>().launches.size() == 3);
  }
}

TEST_CASE("no more waits for an agent than its last-seen room holds", "[scale]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 1000);
  rig.offer("a1", 512 + 1000 + 2000);
  REQUIRE(rig.all<Accept>().size() == 1);
  rig.done();
  rig.lrp("q", {0, 1, 2}, 1000);  // Two fit what is left of a1.
  rig.offer("a2", 4000);
  CHECK(launched(rig) == std::vector<std::string>{"a2:q.2"});
  CHECK(rig.view("q", 0).reason == "waiting for an offer of agent a1");
  CHECK(rig.view("q", 1).reason == "waiting for an offer of agent a1");
}

TEST_CASE("a promise is kept when the offer comes", "[scale]") {
  Promised rig;
  rig.offer("a1", 3000, {*rig.executor_of("a1")});
  CHECK(launched(rig) == std::vector<std::string>{"a1:q.0"});
}

TEST_CASE("a promise ends with its time: another cell is started", "[scale]") {
  Promised rig;
  rig.pass(2s);
  CHECK(launched(rig) == std::vector<std::string>{"a2:q.0"});
}

TEST_CASE("a promise ends with the cell or agent it was about", "[scale]") {
  const bool agent_goes = GENERATE(true, false);
  Promised rig;
  if (agent_goes) {
    rig.happen(AgentLost{"a1"});
  } else {
    rig.happen(ExecutorEnded{"a1", *rig.executor_of("a1"), 9});
  }
  CHECK(launched(rig) == std::vector<std::string>{"a2:q.0"});
}

TEST_CASE("a promise given back serves another", "[scale]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 1000);
  rig.offer("a1", 512 + 2000);  // One more fits.
  rig.lrp("q", {0}, 1000);
  rig.happen(StopRequested{{Kind::lrp, "q", 0}});
  rig.done();
  rig.lrp("r", {0}, 1000);
  CHECK(rig.view("r", 0).reason == "waiting for an offer of agent a1");
}

TEST_CASE("no more containers start than the limits allow, and one that runs lets the next one in", "[scale]") {
  const bool per_cell = GENERATE(true, false);
  Config config;
  (per_cell ? config.limits.starting_per_cell_max : config.limits.starting_max) = 2;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1, 2, 3});
  rig.offer("a1", 4000);
  CHECK(launched(rig).size() == 2);
  rig.offer("a1", 3000, {*rig.executor_of("a1")});
  CHECK(launched(rig).size() == 2);
  rig.status(rig.task_id("p", 0), TaskState::starting, "a1");
  CHECK(launched(rig).size() == 2);
  rig.status(rig.task_id("p", 0), TaskState::running, "a1");
  CHECK(launched(rig).size() == 3);
  rig.offer("a1", 2900, {*rig.executor_of("a1")});
  rig.status(rig.task_id("p", 1), TaskState::failed, "a1", StatusReason::executor_ended, "x");
  rig.pass(200ms);
  CHECK(launched(rig).size() >= 4);
}

TEST_CASE("offers stay a little for what may follow the last work", "[scale]") {
  Config config;
  config.offer_linger = 100ms;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000), rig.make_offer("a2", 4000)}});
  CHECK(rig.all<Accept>().size() == 1);
  CHECK(rig.none<Decline>());
  CHECK(rig.none<Suppress>());
  rig.pass(90ms);
  rig.lrp("big", {0}, 3400);
  CHECK(rig.all<Accept>().size() == 2);  // Of what is still in hand, in the frame of the auction.
  CHECK(rig.all<Revive>().size() == 1);
  rig.offer("a3", 4000);
  rig.pass(90ms);
  CHECK(rig.none<Decline>());
  rig.pass(20ms);
  CHECK(rig.only<Decline>().offer_ids == std::vector<std::string>{"o3"});
  CHECK(rig.all<Suppress>().size() == 1);
}

TEST_CASE("equal wishes are one, and those of no one are forgotten", "[scale]") {
  Config config;
  Wishes wishes(config);
  diego::PlacementConstraint constraint;
  constraint.rootfs = "preloaded:fs";
  const WishPtr first = wishes.of("apps", constraint, {100, 0, 0});
  const WishPtr bigger = wishes.of("apps", constraint, {200, 0, 0});
  CHECK(wishes.of("apps", constraint, {100, 0, 0}) == first);
  CHECK(bigger != first);
  CHECK(bigger->constraints == first->constraints);
  for (int i = 0; i < 10'000; ++i) wishes.of("d" + std::to_string(i), constraint, {100, 0, 0});
  CHECK(wishes.size() <= 1024);
  CHECK(wishes.of("apps", constraint, {100, 0, 0}) == first);
}

TEST_CASE("an element is what the rep's own writer makes of it", "[scale]") {
  const auto guid = GENERATE("plain-guid", "a\"b&c");
  Config config;
  Wishes wishes(config);
  diego::PlacementConstraint constraint;
  constraint.rootfs = "docker:///x?guid-goes-here&1234567890";
  constraint.placement_tags = {"t"};
  const WishPtr wish = wishes.of("guid-goes-here", constraint, {100, 200, 300});
  for (const std::int32_t index : {0, 7, 123}) {
    diego::Lrp lrp;
    lrp.process_guid = guid;
    lrp.index = index;
    lrp.domain = wish->domain;
    lrp.constraint = constraint;
    lrp.resource = wish->resource;
    CHECK(element_of(*wish, Kind::lrp, guid, index) == diego::write_element(lrp));
  }
  diego::Task task;
  task.task_guid = guid;
  task.domain = wish->domain;
  task.constraint = constraint;
  task.resource = wish->resource;
  CHECK(element_of(*wish, Kind::task, guid, 0) == diego::write_element(task));
}

}  // namespace core
