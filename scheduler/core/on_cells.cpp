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

Core::AgentPtr Core::agent(const std::string& agent_id) {
  if (AgentPtr known = find_agent(agent_id)) return known;
  auto record = std::make_shared<AgentRecord>();
  record->id = agent_id;
  record->offers.agent_id = record->id;
  agents_.emplace(record->id, record);
  return record;
}

Core::AgentPtr Core::find_agent(std::string_view agent_id) const {
  const auto found = agents_.find(agent_id);
  return found == agents_.end() ? nullptr : found->second;
}

// An agent that left the books may have come back to them since.
Core::AgentPtr Core::agent_of(const Item& item) const {
  return item.agent != nullptr && item.agent->gone ? find_agent(item.agent->id) : item.agent;
}

CellRecord* Core::cell_of(const Item& item) const {
  const AgentPtr agent = agent_of(item);
  if (agent == nullptr || !agent->cell || item.executor_id == nullptr) return nullptr;
  CellRecord& cell = *agent->cell;  // In the books, so it outlives `agent`.
  return cell.executor_id == item.executor_id || *cell.executor_id == *item.executor_id ? &cell : nullptr;
}

// A cell that an earlier run of ours started: nothing may be launched on it before its hello.
CellRecord& Core::see_cell(AgentRecord& agent, const std::string& executor_id, base::Time now) {
  unplan_all(agent);
  CellRecord cell;
  cell.executor_id = std::make_shared<const std::string>(executor_id);
  cell.heard = cell.found = true;
  cell.stopping = agent.shut_executor == executor_id;
  cell.since = cell.unheard_since = cell.idle_since = now;
  agent.cell = std::move(cell);
  agent.described = false;
  note("cell found executor=" + executor_id + " agent=" + agent.id);
  tell(ChangeKind::cell_found, agent, "");
  cell_timers_.emplace(now, agent.id);
  return *agent.cell;
}

// Of placement's counts it is part from now on, if it was not since it was placed.
void Core::join_cell(Item& item, AgentRecord& agent, bool placement_knows) {
  agent.cell->live.add(item);
  agent.cell->charged += item.charged;
  item.in_cell = true;
  if (placement_knows) return;
  if (!agent.known_to_placement) refresh(agent);
  item.counts_as_starting = item.state == State::launching || item.state == State::starting;
  cluster_.occupy(agent.id, {item.kind() == Kind::lrp, item.process->guid, item.counts_as_starting});
}

void Core::quit_cell(Item& item, AgentRecord& agent) {
  agent.cell->live.remove(item);
  agent.cell->charged -= item.charged;
  item.in_cell = false;
  cluster_.vacate(agent.id, {item.kind() == Kind::lrp, item.process->guid, item.counts_as_starting});
  item.counts_as_starting = false;
}

// It is no longer among the containers that are starting.
void Core::runs(Item& item) {
  if (!item.counts_as_starting) return;
  item.counts_as_starting = false;
  cluster_.started(item.agent->id);
  const bool limited = config_.limits.starting_max > 0 || config_.limits.starting_per_cell_max > 0;
  if (!limited || !queue_.anything_waits()) return;
  queue_.room_may_have_grown();
  try_again();
}

void Core::charge(Item& item, const placement::Amounts& amounts) {
  if (item.in_cell) item.agent->cell->charged += amounts - item.charged;
  item.charged = amounts;
}

void Core::forget_cell(AgentRecord& agent, base::Time now) {
  if (!agent.cell) return;
  note("cell is gone cell=" + agent.cell->cell_id + " executor=" + *agent.cell->executor_id + " agent=" + agent.id);
  tell(ChangeKind::cell_gone, agent, "");
  unplan_all(agent);
  end_promises(agent);
  if (agent.leaving && agent.leaving->rebalances && rebalances())
    rebalance_->emptied = agent.cell->live.empty() && !rebalance_->work_ended;
  // Whoever had work there hears of each task by a status; if that is lost, by asking.
  while (!agent.cell->live.empty()) {
    Item& item = *agent.cell->live.back();
    want_answer(item.task_id(), agent.id, now + kAskAgain);
    quit_cell(item, agent);
  }
  agent.cell.reset();
  agent.described = false;
  try_again();
  cell_left(agent);
  refresh(agent);
}

void Core::forget_agent(AgentRecord& agent) {
  unplan_all(agent);
  end_promises(agent);
  decline(offers_.take(agent.offers));
  if (agent.known_to_placement) cluster_.remove(agent.id);
  agent.gone = true;
  uncount_cell(agent);
  queue_.room_may_have_grown();  // What was starting there counts no longer.
  try_again();
  agents_.erase(agents_.find(agent.id));
}

void Core::leave_cell(Item& item, base::Time now) {
  const AgentPtr record = agent_of(item);
  if (record == nullptr) return;
  const bool was_in_cell = item.in_cell;
  if (was_in_cell) quit_cell(item, *record);
  record->last_offered += item.charged;
  item.charged = {};
  try_again();  // What ended is on offer again.
  if (was_in_cell && record->cell->live.empty()) {
    if (record->lost) return forget_agent(*record);
    // An executor that never came up, and now has nothing to come up for, must not be launched on
    // again: its id is spent.
    if (!record->cell->heard) return forget_cell(*record, now);
    record->cell->idle_since = now;
    look_when_idle(*record, now);
  }
  refresh(*record);
}

