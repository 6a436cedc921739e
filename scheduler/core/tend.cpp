// Cells as they come and go: told to go when they are idle or wanted no longer, shunned while launches on
// them fail, counted.
#include <cmath>

#include "scheduler/core/core.hpp"

namespace core {
namespace {

constexpr base::Duration kAskAgain = std::chrono::seconds(2);
// Launches that fail together fail for one reason.
constexpr base::Duration kTogether = std::chrono::seconds(1);

}  // namespace

// A found cell may hold work that nobody has told us of yet (a master that restarted with us answers
// only for agents that are back): its own report has to say that it is empty.
bool Core::may_go(const AgentRecord& agent, base::Time now) const {
  const CellRecord& cell = *agent.cell;
  if (!cell.live.empty() || !agent.planned.empty()) return false;
  const bool hangs = cell.rep_silent_since && now - *cell.rep_silent_since >= config_.rep_silence_max;
  if (!agent.leaving && !agent.quarantined_until && !hangs) {
    if (!cell.boot_task.empty() || now - cell.idle_since < config_.cell_idle_timeout) return false;
    if (agent.counts_as_usable && cells_usable_ <= config_.cells_min) return false;
  }
  if (!cell.found) return true;
  if (cell.report) return cell.reported_idle;
  return now - cell.unheard_since >= config_.agent_reregister_timeout;
}

// When it may have to go for having no work.
void Core::look_when_idle(const AgentRecord& agent, base::Time now) {
  const CellRecord& cell = *agent.cell;
  const bool unwanted = agent.leaving || agent.quarantined_until || cell.rep_silent_since;
  cell_timers_.emplace(unwanted ? now : std::max(now, cell.idle_since + config_.cell_idle_timeout), agent.id);
}

void Core::tell_to_go(AgentRecord& agent, const std::string& why, base::Time now) {
  CellRecord& cell = *agent.cell;
  note("cell is told to go cell=" + cell.cell_id + " executor=" + *cell.executor_id + " agent=" + agent.id +
       " reason=\"" + why + "\"");
  tell(ChangeKind::cell_stopping, agent, why);
  cell.stopping = true;
  cell.asked_at = now;
  if (connected_) act(ShutdownExecutor{agent.id, *cell.executor_id});
  unplan_all(agent);
  end_promises(agent);
  refresh(agent);
  try_again();  // A warm cell may be wanted in its stead.
  cell_timers_.emplace(now + config_.shutdown_retry, agent.id);
}

// There is work: while its agent was away it was thought to be empty. If it has heard of its end after all, what
// is there ends with it, and is tried elsewhere.
void Core::call_back(const Item& item) {
  CellRecord* const cell = cell_of(item);
  if (cell == nullptr || !cell->stopping || item.state == State::stopping) return;
  AgentRecord& agent = *item.agent;
  if (agent.leaving || agent.shut_executor == *cell->executor_id) return;
  note("cell is told to go no longer, for there is work cell=" + cell->cell_id + " executor=" + *cell->executor_id +
       " agent=" + agent.id);
  cell->stopping = false;
  tell(ChangeKind::cell_found, agent, "there is work on it, it is told to go no longer");
  refresh(agent);
}

// Asks a found cell for its hello and report, and ends a cell that is idle or unwanted. Only the
// scheduler ends a cell, so an idle exit cannot race a launch.
void Core::tend_cell(const std::string& agent_id, base::Time now) {
  const AgentPtr agent = find_agent(agent_id);
  if (agent == nullptr) return;
  end_quarantine(*agent, now);
  if (!connected_) return;  // The next subscription looks at all: another may have led, and used the cell.
  if (agent->leaving) press_on(*agent, now);
  if (!agent->cell) return;
  const auto again = [&](base::Time at) { cell_timers_.emplace(at, agent_id); };
  if (agent->lost) return again(now + kAskAgain);  // It may come back.
  CellRecord& cell = *agent->cell;
  tell_of_drift(*agent, now);
  if (cell.stopping) {
    if (now - cell.asked_at < config_.shutdown_retry) return again(cell.asked_at + config_.shutdown_retry);
    act(ShutdownExecutor{agent_id, *cell.executor_id});
    cell.asked_at = now;
    return again(now + config_.shutdown_retry);
  }
  if (agent->leaving) evacuate(*agent, now);
  if (may_go(*agent, now)) {
    const char* why = agent->leaving && agent->leaving->has_deadline() ? "its agent is left"
                      : agent->leaving ? (agent->leaving->rolls ? "it is outdated" : "a rebalance has emptied it")
                      : agent->quarantined_until ? "its agent is quarantined"
                      : now - cell.idle_since < config_.cell_idle_timeout
                          ? (cell.report->rep_answers ? "its garden is unhealthy" : "its rep does not answer")
                          : "it is idle";
    return tell_to_go(*agent, why, now);
  }
  if (!cell.boot_task.empty()) {
    if (now - cell.boot_since >= config_.launch_silence) want_answer(cell.boot_task, agent_id, now);
    again(now + config_.launch_silence);
  }
  const bool silent = cell.executor_info.empty() || (cell.found && !cell.report);
  if (silent && (cell.asked_at == base::Time{} || now - cell.asked_at >= kAskAgain)) {
    act(RequestReport{agent_id, *cell.executor_id});
    cell.asked_at = now;
    again(now + kAskAgain);
  }
  if (!cell.live.empty()) return;
  if (cell.rep_silent_since && now - *cell.rep_silent_since < config_.rep_silence_max)
    again(*cell.rep_silent_since + config_.rep_silence_max);
  if (now < cell.idle_since + config_.cell_idle_timeout) {
    again(cell.idle_since + config_.cell_idle_timeout);
  } else if (!agent->planned.empty()) {
    again(now + kAskAgain);  // A plan is no launch yet.
  } else if (agent->counts_as_usable && cells_usable_ <= config_.cells_min) {
    again(now + std::max<base::Duration>(config_.cell_idle_timeout, kAskAgain));  // Kept warm; others may come.
  }
}

void Core::cell_is_up(AgentRecord& agent) {
  CellRecord& cell = *agent.cell;
  if (cell.heard) return;
  cell.heard = true;
  note("cell is up cell=" + cell.cell_id + " agent=" + agent.id);
  tell(ChangeKind::cell_up, agent, "");
  count_cell(agent);
}

// ---- Quarantine

void Core::blame(AgentRecord& agent, const std::string& why, base::Time now) {
  if (config_.quarantine_failures <= 0) return;
  const base::Duration age = now - agent.trouble_at;
  if (agent.trouble > 0 && age < kTogether) return;
  agent.trouble =
      1 + agent.trouble * std::exp2(-base::to_seconds(age) / base::to_seconds(config_.quarantine_half_life));
  agent.trouble_at = now;
  // A little decay between them is no reason to wait for one more.
  if (agent.trouble <= static_cast<double>(config_.quarantine_failures) - 0.5) return;
  const auto wait = std::chrono::duration_cast<base::Duration>(config_.quarantine_half_life * std::log2(agent.trouble));
  const bool fresh = !agent.quarantined_until;
  agent.quarantined_until = now + wait;
  cell_timers_.emplace(*agent.quarantined_until, agent.id);
  if (!fresh) return;
  warn("agent is quarantined, launches there fail agent=" + agent.id + " host=" + agent.hostname +
       " for_s=" + std::to_string(base::to_millis(wait) / 1000) + " reason=\"" + why + "\"");
  tell(ChangeKind::agent_quarantined, agent, why);
  cell_timers_.emplace(now, agent.id);
  unplan_all(agent);
  end_promises(agent);
  refresh(agent);
}

void Core::end_quarantine(AgentRecord& agent, base::Time now) {
  if (!agent.quarantined_until || *agent.quarantined_until > now) return;
  agent.quarantined_until.reset();
  agent.trouble = 1;
  agent.trouble_at = now;
  note("agent is quarantined no longer agent=" + agent.id);
  tell(ChangeKind::agent_released, agent, "");
  try_again();
  refresh(agent);
}

// ---- Counts

bool Core::is_outdated(const CellRecord& cell) const { return !cell.executor_id->starts_with(cell_prefix_); }

// Brings the counts up to how the agent stands. Where the last allowed cell opens, or may open again, all
// agents without one are told to placement anew.
void Core::count_cell(AgentRecord& agent) {
  const auto count = [](bool& counted, bool counts, std::int64_t& sum) {
    if (counted == counts) return;
    counted = counts;
    sum += counts ? 1 : -1;
  };
  const std::int64_t usable_before = cells_usable_;
  const bool planned = !agent.cell && !agent.planned.empty();
  count(agent.counts_as_cell, agent.cell || planned, cells_);
  count(agent.counts_as_opening, agent.cell ? !agent.cell->heard : planned, cells_opening_);
  count(agent.counts_as_usable,
        agent.cell && !agent.cell->stopping && !agent.lost && !agent.leaving && !agent.quarantined_until,
        cells_usable_);
  if (cells_usable_ < usable_before && cells_usable_ < config_.cells_min) try_again();
  if (config_.cells_roll_max > 0) {
    if (agent.cell && !agent.cell->stopping && is_outdated(*agent.cell)) {
      outdated_.insert(&agent);
    } else {
      outdated_.erase(&agent);
    }
  }
  const bool may_open = (config_.cells_max == 0 || cells_ < config_.cells_max) &&
                        (config_.cells_starting_max == 0 || cells_opening_ < config_.cells_starting_max);
  if (may_open == may_open_) return;
  may_open_ = may_open;
  if (may_open) try_again();
  for (const auto& [id, other] : agents_) {
    if (!other->cell && other->planned.empty() && other.get() != &agent) refresh(*other);
  }
}

// It leaves the books.
void Core::uncount_cell(AgentRecord& agent) {
  agent.cell.reset();
  agent.leaving.reset();
  outdated_.erase(&agent);
  rolling_.erase(&agent);
  count_cell(agent);
}

}  // namespace core
