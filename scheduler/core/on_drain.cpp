// Agents that are left: drained by an operator here or in Mesos, planned for maintenance, or because
// their cell is outdated. They take no new work, their LRPs move (twins.cpp), Tasks may end by themselves;
// what is left after the deadline is killed; then the cell is told to go.
#include <algorithm>
#include <utility>

#include "scheduler/core/core.hpp"

namespace core {
namespace {
constexpr base::Duration kEvacuateAgain = std::chrono::seconds(2);
// An executor that does not carry out its KILLs is told to go with its work after this.
constexpr base::Duration kEvictionMax = std::chrono::seconds(60);
constexpr base::Duration kRollLook = std::chrono::seconds(5);
}  // namespace

void Core::on(const DrainRequested& event, base::Time now) {
  const AgentPtr agent = find_agent(event.agent_id);
  if (agent == nullptr) return;
  drains_.insert(event.agent_id);
  leave_agent(*agent, true, "an operator drains it", now).by_operator = true;
  cell_left(*agent);
}

void Core::on(const DrainCancelled& event, base::Time) {
  drains_.erase(event.agent_id);
  const AgentPtr agent = find_agent(event.agent_id);
  if (agent == nullptr || !agent->leaving) return;
  agent->leaving->by_operator = false;
  stay(*agent);
}

// Mesos waits for no answer: it is accepted once there is nothing of ours left.
void Core::on(const InverseOffersArrived& event, base::Time now) {
  DeclineInverseOffers decline;
  for (const InverseOffer& offer : event.offers) {
    const AgentPtr agent = find_agent(offer.agent_id);
    if (agent == nullptr) {  // Nothing of ours is there that could be named.
      decline.inverse_offer_ids.push_back(offer.id);
      continue;
    }
    Leaving& leaving = leave_agent(*agent, true, "its maintenance is planned", now);
    leaving.maintenance = true;
    leaving.inverse_offers.insert(offer.id);
    cell_left(*agent);
  }
  if (!decline.inverse_offer_ids.empty()) act(std::move(decline));
}

void Core::on(const InverseOfferRescinded& event, base::Time) {
  for (const auto& [id, agent] : agents_) {  // Rare, and an inverse offer is one agent's.
    if (!agent->leaving || agent->leaving->inverse_offers.erase(event.inverse_offer_id) == 0) continue;
    agent->leaving->maintenance = !agent->leaving->inverse_offers.empty();
    return stay(*agent);
  }
}

// Mesos kills what is there, and offers nothing of an agent that it drains.
void Core::hear_of_draining(AgentRecord& agent, base::Time now) {
  leave_agent(agent, true, "an operator of Mesos drains it", now).by_mesos = true;
}

void Core::hear_of_maintenance(AgentRecord& agent, const Offer& offer, base::Time now) {
  if (drains_.contains(agent.id)) leave_agent(agent, true, "an operator drains it", now).by_operator = true;
  if (offer.unavailable) leave_agent(agent, true, "its maintenance is planned", now).maintenance = true;
  if (!agent.leaving) return;
  agent.leaving->by_mesos = false;
  if (!offer.unavailable && agent.leaving->inverse_offers.empty()) agent.leaving->maintenance = false;
  stay(agent);
}

// The caller says why it is; the deadline counts from the first reason that has one.
Leaving& Core::leave_agent(AgentRecord& agent, bool with_deadline, const char* why, base::Time now) {
  const bool fresh = !agent.leaving;
  if (fresh) {
    agent.leaving.emplace();
    unplan_all(agent);
    end_promises(agent);
    refresh(agent);
  }
  Leaving& leaving = *agent.leaving;
  if (with_deadline && !leaving.has_deadline()) {
    leaving.since = now;
    cell_timers_.emplace(now + config_.evacuation_timeout, agent.id);
    note("agent is left agent=" + agent.id + " host=" + agent.hostname + " reason=\"" + why + "\"");
  }
  if (!fresh) return leaving;
  tell(ChangeKind::agent_left, agent, *why == '\0' ? "its cell is outdated" : why);
  cell_timers_.emplace(now, agent.id);
  if (agent.cell) {
    for (Item* item : agent.cell->live.sorted()) want_move(*item, now);
    evacuate(agent, now);
  }
  return leaving;
}

// If no reason to leave is left. Work that has not begun to move stays.
void Core::stay(AgentRecord& agent) {
  Leaving& leaving = *agent.leaving;
  if (!leaving.has_deadline()) leaving.evicting = false;
  if (leaving.any()) {
    if (leaving.has_deadline() || leaving.since == base::Time{}) return;
    leaving.since = {};  // What had one is over, and a turn that came meanwhile begins.
    leaving.stuck_since = now_;
    cell_timers_.emplace(now_, agent.id);
    return;
  }
  if (leaving.since != base::Time{}) note("agent is left no longer agent=" + agent.id);
  agent.leaving.reset();
  tell(ChangeKind::agent_stays, agent, "");
  if (agent.cell) {
    for (const Item* item : agent.cell->live.sorted()) drop_move(*item);
  }
  try_again();
  refresh(agent);
}

void Core::press_on(AgentRecord& agent, base::Time now) {
  Leaving& leaving = *agent.leaving;
  if (leaving.rolls && !leaving.has_deadline()) return end_turn_if_stuck(agent, now);
  if (!leaving.has_deadline() || !agent.cell) return;
  const base::Time deadline = leaving.since + config_.evacuation_timeout;
  if (now < deadline) {  // The policy may have moved it.
    cell_timers_.emplace(deadline, agent.id);
    return;
  }
  if (!leaving.evicting) evict(agent, now);
  if (agent.cell->stopping) return;
  if (now >= deadline + kEvictionMax) return tell_to_go(agent, "its work does not end", now);
  cell_timers_.emplace(deadline + kEvictionMax, agent.id);
}

// With a BBS the rep moves its LRPs, and the BBS auctions them. Repeated until the rep says that it does.
void Core::evacuate(AgentRecord& agent, base::Time now) {
  CellRecord& cell = *agent.cell;
  if (!config_.with_bbs || cell.stopping || cell.live.empty()) return;
  if (cell.report && cell.report->evacuating) return;
  if (!connected_ || now - cell.evacuation_asked_at < kEvacuateAgain) return;
  act(Evacuate{agent.id, *cell.executor_id});
  cell.evacuation_asked_at = now;
  cell_timers_.emplace(now + kEvacuateAgain, agent.id);
}

void Core::evict(AgentRecord& agent, base::Time now) {
  agent.leaving->evicting = true;
  if (agent.cell->live.empty()) return;
  warn("agent is left and work is still there: it is killed agent=" + agent.id +
       " instances=" + std::to_string(agent.cell->live.size()));
  for (Item* item : agent.cell->live.sorted()) {
    if (item->state == State::stopping) continue;
    move_to(*item, State::stopping, "its agent is left", now);
    kill(*item, now);
  }
}

// What waited for the agent to be without a cell, if it is.
void Core::cell_left(AgentRecord& agent) {
  if (agent.cell || !agent.leaving) return;
  Leaving& leaving = *agent.leaving;
  if (!leaving.inverse_offers.empty()) {
    act(AcceptInverseOffers{{leaving.inverse_offers.begin(), leaving.inverse_offers.end()}});
    leaving.inverse_offers.clear();
  }
  leaving.evicting = leaving.rolls = leaving.rebalances = false;
  rolling_.erase(&agent);
  stay(agent);
}

// Outdated cells give way one after the other. Nothing is killed for it: without room elsewhere the work
// stays where it is, and the turn is the next one's.
void Core::roll_some(base::Time now) {
  if (outdated_.empty() || !connected_ || !discovering_until_ || now < *discovering_until_) return;
  const auto most = static_cast<std::size_t>(config_.cells_roll_max);
  if (rolling_.size() >= most) return;
  std::vector<AgentRecord*> next;
  for (AgentRecord* agent : outdated_) {
    if (!agent->lost && !rolling_.contains(agent) && agent->cell->roll_again_at <= now) next.push_back(agent);
  }
  // Whose turn came and went stands behind all others.
  std::stable_sort(next.begin(), next.end(), [](const AgentRecord* a, const AgentRecord* b) {
    return a->cell->roll_again_at < b->cell->roll_again_at;
  });
  next.resize(std::min(next.size(), most - rolling_.size()));
  for (AgentRecord* agent : next) {
    rolling_.insert(agent);
    cell_timers_.emplace(now, agent->id);
    note("outdated cell is replaced cell=" + agent->cell->cell_id + " executor=" + *agent->cell->executor_id +
         " agent=" + agent->id);
    Leaving& leaving = leave_agent(*agent, false, "", now);
    leaving.rolls = true;
    leaving.rolls_since = leaving.stuck_since = now;
    leaving.left = agent->cell->live.size();
  }
}

// What waits for a cell like this one must not wait for ever, nor the other outdated ones.
void Core::end_turn_if_stuck(AgentRecord& agent, base::Time now) {
  // A rep that evacuates cannot be called back.
  if (config_.with_bbs || !agent.cell || agent.cell->stopping || agent.cell->live.empty()) return;
  CellRecord& cell = *agent.cell;
  Leaving& leaving = *agent.leaving;
  // After so long only what has gone counts: Tasks may last, and an app that never starts is tried for ever.
  const bool may_move = now - leaving.rolls_since < config_.evacuation_timeout;
  const bool moves = may_move && std::any_of(cell.live.begin(), cell.live.end(), [&](const Item* item) {
                       if (item->kind() == Kind::task) return true;
                       const Item* twin = twin_of(*item);
                       return item->state == State::stopping || (twin != nullptr && twin->state != State::queued);
                     });
  const bool moved = cell.live.size() < std::exchange(leaving.left, cell.live.size());
  if (moves || moved || leaving.rebalances) leaving.stuck_since = now;
  if (now - leaving.stuck_since < std::max(config_.placement_timeout, kRollLook)) {
    if (leaving.look_at > now) return;  // One timer, whatever else has it looked at.
    leaving.look_at = now + kRollLook;
    cell_timers_.emplace(leaving.look_at, agent.id);
    return;
  }
  note("outdated cell keeps its work for now, which finds no other place cell=" + cell.cell_id +
       " executor=" + *cell.executor_id + " agent=" + agent.id + " instances=" + std::to_string(cell.live.size()));
  leaving.rolls = false;
  rolling_.erase(&agent);
  cell.roll_again_at = now + config_.evacuation_timeout;
  cell_timers_.emplace(cell.roll_again_at, agent.id);
  stay(agent);
}

}  // namespace core
