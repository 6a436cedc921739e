#include "place/plan.hpp"

#include <array>
#include <bit>
#include <utility>

namespace place {
namespace {

constexpr std::size_t kAhead = 8;
constexpr std::uint64_t kIndexZero = 0, kTasks = 1, kOthers = 2;

// What comes first in the auction has the smaller key.
std::uint64_t auction_key(const Workload& workload, std::size_t item) {
  constexpr std::uint32_t kMost = 0x7fffffffU;
  const Item& wanted = workload.items[item];
  const bool lrp = workload.is_lrp(item);
  const std::uint64_t group = !lrp ? kTasks : wanted.index == 0 ? kIndexZero : kOthers;
  const auto index = static_cast<std::uint64_t>(lrp ? wanted.index : 0);
  return group << 62U | index << 31U | (kMost - static_cast<std::uint32_t>(wanted.memory_mb));
}

struct Keyed {
  std::uint64_t key;
  std::uint32_t item;
};

// Byte by byte from the least one: linear, and equal keys stay in order. Bytes that are the same in all
// keys, which are most of them, cost nothing.
void sort_by_key(std::vector<Keyed>& items) {
  std::array<std::array<std::uint32_t, 256>, 8> counts{};
  for (const Keyed& item : items) {
    for (unsigned byte = 0; byte < 8; ++byte) ++counts[byte][item.key >> 8U * byte & 0xffU];
  }
  std::vector<Keyed> sorted(items.size());
  for (unsigned byte = 0; byte < 8; ++byte) {
    auto& count = counts[byte];
    if (!items.empty() && count[items.front().key >> 8U * byte & 0xffU] == items.size()) continue;
    std::uint32_t before = 0;
    for (std::uint32_t& one : count) before += std::exchange(one, before);
    for (const Keyed& item : items) sorted[count[item.key >> 8U * byte & 0xffU]++] = item;
    items.swap(sorted);
  }
}

std::vector<Keyed> keyed_order(const Workload& workload) {
  std::vector<Keyed> order(workload.items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = {auction_key(workload, i), static_cast<std::uint32_t>(i)};
  sort_by_key(order);
  return order;
}

}  // namespace

placement::Cluster build_cluster(const Workload& workload, std::unique_ptr<placement::Strategy> strategy,
                                 const placement::Limits& limits, bool all_up) {
  placement::Cluster cluster(std::move(strategy), limits);
  for (const WorkloadCell& known : workload.cells) {
    const CellKind& kind = workload.kinds[known.kind];
    placement::Cell cell;
    cell.agent_id = known.id;
    cell.zone = kind.zone;
    cell.index = known.index;
    cell.up = all_up || known.starting > 0;
    cell.total = {.mem_mb = known.memory_mb, .disk_mb = known.disk_mb, .containers = known.containers};
    cell.room = cell.last_room = cell.total;
    cell.proxy_mem_mb = known.proxy_memory_mb;
    cell.rootfs = kind.rootfs;
    cell.placement_tags = kind.placement_tags;
    cell.optional_placement_tags = kind.optional_placement_tags;
    cell.volume_drivers = kind.volume_drivers;
    cell.starting = known.starting;
    cluster.upsert(cell);
  }
  return cluster;
}

std::vector<std::uint32_t> auction_order(const Workload& workload) {
  std::vector<std::uint32_t> order;
  order.reserve(workload.items.size());
  for (const Keyed& item : keyed_order(workload)) order.push_back(item.item);
  return order;
}

CellNumbers::CellNumbers(const Workload& workload)
    : by_id_(workload.cells.size()), seen_(std::bit_ceil(2 * workload.cells.size() + 2)) {
  for (std::uint32_t cell = 0; cell < workload.cells.size(); ++cell) by_id_.emplace(workload.cells[cell].id, cell);
}

void place_all(const Workload& workload, placement::Cluster& cluster, CellNumbers& numbers, Plan& plan) {
  plan.cell_of.assign(workload.items.size(), kNone);
  plan.failed.clear();
  plan.placed_lrps = plan.placed_tasks = 0;
  Requests requests(workload);
  const std::vector<Keyed> order = keyed_order(workload);
  for (std::size_t at = 0; at < order.size(); ++at) {
    // The order jumps through the items: what comes soon is on its way from memory meanwhile.
    if (at + kAhead < order.size()) __builtin_prefetch(&workload.items[order[at + kAhead].item]);
    const Keyed item = order[at];
    const placement::Request& request = requests.of(item.item);
    const placement::Outcome outcome = cluster.place(request);
    if (const auto* placed = std::get_if<placement::Placement>(&outcome)) {
      plan.cell_of[item.item] = numbers.of(placed->agent_id);
      ++(request.is_lrp ? plan.placed_lrps : plan.placed_tasks);
    } else {
      ++plan.failed[std::get<placement::Rejection>(outcome).text];  // Nothing may wait here.
    }
  }
}

std::size_t place_before(const Workload& workload, placement::Cluster& cluster, std::size_t item) {
  Requests requests(workload);
  std::size_t before = 0;
  for (const Keyed& next : keyed_order(workload)) {
    if (next.item == item) break;
    (void)cluster.place(requests.of(next.item));
    ++before;
  }
  return before;
}

}  // namespace place
