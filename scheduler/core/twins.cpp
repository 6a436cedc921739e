// Two attempts of one key at a time: where an instance moves, its next attempt runs before the last one
// is killed; and where one that was given up comes back, it serves until its successor runs. The item in
// the books always is the attempt that counts; the other one is its twin. Only the first is durable: an
// attempt that a restart knows nothing of is killed or adopted like any other stray.
#include <algorithm>
#include <array>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {

Item* Core::twin_of(const Item& item) const {
  if (twins_.empty()) return nullptr;
  const auto found = twins_.find(item.key());
  return found == twins_.end() ? nullptr : found->second->item;
}

// The live attempt of that name, whichever of the two it is.
Item* Core::attempt_of(const ParsedTaskId& task) const {
  Item* item = items_.find(task.key);
  if (item != nullptr && item->live() && is_attempt_of(*item, task)) return item;
  if (twins_.empty()) return nullptr;
  const auto twin = twins_.find(task.key);
  if (twin == twins_.end()) return nullptr;
  item = twin->second->item;
  return item->live() && is_attempt_of(*item, task) ? item : nullptr;
}

Item& Core::add_twin(Item& item) {
  auto twin = std::make_unique<Twin>(Twin{{item.kind(), item.process->guid, {}}, nullptr});
  twin->item = &items_.add_twin(twin->process, item.index);
  Item& added = *twin->item;
  added.wish = item.wish;
  added.trace = item.trace;
  added.accepted = item.accepted;
  added.has_run = true;
  twins_.emplace(item.key(), std::move(twin));
  return added;
}

// It is in no list any more.
void Core::erase_twin(Item& twin) {
  const Key key = twin.key();
  items_.erase_twin(twin);
  twins_.erase(key);
}

// Its agent is left: queues its next attempt, if only what is known of it can be launched again.
void Core::want_move(Item& item, base::Time now) {
  if (item.twin || item.kind() != Kind::lrp || !item.auction_known || item.stop_wanted) return;
  if (config_.with_bbs) return;  // Which has its rep evacuated, and auctions it.
  if (item.state != State::running || twins_.contains(item.key())) return;
  if (has_stray(item.key())) return;  // Two at a time: it moves when that one has ended.
  enqueue(add_twin(item), now, now);
}

// It need not move any more. A launch that is on its way is not called back.
void Core::drop_move(const Item& item) {
  Item* twin = twin_of(item);
  if (twin == nullptr || twin == &item || twin->state != State::queued) return;
  dequeue(*twin);
  erase_twin(*twin);
}

void Core::swap_attempts(Item& a, Item& b) {
  for (Item* item : {&a, &b}) {
    if (item->in_cell) agent_of(*item)->cell->live.remove(*item);
  }
  std::swap(a.attempt, b.attempt);
  std::swap(a.agent, b.agent);
  std::swap(a.executor_id, b.executor_id);
  std::swap(a.charged, b.charged);
  std::swap(a.state, b.state);
  std::swap(a.since, b.since);
  std::swap(a.until, b.until);
  const std::array<bool, 5> of_a{a.heard, a.started, a.ran, a.in_cell, a.counts_as_starting};
  a.heard = b.heard;
  a.started = b.started;
  a.ran = b.ran;
  a.in_cell = b.in_cell;
  a.counts_as_starting = b.counts_as_starting;
  b.heard = of_a[0];
  b.started = of_a[1];
  b.ran = of_a[2];
  b.in_cell = of_a[3];
  b.counts_as_starting = of_a[4];
  for (Item* item : {&a, &b}) {
    if (item->in_cell) agent_of(*item)->cell->live.add(*item);
  }
  mark(a.twin ? b : a);
}

void Core::kill_twin(Item& twin, std::string reason, base::Time now) {
  if (twin.state == State::stopping) return;
  move_to(twin, State::stopping, std::move(reason), now);
  kill(twin, now);
}

// An attempt has come to run: the other one of its key has had its day.
void Core::attempt_runs(Item& item, base::Time now) {
  if (item.twin) {
    Item& current = *items_.find(item.key());
    note(std::string(config_.with_bbs ? "instance started anew" : "instance moved") + " instance=" +
         to_string(item.key()) + " task=" + item.task_id() + " agent=" + item.agent->id + " from=" + current.agent->id);
    swap_attempts(current, item);
    ++current.attempts;
    current.failures = 0;
    move_to(current, State::running, "", now);
    item.state = State::running;  // As a KILL wants to find it, whatever Mesos did to it.
    if (config_.with_bbs) return start_successor(current, now);  // The BBS ends the old one, or it has ended.
    return kill_twin(item, "its successor runs", now);
  }
  if (config_.with_bbs) return start_successor(item, now);
  if (Item* twin = twin_of(item); twin != nullptr && twin->state == State::running)
    kill_twin(*twin, "its successor runs", now);
  const AgentPtr agent = agent_of(item);
  if (agent != nullptr && agent->leaving) want_move(item, now);
}

