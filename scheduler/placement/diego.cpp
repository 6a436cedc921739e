#include <algorithm>
#include <cmath>

#include "scheduler/placement/strategy.hpp"

namespace placement {
namespace {

// Scores are whole numbers in units of 2^-40, so that sums are exact and the order of cells does not
// hang on rounding.
constexpr std::int64_t kOne = std::int64_t{1} << 40U;
constexpr std::int64_t kBesideOwn = 1000 * kOne;  // Diego: LocalityOffset.
constexpr std::int64_t kFull = kOne / 3;

// A share of a total, of the three that make one; capped far beyond what is there, lest sums overflow.
std::int64_t share(std::int64_t amount, std::int64_t total) {
  return std::min(std::max<std::int64_t>(amount, 0), 1000 * total) * (kOne / (3 * total));
}

// What is used of a dimension; one that the cell has none of counts as full (Diego divides by zero
// there, and such a cell never wins).
std::int64_t used(std::int64_t total, std::int64_t room) { return total > 0 ? share(total - room, total) : kFull; }
std::int64_t added(std::int64_t total, std::int64_t need) { return total > 0 ? share(need, total) : 0; }

// Today's Diego auction (auctionrunner: CellState.ScoreForLRP, ScoreForTask): the emptiest cell by
// memory, disk and containers alike, but not one that is busy starting others.
class Diego final : public IndexedStrategy {
 public:
  explicit Diego(const StrategyOptions& options)
      : starting_weight_(std::llround(options.diego_starting_weight * static_cast<double>(kOne))),
        index_weight_(std::llround(options.diego_bin_pack_weight * static_cast<double>(kOne))) {}

  std::string_view name() const override { return "diego"; }

  Cost cost(const Request& request, const Candidate& cell) const override {
    const Amounts needs = needs_on(request, cell.proxy_mem_mb);
    const std::int64_t score = rank(request.is_lrp, cell) + added(cell.total.mem_mb, needs.mem_mb) +
                               added(cell.total.disk_mb, needs.disk_mb) +
                               added(cell.total.containers, needs.containers) + cell.same_process * kBesideOwn;
    return {cell.up ? 0 : 1, score, 0};
  }

  std::int64_t rank(bool is_lrp, const Candidate& cell) const override {
    const std::int64_t score = used(cell.total.mem_mb, cell.room.mem_mb) + used(cell.total.disk_mb, cell.room.disk_mb) +
                               used(cell.total.containers, cell.room.containers) + cell.starting * starting_weight_;
    return score + (is_lrp ? cell.index * index_weight_ : cell.tasks * kBesideOwn);
  }

  bool tasks_rank_apart() const override { return true; }
  bool depends_on_total() const override { return true; }
  bool depends_on_index() const override { return index_weight_ != 0; }
  bool awaits_up_cells() const override { return true; }

 private:
  const std::int64_t starting_weight_;
  const std::int64_t index_weight_;
};

}  // namespace

std::unique_ptr<Strategy> make_diego(const StrategyOptions& options) { return std::make_unique<Diego>(options); }

}  // namespace placement
