#include <algorithm>

#include "scheduler/core/core.hpp"

namespace core {

void Core::on(const OffersArrived& event, base::Time now) {
  for (const Offer& offer : event.offers) {
    const AgentPtr agent = this->agent(offer.agent_id);
    AgentRecord& record = *agent;
    record.hostname = offer.hostname;
    record.ip = offer.ip;
    record.url = offer.url;
    record.repeats_attributes = offer.repeats_attributes;
    if (record.attributes != offer.attributes || record.fault_domain_zone != offer.fault_domain_zone) {
      record.attributes = offer.attributes;
      record.fault_domain_zone = offer.fault_domain_zone;
      record.described = false;
    }
    record.lost = false;
    see_executors(record, offer, now);
    hear_of_maintenance(record, offer, now);
    offers_.add(offer, record.offers, now);
    record.last_offered = record.offers.sum;
    end_promises(record);
    refresh(record);
  }
  if (!event.offers.empty()) placing_wanted_ = boot_wanted_ = true;
}

void Core::on(const OfferRescinded& event, base::Time) {
  const auto agent_id = offers_.rescind(event.offer_id);
  if (!agent_id) return;
  const AgentPtr record = agent(*agent_id);
  record->last_offered = record->offers.sum;
  unplan_all(*record);
  refresh(*record);
}

void Core::see_executors(AgentRecord& agent, const Offer& offer, base::Time now) {
  // The work of an executor that is not the agent's cell: a cell given up, or seen second.
  const auto has_live_work = [this](const std::string& executor_id) {
    bool found = false;
    items_.walk(nullptr, [&](const Item& item) {
      found = item.live() && item.executor_id != nullptr && *item.executor_id == executor_id;
      return !found;
    });
    for (const auto& [key, twin] : twins_) {
      const Item& item = *twin->item;
      found = found || (item.live() && item.executor_id != nullptr && *item.executor_id == executor_id);
    }
    return found;
  };
  const bool replaced = forget_unbooked_cell(agent, offer, now);
  for (const std::string& executor_id : offer.executor_ids) {
    if (!agent.cell) {
      see_cell(agent, executor_id, now);
      // An ACCEPT that reached the master after the end of the executor it names starts another one of that name.
      if (replaced || agent.ended_executor == executor_id) seat_work(agent);
    } else if (fenced()) {
      break;  // It may hold work that the master has not told of yet.
    } else if (*agent.cell->executor_id != executor_id && !has_live_work(executor_id)) {
      warn("a second cell on an agent is told to go executor=" + executor_id + " agent=" + agent.id);
      act(ShutdownExecutor{agent.id, executor_id});
      agent.shut_executor = executor_id;
    }
  }
}

// The master books it no longer: its FAILURE event was lost. An offer made before the master saw our
// ACCEPT does not name a cell that has just been launched either.
bool Core::forget_unbooked_cell(AgentRecord& agent, const Offer& offer, base::Time now) {
  if (!agent.cell) return false;
  const CellRecord& cell = *agent.cell;
  const auto& booked = offer.executor_ids;
  if (std::find(booked.begin(), booked.end(), *cell.executor_id) != booked.end()) return false;
  const bool just_launched = !cell.heard && !cell.stopping && now - cell.since < config_.launch_silence;
  if (!cell.live.empty() || just_launched || !cell.boot_task.empty()) return false;
  forget_cell(agent, now);
  return true;
}

// What was adopted while the books had another cell there. Rare, so everything is looked at.
void Core::seat_work(AgentRecord& agent) {
  const auto seat = [&](Item& item) {
    const bool here = item.live() && !item.in_cell && item.executor_id != nullptr && item.agent->id == agent.id &&
                      *item.executor_id == *agent.cell->executor_id;
    if (!here) return;
    item.executor_id = agent.cell->executor_id;
    join_cell(item, agent, false);
  };
  items_.walk(seat);
  for (const auto& [key, twin] : twins_) seat(*twin->item);
}

void Core::decline(std::vector<HeldOffer> offers) {
  if (offers.empty()) return;
  Decline decline{{}, config_.unused_offer_refuse};
  decline.offer_ids.reserve(offers.size());
  for (HeldOffer& offer : offers) {
    decline.offer_ids.push_back(std::move(offer.id));
    refresh(*find_agent(offer.pool->agent_id));
  }
  act(std::move(decline));
}

void Core::answer_the_rest(base::Time now) {
  const bool waiting = queue_.anything_waits() || wants_warm(now);
  // Work comes in bursts; to send every agent's offer back after each of them, and to ask for them
  // all again at the next, would cost more than to place it.
  const bool lingers = !waiting && now < linger_until_;
  if (waiting || lingers) {
    decline(offers_.take_stale(now - config_.offer_hold));
  } else {
    decline(offers_.take_all());
  }
  if (lingers) {
    if (!revive_at_ || *revive_at_ < linger_until_) revive_at_ = linger_until_;
    return;
  }
  revive_or_suppress(waiting, now);
}

void Core::revive_or_suppress(bool waiting, base::Time now) {
  constrain_offers(now);
  const bool empty = queue_.size() == 0 && !wants_warm(now);
  if (!waiting) {
    if (empty) revive_wanted_ = false;
    if (!suppressed_ && discovering_until_ && now >= *discovering_until_ && empty) {
      suppressed_ = true;
      act(Suppress{});
    }
    return;
  }
  if (!suppressed_ && !revive_wanted_) return;
  if (now < revive_not_before_) {
    revive_at_ = revive_not_before_;
    return;
  }
  // REVIVE brings offers within milliseconds; what it brings may fit nothing, hence the interval.
  suppressed_ = false;
  revive_wanted_ = false;
  revive_at_.reset();
  act(Revive{});
  revive_not_before_ = now + revive_interval_;
  revive_interval_ = std::min(revive_interval_ * 2, config_.revive_interval_max);
}

}  // namespace core
