#include "scheduler/placement/index.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace placement {
namespace {

constexpr std::uint64_t kLabelStep = std::uint64_t{1} << 32U;

}  // namespace

Index::Index(std::unique_ptr<Strategy> strategy, Limits limits)
    : strategy_(std::move(strategy)),
      indexed_(strategy_->indexed()),
      limits_(limits),
      awaits_(strategy_->awaits_up_cells()),
      numbered_(indexed_ == nullptr || indexed_->depends_on_index()) {}

Slot Index::find(std::string_view agent_id) const {
  const auto found = slots_.find(agent_id);
  return found == slots_.end() ? kNoSlot : found->second;
}

void Index::spread_labels() {
  std::uint64_t label = 0;
  for (const auto& [id, slot] : by_id_) {
    label += kLabelStep;
    seats_[slot].label = label;
    for (RankedCells* trees : {&open_, &tasks_, &held_, &waiting_}) trees->relabel(slot, label);
  }
}

// Between those of its neighbours; where there is no number left, all are spread anew, which keeps
// their order and so every tree.
std::uint64_t Index::label_for(std::map<std::string, Slot, std::less<>>::const_iterator at) {
  const std::uint64_t below = at == by_id_.begin() ? 0 : seats_[std::prev(at)->second].label;
  const auto next = std::next(at);
  if (next == by_id_.end()) return below + kLabelStep;
  const std::uint64_t above = seats_[next->second].label;
  if (above - below >= 2) return below + (above - below) / 2;
  spread_labels();
  return seats_[at->second].label;
}

Slot Index::new_seat(const std::string& agent_id) {
  Slot slot = static_cast<Slot>(seats_.size());
  if (free_seats_.empty()) {
    seats_.emplace_back();
    marks_.push_back(0);
    for (RankedCells* trees : {&open_, &tasks_, &held_, &waiting_}) trees->make_room_for(seats_.size());
  } else {
    slot = free_seats_.back();
    free_seats_.pop_back();
  }
  const auto at = by_id_.emplace(agent_id, slot).first;
  slots_.emplace(at->first, slot);
  seats_[slot].seen.agent_id = at->first;
  seats_[slot].label = label_for(at);
  return slot;
}

Zone Index::zone_of(const std::string& name) {
  const auto [at, fresh] = zone_ids_.try_emplace(name, static_cast<Zone>(zones_.size()));
  if (fresh) zones_.emplace_back().name = at->first;
  return at->second;
}

void Index::leave_zone(Slot slot) {
  ZoneRecord& zone = zones_[seats_[slot].zone];
  std::erase(zone.cells, slot);
  zone.renumber = any_renumber_ = true;
}

SignatureId Index::signature_for(const Cell& cell) {
  Signature wanted = signature_of(cell);
  const auto [at, fresh] = signature_ids_.try_emplace(name_of(wanted), static_cast<SignatureId>(signatures_.size()));
  if (!fresh) return at->second;
  if (free_signatures_.empty()) {
    signatures_.emplace_back();
  } else {
    at->second = free_signatures_.back();
    free_signatures_.pop_back();
  }
  signatures_[at->second].signature = std::move(wanted);
  ++signatures_version_;
  return at->second;
}

void Index::leave_signature(const Seat& seat) {
  SignatureRecord& record = signatures_[seat.signature];
  if (--record.cells > 0) return;
  signature_ids_.erase(name_of(record.signature));
  free_signatures_.push_back(seat.signature);
}

const Index::Eligibility& Index::eligibility(const ConstraintsPtr& constraints) {
  constexpr std::size_t kKept = 4096;
  assert(constraints != nullptr);
  if (last_eligibility_ != nullptr && last_eligibility_->constraints == constraints &&
      last_eligibility_->version == signatures_version_) {
    return *last_eligibility_;
  }
  if (eligibilities_.size() >= kKept && !eligibilities_.contains(constraints.get())) eligibilities_.clear();
  Eligibility& known = eligibilities_[constraints.get()];
  last_eligibility_ = &known;
  if (known.version == signatures_version_) return known;
  known.constraints = constraints;
  known.version = signatures_version_;
  known.by_signature.clear();
  for (const SignatureRecord& record : signatures_) {
    known.by_signature.push_back(mismatch(matches(*constraints, record.signature)));
  }
  return known;
}

void Index::upsert(const Cell& cell) {
  Slot slot = find(cell.agent_id);
  const bool fresh = slot == kNoSlot;
  if (fresh) slot = new_seat(cell.agent_id);
  const Zone zone = zone_of(cell.zone);
  Seat& seat = seats_[slot];

  const bool moves = fresh || seat.zone != zone;
  if (moves || seat.takes_work != cell.takes_work || seat.told_index != cell.index) {
    zones_[zone].renumber = any_renumber_ = true;
  }
  if (moves) {
    if (!fresh) {
      leave_class(slot);
      leave_zone(slot);
      if (seat.seen.lrps > 0) processes_.move(slot, seat.zone, zone);
    }
    zones_[zone].cells.push_back(slot);
    seat.zone = zone;
    seat.seen.zone = zones_[zone].name;
  }
  if (fresh || !has_signature(cell, signatures_[seat.signature].signature)) {
    const SignatureId signature = signature_for(cell);
    ++signatures_[signature].cells;
    if (!fresh) {
      leave_class(slot);
      leave_signature(seat);
    }
    seat.signature = signature;
  }

  seat.takes_work = cell.takes_work;
  seat.told_index = cell.index;
  starting_ += cell.starting - seat.told_starting;
  seat.seen.starting += cell.starting - seat.told_starting;
  seat.told_starting = cell.starting;
  seat.seen.up = cell.up;
  seat.seen.total = cell.total;
  seat.seen.room = cell.room;
  seat.seen.proxy_mem_mb = cell.proxy_mem_mb;
  seat.last_room = cell.last_room;
  settle(slot);
}

