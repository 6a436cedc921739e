// What runs, packed or spread anew: a bounded plan of moves, each of a whole cell whose work starts elsewhere before
// it stops there. Plain values, for the core and for who shows them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/core/explanation.hpp"
#include "scheduler/core/work.hpp"

namespace core {

// pack: fewer cells. spread: instances of a process further apart, then memory used more evenly.
enum class Goal : std::uint8_t { pack, spread };
std::string_view to_string(Goal goal);
std::optional<Goal> parse_goal(std::string_view text);

inline constexpr std::size_t kMovesDefault = 10;
inline constexpr std::size_t kMovesMax = 100;

struct RebalanceOrder {
  std::optional<Goal> goal;  // Without one: pack under binpack, else spread.
  std::size_t max_moves = kMovesDefault;
  bool operator==(const RebalanceOrder&) const = default;
};

// How things stand, in the numbers that goals are about.
struct Balance {
  std::int64_t cells = 0;       // With work.
  std::int64_t cell_pairs = 0;  // Pairs of instances of one process that share a cell,
  std::int64_t zone_pairs = 0;  // or a zone.
  // How far the share of its memory that an agent has in use is from the mean of all (standard deviation, agents
  // by their size).
  std::int64_t unevenness_permille = 0;
  bool operator==(const Balance&) const = default;
};

enum class MoveState : std::uint8_t { planned, moving, moved, skipped, given_up };
std::string_view to_string(MoveState state);

struct RebalanceMove {
  struct Instance {
    Key key;
    std::int64_t memory_mb = 0;
    PlaceView to;
    bool starts_cell = false;
    bool operator==(const Instance&) const = default;
  };
  PlaceView from;
  std::int64_t memory_mb = 0;
  std::vector<Instance> instances;  // In the order in which they are placed.
  Balance before, after;
  MoveState state = MoveState::planned;
  std::string reason;  // Why it was skipped or given up.
  bool operator==(const RebalanceMove&) const = default;
};

enum class RebalanceState : std::uint8_t { preview, under_way, ended };
std::string_view to_string(RebalanceState state);

struct RebalanceView {
  Goal goal = Goal::pack;
  std::size_t max_moves = kMovesDefault;
  RebalanceState state = RebalanceState::preview;
  std::string reason;     // Why there is nothing to do, or how it ended.
  Balance before, after;  // As planned.
  std::vector<RebalanceMove> moves;
  std::map<std::string, std::int64_t> stay;  // Cells with work that are not moved, by reason.
  bool cut_short = false;                    // Not every cell was looked at: it would have taken too long.
  base::Time planned;
  std::optional<base::Time> ended;
  bool operator==(const RebalanceView&) const = default;
};

}  // namespace core
