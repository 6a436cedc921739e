#include <algorithm>
#include <cstdlib>
#include <limits>

#include "base/text.hpp"
#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {

constexpr base::Duration kAskAgain = std::chrono::seconds(2);

std::set<std::string> set_of(const std::string& list) {
  const auto items = base::split_list(list);
  return {items.begin(), items.end()};
}

// "cflinuxfs4", "preloaded:cflinuxfs4", "docker" -> what an agent's `rootfs` attribute offers.
diego::RootFsProviders providers_of(const std::string& list) {
  diego::RootFsProviders providers;
  for (const std::string& entry : base::split_list(list)) {
    const auto colon = entry.find(':');
    if (colon == std::string::npos && entry == "docker") {
      providers[entry].kind = diego::RootFsProvider::Kind::arbitrary;
      continue;
    }
    const std::string stack = colon == std::string::npos ? entry : entry.substr(colon + 1);
    const std::string scheme = colon == std::string::npos ? "preloaded" : entry.substr(0, colon);
    for (const std::string& one :
         scheme == "preloaded" ? std::vector<std::string>{"preloaded", "preloaded+layer"} : std::vector{scheme}) {
      providers[one].kind = diego::RootFsProvider::Kind::fixed_set;
      providers[one].set.insert(stack);
    }
  }
  return providers;
}

// A ceiling of 0 is none.
std::int64_t capped(std::int64_t amount, std::int64_t ceiling) {
  return ceiling > 0 ? std::min(amount, ceiling) : amount;
}

}  // namespace

AgentRecord& Core::agent(const std::string& agent_id) {
  AgentRecord& record = agents_[agent_id];
  record.id = agent_id;
  return record;
}

CellRecord* Core::cell_of(const std::string& agent_id, const std::string& executor_id) {
  const auto found = agents_.find(agent_id);
  if (found == agents_.end() || !found->second.cell || found->second.cell->executor_id != executor_id) return nullptr;
  return &*found->second.cell;
}

// A cell that an earlier run of ours started: nothing may be launched on it before its hello.
CellRecord& Core::see_cell(AgentRecord& agent, const std::string& executor_id, base::Time now) {
  CellRecord cell;
  cell.executor_id = executor_id;
  cell.heard = cell.found = true;
  cell.since = cell.idle_since = now;
  agent.cell = std::move(cell);
  note("cell found executor=" + executor_id + " agent=" + agent.id);
  timers_.arm({now, TimerKind::cell, {}, agent.id});
  return *agent.cell;
}

void Core::forget_cell(AgentRecord& agent, base::Time now) {
  if (!agent.cell) return;
  note("cell is gone cell=" + agent.cell->cell_id + " executor=" + agent.cell->executor_id + " agent=" + agent.id);
  // Whoever had work there hears of each task by a status; if that is lost, by asking.
  for (const Key& key : agent.cell->live) {
    const Item& item = items_.at(key);
    if (item.live()) want_answer(item.task_id, item.agent_id, now + kAskAgain);
  }
  agent.cell.reset();
  placing_wanted_ = true;
  revive_wanted_ = true;
  refresh(agent);
}

void Core::forget_agent(const std::string& agent_id) {
  agents_.erase(agent_id);
  cluster_.remove(agent_id);
}

void Core::leave_cell(Item& item, base::Time now) {
  const auto found = agents_.find(item.agent_id);
  if (found == agents_.end()) return;
  AgentRecord& record = found->second;
  record.last_offered += item.charged;
  item.charged = {};
  placing_wanted_ = true;
  revive_wanted_ = true;  // What ended is on offer again.
  CellRecord* cell = cell_of(item.agent_id, item.executor_id);
  if (cell != nullptr && cell->live.erase(item.auction.key) > 0 && cell->live.empty()) {
    if (record.lost) return forget_agent(record.id);
    // An executor that never came up, and now has nothing to come up for, must not be launched on
    // again: its id is spent.
    if (!cell->heard) return forget_cell(record, now);
    cell->idle_since = now;
    timers_.arm({now + config_.cell_idle_timeout, TimerKind::cell, {}, record.id});
  }
  refresh(record);
}

