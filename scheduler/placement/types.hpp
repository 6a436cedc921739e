// What placement is asked and what it sees. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "diego/rep.hpp"
#include "scheduler/placement/amounts.hpp"

namespace placement {

// One instance that wants a place.
struct Request {
  bool is_lrp = true;
  std::string process;  // process_guid; for a Task its guid.
  std::int32_t index = 0;
  Amounts needs;                        // What is charged, floors applied; containers 1. Without the proxy's memory.
  std::optional<diego::RootFs> rootfs;  // nullopt: unreadable, fits no cell.
  std::set<std::string> placement_tags;
  std::set<std::string> volume_drivers;
  std::set<std::string> avoid;  // Agents to take only when nothing else fits: earlier attempts ended there.

  bool operator==(const Request&) const = default;
};

// One agent with the cell that is or could be on it. What is launchable is `room`; an agent without
// an offer in hand has no room but keeps the rest, for zones, counts and explanations.
struct Cell {
  std::string agent_id;
  std::string zone;
  bool up = false;         // A cell is up or starting here; otherwise placing here starts one.
  bool takes_work = true;  // False: draining, stopping, lost, or launched by someone whose cell we may not touch yet.
  Amounts total;           // The rep's, before that the agent's.
  Amounts room;            // Launchable now; a new cell's own overhead is already taken off.
  Amounts last_room;       // As last seen, less what was placed since; for up cells without an offer in hand.
  std::int64_t proxy_mem_mb = 0;  // Added to every LRP here.
  diego::RootFsProviders rootfs;
  std::set<std::string> placement_tags;  // Required of every instance here.
  std::set<std::string> optional_placement_tags;
  std::set<std::string> volume_drivers;
  std::int64_t starting = 0;                      // Containers not yet running.
  std::map<std::string, std::int64_t> instances;  // LRPs by process.
  std::int64_t tasks = 0;

  std::int64_t instances_of(const std::string& process) const {
    const auto found = instances.find(process);
    return found == instances.end() ? 0 : found->second;
  }
};

// What `request` takes from `cell`: an LRP pays for the proxy, a Task does not (Diego: rep, container sizes).
Amounts needs_on(const Request& request, const Cell& cell);

// The instance goes to `agent_id` now.
struct Placement {
  std::string agent_id;
  bool starts_cell = false;
  bool operator==(const Placement&) const = default;
};

// It fits a cell that is up, judged by that cell's last-seen room: wait for its agent's offer
// rather than start another cell.
struct Awaited {
  std::string agent_id;
  bool operator==(const Awaited&) const = default;
};

// It fits nowhere now; `text` is Diego's wording (what is short on every eligible cell).
struct Rejection {
  std::string text;
  bool operator==(const Rejection&) const = default;
};

using Outcome = std::variant<Placement, Awaited, Rejection>;

}  // namespace placement
