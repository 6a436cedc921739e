#include <algorithm>
#include <utility>

#include "diego/failures.hpp"
#include "executor/core/core.hpp"

namespace executor {
namespace {

using namespace std::chrono_literals;

// Between a failed /work and the next, doubled each time.
constexpr base::Duration kPostAgain = 200ms;
constexpr base::Duration kEvacuateAgain = 1s;
constexpr base::Duration kStopFailedAgain = 1s;

bool same_key(const diego::Lrp& a, const diego::Lrp& b) {
  return a.process_guid == b.process_guid && a.index == b.index;
}

}  // namespace

void Core::on(const RepAnswered& event, base::Time now) {
  polling_ = false;
  if (stage_ == Stage::ending) return;
  const bool came_back = !rep_answers_;
  rep_answers_ = true;
  silent_since_ = now;
  diego::CellState state = event.state;
  bool changed = match_lrps(state.lrps, now);
  const bool lists_tasks = !state.cell_id.empty() || !state.tasks.null();
  changed = (lists_tasks ? match_tasks(state.tasks, now) : guess_tasks(state, now)) || changed;
  was_away_ = false;
  state.lrps = {};
  state.tasks = {};
  evacuating_ = evacuating_ || state.evacuating;
  state_ = std::move(state);
  if (stage_ == Stage::booting) rep_came_up(now);
  if (changed || came_back) {
    changed_at_ = now;
    quick_polls_ = 0;
  }
  poll_at_ = now + poll_gap(now);
  if (stage_ == Stage::leaving) leave_further(now);
}

void Core::rep_came_up(base::Time now) {
  stage_ = Stage::up;
  measure_at_ = now + kMetricsEvery;
  if (config_.cell_id.empty()) {
    config_.cell_id = state_->cell_id.empty() ? config_.fallback_cell_id : state_->cell_id;
    if (subscribed_) actions_.emplace_back(SendHello{config_.cell_id, executor_info_});
  }
  log(Log::Level::info, "the rep is up cell=" + config_.cell_id);
}

void Core::on(const RepFailed& event, base::Time now) {
  polling_ = false;
  if (stage_ == Stage::ending) return;
  if (rep_answers_) {
    log(Log::Level::warning, "the rep does not answer: " + event.text);
    changed_at_ = now;
    quick_polls_ = 0;
  }
  rep_answers_ = false;
  was_away_ = stage_ != Stage::booting;
  last_failure_ = event.text;
  poll_at_ = now + poll_gap(now);
}

// Best effort: what cannot be had is not asked for again before its time.
void Core::on(const MetricsAnswered& event, base::Time) {
  measuring_ = false;
  const std::string& cell_id = event.metrics.cell_id;
  std::optional<std::string> error = event.error;
  if (!error && !cell_id.empty() && cell_id != config_.cell_id) error = "they are of cell \"" + cell_id + "\"";
  if (error && !std::exchange(metrics_failed_, true)) log(Log::Level::warning, "no container metrics: " + *error);
  if (error) return;
  metrics_failed_ = false;
  std::map<std::string_view, const diego::ContainerUsage*> lrps, tasks;
  for (const auto& usage : event.metrics.lrps) lrps.emplace(usage.guid, &usage);
  for (const auto& usage : event.metrics.tasks) tasks.emplace(usage.guid, &usage);
  SendMetrics metrics{config_.cell_id, {}};
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.phase != Phase::seen) continue;
    const auto* task = std::get_if<diego::Task>(&attempt.element);
    const auto& usages = task != nullptr ? tasks : lrps;
    const auto found = usages.find(task != nullptr ? task->task_guid : attempt.instance_guid);
    if (found == usages.end()) continue;
    const diego::ContainerUsage& usage = *found->second;
    metrics.usage.push_back({id, usage.cpus_milli, usage.memory_bytes, usage.disk_bytes});
  }
  if (subscribed_ && !metrics.usage.empty()) actions_.emplace_back(std::move(metrics));
}