void Index::remove(Slot slot) {
  Seat& seat = seats_[slot];
  leave_class(slot);
  leave_zone(slot);
  if (seat.seen.lrps > 0) processes_.clear(slot, seat.zone);
  leave_signature(seat);
  starting_ -= seat.seen.starting;
  marks_[slot] = 0;
  const auto at = by_id_.find(seat.seen.agent_id);
  slots_.erase(seat.seen.agent_id);
  by_id_.erase(at);
  seat = Seat{};
  free_seats_.push_back(slot);
}

void Index::set_room(Slot slot, const Amounts& room, const Amounts& last_room) {
  Seat& seat = seats_[slot];
  if (seat.seen.room == room && seat.last_room == last_room) return;
  seat.seen.room = room;
  seat.last_room = last_room;
  settle(slot);
}

void Index::occupy(Slot slot, const Occupant& occupant, Process* process) {
  Seat& seat = seats_[slot];
  if (occupant.is_lrp) {
    const Process& joined = processes_.add(occupant.process, process, slot, seat.zone);
    if (joined.serial == marked_) marks_[slot] = marked_;
    ++seat.seen.lrps;
  } else {
    ++seat.seen.tasks;
  }
  if (occupant.starting) {
    ++seat.seen.starting;
    ++starting_;
  }
  settle(slot);
}

void Index::vacate(Slot slot, const Occupant& occupant) {
  Seat& seat = seats_[slot];
  if (occupant.is_lrp) {
    const Process* process = processes_.find(occupant.process);
    const std::uint64_t serial = process == nullptr ? 0 : process->serial;
    if (!processes_.take(occupant.process, slot, seat.zone)) return;
    process = processes_.find(occupant.process);
    if (marks_[slot] == serial && (process == nullptr || process->on(slot) == 0)) marks_[slot] = 0;
    --seat.seen.lrps;
  } else {
    if (seat.seen.tasks == 0) return;
    --seat.seen.tasks;
  }
  if (occupant.starting && seat.seen.starting > seat.told_starting) {
    --seat.seen.starting;
    --starting_;
  }
  settle(slot);
}

void Index::started(Slot slot) {
  Seat& seat = seats_[slot];
  if (seat.seen.starting <= seat.told_starting) return;
  --seat.seen.starting;
  --starting_;
  settle(slot);
}

void Index::reserve(const Decision& decision, const Request& request) {
  Seat& seat = seats_[decision.chosen];
  const Amounts needs = needs_on(request, seat.seen.proxy_mem_mb);
  // A strategy only orders; what it chose is checked before it counts.
  assert(seat.takes_work && seat.seen.room.holds(needs));
  seat.seen.room -= needs;
  seat.last_room -= needs;
  seat.seen.up = true;
  occupy(decision.chosen, {request.is_lrp, request.process, true}, decision.process);
}

void Index::book_last_room(Slot slot, const Request& request) {
  Seat& seat = seats_[slot];
  seat.last_room -= needs_on(request, seat.seen.proxy_mem_mb);
  settle(slot);
}

void Index::restore(Slot slot, bool up, bool takes_work, const Amounts& room, const Amounts& last_room) {
  Seat& seat = seats_[slot];
  seat.seen.up = up;
  seat.takes_work = takes_work;
  seat.seen.room = room;
  seat.last_room = last_room;
  settle(slot);
}

std::size_t Index::zones() const {
  return static_cast<std::size_t>(
      std::count_if(zones_.begin(), zones_.end(), [](const ZoneRecord& zone) { return !zone.cells.empty(); }));
}

Cell Index::cell(Slot slot) const {
  const Seat& seat = seats_[slot];
  const Signature& signature = signatures_[seat.signature].signature;
  Cell cell;
  cell.agent_id = seat.seen.agent_id;
  cell.zone = seat.seen.zone;
  cell.index = seat.told_index;
  cell.up = seat.seen.up;
  cell.takes_work = seat.takes_work;
  cell.total = seat.seen.total;
  cell.room = seat.seen.room;
  cell.last_room = seat.last_room;
  cell.proxy_mem_mb = seat.seen.proxy_mem_mb;
  cell.rootfs = signature.rootfs;
  cell.placement_tags = signature.placement_tags;
  cell.optional_placement_tags = signature.optional_placement_tags;
  cell.volume_drivers = signature.volume_drivers;
  cell.starting = seat.seen.starting;
  return cell;
}

}  // namespace placement
