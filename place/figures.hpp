// What a plan looks like from afar: the figures by which plans of different schedulers are compared.
#pragma once

#include <cstddef>
#include <cstdint>

#include "place/plan.hpp"
#include "place/workload.hpp"

namespace place {

struct Distribution {
  double mean = 0;
  double stddev = 0;  // Of the whole population.
  double min = 0;
  double max = 0;
  bool operator==(const Distribution&) const = default;
};

// All 0 where there is nothing to count.
struct Figures {
  Distribution instances_per_cell;  // LRPs and Tasks, over all cells.
  Distribution memory_utilisation;  // Asked for over total, proxies left out; 0 for a cell without memory.
  std::size_t cells_used = 0;
  // How many more instances the zone with the most has than the one with the fewest, of all the
  // workload's zones; over the apps with an instance placed.
  double app_zone_spread_mean = 0;
  std::size_t app_zone_spread_max = 0;
  std::size_t app_colocated_instances = 0;  // Instances on a cell beside an earlier one of their app.
  bool operator==(const Figures&) const = default;
};

Figures figures_of(const Workload& workload, const Plan& plan);

// To 4 decimal places, as all the figures are told.
double rounded(double value);

}  // namespace place
