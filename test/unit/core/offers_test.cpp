#include "rig.hpp"

namespace core {

TEST_CASE("work on an idle framework revives, and the offer is accepted in the frame that brings it", "[offers]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1});
  CHECK(rig.all<Revive>().size() == 1);
  rig.done();
  rig.offer("a1", 4000);
  const auto accept = rig.only<Accept>();
  CHECK(accept.agent_id == "a1");
  CHECK(accept.offer_ids == std::vector<std::string>{"o1"});
  REQUIRE(accept.launches.size() == 2);
  CHECK(accept.launches[0].key == Key{Kind::lrp, "p", 0});
  CHECK(accept.launches[0].pieces == std::vector<Piece>{{Dimension::cpus, 100, "c"}, {Dimension::mem, 100, "m"}});
  CHECK(accept.launches[0].element.find("\"process_guid\":\"p\",\"index\":0") != std::string::npos);
  CHECK(rig.none<Decline>());
  CHECK(rig.only<Suppress>() == Suppress{});
}

TEST_CASE("the first work on an agent pays for the cell, further work does not", "[offers]") {
  Config config;
  config.cell_own = {500, 100, 250, 0};
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 1000);
  rig.offer("a1", 1499);
  CHECK(rig.none<Accept>());
  CHECK(rig.view("p", 0).reason == "insufficient resources: memory");
  rig.offer("a1", 1);  // Offers of one agent are merged.
  const auto first = rig.only<Accept>();
  CHECK(first.offer_ids.size() == 2);
  CHECK(first.executor_info.ends_with("|500"));
  rig.done();
  rig.lrp("q", {0}, 1000);
  rig.offer("a1", 1000, {*rig.executor_of("a1")});
  const auto second = rig.only<Accept>();
  CHECK(second.executor_info == first.executor_info);
}

TEST_CASE("reserved pieces are used up first and keep their shape", "[offers]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 300);
  auto offer = rig.make_offer("a1", 0);
  offer.pieces = {{Dimension::cpus, 4000, "c"},
                  {Dimension::disk, 9000, "d"},
                  {Dimension::mem, 3000, "m"},
                  {Dimension::mem, 600, "r", true}};
  rig.happen(OffersArrived{{offer}});
  const auto accept = rig.only<Accept>();
  CHECK(accept.executor_info.ends_with("|512"));
  CHECK(accept.launches[0].pieces ==
        std::vector<Piece>{{Dimension::cpus, 100, "c"}, {Dimension::mem, 88, "r", true}, {Dimension::mem, 212, "m"}});
}

TEST_CASE("with nothing waiting every offer is declined for long and the role suppressed", "[offers]") {
  Rig rig;
  rig.subscribe();
  CHECK_FALSE(rig.core.wants_suppressed(rig.now));
  rig.offer("a1", 4000);
  CHECK(rig.only<Decline>() == Decline{{"o1"}, std::chrono::minutes(10)});
  CHECK(rig.none<Suppress>());
  rig.pass(2s);
  CHECK(rig.all<Suppress>().size() == 1);
  CHECK(rig.core.wants_suppressed(rig.now));
  rig.pass(10min);
  CHECK(rig.all<Suppress>().size() == 1);
}

TEST_CASE("an offer is held no longer than allowed while work waits", "[offers]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 10'000);
  rig.offer("a1", 4000);
  rig.pass(4900ms);
  CHECK(rig.none<Decline>());
  rig.pass(200ms);
  CHECK(rig.only<Decline>().offer_ids == std::vector<std::string>{"o1"});
}

TEST_CASE("a rescinded offer is neither used nor answered", "[offers]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 3000);
  rig.offer("a1", 1000);
  rig.happen(OfferRescinded{"o1"});
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().offer_ids == std::vector<std::string>{"o2"});
  rig.happen(OfferRescinded{"o2"});  // Too late, and never seen ones too: no harm.
  rig.happen(OfferRescinded{"o9"});
  CHECK(rig.none<Decline>());
}

TEST_CASE("revives that bring nothing come ever more slowly", "[offers]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 10'000);
  CHECK(rig.all<Revive>().size() == 1);
  for (int i = 1; i < 20; ++i) {
    rig.pass(10ms);
    rig.lrp("p" + std::to_string(i), {0}, 10'000);  // Each new work may revive again.
  }
  CHECK(rig.all<Revive>().size() == 3);  // At 0, 50 and 150 ms.
  rig.done();
  rig.pass(1min);
  CHECK(rig.all<Revive>().size() == 1);  // What came last; then nothing new has happened.
}

TEST_CASE("an inverse offer of no agent that we know is declined", "[offers]") {
  Rig rig;
  rig.subscribe();
  rig.happen(InverseOffersArrived{{{"i1", "a9"}}});
  CHECK(rig.only<DeclineInverseOffers>().inverse_offer_ids == std::vector<std::string>{"i1"});
}

TEST_CASE("no ACCEPT carries more tasks than the bound", "[offers]") {
  Config config;
  config.tasks_per_accept_max = 3;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1, 2, 3, 4}, 10);
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().launches.size() == 3);
  CHECK(rig.state("p", 4) == State::queued);
  rig.done();
  rig.offer("a1", 3000, {*rig.executor_of("a1")});
  CHECK(rig.only<Accept>().launches.size() == 2);
}

TEST_CASE("binpack waits for a running cell's offer, but not for long", "[offers]") {
  Rig rig;
  rig.run_one();
  rig.lrp("q", {0});
  rig.offer("a2", 4000);
  CHECK(rig.none<Accept>());
  CHECK(rig.view("q", 0).reason == "waiting for an offer of agent a1");
  rig.pass(1400ms);
  CHECK(rig.none<Accept>());
  rig.pass(200ms);
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("the offer of the running cell is taken when it comes", "[offers]") {
  Rig rig;
  rig.run_one();
  rig.lrp("q", {0});
  rig.offer("a2", 4000);
  rig.offer("a1", 3000, {*rig.executor_of("a1")});
  CHECK(rig.only<Accept>().agent_id == "a1");
  CHECK(rig.only<Decline>().offer_ids == std::vector<std::string>{"o2"});
}

TEST_CASE("what waited out its back-off revives, for its offers were declined meanwhile", "[offers]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("big", {0}, 3000);
  rig.offer("a1", 4000);
  rig.status(rig.task_id("big", 0), TaskState::dropped, "a1", StatusReason::invalid_offers, "", false);  // Backs off.
  rig.lrp("small", {0}, 10);
  rig.offer("a2", 1000);
  REQUIRE(rig.state("small", 0) == State::launching);
  rig.done();
  rig.pass(200ms);
  CHECK(rig.all<Revive>().size() == 1);
}

TEST_CASE("another wish for what waits revives", "[offers]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 9000);
  rig.offer("a1", 4000);
  rig.pass(6s);
  rig.done();
  rig.lrp("p", {0}, 9000);
  CHECK(rig.none<Revive>());
  rig.lrp("p", {0}, 100);
  CHECK(rig.all<Revive>().size() == 1);
}

}  // namespace core
