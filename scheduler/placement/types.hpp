// What placement is asked and what it answers. Values only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

#include "diego/rep.hpp"
#include "scheduler/placement/amounts.hpp"

namespace placement {

// Where an instance may run at all. Immutable and shared: thousands of requests have the same.
struct Constraints {
  std::optional<diego::RootFs> rootfs;  // nullopt: unreadable, fits no cell.
  std::set<std::string> placement_tags;
  std::set<std::string> volume_drivers;

  bool operator==(const Constraints&) const = default;
  bool operator<(const Constraints& other) const { return key() < other.key(); }

 private:
  std::tuple<bool, std::string_view, std::string_view, const std::set<std::string>&, const std::set<std::string>&> key()
      const {
    return {rootfs.has_value(), rootfs ? std::string_view(rootfs->scheme) : std::string_view(),
            rootfs ? std::string_view(rootfs->opaque) : std::string_view(), placement_tags, volume_drivers};
  }
};
using ConstraintsPtr = std::shared_ptr<const Constraints>;  // Never null in a request.

// One instance that wants a place.
struct Request {
  bool is_lrp = true;
  std::string process;  // process_guid; for a Task its guid.
  Amounts needs;        // What is charged, floors applied; containers 1. Without the proxy's memory.
  ConstraintsPtr constraints;
  std::set<std::string> avoid;  // Agents to take only when nothing else fits: earlier attempts ended there.
};

// One agent with the cell that is or could be on it. What is launchable is `room`; an agent without
// an offer in hand has no room but keeps the rest, for zones, counts and explanations. Who is there
// is not part of it: the cluster counts that itself.
struct Cell {
  std::string agent_id;
  std::string zone;
  std::int64_t index = 0;  // Diego's cell_index; cells of a zone are numbered by it, then by agent id.
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
  std::int64_t starting = 0;  // Containers not yet running.

  bool operator==(const Cell&) const = default;
};

// What `request` takes from a cell with that proxy memory: an LRP pays for the proxy, a Task does not
// (Diego: rep, container sizes).
inline Amounts needs_on(const Request& request, std::int64_t proxy_mem_mb) {
  Amounts needs = request.needs;
  if (request.is_lrp) needs.mem_mb += proxy_mem_mb;
  return needs;
}

// The instance goes to `agent_id` now. The view is good until that cell is removed.
struct Placement {
  std::string_view agent_id;
  bool starts_cell = false;
  bool operator==(const Placement&) const = default;
};

// It fits a cell that is up, judged by that cell's last-seen room: wait for its agent's offer
// rather than start another cell. The view is good until that cell is removed.
struct Awaited {
  std::string_view agent_id;
  bool operator==(const Awaited&) const = default;
};

// It fits nowhere now; `text` is Diego's wording (what is short on every eligible cell). Nothing of it
// depends on the process: every request with the same kind, needs, constraints, `avoid` and `may_wait` is refused alike
// until the cluster changes.
struct Rejection {
  std::string text;
  bool operator==(const Rejection&) const = default;
};

using Outcome = std::variant<Placement, Awaited, Rejection>;

}  // namespace placement
