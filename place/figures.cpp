#include "place/figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace place {
namespace {

template <class Number>
Distribution distribution(const std::vector<Number>& values) {
  if (values.empty()) return {};
  const auto count = static_cast<long double>(values.size());
  const long double mean = std::accumulate(values.begin(), values.end(), 0.0L) / count;
  long double squares = 0;
  for (const Number value : values) {
    const long double off = static_cast<long double>(value) - mean;
    squares += off * off;
  }
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return {.mean = static_cast<double>(mean),
          .stddev = static_cast<double>(std::sqrt(squares / count)),
          .min = static_cast<double>(*min),
          .max = static_cast<double>(*max)};
}

// The placed LRPs, those of one app together.
std::vector<std::uint32_t> by_app(const Workload& workload, const Plan& plan) {
  std::vector<std::uint32_t> begins(workload.guids.size() + 1);
  for (std::size_t i = 0; i < workload.lrps; ++i) {
    if (plan.cell_of[i] != kNone) ++begins[workload.items[i].guid + 1];
  }
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  std::vector<std::uint32_t> sorted(begins.back());
  for (std::uint32_t i = 0; i < workload.lrps; ++i) {
    if (plan.cell_of[i] != kNone) sorted[begins[workload.items[i].guid]++] = i;
  }
  return sorted;
}

void add_apps(const Workload& workload, const Plan& plan, Figures& figures) {
  const std::vector<std::uint32_t> items = by_app(workload, plan);
  std::vector<std::size_t> in_zone(workload.zones.size()), on_cell(workload.cells.size());
  std::size_t apps = 0, spreads = 0;
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    const std::uint32_t app = workload.items[items[begin]].guid;
    for (; end < items.size() && workload.items[items[end]].guid == app; ++end) {
      const std::uint32_t cell = plan.cell_of[items[end]];
      ++in_zone[workload.cells[cell].zone];
      if (on_cell[cell]++ > 0) ++figures.app_colocated_instances;
    }
    const auto [least, most] = std::minmax_element(in_zone.begin(), in_zone.end());
    ++apps;
    spreads += *most - *least;
    figures.app_zone_spread_max = std::max(figures.app_zone_spread_max, *most - *least);
    for (std::size_t i = begin; i < end; ++i) on_cell[plan.cell_of[items[i]]] = 0;
    std::fill(in_zone.begin(), in_zone.end(), std::size_t{0});
  }
  if (apps > 0) figures.app_zone_spread_mean = static_cast<double>(spreads) / static_cast<double>(apps);
}

}  // namespace

Figures figures_of(const Workload& workload, const Plan& plan) {
  std::vector<std::int64_t> instances(workload.cells.size()), memory_mb(workload.cells.size());
  for (std::size_t i = 0; i < workload.items.size(); ++i) {
    if (plan.cell_of[i] == kNone) continue;
    ++instances[plan.cell_of[i]];
    memory_mb[plan.cell_of[i]] += workload.items[i].memory_mb;
  }
  std::vector<double> used(workload.cells.size());
  for (std::size_t i = 0; i < used.size(); ++i) {
    const std::int32_t total = workload.cells[i].memory_mb;
    if (total > 0) used[i] = static_cast<double>(memory_mb[i]) / total;
  }
  Figures figures;
  figures.instances_per_cell = distribution(instances);
  figures.memory_utilisation = distribution(used);
  figures.cells_used = static_cast<std::size_t>(
      std::count_if(instances.begin(), instances.end(), [](std::int64_t count) { return count > 0; }));
  add_apps(workload, plan, figures);
  return figures;
}

double rounded(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4f", value);
  return std::strtod(text, nullptr);
}

}  // namespace place
