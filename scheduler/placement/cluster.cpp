#include "scheduler/placement/cluster.hpp"

#include <cassert>
#include <utility>

#include "scheduler/placement/index.hpp"

namespace placement {
namespace {

Outcome outcome_of(Index& index, const Request& request, const Index::Decision& decision) {
  if (decision.awaited != kNoSlot) return Awaited{index.seat(decision.awaited).seen.agent_id};
  if (decision.chosen == kNoSlot) return Rejection{index.rejection(request, decision)};
  const Candidate& chosen = index.seat(decision.chosen).seen;
  return Placement{chosen.agent_id, !chosen.up};
}

void book(Index& index, const Request& request, const Index::Decision& decision) {
  if (decision.awaited != kNoSlot) {
    index.book_last_room(decision.awaited, request);
  } else if (decision.chosen != kNoSlot) {
    index.reserve(decision, request);
  }
}

}  // namespace

Cluster::Cluster(std::unique_ptr<Strategy> strategy, Limits limits)
    : index_(std::make_unique<Index>((assert(strategy != nullptr), std::move(strategy)), limits)) {}
Cluster::~Cluster() = default;
Cluster::Cluster(Cluster&&) noexcept = default;
Cluster& Cluster::operator=(Cluster&&) noexcept = default;

const Strategy& Cluster::strategy() const { return index_->strategy(); }

std::unique_ptr<Strategy> Cluster::take_strategy() { return index_->take_strategy(); }

void Cluster::upsert(const Cell& cell) { index_->upsert(cell); }

void Cluster::remove(std::string_view agent_id) {
  if (const Slot slot = index_->find(agent_id); slot != kNoSlot) index_->remove(slot);
}

void Cluster::set_room(std::string_view agent_id, const Amounts& room, const Amounts& last_room) {
  const Slot slot = index_->find(agent_id);
  assert(slot != kNoSlot);
  index_->set_room(slot, room, last_room);
}

void Cluster::occupy(std::string_view agent_id, const Occupant& occupant) {
  const Slot slot = index_->find(agent_id);
  assert(slot != kNoSlot);
  index_->occupy(slot, occupant);
}

void Cluster::vacate(std::string_view agent_id, const Occupant& occupant) {
  const Slot slot = index_->find(agent_id);
  assert(slot != kNoSlot);
  index_->vacate(slot, occupant);
}

void Cluster::started(std::string_view agent_id) {
  const Slot slot = index_->find(agent_id);
  assert(slot != kNoSlot);
  index_->started(slot);
}

Outcome Cluster::place(const Request& request, bool may_wait) {
  const Index::Decision decision = index_->decide(request, may_wait);
  Outcome outcome = outcome_of(*index_, request, decision);
  book(*index_, request, decision);
  return outcome;
}

Outcome Cluster::preview(const Request& request, bool may_wait) const {
  return outcome_of(*index_, request, index_->decide(request, may_wait));
}

std::optional<std::string> Cluster::lacks(const Request& request) const { return index_->lacks(request); }

void Cluster::release(std::string_view agent_id, const Request& request, bool starting) {
  const Slot slot = index_->find(agent_id);
  assert(slot != kNoSlot);
  index_->vacate(slot, {request.is_lrp, request.process, starting});
  const Seat& seat = index_->seat(slot);
  const Amounts needs = needs_on(request, seat.seen.proxy_mem_mb);
  index_->set_room(slot, seat.seen.room + needs, seat.last_room + needs);
}

std::size_t Cluster::size() const { return index_->by_id().size(); }

std::optional<Cell> Cluster::find(std::string_view agent_id) const {
  const Slot slot = index_->find(agent_id);
  if (slot == kNoSlot) return std::nullopt;
  return index_->cell(slot);
}

std::vector<std::string> Cluster::agent_ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, slot] : index_->by_id()) ids.push_back(id);
  return ids;
}

std::int64_t Cluster::instances(std::string_view agent_id, std::string_view process) const {
  const Slot slot = index_->find(agent_id);
  const Process* found = index_->processes().find(process);
  return slot == kNoSlot || found == nullptr ? 0 : found->on(slot);
}

std::int64_t Cluster::tasks(std::string_view agent_id) const {
  const Slot slot = index_->find(agent_id);
  return slot == kNoSlot ? 0 : index_->seat(slot).seen.tasks;
}

std::int64_t Cluster::starting() const { return index_->starting(); }

// What a booking changed of a cell, as it was before.
struct Cluster::Rehearsal::Step {
  Slot slot;
  bool up;
  Amounts room, last_room;
  std::optional<std::pair<bool, std::string>> occupant;  // Who came: whether an LRP, and its process.
};

void Cluster::Rehearsal::remember(Slot slot) {
  const Seat& seat = index_.seat(slot);
  steps_.push_back({slot, seat.seen.up, seat.seen.room, seat.last_room, std::nullopt});
}

Outcome Cluster::Rehearsal::place(const Request& request, bool may_wait) {
  const Index::Decision decision = index_.decide(request, may_wait);
  Outcome outcome = outcome_of(index_, request, decision);
  const bool waits = decision.awaited != kNoSlot;
  const Slot slot = waits ? decision.awaited : decision.chosen;
  if (slot == kNoSlot) return outcome;
  remember(slot);
  if (!waits) steps_.back().occupant.emplace(request.is_lrp, request.process);
  book(index_, request, decision);
  return outcome;
}

void Cluster::Rehearsal::await(std::string_view agent_id, const Request& request) {
  const Slot slot = index_.find(agent_id);
  assert(slot != kNoSlot);
  remember(slot);
  index_.book_last_room(slot, request);
}

Cluster::Rehearsal::Rehearsal(const Cluster& cluster) : index_(*cluster.index_) {}

Cluster::Rehearsal::~Rehearsal() {
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->occupant) index_.vacate(step->slot, {step->occupant->first, step->occupant->second, true});
    index_.restore(step->slot, step->up, step->room, step->last_room);
  }
}

}  // namespace placement
