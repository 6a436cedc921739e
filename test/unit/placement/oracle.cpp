#include "oracle.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace placement_test {

using placement::Amounts;
using placement::Cell;
using placement::Cost;
using placement::Obstacle;
using placement::Occupant;
using placement::Outcome;
using placement::Request;

Amounts needed(const Request& request, const Cell& cell) {
  Amounts needs = request.needs;
  if (request.is_lrp) needs.mem_mb = needs.mem_mb + cell.proxy_mem_mb;
  return needs;
}

namespace {

std::int64_t fresh(const Seen& seen) { return seen.cell.up ? 0 : 1; }

constexpr std::int64_t kOne = std::int64_t{1} << 40;

// Which part of `total` is used once `need` is taken of `room`; a third of it, as three of them make a score.
std::int64_t used(std::int64_t total, std::int64_t room, std::int64_t need) {
  if (total <= 0) return kOne / 3;
  const std::int64_t weight = kOne / (3 * total);
  const std::int64_t in_use = total > room ? total - room : 0;
  return in_use * weight + need * weight;
}

bool all_in(const std::set<std::string>& some, const std::set<std::string>& all) {
  for (const auto& one : some) {
    if (all.count(one) == 0) return false;
  }
  return true;
}

bool rootfs_there(const placement::Constraints& wanted, const Cell& cell) {
  if (!wanted.rootfs.has_value()) return false;
  const auto provider = cell.rootfs.find(wanted.rootfs->scheme);
  if (provider == cell.rootfs.end()) return false;
  if (provider->second.kind == diego::RootFsProvider::Kind::arbitrary) return true;
  if (provider->second.kind == diego::RootFsProvider::Kind::unknown) return false;
  return provider->second.set.count(wanted.rootfs->opaque) == 1;
}

// required <= wanted <= required + optional
bool tags_match(const placement::Constraints& wanted, const Cell& cell) {
  std::set<std::string> known = cell.placement_tags;
  known.insert(cell.optional_placement_tags.begin(), cell.optional_placement_tags.end());
  return all_in(cell.placement_tags, wanted.placement_tags) && all_in(wanted.placement_tags, known);
}

constexpr std::uint16_t bit(Obstacle obstacle) { return static_cast<std::uint16_t>(obstacle); }
constexpr std::uint16_t kMismatch =
    bit(Obstacle::rootfs) | bit(Obstacle::volume_drivers) | bit(Obstacle::placement_tags);
constexpr std::uint16_t kShort =
    bit(Obstacle::memory) | bit(Obstacle::disk) | bit(Obstacle::cpu) | bit(Obstacle::containers);

bool takes_work(const Oracle::Judgement& judgement) {
  return !placement::has(judgement.obstacles, Obstacle::takes_no_work);
}

bool eligible(const Oracle::Judgement& judgement) {
  return takes_work(judgement) && (judgement.obstacles & kMismatch) == 0;
}

// The names as users read them, sorted.
std::set<std::string> shortages(std::uint16_t obstacles) {
  std::set<std::string> names;
  if (placement::has(obstacles, Obstacle::containers)) names.insert("containers");
  if (placement::has(obstacles, Obstacle::cpu)) names.insert("cpu");
  if (placement::has(obstacles, Obstacle::disk)) names.insert("disk");
  if (placement::has(obstacles, Obstacle::memory)) names.insert("memory");
  return names;
}

std::string tags_refusal(const std::set<std::string>& tags) {
  if (tags.empty()) return "found no compatible cell with no placement tags";
  std::string list;
  std::size_t at = 0;
  for (const auto& tag : tags) {
    ++at;
    if (at > 1) list += at == tags.size() ? " and " : ", ";
    list += '"' + tag + '"';
  }
  return (tags.size() == 1 ? "found no compatible cell with placement tag "
                           : "found no compatible cell with placement tags ") +
         list;
}

// How far Diego's matching came with a cell: 1 its rootfs is wrong, 2 its drivers, 3 its tags.
int reached(std::uint16_t obstacles) {
  if (placement::has(obstacles, Obstacle::rootfs)) return 1;
  return placement::has(obstacles, Obstacle::volume_drivers) ? 2 : 3;
}

}  // namespace

Rules binpack_rules() {
  const auto price = [](const Request& request, const Seen& seen) -> Cost {
    const std::int64_t left = seen.cell.room.mem_mb - needed(request, seen.cell).mem_mb;
    if (request.is_lrp) return {fresh(seen), seen.same_process, left};
    return {fresh(seen), left, 0};
  };
  return {price, true};
}

