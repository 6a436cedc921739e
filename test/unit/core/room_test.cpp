// Room that comes back is offered to what waits, and no offer is held for ever.
#include "test/unit/core/rig.hpp"

namespace core {

TEST_CASE("what waits for an in-flight slot gets that of an agent that is lost", "[core]") {
  Config config;
  config.limits.starting_max = 1;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1});
  rig.offer("a1", 4000);
  const auto first = rig.only<Accept>();
  REQUIRE(first.launches.size() == 1);
  rig.offer("a2", 4000);
  rig.happen(StopRequested{{Kind::lrp, "p", 0}});  // It does not come back.
  rig.happen(AgentLost{"a1"});
  rig.done();
  rig.status(first.launches[0].task_id, TaskState::gone, "a1", StatusReason::agent_lost, "", false);
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("the room of a planned instance that is stopped goes to what was refused", "[core]") {
  Config config;
  config.placements_per_pass = 1;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.core.handle(
      AuctionsSubmitted{{Rig::auction({Kind::lrp, "big", 0}, 400), Rig::auction({Kind::lrp, "small", 1}, 300)}},
      rig.now);
  rig.core.handle(OffersArrived{{rig.make_offer("a1", 1000)}}, rig.now);
  const auto nothing = [](const Actions& actions) {
    return std::none_of(actions.begin(), actions.end(),
                        [](const Action& a) { return std::holds_alternative<Accept>(a); });
  };
  REQUIRE(nothing(rig.core.settle(rig.now, false)));  // Plans the big one,
  REQUIRE(nothing(rig.core.settle(rig.now, false)));  // and finds no room for the other.
  REQUIRE(nothing(rig.core.settle(rig.now, false)));
  rig.happen(StopRequested{{Kind::lrp, "big", 0}});
  rig.settle();
  const auto accept = rig.only<Accept>();
  REQUIRE(accept.launches.size() == 1);
  CHECK(accept.launches[0].key == Key{Kind::lrp, "small", 1});
}

TEST_CASE("offers that no plan uses go back in time, though nothing may be launched", "[core]") {
  Config config;
  config.offer_hold = 5s;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.core.handle(AuctionsSubmitted{{Rig::auction({Kind::lrp, "p", 0}, 100)}}, rig.now);
  // The second is too small for a cell.
  rig.core.handle(OffersArrived{{rig.make_offer("a1", 4000), rig.make_offer("a2", 100)}}, rig.now);
  rig.core.settle(rig.now, false);
  rig.now += 5s;
  const Actions late = rig.core.settle(rig.now, false);
  std::vector<std::string> declined;
  for (const Action& action : late) {
    CHECK_FALSE(std::holds_alternative<Accept>(action));
    if (const auto* decline = std::get_if<Decline>(&action))
      declined.insert(declined.end(), decline->offer_ids.begin(), decline->offer_ids.end());
  }
  CHECK(declined == std::vector<std::string>{"o2"});
  rig.settle();
  CHECK(rig.only<Accept>().agent_id == "a1");
}

TEST_CASE("an instance that comes back with its agent is charged there again", "[core]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  Status back{task, TaskState::running, StatusReason::none, "", "", "uuid-of-16-bytes", "a1", *rig.executor_of("a1"),
              true};
  const auto used = [&] { return rig.core.cells().at(0).memory_used_mb; };
  REQUIRE(used() == 100);
  rig.status(task, TaskState::unreachable, "a1", StatusReason::agent_lost, "", false);
  rig.happen(StatusArrived{back});
  REQUIRE(rig.state("p", 0) == State::running);
  CHECK(used() == 100);
}

}  // namespace core
