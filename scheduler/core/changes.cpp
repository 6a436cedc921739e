#include "scheduler/core/changes.hpp"

#include <array>

namespace core {
namespace {

constexpr std::array<std::string_view, kChangeKinds> kNames = {
    "instance.queued",   "instance.launching", "instance.starting", "instance.running",
    "instance.stopping", "instance.stopped",   "instance.failed",   "instance.lost",
    "instance.rejected", "instance.unplaced",  "cell.starting",     "cell.up",
    "cell.found",        "cell.stopping",      "cell.gone",         "agent.left",
    "agent.stays",       "agent.quarantined",  "agent.released",    "master.subscribed",
    "master.lost",       "policy.changed",     "rebalance.planned", "rebalance.moved",
    "rebalance.skipped", "rebalance.ended",
};

}  // namespace

std::string_view to_string(ChangeKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<ChangeKind> parse_change_kind(std::string_view text) {
  for (std::size_t at = 0; at < kNames.size(); ++at) {
    if (kNames[at] == text) return static_cast<ChangeKind>(at);
  }
  return std::nullopt;
}

}  // namespace core
