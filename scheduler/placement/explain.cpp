#include "scheduler/placement/explain.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <utility>

#include "diego/failures.hpp"
#include "scheduler/placement/index.hpp"

namespace placement {
namespace {

constexpr std::array<std::pair<Obstacle, std::string_view>, 10> kNames{{
    {Obstacle::takes_no_work, "takes no work"},
    {Obstacle::rootfs, "rootfs"},
    {Obstacle::volume_drivers, "volume drivers"},
    {Obstacle::placement_tags, "placement tags"},
    {Obstacle::memory, "memory"},
    {Obstacle::disk, "disk"},
    {Obstacle::cpu, "cpu"},
    {Obstacle::containers, "containers"},
    {Obstacle::starting_limit, "starting limit"},
    {Obstacle::no_offer, "no offer"},
}};

constexpr std::uint16_t bit(Obstacle one) { return static_cast<std::uint16_t>(one); }

constexpr std::uint16_t kShort =
    bit(Obstacle::memory) | bit(Obstacle::disk) | bit(Obstacle::cpu) | bit(Obstacle::containers);

std::uint16_t obstacles_of(const Matches& matches) {
  std::uint16_t bits = 0;
  if (!matches.rootfs) bits |= bit(Obstacle::rootfs);
  if (!matches.volume_drivers) bits |= bit(Obstacle::volume_drivers);
  if (!matches.placement_tags) bits |= bit(Obstacle::placement_tags);
  return bits;
}

std::int64_t lack(std::int64_t room, std::int64_t need) { return std::max<std::int64_t>(0, need - room); }

Amounts shortage(const Amounts& room, const Amounts& needs) {
  return {lack(room.mem_mb, needs.mem_mb), lack(room.disk_mb, needs.disk_mb), lack(room.cpus_milli, needs.cpus_milli),
          lack(room.containers, needs.containers)};
}

std::uint16_t obstacles_of(const Amounts& short_by) {
  std::uint16_t bits = 0;
  if (short_by.mem_mb > 0) bits |= bit(Obstacle::memory);
  if (short_by.disk_mb > 0) bits |= bit(Obstacle::disk);
  if (short_by.cpus_milli > 0) bits |= bit(Obstacle::cpu);
  if (short_by.containers > 0) bits |= bit(Obstacle::containers);
  return bits;
}

void add(std::string& text, const std::string& more) { text += (text.empty() ? "" : ", ") + more; }

std::string quoted(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) add(text, '"' + name + '"');
  return text.empty() ? "none" : text;
}

std::set<std::string> all_but(const std::set<std::string>& names, const std::set<std::string>& known) {
  std::set<std::string> rest;
  std::set_difference(names.begin(), names.end(), known.begin(), known.end(), std::inserter(rest, rest.end()));
  return rest;
}

std::string describe_tags(const Constraints& wanted, const Cell& cell) {
  std::string text;
  if (const auto missing = all_but(cell.placement_tags, wanted.placement_tags); !missing.empty()) {
    add(text, "takes only work with placement tag " + quoted(missing));
  }
  std::set<std::string> has = cell.placement_tags;
  has.insert(cell.optional_placement_tags.begin(), cell.optional_placement_tags.end());
  if (const auto missing = all_but(wanted.placement_tags, has); !missing.empty()) {
    add(text, "has no placement tag " + quoted(missing));
  }
  return text;
}

}  // namespace

std::string_view to_string(Obstacle obstacle) {
  const auto found =
      std::find_if(kNames.begin(), kNames.end(), [=](const auto& entry) { return entry.first == obstacle; });
  return found == kNames.end() ? "" : found->second;
}

bool Verdict::fits_last_room() const { return obstacles == bit(Obstacle::no_offer); }

Distance distance(const Request& request, const Verdict& verdict) {
  constexpr std::uint16_t kForGood =
      bit(Obstacle::rootfs) | bit(Obstacle::volume_drivers) | bit(Obstacle::placement_tags);
  const auto part = [](std::int64_t missing, std::int64_t need) {
    return missing == 0 ? 0.0 : static_cast<double>(missing) / static_cast<double>(std::max<std::int64_t>(need, 1));
  };
  const Amounts& missing = verdict.short_by;
  const unsigned wrong = verdict.obstacles;
  const Amounts& needs = request.needs;
  return {std::popcount(wrong & kForGood), std::popcount(wrong),
          part(missing.mem_mb, needs.mem_mb) + part(missing.disk_mb, needs.disk_mb) +
              part(missing.cpus_milli, needs.cpus_milli) + part(missing.containers, needs.containers)};
}

