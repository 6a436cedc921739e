// Cells without work (--cells-min). Mesos starts an executor only with a task, so one that carries no
// work starts it and ends when the cell's rep answers.
#include <algorithm>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {
constexpr placement::Amounts kBootNeeds{0, 0, 10, 0};
}  // namespace

// Not before every agent had its say about the cells that are there already.
bool Core::wants_warm(base::Time now) const {
  return cells_usable_ < config_.cells_min && may_open_ && discovering_until_ && now >= *discovering_until_;
}

void Core::start_warm_cells(base::Time now) {
  if (!std::exchange(boot_wanted_, false)) return;
  while (wants_warm(now) && may_launch_one(now)) {
    AgentRecord* best = nullptr;
    for (const auto& [id, agent] : agents_) {
      const placement::Amounts& room = agent->offers.sum;
      if (agent->cell || !agent->planned.empty() || !agent->takes_work || !room.holds(config_.cell_own + kBootNeeds))
        continue;
      const bool better = best == nullptr || room.mem_mb > best->offers.sum.mem_mb ||
                          (room.mem_mb == best->offers.sum.mem_mb && agent->id < best->id);
      if (better) best = agent.get();
    }
    if (best == nullptr) return;
    boot(*best, now);
  }
}

void Core::boot(AgentRecord& agent, base::Time now) {
  count_launch(now);
  Accept accept{agent.id, {}, {}, {}};
  std::vector<Piece> pool = take_pool(agent, accept);
  open_cell(agent, pool, now);
  CellRecord& cell = *agent.cell;
  cell.boot_task = std::string(kBootTaskPrefix) + random_.letters(kAttemptLetters);
  cell.boot_since = now;
  cell_timers_.emplace(now + config_.launch_silence, agent.id);
  accept.executor_info = cell.executor_info;
  accept.launches.push_back({cell.boot_task, {Kind::task, "~cell", 0}, "", "", "", carve(pool, kBootNeeds)});
  std::erase_if(pool, [](const Piece& piece) { return piece.amount <= 0; });
  agent.last_offered = sum(pool);
  if (!pool.empty()) revive_wanted_ = true;
  act(std::move(accept));
  refresh(agent);
}

// Those of an earlier run end by themselves.
void Core::record_boot(const Status& status, base::Time now) {
  const AgentPtr agent = find_agent(status.agent_id);
  if (agent == nullptr || !agent->cell || agent->cell->boot_task != status.task_id) return;
  CellRecord& cell = *agent->cell;
  if (status.from_executor) cell_is_up(*agent);
  if (status.state == TaskState::unknown) return want_answer(status.task_id, agent->id, now);
  if (!is_terminal(status.state)) return;
  cell.boot_task.clear();
  agent->last_offered.cpus_milli += kBootNeeds.cpus_milli;
  try_again();
  // Where another led since, it may have booted, and may have work.
  const bool led_by_another = cell.found && status.reason == StatusReason::reconciliation;
  if (status.state == TaskState::finished || led_by_another) {
    cell.idle_since = now;
    cell_timers_.emplace(now + config_.cell_idle_timeout, agent->id);
    return refresh(*agent);
  }
  const std::string why = std::string(to_string(status.state)) + ": " + status.message;
  warn("a cell did not boot cell=" + cell.cell_id + " agent=" + agent->id + " reason=\"" + why + "\"");
  if (status.state == TaskState::failed || status.reason == StatusReason::executor_ended) blame(*agent, why, now);
  if (status.reason == StatusReason::executor_ended) {
    read_sandbox(agent->id, *cell.executor_id, false);
  } else if (status.from_executor && status.state == TaskState::failed) {
    post_mortems_.expect(*cell.executor_id);
  }
  if (status.reason == StatusReason::agent_draining) hear_of_draining(*agent, now);
  if (!cell.live.empty()) return refresh(*agent);  // Work came meanwhile, and tells.
  if (!cell.heard) return forget_cell(*agent, now);
  tell_to_go(*agent, "it did not boot", now);
}

}  // namespace core