Rules spread_rules() {
  const auto price = [](const Request& request, const Seen& seen) -> Cost {
    const std::int64_t free = seen.cell.room.mem_mb;
    if (!request.is_lrp) return {fresh(seen), -free, 0};
    if (!seen.cell.up) return {0, 0, -free};
    return {1, seen.same_process, -free};
  };
  return {price, false};
}

Rules diego_rules(double bin_pack_weight, double starting_weight) {
  const std::int64_t per_index = std::llround(bin_pack_weight * static_cast<double>(kOne));
  const std::int64_t per_starting = std::llround(starting_weight * static_cast<double>(kOne));
  const auto price = [per_index, per_starting](const Request& request, const Seen& seen) -> Cost {
    const Amounts need = needed(request, seen.cell);
    const Amounts& room = seen.cell.room;
    const Amounts& total = seen.cell.total;
    std::int64_t score = used(total.mem_mb, room.mem_mb, need.mem_mb) +
                         used(total.disk_mb, room.disk_mb, need.disk_mb) +
                         used(total.containers, room.containers, need.containers);
    score += seen.starting * per_starting;
    score += (request.is_lrp ? seen.same_process : seen.tasks) * 1000 * kOne;
    if (request.is_lrp) score += seen.position * per_index;
    return {fresh(seen), score, 0};
  };
  return {price, true};
}

void Oracle::upsert(const Cell& cell) { cells_[cell.agent_id].cell = cell; }

void Oracle::set_room(const std::string& agent_id, const Amounts& room, const Amounts& last_room) {
  cells_.at(agent_id).cell.room = room;
  cells_.at(agent_id).cell.last_room = last_room;
}

void Oracle::occupy(const std::string& agent_id, const Occupant& occupant) {
  Known& known = cells_.at(agent_id);
  if (occupant.is_lrp) {
    ++known.lrps[std::string(occupant.process)];
  } else {
    ++known.tasks;
  }
  if (occupant.starting) ++known.starting;
}

void Oracle::vacate(const std::string& agent_id, const Occupant& occupant) {
  Known& known = cells_.at(agent_id);
  std::int64_t& count = occupant.is_lrp ? known.lrps[std::string(occupant.process)] : known.tasks;
  if (count == 0) return;
  --count;
  if (occupant.starting && known.starting > 0) --known.starting;
}

void Oracle::started(const std::string& agent_id) {
  Known& known = cells_.at(agent_id);
  if (known.starting > 0) --known.starting;
}

void Oracle::release(const std::string& agent_id, const Request& request, bool starting) {
  Cell& cell = cells_.at(agent_id).cell;
  cell.room += needed(request, cell);
  cell.last_room += needed(request, cell);
  vacate(agent_id, {request.is_lrp, request.process, starting});
}

std::map<std::string, std::int64_t> Oracle::positions() const {
  std::map<std::string, std::vector<const Cell*>> zones;
  for (const auto& [id, known] : cells_) {
    if (known.cell.takes_work) zones[known.cell.zone].push_back(&known.cell);
  }
  std::map<std::string, std::int64_t> found;
  for (auto& [zone, cells] : zones) {
    std::sort(cells.begin(), cells.end(), [](const Cell* a, const Cell* b) {
      return a->index != b->index ? a->index < b->index : a->agent_id < b->agent_id;
    });
    for (std::size_t at = 0; at < cells.size(); ++at) found[cells[at]->agent_id] = static_cast<std::int64_t>(at);
  }
  return found;
}

std::map<std::string, std::int64_t> Oracle::zone_instances(const Request& request) const {
  std::map<std::string, std::int64_t> counts;
  for (const auto& [id, known] : cells_) counts[known.cell.zone] += request.is_lrp ? instances(id, request.process) : 0;
  return counts;
}

