// Where work would go, asked of the live books.
#include "rig.hpp"

using namespace core;
using Outcome = ExplanationView::Outcome;

namespace {

std::vector<ExplanationView> ask(const Rig& rig, std::vector<Auction> auctions, std::size_t cells = 20) {
  return rig.core.explain(std::move(auctions), cells, rig.now);
}
ExplanationView ask_one(const Rig& rig, Key key, std::int32_t mem_mb, std::size_t cells = 20) {
  auto views = ask(rig, {Rig::auction(std::move(key), mem_mb)}, cells);
  REQUIRE(views.size() == 1);
  return views.front();
}
Key lrp_key(const std::string& guid, std::int32_t index) { return {Kind::lrp, guid, index}; }

// Cells as text: everything that is said of every one of them.
std::string all_cells(const ExplanationView& view) {
  std::string text;
  for (const auto* list : {&view.fitting, &view.misses}) {
    for (const VerdictView& one : *list) text += one.place.agent_id + ":" + one.text + ";";
  }
  return text;
}

}  // namespace

TEST_CASE("an explanation names the place the launch then takes", "[explain]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("q", {0}, 9000);  // Waits, so that offers are kept.
  rig.offer("a1", 4000);
  rig.offer("a2", 2000);
  const auto view = ask_one(rig, lrp_key("p", 0), 100);
  CHECK(view.outcome == Outcome::placed);
  REQUIRE(view.place);
  CHECK(view.starts_cell);
  CHECK(view.cells == 2);
  CHECK(view.fit == 2);
  CHECK(view.fitting.front().place == *view.place);
  CHECK(view.needs == placement::Amounts{100, 0, 100, 1});
  rig.done();
  rig.lrp("p", {0}, 100);
  CHECK(rig.only<Accept>().agent_id == view.place->agent_id);
}

TEST_CASE("what fits nowhere is told with the number short, the nearest miss first", "[explain]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 9000);
  rig.offer("a1", 4000);
  rig.offer("a2", 6512);
  rig.offer("a3", 5000);
  const auto view = rig.core.explain(lrp_key("p", 0), 2, rig.now);
  REQUIRE(view);
  CHECK(view->state == State::queued);
  CHECK(view->outcome == Outcome::refused);
  CHECK(view->refusal == "insufficient resources: memory");
  CHECK(view->reason == view->refusal);
  CHECK(view->cells == 3);
  CHECK(view->fit == 0);
  REQUIRE(view->misses.size() == 2);
  CHECK(view->misses[0].place.agent_id == "a2");
  CHECK(view->misses[0].place.agent_hostname == "a2.example");
  CHECK(view->misses[0].short_by.mem_mb == 3000);
  CHECK(view->misses[0].text == "short of 3000 MB memory");
  CHECK(view->misses[0].reasons == std::vector<std::string_view>{"memory"});
  CHECK(view->misses[1].place.agent_id == "a3");
  REQUIRE(view->groups.size() == 1);
  CHECK(view->groups[0].cells == 3);
  CHECK(view->groups[0].short_by_min.mem_mb == 3000);
  CHECK(view->groups[0].short_by_max.mem_mb == 5512);
  CHECK(view->groups[0].examples == std::vector<std::string>{"a2", "a3", "a1"});
}

TEST_CASE("without offers in hand it is told whose offer would be waited for", "[explain]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.run_one();  // On a1; its rest goes back.
  rig.pass(10s);
  const auto view = ask_one(rig, lrp_key("q", 0), 100);
  CHECK(view.outcome == Outcome::awaits_offer);
  REQUIRE(view.place);
  CHECK(view.place->agent_id == "a1");
  CHECK_FALSE(view.place->cell_id.empty());
  CHECK_FALSE(view.starts_cell);
  CHECK(view.refusal.empty());
  REQUIRE(view.misses.size() == 1);
  CHECK(view.misses[0].text == "no offer of its agent is in hand, by the room last seen there is enough");
}

TEST_CASE("what is too big for every cell is short of that alone, whether offers are in hand or not", "[explain]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.run_one();  // On a1; its rest goes back.
  rig.pass(10s);
  const auto view = ask_one(rig, lrp_key("q", 0), 9000);
  CHECK(view.outcome == Outcome::refused);
  CHECK(view.refusal == "insufficient resources: memory");
  REQUIRE(view.misses.size() == 1);
  CHECK(view.misses[0].reasons == std::vector<std::string_view>{"memory"});
  CHECK(view.misses[0].text.starts_with("short of "));
  CHECK(view.misses[0].text.ends_with(" MB memory"));
}

