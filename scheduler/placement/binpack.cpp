#include "scheduler/placement/strategy.hpp"

namespace placement {
namespace {

// The fewest cells: fill what is up, and of that what is fullest, so that whole agents stay free
// for others. Instances of one process still spread: losing a cell should not lose an app.
class BinPack final : public IndexedStrategy {
 public:
  std::string_view name() const override { return "binpack"; }

  Cost cost(const Request& request, const Candidate& cell) const override {
    const std::int64_t left = cell.room.mem_mb - needs_on(request, cell.proxy_mem_mb).mem_mb;
    const std::int64_t opens_cell = cell.up ? 0 : 1;
    if (!request.is_lrp) return {opens_cell, left, 0};
    return {opens_cell, cell.same_process, left};
  }

  std::int64_t rank(bool, const Candidate& cell) const override { return cell.room.mem_mb; }

  bool awaits_up_cells() const override { return true; }
};

}  // namespace

std::unique_ptr<Strategy> make_binpack() { return std::make_unique<BinPack>(); }

}  // namespace placement
