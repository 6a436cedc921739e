// What the BBS asks of an auctioneer: bodies of POST /v1/lrps and POST /v1/tasks, read exactly as
// Diego's auctioneer (Go, encoding/json) reads them, and its checks of each element.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "diego/slice.hpp"

namespace diego {

// Where something may run. The lists keep null apart from [], for what is echoed to a rep.
struct PlacementConstraint {
  Slice<std::string> placement_tags;
  Slice<std::string> volume_drivers;  // May hold duplicates.
  std::string rootfs;                 // "preloaded:cflinuxfs4", "docker:///library/busybox#latest".
  bool operator==(const PlacementConstraint&) const = default;
};

// What it needs. 0 means unlimited.
struct Resource {
  std::int32_t memory_mb = 0;
  std::int32_t disk_mb = 0;
  std::int32_t max_pids = 0;
  bool operator==(const Resource&) const = default;
};

// Start these instances of one process. Indices are cut to 32 bits as Go cuts them: one may be
// negative, and the order and duplicates are the sender's.
struct LrpStart {
  std::string process_guid;
  std::string domain;
  std::vector<std::int32_t> indices;
  PlacementConstraint constraint;
  Resource resource;
  bool operator==(const LrpStart&) const = default;
};

struct TaskStart {
  std::string task_guid;
  std::string domain;
  PlacementConstraint constraint;
  Resource resource;
  bool operator==(const TaskStart&) const = default;
};

// A whole request body. The error's text is Go's, as the auctioneer answers it in {"error":...}
// with status 400; `where` is empty. Keys match exactly or without case, unknown ones are ignored,
// of duplicates the last wins, null leaves the zero value, a top-level null is an empty list.
// Depth is limited to kJsonDepthMax (json.hpp), which Go limits to 10,000.
base::Result<std::vector<LrpStart>> parse_lrp_starts(std::string_view body);
base::Result<std::vector<TaskStart>> parse_task_starts(std::string_view body);

// As Diego's BBS client writes them; for tests and stand-ins.
std::string write_lrp_starts(const std::vector<LrpStart>& starts);
std::string write_task_starts(const std::vector<TaskStart>& starts);

// Why Diego would drop the element (its own words, its own order of checks); nullopt: it is valid.
// Elements that fail are logged and dropped, the request is still answered 202.
std::optional<std::string> validate(const LrpStart& start);
std::optional<std::string> validate(const TaskStart& start);

}  // namespace diego
