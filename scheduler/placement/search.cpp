#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>

#include "diego/failures.hpp"
#include "scheduler/placement/index.hpp"

namespace placement {

// One decision. It looks at zones with the fewest instances of the process first, in each at the
// classes of cells that are eligible, in each at the first cell in order that has room.
class Search {
 public:
  Search(Index& index, const Request& request)
      : index_(index),
        request_(request),
        eligible_(index.eligibility(request.constraints).by_signature),
        process_(request.is_lrp ? index.processes_.find(request.process) : nullptr) {
    for (const std::string& agent_id : request.avoid) {
      if (const Slot slot = index.find(agent_id); slot != kNoSlot) avoided_.push_back(slot);
    }
    mark_holders();
    show_own(true);
  }
  ~Search() { show_own(false); }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  Slot choose();
  Process* process() const { return process_; }
  Slot awaited(Slot chosen) const;
  std::string rejection() const;

 private:
  // Beyond so many holders of a process a search asks marks instead of the list.
  static constexpr std::size_t kListed = 32;

  void mark_holders();
  bool is_holder(Slot slot) const {
    if (process_ == nullptr) return false;
    return marked_ ? index_.marks_[slot] == process_->serial : process_->on(slot) > 0;
  }
  bool is_avoided(Slot slot) const {
    return !avoided_.empty() && std::find(avoided_.begin(), avoided_.end(), slot) != avoided_.end();
  }
  bool is_eligible(const CellClass& cells) const { return eligible_[cells.signature] == Mismatch::none; }
  Room need_in(const CellClass& cells) const { return Room::needed(needs_on(request_, cells.proxy_mem_mb)); }
  std::int64_t zone_count(Zone zone) const { return process_ == nullptr ? 0 : process_->in_zone(zone); }

  Slot choose_by_zone();
  void look_into(const ZoneRecord& zone);
  void look_at(Slot slot, const CellClass& cells, const RankedCells& ranked);
  void scan(const ZoneRecord& zone);
  void show_own(bool shown);
  void consider(Slot slot);
  Cost cost(Slot slot) const;

  Index& index_;
  const Request& request_;
  const std::vector<Mismatch>& eligible_;
  Process* process_;
  std::vector<Slot> avoided_;
  bool avoiding_ = true;
  bool marked_ = false;

