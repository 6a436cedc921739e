#include "scheduler/placement/strategy.hpp"

namespace placement {
namespace {

// The opposite of binpack for LRPs: every agent gets a cell before any gets a second instance.
// Tasks are short: a cell for them alone is waste, so they go where one is up.
class Spread final : public Strategy {
 public:
  std::string_view name() const override { return "spread"; }

  Cost cost(const Request& request, const Cell& cell) const override {
    const auto most_free = -static_cast<double>(cell.room.mem_mb);
    if (!request.is_lrp) return {cell.up ? 0.0 : 1.0, most_free, 0};
    if (!cell.up) return {0, 0, most_free};
    return {1, static_cast<double>(cell.instances_of(request.process)), most_free};
  }

  bool awaits_up_cells() const override { return false; }
};

}  // namespace

std::unique_ptr<Strategy> make_spread() { return std::make_unique<Spread>(); }

}  // namespace placement
