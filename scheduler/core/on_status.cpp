#include <algorithm>

#include "diego/failures.hpp"
#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {

constexpr base::Duration kUpdateRepeated = std::chrono::seconds(15);  // Mesos: first after 10 s.
constexpr base::Duration kRetryMin = std::chrono::milliseconds(100);
constexpr base::Duration kRetryMax = std::chrono::seconds(10);
constexpr base::Duration kStrayKept = std::chrono::minutes(2);
constexpr std::size_t kStraysMax = 10'000;

std::string describe(const Status& status) {
  std::string text(to_string(status.state));
  if (!status.message.empty()) return text + ": " + status.message;
  if (!status.reason_name.empty()) return text + ": " + status.reason_name;
  return text;
}

// The attempt never got to its rep, and its cell is to blame.
bool failed_in_cell(const Status& status) {
  return (status.state == TaskState::failed && status.reason != StatusReason::agent_draining &&
          status.reason != StatusReason::agent_lost && status.reason != StatusReason::invalid_offers) ||
         status.reason == StatusReason::executor_ended;
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

// The master names a state but not why (Mesos: reconciliation, re-registering agents), and whether an LRP
// is placed again hangs on whether it ended with its cell. Its agent knows, and repeats the update until
// it is acknowledged.
bool hides_its_cause(const Item& item, const Status& status) {
  if (!status.uuid.empty() || item.kind() != Kind::lrp || !item.started) return false;
  if (item.stop_wanted || item.queue_again || item.doubtful) return false;
  if (status.state != TaskState::failed) return false;
  return status.reason == StatusReason::reconciliation || status.reason == StatusReason::other ||
         status.reason == StatusReason::none;
}

}  // namespace

base::Duration launch_backoff(int failures) {
  base::Duration wait = kRetryMin;
  for (int i = 1; i < failures && wait < kRetryMax; ++i) wait *= 2;
  return std::min(wait, kRetryMax);
}

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
  if (status.state != TaskState::unknown && !unanswered_.empty() && unanswered_.erase(status.task_id) > 0)
    answered_at_ = now;
  if (fenced() && status.task_id == fence_) return fence_until_.reset();
  if (status.task_id.starts_with(kBootTaskPrefix)) return record_boot(status, now);
  const auto parsed = parse_task_id(status.task_id);
  if (!parsed) {
    if (is_live(status.state)) {
      warn("task of a foreign name is killed task=" + status.task_id);
      act(Kill{status.agent_id, status.task_id});
    }
    return;
  }
  Item* item = attempt_of(*parsed);
  if (item == nullptr) {
    record_stray(*parsed, status, now);
    return;
  }
  if (!status.uuid.empty() && !item->heard) {
    item->heard = true;
    mark(*item);
  }
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
    if (status.reason == StatusReason::agent_draining) hear_of_draining(*agent, now);
  }
  if (is_live(status.state)) {
    item->doubtful = false;
    record_live(*item, status, now);
  } else if (!config_.with_bbs && hides_its_cause(*item, status)) {
    want_answer(status.task_id, item->agent->id, now + kUpdateRepeated);
  } else if (status.state == TaskState::unreachable || is_terminal(status.state)) {
    const auto failure = unexplained(*item, status);
    record_end(*item, status, now);
    if (failure) explain(*failure);
  } else {
    want_answer(status.task_id, item->agent->id, now);  // TASK_UNKNOWN is no end (Mesos: in-memory registry).
  }
}

// A sign of life of the cell that holds the item; one that we had given up comes back to the books.
void Core::hear_of_cell(Item& item, base::Time now) {
  if (item.agent->gone) item.agent = agent(item.agent->id);
  AgentRecord& record = *item.agent;
  const bool lives = item.executor_id != nullptr && *item.executor_id != record.ended_executor;
  if (!record.cell && lives) see_cell(record, *item.executor_id, now);
  CellRecord* cell = cell_of(item);
  if (cell == nullptr) return;
  if (!item.in_cell) {
    join_cell(item, record, false);
    refresh(record);
  }
  cell_is_up(record);
}

