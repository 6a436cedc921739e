#include <algorithm>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {

constexpr base::Duration kRetryMin = std::chrono::milliseconds(100);
constexpr base::Duration kRetryMax = std::chrono::seconds(10);

base::Duration backoff(int failures) {
  base::Duration wait = kRetryMin;
  for (int i = 1; i < failures && wait < kRetryMax; ++i) wait *= 2;
  return std::min(wait, kRetryMax);
}

std::string describe(const Status& status) {
  std::string text(to_string(status.state));
  if (!status.message.empty()) return text + ": " + status.message;
  if (!status.reason_name.empty()) return text + ": " + status.reason_name;
  return text;
}

// The attempt ended because its cell did, not because of itself.
bool ended_with_cell(const Status& status) {
  switch (status.state) {
    case TaskState::lost:
    case TaskState::gone:
    case TaskState::gone_by_operator:
    case TaskState::dropped:
      return true;
    default:
      return status.reason == StatusReason::executor_ended || status.reason == StatusReason::agent_lost;
  }
}

}  // namespace

std::string_view to_string(TaskState state) {
  static constexpr std::string_view kNames[] = {
      "TASK_STAGING",          "TASK_STARTING", "TASK_RUNNING",     "TASK_KILLING", "TASK_FINISHED",
      "TASK_FAILED",           "TASK_KILLED",   "TASK_ERROR",       "TASK_DROPPED", "TASK_GONE",
      "TASK_GONE_BY_OPERATOR", "TASK_LOST",     "TASK_UNREACHABLE", "TASK_UNKNOWN"};
  return kNames[static_cast<std::size_t>(state)];
}
bool is_live(TaskState state) { return state <= TaskState::killing; }
bool is_terminal(TaskState state) { return state > TaskState::killing && state < TaskState::unreachable; }

void Core::on(const StatusArrived& event, base::Time now) {
  const Status& status = event.status;
  record(status, now);
  // After it is recorded, also for what we do not know: unacknowledged updates block the task's next.
  if (!status.uuid.empty()) act(Acknowledge{status.agent_id, status.task_id, status.uuid});
}

void Core::record(const Status& status, base::Time now) {
  if (status.state != TaskState::unknown && !unanswered_.empty()) unanswered_.erase(status.task_id);
  const auto parsed = parse_task_id(status.task_id);
  if (!parsed) {
    if (is_live(status.state)) {
      warn("task of a foreign name is killed task=" + status.task_id);
      act(Kill{status.agent_id, status.task_id});
    }
    return;
  }
  Item* item = items_.find(parsed->key);
  if (item == nullptr || !item->live() || !is_attempt_of(*item, *parsed)) {
    record_stray(*parsed, status, now);
    return;
  }
  if (!status.uuid.empty()) item->heard = true;
  if (status.from_executor) hear_of_cell(*item, now);
  const bool usual = item->agent->id == status.agent_id && !item->agent->gone;
  if (const AgentPtr agent = usual ? item->agent : find_agent(status.agent_id)) {
    if (is_live(status.state) && std::exchange(agent->lost, false)) {
      refresh(*agent);
      placing_wanted_ = true;
    }
    if (status.state == TaskState::unreachable) {
      agent->lost = true;
      unplan_all(*agent);
      end_promises(*agent);
    }
  }
  if (is_live(status.state)) {
    record_live(*item, status, now);
  } else if (status.state == TaskState::unreachable || is_terminal(status.state)) {
    record_end(*item, status, now);
  } else {
    want_answer(status.task_id, item->agent->id, now);  // TASK_UNKNOWN is no end (Mesos: in-memory registry).
  }
}

// A sign of life of the cell that holds the item; one that we had given up comes back to the books.
void Core::hear_of_cell(Item& item, base::Time now) {
  if (item.agent->gone) item.agent = agent(item.agent->id);
  AgentRecord& record = *item.agent;
  if (!record.cell && item.executor_id != nullptr) see_cell(record, *item.executor_id, now);
  CellRecord* cell = cell_of(item);
  if (cell == nullptr) return;
  if (!item.in_cell) {
    join_cell(item, record, false);
    refresh(record);
  }
  if (cell->heard) return;
  cell->heard = true;
  note("cell is up cell=" + cell->cell_id + " agent=" + record.id);
}

void Core::record_live(Item& item, const Status& status, base::Time now) {
  if (status.state == TaskState::staging) return;
  hear_of_cell(item, now);
  item.started = true;
  if (item.state == State::stopping) return;
  if (status.state == TaskState::running && item.state != State::running) {
    item.ran = true;
    item.failures = 0;
    item.rare.reset();
    move_to(item, State::running, "", now);
    runs(item);
  } else if (status.state == TaskState::starting && item.state == State::launching) {
    move_to(item, State::starting, "", now);
  } else if (status.state == TaskState::killing) {
    move_to(item, State::stopping, status.message.empty() ? "killed" : status.message, now);
    item.until = {};  // Who killed it repeats it.
  }
}

