// What the core tells of a placement that it did not make: where an instance would go now, and why not elsewhere.
// Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/core/work.hpp"
#include "scheduler/placement/amounts.hpp"

namespace core {

// An agent as a place for an instance, with the cell that is or would be on it.
struct PlaceView {
  std::string agent_id, agent_hostname, zone;
  std::string cell_id;  // Empty: none is there, one would start.
  bool operator==(const PlaceView&) const = default;
};

struct VerdictView {
  PlaceView place;
  std::vector<std::string_view> reasons;  // placement::Obstacle by name. Empty: it fits.
  placement::Amounts short_by;            // The numbers behind them.
  std::string text;                       // The same for people.
  std::int64_t zone_instances = 0;        // Of its process in that zone: fewer go first.
  std::vector<std::int64_t> cost;         // If it fits, as the strategy compares it: from the front, less is better.
};

// Cells that are refused for the same reasons.
struct MissGroup {
  std::vector<std::string_view> reasons;
  std::size_t cells = 0;
  placement::Amounts short_by_min, short_by_max;
  std::vector<std::string> examples;  // Agent ids, nearest misses first.
};

struct ZoneView {
  std::string zone;
  std::int64_t instances = 0;  // Of the process.
  std::size_t cells = 0, fit = 0;
};

struct ExplanationView {
  enum class Outcome { placed, awaits_offer, refused };

  Key key;
  std::optional<State> state;           // Of an instance that is known.
  std::optional<PlaceView> runs_on;     // Where its current attempt is.
  std::string reason;                   // Why it waits or ended, as instances() tells it.
  std::vector<std::string> held_up_by;  // What stands before any placing: "not subscribed ...".
  placement::Amounts needs;             // What is charged, but for a cell's proxy.
  Outcome outcome = Outcome::refused;
  std::optional<PlaceView> place;  // Where it would go, or most likely once there is an offer.
  bool starts_cell = false;
  std::string refusal;  // In Diego's words.

  // Left out where an instance of the same process before it in the request met the same.
  bool with_cells = false;
  std::size_t cells = 0, fit = 0;
  std::vector<ZoneView> zones;
  std::vector<VerdictView> fitting;  // The best first; at most as many as were asked for.
  std::vector<VerdictView> misses;   // The nearest first; likewise.
  std::vector<MissGroup> groups;     // Of all misses, the biggest first.
};

// Each looks at every cell, while nothing else is decided: so many at a time.
inline constexpr std::size_t kExplainedMax = 100;

}  // namespace core
