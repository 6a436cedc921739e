// The rows of the BBS stand-in's tables, what is wrong with a call, and what the BBS does towards others.
// Names, states and numbers are Diego's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "diego/auction.hpp"

namespace local {

// Why a call is refused; it travels inside an answer of 200. The numbers are Diego's Error.Type.
struct BbsError {
  enum class Type : std::uint8_t {
    unknown = 0,
    invalid_request = 4,
    invalid_state_transition = 9,
    resource_exists = 12,
    resource_not_found = 13,
    lrp_cannot_be_claimed = 15,
    lrp_cannot_be_started = 16,
    lrp_cannot_be_crashed = 17,
    lrp_cannot_be_failed = 18,
    lrp_cannot_be_removed = 19,
    lrp_cannot_be_unclaimed = 21,
    running_on_different_cell = 24,
  };
  Type type = Type::unknown;
  std::string text;
  bool operator==(const BbsError&) const = default;
};
using Refusal = std::optional<BbsError>;  // nullopt: the call was carried out.

inline BbsError not_found() {
  return {BbsError::Type::resource_not_found, "the requested resource could not be found"};
}
inline BbsError exists_already() { return {BbsError::Type::resource_exists, "the requested resource already exists"}; }

// What somebody wants to run.
struct DesiredLrp {
  std::string process_guid;
  std::string domain;
  std::int32_t instances = 1;
  diego::PlacementConstraint constraint;
  diego::Resource resource;
  bool operator==(const DesiredLrp&) const = default;
};

struct LrpKey {
  std::string process_guid;
  std::int32_t index = 0;
  std::string domain;
  bool operator==(const LrpKey&) const = default;
};

struct InstanceKey {
  std::string instance_guid, cell_id;
  bool empty() const { return instance_guid.empty() && cell_id.empty(); }
  bool operator==(const InstanceKey&) const = default;
};

// One instance. While it moves there are two rows of its index, which differ in presence.
struct ActualLrp {
  enum class State { unclaimed, claimed, running, crashed };
  enum class Presence { ordinary, evacuating, suspect };

  LrpKey key;
  InstanceKey instance;  // Empty while unclaimed and crashed.
  std::string net_info;  // The ActualLRPNetInfo a rep gave, serialised; passed on unread.
  State state = State::unclaimed;
  Presence presence = Presence::ordinary;
  std::string placement_error;
  base::Time since;
  std::int32_t crash_count = 0;
  std::string crash_reason;
  std::string epoch;  // With `revision` the row's modification tag.
  std::uint32_t revision = 0;

  bool on_a_cell() const { return state == State::claimed || state == State::running; }
  bool operator==(const ActualLrp&) const = default;
};

struct TaskRow {
  enum class State { invalid, pending, running, completed, resolving };

  diego::TaskStart wanted;  // As it is auctioned.
  std::string definition;   // The TaskDefinition as it was desired, serialised; passed on unread.
  State state = State::pending;
  base::Time created, updated, first_completed;  // The last is 1970 until it has completed.
  std::string cell_id;
  std::string result;
  bool failed = false;
  std::string failure_reason;
  std::int32_t rejection_count = 0;
  std::string rejection_reason;
  bool operator==(const TaskRow&) const = default;
};

// What a cell says of itself, as Locket keeps it.
struct CellPresence {
  std::string cell_id;
  std::string rep_address;
  std::string rep_url;
  std::string zone;
  std::int32_t memory_mb = 0, disk_mb = 0, containers = 0;
  std::vector<std::pair<std::string, std::vector<std::string>>> rootfs_providers;  // Scheme and its properties.
  std::vector<std::string> placement_tags, optional_placement_tags;
  bool operator==(const CellPresence&) const = default;
};

// What the BBS does towards others, in this order. `trace_id` is that of the call behind it, or empty.
struct PostLrpAuctions {
  std::vector<diego::LrpStart> starts;
  std::string trace_id;
  bool operator==(const PostLrpAuctions&) const = default;
};
struct PostTaskAuctions {
  std::vector<diego::TaskStart> starts;
  std::string trace_id;
  bool operator==(const PostTaskAuctions&) const = default;
};
struct StopLrpAtRep {
  std::string rep_url, process_guid, instance_guid, trace_id;
  int attempts = 1;
  bool operator==(const StopLrpAtRep&) const = default;
};
struct CancelTaskAtRep {
  std::string rep_url, task_guid, trace_id;
  bool operator==(const CancelTaskAtRep&) const = default;
};
using BbsOrder = std::variant<PostLrpAuctions, PostTaskAuctions, StopLrpAtRep, CancelTaskAtRep>;
using BbsOrders = std::vector<BbsOrder>;

// As Diego writes them.
inline const char* name_of(ActualLrp::State state) {
  constexpr const char* kNames[] = {"UNCLAIMED", "CLAIMED", "RUNNING", "CRASHED"};
  return kNames[static_cast<std::size_t>(state)];
}
inline const char* name_of(ActualLrp::Presence presence) {
  constexpr const char* kNames[] = {"ORDINARY", "EVACUATING", "SUSPECT"};
  return kNames[static_cast<std::size_t>(presence)];
}
inline const char* name_of(TaskRow::State state) {
  constexpr const char* kNames[] = {"Invalid", "Pending", "Running", "Completed", "Resolving"};
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace local
