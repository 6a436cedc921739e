// What the tool says: for people in lines, for programs as one JSON object on one line. All of it ends
// with a line's end.
#pragma once

#include <optional>
#include <string>

#include "place/bench.hpp"
#include "place/figures.hpp"
#include "place/plan.hpp"
#include "place/workload.hpp"

namespace place {

struct Report {
  std::string strategy;
  double seconds = 0;      // For ordering and placing alone, the median of the repeats.
  double cpu_seconds = 0;  // The same as the processor counts it: less noisy on a busy machine.
  std::size_t repeats = 1;
  Figures figures;
  std::optional<Bench> bench;
  double peak_rss_mb = 0;
};

std::string report_json(const Workload& workload, const Plan& plan, const Report& report);
std::string report_text(const Workload& workload, const Plan& plan, const Report& report);

// A line `key cell` for every item that was placed, in the workload's order.
std::string plan_lines(const Workload& workload, const Plan& plan);

// "250,000".
std::string grouped(std::size_t number);

}  // namespace place