// A found cell may hold work that nobody has told us of yet (a master that restarted with us answers
// only for agents that are back): its own report has to say that it is empty.
bool Core::may_go(const CellRecord& cell, base::Time now) const {
  if (!cell.live.empty() || now - cell.idle_since < config_.cell_idle_timeout) return false;
  if (!cell.found) return true;
  if (cell.report) return cell.report->work.empty() && !cell.report->work_is_cut;
  return now - cell.since >= config_.agent_reregister_timeout;
}

// Asks a found cell for its hello and report, and ends a cell that has been idle for long. Only the
// scheduler ends a cell, so an idle exit cannot race a launch.
void Core::tend_cell(const std::string& agent_id, base::Time now) {
  const auto found = agents_.find(agent_id);
  if (found == agents_.end() || !found->second.cell || found->second.lost) return;
  AgentRecord& record = found->second;
  CellRecord& cell = *record.cell;
  const auto again = [&](base::Time at) { timers_.arm({at, TimerKind::cell, {}, agent_id}); };
  if (cell.stopping) {
    if (now - cell.asked_at < config_.shutdown_retry) return again(cell.asked_at + config_.shutdown_retry);
    if (connected_) act(ShutdownExecutor{agent_id, cell.executor_id});
    cell.asked_at = now;
    return again(now + config_.shutdown_retry);
  }
  if (may_go(cell, now)) {
    note("idle cell is told to go cell=" + cell.cell_id + " executor=" + cell.executor_id + " agent=" + agent_id);
    cell.stopping = true;
    cell.asked_at = now;
    if (connected_) act(ShutdownExecutor{agent_id, cell.executor_id});
    refresh(record);
    return again(now + config_.shutdown_retry);
  }
  const bool silent = cell.executor_info.empty() || (cell.found && !cell.report);
  if (silent && (cell.asked_at == base::Time{} || now - cell.asked_at >= kAskAgain)) {
    if (connected_) act(RequestReport{agent_id, cell.executor_id});
    cell.asked_at = now;
    again(now + kAskAgain);
  }
  if (cell.live.empty() && now < cell.idle_since + config_.cell_idle_timeout)
    again(cell.idle_since + config_.cell_idle_timeout);
}

void Core::on(const ExecutorEnded& event, base::Time now) {
  if (cell_of(event.agent_id, event.executor_id) == nullptr) return;
  forget_cell(agent(event.agent_id), now);
}

void Core::on(const AgentLost& event, base::Time now) {
  offers_.take(event.agent_id);  // Gone with their agent: no answer is due.
  const auto found = agents_.find(event.agent_id);
  if (found == agents_.end()) return;
  AgentRecord& record = found->second;
  if (!record.cell || record.cell->live.empty()) return forget_agent(event.agent_id);
  record.lost = true;
  record.last_offered = {};
  for (const Key& key : record.cell->live) want_answer(items_.at(key).task_id, event.agent_id, now);
  refresh(record);
}

void Core::on(const CellSaidHello& event, base::Time now) {
  AgentRecord& record = agent(event.agent_id);
  if (!record.cell) see_cell(record, event.executor_id, now);
  CellRecord& cell = *record.cell;
  if (cell.executor_id != event.executor_id) return;
  if (!cell.heard) note("cell is up cell=" + event.cell_id + " agent=" + event.agent_id);
  cell.heard = true;
  if (cell.cell_id.empty()) cell.cell_id = event.cell_id;
  if (cell.executor_info.empty()) {
    cell.executor_info = event.executor_info;
    placing_wanted_ = revive_wanted_ = true;
  }
  refresh(record);
}

void Core::on(const CellReported& event, base::Time now) {
  CellRecord* cell = cell_of(event.agent_id, event.executor_id);
  if (cell == nullptr) return;
  cell->heard = true;
  for (const auto& work : event.work) hear_of_work(event, work, now);
  const bool changed = !cell->report || !(*cell->report == event);
  cell->report = event;
  if (changed) {
    placing_wanted_ = revive_wanted_ = true;
    timers_.arm({std::max(now, cell->idle_since + config_.cell_idle_timeout), TimerKind::cell, {}, event.agent_id});
  }
  refresh(agent(event.agent_id));
}

