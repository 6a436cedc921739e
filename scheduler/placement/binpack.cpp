#include "scheduler/placement/strategy.hpp"

namespace placement {
namespace {

// The fewest cells: fill what is up, and of that what is fullest, so that whole agents stay free
// for others. Instances of one process still spread: losing a cell should not lose an app.
class BinPack final : public Strategy {
 public:
  std::string_view name() const override { return "binpack"; }

  Cost cost(const Request& request, const Cell& cell) const override {
    const auto left = static_cast<double>((cell.room - needs_on(request, cell)).mem_mb);
    const double opens_cell = cell.up ? 0 : 1;
    if (!request.is_lrp) return {opens_cell, left, 0};
    return {opens_cell, static_cast<double>(cell.instances_of(request.process)), left};
  }

  bool awaits_up_cells() const override { return true; }
};

}  // namespace

std::unique_ptr<Strategy> make_binpack() { return std::make_unique<BinPack>(); }

}  // namespace placement
