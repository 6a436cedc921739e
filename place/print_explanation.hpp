// An explanation for people and for programs.
#pragma once

#include <string>

#include "place/workload.hpp"
#include "scheduler/placement/cluster.hpp"

namespace place {

// What was explained: an item of a workload, on a cluster that holds what comes before it.
struct Explained {
  const Workload& workload;
  std::size_t item = 0;
  std::string strategy;
  std::size_t before = 0;  // Items that come before it in the auction.
  const placement::Cluster& cluster;
  const placement::Request& request;
  const placement::Explanation& explanation;
  double explain_ms = 0;
};

// Cells with the same reasons are told together where there are many.
std::string explanation_text(const Explained& explained);

// With every cell's verdict.
std::string explanation_json(const Explained& explained);

}  // namespace place
