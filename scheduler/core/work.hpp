// The words in which the bridge and the core speak of work: keys, auctions, and views of what is
// there. Plain values; no Mesos in them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "diego/auction.hpp"

namespace core {

enum class Kind { lrp, task };

// An instance: one index of a long-running process, or one Task. Diego's own identity of work; the
// domain is payload.
struct Key {
  Kind kind = Kind::lrp;
  std::string guid;        // process_guid or task guid.
  std::int32_t index = 0;  // 0 for Tasks.

  auto operator<=>(const Key&) const = default;
  bool operator==(const Key&) const = default;
};

// "<process_guid>.<index>" or the task guid, as Diego writes it. For people and JSON; not unique across kinds.
std::string to_string(const Key& key);

// Which instances: one LRP index, all of a process, or one Task.
struct KeyPattern {
  Kind kind = Kind::lrp;
  std::string guid;
  std::optional<std::int32_t> index;  // LRPs only; unset: every index.

  bool matches(const Key& key) const { return key.kind == kind && key.guid == guid && (!index || *index == key.index); }
};

// One instance that Diego wants placed.
struct Auction {
  Key key;
  std::string domain;
  diego::PlacementConstraint constraint;
  diego::Resource resource;
  std::string trace_id;  // X-Vcap-Request-Id as received; may be empty.
};

// The life of an instance (design: "queued -> launching -> starting -> running -> stopped | failed | lost", and
// "queued -> rejected").
enum class State { queued, launching, starting, running, stopping, stopped, failed, lost, rejected };

std::string_view to_string(State state);
std::optional<State> parse_state(std::string_view text);
constexpr bool is_ended(State state) {
  return state == State::stopped || state == State::failed || state == State::lost || state == State::rejected;
}

// What an instance used when its rep last measured it.
struct Usage {
  std::int64_t cpus_milli = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;
  base::Time measured;
  bool operator==(const Usage&) const = default;
};

// What the bridge shows of an instance.
struct InstanceView {
  Key key;
  State state = State::queued;
  std::string domain;
  std::int64_t memory_mb = 0;
  std::int64_t disk_mb = 0;
  std::string agent_id, agent_hostname, cell_id;  // Empty while queued.
  std::string task_id;                            // Of the current or last attempt.
  int attempts = 0;                               // Launches so far.
  base::Time since;                               // Of `state`.
  base::Time accepted;                            // Of the first auction.
  std::string reason;                             // Why it waits, failed or ended; "" if nothing to say.
  std::string trace_id;
  std::optional<Usage> usage;  // Where its cell's rep tells.

  bool operator==(const InstanceView&) const = default;
};

struct InstanceQuery {
  std::optional<State> state;
  std::optional<std::string> process_guid;  // Also finds the Task of that guid.
  std::size_t limit = 1000;
  std::optional<Key> after;  // The last instance of the previous page.
};

// A key as the `after` of a page: "lrp/<guid>/<index>" or "task/<guid>", guids percent-encoded.
std::string cursor(const Key& key);
std::optional<Key> parse_cursor(std::string_view text);

// none: no cell is there; the agent is shown for what else is so of it.
enum class CellState { starting, up, idle, stopping, none };
std::string_view to_string(CellState state);

// What a cell's rep last said of itself.
struct RepView {
  std::string state;  // "up", "unhealthy" (it cannot start anything), "evacuating", "silent".
  std::int64_t memory_available_mb = 0;
  std::int64_t disk_available_mb = 0;
  std::int64_t containers_total = 0, containers_available = 0, containers_starting = 0;
  std::int64_t proxy_memory_mb = 0;
  std::vector<std::string> rootfs;  // "preloaded:cflinuxfs4", "docker:*".
  std::vector<std::string> placement_tags, optional_placement_tags, volume_drivers;
  bool operator==(const RepView&) const = default;
};

// An instance on a cell.
struct CellInstance {
  Key key;
  State state = State::running;
  std::int64_t memory_mb = 0;  // Of the cell's memory_used_mb.
  bool operator==(const CellInstance&) const = default;
};

// What the bridge shows of a cell.
struct CellView {
  std::string cell_id, executor_id, agent_id, agent_hostname;
  CellState state = CellState::starting;
  std::string zone;
  std::int64_t memory_total_mb = 0, memory_used_mb = 0;  // Total: the rep's, before that the agent's.
  std::int64_t disk_total_mb = 0, disk_used_mb = 0;
  std::int64_t cpus_used_milli = 0;
  std::int64_t containers_used = 0;
  base::Time since;
  bool outdated = false;                        // Started with another configuration.
  std::string draining;                         // Why the agent is left; "" if it is not.
  std::optional<base::Time> quarantined_until;  // At the earliest; the agent takes no work until then.
  std::optional<RepView> rep;                   // Once it has said something.
  std::int64_t drifts = 0;                      // How often rep and books differed for 10 s.
  std::int64_t usage_dropped = 0;               // Measurements of instances that the message had no place for.
  std::vector<CellInstance> instances;

  bool operator==(const CellView&) const = default;
};

// What is so of a cell, or of its agent: the states of a cell, and what may be so besides.
enum class CellMark { starting, up, idle, stopping, none, draining, quarantined, outdated, unwell };
inline constexpr std::size_t kCellMarks = 9;
std::string_view to_string(CellMark mark);
std::optional<CellMark> parse_cell_mark(std::string_view text);

struct CellQuery {
  std::optional<std::string> zone;
  std::optional<CellMark> mark;
  std::string match;  // Part of the ids or hostname of the cell, or of the guid of an instance on it.
  std::size_t limit = static_cast<std::size_t>(-1);
  std::string after;  // The agent id of the last cell of the previous page.
};

// The cells of a zone in numbers.
struct ZoneTotals {
  static constexpr std::size_t kFills = 10;

  std::string zone;
  std::int64_t cells = 0;  // As many as a CellQuery of the zone finds.
  std::array<std::int64_t, kCellMarks> marks{};
  std::int64_t instances = 0;
  std::int64_t memory_total_mb = 0, memory_used_mb = 0;
  std::int64_t disk_total_mb = 0, disk_used_mb = 0;
  std::array<std::int64_t, kFills> fills{};  // Cells by the tenth of their memory that is used up to.

  bool operator==(const ZoneTotals&) const = default;
};

struct Health {
  bool subscribed = false;
  std::string detail;  // One line: to whom, or why not.
};

}  // namespace core
