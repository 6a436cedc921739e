// What changed in the core, for people and counters: events of the API, metrics, history. Plain values; nothing
// that is decided hangs on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/work.hpp"

namespace core {

enum class ChangeKind : std::uint8_t {
  instance_queued,  // By an auction, or again after a failed attempt: then with the reason.
  instance_launching,
  instance_starting,
  instance_running,
  instance_stopping,
  instance_stopped,
  instance_failed,
  instance_lost,
  instance_rejected,
  instance_unplaced,  // It has waited for --placement-timeout.
  cell_starting,
  cell_up,
  cell_found,  // An earlier run of ours started it.
  cell_stopping,
  cell_gone,
  agent_left,  // It is to be left: drained, under maintenance, or its turn to be replaced.
  agent_stays,
  agent_quarantined,
  agent_released,
  master_subscribed,
  master_lost,
  policy_changed,  // The reason is what differs now from the flags, as JSON.
  rebalance_planned,
  rebalance_moved,    // A cell was emptied, and is gone.
  rebalance_skipped,  // A cell keeps its work, or the rest of it.
  rebalance_ended,
};
inline constexpr std::size_t kChangeKinds = 26;
std::string_view to_string(ChangeKind kind);  // "instance.queued"
std::optional<ChangeKind> parse_change_kind(std::string_view text);

struct Change {
  ChangeKind kind = ChangeKind::instance_queued;
  base::Time at;
  std::optional<Key> key;         // Of an instance.
  std::string agent_id, cell_id;  // Empty where none has to do with it.
  std::string reason;
  std::string trace_id;
  std::optional<base::Duration> waited;  // Launching, running: since the first auction.
  bool operator==(const Change&) const = default;
};

}  // namespace core