void Core::record_live(Item& item, const Status& status, base::Time now) {
  if (status.state == TaskState::staging) return;
  hear_of_cell(item, now);
  if (!item.started) mark(item);
  item.started = true;
  if (item.state == State::stopping) return;
  if (status.state == TaskState::running && item.state != State::running) {
    item.ran = true;
    item.failures = 0;
    item.rare.reset();
    move_to(item, State::running, "", now);
    runs(item);
    attempt_runs(item, now);
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

  const bool ours_to_restart = item.kind() == Kind::lrp && !config_.with_bbs;
  const std::string why = describe(status);
  const AgentPtr agent = agent_of(item);
  if (agent != nullptr && !item.started && !item.stop_wanted && failed_in_cell(status)) {
    // What no rep takes must not cost us one agent after the other.
    const bool refused = status.reason != StatusReason::executor_ended;
    const bool again = refused && agent->refused == item.process->guid;
    if (refused) agent->refused = item.process->guid;
    if (!again) blame(*agent, why, now);
  }
  if (item.twin) return twin_ended(item, status, now);
  const bool stopped = item.state == State::stopping;
  if (hand_over(item, status, now)) return;
  if (rebalances() && ours_to_restart && !stopped && agent != nullptr && agent->leaving && agent->leaving->rebalances)
    rebalance_->work_ended = true;
  // Nobody asked for its end: the agent is drained, its cell was told to leave, or the KILL was for a second
  // attempt that has come to count since. (What is stopped at its rep has finished, and says so.)
  const bool taken_away = status.state == TaskState::killed;
  if (item.queue_again) {
    queue_again(item, "", now, now);
  } else if (item.stop_wanted) {
    end(item, State::stopped, "stopped by request", now);
  } else if (item.doubtful && status.uuid.empty()) {
    end(item, State::lost, why + " (another scheduler led since it was launched)", now);
  } else if (item.successor) {
    item.wanted_at = {};  // The auction that came meanwhile may have meant the attempt that just ended.
    queue_again(item, "", now, now);
  } else if (status.state == TaskState::finished) {
    end(item, State::stopped, status.message.empty() ? "finished" : status.message, now);
  } else if (!item.started && status.state != TaskState::unreachable) {
    retry_launch(item, status, now);
  } else if (ours_to_restart && (ended_with_cell(status) || status.state == TaskState::unreachable || taken_away ||
                                 status.reason == StatusReason::agent_draining)) {
    item.rarely().avoid = {item.agent->id};
    requeue_or_end(item, why, now);
  } else if (ours_to_restart && !item.ran) {
    retry_launch(item, status, now);
  } else if (status.state == TaskState::unreachable || status.state == TaskState::lost) {
    end(item, State::lost, why, now);
  } else {
    item.orphaned = config_.with_bbs && item.kind() == Kind::lrp && item.auction_known &&
                    status.reason == StatusReason::executor_ended;
    if (item.orphaned) bbs_.ask({item.kind(), item.process->guid});
    end(item, State::failed, why, now);
  }
}

void Core::retry_launch(Item& item, const Status& status, base::Time now) {
  const std::string why = describe(status);
  ++item.failures;
  mark(item);
  if (!item.auction_known) return requeue_or_end(item, why, now);
  if (item.failures >= config_.launch_attempts) {
    return give_up_launching(item, status, now);
  }
  item.rarely().avoid.insert(item.agent->id);
  warn("launch failed, trying again instance=" + to_string(item.key()) + " task=" + item.task_id() +
       " agent=" + item.agent->id + " reason=\"" + why + "\"");
  queue_again(item, why, now + launch_backoff(item.failures), now);
}

// With the words that Diego has for it: people and Cloud Controller know them.
void Core::give_up_launching(Item& item, const Status& status, base::Time now) {
  if (config_.with_bbs) {
    const bool refused = status.state == TaskState::failed && status.reason != StatusReason::executor_ended;
    report(item, std::string(refused ? diego::kInsufficientResources : diego::kCellCommunication), BbsCalls::kUnknown,
           now);
  }
  end(item, State::failed, describe(status) + " (" + std::to_string(item.failures) + " launches failed)", now);
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
    item.has_run = false;
    item.failures = 0;
  }
  item.queue_again = item.stop_wanted = false;
  placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(item));
  if (config_.with_bbs && item.rare) item.rare->reported.clear();
  item.set_reason(std::move(reason));
  enqueue(item, not_before, now);
}

