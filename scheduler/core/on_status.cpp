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
  if (status.state != TaskState::unknown) unanswered_.erase(status.task_id);
  const auto parsed = parse_task_id(status.task_id);
  if (!parsed) {
    if (is_live(status.state)) {
      warn("task of a foreign name is killed task=" + status.task_id);
      act(Kill{status.agent_id, status.task_id});
    }
    return;
  }
  Item* item = find(parsed->key);
  if (item == nullptr || item->task_id != status.task_id || !item->live()) {
    record_stray(parsed->key, status, now);
    return;
  }
  if (!status.uuid.empty()) item->heard = true;
  if (status.from_executor) hear_of_cell(*item, now);
  if (const auto found = agents_.find(status.agent_id); found != agents_.end()) {
    if (status.state == TaskState::unreachable) found->second.lost = true;
    if (is_live(status.state)) found->second.lost = false;
  }
  if (is_live(status.state)) {
    record_live(*item, status, now);
  } else if (status.state == TaskState::unreachable || is_terminal(status.state)) {
    record_end(*item, status, now);
  } else {
    want_answer(item->task_id, item->agent_id, now);  // TASK_UNKNOWN is no end (Mesos: in-memory registry).
  }
}

// A sign of life of the cell that holds the item; one that we had given up comes back to the books.
void Core::hear_of_cell(const Item& item, base::Time now) {
  AgentRecord& record = agent(item.agent_id);
  if (!record.cell && !item.executor_id.empty()) {
    see_cell(record, item.executor_id, now).live.insert(item.auction.key);
  }
  CellRecord* cell = cell_of(item.agent_id, item.executor_id);
  if (cell == nullptr || cell->heard) return;
  cell->heard = true;
  note("cell is up cell=" + cell->cell_id + " agent=" + item.agent_id);
}

void Core::record_live(Item& item, const Status& status, base::Time now) {
  if (status.state == TaskState::staging) return;
  hear_of_cell(item, now);
  item.started = true;
  if (item.state == State::stopping) return;
  if (status.state == TaskState::running && item.state != State::running) {
    item.ran = true;
    item.failures = 0;
    item.request.avoid.clear();
    move_to(item, State::running, "", now);
    note("instance runs instance=" + to_string(item.auction.key) + " task=" + item.task_id + " agent=" + item.agent_id);
  } else if (status.state == TaskState::starting && item.state == State::launching) {
    move_to(item, State::starting, "", now);
  } else if (status.state == TaskState::killing) {
    move_to(item, State::stopping, status.message.empty() ? "killed" : status.message, now);
  }
}

void Core::record_end(Item& item, const Status& status, base::Time now) {
  // A blind answer about an attempt that is known to have got through (Mesos: INVALID_OFFERS of an
  // ACCEPT that was seen twice; "duplicate ID" names the running task).
  const bool blind = status.uuid.empty() && item.heard;
  if (blind && (status.reason == StatusReason::invalid_offers || status.state == TaskState::error)) return;

  const bool is_lrp = item.auction.key.kind == Kind::lrp;
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
    item.request.avoid = {item.agent_id};
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
  item.request.avoid.insert(item.agent_id);
  warn("launch failed, trying again instance=" + to_string(item.auction.key) + " task=" + item.task_id +
       " agent=" + item.agent_id + " reason=\"" + why + "\"");
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
    item.request.avoid.clear();
    item.accepted = now;
    item.failures = 0;
  }
  item.queue_again = item.stop_wanted = false;
  item.reason = std::move(reason);
  enqueue(item, not_before, now);
}

// A status of an attempt that is not the current one of its key.
void Core::record_stray(const Key& key, const Status& status, base::Time now) {
  if (!is_live(status.state)) return;
  Item* item = find(key);
  if (item != nullptr && item->live()) {
    warn("a second attempt is killed task=" + status.task_id + " current=" + item->task_id);
    act(Kill{status.agent_id, status.task_id});
    return;
  }
  if (item != nullptr && is_ended(item->state) && item->state != State::lost) {
    warn("an ended attempt still runs and is killed task=" + status.task_id);
    act(Kill{status.agent_id, status.task_id});
    return;
  }
  adopt(key, status, now);
}

void Core::adopt(const Key& key, const Status& status, base::Time now) {
  Item* known = find(key);
  if (known == nullptr) {
    Item fresh;
    fresh.auction.key = key;
    fresh.auction_known = false;
    fresh.request = request_of(fresh.auction);
    fresh.accepted = now;
    known = &items_.emplace(key, std::move(fresh)).first->second;
  } else if (known->state == State::queued) {
    dequeue(*known);
  } else {
    ended_.erase({known->since, key});
  }
  Item& item = *known;
  item.task_id = status.task_id;
  item.agent_id = status.agent_id;
  item.executor_id = status.executor_id;
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
  move_to(item, state, "", now);
  item.since = now;
  AgentRecord& record = agent(status.agent_id);
  record.lost = false;
  if (!status.executor_id.empty()) {
    if (!record.cell) see_cell(record, status.executor_id, now);
    if (record.cell->executor_id == status.executor_id) {
      record.cell->live.insert(key);
      record.cell->stopping = false;
    }
  }
  note("instance adopted instance=" + to_string(key) + " task=" + item.task_id + " agent=" + item.agent_id +
       " state=" + std::string(to_string(item.state)));
  refresh(record);
}

}  // namespace core
