#include <algorithm>
#include <limits>
#include <utility>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {

QueueRank rank(const Item& item) {
  const Key& key = item.auction.key;
  const bool first_lrp = key.kind == Kind::lrp && key.index == 0;
  const int group = first_lrp ? 0 : key.kind == Kind::task ? 1 : 2;
  return {group, group == 2 ? key.index : 0, -item.request.needs.mem_mb, item.accepted, key};
}

placement::Request Core::request_of(const Auction& auction) const {
  placement::Request request;
  request.is_lrp = auction.key.kind == Kind::lrp;
  request.process = auction.key.guid;
  request.index = auction.key.index;
  const std::int64_t mem_mb =
      auction.resource.memory_mb > 0 ? auction.resource.memory_mb : config_.instance_mem_floor_mb;
  const std::int64_t cpus_milli = config_.cpus_milli_per_gib > 0
                                      ? std::max<std::int64_t>(1, mem_mb * config_.cpus_milli_per_gib / 1024)
                                      : config_.instance_cpus_milli;
  request.needs = {mem_mb, auction.resource.disk_mb, cpus_milli, 1};
  request.rootfs = diego::parse_rootfs(auction.constraint.rootfs);
  request.placement_tags = {auction.constraint.placement_tags.begin(), auction.constraint.placement_tags.end()};
  request.volume_drivers = {auction.constraint.volume_drivers.begin(), auction.constraint.volume_drivers.end()};
  return request;
}

void Core::on(const AuctionsSubmitted& event, base::Time now) {
  for (const Auction& auction : event.auctions) submit(auction, now);
}

void Core::submit(const Auction& auction, base::Time now) {
  if (const auto unfit = unfit_for_task_id(auction.key)) {
    warn("auction dropped instance=" + to_string(auction.key) + " reason=\"" + *unfit + "\"");
    return;
  }
  Item* known = find(auction.key);
  if (known == nullptr || is_ended(known->state)) {
    if (known != nullptr) ended_.erase({known->since, auction.key});
    Item fresh;
    fresh.auction = auction;
    fresh.request = request_of(auction);
    fresh.accepted = now;
    Item& item = items_.insert_or_assign(auction.key, std::move(fresh)).first->second;
    enqueue(item, now, now);
    timers_.arm({now + config_.placement_timeout, TimerKind::placement_timeout, auction.key, {}});
    return;
  }
  switch (known->state) {
    case State::queued: {  // Diego sends everything unplaced again and again: a refresh, never new work.
      const placement::Request before = known->request;
      dequeue(*known);
      refresh_auction(*known, auction);
      queue_.insert(rank(*known));
      placing_wanted_ = true;
      if (!(known->request == before)) revive_wanted_ = true;
      break;
    }
    case State::launching:
    case State::starting:
      refresh_auction(*known, auction);  // For another attempt, should this one fail.
      break;
    case State::stopping:
      refresh_auction(*known, auction);
      known->queue_again = true;
      break;
    default:  // Running: without a BBS to say that it crashed, it runs.
      if (!known->auction_known) refresh_auction(*known, auction);
      break;
  }
}

void Core::refresh_auction(Item& item, const Auction& auction) {
  auto avoid = std::move(item.request.avoid);
  item.auction = auction;
  item.auction_known = true;
  item.request = request_of(auction);
  item.request.avoid = std::move(avoid);
}

void Core::enqueue(Item& item, base::Time not_before, base::Time now) {
  item.state = State::queued;
  item.since = now;
  item.not_before = not_before;
  item.awaiting_until.reset();
  queue_.insert(rank(item));
  placing_wanted_ = true;
  revive_wanted_ = true;
  if (not_before > now) timers_.arm({not_before, TimerKind::place, {}, {}});
}

void Core::dequeue(const Item& item) { queue_.erase(rank(item)); }

void Core::move_to(Item& item, State state, std::string reason, base::Time now) {
  item.reason = std::move(reason);
  if (item.state == state) return;
  item.state = state;
  item.since = now;
}

void Core::end(Item& item, State state, std::string reason, base::Time now) {
  leave_cell(item, now);
  const Key key = item.auction.key;
  note("instance ended instance=" + to_string(key) + " task=" + item.task_id +
       " state=" + std::string(to_string(state)) + (reason.empty() ? "" : " reason=\"" + reason + "\""));
  move_to(item, state, std::move(reason), now);
  ended_.emplace(item.since, key);
  timers_.arm({now + config_.ended_keep, TimerKind::ended, key, {}});
  while (ended_.size() > config_.ended_max) {
    const Key oldest = ended_.begin()->second;
    ended_.erase(ended_.begin());
    items_.erase(oldest);
  }
}

void Core::on(const StopRequested& event, base::Time now) {
  for (const Key& key : matching(event.pattern)) {
    Item* found = find(key);  // Ending one may have pushed an ended one out of the books.
    if (found == nullptr || is_ended(found->state)) continue;
    Item& item = *found;
    const bool asked_before = std::exchange(item.stop_wanted, true);
    item.queue_again = false;
    if (item.state == State::stopping && asked_before) continue;  // Its KILL is repeated as it is.
    if (item.state == State::queued) {
      dequeue(item);
      end(item, State::stopped, "stopped by request", now);
      continue;
    }
    move_to(item, State::stopping, "stopped by request", now);
    kill(item, now);
  }
}

void Core::kill(Item& item, base::Time now) {
  // Mesos does not promise to deliver a KILL: it is repeated until an end is heard of.
  if (connected_) act(Kill{item.agent_id, item.task_id});
  item.kill_at = now + config_.kill_retry;
  timers_.arm({*item.kill_at, TimerKind::kill, item.auction.key, {}});
}

std::vector<Key> Core::matching(const KeyPattern& pattern) const {
  std::vector<Key> keys;
  const std::int32_t lowest = pattern.index.value_or(std::numeric_limits<std::int32_t>::min());
  for (auto item = items_.lower_bound(Key{pattern.kind, pattern.guid, lowest}); item != items_.end(); ++item) {
    if (!pattern.matches(item->first)) break;
    keys.push_back(item->first);
  }
  return keys;
}

}  // namespace core
