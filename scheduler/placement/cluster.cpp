#include "scheduler/placement/cluster.hpp"

#include <algorithm>
#include <cassert>

#include "diego/failures.hpp"
#include "scheduler/placement/filters.hpp"

namespace placement {

Cluster::Cluster(std::unique_ptr<Strategy> strategy) : strategy_(std::move(strategy)) { assert(strategy_ != nullptr); }

void Cluster::put(Cell cell) {
  auto id = cell.agent_id;
  cells_.insert_or_assign(std::move(id), std::move(cell));
}

void Cluster::remove(const std::string& agent_id) { cells_.erase(agent_id); }

const Cell* Cluster::find(const std::string& agent_id) const {
  const auto found = cells_.find(agent_id);
  return found == cells_.end() ? nullptr : &found->second;
}

std::map<std::string, std::int64_t> Cluster::instances_by_zone(const std::string& process) const {
  std::map<std::string, std::int64_t> counts;
  for (const auto& [id, cell] : cells_) counts[cell.zone] += cell.instances_of(process);
  return counts;
}

const Cell* Cluster::cheapest(const Request& request, bool avoiding) const {
  const auto by_zone = request.is_lrp ? instances_by_zone(request.process) : std::map<std::string, std::int64_t>{};
  const Cell* best = nullptr;
  std::int64_t best_zone_count = 0;
  Cost best_cost{};
  for (const auto& [id, cell] : cells_) {
    if (!cell.takes_work || (avoiding && request.avoid.contains(id))) continue;
    if (mismatch(request, cell) != Mismatch::none || !cell.room.holds(needs_on(request, cell))) continue;
    const std::int64_t zone_count = request.is_lrp ? by_zone.at(cell.zone) : 0;
    if (best != nullptr && zone_count > best_zone_count) continue;
    const Cost cost = strategy_->cost(request, cell);
    if (best == nullptr || zone_count < best_zone_count || cost < best_cost) {
      best = &cell;
      best_zone_count = zone_count;
      best_cost = cost;
    }
  }
  return best;
}

// An up cell, as good a zone as the chosen one's, that would take the request by its last-seen
// room but whose agent has no offer in hand.
const Cell* Cluster::awaited(const Request& request, const Cell* chosen) const {
  const auto by_zone = request.is_lrp ? instances_by_zone(request.process) : std::map<std::string, std::int64_t>{};
  for (const auto& [id, cell] : cells_) {
    if (!cell.up || !cell.takes_work || request.avoid.contains(id) || mismatch(request, cell) != Mismatch::none)
      continue;
    if (request.is_lrp && chosen != nullptr && by_zone.at(cell.zone) > by_zone.at(chosen->zone)) continue;
    const Amounts needs = needs_on(request, cell);
    if (!cell.room.holds(needs) && cell.last_room.holds(needs)) return &cell;
  }
  return nullptr;
}

std::string Cluster::rejection(const Request& request) const {
  Mismatch most_specific = Mismatch::rootfs;
  bool any_cell = false;
  bool any_eligible = false;
  std::set<std::string> common;
  for (const auto& [id, cell] : cells_) {
    if (!cell.takes_work) continue;
    any_cell = true;
    const Mismatch why = mismatch(request, cell);
    if (why != Mismatch::none) {
      most_specific = std::max(most_specific, why);
      continue;
    }
    const auto names = shortages(cell.room, needs_on(request, cell));
    if (!any_eligible) {
      common = names;
    } else {
      std::erase_if(common, [&names](const std::string& name) { return !names.contains(name); });
    }
    any_eligible = true;
  }
  if (!any_cell) return std::string(diego::kCellCommunication);
  if (!any_eligible) return mismatch_text(most_specific, request);
  return diego::insufficient_resources(common);
}

void Cluster::reserve(Cell& cell, const Request& request) {
  const Amounts needs = needs_on(request, cell);
  assert(cell.room.holds(needs));
  cell.room -= needs;
  cell.last_room -= needs;
  cell.up = true;
  ++cell.starting;
  if (request.is_lrp) {
    ++cell.instances[request.process];
  } else {
    ++cell.tasks;
  }
}

Outcome Cluster::place(const Request& request, bool may_wait) {
  const Cell* chosen = request.avoid.empty() ? nullptr : cheapest(request, true);
  if (chosen == nullptr) chosen = cheapest(request, false);
  const bool opens_cell = chosen != nullptr && !chosen->up;
  if (may_wait && strategy_->awaits_up_cells() && (chosen == nullptr || opens_cell)) {
    if (const Cell* up = awaited(request, chosen)) return Awaited{up->agent_id};
  }
  if (chosen == nullptr) return Rejection{rejection(request)};
  Cell& cell = cells_.at(chosen->agent_id);
  reserve(cell, request);
  return Placement{cell.agent_id, opens_cell};
}

}  // namespace placement
