#include <algorithm>

#include "executor/core/core.hpp"

namespace executor {
namespace {

using namespace std::chrono_literals;

// A rep needs up to its graceful interval (10 s) to stop an app; a stop that it did not hear is
// asked for again after this.
constexpr base::Duration kStopAgain = 15s;

std::int64_t capped(std::int64_t total, std::int64_t own, std::int64_t cap) {
  const std::int64_t left = std::max<std::int64_t>(total - own, 0);
  return cap > 0 ? std::min(left, cap) : left;
}

}  // namespace

void Core::on(const Subscribed& event, base::Time now) {
  subscribed_ = true;
  killing_state_wanted_ = event.killing_state_wanted;
  executor_info_ = event.executor_info;
  actions_.emplace_back(SendHello{config_.cell_id, executor_info_});
  report_due_ = reported_.has_value();  // A scheduler may have missed what was said meanwhile.
  say_updates();
  if (stage_ != Stage::waiting) return;
  stage_ = Stage::booting;
  silent_since_ = changed_at_ = poll_at_ = now;
  // A ceiling: what may really run is the sum of launched tasks, which Mesos enforces.
  actions_.emplace_back(StartCell{capped(event.agent_mem_mb, config_.cell_mem_mb, config_.cell_max_mem_mb),
                                  capped(event.agent_disk_mb, config_.cell_disk_mb, config_.cell_max_disk_mb)});
}

void Core::on(const StreamLost&, base::Time) { subscribed_ = false; }

// Nobody is left to report to: the cell ends at once.
void Core::on(const SessionEnded& event, base::Time now) {
  subscribed_ = false;
  session_ended_ = true;
  if (stage_ == Stage::ending) return maybe_exit(now);
  cell_stopped_ = cell_stopped_ || stage_ == Stage::waiting;
  end_all(TaskState::killed, event.reason, now);
  stop_cell(1, event.reason, now);
}

void Core::on(const TasksLaunched& event, base::Time now) {
  for (const LaunchedTask& task : event.tasks) launch(task, now);
}

void Core::launch(const LaunchedTask& task, base::Time now) {
  if (attempts_.contains(task.task_id)) return log(Log::Level::warning, "launched twice task=" + task.task_id);
  Attempt& attempt = attempts_[task.task_id];
  attempt.task_id = task.task_id;
  attempt.order = ++arrivals_;
  attempt.trace_id = task.trace_id;
  attempt.since = now;
  attempt.boot = task.task_id.starts_with(kBootTaskPrefix);
  if (!attempt.boot) {
    auto element = diego::parse_element(task.data);
    if (!element)
      return send(attempt, TaskState::failed, "its data is no work for a rep: " + element.error().text, now);
    attempt.element = *std::move(element);
    const auto& resource =
        std::visit([](const auto& one) -> const diego::Resource& { return one.resource; }, attempt.element);
    attempt.mem_mb = resource.memory_mb;
    attempt.disk_mb = resource.disk_mb;
  }
  if (leaving()) {
    send(attempt, TaskState::failed, "the cell is shutting down", now);
  } else if (evacuating_) {
    send(attempt, TaskState::failed, "the cell is evacuating", now);
  }
}

void Core::on(const KillRequested& event, base::Time now) {
  const auto found = attempts_.find(event.task_id);
  if (found == attempts_.end())
    return log(Log::Level::warning, "kill of a task that is not here task=" + event.task_id);
  Attempt& attempt = found->second;
  if (attempt.phase == Phase::ended) return;
  if (attempt.phase == Phase::queued) return send(attempt, TaskState::killed, "killed before the rep had it", now);
  attempt.stop_wanted = true;
  if (killing_state_wanted_ && !attempt.killing_sent && attempt.phase >= Phase::accepted) {
    attempt.killing_sent = true;
    send(attempt, TaskState::killing, "", now);
  }
  stop(attempt, now);
}

// Asks the rep to stop it, if the rep surely has it; an LRP can be named once /state has shown it.
void Core::stop(Attempt& attempt, base::Time now) {
  if (const auto* task = std::get_if<diego::Task>(&attempt.element)) {
    if (attempt.phase != Phase::accepted && attempt.phase != Phase::seen) return;
    actions_.emplace_back(CancelTask{attempt.task_id, task->task_guid, attempt.trace_id});
  } else {
    if (attempt.phase != Phase::seen) return;
    if (attempt.instance_guid.empty())
      return log(Log::Level::warning, "cannot be stopped, its rep names no instance guid task=" + attempt.task_id);
    actions_.emplace_back(StopLrp{attempt.task_id, std::get<diego::Lrp>(attempt.element).process_guid,
                                  attempt.instance_guid, attempt.trace_id});
  }
  attempt.stop_again_at = now + kStopAgain;
  poll_soon(now);
}

void Core::on(const Acknowledged& event, base::Time now) {
  const auto update =
      std::find_if(updates_.begin(), updates_.end(), [&](const Update& one) { return one.uuid == event.uuid; });
  if (update == updates_.end()) return;  // A duplicate.
  const auto attempt = attempts_.find(update->task_id);
  if (attempt != attempts_.end()) {
    attempt->second.any_acknowledged = true;
    if (terminal(update->state)) attempts_.erase(attempt);
  }
  if (std::distance(updates_.begin(), update) < static_cast<std::ptrdiff_t>(said_)) --said_;
  updates_.erase(update);
  if (stage_ == Stage::ending) maybe_exit(now);
}

void Core::on(const ReportRequested&, base::Time now) {
  if (!subscribed_) return;
  actions_.emplace_back(SendHello{config_.cell_id, executor_info_});
  report_due_ = true;
  maybe_report(now);
}

void Core::on(const DrainRequested&, base::Time now) {
  if (evacuating_ || leaving()) return;
  if (stage_ != Stage::up) return;  // It is repeated until the state shows it.
  evacuating_ = true;
  changed_at_ = now;
  for (Attempt* attempt : in_order()) {
    if (attempt->phase == Phase::queued) send(*attempt, TaskState::failed, "the cell is evacuating", now);
  }
  actions_.emplace_back(Evacuate{});
}

void Core::on(const ShutdownRequested&, base::Time now) {
  leave(now, config_.shutdown_grace, "the agent shut the executor down");
}

void Core::on(const Terminated&, base::Time now) {
  leave(now, config_.terminated_grace, "the executor was told to terminate");
}

}  // namespace executor
