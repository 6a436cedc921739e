#include <algorithm>
#include <utility>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {
constexpr std::size_t kTasksPerReconcile = 1000;
constexpr base::Duration kAskIntervalMin = std::chrono::seconds(1);
constexpr base::Duration kAskIntervalMax = std::chrono::seconds(60);
}  // namespace

bool Core::wants_suppressed(base::Time now) const {
  // A first subscription looks at every agent once: its offers name the executors of an earlier run.
  return discovering_until_ && now >= *discovering_until_ && queue_.size() == 0 && !wants_warm(now);
}

void Core::on(const Subscribed& event, base::Time now) {
  if (rebalance_) rebalance_->away_since.reset();
  if (framework_id_ != event.framework_id) {
    framework_id_ = event.framework_id;
    framework_changed_ = true;
  }
  suppressed_ = event.suppressed;
  master_takes_constraints_ = event.takes_constraints && now >= constraints_refused_until_;
  constrained_to_.clear();  // A SUBSCRIBE has none: every agent is looked at then.
  narrowing_since_.reset();
  narrow_at_.reset();
  connected_ = true;
  tell(ChangeKind::master_subscribed, "framework " + framework_id_);
  if (!discovering_until_) {
    discovering_until_ = now + config_.discovery;
    discovered_at_ = discovering_until_;
    implicit_reconcile_at_ = now + config_.implicit_reconcile_interval;
  }
  // The master forgets our offers at every subscription and tells nobody.
  void_offers();
  revive_interval_ = config_.revive_interval_min;
  revive_not_before_ = now;
  placing_wanted_ = true;
  reconcile(now);
  if (std::exchange(fence_wanted_, false)) raise_fence(now);
  items_.walk([&](Item& item) {
    if (item.state == State::stopping) kill(item, now);
  });
  for (const auto& [key, twin] : twins_) {
    if (twin->item->state == State::stopping) kill(*twin->item, now);
  }
  kill_strays_again(now);
  hear_anew_of_found_cells(now);
  for (const auto& [id, agent] : agents_) {
    if (agent->leaving) {
      agent->leaving->inverse_offers.clear();  // The master makes them anew.
      agent->leaving->stuck_since = now;       // Nothing could move.
    }
    if (agent->leaving || agent->cell) cell_timers_.emplace(now, id);
  }
}

// What another scheduler did with what we know, only Mesos can tell.
void Core::on(const LeadershipTaken& event, base::Time now) {
  fence_wanted_ = true;
  if (rebalances()) end_rebalance("this scheduler took the lead anew", now);
  forget_calls(event.another_led, now);
  post_mortems_ = {};
  if (!event.another_led) return;
  items_.walk([](Item& item) { item.doubtful = item.live(); });
  for (const auto& [id, agent] : agents_) {  // Nor whether a cell is still as idle as it was.
    if (!agent->cell) continue;
    CellRecord& cell = *agent->cell;
    cell.found = true;
    cell.report.reset();
    cell.reported_idle = false;
    cell.since = cell.idle_since = now;
    cell.asked_at = {};
    agent->described = false;
    refresh(*agent);
  }
  // An operator may have cancelled them where another led; there they were not known either.
  for (const std::string& id : std::exchange(drains_, {})) {
    const AgentPtr agent = find_agent(id);
    if (agent == nullptr || !agent->leaving) continue;
    agent->leaving->by_operator = agent->leaving->evicting = false;
    stay(*agent);
  }
}

// Mesos answers an explicit question about a name without an agent with TASK_UNKNOWN, after everything
// asked before it, and while agents are still to come back from a failover not at all.
void Core::raise_fence(base::Time now) {
  if (config_.fence_max <= base::Duration{0}) return;
  fence_ = "~fence." + random_.letters(kAttemptLetters);
  fence_until_ = now + config_.fence_max;
  act(Reconcile{{{fence_, ""}}});
}

void Core::nothing_was_sent(base::Time now) {
  if (fence_until_) fence_until_ = now + config_.fence_max;
  for (auto& [task, about] : unanswered_) {
    if (about.first_asked) about.first_asked = now;
  }
  hear_anew_of_found_cells(now);
}

// Nobody could tell of their work meanwhile, so that nothing was told means nothing.
void Core::hear_anew_of_found_cells(base::Time now) {
  for (const auto& [id, agent] : agents_) {
    if (agent->cell && agent->cell->found) agent->cell->unheard_since = now;
  }
}

// And with them what was planned on them.
void Core::void_offers() {
  while (!planned_.empty()) unplan_all(**planned_.begin());
  offers_.clear();
  for (const auto& [id, agent] : agents_) refresh(*agent);
}

