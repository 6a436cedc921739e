// The cells as placement sees them, and the decision. The core keeps it up to date cell by cell;
// a decision reserves what it takes, so that the next one sees it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "scheduler/placement/strategy.hpp"
#include "scheduler/placement/types.hpp"

namespace placement {

class Cluster {
 public:
  explicit Cluster(std::unique_ptr<Strategy> strategy);

  // Adds or replaces the cell of an agent. The caller owns the truth; the cluster only deducts
  // what it places until it is told anew.
  void put(Cell cell);
  void remove(const std::string& agent_id);

  const Cell* find(const std::string& agent_id) const;
  const std::map<std::string, Cell>& cells() const { return cells_; }

  // Decides and, on Placement, reserves: room, last_room, counts and `up` of that cell change as if
  // the instance ran there. `may_wait`: Awaited is an allowed answer (the request has not waited
  // too long for an up cell yet).
  //
  // LRPs: the zone with the fewest instances of the process that has an eligible cell with room
  // wins before any cost is compared; zones with equal counts compete (Diego: auctionrunner).
  // Agents in `avoid` are taken only if no other fits.
  Outcome place(const Request& request, bool may_wait);

 private:
  const Cell* cheapest(const Request& request, bool avoiding) const;
  std::string rejection(const Request& request) const;
  const Cell* awaited(const Request& request, const Cell* chosen) const;
  void reserve(Cell& cell, const Request& request);
  std::map<std::string, std::int64_t> instances_by_zone(const std::string& process) const;

  std::unique_ptr<Strategy> strategy_;
  std::map<std::string, Cell> cells_;  // By agent id; ordered, so that ties break on it.
};

}  // namespace placement
