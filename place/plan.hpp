// Placing a workload: the order of the batch, the run through it, and what came of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "place/workload.hpp"
#include "scheduler/placement/cluster.hpp"

namespace place {

// The workload's cells, empty. A cell is up once something is on it; `all_up`: from the start, as
// every cell of Diego's own scheduler is. No cell costs anything itself.
placement::Cluster build_cluster(const Workload& workload, std::unique_ptr<placement::Strategy> strategy,
                                 const placement::Limits& limits, bool all_up);

// The items in the order of Diego's auctions: LRPs of index 0 with more memory first, Tasks with more
// memory first, the other LRPs by index, of one index those with more memory first; else as in the file.
std::vector<std::uint32_t> auction_order(const Workload& workload);

// Makes requests of items, in one object: most of what follows one another is alike.
class Requests {
 public:
  explicit Requests(const Workload& workload) : workload_(workload) {}
  // Good until the next call.
  const placement::Request& of(std::size_t item) {
    const Item& wanted = workload_.items[item];
    request_.is_lrp = workload_.is_lrp(item);
    request_.process.assign(workload_.guids[wanted.guid]);
    request_.needs = {.mem_mb = wanted.memory_mb, .disk_mb = wanted.disk_mb, .cpus_milli = 0, .containers = 1};
    if (wanted.constraints != constraints_) {
      constraints_ = wanted.constraints;
      request_.constraints = workload_.constraints[constraints_];
    }
    return request_;
  }

 private:
  const Workload& workload_;
  placement::Request request_;
  std::uint32_t constraints_ = kNone;
};

// Which cell of the workload an answer of the cluster names. One for each cluster.
class CellNumbers {
 public:
  explicit CellNumbers(const Workload& workload);
  // The cluster's names stay where they are while the cell is in it: each is looked up once.
  std::uint32_t of(std::string_view agent_id) {
    std::size_t slot = slot_of(agent_id.data());
    while (seen_[slot].name != agent_id.data()) {
      if (seen_[slot].name == nullptr) {
        seen_[slot] = {agent_id.data(), by_id_.at(agent_id)};
        break;
      }
      slot = (slot + 1) & (seen_.size() - 1);
    }
    return seen_[slot].cell;
  }

 private:
  struct Seen {
    const char* name = nullptr;
    std::uint32_t cell = 0;
  };
  std::size_t slot_of(const char* name) const {
    return (reinterpret_cast<std::uintptr_t>(name) * 0x9E3779B97F4A7C15U >> 20U) & (seen_.size() - 1);
  }
  std::unordered_map<std::string_view, std::uint32_t> by_id_;
  std::vector<Seen> seen_;  // Open addressing, at most half full.
};

struct Plan {
  std::vector<std::uint32_t> cell_of;                      // By item; kNone: not placed.
  std::map<std::string, std::size_t, std::less<>> failed;  // By reason.

  std::size_t placed_lrps = 0;
  std::size_t placed_tasks = 0;
};

// Orders the batch and places it; all of what counts as placing. `plan` is written over, so that the
// measured part need not ask for its memory.
void place_all(const Workload& workload, placement::Cluster& cluster, CellNumbers& numbers, Plan& plan);

// Places what comes before `item` in the auction, without it; how many that are.
std::size_t place_before(const Workload& workload, placement::Cluster& cluster, std::size_t item);

}  // namespace place
