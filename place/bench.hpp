// What single decisions cost on a cluster that holds a whole plan.
#pragma once

#include <cstddef>
#include <vector>

#include "place/workload.hpp"
#include "scheduler/placement/cluster.hpp"

namespace place {

struct Percentiles {
  double p50 = 0;
  double p99 = 0;
};

// Percentiles of `values`, which it reorders; 0 where there are none.
Percentiles percentiles(std::vector<double>& values);
double median(std::vector<double> values);

inline constexpr std::size_t kOneMoreSamples = 20'000;
inline constexpr std::size_t kUnplaceable = 100'000;
inline constexpr std::size_t kBigApp = 10'000;

struct Bench {
  // One instance more, shaped as one of the workload, half of them of an app that is there: placed,
  // and taken away again. Clock readings included.
  Percentiles one_more_us, release_us;
  std::size_t one_more_refused = 0;
  // Requests too big for any cell's room, by memory, disk or both, of 2,000 sizes, or with constraints that no
  // cell meets: all of them.
  double unplaceable_100k_s = 0;
  std::size_t unplaceable_placed = 0;  // 0, or something is wrong.
  double explain_ms = 0;               // One request, every cell.
  double app_of_10000_s = 0;           // All instances of a new app of 64 MB, one after another.
  std::size_t app_of_10000_placed = 0;
};

// The cluster is at the end as it was, but for the order in which equal cells were last used. Reads the clock.
Bench bench(const Workload& workload, placement::Cluster& cluster);

}  // namespace place
