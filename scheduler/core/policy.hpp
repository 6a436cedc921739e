// What an operator may change while the scheduler runs: which cell gets which work, how long is waited, how much at a
// time. Plain values, and their JSON: a member for each, durations in milliseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "scheduler/placement/cluster.hpp"
#include "scheduler/placement/strategy.hpp"

namespace core {

struct Policy {
  std::string strategy = "binpack";  // A built-in one, or as --strategy names it.
  placement::StrategyOptions weights;
  placement::Limits limits;         // Of containers not yet running.
  std::size_t queue_max = 500'000;  // Waiting instances; beyond it auctions are refused.
  base::Duration placement_timeout = std::chrono::seconds(30);
  base::Duration offer_hold = std::chrono::seconds(5);
  base::Duration offer_linger{0};  // After the last work, for what may follow; then unused offers go back.
  base::Duration offer_wait = std::chrono::milliseconds(1500);  // For an up cell's offer before a new cell.
  base::Duration cell_idle_timeout = std::chrono::seconds(60);
  base::Duration evacuation_timeout = std::chrono::minutes(10);  // Of an agent that is left: then its work is killed.
  std::int64_t launch_rate = 0;         // Launches per second in all; a second's worth may come at once. 0: any.
  std::int64_t cells_min = 0;           // Cells kept, with work or without.
  std::int64_t cells_max = 0;           // No cell beyond is started; 0: any number.
  std::int64_t cells_starting_max = 0;  // Cells started that are not up yet; 0: any number.
  std::int64_t cells_roll_max = 1;      // Outdated cells replaced at a time; 0: they stay.
  // An agent whose cell so many launches failed on, in not much more than a half-life, takes no work until
  // their score has decayed to 1. 0: never.
  std::int64_t quarantine_failures = 3;
  base::Duration quarantine_half_life = std::chrono::seconds(60);

  bool operator==(const Policy&) const = default;
};

// All of it.
std::string policy_json(const Policy& policy);
// Only what differs from `usual`.
std::string policy_changes_json(const Policy& policy, const Policy& usual);

// `policy` with what the JSON object names; null stands for what `usual` has. An error names the member that is
// unknown or cannot be so; then nothing of it counts. A strategy must be a built-in one or that of `usual`.
base::Result<Policy> merged(const Policy& policy, const Policy& usual, std::string_view json);

}  // namespace core