TEST_CASE("an auction is explained in its order, each seeing those before it", "[explain]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("big", {0}, 9000);
  rig.offer("a1", 712);  // Of which the cell takes 512.
  rig.offer("a2", 812);
  const auto views = ask(rig, {Rig::auction(lrp_key("p", 1), 200), Rig::auction({Kind::task, "t", 0}, 100),
                               Rig::auction(lrp_key("p", 2), 200), Rig::auction(lrp_key("p", 0), 200),
                               Rig::auction(lrp_key("p", 3), 200)});
  REQUIRE(views.size() == 5);
  CHECK(views[0].key == lrp_key("p", 0));
  CHECK(views[1].key == Key{Kind::task, "t", 0});
  CHECK(views[2].key == lrp_key("p", 1));
  CHECK(views[0].place->agent_id == "a1");
  CHECK(views[1].place->agent_id == "a2");
  CHECK(views[2].place->agent_id == "a2");
  CHECK(views[3].outcome == Outcome::refused);
  CHECK(views[4].outcome == Outcome::refused);
  CHECK(views[0].with_cells);
  CHECK_FALSE(views[2].with_cells);  // As the one before it.
  CHECK(views[3].with_cells);
  CHECK_FALSE(views[4].with_cells);
}

TEST_CASE("of a running instance it is told where it would go if it had to leave", "[explain]") {
  Rig rig;
  rig.run_one();
  rig.lrp("big", {0}, 9000);
  rig.offer("a2", 2000);
  const auto view = rig.core.explain(lrp_key("p", 0), 20, rig.now);
  REQUIRE(view);
  CHECK(view->state == State::running);
  REQUIRE(view->runs_on);
  CHECK(view->runs_on->agent_id == "a1");
  CHECK(view->outcome == Outcome::placed);
  CHECK(view->place->agent_id == "a2");
  CHECK_FALSE(rig.core.explain(lrp_key("p", 1), 20, rig.now));
}

TEST_CASE("what keeps everything from being placed is told", "[explain]") {
  Rig rig;
  CHECK(ask_one(rig, lrp_key("p", 0), 1).held_up_by ==
        std::vector<std::string>{"not subscribed to a Mesos master: there are no offers"});
  Config config;
  config.launch_rate = 1;
  Rig slow(config);
  slow.subscribe_and_suppress();
  CHECK(ask_one(slow, lrp_key("p", 0), 1).held_up_by.empty());
  slow.lrp("p", {0, 1, 2});
  slow.offer("a1", 4000);
  CHECK(ask_one(slow, lrp_key("p", 3), 1).held_up_by == std::vector<std::string>{"--launch-rate is used up for now"});
}

TEST_CASE("asking changes nothing that is decided later", "[explain]") {
  base::Random draws(7);
  for (int round = 0; round < 40; ++round) {
    Rig asked({}, round % 2 == 0 ? "diego" : "binpack"), silent({}, round % 2 == 0 ? "diego" : "binpack");
    const auto both = [&](const auto& what) {
      what(asked);
      what(silent);
    };
    both([](Rig& rig) { rig.subscribe_and_suppress(); });
    for (int step = 0; step < 30; ++step) {
      const auto number = std::to_string(draws.below(6));
      const auto mem = static_cast<std::int32_t>(50 + draws.below(900));
      const auto kind = draws.below(4);
      if (kind == 0) both([&](Rig& rig) { rig.offer("a" + number, 400 + 4 * mem); });
      if (kind == 1) both([&](Rig& rig) { rig.lrp("p" + number, {0, 1, 2}, mem); });
      if (kind == 2) both([&](Rig& rig) { rig.task("t" + std::to_string(step), mem); });
      if (kind == 3) both([](Rig& rig) { rig.pass(700ms); });
      const bool had_changes = asked.core.has_changes();
      const auto views = ask(asked, {Rig::auction(lrp_key("p" + number, 7), mem), Rig::auction(lrp_key("x", 0), mem),
                                     Rig::auction({Kind::task, "y", 0}, 3 * mem)});
      const auto again = ask(asked, {Rig::auction(lrp_key("p" + number, 7), mem), Rig::auction(lrp_key("x", 0), mem),
                                     Rig::auction({Kind::task, "y", 0}, 3 * mem)});
      for (std::size_t i = 0; i < views.size(); ++i) {
        CHECK(views[i].outcome == again[i].outcome);
        CHECK(views[i].place == again[i].place);
        CHECK(all_cells(views[i]) == all_cells(again[i]));
      }
      CHECK(asked.core.has_changes() == had_changes);
      CHECK(asked.core.next_deadline() == silent.core.next_deadline());
      CHECK(asked.actions == silent.actions);
    }
    CHECK(asked.core.cells() == silent.core.cells());
    CHECK(asked.core.instances({}) == silent.core.instances({}));
  }
}
