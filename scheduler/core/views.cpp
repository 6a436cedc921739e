#include "scheduler/core/core.hpp"

namespace core {

std::vector<InstanceView> Core::instances(const InstanceQuery& query) const {
  std::vector<InstanceView> views;
  for (auto at = query.after ? items_.upper_bound(*query.after) : items_.begin(); at != items_.end(); ++at) {
    const auto& [key, item] = *at;
    if (query.state && item.state != *query.state) continue;
    if (query.process_guid && key.guid != *query.process_guid) continue;
    if (views.size() == query.limit) break;
    InstanceView view;
    view.key = key;
    view.state = item.state;
    view.domain = item.auction.domain;
    view.memory_mb = item.auction.resource.memory_mb;
    view.disk_mb = item.auction.resource.disk_mb;
    view.task_id = item.task_id;
    view.attempts = item.attempts;
    view.since = item.since;
    view.accepted = item.accepted;
    view.reason = item.reason;
    view.trace_id = item.auction.trace_id;
    if (item.state != State::queued) {
      view.agent_id = item.agent_id;
      if (const auto agent = agents_.find(item.agent_id); agent != agents_.end()) {
        view.agent_hostname = agent->second.hostname;
        if (agent->second.cell && agent->second.cell->executor_id == item.executor_id)
          view.cell_id = agent->second.cell->cell_id;
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<CellView> Core::cells() const {
  std::vector<CellView> views;
  for (const auto& [agent_id, agent] : agents_) {
    if (!agent.cell) continue;
    const CellRecord& cell = *agent.cell;
    CellView view;
    view.cell_id = cell.cell_id;
    view.executor_id = cell.executor_id;
    view.agent_id = agent_id;
    view.agent_hostname = agent.hostname;
    view.state = cell.stopping       ? CellState::stopping
                 : !cell.heard       ? CellState::starting
                 : cell.live.empty() ? CellState::idle
                                     : CellState::up;
    view.since = cell.since;
    if (const placement::Cell* seen = cluster_.find(agent_id)) {
      view.zone = seen->zone;
      view.memory_total_mb = seen->total.mem_mb;
      view.disk_total_mb = seen->total.disk_mb;
    }
    for (const Key& key : cell.live) {
      const placement::Amounts& charged = items_.at(key).charged;
      view.memory_used_mb += charged.mem_mb;
      view.disk_used_mb += charged.disk_mb;
      view.cpus_used_milli += charged.cpus_milli;
      view.containers_used += 1;
      view.instances.push_back(key);
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace core
