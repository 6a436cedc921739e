// The core in numbers, for metrics and the dashboard. Plain values.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"
#include "scheduler/placement/amounts.hpp"

namespace core {

struct Figures {
  std::array<std::array<std::int64_t, 9>, 2> instances{};  // By Kind and State.
  base::Duration oldest_waiting{};                         // Since its first auction, of those queued.
  std::array<std::int64_t, 5> cells{};                     // By CellState; `none` stays 0.
  placement::Amounts total, used;                          // Of all cells: what instances may use, and use.
  std::int64_t agents = 0;                                 // Known, with a cell or without.
  std::int64_t agents_quarantined = 0, agents_leaving = 0;
  std::int64_t offers_held = 0;
  double offer_seconds = 0;          // Held so far, in all.
  std::int64_t unanswered = 0;       // Tasks that the master is asked about.
  std::int64_t reports_waiting = 0;  // To the BBS.
};

}  // namespace core
