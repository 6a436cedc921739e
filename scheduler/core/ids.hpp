// Mesos task ids carry the identity of an instance: after a failover nothing else comes back
// (reconciliation returns no labels).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "scheduler/core/work.hpp"

namespace core {

// Mesos: at most 255 bytes (v1 common validation).
inline constexpr std::size_t kTaskIdBytesMax = 255;
inline constexpr std::size_t kAttemptLetters = 8;
// Of tasks that carry no work: they end when their cell is up. Never that of work, whose '~' is encoded.
inline constexpr std::string_view kBootTaskPrefix = "~cell.";

// Only [A-Za-z0-9_-], as in nearly every guid: nothing of it needs encoding or escaping anywhere.
bool is_plain(std::string_view text);

// "<guid>.<attempt>" for a Task, "<process_guid>.<index>.<attempt>" for an LRP; the guid is
// percent-encoded outside [A-Za-z0-9_-], so that dots separate.
std::string task_id(Kind kind, std::string_view guid, std::int32_t index, std::string_view attempt);
std::string task_id(const Key& key, std::string_view attempt);

struct ParsedTaskId {
  Key key;
  std::string attempt;
  bool operator==(const ParsedTaskId&) const = default;
};

// nullopt for what task_id() never makes.
std::optional<ParsedTaskId> parse_task_id(std::string_view id);

// Why the key cannot be a task id, or nullopt.
std::optional<std::string> unfit_for_task_id(const Key& key);

}  // namespace core
