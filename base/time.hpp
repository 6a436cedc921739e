// Time as an argument. There is deliberately no now() here: the pure rooms are told the time, the
// edges read it with platform::now().
#pragma once

#include <chrono>
#include <cstdint>

namespace base {

// Counts from 1970-01-01 UTC; nobody can ask it for the time.
struct Epoch {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Epoch>;
  static constexpr bool is_steady = true;
};

using Duration = std::chrono::nanoseconds;
using Time = Epoch::time_point;

// As Mesos writes timestamps: seconds with a fraction.
constexpr double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
constexpr Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}
constexpr std::int64_t to_millis(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace base