void Core::record_end(Item& item, const Status& status, base::Time now) {
  // A blind answer about an attempt that is known to have got through (Mesos: INVALID_OFFERS of an
  // ACCEPT that was seen twice; "duplicate ID" names the running task).
  const bool blind = status.uuid.empty() && item.heard;
  if (blind && (status.reason == StatusReason::invalid_offers || status.state == TaskState::error)) return;

  const bool is_lrp = item.kind() == Kind::lrp;
  const std::string why = describe(status);
  if (item.queue_again) {
    queue_again(item, "", now, now);
  } else if (item.stop_wanted) {
    end(item, State::stopped, "stopped by request", now);
  } else if (status.state == TaskState::finished) {
    end(item, State::stopped, status.message.empty() ? "finished" : status.message, now);
  } else if (!item.started && status.state != TaskState::unreachable) {
    retry_launch(item, status, now);
  } else if (is_lrp && (ended_with_cell(status) || status.state == TaskState::unreachable ||
                        status.reason == StatusReason::agent_draining)) {
    item.rarely().avoid = {item.agent->id};
    requeue_or_end(item, why, now);
  } else if (is_lrp && !item.ran) {
    retry_launch(item, status, now);
  } else if (status.state == TaskState::unreachable || status.state == TaskState::lost) {
    end(item, State::lost, why, now);
  } else {
    end(item, status.state == TaskState::killed ? State::stopped : State::failed, why, now);
  }
}

void Core::retry_launch(Item& item, const Status& status, base::Time now) {
  const std::string why = describe(status);
  ++item.failures;
  if (!item.auction_known) return requeue_or_end(item, why, now);
  if (item.failures >= config_.launch_attempts) {
    end(item, State::failed, why + " (" + std::to_string(item.failures) + " launches failed)", now);
    return;
  }
  item.rarely().avoid.insert(item.agent->id);
  warn("launch failed, trying again instance=" + to_string(item.key()) + " task=" + item.task_id() +
       " agent=" + item.agent->id + " reason=\"" + why + "\"");
  queue_again(item, why, now + backoff(item.failures), now);
}

// Only what we know can be launched again: of an adopted instance no auction has come yet.
void Core::requeue_or_end(Item& item, const std::string& why, base::Time now) {
  if (item.auction_known) {
    queue_again(item, why, now, now);
  } else {
    end(item, State::lost, why + " (an earlier scheduler launched it; an auction will place it again)", now);
  }
}

void Core::queue_again(Item& item, std::string reason, base::Time not_before, base::Time now) {
  leave_cell(item, now);
  if (item.queue_again) {  // A new auction, not the old one's next attempt.
    item.clear_avoid();
    item.accepted = now;
    item.failures = 0;
  }
  item.queue_again = item.stop_wanted = false;
  item.set_reason(std::move(reason));
  enqueue(item, not_before, now);
}

// A status of an attempt that is not the current one of its key.
void Core::record_stray(const ParsedTaskId& task, const Status& status, base::Time now) {
  if (!is_live(status.state)) return;
  Item* item = items_.find(task.key);
  if (item != nullptr && item->live()) {
    warn("a second attempt is killed task=" + status.task_id + " current=" + item->task_id());
    act(Kill{status.agent_id, status.task_id});
    return;
  }
  if (item != nullptr && is_ended(item->state) && item->state != State::lost) {
    warn("an ended attempt still runs and is killed task=" + status.task_id);
    act(Kill{status.agent_id, status.task_id});
    return;
  }
  adopt(task, status, now);
}

void Core::adopt(const ParsedTaskId& task, const Status& status, base::Time now) {
  Item* known = items_.find(task.key);
  if (known == nullptr) {
    known = &items_.add(task.key);
    known->auction_known = false;
    known->wish = wishes_.of({}, {}, {});
    known->accepted = now;
  } else if (known->state == State::queued) {
    dequeue(*known);
  } else {
    leave_ended(*known);
  }
  Item& item = *known;
  std::copy(task.attempt.begin(), task.attempt.end(), item.attempt.begin());
  item.heard = true;
  item.started = status.state != TaskState::staging;
  item.ran = status.state == TaskState::running;
  item.attempts = std::max(item.attempts, 1);
  const State state = status.state == TaskState::running    ? State::running
                      : status.state == TaskState::killing  ? State::stopping
                      : status.state == TaskState::starting ? State::starting
                                                            : State::launching;
  // Whoever killed it meant it.
  item.stop_wanted = state == State::stopping;
  item.queue_again = false;
  item.until = {};
  move_to(item, state, "", now);
  item.since = now;
  item.agent = agent(status.agent_id);
  AgentRecord& record = *item.agent;
  record.lost = false;
  item.executor_id.reset();
  item.charged = {};
  if (item.auction_known) {
    if (!record.described) refresh(record);  // Which tells the proxy's memory.
    item.charged = needs_on(item, record);
  }
  if (!status.executor_id.empty()) {
    if (!record.cell) see_cell(record, status.executor_id, now);
    if (*record.cell->executor_id == status.executor_id) {
      item.executor_id = record.cell->executor_id;
      join_cell(item, record, false);
      record.cell->stopping = false;
    } else {
      item.executor_id = std::make_shared<const std::string>(status.executor_id);
    }
  }
  note("instance adopted instance=" + to_string(task.key) + " task=" + status.task_id + " agent=" + record.id +
       " state=" + std::string(to_string(item.state)));
  placing_wanted_ = true;
  refresh(record);
}

}  // namespace core
