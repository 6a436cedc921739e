#include "scheduler/core/core.hpp"

#include <cassert>

#include "scheduler/core/ids.hpp"

namespace core {
namespace {

std::unique_ptr<placement::Strategy> strategy_or_die(const std::string& name) {
  auto strategy = placement::make_strategy(name);
  assert(strategy);  // The flags were checked.
  return std::move(*strategy);
}

}  // namespace

Core::Core(Config config, const CellFactory& cells, base::Random random)
    : config_(std::move(config)),
      cell_factory_(cells),
      random_(random),
      cluster_(strategy_or_die(config_.strategy)),
      revive_interval_(config_.revive_interval_min) {}

Actions Core::handle(const Event& event, base::Time now) {
  std::visit([this, now](const auto& one) { on(one, now); }, event);
  return std::exchange(actions_, {});
}

Actions Core::settle(base::Time now) {
  run_due(now);
  if (connected_) {
    if (placing_wanted_) place_waiting(now);
    answer_the_rest(now);
  }
  return std::exchange(actions_, {});
}

base::Status Core::admits(std::size_t auctions) const {
  if (queue_.size() + auctions <= config_.queue_max) return base::ok();
  return base::Error{"queue", "is full: " + std::to_string(queue_.size()) + " instances wait, --queue-max is " +
                                  std::to_string(config_.queue_max)};
}

Item* Core::find(const Key& key) {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : &found->second;
}

void Core::run_due(base::Time now) {
  // Handlers may arm timers that are due at once; one round takes only what was due before it.
  std::vector<Timer> due;
  while (auto timer = timers_.pop_due(now)) due.push_back(std::move(*timer));
  for (const Timer& timer : due) run(timer, now);
}

void Core::run(const Timer& timer, base::Time now) {
  switch (timer.kind) {
    case TimerKind::place:
      placing_wanted_ = revive_wanted_ = true;  // What fits it may have been declined meanwhile.
      break;
    case TimerKind::placement_timeout:
      if (Item* item = find(timer.key); item != nullptr && item->state == State::queued && !item->reason.empty()) {
        warn("not placed for " + std::to_string(base::to_millis(now - item->accepted) / 1000) +
             " s instance=" + to_string(timer.key) + " reason=\"" + item->reason + "\"");
      }
      break;
    case TimerKind::kill:
      if (Item* item = find(timer.key);
          item != nullptr && item->state == State::stopping && item->kill_at == timer.at) {
        kill(*item, now);
      }
      break;
    case TimerKind::launch_silence:
      if (Item* item = find(timer.key);
          item != nullptr && item->state == State::launching && now - item->since >= config_.launch_silence) {
        want_answer(item->task_id, item->agent_id, now);
        timers_.arm({now + config_.launch_silence, TimerKind::launch_silence, timer.key, {}});
      }
      break;
    case TimerKind::cell:
      tend_cell(timer.agent_id, now);
      break;
    case TimerKind::stale_offers:
      break;  // answer_the_rest() looks at their age.
    case TimerKind::reconcile:
      if (next_ask_at_ == timer.at) ask_about_unanswered(now);
      break;
    case TimerKind::implicit_reconcile:
      if (connected_) act(Reconcile{});
      timers_.arm({now + config_.implicit_reconcile_interval, TimerKind::implicit_reconcile, {}, {}});
      break;
    case TimerKind::ended:
      if (Item* item = find(timer.key);
          item != nullptr && is_ended(item->state) && now - item->since >= config_.ended_keep) {
        ended_.erase({item->since, timer.key});
        items_.erase(timer.key);
      }
      break;
  }
}

}  // namespace core
