#include "test/simulation/fault_plan.hpp"

#include <vector>

#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

// A stream of chance beside that of the world.
constexpr std::uint64_t kRebalancer = 0x7265'6261'6c61'6e63;

}  // namespace

FaultPlan::FaultPlan(World& world) : world_(world), rebalancer_(world.options().seed ^ kRebalancer) {}

void FaultPlan::rebalance_after(Duration mean_gap) {
  const auto gap = static_cast<std::uint64_t>(mean_gap.count());
  world_.sim().after(Duration(static_cast<Duration::rep>(rebalancer_.below(2 * gap))), [this, mean_gap] {
    if (world_.quiet()) return;
    core::RebalanceOrder order;
    order.goal = rebalancer_.below(2) == 0 ? core::Goal::pack : core::Goal::spread;
    order.max_moves = 1 + rebalancer_.below(4);
    world_.sim().fault("rebalance", core::to_string(*order.goal));
    world_.schedulers()[rebalancer_.below(world_.schedulers().size())]->rebalance(order);
    rebalance_after(mean_gap);
  });
}

void FaultPlan::every(Duration FaultRates::*mean_gap, std::function<void()> strike) {
  const Duration gap = world_.rates().*mean_gap;
  if (gap <= Duration{0}) return;
  world_.sim().after(world_.sim().between(0s, gap * 2), [this, mean_gap, strike] {
    if (world_.quiet()) return;
    strike();
    every(mean_gap, strike);
  });
}

template <class Part>
Part& FaultPlan::any(const std::vector<std::unique_ptr<Part>>& parts) {
  return *parts[world_.sim().below(parts.size())];
}

Cell* FaultPlan::any_cell() {
  std::vector<Cell*> alive;
  for (const auto& agent : world_.agents()) {
    for (const auto& [id, cell] : agent->cells()) {
      if (cell->alive()) alive.push_back(cell.get());
    }
  }
  return alive.empty() ? nullptr : alive[world_.sim().below(alive.size())];
}

void FaultPlan::drain_one() {
  auto& sim = world_.sim();
  const std::string id = any(world_.agents()).agent_id();
  sim.fault("drain", id);
  for (const auto& host : world_.schedulers()) host->drain(id, true);
  sim.after(sim.between(5s, 2min), [this, id] {
    for (const auto& host : world_.schedulers()) host->drain(id, false);
  });
}

void FaultPlan::end_drains() {
  bool again = false;
  for (const auto& host : world_.schedulers()) {
    for (const auto& agent : world_.agents()) {
      again = again || (host->up() && host->engine()->core().drains(agent->agent_id()));
      host->drain(agent->agent_id(), false);
    }
  }
  // One that is down forgets; one that cannot hear now is told again.
  if (again) world_.sim().after(3s, [this] { end_drains(); });
}

void FaultPlan::start() {
  auto& sim = world_.sim();
  const auto agent = [this]() -> AgentHost& { return any(world_.agents()); };
  const auto scheduler = [this]() -> SchedulerHost& { return any(world_.schedulers()); };
  const auto at_cell = [this](auto strike) {
    return [this, strike] {
      if (Cell* const cell = any_cell()) strike(*cell);
    };
  };
  every(&FaultRates::master_failover, [this, &sim] { world_.master().fail_over(sim.between(200ms, 15s)); });
  every(&FaultRates::rescind, [this] { world_.master().rescind_one(); });

  every(&FaultRates::agent_link_break, [agent, &sim] { agent().break_link(sim.between(10ms, 3s)); });
  every(&FaultRates::agent_partition,
        [agent, &sim] { agent().partition(sim.one_in(2) ? sim.between(1s, 60s) : sim.between(60s, 4min)); });
  every(&FaultRates::agent_restart, [agent, &sim] { agent().restart(sim.between(100ms, 20s)); });
  every(&FaultRates::agent_death, [agent, &sim] { agent().machine_dies(sim.between(5s, 3min)); });

  every(&FaultRates::executor_crash, at_cell([&sim](Cell& cell) {
    sim.fault("executor_crash", cell.executor_id());
    cell.kill("crashed");
  }));
  every(&FaultRates::executor_hang, at_cell([&sim](Cell& cell) { cell.hang(sim.between(100ms, 30s)); }));
  every(&FaultRates::executor_stream_cut, at_cell([&sim](Cell& cell) {
    if (sim.one_in(2)) {
      cell.cut_stream();
    } else {
      cell.cut_calls();
    }
  }));
  every(&FaultRates::rep_hang, at_cell([&sim](Cell& cell) { cell.rep_hangs(sim.between(500ms, 50s)); }));
  every(&FaultRates::rep_death, at_cell([](Cell& cell) { cell.rep_dies(); }));

  every(&FaultRates::scheduler_crash, [scheduler] { scheduler().crash("killed"); });
  every(&FaultRates::scheduler_pause,
        [scheduler, &sim] { scheduler().pause(sim.one_in(3) ? sim.between(5s, 25s) : sim.between(10ms, 2s)); });
  every(&FaultRates::store_failure,
        [this, scheduler, &sim] { scheduler().fail_commits_until(world_.now() + sim.between(10ms, 20s)); });
  every(&FaultRates::clock_jump, [scheduler, &sim] { scheduler().jump_clock(sim.between(1s, 5min)); });
  every(&FaultRates::drain, [this] { drain_one(); });
  every(&FaultRates::new_cells, [this, scheduler] {
    scheduler().restart_with({"--cell-env", "GENERATION=" + std::to_string(++generations_)});
  });
  if (rebalancer_.below(3) == 0) rebalance_after(std::chrono::seconds(5 + rebalancer_.below(40)));
  if (world_.settings().bbs)
    every(&FaultRates::bbs_outage, [this, &sim] { world_.bbs().away_for(sim.between(1s, 60s)); });
  if (world_.settings().schedulers > 1) {
    every(&FaultRates::lock_expiry,
          [this, scheduler, &sim] { world_.lock().cut_off(scheduler().index(), sim.between(1s, 30s)); });
  }
}

}  // namespace simulation
