#include "scheduler/placement/cluster.hpp"

#include <algorithm>
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

std::size_t Cluster::asked_about() const { return index_->asked_about(); }

Crowding Cluster::crowding(std::unordered_map<std::string_view, std::int64_t>* strain) const {
  const auto pairs = [](std::int64_t instances) { return instances * (instances - 1) / 2; };
  Crowding crowding;
  std::vector<std::int64_t> by_slot;
  const auto zones = static_cast<std::int64_t>(std::max<std::size_t>(index_->zones(), 1));
  index_->processes().each([&](const Process& process) {
    std::int64_t all = 0;
    for (const std::uint32_t here : process.zones) {
      crowding.zone_pairs += pairs(here);
      all += here;
    }
    const std::int64_t fair = (all + zones - 1) / zones;
    for (const Process::Holder& holder : process.holders) {
      crowding.cell_pairs += pairs(holder.instances);
      if (strain == nullptr) continue;
      const std::int64_t beyond = process.in_zone(index_->seat(holder.slot).zone) - fair;
      if (holder.slot >= by_slot.size()) by_slot.resize(holder.slot + 1);
      by_slot[holder.slot] += holder.instances * (holder.instances - 1 + std::max<std::int64_t>(beyond, 0));
    }
  });
  for (Slot slot = 0; slot < by_slot.size(); ++slot) {
    if (by_slot[slot] > 0) strain->emplace(index_->seat(slot).seen.agent_id, by_slot[slot]);
  }
  return crowding;
}

// What a step changed of a cell, as it was before.
struct Cluster::Rehearsal::Step {
  Slot slot;
  bool up, takes_work;
  Amounts room, last_room;
  Crowding change;
  enum class Who { nobody, came, left } who = Who::nobody;
  bool is_lrp = true, starting = false;
  std::string process;

  Occupant occupant() const { return {is_lrp, process, starting}; }
};

Cluster::Rehearsal::Step& Cluster::Rehearsal::remember(Slot slot) {
  const Seat& seat = index_.seat(slot);
  return steps_.emplace_back(
      Step{slot, seat.seen.up, seat.takes_work, seat.seen.room, seat.last_room, change_, {}, true, false, {}});
}

// Counts one that has come (1), or that is about to leave (-1).
void Cluster::Rehearsal::crowd(Slot slot, const Occupant& occupant, int by) {
  const Process* process = occupant.is_lrp ? index_.processes().find(occupant.process) : nullptr;
  if (process == nullptr) return;
  change_.cell_pairs += by * (process->on(slot) - 1);
  change_.zone_pairs += by * (process->in_zone(index_.seat(slot).zone) - 1);
}

Outcome Cluster::Rehearsal::place(const Request& request, bool may_wait) {
  const Index::Decision decision = index_.decide(request, may_wait);
  Outcome outcome = outcome_of(index_, request, decision);
  const bool waits = decision.awaited != kNoSlot;
  const Slot slot = waits ? decision.awaited : decision.chosen;
  if (slot == kNoSlot) return outcome;
  Step& step = remember(slot);
  if (!waits) {
    step.who = Step::Who::came;
    step.is_lrp = request.is_lrp;
    step.starting = true;
    step.process = request.process;
  }
  book(index_, request, decision);
  if (!waits) crowd(slot, {request.is_lrp, request.process, true}, 1);
  return outcome;
}

void Cluster::Rehearsal::await(std::string_view agent_id, const Request& request) {
  const Slot slot = index_.find(agent_id);
  assert(slot != kNoSlot);
  remember(slot);
  index_.book_last_room(slot, request);
}

void Cluster::Rehearsal::offer_all() {
  for (const auto& [id, slot] : index_.by_id()) {
    const Seat& seat = index_.seat(slot);
    if (!seat.takes_work || seat.seen.room == seat.last_room) continue;
    remember(slot);
    index_.set_room(slot, seat.last_room, seat.last_room);
  }
}

void Cluster::Rehearsal::leave(std::string_view agent_id) {
  const Slot slot = index_.find(agent_id);
  assert(slot != kNoSlot);
  const Step& before = remember(slot);
  index_.restore(slot, before.up, false, before.room, before.last_room);
}

void Cluster::Rehearsal::ended(std::string_view agent_id, const Amounts& room) {
  const Slot slot = index_.find(agent_id);
  assert(slot != kNoSlot);
  remember(slot);
  index_.restore(slot, false, true, room, room);
}

void Cluster::Rehearsal::vacate(std::string_view agent_id, const Occupant& occupant) {
  const Slot slot = index_.find(agent_id);
  assert(slot != kNoSlot);
  const Process* process = occupant.is_lrp ? index_.processes().find(occupant.process) : nullptr;
  if (occupant.is_lrp && (process == nullptr || process->on(slot) == 0)) return;  // It was never there.
  Step& step = remember(slot);
  step.who = Step::Who::left;
  step.is_lrp = occupant.is_lrp;
  step.starting = occupant.starting;
  step.process = occupant.process;
  crowd(slot, occupant, -1);
  index_.vacate(slot, occupant);
}

void Cluster::Rehearsal::started(std::string_view agent_id, std::string_view process) {
  vacate(agent_id, {true, process, true});
  const Slot slot = index_.find(agent_id);
  Step& step = remember(slot);
  step.who = Step::Who::came;
  step.process = process;
  index_.occupy(slot, {true, process, false});
  crowd(slot, {true, process, false}, 1);
}

std::size_t Cluster::Rehearsal::moment() const { return steps_.size(); }

void Cluster::Rehearsal::back_to(std::size_t moment) {
  while (steps_.size() > moment) {
    const Step& step = steps_.back();
    if (step.who == Step::Who::came) index_.vacate(step.slot, step.occupant());
    if (step.who == Step::Who::left) index_.occupy(step.slot, step.occupant());
    index_.restore(step.slot, step.up, step.takes_work, step.room, step.last_room);
    change_ = step.change;
    steps_.pop_back();
  }
}

// Cells are numbered now, lest that falls due while some are left on trial.
Cluster::Rehearsal::Rehearsal(const Cluster& cluster) : index_(*cluster.index_) { index_.renumber(); }

Cluster::Rehearsal::~Rehearsal() { back_to(0); }

}  // namespace placement
