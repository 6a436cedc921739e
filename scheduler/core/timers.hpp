// The core's deadlines of items. A timer may outlive its purpose: whoever handles it looks at the
// item's state first, so nothing is ever cancelled.
#pragma once

#include <deque>
#include <optional>

#include "base/time.hpp"
#include "scheduler/core/items.hpp"

namespace core {

// One after the other, each armed with the same delay: the front is always the next.
class ItemTimers {
 public:
  void arm(base::Time at, Handle item) { timers_.push_back({at, item}); }

  std::optional<base::Time> next() const { return timers_.empty() ? std::nullopt : std::optional(timers_.front().at); }

  struct Timer {
    base::Time at;
    Handle item;
  };
  // The earliest if it is due, removed.
  std::optional<Timer> pop_due(base::Time now) {
    if (timers_.empty() || timers_.front().at > now) return std::nullopt;
    const Timer timer = timers_.front();
    timers_.pop_front();
    return timer;
  }

  // Drops those in front that no longer matter, so that they keep neither memory nor sleepers awake.
  template <class Matters>
  void trim(Matters matters) {
    while (!timers_.empty()) {
      const Item* item = Items::get(timers_.front().item);
      if (item != nullptr && matters(*item)) return;
      timers_.pop_front();
    }
  }

 private:
  std::deque<Timer> timers_;
};

}  // namespace core
