#include "scheduler/core/core.hpp"

#include <algorithm>

namespace core {

Core::Core(Config config, const CellFactory& cells, std::unique_ptr<placement::Strategy> strategy, base::Random random)
    : config_(std::move(config)),
      usual_(config_),
      cell_factory_(cells),
      random_(random),
      cluster_(std::move(strategy), config_.limits),
      wishes_(config_),
      revive_interval_(config_.revive_interval_min),
      cell_prefix_("diego-cell-" + cell_factory_.fingerprint() + "-") {}

void Core::begin_frame(base::Time now) {
  if (now_ != base::Time{} && now > now_)
    offer_seconds_ += static_cast<double>(offers_.size()) * base::to_seconds(now - now_);
  now_ = now;
}

Actions Core::handle(const Event& event, base::Time now) {
  begin_frame(now);
  std::visit([this, now](const auto& one) { on(one, now); }, event);
  return std::exchange(actions_, {});
}

Actions Core::settle(base::Time now, bool may_launch) {
  begin_frame(now);
  run_due(now);
  if (fence_until_ && *fence_until_ <= now) fence_until_.reset();
  if (connected_ && !fenced()) {
    if (planned_.empty()) planned_since_ = now;
    if (placing_wanted_) placing_wanted_ = !place_some(now);
    // Not before everything is decided: an ACCEPT uses up its agent's offers. But no plan waits for ever.
    const bool pressing = now - planned_since_ >= config_.offer_hold / 2;
    if (may_launch && (!placing_wanted_ || pressing)) launch_some(now);
    if (!placing_wanted_ && planned_.empty()) {
      if (may_launch) start_warm_cells(now);
      answer_the_rest(now);
    } else {
      decline(offers_.take_stale(now - config_.offer_hold, [this](const OfferPool& pool) {
        const AgentPtr agent = find_agent(pool.agent_id);
        return agent == nullptr || agent->planned.empty();
      }));
    }
  }
  call_bbs(now);
  return std::exchange(actions_, {});
}

std::optional<base::Time> Core::next_deadline() const {
  if (connected_ && !fenced() && (placing_wanted_ || !planned_.empty())) return base::Time{};
  std::optional<base::Time> next;
  const auto consider = [&next](const std::optional<base::Time>& at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const ItemTimers* timers : {&kills_, &silences_, &placement_timeouts_}) consider(timers->next());
  for (const auto& at : {next_ask_at_, implicit_reconcile_at_, discovered_at_, revive_at_, narrow_at_,
                         launch_credit_at_, fence_until_, strays_due_, sweep_at_, rebalance_at_, queue_.next_due()})
    consider(at);
  if (!cell_timers_.empty()) consider(cell_timers_.begin()->first);
  if (!ended_.empty()) consider(ended_.front().first + config_.ended_keep);
  if (config_.with_bbs) consider(bbs_.next_due());
  if (const auto oldest = offers_.oldest(); oldest && connected_ && !fenced()) consider(*oldest + config_.offer_hold);
  return next;
}

base::Status Core::admits(std::size_t auctions) const {
  if (queue_.size() + auctions <= config_.queue_max) return base::ok();
  return base::Error{"queue", "is full: " + std::to_string(queue_.size()) + " instances wait, --queue-max is " +
                                  std::to_string(config_.queue_max)};
}

void Core::run_due(base::Time now) {
  const auto due = [now](std::optional<base::Time>& at) {
    if (!at || *at > now) return false;
    at.reset();
    return true;
  };
  if (sweep_at_ && *sweep_at_ <= now) sweep_queue(now);
  if (due(discovered_at_)) try_again();
  if (due(launch_credit_at_)) placing_wanted_ = boot_wanted_ = true;
  due(revive_at_);  // answer_the_rest() does it...
  due(narrow_at_);  // ...and this.
  end_waits(now);
  run_items_due(now);
  if (due(strays_due_)) kill_strays_again(now);
  // Tending a cell may arm its timer anew.
  std::vector<std::string> cells;
  while (!cell_timers_.empty() && cell_timers_.begin()->first <= now)
    cells.push_back(std::move(cell_timers_.extract(cell_timers_.begin()).value().second));
  for (const std::string& agent_id : cells) tend_cell(agent_id, now);
  roll_some(now);
  rebalance_some(now);
  if (next_ask_at_ && *next_ask_at_ <= now) ask_about_unanswered(now);
  if (due(implicit_reconcile_at_)) {
    if (connected_) act(Reconcile{});
    implicit_reconcile_at_ = now + config_.implicit_reconcile_interval;
  }
}

// Who backed off may be placed now; who awaited an offer may start a new cell. What fits them may
// have been declined meanwhile.
void Core::end_waits(base::Time now) {
  const auto next = queue_.next_due();
  if (!next || *next > now) return;
  for (Item* item : queue_.take_due(now)) {
    if (item->has_waited) end_promise(*item);
    queue_.put_ready(*item);
  }
  try_again();
}

void Core::run_items_due(base::Time now) {
  while (const auto timer = kills_.pop_due(now)) {
    Item* item = Items::get(timer->item);
    if (item != nullptr && item->state == State::stopping && item->until == timer->at) kill(*item, now);
  }
  silences_.trim([](const Item& item) { return item.state == State::launching; });
  while (const auto timer = silences_.pop_due(now)) {
    Item* item = Items::get(timer->item);
    if (item == nullptr || item->state != State::launching || now - item->since < config_.launch_silence) continue;
    want_answer(item->task_id(), item->agent->id, now);
    silences_.arm(now + config_.launch_silence, timer->item);
  }
  placement_timeouts_.trim([](const Item& item) { return item.state == State::queued; });
  while (const auto timer = placement_timeouts_.pop_due(now)) {
    Item* item = Items::get(timer->item);
    if (item == nullptr || item->state != State::queued) continue;
    if (now < item->since + config_.placement_timeout) continue;  // It was queued again since, with another timer.
    if (config_.with_bbs) {
      report_unplaced(*item, now);
      continue;
    }
    if (item->twin) continue;
    std::string reason = unplaced_reason(*item, now);
    if (reason.empty()) reason = reason_of(*item);
    if (reason.empty()) {  // It is about to be placed, or seems so.
      placement_timeouts_.arm(now + config_.placement_timeout, timer->item);
      continue;
    }
    warn("not placed for " + std::to_string(base::to_millis(now - item->accepted) / 1000) +
             " s instance=" + to_string(item->key()) + " reason=\"" + reason + "\"",
         Refusal{item->key(), reason, item->trace == nullptr ? "" : *item->trace});
    tell_unplaced(*item, reason);
  }
  while (!ended_.empty()) {
    Item* item = Items::get(ended_.front().second);
    if (item != nullptr && now - ended_.front().first < config_.ended_keep) break;
    ended_.pop_front();
    if (item != nullptr) erase_ended(*item);
  }
}

}  // namespace core