// The answer names what was refused; with an error nothing is known, and /state has to tell.
void Core::on(const WorkAnswered& event, base::Time now) {
  posting_ = false;
  if (stage_ == Stage::ending) return;
  std::vector<diego::Lrp> refused_lrps = event.refused.lrps;
  std::vector<diego::Task> refused_tasks = event.refused.tasks;
  const auto was_refused = [&](const Attempt& attempt) {
    if (const auto* task = std::get_if<diego::Task>(&attempt.element)) {
      return std::any_of(refused_tasks.begin(), refused_tasks.end(),
                         [&](const diego::Task& one) { return one.task_guid == task->task_guid; });
    }
    const auto& lrp = std::get<diego::Lrp>(attempt.element);
    const auto found = std::find_if(refused_lrps.begin(), refused_lrps.end(),
                                    [&](const diego::Lrp& one) { return same_key(one, lrp); });
    if (found == refused_lrps.end()) return false;
    refused_lrps.erase(found);  // Each stands for one instance of the key.
    return true;
  };
  if (event.error) log(Log::Level::warning, "work posted without an answer: " + *event.error);
  for (Attempt* attempt : in_order()) {
    if (attempt->phase != Phase::posted) continue;
    if (event.error) {
      attempt->phase = Phase::unclear;
      last_failure_ = *event.error;
    } else if (was_refused(*attempt)) {
      send(*attempt, attempt->stop_wanted || leaving() ? TaskState::killed : TaskState::failed,
           "the rep refused it: " + refusal(*attempt), now);
    } else {
      accept(*attempt, now);
    }
  }
  poll_soon(now);
  if (stage_ == Stage::leaving) return leave_further(now);
  if (!polling_ && now >= poll_at_) poll(now);
}

// A rep gives no reasons; this is what its last state suggests.
std::string Core::refusal(const Attempt& attempt) const {
  if (evacuating_) return "it is evacuating";
  if (!state_) return "no reason given";
  const auto& [constraint, resource] =
      std::visit([](const auto& one) { return std::pair(one.constraint, one.resource); }, attempt.element);
  if (!diego::matches(state_->rootfs_providers, constraint.rootfs)) return std::string(diego::kCellMismatch);
  return "it needs " + std::to_string(resource.memory_mb) + " MiB of memory and " + std::to_string(resource.disk_mb) +
         " MiB of disk, and the cell last had " + std::to_string(state_->available.memory_mb) + " MiB, " +
         std::to_string(state_->available.disk_mb) + " MiB and room for " +
         std::to_string(state_->available.containers) + " containers";
}

void Core::accept(Attempt& attempt, base::Time now) {
  attempt.phase = Phase::accepted;
  attempt.since = now;
  send(attempt, TaskState::starting, "", now);
  if (!attempt.stop_wanted) return;
  if (killing_state_wanted_ && !attempt.killing_sent) {
    attempt.killing_sent = true;
    send(attempt, TaskState::killing, "", now);
  }
  stop(attempt, now);
}

