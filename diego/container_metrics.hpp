// What the containers of a cell use: a rep's GET /container_metrics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace diego {

struct ContainerUsage {
  std::string guid;             // instance_guid of an LRP, task_guid of a Task.
  std::int64_t cpus_milli = 0;  // 1000 is one core. None of these is negative.
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;
  bool operator==(const ContainerUsage&) const = default;
};

struct ContainerMetrics {
  std::string cell_id;
  std::vector<ContainerUsage> lrps, tasks;
  bool operator==(const ContainerMetrics&) const = default;
};

// Containers without a guid are left out.
base::Result<ContainerMetrics> parse_container_metrics(std::string_view body);

}  // namespace diego