void Core::on(const Disconnected& event, base::Time now) {
  connected_ = false;
  if (rebalance_ && !rebalance_->away_since) rebalance_->away_since = now;
  tell(ChangeKind::master_lost, event.reason);
  narrowing_since_.reset();
  narrow_at_.reset();
  void_offers();
  if (!fenced()) return;
  fence_until_.reset();
  fence_wanted_ = true;
}

void Core::on(const FrameworkRemoved& event, base::Time now) {
  connected_ = false;
  if (rebalances()) end_rebalance("the framework was removed", now);
  void_offers();
  unanswered_.clear();
  next_ask_at_.reset();
  strays_.clear();
  post_mortems_ = {};
  framework_id_.clear();
  framework_changed_ = true;
  warn("the framework is gone, its tasks with it text=\"" + event.text + "\"");
  for (const auto& [id, agent] : agents_) {
    if (!agent->cell) continue;
    end_promises(*agent);
    while (!agent->cell->live.empty()) quit_cell(*agent->cell->live.back(), *agent);
    agent->cell.reset();
    agent->described = false;
    if (agent->leaving) agent->leaving->inverse_offers.clear();
    cell_left(*agent);
    refresh(*agent);
  }
  forget_twins();
  std::vector<Handle> live;
  items_.walk([&](Item& item) {
    if (item.live()) live.push_back(items_.handle_of(item));
  });
  for (const Handle& handle : live) {
    Item& item = *Items::get(handle);  // Only ended ones leave the books, and none of these has.
    const std::string why = "the framework was removed";
    if (item.queue_again) {
      queue_again(item, "", now, now);
    } else if (item.stop_wanted) {
      end(item, State::stopped, item.reason(), now);
    } else if (item.doubtful) {
      end(item, State::lost, why, now);
    } else if (!item.started || (item.kind() == Kind::lrp && !config_.with_bbs)) {
      requeue_or_end(item, why, now);
    } else {
      end(item, State::lost, why, now);
    }
  }
}

void Core::reconcile(base::Time now) {
  unanswered_.clear();
  items_.walk([&](const Item& item) {
    if (item.live()) unanswered_[item.task_id()].agent_id = item.agent->id;
  });
  for (const auto& [key, twin] : twins_) {
    if (twin->item->live()) unanswered_[twin->item->task_id()].agent_id = twin->item->agent->id;
  }
  for (const auto& [id, agent] : agents_) {
    if (agent->cell && !agent->cell->boot_task.empty()) unanswered_[agent->cell->boot_task].agent_id = agent->id;
  }
  ask_interval_ = kAskIntervalMin;
  answered_at_.reset();
  ask_about_unanswered(now);
  act(Reconcile{});  // What we do not know of: tasks of an earlier run.
}

void Core::want_answer(const std::string& task_id, const std::string& agent_id, base::Time ask_at) {
  if (!unanswered_.try_emplace(task_id, Unanswered{agent_id, {}}).second) return;
  if (next_ask_at_ && *next_ask_at_ <= ask_at) return;
  next_ask_at_ = ask_at;
  ask_interval_ = kAskIntervalMin;
}

// Until every task is answered: a master that has just failed over does not answer for agents that
// are not back yet (Mesos: explicit reconciliation). Beyond --agent_reregister_timeout it has given
// up on those, and so do we.
void Core::ask_about_unanswered(base::Time now) {
  next_ask_at_.reset();
  if (unanswered_.empty() || !connected_) return;
  if (answered_at_ && now < *answered_at_ + ask_interval_) {  // Answers are still coming in.
    next_ask_at_ = *answered_at_ + ask_interval_;
    return;
  }
  std::vector<Status> given_up;
  Reconcile ask;
  for (auto& [task, about] : unanswered_) {
    if (!about.first_asked) about.first_asked = now;
    if (now - *about.first_asked >= config_.agent_reregister_timeout) {
      given_up.push_back({task, TaskState::gone, StatusReason::agent_lost, "", "no answer to reconciliation", "",
                          about.agent_id, "", false});
      continue;
    }
    ask.tasks.push_back({task, about.agent_id});
    if (ask.tasks.size() == kTasksPerReconcile) act(std::exchange(ask, {}));
  }
  if (!ask.tasks.empty()) act(std::move(ask));
  for (const Status& status : given_up) record(status, now);
  if (unanswered_.empty()) return;
  next_ask_at_ = now + ask_interval_;
  ask_interval_ = std::min(ask_interval_ * 2, kAskIntervalMax);
}

}  // namespace core
