// What a placement strategy supplies: an order. Filters, zones, room and accounting are the
// cluster's, so no strategy can break them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "scheduler/placement/types.hpp"

namespace placement {

// Compared from the front; lower wins. Unused places are 0. Whole numbers, so that one input has one
// plan on every machine.
using Cost = std::array<std::int64_t, 3>;

// A fraction as a place of a Cost: keeps the order of doubles, exactly. NaN sorts last.
std::int64_t cost_of(double value);

// What a strategy sees of a cell. Views and references are good during the call only.
struct Candidate {
  std::string_view agent_id;
  std::string_view zone;
  bool up = false;
  std::int64_t index = 0;  // Of the cell in its zone, counted from 0 without gaps.
  Amounts total;
  Amounts room;  // Before the request is placed.
  std::int64_t proxy_mem_mb = 0;
  std::int64_t starting = 0;      // Containers not yet running.
  std::int64_t lrps = 0;          // Instances here.
  std::int64_t tasks = 0;         // Tasks here.
  std::int64_t same_process = 0;  // Instances of the request's process here; 0 for a Task.
};

class IndexedStrategy;

class Strategy {
 public:
  virtual ~Strategy() = default;

  virtual std::string_view name() const = 0;

  // What it costs to put `request` on `cell`, which has passed the filters and has room. Pure:
  // keeps nothing, reads no clock. Ties go to the smallest agent id.
  virtual Cost cost(const Request& request, const Candidate& cell) const = 0;

  // Whether work that fits an up cell's last-seen room waits a little for that agent's offer
  // before a new cell is started for it.
  virtual bool awaits_up_cells() const { return false; }

  // This, if the strategy can be indexed; otherwise every eligible cell is asked for its cost.
  virtual const IndexedStrategy* indexed() const { return nullptr; }
};

// A strategy whose order of cells hardly depends on the request: the cluster then keeps cells in that
// order and asks few of them. The promise, held by the property tests:
//
//   Among cells alike in `up`, proxy memory and (where depends_on_total()) total, that hold equally many
//   instances of the request's process, the order of cost(request, cell) is the order of
//   rank(is_lrp, cell), for every request. More instances of the process on a cell never make it cost less.
class IndexedStrategy : public Strategy {
 public:
  // `cell.same_process` is not to be used.
  virtual std::int64_t rank(bool is_lrp, const Candidate& cell) const = 0;

  // Whether Tasks rank otherwise than LRPs; if not, rank(true, cell) serves both.
  virtual bool tasks_rank_apart() const { return false; }

  // Whether cost depends on the cell's total: then cells of another size are another class.
  virtual bool depends_on_total() const { return false; }

  // Whether cost depends on the cell's index: then a cell that comes or goes renumbers its zone.
  virtual bool depends_on_index() const { return false; }

  const IndexedStrategy* indexed() const final { return this; }
};

struct StrategyOptions {
  double diego_bin_pack_weight = 0;     // Diego: bin_pack_first_fit_weight, 0 to 1.
  double diego_starting_weight = 0.25;  // Diego: starting_container_weight.
  bool operator==(const StrategyOptions&) const = default;
};

// A built-in strategy by name; an unknown name is an error that lists the known ones.
base::Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name, const StrategyOptions& options = {});
std::vector<std::string> strategy_names();

std::unique_ptr<Strategy> make_binpack();
std::unique_ptr<Strategy> make_spread();
std::unique_ptr<Strategy> make_diego(const StrategyOptions& options);

}  // namespace placement
