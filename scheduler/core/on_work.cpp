#include <algorithm>
#include <utility>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {

void Core::on(const AuctionsSubmitted& event, base::Time now) {
  for (const Auction& auction : event.auctions) submit(auction, now);
}

void Core::submit(const Auction& auction, base::Time now) {
  if (const auto unfit = unfit_for_task_id(auction.key)) {
    warn("auction dropped instance=" + to_string(auction.key) + " reason=\"" + *unfit + "\"");
    return;
  }
  Item* known = items_.find(auction.key);
  if (known == nullptr || is_ended(known->state)) {
    if (known != nullptr) erase_ended(*known);
    Item& item = items_.add(auction.key);
    item.accepted = item.wanted_at = now;
    refresh_auction(item, auction);
    enqueue(item, now, now);
    placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(item));
    return;
  }
  switch (known->state) {
    case State::queued:
      known->wanted_at = now;
      known->unread = false;
      refresh_queued(*known, auction, now);
      break;
    case State::launching:
      refresh_auction(*known, auction);  // For another attempt, should this one fail.
      break;
    case State::starting:
      if (config_.with_bbs) {
        auctioned_again(*known, auction, now);
      } else {
        refresh_auction(*known, auction);
      }
      break;
    case State::stopping:
      refresh_auction(*known, auction);
      known->queue_again = true;
      break;
    default:  // Running: without a BBS to say that it crashed, it runs.
      if (config_.with_bbs) {
        auctioned_again(*known, auction, now);
        break;
      }
      if (known->auction_known) break;
      refresh_auction(*known, auction);
      if (const AgentPtr agent = agent_of(*known); agent != nullptr && agent->leaving) want_move(*known, now);
      break;
  }
}

// Diego sends everything unplaced again and again: a refresh, never new work.
void Core::refresh_queued(Item& item, const Auction& auction, base::Time now) {
  placing_wanted_ = true;
  const WishPtr wish = wishes_.of(auction.domain, auction.constraint, auction.resource);
  if (wish == item.wish) {
    item.trace = wishes_.trace(auction.trace_id);
    return mark(item);
  }
  const bool alike = wish->needs == item.wish->needs && wish->constraints == item.wish->constraints;
  const bool backs_off = item.waits == Waits::backing_off && item.until > now;
  dequeue(item);
  refresh_auction(item, auction);
  if (backs_off) {
    queue_.back_off(item);
  } else {
    queue_.put_ready(item);
  }
  if (!alike) revive_wanted_ = true;
}

// The rep has had it since: the BBS may want its next attempt already.
void Core::auctioned_again(Item& item, const Auction& auction, base::Time now) {
  refresh_auction(item, auction);
  item.successor = true;
  Item* twin = twin_of(item);
  if (twin != nullptr && twin->state == State::queued) return refresh_queued(*twin, auction, now);
  start_successor(item, now);
}

void Core::refresh_auction(Item& item, const Auction& auction) {
  item.wish = wishes_.of(auction.domain, auction.constraint, auction.resource);
  item.trace = wishes_.trace(auction.trace_id);
  item.auction_known = true;
  mark(item);
}

void Core::enqueue(Item& item, base::Time not_before, base::Time now) {
  item.state = State::queued;
  item.since = now;
  item.until = not_before;
  item.has_waited = item.doubtful = item.unread = item.rejecting = item.successor = false;
  mark(item);
  item.agent.reset();
  item.executor_id.reset();
  tell(item);
  linger_until_ = now + config_.offer_linger;
  if (not_before > now) {
    queue_.back_off(item);
  } else if (row_is_due(item, now)) {
    read_row_of(item);
  } else {
    queue_.put_ready(item);
  }
  try_again();
}

void Core::dequeue(Item& item) {
  if (item.waits == Waits::planned) {
    const AgentPtr agent = item.agent;
    unplan(item);
    try_again();  // Others may want its room.
    return refresh(*agent);
  }
  const bool awaits = item.waits == Waits::awaiting;
  queue_.remove(item);
  if (!awaits) return;
  end_promise(item);
  placing_wanted_ = true;
}

void Core::move_to(Item& item, State state, std::string reason, base::Time now) {
  mark(item);
  item.set_reason(std::move(reason));
  if (item.state == state) return;
  item.state = state;
  item.since = now;
  tell(item);
  if (state == State::running) item.has_run = true;
}

void Core::end(Item& item, State state, std::string reason, base::Time now) {
  leave_cell(item, now);
  note("instance ended instance=" + to_string(item.key()) + " task=" + item.task_id() +
       " state=" + std::string(to_string(state)) + (reason.empty() ? "" : " reason=\"" + reason + "\""));
  move_to(item, state, std::move(reason), now);
  ended_.emplace_back(now, items_.handle_of(item));
  ++ended_count_;
  while (ended_count_ > config_.ended_max) {
    Item* oldest = Items::get(ended_.front().second);
    ended_.pop_front();
    if (oldest != nullptr) erase_ended(*oldest);
  }
}

void Core::leave_ended(Item& item) {
  items_.forget_handles(item);
  --ended_count_;
}

void Core::erase_ended(Item& item) {
  --ended_count_;
  erase(item);
}

void Core::on(const StopRequested& event, base::Time now) {
  for (const Key& key : matching(event.pattern)) {
    Item* found = items_.find(key);  // Ending one may have pushed an ended one out of the books.
    if (found == nullptr || is_ended(found->state)) continue;
    Item& item = *found;
    const bool asked_before = item.stop_wanted;
    item.stop_wanted = true;
    item.queue_again = item.successor = false;
    stop_twin(item, now);
    mark(item);
    if (item.state == State::stopping && asked_before) continue;  // Its KILL is repeated as it is.
    if (item.state == State::queued) {
      dequeue(item);
      bbs_.withdraw(key);
      end(item, State::stopped, "stopped by request", now);
      continue;
    }
    move_to(item, State::stopping, "stopped by request", now);
    kill(item, now);
  }
}

void Core::kill(Item& item, base::Time now) {
  // Mesos does not promise to deliver a KILL: it is repeated until an end is heard of.
  if (connected_) act(Kill{item.agent->id, item.task_id()});
  item.until = now + config_.kill_retry;
  kills_.arm(item.until, items_.handle_of(item));
}

}  // namespace core