// A status of an attempt that is not the current one of its key.
void Core::record_stray(const ParsedTaskId& task, const Status& status, base::Time now) {
  if (!is_live(status.state)) return stray_ended(status.task_id, now);
  Item* item = items_.find(task.key);
  if (item != nullptr && item->state != State::queued && strays_.contains(status.task_id)) return;
  if (item != nullptr && item->live() && item->doubtful) {  // Another leader's attempt is the truth.
    leave_cell(*item, now);
    return adopt(task, status, now);
  }
  if (item != nullptr && item->live()) {
    if (keep_beside(*item, task, status, now)) return;
    warn("a second attempt is killed task=" + status.task_id + " current=" + item->task_id());
    return kill_stray(task, status, now);
  }
  if (item != nullptr && is_ended(item->state) && item->state != State::lost) {
    warn("an ended attempt still runs and is killed task=" + status.task_id);
    return kill_stray(task, status, now);
  }
  adopt(task, status, now);
}

// Mesos does not promise to deliver a KILL.
void Core::kill_stray(const ParsedTaskId& task, const Status& status, base::Time now) {
  act(Kill{status.agent_id, status.task_id});
  if (strays_.size() >= kStraysMax) return;
  strays_.try_emplace(status.task_id, Stray{task.key, status.agent_id, now});
  if (!strays_due_) strays_due_ = now + config_.kill_retry;
}

void Core::kill_strays_again(base::Time now) {
  std::vector<std::string> given_up;  // Whoever still hears of them kills them anew.
  for (const auto& [task_id, stray] : strays_) {
    if (now - stray.since >= kStrayKept) {
      given_up.push_back(task_id);
    } else if (connected_) {
      act(Kill{stray.agent_id, task_id});
    }
  }
  for (const std::string& task_id : given_up) stray_ended(task_id, now);
  if (!strays_.empty()) strays_due_ = now + config_.kill_retry;
}

void Core::stray_ended(const std::string& task_id, base::Time now) {
  const auto found = strays_.find(task_id);
  if (found == strays_.end()) return;
  const Key key = std::move(found->second.key);
  strays_.erase(found);
  Item* item = items_.find(key);
  if (item == nullptr || !item->live()) return;
  start_successor(*item, now);
  if (const AgentPtr agent = agent_of(*item); agent != nullptr && agent->leaving) want_move(*item, now);
}

bool Core::has_stray(const Key& key) const {
  return std::any_of(strays_.begin(), strays_.end(), [&key](const auto& stray) { return stray.second.key == key; });
}

void Core::adopt(const ParsedTaskId& task, const Status& status, base::Time now) {
  strays_.erase(status.task_id);
  Item* known = items_.find(task.key);
  const bool wanted = known != nullptr && known->state == State::queued;
  if (known == nullptr) {
    known = &items_.add(task.key);
    known->auction_known = false;
    known->wish = wishes_.of({}, {}, {});
    known->accepted = now;
  } else if (known->state == State::queued) {
    dequeue(*known);
  } else if (is_ended(known->state)) {
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
  // Whoever killed it meant it, unless we know better.
  item.stop_wanted = state == State::stopping && status.reason != StatusReason::agent_draining && !wanted;
  item.queue_again = item.doubtful = false;
  item.has_run = true;
  mark(item);
  item.until = {};
  move_to(item, state, "", now);
  item.since = now;
  take_seat(item, status, now);
  note("instance adopted instance=" + to_string(task.key) + " task=" + status.task_id + " agent=" + item.agent->id +
       " state=" + std::string(to_string(item.state)));
  if (status.reason == StatusReason::agent_draining) hear_of_draining(*item.agent, now);
  call_back(item);
  if (item.state == State::running) attempt_runs(item, now);
}

}  // namespace core
