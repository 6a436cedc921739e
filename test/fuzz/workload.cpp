// Workload files of diego-place: the same outcome whatever pieces the file comes in; a plan for what
// was read puts on no cell more than it holds.
#include "place/workload.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "fuzz.hpp"
#include "place/plan.hpp"

namespace {

using fuzz::require;
using place::Workload;

constexpr std::size_t kCellsPlaced = 64, kItemsPlaced = 256;  // Larger ones are read only: fuzzing wants speed.

base::Result<Workload> read(std::string_view text, std::size_t step) {
  return place::read_workload("workload", [text, step](char* buffer, std::size_t size) mutable {
    const std::size_t taken = std::min({text.size(), step, size});
    if (!text.empty()) std::memcpy(buffer, text.data(), taken);
    text.remove_prefix(taken);
    return base::Result<std::size_t>(taken);
  });
}

void check_same(const Workload& a, const Workload& b) {
  require(a.name == b.name && a.kinds == b.kinds && a.zones == b.zones && a.guids == b.guids && a.lrps == b.lrps,
          "the same workload in whatever pieces");
  require(a.cells.size() == b.cells.size() && a.items.size() == b.items.size(), "with the same cells and items");
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    require(a.key(i) == b.key(i) && a.items[i].memory_mb == b.items[i].memory_mb, "item by item");
  }
}

void check_plan(const Workload& workload, const place::Plan& plan) {
  std::vector<std::array<std::int64_t, 3>> used(workload.cells.size());
  require(plan.cell_of.size() == workload.items.size(), "a plan answers for every item");
  for (std::size_t item = 0; item < plan.cell_of.size(); ++item) {
    const std::uint32_t cell = plan.cell_of[item];
    if (cell == place::kNone) continue;
    require(cell < workload.cells.size(), "a plan names cells of the file");
    used[cell][0] += workload.items[item].memory_mb;
    used[cell][1] += workload.items[item].disk_mb;
    used[cell][2] += 1;
    require(used[cell][0] <= workload.cells[cell].memory_mb && used[cell][1] <= workload.cells[cell].disk_mb &&
                used[cell][2] <= workload.cells[cell].containers,
            "no cell is given more than it holds");
  }
}

void check_placing(const Workload& workload, unsigned choice) {
  const auto names = placement::strategy_names();
  auto strategy = placement::make_strategy(names[choice % names.size()]);
  placement::Cluster cluster = place::build_cluster(workload, std::move(*strategy), {}, choice % 2 == 0);
  place::CellNumbers numbers(workload);
  place::Plan plan;
  place::place_all(workload, cluster, numbers, plan);
  check_plan(workload, plan);
}

}  // namespace

void fuzz::workload(std::string_view bytes) {
  const unsigned choice = take_byte(bytes);
  const auto whole = read(bytes, std::max<std::size_t>(bytes.size(), 1));
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    const auto pieces = read(bytes, step);
    require(static_cast<bool>(pieces) == static_cast<bool>(whole), "readable in whatever pieces");
    if (whole) {
      check_same(*whole, *pieces);
    } else {
      require(pieces.error() == whole.error(), "the same complaint in whatever pieces");
    }
  }
  if (!whole) {
    require(whole.error().where.starts_with("workload"), "a complaint names the file");
    return;
  }
  for (std::size_t item = 0; item < whole->items.size(); ++item) {
    require(whole->items[item].memory_mb >= 0 && whole->items[item].disk_mb >= 0, "nothing asks for less than nothing");
  }
  if (whole->cells.size() <= kCellsPlaced && whole->items.size() <= kItemsPlaced) check_placing(*whole, choice);
}
