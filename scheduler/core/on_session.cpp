#include <algorithm>

#include "scheduler/core/core.hpp"

namespace core {
namespace {
constexpr std::size_t kTasksPerReconcile = 1000;
constexpr base::Duration kReconcileIntervalMin = std::chrono::seconds(1);
constexpr base::Duration kReconcileIntervalMax = std::chrono::seconds(60);
}  // namespace

bool Core::wants_suppressed(base::Time now) const {
  // A first subscription looks at every agent once: its offers name the executors of an earlier run.
  return discovering_until_ && now >= *discovering_until_ && queue_.empty();
}

void Core::on(const Subscribed& event, base::Time now) {
  if (framework_id_ != event.framework_id) {
    framework_id_ = event.framework_id;
    act(SaveFramework{framework_id_});
  }
  suppressed_ = event.suppressed;
  connected_ = true;
  if (!discovering_until_) {
    discovering_until_ = now + config_.discovery;
    timers_.arm({*discovering_until_, TimerKind::place, {}, {}});
    timers_.arm({now + config_.implicit_reconcile_interval, TimerKind::implicit_reconcile, {}, {}});
  }
  // The master forgets our offers at every subscription and tells nobody.
  offers_.clear();
  for (const auto& [id, agent] : agents_) refresh(agent);
  revive_interval_ = config_.revive_interval_min;
  revive_not_before_ = now;
  placing_wanted_ = true;
  reconcile(now);
  for (auto& [key, item] : items_) {
    if (item.state == State::stopping) kill(item, now);
  }
}

void Core::on(const Disconnected&, base::Time) {
  connected_ = false;
  offers_.clear();
  for (const auto& [id, agent] : agents_) refresh(agent);
}

void Core::on(const FrameworkRemoved& event, base::Time now) {
  connected_ = false;
  offers_.clear();
  unanswered_.clear();
  framework_id_.clear();
  act(ForgetFramework{});
  warn("the framework is gone, its tasks with it text=\"" + event.text + "\"");
  std::vector<Key> live;
  for (const auto& [key, item] : items_) {
    if (item.live()) live.push_back(key);
  }
  for (auto& [id, agent] : agents_) agent.cell.reset();
  for (const Key& key : live) {
    Item& item = items_.at(key);
    if (item.stop_wanted) {
      end(item, State::stopped, item.reason, now);
    } else if (key.kind == Kind::lrp) {
      queue_again(item, "the framework was removed", now, now);
    } else {
      end(item, State::lost, "the framework was removed", now);
    }
  }
  for (const auto& [id, agent] : agents_) refresh(agent);
}

void Core::reconcile(base::Time now) {
  unanswered_.clear();
  for (const auto& [key, item] : items_) {
    if (item.live()) unanswered_.emplace(item.task_id, item.agent_id);
  }
  reconciling_since_ = now;
  reconcile_interval_ = kReconcileIntervalMin;
  ask_about_unanswered(now);
  act(Reconcile{});  // What we do not know of: tasks of an earlier run.
}

// Until every task is answered: a master that has just failed over does not answer for agents that
// are not back yet (Mesos: explicit reconciliation).
void Core::ask_about_unanswered(base::Time now) {
  if (unanswered_.empty() || !connected_) return;
  if (reconcile_interval_ == base::Duration{0}) {  // Outside a round: a launch fell silent.
    reconciling_since_ = now;
    reconcile_interval_ = kReconcileIntervalMin;
  }
  if (now - reconciling_since_ >= config_.agent_reregister_timeout) {
    // Beyond this the master has given up on agents that have not come back.
    for (const auto& [task, agent] : std::exchange(unanswered_, {})) {
      record({task, TaskState::gone, StatusReason::agent_lost, "", "no answer to reconciliation", "", agent, ""}, now);
    }
    reconcile_interval_ = base::Duration{0};
    return;
  }
  Reconcile ask;
  for (const auto& [task, agent] : unanswered_) {
    ask.tasks.push_back({task, agent});
    if (ask.tasks.size() == kTasksPerReconcile) act(std::exchange(ask, {}));
  }
  if (!ask.tasks.empty()) act(std::move(ask));
  timers_.arm({now + reconcile_interval_, TimerKind::reconcile, {}, {}});
  reconcile_interval_ = std::min(reconcile_interval_ * 2, kReconcileIntervalMax);
}

}  // namespace core
