#include "scheduler/placement/strategy.hpp"

namespace placement {
namespace {

// The opposite of binpack for LRPs: every agent gets a cell before any gets a second instance.
// Tasks are short: a cell for them alone is waste, so they go where one is up.
class Spread final : public IndexedStrategy {
 public:
  std::string_view name() const override { return "spread"; }

  Cost cost(const Request& request, const Candidate& cell) const override {
    const std::int64_t most_free = -cell.room.mem_mb;
    if (!request.is_lrp) return {cell.up ? 0 : 1, most_free, 0};
    if (!cell.up) return {0, 0, most_free};
    return {1, cell.same_process, most_free};
  }

  std::int64_t rank(bool, const Candidate& cell) const override { return -cell.room.mem_mb; }
};

}  // namespace

std::unique_ptr<Strategy> make_spread() { return std::make_unique<Spread>(); }

}  // namespace placement