// The attempt that counts has ended: its twin, if one lives, counts from now on. False: there is none.
bool Core::hand_over(Item& item, const Status& status, base::Time now) {
  Item* twin = twin_of(item);
  if (twin == nullptr) return false;
  const bool stop = item.stop_wanted || (!config_.with_bbs && status.state == TaskState::finished && !item.queue_again);
  if (twin->state == State::queued) {
    dequeue(*twin);
    erase_twin(*twin);
    return false;
  }
  if (twin->state == State::stopping && !item.stop_wanted) return false;  // It is the last attempt, not the next.
  note("an attempt ended, its twin goes on instance=" + to_string(item.key()) + " task=" + twin->task_id());
  swap_attempts(item, *twin);
  ++item.attempts;
  item.failures = 0;
  leave_cell(*twin, now);
  erase_twin(*twin);
  if (!stop) {
    item.queue_again = false;
    item.set_reason("");
    if (item.state == State::launching) silences_.arm(now + config_.launch_silence, items_.handle_of(item));
    return true;
  }
  item.stop_wanted = true;
  move_to(item, State::stopping, "stopped by request", now);
  kill(item, now);
  return true;
}

void Core::twin_ended(Item& twin, const Status& status, base::Time now) {
  if (config_.with_bbs) return successor_ended(twin, status, now);
  Item* item = items_.find(twin.key());
  const AgentPtr agent = item == nullptr || !item->live() ? nullptr : agent_of(*item);
  const bool wanted = (twin.state == State::launching || twin.state == State::starting) && agent != nullptr &&
                      agent->leaving && !item->stop_wanted;
  leave_cell(twin, now);
  if (!wanted) {
    erase_twin(twin);
    if (agent != nullptr && agent->leaving) want_move(*item, now);
    return;
  }
  retry_twin(twin, status, now);
}

// It has left its cell.
void Core::retry_twin(Item& twin, const Status& status, base::Time now) {
  ++twin.failures;
  twin.rarely().avoid.insert(status.agent_id);
  warn("move failed, trying again instance=" + to_string(twin.key()) + " task=" + twin.task_id() + " agent=" +
       status.agent_id + " reason=\"" + std::string(to_string(status.state)) + ": " + status.message + "\"");
  if (config_.with_bbs) placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(twin));
  enqueue(twin, now + launch_backoff(twin.failures), now);
}

void Core::stop_twin(const Item& item, base::Time now) {
  Item* twin = twin_of(item);
  if (twin == nullptr) return;
  if (twin->state == State::queued) {
    dequeue(*twin);
    erase_twin(*twin);
  } else {
    kill_twin(*twin, "stopped by request", now);
  }
}

// An attempt that was given up is back while its successor only starts: it serves until that one runs, and
// again counts if that one fails.
bool Core::keep_beside(Item& item, const ParsedTaskId& task, const Status& status, base::Time now) {
  const bool starts = item.state == State::launching || item.state == State::starting;
  const bool may_stay = starts || (config_.with_bbs && item.state == State::running);  // The BBS settles it.
  if (item.kind() != Kind::lrp || !may_stay || status.state != TaskState::running) return false;
  if (twins_.contains(item.key())) return false;
  Item& twin = add_twin(item);
  std::copy(task.attempt.begin(), task.attempt.end(), twin.attempt.begin());
  twin.heard = twin.started = twin.ran = true;
  twin.state = State::running;
  twin.since = now;
  note("an attempt came back and stays until its successor runs task=" + status.task_id + " current=" + item.task_id());
  take_seat(twin, status, now);
  call_back(twin);
  return true;
}

// A live attempt that we learn of from Mesos: into the books of its agent.
void Core::take_seat(Item& item, const Status& status, base::Time now) {
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
    } else {
      item.executor_id = std::make_shared<const std::string>(status.executor_id);
    }
  }
  placing_wanted_ = true;
  refresh(record);
}

// Their cells are gone already.
void Core::forget_twins() {
  for (const auto& [key, twin] : twins_) {
    if (twin->item->state == State::queued) dequeue(*twin->item);
    items_.erase_twin(*twin->item);
  }
  twins_.clear();
}

}  // namespace core
