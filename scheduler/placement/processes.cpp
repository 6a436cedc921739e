#include "scheduler/placement/processes.hpp"

#include <cassert>

namespace placement {

Process& Processes::add(std::string_view name, Process* known, Slot slot, Zone zone) {
  constexpr std::size_t kFewHolders = 4;
  by_slot_.clear();
  if (known == nullptr) known = find(name);
  if (known == nullptr) {
    known = &by_name_.emplace(std::string(name), Process{}).first->second;
    known->serial = ++serials_;
    known->holders.reserve(kFewHolders);
  }
  auto at = Process::find(known->holders, slot);
  if (at == known->holders.end() || at->slot != slot) at = known->holders.insert(at, {slot, 0});
  ++at->instances;
  if (zone >= known->zones.size()) known->zones.resize(zone + 1);
  ++known->zones[zone];
  return *known;
}

bool Processes::take(std::string_view name, Slot slot, Zone zone) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return false;
  by_slot_.clear();
  Process& process = found->second;
  const auto at = Process::find(process.holders, slot);
  if (at == process.holders.end() || at->slot != slot) return false;
  if (--at->instances == 0) process.holders.erase(at);
  assert(process.zones.at(zone) > 0);
  --process.zones[zone];
  if (process.holders.empty()) by_name_.erase(found);
  return true;
}

void Processes::clear(Slot slot, Zone zone) {
  by_slot_.clear();
  for (auto entry = by_name_.begin(); entry != by_name_.end();) {
    Process& process = entry->second;
    const auto at = Process::find(process.holders, slot);
    if (at != process.holders.end() && at->slot == slot) {
      process.zones.at(zone) -= at->instances;
      process.holders.erase(at);
    }
    entry = process.holders.empty() ? by_name_.erase(entry) : std::next(entry);
  }
}

void Processes::index_by_slot() {
  if (!by_slot_.empty()) return;
  for (auto& [name, process] : by_name_) {
    for (const Process::Holder& holder : process.holders) by_slot_.emplace_back(holder.slot, &process);
  }
  std::sort(by_slot_.begin(), by_slot_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
}

void Processes::move(Slot slot, Zone from, Zone to) {
  index_by_slot();
  const auto below = [](const auto& entry, Slot wanted) { return entry.first < wanted; };
  for (auto at = std::lower_bound(by_slot_.begin(), by_slot_.end(), slot, below);
       at != by_slot_.end() && at->first == slot; ++at) {
    Process& process = *at->second;
    const std::int64_t instances = process.on(slot);
    process.zones.at(from) -= static_cast<std::uint32_t>(instances);
    if (to >= process.zones.size()) process.zones.resize(to + 1);
    process.zones[to] += static_cast<std::uint32_t>(instances);
  }
}

}  // namespace placement