std::vector<Verdict> Index::verdicts(const Request& request) {
  renumber();
  std::vector<std::uint16_t> for_good;
  for (const SignatureRecord& record : signatures_) {
    for_good.push_back(obstacles_of(matches(*request.constraints, record.signature)));
  }
  const Process* process = request.is_lrp ? processes_.find(request.process) : nullptr;
  std::vector<Verdict> all;
  all.reserve(by_id_.size());
  for (const auto& [id, slot] : by_id_) {
    const Seat& seat = seats_[slot];
    const Amounts needs = needs_on(request, seat.seen.proxy_mem_mb);
    Verdict& verdict = all.emplace_back();
    verdict.agent_id = seat.seen.agent_id;
    verdict.zone = seat.seen.zone;
    verdict.up = seat.seen.up;
    verdict.zone_instances = process == nullptr ? 0 : process->in_zone(seat.zone);
    if (!seat.takes_work) verdict.obstacles |= bit(Obstacle::takes_no_work);
    verdict.obstacles |= for_good[seat.signature];
    verdict.short_by = shortage(seat.seen.room, needs);
    if (obstacles_of(verdict.short_by) != 0) {
      if (seat.last_room.holds(needs)) {
        verdict.obstacles |= bit(Obstacle::no_offer);
        verdict.short_by = {};  // Of nothing but the offer that will bring it.
      } else if (seat.seen.room == Amounts{}) {
        // Without an offer in hand everything were short; what counts is what the next one would lack.
        verdict.short_by = shortage(seat.last_room, needs);
      }
    }
    verdict.obstacles |= obstacles_of(verdict.short_by);
    if (at_starting_limit(seat)) verdict.obstacles |= bit(Obstacle::starting_limit);
    if (!verdict.fits() && !verdict.fits_last_room()) continue;
    Candidate cell = seat.seen;
    if (!verdict.fits()) cell.room = seat.last_room;
    if (process != nullptr) cell.same_process = process->on(slot);
    verdict.cost = strategy_->cost(request, cell);
  }
  return all;
}

std::optional<std::string> Index::lacks(const Request& request) const {
  std::uint16_t lacking = kShort;
  bool any = false;
  for (const auto& [id, slot] : by_id_) {
    const Seat& seat = seats_[slot];
    if (!seat.takes_work || obstacles_of(matches(*request.constraints, signatures_[seat.signature].signature)) != 0)
      continue;
    any = true;
    const Amounts needs = needs_on(request, seat.seen.proxy_mem_mb);
    const std::uint16_t here = obstacles_of(shortage(seat.last_room, needs));
    if (here == 0) return std::nullopt;
    lacking &= here;
  }
  std::set<std::string> problems;
  for (const auto& [one, name] : kNames) {
    if (any && has(lacking, one)) problems.emplace(name);
  }
  return diego::insufficient_resources(problems);
}

Explanation Cluster::explain(const Request& request, bool may_wait) const {
  Explanation explanation{preview(request, may_wait), index_->verdicts(request), std::nullopt};
  std::optional<Distance> nearest;
  for (std::size_t at = 0; at < explanation.cells.size(); ++at) {
    if (explanation.cells[at].fits()) continue;
    const Distance here = distance(request, explanation.cells[at]);
    if (nearest && here >= *nearest) continue;
    nearest = here;
    explanation.nearest_miss = at;
  }
  return explanation;
}

std::string describe(const Request& request, const Cell& cell, const Verdict& verdict) {
  const Constraints& wanted = *request.constraints;
  std::string text;
  const auto is = [&verdict](Obstacle one) { return has(verdict.obstacles, one); };
  if (is(Obstacle::takes_no_work)) add(text, "takes no work");
  if (is(Obstacle::rootfs)) {
    add(text, wanted.rootfs ? "has no rootfs " + wanted.rootfs->scheme + ":" + wanted.rootfs->opaque
                            : "the rootfs of the request cannot be read");
  }
  if (is(Obstacle::volume_drivers)) {
    add(text, "has no volume driver " + quoted(all_but(wanted.volume_drivers, cell.volume_drivers)));
  }
  if (is(Obstacle::placement_tags)) add(text, describe_tags(wanted, cell));
  if (is(Obstacle::memory)) add(text, "short of " + std::to_string(verdict.short_by.mem_mb) + " MB memory");
  if (is(Obstacle::disk)) add(text, "short of " + std::to_string(verdict.short_by.disk_mb) + " MB disk");
  if (is(Obstacle::cpu)) add(text, "short of " + std::to_string(verdict.short_by.cpus_milli) + " milli-cpus");
  if (is(Obstacle::containers)) add(text, "short of " + std::to_string(verdict.short_by.containers) + " containers");
  if (is(Obstacle::starting_limit)) add(text, "as many containers start there as may at once");
  if (is(Obstacle::no_offer)) add(text, "no offer of its agent is in hand, by the room last seen there is enough");
  return text;
}

}  // namespace placement
