#include <algorithm>
#include <cassert>
#include <tuple>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {

std::vector<std::string> ids_of(const std::vector<Offer>& offers) {
  std::vector<std::string> ids;
  ids.reserve(offers.size());
  for (const Offer& offer : offers) ids.push_back(offer.id);
  return ids;
}

diego::Lrp lrp_of(const Auction& auction) {
  diego::Lrp lrp;
  lrp.process_guid = auction.key.guid;
  lrp.index = auction.key.index;
  lrp.domain = auction.domain;
  lrp.constraint = auction.constraint;
  lrp.resource = auction.resource;
  return lrp;
}

diego::Task task_of(const Auction& auction) {
  diego::Task task;
  task.task_guid = auction.key.guid;
  task.domain = auction.domain;
  task.constraint = auction.constraint;
  task.resource = auction.resource;
  return task;
}

std::string element_of(const Auction& auction) {
  return auction.key.kind == Kind::lrp ? diego::write_element(lrp_of(auction)) : diego::write_element(task_of(auction));
}

std::string dashed(std::string ip) {
  std::replace_if(
      ip.begin(), ip.end(), [](char c) { return c == '.' || c == ':'; }, '-');
  return ip;
}

}  // namespace

void Core::on(const OffersArrived& event, base::Time now) {
  for (const Offer& offer : event.offers) {
    AgentRecord& record = agent(offer.agent_id);
    record.hostname = offer.hostname;
    record.ip = offer.ip;
    record.attributes = offer.attributes;
    record.fault_domain_zone = offer.fault_domain_zone;
    record.lost = false;
    see_executors(record, offer, now);
    offers_.add(offer, now);
    record.last_offered = offers_.offered(record.id);
    refresh(record);
  }
  if (!event.offers.empty()) {
    placing_wanted_ = true;
    timers_.arm({now + config_.offer_hold, TimerKind::stale_offers, {}, {}});
  }
}

void Core::on(const OfferRescinded& event, base::Time) {
  if (const auto agent_id = offers_.rescind(event.offer_id)) {
    AgentRecord& record = agent(*agent_id);
    record.last_offered = offers_.offered(*agent_id);
    refresh(record);
  }
}

void Core::on(const InverseOffersArrived& event, base::Time) {
  // Until cells can be evacuated we cannot promise to leave.
  act(DeclineInverseOffers{event.inverse_offer_ids});
}

bool Core::has_live_work(const std::string& executor_id) const {
  return std::any_of(items_.begin(), items_.end(),
                     [&](const auto& entry) { return entry.second.live() && entry.second.executor_id == executor_id; });
}

void Core::see_executors(AgentRecord& agent, const Offer& offer, base::Time now) {
  for (const std::string& executor_id : offer.executor_ids) {
    if (!agent.cell) {
      see_cell(agent, executor_id, now);
    } else if (agent.cell->executor_id != executor_id && !has_live_work(executor_id)) {
      warn("a second cell on an agent is told to go executor=" + executor_id + " agent=" + agent.id);
      act(ShutdownExecutor{agent.id, executor_id});
    }
  }
  if (!agent.cell) return;
  const CellRecord& cell = *agent.cell;
  const auto& booked = offer.executor_ids;
  if (std::find(booked.begin(), booked.end(), cell.executor_id) != booked.end()) return;
  // The master books it no longer: its FAILURE event was lost. An offer made before the master saw
  // our ACCEPT does not name a cell that has just been launched either.
  const bool just_launched = !cell.heard && !cell.stopping && now - cell.since < config_.launch_silence;
  if (cell.live.empty() && !just_launched) forget_cell(agent, now);
}

bool Core::anything_waits(base::Time now) const {
  return std::any_of(queue_.begin(), queue_.end(),
                     [&](const QueueRank& entry) { return items_.at(entry.key).not_before <= now; });
}

// What two requests must share to be refused alike within one pass, in which room only shrinks.
struct Likeness {
  bool is_lrp;
  placement::Amounts needs;
  std::string rootfs;
  std::set<std::string> tags, drivers;
  auto key() const { return std::tie(is_lrp, needs.mem_mb, needs.disk_mb, needs.cpus_milli, rootfs, tags, drivers); }
  bool operator<(const Likeness& other) const { return key() < other.key(); }
};

void Core::await(Item& item, const std::string& agent_id, base::Time now) {
  item.reason = "waiting for an offer of agent " + agent_id;
  if (item.awaiting_until) return;
  item.awaiting_until = now + config_.offer_wait;
  timers_.arm({*item.awaiting_until, TimerKind::place, {}, {}});
}

