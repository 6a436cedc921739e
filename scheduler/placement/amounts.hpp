// Amounts of what a cell has or an instance needs, in whole units so that sums are exact.
#pragma once

#include <algorithm>
#include <cstdint>

namespace placement {

struct Amounts {
  std::int64_t mem_mb = 0;      // MiB
  std::int64_t disk_mb = 0;     // MiB
  std::int64_t cpus_milli = 0;  // Thousandths of a core.
  std::int64_t containers = 0;

  bool operator==(const Amounts&) const = default;

  // Equality is enough: an instance may fill a cell to the brim.
  bool holds(const Amounts& need) const {
    return mem_mb >= need.mem_mb && disk_mb >= need.disk_mb && cpus_milli >= need.cpus_milli &&
           containers >= need.containers;
  }

  Amounts& operator+=(const Amounts& other) {
    mem_mb += other.mem_mb;
    disk_mb += other.disk_mb;
    cpus_milli += other.cpus_milli;
    containers += other.containers;
    return *this;
  }
  Amounts& operator-=(const Amounts& other) {
    mem_mb -= other.mem_mb;
    disk_mb -= other.disk_mb;
    cpus_milli -= other.cpus_milli;
    containers -= other.containers;
    return *this;
  }
  friend Amounts operator+(Amounts a, const Amounts& b) { return a += b; }
  friend Amounts operator-(Amounts a, const Amounts& b) { return a -= b; }
};

// Dimension by dimension.
constexpr Amounts smaller(const Amounts& a, const Amounts& b) {
  return {std::min(a.mem_mb, b.mem_mb), std::min(a.disk_mb, b.disk_mb), std::min(a.cpus_milli, b.cpus_milli),
          std::min(a.containers, b.containers)};
}
constexpr Amounts larger(const Amounts& a, const Amounts& b) {
  return {std::max(a.mem_mb, b.mem_mb), std::max(a.disk_mb, b.disk_mb), std::max(a.cpus_milli, b.cpus_milli),
          std::max(a.containers, b.containers)};
}

}  // namespace placement
