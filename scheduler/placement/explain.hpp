// Why an instance goes where it goes, or nowhere: one verdict for every cell, from the code that places.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "scheduler/placement/strategy.hpp"
#include "scheduler/placement/types.hpp"

namespace placement {

// Why a cell cannot take a request; a set of bits, most telling first.
enum class Obstacle : std::uint16_t {
  takes_no_work = 1,
  rootfs = 2,
  volume_drivers = 4,
  placement_tags = 8,
  memory = 16,
  disk = 32,
  cpu = 64,
  containers = 128,
  starting_limit = 256,  // The cell has as many starting containers as one may have.
  no_offer = 512,        // It fits the room last seen; what it is short of is an offer of its agent.
};
constexpr bool has(std::uint16_t obstacles, Obstacle one) { return (obstacles & static_cast<std::uint16_t>(one)) != 0; }
std::string_view to_string(Obstacle obstacle);

struct Verdict {
  std::string_view agent_id;  // Good while the cell is in the cluster, as is `zone`.
  std::string_view zone;
  bool up = false;
  std::uint16_t obstacles = 0;      // Of Obstacle; 0: it fits.
  Amounts short_by;                 // What is missing, 0 where there is enough.
  Cost cost{};                      // If it fits, or would with an offer: then by the room last seen.
  std::int64_t zone_instances = 0;  // Instances of the process in the cell's zone: fewer go first. 0 for a Task.

  bool fits() const { return obstacles == 0; }
  // Nothing but an offer of its agent is missing.
  bool fits_last_room() const;
};

// How far a verdict is from fitting; less is nearer. First what no room could mend, then how many things are
// wrong, then by how much of what is asked.
using Distance = std::tuple<int, int, double>;
Distance distance(const Request& request, const Verdict& verdict);

struct Explanation {
  Outcome outcome;                          // What place() would answer now.
  std::vector<Verdict> cells;               // Every cell, by agent id; without an offer in hand by the room last seen.
  std::optional<std::size_t> nearest_miss;  // In `cells`: of those that do not fit the one that lacks least.
};

// For people: `short of 412 MB memory, short of 3 MB disk`; `has no placement tag "gpu"`.
std::string describe(const Request& request, const Cell& cell, const Verdict& verdict);

}  // namespace placement