bool Core::match_lrps(const std::vector<diego::Lrp>& lrps, base::Time now) {
  std::map<std::string, Attempt*> owners;  // By instance guid.
  std::vector<Attempt*> unmatched;         // Oldest first.
  std::vector<Attempt*> nameless;          // Seen without an instance guid, as a rep of 2015 shows all.
  for (Attempt* attempt : in_order()) {
    if (attempt->boot || !std::holds_alternative<diego::Lrp>(attempt->element)) continue;
    if (attempt->phase == Phase::seen || attempt->phase == Phase::ended) {
      if (!attempt->instance_guid.empty()) {
        owners.emplace(attempt->instance_guid, attempt);
      } else if (attempt->phase == Phase::seen) {
        nameless.push_back(attempt);
      }
    } else if (attempt->phase == Phase::accepted || attempt->phase == Phase::unclear) {
      unmatched.push_back(attempt);
    }
  }
  const auto take_oldest = [](std::vector<Attempt*>& from, const diego::Lrp& lrp) -> Attempt* {
    const auto oldest = std::find_if(from.begin(), from.end(), [&](const Attempt* one) {
      return same_key(std::get<diego::Lrp>(one->element), lrp);
    });
    if (oldest == from.end()) return nullptr;
    Attempt* attempt = *oldest;
    from.erase(oldest);
    return attempt;
  };
  bool changed = false;
  std::set<std::string> present, foreign;
  for (const diego::Lrp& lrp : lrps) {
    Attempt* attempt = lrp.instance_guid.empty() ? take_oldest(nameless, lrp) : nullptr;
    if (attempt != nullptr) {
      // It is the one that was seen before.
    } else if (const auto owner = owners.find(lrp.instance_guid); owner != owners.end()) {
      attempt = owner->second;
    } else if (!foreign_.contains(lrp.instance_guid)) {
      // The request has no instance guid, so the first unknown one of the key is the oldest attempt's.
      attempt = take_oldest(unmatched, lrp);
    }
    if (attempt == nullptr) {
      if (!lrp.instance_guid.empty()) foreign.insert(lrp.instance_guid);
      continue;
    }
    present.insert(attempt->task_id);
    if (attempt->phase == Phase::ended) continue;
    attempt->instance_guid = lrp.instance_guid;
    // Reps said no state before 2018; there is no more to wait for then.
    changed = observe(*attempt, lrp.state.empty() ? "RUNNING" : lrp.state, lrp.resource, now) || changed;
  }
  foreign_ = std::move(foreign);
  for (Attempt* attempt : in_order()) {
    if (!attempt->boot && std::holds_alternative<diego::Task>(attempt->element)) present.insert(attempt->task_id);
  }
  return judge_missing(present, now) || changed;
}

bool Core::match_tasks(const std::vector<diego::Task>& tasks, base::Time now) {
  bool changed = false;
  std::set<std::string> present;
  std::map<std::string, const diego::Task*> by_guid;
  for (const diego::Task& task : tasks) by_guid.emplace(task.task_guid, &task);
  for (Attempt* attempt : in_order()) {
    const auto* ours = std::get_if<diego::Task>(&attempt->element);
    if (ours == nullptr || attempt->boot) {
      present.insert(attempt->task_id);  // Not judged here.
      continue;
    }
    const bool with_rep =
        attempt->phase == Phase::accepted || attempt->phase == Phase::unclear || attempt->phase == Phase::seen;
    const auto found = by_guid.find(ours->task_guid);
    if (!with_rep || found == by_guid.end()) continue;
    const diego::Task& task = *found->second;
    by_guid.erase(found);  // The guid names one container.
    present.insert(attempt->task_id);
    changed = observe(*attempt, task.state, task.resource, now) || changed;
    if (task.state == "Completed") {
      const TaskState state = task.failed ? TaskState::failed : TaskState::finished;
      send(*attempt, attempt->stop_wanted ? TaskState::killed : state, task.failed ? "the task failed" : "", now);
      changed = true;
    }
  }
  return judge_missing(present, now) || changed;
}

// A rep of 2015 lists no Tasks. Of its containers those that no LRP has are theirs: while there are any,
// each Task that was taken may still run; when there is none, all have ended.
bool Core::guess_tasks(const diego::CellState& state, base::Time now) {
  const auto held = state.total.containers - state.available.containers - static_cast<std::int64_t>(state.lrps.size());
  bool changed = false;
  std::set<std::string> present;
  std::int64_t running = 0;
  for (Attempt* attempt : in_order()) {
    const auto* task = std::get_if<diego::Task>(&attempt->element);
    if (task == nullptr || attempt->boot) {
      present.insert(attempt->task_id);  // Not judged here.
      continue;
    }
    const bool taken = attempt->phase == Phase::accepted || (attempt->phase == Phase::seen && held > 0) ||
                       (attempt->phase == Phase::unclear && held > running);
    if (!taken) continue;
    ++running;
    present.insert(attempt->task_id);
    changed = observe(*attempt, "Running", task->resource, now) || changed;
  }
  return judge_missing(present, now) || changed;
}

