// A `diego-place/1` file in memory: cells, and one batch of work for them. Compact, for 250,000
// instances should cost a few megabytes: names and constraints are kept once and referred to by number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "scheduler/placement/types.hpp"

namespace place {

inline constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// What thousands of cells have alike.
struct CellKind {
  std::string zone;
  diego::RootFsProviders rootfs;
  std::set<std::string> placement_tags, optional_placement_tags, volume_drivers;
  bool operator==(const CellKind&) const = default;
};

struct WorkloadCell {
  std::string id;
  std::uint32_t kind = 0;  // In Workload::kinds.
  std::uint32_t zone = 0;  // In Workload::zones.
  std::int32_t index = 0;
  std::int32_t memory_mb = 0;
  std::int32_t disk_mb = 0;
  std::int32_t containers = 0;
  std::int32_t starting = 0;
  std::int32_t proxy_memory_mb = 0;
};

// An LRP instance or a Task.
struct Item {
  std::uint32_t guid = 0;  // In Workload::guids: process_guid or task_guid.
  std::int32_t index = 0;  // Of an LRP.
  std::int32_t memory_mb = 0;
  std::int32_t disk_mb = 0;
  std::uint32_t constraints = 0;  // In Workload::constraints.
};

struct Workload {
  std::string name;
  std::vector<CellKind> kinds;
  std::vector<std::string> zones;  // Ordered.
  std::vector<WorkloadCell> cells;
  std::vector<std::string> guids;
  std::vector<placement::ConstraintsPtr> constraints;
  std::vector<Item> items;  // The LRPs, then the Tasks, each in the file's order; no key twice.
  std::size_t lrps = 0;     // How many of them are LRPs.

  bool is_lrp(std::size_t item) const { return item < lrps; }
  // `<process_guid>.<index>`, or the Task's guid.
  std::string key(std::size_t item) const;
  // The item of that key; an LRP goes before a Task. nullopt: there is none.
  std::optional<std::size_t> find(std::string_view key) const;
};

// Bounds of a file, so that a wrong one cannot take all memory.
inline constexpr std::size_t kCellsMax = 1'000'000;
inline constexpr std::size_t kItemsMax = 10'000'000;
inline constexpr std::size_t kValueBytesMax = 1'000'000;  // Between two values, white space included.

// Fills `buffer` with the next bytes and says how many; 0 at the end; an Error ends the reading.
using Source = std::function<base::Result<std::size_t>(char* buffer, std::size_t size)>;

// Reads a whole file, piece by piece. The error's `where` is `file:line`, its text names the field, as
// in "lrps[3].memory_mb is negative". schemas/workload.schema.json says which fields there are: what
// decides where an instance fits must be there, lists and small print may be left out, unknown fields and
// fields given twice are errors, for a misspelt field would silently give another plan. Of LRPs with the
// same process_guid and index, and of Tasks with the same guid, the first counts and the rest are dropped,
// as Diego does; of cells it is an error. Needs nothing but `source` to be the bytes of `file`.
base::Result<Workload> read_workload(const std::string& file, const Source& source);

}  // namespace place
