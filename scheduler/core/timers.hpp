// The core's deadlines. A timer may outlive its purpose: whoever handles it looks at the state
// first, so nothing is ever cancelled.
#pragma once

#include <compare>
#include <optional>
#include <set>
#include <string>

#include "base/time.hpp"
#include "scheduler/core/work.hpp"

namespace core {

enum class TimerKind {
  place,
  placement_timeout,
  kill,
  launch_silence,
  cell,
  stale_offers,
  reconcile,
  implicit_reconcile,
  ended
};

struct Timer {
  base::Time at;
  TimerKind kind = TimerKind::place;
  Key key;               // kill, launch_silence, placement_timeout, ended
  std::string agent_id;  // cell
  auto operator<=>(const Timer&) const = default;
};

class Timers {
 public:
  void arm(Timer timer) { timers_.insert(std::move(timer)); }

  std::optional<base::Time> next() const { return timers_.empty() ? std::nullopt : std::optional(timers_.begin()->at); }

  // The earliest timer due, removed.
  std::optional<Timer> pop_due(base::Time now) {
    if (timers_.empty() || timers_.begin()->at > now) return std::nullopt;
    return timers_.extract(timers_.begin()).value();
  }

 private:
  std::set<Timer> timers_;
};

}  // namespace core