void Core::place_waiting(base::Time now) {
  placing_wanted_ = false;
  std::map<std::string, std::vector<Key>> plan;
  std::map<Likeness, std::string> refused;
  std::map<std::pair<Likeness, std::string>, std::string> awaiting;  // By process too: zones count by it.
  for (const QueueRank& entry : queue_) {
    Item& item = items_.at(entry.key);
    if (item.not_before > now) continue;
    const Likeness likeness{item.request.is_lrp, item.request.needs, item.auction.constraint.rootfs,
                            item.request.placement_tags, item.request.volume_drivers};
    if (const auto known = refused.find(likeness); known != refused.end()) {
      item.reason = known->second;
      continue;
    }
    const bool may_wait = !item.awaiting_until || now < *item.awaiting_until;
    if (may_wait) {
      if (const auto known = awaiting.find({likeness, item.request.process}); known != awaiting.end()) {
        await(item, known->second, now);
        continue;
      }
    }
    const placement::Outcome outcome = cluster_.place(item.request, may_wait);
    if (const auto* placed = std::get_if<placement::Placement>(&outcome)) {
      auto& keys = plan[placed->agent_id];
      keys.push_back(entry.key);
      if (keys.size() == config_.tasks_per_accept_max) {  // The rest of the agent waits for its next offer.
        placement::Cell full = *cluster_.find(placed->agent_id);
        full.room = {};
        cluster_.put(std::move(full));
      }
    } else if (const auto* awaited = std::get_if<placement::Awaited>(&outcome)) {
      awaiting.emplace(std::pair(likeness, item.request.process), awaited->agent_id);
      await(item, awaited->agent_id, now);
    } else {
      item.reason = std::get<placement::Rejection>(outcome).text;
      refused.emplace(likeness, item.reason);
    }
  }
  for (const auto& [agent_id, keys] : plan) launch(agent_id, keys, now);
}

void Core::open_cell(AgentRecord& agent, std::vector<Piece>& pool, base::Time now) {
  const std::string run = random_.letters(kAttemptLetters);
  CellRecord cell;
  cell.executor_id = "diego-cell-" + cell_factory_.fingerprint() + "-" + run;
  cell.cell_id = "cell-" + dashed(agent.ip.empty() ? agent.hostname : agent.ip) + "-" + run;
  cell.since = now;
  cell.idle_since = now;
  const placement::Cell* seen = cluster_.find(agent.id);
  cell.executor_info = cell_factory_.executor_info(
      {cell.executor_id, cell.cell_id, agent.id, seen == nullptr ? "" : seen->zone, carve(pool, config_.cell_own)});
  note("cell starts cell=" + cell.cell_id + " agent=" + agent.id + " host=" + agent.hostname);
  agent.cell = std::move(cell);
}

void Core::launch(const std::string& agent_id, const std::vector<Key>& keys, base::Time now) {
  AgentRecord& record = agent(agent_id);
  const std::vector<Offer> offers = offers_.take(agent_id);
  assert(!offers.empty());  // Room comes from offers in hand alone.
  std::vector<Piece> pool;
  for (const Offer& offer : offers) pool.insert(pool.end(), offer.pieces.begin(), offer.pieces.end());
  // Placement sees whole MiB and thousandths summed over the pool; the pieces are the same numbers.
  std::stable_sort(pool.begin(), pool.end(), [](const Piece& a, const Piece& b) { return a.reserved > b.reserved; });
  if (!record.cell) open_cell(record, pool, now);
  CellRecord& cell = *record.cell;
  const placement::Cell* seen = cluster_.find(agent_id);
  assert(seen != nullptr && !cell.stopping && !cell.executor_info.empty());

  Accept accept{agent_id, ids_of(offers), cell.executor_info, {}};
  for (const Key& key : keys) {
    Item& item = items_.at(key);
    dequeue(item);
    item.task_id = task_id(key, random_.letters(kAttemptLetters));
    item.agent_id = agent_id;
    item.executor_id = cell.executor_id;
    item.charged = placement::needs_on(item.request, *seen);
    item.heard = item.started = item.ran = false;
    ++item.attempts;
    move_to(item, State::launching, "", now);
    cell.live.insert(key);
    timers_.arm({now + config_.launch_silence, TimerKind::launch_silence, key, {}});
    accept.launches.push_back({item.task_id, key, item.auction.domain, item.auction.trace_id, element_of(item.auction),
                               carve(pool, item.charged)});
  }
  std::erase_if(pool, [](const Piece& piece) { return piece.amount <= 0; });
  record.last_offered = sum(pool);
  if (!pool.empty()) revive_wanted_ = true;
  act(std::move(accept));
  revive_interval_ = config_.revive_interval_min;
  refresh(record);
}

void Core::decline(const std::vector<Offer>& offers) {
  if (offers.empty()) return;
  act(Decline{ids_of(offers), config_.unused_offer_refuse});
  for (const Offer& offer : offers) refresh(agent(offer.agent_id));
}

void Core::answer_the_rest(base::Time now) {
  const bool waiting = anything_waits(now);
  if (!waiting) {
    decline(offers_.take_all());
  } else {
    decline(offers_.take_stale(now - config_.offer_hold));
  }
  revive_or_suppress(waiting, now);
}

void Core::revive_or_suppress(bool waiting, base::Time now) {
  if (!waiting) {
    if (queue_.empty()) revive_wanted_ = false;
    if (!suppressed_ && discovering_until_ && now >= *discovering_until_ && queue_.empty()) {
      suppressed_ = true;
      act(Suppress{});
    }
    return;
  }
  if (!suppressed_ && !revive_wanted_) return;
  if (now < revive_not_before_) {
    timers_.arm({revive_not_before_, TimerKind::stale_offers, {}, {}});
    return;
  }
  // REVIVE brings offers within milliseconds; what it brings may fit nothing, hence the interval.
  suppressed_ = false;
  revive_wanted_ = false;
  act(Revive{});
  revive_not_before_ = now + revive_interval_;
  revive_interval_ = std::min(revive_interval_ * 2, config_.revive_interval_max);
}

}  // namespace core
