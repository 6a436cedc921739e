// Which cells hold instances of which process, and how many in each zone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "scheduler/placement/ranked_cells.hpp"

namespace placement {

using Zone = std::uint32_t;  // The number of a zone in the cluster.

struct Process {
  struct Holder {
    Slot slot = kNoSlot;
    std::uint32_t instances = 0;
  };
  std::vector<Holder> holders;       // By slot.
  std::vector<std::uint32_t> zones;  // Instances by zone; zones beyond the end have none.
  std::uint64_t serial = 0;          // Never that of another process.

  template <class Holders>
  static auto find(Holders& holders, Slot slot) {
    return std::lower_bound(holders.begin(), holders.end(), slot,
                            [](const Holder& holder, Slot wanted) { return holder.slot < wanted; });
  }

  std::int64_t in_zone(Zone zone) const { return zone < zones.size() ? zones[zone] : 0; }
  std::int64_t on(Slot slot) const {
    const auto at = find(holders, slot);
    return at != holders.end() && at->slot == slot ? at->instances : 0;
  }
};

// Forgets a process with its last instance.
class Processes {
 public:
  // nullptr: it has no instance.
  Process* find(std::string_view name) {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &found->second;
  }

  // `known` is what find() says of the name, or nullptr to look it up. Returns where it stands then.
  Process& add(std::string_view name, Process* known, Slot slot, Zone zone);
  // False: it had none there.
  bool take(std::string_view name, Slot slot, Zone zone);

  template <class Visit>
  void each(Visit visit) const {  // In any order.
    for (const auto& [name, process] : by_name_) visit(process);
  }

  // Takes away all instances on a cell.
  void clear(Slot slot, Zone zone);
  // Every instance on the cell counts for another zone from now on. Walks all processes, but not for many
  // cells in a row: after a restart the first offers tell the zone of every one.
  void move(Slot slot, Zone from, Zone to);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  void index_by_slot();

  std::unordered_map<std::string, Process, Hash, std::equal_to<>> by_name_;
  std::vector<std::pair<Slot, Process*>> by_slot_;  // Every holder, while nothing is added or taken; else empty.
  std::uint64_t serials_ = 0;
};

}  // namespace placement