void Core::on(const ExecutorEnded& event, base::Time now) {
  const AgentPtr agent = find_agent(event.agent_id);
  if (agent == nullptr) return;
  agent->ended_executor = event.executor_id;
  if (post_mortems_.expects(event.executor_id)) read_sandbox(agent->id, event.executor_id, true);
  if (!agent->cell || *agent->cell->executor_id != event.executor_id) return;
  const CellRecord& cell = *agent->cell;
  const bool never_up = !cell.heard && !cell.stopping;
  if (never_up && event.wait_status > 0) blame(*agent, "its executor ended before it was up", now);
  if (never_up) read_sandbox(agent->id, event.executor_id, false);
  forget_cell(*agent, now);
}

void Core::on(const AgentLost& event, base::Time now) {
  const AgentPtr agent = find_agent(event.agent_id);
  if (agent == nullptr) return;
  offers_.take(agent->offers);  // Gone with their agent: no answer is due.
  if (!agent->cell || agent->cell->live.empty()) return forget_agent(*agent);
  agent->lost = true;
  agent->last_offered = {};
  unplan_all(*agent);
  end_promises(*agent);
  for (const Item* item : agent->cell->live) want_answer(item->task_id(), agent->id, now);
  refresh(*agent);
}

void Core::on(const CellSaidHello& event, base::Time now) {
  const AgentPtr agent = this->agent(event.agent_id);
  if (agent->ended_executor == event.executor_id) return;
  if (!agent->cell) see_cell(*agent, event.executor_id, now);
  CellRecord& cell = *agent->cell;
  if (*cell.executor_id != event.executor_id) return;
  if (cell.cell_id.empty()) cell.cell_id = event.cell_id;
  cell_is_up(*agent);
  if (cell.executor_info.empty()) {
    cell.executor_info = event.executor_info;
    try_again();
  }
  refresh(*agent);
}

// What of a cell follows from its agent's attributes, the flags and its report.
placement::Cell Core::cell_as_told(AgentRecord& agent) const {
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
  if (agent.cell && agent.cell->report) {  // Once up, the rep is the truth of what Diego cares for.
    const CellReported& report = *agent.cell->report;
    cell.zone = report.zone.empty() ? cell.zone : report.zone;
    cell.rootfs = report.rootfs;
    cell.placement_tags = report.placement_tags;
    cell.optional_placement_tags = report.optional_placement_tags;
    cell.volume_drivers = report.volume_drivers;
    cell.proxy_mem_mb = report.proxy_mem_mb;
    cell.starting = report.others_starting;
    limit.mem_mb = std::min(limit.mem_mb, report.total.mem_mb);
    limit.disk_mb = std::min(limit.disk_mb, report.total.disk_mb);
    limit.containers = std::min(limit.containers, report.total.containers);
  }
  agent.zone = cell.zone;
  agent.limit = limit;
  agent.proxy_mem_mb = cell.proxy_mem_mb;
  agent.described = true;
  return cell;
}

// Tells placement how the agent stands now: all of it only if more than its room has changed.
void Core::refresh(AgentRecord& agent) {
  queue_.room_may_have_grown();
  count_cell(agent);
  std::optional<placement::Cell> cell;
  if (!agent.described || !agent.known_to_placement) cell = cell_as_told(agent);

  const placement::Amounts used = agent.cell ? agent.cell->charged : placement::Amounts{};
  const placement::Amounts own = agent.cell ? placement::Amounts{} : config_.cell_own;
  const placement::Amounts limit =
      agent.cell && agent.cell->rep_limit ? smaller(agent.limit, *agent.cell->rep_limit) : agent.limit;
  const auto launchable = [&](placement::Amounts offered) {
    offered -= own;
    offered.containers = limit.containers;
    return smaller(offered, limit - used) - agent.planned_charged;
  };
  const placement::Amounts& in_hand = agent.offers.sum;
  const bool full = agent.planned.size() >= config_.tasks_per_accept_max;  // Its next offer takes the rest.
  const placement::Amounts room = in_hand == placement::Amounts{} || full ? placement::Amounts{} : launchable(in_hand);
  const placement::Amounts last_room = launchable(agent.last_offered) - agent.promised;

  placement::Amounts total = smaller(agent.limit, larger(agent.last_offered + used - own, {}));
  total.containers = agent.limit.containers;
  const bool up = agent.cell.has_value() || !agent.planned.empty();
  bool takes_work = !agent.lost && !agent.leaving && !agent.quarantined_until && (up || may_open_);
  if (agent.cell) {
    takes_work = takes_work && !agent.cell->stopping && !agent.cell->executor_info.empty();
    if (const auto& report = agent.cell->report)
      takes_work = takes_work && !report->evacuating && report->rep_answers && report->garden_healthy;
  }
  if (!cell && up == agent.up && takes_work == agent.takes_work && total == agent.total)
    return cluster_.set_room(agent.id, room, last_room);
  if (!cell) cell = cell_as_told(agent);
  cell->up = agent.up = up;
  cell->takes_work = agent.takes_work = takes_work;
  cell->total = agent.total = total;
  cell->room = room;
  cell->last_room = last_room;
  agent.known_to_placement = true;
  cluster_.upsert(*cell);
}

}  // namespace core