// Work that an earlier run launched: its sizes, and if we know nothing of it, whether it lives.
void Core::hear_of_work(const CellReported& event, const CellReported::Work& work, base::Time now) {
  const auto parsed = parse_task_id(work.task_id);
  if (!parsed) return;
  Item* item = find(parsed->key);
  if (item == nullptr) return want_answer(work.task_id, event.agent_id, now);
  if (item->task_id != work.task_id || item->auction_known) return;
  item->auction.domain = work.domain;
  item->auction.resource.memory_mb = static_cast<std::int32_t>(work.memory_mb);
  item->auction.resource.disk_mb = static_cast<std::int32_t>(work.disk_mb);
  item->charged = {work.memory_mb, work.disk_mb, config_.instance_cpus_milli, 1};
}

// Tells placement how the agent stands now.
void Core::refresh(const AgentRecord& agent) {
  const auto attribute = [&agent](const char* name) -> const std::string* {
    const auto found = agent.attributes.find(name);
    return found == agent.attributes.end() ? nullptr : &found->second;
  };
  placement::Cell cell;
  cell.agent_id = agent.id;
  if (const auto* zone = attribute("zone")) {
    cell.zone = *zone;
  } else {
    cell.zone = agent.fault_domain_zone.empty() ? config_.cell_zone : agent.fault_domain_zone;
  }
  const auto* rootfs = attribute("rootfs");
  cell.rootfs = rootfs != nullptr ? providers_of(*rootfs) : config_.cell_rootfs;
  const auto* tags = attribute("placement_tags");
  cell.placement_tags = tags != nullptr ? set_of(*tags) : config_.cell_placement_tags;
  const auto* optional = attribute("optional_placement_tags");
  cell.optional_placement_tags = optional != nullptr ? set_of(*optional) : config_.cell_optional_placement_tags;
  const auto* drivers = attribute("volume_drivers");
  cell.volume_drivers = drivers != nullptr ? set_of(*drivers) : config_.cell_volume_drivers;
  cell.proxy_mem_mb = config_.cell_proxy_mem_mb;
  placement::Amounts limit{capped(std::numeric_limits<std::int64_t>::max() / 4, config_.cell_max_mem_mb),
                           capped(std::numeric_limits<std::int64_t>::max() / 4, config_.cell_max_disk_mb),
                           std::numeric_limits<std::int64_t>::max() / 4, config_.cell_max_containers};
  if (const auto* most = attribute("max_containers"); most != nullptr) limit.containers = std::atoll(most->c_str());
  cell.up = agent.cell.has_value();
  cell.takes_work = !agent.lost && (!agent.cell || (!agent.cell->stopping && !agent.cell->executor_info.empty()));

  placement::Amounts used;
  if (agent.cell) {
    if (const auto& report = agent.cell->report) {  // Once up, the rep is the truth of what Diego cares for.
      cell.zone = report->zone.empty() ? cell.zone : report->zone;
      cell.rootfs = report->rootfs;
      cell.placement_tags = report->placement_tags;
      cell.optional_placement_tags = report->optional_placement_tags;
      cell.volume_drivers = report->volume_drivers;
      cell.proxy_mem_mb = report->proxy_mem_mb;
      cell.takes_work = cell.takes_work && !report->evacuating && report->rep_answers;
      limit.mem_mb = std::min(limit.mem_mb, report->total.mem_mb);
      limit.disk_mb = std::min(limit.disk_mb, report->total.disk_mb);
      limit.containers = std::min(limit.containers, report->total.containers);
    }
    for (const Key& key : agent.cell->live) {
      const Item& item = items_.at(key);
      used += item.charged;
      if (key.kind == Kind::lrp) {
        ++cell.instances[key.guid];
      } else {
        ++cell.tasks;
      }
      if (item.state == State::launching || item.state == State::starting) ++cell.starting;
    }
  }
  const auto launchable = [&](placement::Amounts offered) {
    if (!agent.cell) offered -= config_.cell_own;
    offered.containers = limit.containers;
    return smaller(offered, limit - used);
  };
  const placement::Amounts in_hand = offers_.offered(agent.id);
  cell.room = in_hand == placement::Amounts{} ? placement::Amounts{} : launchable(in_hand);
  cell.last_room = launchable(agent.last_offered);
  cell.total = smaller(limit, agent.last_offered + used);
  cell.total.containers = limit.containers;
  cluster_.put(std::move(cell));
}

}  // namespace core
