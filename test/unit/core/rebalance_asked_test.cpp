// Plans that are only asked for: nothing comes of them, and they do not take long.
#include <array>
#include <ctime>
#include <iostream>

#include "rebalance_rig.hpp"

namespace core {

TEST_CASE("asking what would be moved changes nothing that is decided later", "[rebalance]") {
  base::Random draws(11);
  std::size_t planned = 0;
  for (int round = 0; round < 30; ++round) {
    const std::string strategy = std::array{"binpack", "spread", "diego"}[static_cast<std::size_t>(round) % 3];
    Config config;
    if (round % 4 == 0) config.limits = {5, 2};
    Full asked(config, strategy), silent(config, strategy);
    const auto both = [&](const auto& what) {
      what(asked);
      what(silent);
    };
    for (int step = 0; step < 60; ++step) {
      const auto agent = "a" + std::to_string(1 + draws.below(6));
      const auto guid = "p" + std::to_string(draws.below(5));
      const auto index = static_cast<std::int32_t>(draws.below(6));
      const auto mem = static_cast<std::int32_t>(50 + draws.below(400));
      const auto room = static_cast<std::int64_t>(draws.below(3000));
      const auto kind = draws.below(10);
      if (kind < 3) both([&](Full& rig) { rig.offer_again(agent, room, agent.back() % 2 == 0 ? "z1" : "z2"); });
      if (kind == 3 || kind == 4) both([&](Full& rig) { rig.lrp(guid, {index, index + 1}, mem); });
      if (kind == 5 && step % 3 == 0) both([&](Full& rig) { rig.task("t" + std::to_string(step), mem); });
      if (kind == 6) both([](Full& rig) { rig.pass(700ms); });
      if (kind == 7) both([&](Full& rig) { rig.happen(StopRequested{{Kind::lrp, guid, index}}); });
      if (kind == 8) both([&](Full& rig) { rig.rebalance(Goal(step % 2), 2); });
      const bool had_changes = asked.core.has_changes();
      for (const Goal goal : {Goal::pack, Goal::spread}) {
        const RebalanceView plan = asked.preview(goal, 5);
        planned += plan.moves.size();
        CHECK(plan == asked.preview(goal, 5));
      }
      CHECK(asked.core.has_changes() == had_changes);
      CHECK(asked.core.next_deadline() == silent.core.next_deadline());
      CHECK(asked.actions == silent.actions);
      if (kind != 9) both([](Full& rig) { rig.carry_out(); });
    }
    CHECK(asked.core.rebalance() == silent.core.rebalance());
    CHECK(asked.core.cells() == silent.core.cells());
    CHECK(asked.core.instances({}) == silent.core.instances({}));
  }
  CHECK(planned > 200);
}

// By hand: unit-core "[measure]". How long a plan holds the core up, and what comes of it, where a third of the agents,
// a zone of its own, has come back.
TEST_CASE("a plan for 10,000 cells and 250,000 instances takes little", "[.][measure]") {
  constexpr int kAgents = 10'000, kInstances = 250'000, kOfApp = 5;
  const std::string strategy = GENERATE("binpack", "spread", "diego");
  Config config;
  config.strategy = strategy;
  config.placements_per_pass = config.queue_max = 1'000'000;
  Rig rig(config, strategy);
  rig.subscribe_and_suppress();
  base::Random draws(3);
  AuctionsSubmitted work;
  for (int app = 0; app < kInstances / kOfApp; ++app) {
    const auto mem_mb = 64 + 16 * static_cast<std::int32_t>(draws.below(12));
    for (int index = 0; index < kOfApp; ++index)
      work.auctions.push_back(Rig::auction({Kind::lrp, "app-" + std::to_string(app), index}, mem_mb));
  }
  const auto offers = [&](int zones) {
    std::map<std::string, CellView> cells;
    for (CellView& cell : rig.core.cells()) cells[cell.agent_id] = std::move(cell);
    OffersArrived all;
    for (int agent = 0; agent < kAgents; ++agent) {
      if (agent % 3 >= zones) continue;
      const std::string id = "agent-" + std::to_string(agent);
      const CellView& cell = cells[id];
      Offer offer = rig.make_offer(id, 8000 - cell.memory_used_mb - (cell.cell_id.empty() ? 0 : 512));
      offer.pieces[0].amount = 8000 - cell.cpus_used_milli - (cell.cell_id.empty() ? 0 : 250);
      if (!cell.cell_id.empty()) offer.pieces[2].amount -= 1024;
      offer.attributes["zone"] = "z" + std::to_string(agent % 3);
      if (!cell.executor_id.empty()) offer.executor_ids = {cell.executor_id};
      all.offers.push_back(std::move(offer));
    }
    rig.now += 1s;
    return all;
  };
  (void)rig.core.handle(work, rig.now);
  std::size_t running = 0;
  for (int pass = 0; pass < 20 && running < work.auctions.size(); ++pass) {
    (void)rig.core.handle(offers(2), rig.now);
    for (const Action& action : rig.core.settle(rig.now)) {
      const auto* accept = std::get_if<Accept>(&action);
      if (accept == nullptr) continue;
      for (const Launch& launch : accept->launches) {
        for (const TaskState state : {TaskState::starting, TaskState::running}) {
          Status status{launch.task_id, state, StatusReason::none, "", "", "uuid-of-16-bytes", accept->agent_id, ""};
          status.from_executor = true;
          (void)rig.core.handle(StatusArrived{status}, rig.now);
        }
        ++running;
      }
    }
  }
  const auto measure = [&](const char* zones, Goal goal, std::size_t moves) {
    const std::clock_t begun = std::clock();
    const RebalanceView plan = rig.core.plan_rebalance({goal, moves}, rig.now);
    const double ms = 1e3 * static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
    std::cout << strategy << ", " << zones << " zones, " << to_string(goal) << " at most " << moves << ": " << ms
              << " ms, " << plan.moves.size() << " moves" << (plan.cut_short ? ", cut short" : "") << "; instances "
              << running << " cells " << plan.before.cells << "->" << plan.after.cells << " pairs "
              << plan.before.cell_pairs << "->" << plan.after.cell_pairs << ", " << plan.before.zone_pairs << "->"
              << plan.after.zone_pairs << " " << plan.reason << "\n";
  };
  for (const char* const zones : {"two", "three"}) {
    (void)rig.core.handle(offers(zones[1] == 'w' ? 2 : 3), rig.now);
    (void)rig.core.settle(rig.now);
    for (const Goal goal : {Goal::pack, Goal::spread}) {
      for (const std::size_t moves : {kMovesDefault, kMovesMax}) measure(zones, goal, moves);
    }
  }
}

}  // namespace core
