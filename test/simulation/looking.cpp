#include "test/simulation/looking.hpp"

#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace simulation {

std::vector<const mesos::v1::TaskInfo*> launches_of(const mesos::v1::scheduler::Call& call) {
  std::vector<const mesos::v1::TaskInfo*> tasks;
  for (const auto& operation : call.accept().operations()) {
    for (const auto& task : operation.launch().task_infos()) tasks.push_back(&task);
    for (const auto& task : operation.launch_group().task_group().tasks()) tasks.push_back(&task);
  }
  return tasks;
}

std::optional<core::ParsedTaskId> attempt_of(std::string_view task_id) {
  if (task_id.starts_with('~')) return std::nullopt;
  return core::parse_task_id(task_id);
}

bool is_well(const World& world, const SchedulerHost& host) {
  if (!host.acting() || !host.engine()->may_act()) return false;
  constexpr Duration kSoon = std::chrono::milliseconds(5);
  const auto wanted = host.engine()->next_deadline();
  if (!wanted || *wanted + kSoon >= host.clock()) return true;
  const auto woken = host.next_deadline();
  return !woken || *woken <= world.now() + kSoon;  // Else it is paused.
}

const SavedRow* row_of(const SimStore& store, const core::Key& key) {
  for (const auto& [id, saved] : store.contents().rows) {
    if (saved.row.index == key.index && saved.row.kind == key.kind && saved.guid == key.guid) return &saved;
  }
  return nullptr;
}

std::map<core::Key, std::vector<Living>> living_attempts(const World& world) {
  std::map<core::Key, std::vector<Living>> living;
  for (const auto& agent : world.agents()) {
    for (const Cell* cell : agent->alive_cells()) {
      for (const auto& [id, task] : cell->tasks()) {
        if (!cell->alive() || (task.state && executor::terminal(*task.state))) continue;
        if (const auto parsed = attempt_of(id))
          living[parsed->key].push_back({agent.get(), cell, parsed->attempt, &task});
      }
    }
  }
  return living;
}

}  // namespace simulation