  Slot best_ = kNoSlot;
  bool best_is_own_ = false;       // It holds instances of the process: its rank does not tell its cost.
  std::vector<Slot> own_;          // Of the class under way.
  std::optional<Cost> best_cost_;  // Asked for only where there is something to compare.
};

void Search::mark_holders() {
  if (process_ == nullptr || process_->holders.size() <= kListed) return;
  marked_ = true;
  if (index_.marked_ == process_->serial) return;
  for (const Process::Holder& holder : process_->holders) index_.marks_[holder.slot] = process_->serial;
  index_.marked_ = process_->serial;
}

Cost Search::cost(Slot slot) const {
  const Candidate& seen = index_.seats_[slot].seen;
  const std::int64_t same_process = process_ == nullptr ? 0 : process_->on(slot);
  if (same_process == 0) return index_.strategy_->cost(request_, seen);
  Candidate cell = seen;
  cell.same_process = same_process;
  return index_.strategy_->cost(request_, cell);
}

void Search::consider(Slot slot) {
  if (best_ == kNoSlot) {
    best_ = slot;
    best_cost_.reset();
    best_is_own_ = is_holder(slot);
    return;
  }
  if (!best_cost_) best_cost_ = cost(best_);
  const Cost other = cost(slot);
  if (other > *best_cost_) return;
  if (other == *best_cost_ && index_.seats_[slot].label > index_.seats_[best_].label) return;
  best_ = slot;
  best_cost_ = other;
  best_is_own_ = is_holder(slot);
}

void Search::look_into(const ZoneRecord& zone) {
  if (index_.indexed_ == nullptr) return scan(zone);
  const bool as_task = !request_.is_lrp && index_.tasks_ranked_;
  const RankedCells& ranked = as_task ? index_.tasks_ : index_.open_;
  for (const ClassId id : zone.classes) {
    const CellClass& cells = index_.classes_[id];
    if (!is_eligible(cells)) continue;
    own_.clear();
    std::int64_t fewest_own = std::numeric_limits<std::int64_t>::max();
    const auto accepts = [&](Slot slot) {
      if (avoiding_ && is_avoided(slot)) return false;
      if (!is_holder(slot)) return true;
      // Passed over, but it may still be the best. Of several that with fewer instances, or the first.
      const std::int64_t here = fewest_own > 1 ? process_->on(slot) : 1;
      if (here >= fewest_own) return false;
      fewest_own = here;
      own_.push_back(slot);
      return false;
    };
    const Slot first = ranked.first(as_task ? cells.tasks : cells.open, need_in(cells), accepts);
    if (first != kNoSlot) look_at(first, cells, ranked);
    for (const Slot slot : own_) consider(slot);
  }
}

void Search::look_at(Slot slot, const CellClass& cells, const RankedCells& ranked) {
  const bool comparable =
      best_ != kNoSlot && !best_is_own_ && index_.classes_[index_.seats_[best_].cell_class].ranks_with(cells);
  if (!comparable) return consider(slot);
  if (!ranked.before(slot, best_)) return;
  best_ = slot;
  best_cost_.reset();
}

// A scan shows the strategy the seats themselves: while it lasts they say how many of the process are there.
void Search::show_own(bool shown) {
  if (index_.indexed_ != nullptr || process_ == nullptr) return;
  for (const Process::Holder& holder : process_->holders) {
    index_.seats_[holder.slot].seen.same_process = shown ? holder.instances : 0;
  }
}

// A strategy that cannot be indexed is asked about every cell that may be chosen.
void Search::scan(const ZoneRecord& zone) {
  const bool any = std::any_of(zone.classes.begin(), zone.classes.end(), [this](ClassId id) {
    const CellClass& cells = index_.classes_[id];
    return is_eligible(cells) && index_.open_.most(cells.open).holds(need_in(cells));
  });
  if (!any) return;
  // Everything that is the same for all cells is at hand: this loop is the price of a strategy without an index.
  const Strategy& strategy = *index_.strategy_;
  const Seat* const seats = index_.seats_.data();
  const Mismatch* const eligible = eligible_.data();
  const bool some_avoided = avoiding_ && !avoided_.empty();
  const Amounts needs = request_.needs;
  const bool pays_for_proxy = request_.is_lrp;
  Slot best = best_;
  if (best != kNoSlot && !best_cost_) best_cost_ = cost(best);
  Cost least = best_cost_.value_or(Cost{});
  for (const Slot slot : zone.cells) {
    const Seat& seat = seats[slot];
    if (!seat.open || eligible[seat.signature] != Mismatch::none || (some_avoided && is_avoided(slot))) continue;
    if (seat.seen.room.mem_mb < needs.mem_mb + (pays_for_proxy ? seat.seen.proxy_mem_mb : 0)) continue;
    if (!seat.seen.room.holds(needs)) continue;
    const Cost here = strategy.cost(request_, seat.seen);
    if (best != kNoSlot) {
      if (here[0] > least[0]) continue;  // Mostly decided here.
      if (here > least || (here == least && seat.label > seats[best].label)) continue;
    }
    best = slot;
    least = here;
  }
  if (best == kNoSlot) return;
  best_ = best;
  best_cost_ = least;
}

Slot Search::choose_by_zone() {
  best_ = kNoSlot;
  best_cost_.reset();
  if (process_ == nullptr) {  // A Task, or no instance anywhere: all zones are level.
    for (const ZoneRecord& zone : index_.zones_) look_into(zone);
    return best_;
  }
  std::int64_t level = -1;
  for (;;) {
    std::optional<std::int64_t> next;
    for (Zone zone = 0; zone < index_.zones_.size(); ++zone) {
      const std::int64_t count = zone_count(zone);
      if (count > level && (!next || count < *next)) next = count;
    }
    if (!next) return kNoSlot;
    level = *next;
    for (Zone zone = 0; zone < index_.zones_.size(); ++zone) {
      if (zone_count(zone) == level) look_into(index_.zones_[zone]);
    }
    if (best_ != kNoSlot) return best_;
  }
}

Slot Search::choose() {
  avoiding_ = true;
  const Slot chosen = choose_by_zone();
  if (chosen != kNoSlot || avoided_.empty()) return chosen;
  avoiding_ = false;
  return choose_by_zone();
}

// An up cell, in as good a zone as the chosen one's, that would take the request by its last-seen room.
Slot Search::awaited(Slot chosen) const {
  const std::int64_t level = chosen == kNoSlot ? 0 : zone_count(index_.seats_[chosen].zone);
  Slot found = kNoSlot;
  for (Zone zone = 0; zone < index_.zones_.size(); ++zone) {
    if (request_.is_lrp && chosen != kNoSlot && zone_count(zone) > level) continue;
    for (const ClassId id : index_.zones_[zone].classes) {
      const CellClass& cells = index_.classes_[id];
      if (cells.waiting.empty() || !is_eligible(cells)) continue;
      const Amounts needs = needs_on(request_, cells.proxy_mem_mb);
      const Slot first = index_.waiting_.first(cells.waiting, Room::needed(needs), [&](Slot slot) {
        return !is_avoided(slot) && !index_.seats_[slot].seen.room.holds(needs);
      });
      if (first == kNoSlot) continue;
      if (found == kNoSlot || index_.seats_[first].label < index_.seats_[found].label) found = first;
    }
  }
  return found;
}

std::string Search::rejection() const {
  Mismatch most_specific = Mismatch::none;
  bool any_eligible = false, mem = true, disk = true, cpu = true, containers = true;
  for (const auto& [cells, id] : index_.class_ids_) {
    const CellClass& home = index_.classes_[id];
    if (!is_eligible(home)) {
      most_specific = std::max(most_specific, eligible_[home.signature]);
      continue;
    }
    any_eligible = true;
    const Room need = need_in(home);
    const auto held = index_.held_.first(home.held, need, [](Slot) { return true; });
    if (held != kNoSlot) return std::string(diego::kExceededInflightCreation);
    for (const Room& most : {index_.open_.most(home.open), index_.held_.most(home.held)}) {
      mem = mem && !most.holds_mem(need);
      disk = disk && !most.holds_disk(need);
      cpu = cpu && !most.holds_cpus(need);
      containers = containers && !most.holds_containers(need);
    }
  }
  if (index_.class_ids_.empty()) return std::string(diego::kCellCommunication);
  if (!any_eligible) return mismatch_text(most_specific, *request_.constraints);
  std::set<std::string> problems;
  if (containers) problems.insert("containers");
  if (cpu) problems.insert("cpu");
  if (disk) problems.insert("disk");
  if (mem) problems.insert("memory");
  return diego::insufficient_resources(problems);
}

Index::Decision Index::decide(const Request& request, bool may_wait) {
  Decision decision;
  if (limits_.starting_max > 0 && starting_ >= limits_.starting_max) {
    decision.too_many_starting = true;
    return decision;
  }
  renumber();
  if (!request.is_lrp) rank_tasks();
  Search search(*this, request);
  decision.chosen = search.choose();
  decision.process = search.process();
  const bool opens_cell = decision.chosen != kNoSlot && !seats_[decision.chosen].seen.up;
  if (may_wait && awaits_ && (decision.chosen == kNoSlot || opens_cell)) {
    decision.awaited = search.awaited(decision.chosen);
  }
  return decision;
}

std::string Index::rejection(const Request& request, const Decision& decision) {
  if (decision.too_many_starting) return std::string(diego::kExceededInflightCreation);
  return Search(*this, request).rejection();
}

}  // namespace placement