// /state shows the attempt. True when that is news.
bool Core::observe(Attempt& attempt, const std::string& state, const diego::Resource& resource, base::Time now) {
  if (attempt.phase == Phase::unclear) accept(attempt, now);  // The rep had taken it after all.
  const bool first = attempt.phase != Phase::seen;
  const bool changed = first || attempt.rep_state != state;
  attempt.phase = Phase::seen;
  attempt.rep_state = state;
  attempt.mem_mb = resource.memory_mb;
  attempt.disk_mb = resource.disk_mb;
  const bool running = state == "RUNNING" || state == "Running";
  if (running && !attempt.running_sent && !attempt.killing_sent) {
    attempt.running_sent = true;
    send(attempt, TaskState::running, "", now);
  }
  if (first && attempt.stop_wanted) stop(attempt, now);
  return changed;
}

// What the rep should show and does not: gone if it was seen, to be posted again if it was unclear.
// Attempts in `present` are left alone.
bool Core::judge_missing(const std::set<std::string>& present, base::Time now) {
  bool changed = false;
  for (Attempt* attempt : in_order()) {
    if (attempt->boot || present.contains(attempt->task_id)) continue;
    if (attempt->phase == Phase::seen) {
      gone(*attempt, now);
      changed = true;
    } else if (attempt->phase == Phase::unclear) {
      if (attempt->stop_wanted || leaving()) {
        send(*attempt, TaskState::killed, "killed before the rep had it", now);
      } else if (attempt->posts >= kPostsMax) {
        send(*attempt, TaskState::failed, "the rep did not take it: " + last_failure_, now);
      } else {
        attempt->phase = Phase::queued;
        attempt->since = now + kPostAgain * (1 << (attempt->posts - 1));
      }
      changed = true;
    }
  }
  return changed;
}

// An exit is seldom caught in the act: absence is the end, and CRASHED also what an ordinary stop
// looks like.
void Core::gone(Attempt& attempt, base::Time now) {
  if (attempt.stop_wanted) return send(attempt, TaskState::killed, "", now);
  if (std::holds_alternative<diego::Task>(attempt.element)) {
    return send(attempt, leaving() ? TaskState::killed : TaskState::finished, "", now);
  }
  if (leaving()) return send(attempt, TaskState::killed, leave_reason_, now);
  if (evacuating_) return send(attempt, TaskState::finished, "evacuated", now);
  if (was_away_) return send(attempt, TaskState::failed, "the rep was away and does not have it any more", now);
  if (attempt.rep_state == "CRASHED") return send(attempt, TaskState::failed, "crashed", now);
  send(attempt, TaskState::finished, "its rep has it no more: it exited, crashed or was stopped there", now);
}

void Core::on(const StopAnswered& event, base::Time now) {
  if (!event.error) return;
  log(Log::Level::warning, "stop failed task=" + event.task_id + ": " + *event.error);
  const auto found = attempts_.find(event.task_id);
  // Mostly it is gone already, and the next /state says so.
  if (found != attempts_.end() && found->second.phase == Phase::seen)
    found->second.stop_again_at = now + kStopFailedAgain;
}

void Core::on(const EvacuateAnswered& event, base::Time now) {
  if (!event.error || leaving()) return;
  // Each second: once for each reason.
  if (std::exchange(evacuation_refused_, *event.error) != *event.error)
    log(Log::Level::warning, "evacuation was not taken, and is asked for each second: " + *event.error);
  evacuate_again_at_ = now + kEvacuateAgain;
}

}  // namespace executor
