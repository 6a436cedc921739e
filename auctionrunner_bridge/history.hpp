// The last hour in steps of ten seconds: how much was auctioned, launched and came to run, and how long that took.
// Pure; the caller locks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "diego/json.hpp"
#include "scheduler/core/changes.hpp"

namespace bridge {

class History {
 public:
  static constexpr base::Duration kStep = std::chrono::seconds(10);
  static constexpr std::size_t kSteps = 360;

  void add(const core::Changes& changes);

  // {"step_s":10,"until":"...","auctions":[...],...}: as many numbers in each as there are steps so far, the last
  // being that of `now`. Of times the upper bound of the class that the half, and 99 in 100, are below; null: none.
  void write(diego::GoWriter& out, base::Time now);

 private:
  // From 1 ms, each half as long again as the one before: to about an hour.
  static constexpr std::size_t kClasses = 38;
  struct Step {
    std::int64_t auctions = 0, launched = 0, running = 0, unplaced = 0, ended = 0;
    std::array<std::uint32_t, kClasses> waits{};  // Until running.
  };
  Step& at(base::Time time);
  static std::size_t class_of(base::Duration waited);
  static void write_wait(diego::GoWriter& out, const Step& step, double share);

  std::deque<Step> steps_;
  std::int64_t last_ = 0;  // The number of the last step, since the epoch.
};

}  // namespace bridge
