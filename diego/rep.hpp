// What a rep (the process that runs a Diego cell) says and is told: GET /state and POST /work.
// Parsed as Go parses it, written as Go writes it: order of keys, null apart from [], & < > and
// U+2028/U+2029 escaped.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "diego/auction.hpp"
#include "diego/slice.hpp"

namespace diego {

// An LRP instance on a cell. In POST /work instance_guid and state are empty and ignored: the rep
// invents the guid. In /state memory includes the proxy's, and rootfs is empty while reserved.
struct Lrp {
  std::string instance_guid;
  std::string process_guid;
  std::int32_t index = 0;
  std::string domain;
  PlacementConstraint constraint;
  Resource resource;
  std::string state;  // /state: "CLAIMED", "RUNNING", "SHUTDOWN", "CRASHED".
  bool operator==(const Lrp&) const = default;
};

struct Task {
  std::string task_guid;
  std::string domain;
  PlacementConstraint constraint;
  Resource resource;
  std::string state = "Invalid";  // One of kTaskStates; /state says "Running" or "Completed".
  bool failed = false;
  bool operator==(const Task&) const = default;
};

// The names Diego's Task_State has; anything else makes a document unreadable.
inline constexpr std::string_view kTaskStates[] = {"Invalid", "Pending", "Running", "Completed", "Resolving"};

// The body of POST /work; and of its answer, which holds the part that was refused.
struct Work {
  Slice<Lrp> lrps;
  Slice<Task> tasks;
  std::string cell_id;  // Left out when empty: the rep then does not compare.
  bool empty() const { return lrps.empty() && tasks.empty(); }
  bool operator==(const Work&) const = default;
};

// Which root file systems of one URL scheme a cell has.
struct RootFsProvider {
  enum class Kind { unknown, arbitrary, fixed_set };  // `unknown` never matches; Go keeps it as nil.
  Kind kind = Kind::unknown;
  std::set<std::string> set;  // Of a fixed_set.
  bool operator==(const RootFsProvider&) const = default;
};
using RootFsProviders = std::map<std::string, RootFsProvider>;  // By scheme.

struct CellResources {
  std::int32_t memory_mb = 0;
  std::int32_t disk_mb = 0;
  std::int64_t containers = 0;
  bool operator==(const CellResources&) const = default;
};

// The answer of GET /state.
struct CellState {
  std::string rep_url;
  std::string cell_id;
  std::int64_t cell_index = 0;
  RootFsProviders rootfs_providers;
  CellResources available;
  CellResources total;
  Slice<Lrp> lrps;
  Slice<Task> tasks;
  std::int64_t starting_container_count = 0;
  std::string zone;
  bool evacuating = false;
  Slice<std::string> volume_drivers;
  Slice<std::string> placement_tags;
  Slice<std::string> optional_placement_tags;
  std::int64_t proxy_memory_allocation_mb = 0;
  // No part of the document: the status of the answer says it (503: garden fails its health check).
  bool garden_healthy = true;
  bool operator==(const CellState&) const = default;
};

base::Result<CellState> parse_cell_state(std::string_view body);
base::Result<Work> parse_work(std::string_view body);

// Without a trailing newline; the rep's answers (Go's Encoder) have one, requests have not.
std::string write_cell_state(const CellState& state);
std::string write_work(const Work& work);

// One element of POST /work: what TaskInfo.data of a Mesos task holds. parse_element takes what
// has a TaskGuid for a Task and the rest for an LRP; an element without its guid is an error.
using Element = std::variant<Lrp, Task>;
std::string write_element(const Lrp& lrp);
std::string write_element(const Task& task);
std::string write_element(const Element& element);
base::Result<Element> parse_element(std::string_view data);

// The elements an auction asks for.
Lrp lrp_of(const LrpStart& start, std::int32_t index);
Task task_of(const TaskStart& start);

// `RootFs` as Go's url.Parse splits it: "preloaded+layer:cflinuxfs4?layer=x" is scheme
// "preloaded+layer", opaque "cflinuxfs4"; "docker:///lib/img#tag" has an empty opaque part; a plain
// path has an empty scheme. nullopt where Go fails to parse: such work fits no cell.
struct RootFs {
  std::string scheme;  // Lower case.
  std::string opaque;
  bool operator==(const RootFs&) const = default;
};
std::optional<RootFs> parse_rootfs(std::string_view text);

// Whether a cell with these providers can give that root file system.
bool matches(const RootFsProviders& providers, const RootFs& rootfs);
bool matches(const RootFsProviders& providers, std::string_view rootfs);

}  // namespace diego