std::vector<Oracle::Judgement> Oracle::judge(const Request& request) const {
  const auto position = positions();
  const auto in_zone = zone_instances(request);
  std::vector<Judgement> all;
  for (const auto& [id, known] : cells_) {
    const Cell& cell = known.cell;
    const Amounts need = needed(request, cell);
    const std::int64_t is_starting = cell.starting + known.starting;
    Judgement judgement;
    judgement.agent_id = id;
    judgement.zone_instances = in_zone.at(cell.zone);
    const auto hinder = [&judgement](Obstacle obstacle, bool is_there) {
      if (is_there) judgement.obstacles = static_cast<std::uint16_t>(judgement.obstacles | bit(obstacle));
    };
    const auto lack = [&hinder](Obstacle obstacle, std::int64_t room, std::int64_t wanted) -> std::int64_t {
      hinder(obstacle, room < wanted);
      return room < wanted ? wanted - room : 0;
    };
    hinder(Obstacle::takes_no_work, !cell.takes_work);
    hinder(Obstacle::rootfs, !rootfs_there(*request.constraints, cell));
    hinder(Obstacle::volume_drivers, !all_in(request.constraints->volume_drivers, cell.volume_drivers));
    hinder(Obstacle::placement_tags, !tags_match(*request.constraints, cell));
    judgement.short_by = {lack(Obstacle::memory, cell.room.mem_mb, need.mem_mb),
                          lack(Obstacle::disk, cell.room.disk_mb, need.disk_mb),
                          lack(Obstacle::cpu, cell.room.cpus_milli, need.cpus_milli),
                          lack(Obstacle::containers, cell.room.containers, need.containers)};
    const bool fits_last = cell.last_room.mem_mb >= need.mem_mb && cell.last_room.disk_mb >= need.disk_mb &&
                           cell.last_room.cpus_milli >= need.cpus_milli && cell.last_room.containers >= need.containers;
    hinder(Obstacle::no_offer, (judgement.obstacles & kShort) != 0 && fits_last);
    judgement.told_short_by = judgement.short_by;
    std::uint16_t untold = 0;
    if (fits_last) {  // Of nothing but an offer.
      judgement.told_short_by = {};
      untold = kShort;
    } else if (cell.room == Amounts{}) {
      const auto lacks_last = [&](Obstacle obstacle, std::int64_t room, std::int64_t wanted) -> std::int64_t {
        if (room < wanted) return wanted - room;
        untold = static_cast<std::uint16_t>(untold | bit(obstacle));
        return 0;
      };
      judgement.told_short_by = {lacks_last(Obstacle::memory, cell.last_room.mem_mb, need.mem_mb),
                                 lacks_last(Obstacle::disk, cell.last_room.disk_mb, need.disk_mb),
                                 lacks_last(Obstacle::cpu, cell.last_room.cpus_milli, need.cpus_milli),
                                 lacks_last(Obstacle::containers, cell.last_room.containers, need.containers)};
    }
    hinder(Obstacle::starting_limit, limits_.starting_per_cell_max > 0 && is_starting >= limits_.starting_per_cell_max);
    judgement.told_obstacles = static_cast<std::uint16_t>(judgement.obstacles & ~untold);
    if (judgement.obstacles == 0) {
      Seen seen{cell, position.at(id), is_starting, 0, known.tasks, 0};
      for (const auto& [process, count] : known.lrps) seen.lrps += count;
      seen.same_process = request.is_lrp ? instances(id, request.process) : 0;
      judgement.cost = rules_.price(request, seen);
    }
    all.push_back(judgement);
  }
  return all;
}

// Emptier zones first, whatever the cost; then the lower cost; then the smaller agent id, the order of `all`.
const Oracle::Judgement* Oracle::cheapest(const std::vector<Judgement>& all, const std::set<std::string>& avoid) const {
  const Judgement* best = nullptr;
  for (const Judgement& one : all) {
    if (one.obstacles != 0 || avoid.count(one.agent_id) != 0) continue;
    if (best == nullptr || one.zone_instances < best->zone_instances ||
        (one.zone_instances == best->zone_instances && one.cost < best->cost))
      best = &one;
  }
  return best;
}

std::string Oracle::refusal(const Request& request, const std::vector<Judgement>& all) const {
  if (std::none_of(all.begin(), all.end(), takes_work)) return "unable to communicate to compatible cells";
  if (std::none_of(all.begin(), all.end(), eligible)) {
    int most = 1;
    for (const Judgement& one : all) {
      if (takes_work(one)) most = std::max(most, reached(one.obstacles));
    }
    if (most == 3) return tags_refusal(request.constraints->placement_tags);
    return most == 2 ? "found no compatible cell with required volume drivers"
                     : "found no compatible cell for required rootfs";
  }
  std::set<std::string> everywhere{"containers", "cpu", "disk", "memory"};
  for (const Judgement& one : all) {
    if (!eligible(one)) continue;
    if (one.obstacles == bit(Obstacle::starting_limit))
      return "waiting to start instance: reached in-flight start limit";
    for (const std::string name : {"containers", "cpu", "disk", "memory"}) {
      if (shortages(one.obstacles).count(name) == 0) everywhere.erase(name);
    }
  }
  std::string list;
  for (const auto& name : everywhere) list += (list.empty() ? ": " : ", ") + name;
  return "insufficient resources" + list;
}

