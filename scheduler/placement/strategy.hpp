// What a placement strategy supplies: an order. Filters, zones, room and accounting are the
// cluster's, so no strategy can break them.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "scheduler/placement/types.hpp"

namespace placement {

// Compared from the front; lower wins. Unused places are 0.
using Cost = std::array<double, 3>;

class Strategy {
 public:
  virtual ~Strategy() = default;

  virtual std::string_view name() const = 0;

  // What it costs to put `request` on `cell`, which has passed the filters and has room. Pure:
  // keeps nothing, reads no clock. Ties go to the smallest agent id.
  virtual Cost cost(const Request& request, const Cell& cell) const = 0;

  // Whether work that fits an up cell's last-seen room waits a little for that agent's offer
  // before a new cell is started for it.
  virtual bool awaits_up_cells() const = 0;
};

// A built-in strategy by name; an unknown name is an error that lists the known ones.
base::Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name);
std::vector<std::string> strategy_names();

std::unique_ptr<Strategy> make_binpack();
std::unique_ptr<Strategy> make_spread();

}  // namespace placement
