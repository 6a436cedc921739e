// What a cell's rep says of itself, by way of its executor: what the cell is, has left, holds and uses.
#include <algorithm>
#include <limits>
#include <utility>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {

// A report is older than what was launched and ended meanwhile; what lasts longer is no such thing.
constexpr base::Duration kDriftLasts = std::chrono::seconds(10);

// What a rep takes for it (rep, container sizes): nothing for what is unlimited, and the proxy's memory
// only on top of a limit.
placement::Amounts rep_needs(const Item& item, std::int64_t proxy_mem_mb) {
  const diego::Resource& asked = item.wish->resource;
  // What was adopted is known by the size that a rep told, with the proxy in it.
  const bool with_proxy = item.kind() == Kind::lrp && item.auction_known && asked.memory_mb > 0;
  return {asked.memory_mb + (with_proxy ? proxy_mem_mb : 0), asked.disk_mb, 0, 1};
}

std::array<char, kAttemptLetters> letters_of(const std::string& task_id) {
  std::array<char, kAttemptLetters> letters{};
  if (task_id.size() >= kAttemptLetters) std::copy(task_id.end() - kAttemptLetters, task_id.end(), letters.begin());
  return letters;
}

}  // namespace

void Core::on(const CellReported& event, base::Time now) {
  const AgentPtr agent = find_agent(event.agent_id);
  if (agent == nullptr || !agent->cell || *agent->cell->executor_id != event.executor_id) return;
  CellRecord& cell = *agent->cell;
  cell_is_up(*agent);
  if (event.rep_answers && event.garden_healthy) {
    cell.rep_silent_since.reset();
  } else if (!cell.rep_silent_since) {
    cell.rep_silent_since = now;
    cell_timers_.emplace(now + config_.rep_silence_max, event.agent_id);
  }
  for (const auto& work : event.work) hear_of_work(event, work, now);
  hear_of_room(*agent, event, now);
  const bool idle = event.work.empty() && !event.work_is_cut;
  CellReported report = event;
  report.work.clear();  // Of it only matters whether there is any.
  report.work_is_cut = false;
  if (cell.report) {  // No reason to think of what is planned there anew.
    cell.report->available = report.available;
    cell.report->starting = report.starting;
    if (std::exchange(cell.report->others_starting, report.others_starting) != report.others_starting)
      agent->described = false;
  }
  const bool changed = !cell.report || !(*cell.report == report);
  if (changed) {
    reports_changed_ = true;
    unplan_all(*agent);
    cell.report = std::make_unique<CellReported>(std::move(report));
    agent->described = false;
    try_again();
  }
  if (changed || idle != cell.reported_idle) look_when_idle(*agent, now);
  cell.reported_idle = idle;
  refresh(*agent);
}

// Work that an earlier run launched: its sizes, and if we know nothing of it, whether it lives.
void Core::hear_of_work(const CellReported& event, const CellReported::Work& work, base::Time now) {
  const auto parsed = parse_task_id(work.task_id);
  if (!parsed) return;
  Item* item = items_.find(parsed->key);
  if (item == nullptr) return want_answer(work.task_id, event.agent_id, now);
  if (item->auction_known || !is_attempt_of(*item, *parsed)) return;
  diego::Resource resource;
  resource.memory_mb = static_cast<std::int32_t>(work.memory_mb);
  resource.disk_mb = static_cast<std::int32_t>(work.disk_mb);
  item->wish = wishes_.of(work.domain, {}, resource);
  mark(*item);
  charge(*item, {work.memory_mb, work.disk_mb, config_.instance_cpus_milli, 1});
}

// What the rep has left is without what it had not got yet when it said so; from then on what is launched
// and what ends changes it as it changes our books.
void Core::hear_of_room(AgentRecord& agent, const CellReported& event, base::Time now) {
  if (!event.available || !event.rep_answers) return;
  CellRecord& cell = *agent.cell;
  std::set<std::string_view> with_rep;
  for (const auto& work : event.work) {
    if (work.with_rep) with_rep.insert(work.task_id);
  }
  placement::Amounts there, coming;
  for (const Item* item : cell.live) {
    const bool has_it = with_rep.contains(item->task_id()) || (event.work_is_cut && item->started);
    (has_it ? there : coming) += rep_needs(*item, event.proxy_mem_mb);
  }
  placement::Amounts limit = *event.available - coming + cell.charged;
  limit.cpus_milli = std::numeric_limits<std::int64_t>::max() / 4;  // A rep knows none.
  if (!cell.rep_limit || !cell.rep_limit->holds(limit)) try_again();
  cell.rep_limit = limit;
  if (!(limit - cell.charged).holds(agent.planned_charged)) unplan_all(agent);
  hear_of_drift(agent, *event.available - (event.total - there), now);
}

void Core::hear_of_drift(AgentRecord& agent, const placement::Amounts& drift, base::Time now) {
  CellRecord& cell = *agent.cell;
  cell.drift = drift;
  if (drift == placement::Amounts{}) {
    cell.drifting_since.reset();
    cell.drift_told = false;
  } else if (!cell.drifting_since) {
    cell.drifting_since = now;
    cell_timers_.emplace(now + kDriftLasts, agent.id);
  }
}

// Once for as long as they differ. Nothing is set right by it: neither is known to be wrong.
void Core::tell_of_drift(AgentRecord& agent, base::Time now) {
  CellRecord& cell = *agent.cell;
  if (!cell.drifting_since || cell.drift_told || now - *cell.drifting_since < kDriftLasts) return;
  cell.drift_told = true;
  ++cell.drifts;
  warn("the rep has other room left than our books say cell=" + cell.cell_id + " agent=" + agent.id +
       " more_mem_mb=" + std::to_string(cell.drift.mem_mb) + " more_disk_mb=" + std::to_string(cell.drift.disk_mb) +
       " more_containers=" + std::to_string(cell.drift.containers));
}

void Core::on(const CellMeasured& event, base::Time now) {
  const AgentPtr agent = find_agent(event.agent_id);
  if (agent == nullptr || !agent->cell || *agent->cell->executor_id != event.executor_id) return;
  CellRecord& cell = *agent->cell;
  cell.measured_at = now;
  cell.usage_dropped += event.dropped;
  cell.usage.clear();
  cell.usage.reserve(event.usage.size());
  for (const auto& usage : event.usage)
    cell.usage.push_back({letters_of(usage.task_id), usage.cpus_milli, usage.memory_bytes, usage.disk_bytes});
  std::sort(cell.usage.begin(), cell.usage.end(),
            [](const AttemptUsage& a, const AttemptUsage& b) { return a.attempt < b.attempt; });
}

}  // namespace core