Oracle::Answer Oracle::answer(const Request& request, bool may_wait) const {
  Answer answer;
  if (limits_.starting_max > 0 && starting() >= limits_.starting_max) {
    answer.refusal = "waiting to start instance: reached in-flight start limit";
    return answer;
  }
  const auto all = judge(request);
  const Judgement* chosen = cheapest(all, request.avoid);
  if (chosen == nullptr) chosen = cheapest(all, {});
  if (chosen != nullptr) {
    answer.place_on = chosen->agent_id;
    answer.starts_cell = !cells_.at(chosen->agent_id).cell.up;
  } else {
    answer.refusal = refusal(request, all);
  }
  if (!may_wait || !rules_.awaits_up_cells || (chosen != nullptr && !answer.starts_cell)) return answer;
  for (const Judgement& one : all) {
    const bool near_enough = chosen == nullptr || one.zone_instances <= chosen->zone_instances;
    if (eligible(one) && cells_.at(one.agent_id).cell.up && request.avoid.count(one.agent_id) == 0 && near_enough &&
        placement::has(one.obstacles, Obstacle::no_offer) && !placement::has(one.obstacles, Obstacle::starting_limit))
      answer.may_await.insert(one.agent_id);
  }
  return answer;
}

bool Oracle::Answer::allows(const Outcome& outcome) const {
  if (const auto* awaited = std::get_if<placement::Awaited>(&outcome))
    return may_await.count(std::string(awaited->agent_id)) != 0;
  if (!may_await.empty()) return false;
  if (const auto* placed = std::get_if<placement::Placement>(&outcome))
    return !place_on.empty() && placed->agent_id == place_on && placed->starts_cell == starts_cell;
  return place_on.empty() && std::get<placement::Rejection>(outcome).text == refusal;
}

void Oracle::book(const Request& request, const Outcome& outcome) {
  if (const auto* awaited = std::get_if<placement::Awaited>(&outcome)) {
    Cell& cell = cells_.at(std::string(awaited->agent_id)).cell;
    cell.last_room -= needed(request, cell);
  }
  if (const auto* placed = std::get_if<placement::Placement>(&outcome)) {
    const std::string agent_id(placed->agent_id);
    Cell& cell = cells_.at(agent_id).cell;
    cell.room -= needed(request, cell);
    cell.last_room -= needed(request, cell);
    cell.up = true;
    occupy(agent_id, {request.is_lrp, request.process, true});
  }
}

std::optional<Cell> Oracle::find(const std::string& agent_id) const {
  const auto found = cells_.find(agent_id);
  if (found == cells_.end()) return std::nullopt;
  Cell cell = found->second.cell;
  cell.starting += found->second.starting;
  return cell;
}

std::vector<std::string> Oracle::agent_ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, known] : cells_) ids.push_back(id);
  return ids;
}

std::int64_t Oracle::instances(const std::string& agent_id, const std::string& process) const {
  const auto cell = cells_.find(agent_id);
  if (cell == cells_.end()) return 0;
  const auto found = cell->second.lrps.find(process);
  return found == cell->second.lrps.end() ? 0 : found->second;
}

std::int64_t Oracle::tasks(const std::string& agent_id) const {
  const auto cell = cells_.find(agent_id);
  return cell == cells_.end() ? 0 : cell->second.tasks;
}

std::int64_t Oracle::starting() const {
  std::int64_t sum = 0;
  for (const auto& [id, known] : cells_) sum += known.cell.starting + known.starting;
  return sum;
}

std::string text(const Outcome& outcome) {
  if (const auto* placed = std::get_if<placement::Placement>(&outcome))
    return "placed on " + std::string(placed->agent_id) + (placed->starts_cell ? ", which starts" : "");
  if (const auto* awaited = std::get_if<placement::Awaited>(&outcome))
    return "awaits " + std::string(awaited->agent_id);
  return "refused: " + std::get<placement::Rejection>(outcome).text;
}

std::string text(const Oracle::Answer& answer) {
  if (!answer.may_await.empty()) {
    std::string list = "awaits one of";
    for (const auto& id : answer.may_await) list += " " + id;
    return list;
  }
  if (answer.place_on.empty()) return "refused: " + answer.refusal;
  return "placed on " + answer.place_on + (answer.starts_cell ? ", which starts" : "");
}

std::string text(const Amounts& amounts) {
  std::ostringstream out;
  out << amounts.mem_mb << " MB, disk " << amounts.disk_mb << " MB, cpu " << amounts.cpus_milli << ", containers "
      << amounts.containers;
  return out.str();
}

std::string text(const Cell& cell) {
  std::ostringstream out;
  out << cell.agent_id << " zone " << cell.zone << " index " << cell.index << (cell.up ? " up" : "")
      << (cell.takes_work ? "" : " takes no work") << " total {" << text(cell.total) << "} room {" << text(cell.room)
      << "} last room {" << text(cell.last_room) << "} starting " << cell.starting;
  return out.str();
}

}  // namespace placement_test
