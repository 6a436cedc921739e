#include <algorithm>
#include <cassert>

#include "scheduler/placement/index.hpp"

namespace placement {

ClassId Index::class_of(const Seat& seat) {
  CellClass wanted;
  wanted.zone = seat.zone;
  wanted.signature = seat.signature;
  wanted.up = seat.seen.up;
  wanted.proxy_mem_mb = seat.seen.proxy_mem_mb;
  if (indexed_ != nullptr && indexed_->depends_on_total()) wanted.total = seat.seen.total;
  if (seat.cell_class != kNoClass && classes_[seat.cell_class].key() == wanted.key()) return seat.cell_class;
  const auto found = class_ids_.find(wanted);
  if (found != class_ids_.end()) return found->second;
  ClassId id = static_cast<ClassId>(classes_.size());
  if (free_classes_.empty()) {
    classes_.push_back(wanted);
  } else {
    id = free_classes_.back();
    free_classes_.pop_back();
    classes_[id] = wanted;
  }
  class_ids_.emplace(wanted, id);
  zones_[wanted.zone].classes.push_back(id);
  return id;
}

void Index::leave_trees(Slot slot) {
  Seat& seat = seats_[slot];
  if (seat.cell_class == kNoClass) return;
  CellClass& home = classes_[seat.cell_class];
  if (seat.open) open_.erase(home.open, slot);
  if (seat.open && tasks_ranked_) tasks_.erase(home.tasks, slot);
  if (seat.held) held_.erase(home.held, slot);
  if (seat.waiting) waiting_.erase(home.waiting, slot);
  seat.open = seat.held = seat.waiting = false;
}

void Index::leave_class(Slot slot) {
  Seat& seat = seats_[slot];
  if (seat.cell_class == kNoClass) return;
  leave_trees(slot);
  CellClass& home = classes_[seat.cell_class];
  if (--home.members == 0) {
    class_ids_.erase(home);
    std::erase(zones_[home.zone].classes, seat.cell_class);
    free_classes_.push_back(seat.cell_class);
  }
  seat.cell_class = kNoClass;
}

void Index::settle(Slot slot) {
  Seat& seat = seats_[slot];
  if (!seat.takes_work) return leave_class(slot);
  if (const ClassId home = class_of(seat); home != seat.cell_class) {
    ++classes_[home].members;  // First, lest a class that changes its only member be dropped and made anew.
    leave_class(slot);
    seat.cell_class = home;
  }
  CellClass& home = classes_[seat.cell_class];
  const Room room = Room::of(seat.seen.room);

  const bool held = at_starting_limit(seat);
  const bool open = !held;
  const std::int64_t lrp_rank = rank(true, seat);
  if (seat.open && (!open || !open_.stands(slot, lrp_rank, room) || tasks_ranked_)) {
    open_.erase(home.open, slot);
    if (tasks_ranked_) tasks_.erase(home.tasks, slot);
    seat.open = false;
  }
  if (open && !seat.open) {
    open_.insert(home.open, slot, lrp_rank, seat.label, room);
    if (tasks_ranked_) tasks_.insert(home.tasks, slot, rank(false, seat), seat.label, room);
    seat.open = true;
  }
  if (seat.held) held_.erase(home.held, slot);
  if (held) held_.insert(home.held, slot, 0, seat.label, room);
  seat.held = held;

  const bool waiting = awaits_ && open && seat.seen.up && !seat.seen.room.holds(seat.last_room);
  if (seat.waiting) waiting_.erase(home.waiting, slot);
  if (waiting) waiting_.insert(home.waiting, slot, 0, seat.label, Room::of(seat.last_room));
  seat.waiting = waiting;
}

// From the first Task on: many a cluster never sees one.
void Index::rank_tasks() {
  if (tasks_ranked_ || indexed_ == nullptr || !indexed_->tasks_rank_apart()) return;
  tasks_ranked_ = true;
  for (Slot slot = 0; slot < seats_.size(); ++slot) {
    const Seat& seat = seats_[slot];
    if (!seat.open) continue;
    tasks_.insert(classes_[seat.cell_class].tasks, slot, rank(false, seat), seat.label, Room::of(seat.seen.room));
  }
}

// Diego numbers the cells of a zone by their index, without gaps.
void Index::renumber() {
  if (!any_renumber_ || !numbered_) return;
  any_renumber_ = false;
  for (ZoneRecord& zone : zones_) {
    if (!std::exchange(zone.renumber, false)) continue;
    std::sort(zone.cells.begin(), zone.cells.end(), [this](Slot a, Slot b) {
      const Seat& left = seats_[a];
      const Seat& right = seats_[b];
      return std::tie(left.told_index, left.label) < std::tie(right.told_index, right.label);
    });
    std::int64_t number = 0;
    for (const Slot slot : zone.cells) {
      Seat& seat = seats_[slot];
      if (!seat.takes_work) continue;
      if (std::exchange(seat.seen.index, number) != number) settle(slot);
      ++number;
    }
  }
}

}  // namespace placement
