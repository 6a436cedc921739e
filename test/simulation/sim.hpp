// What every part of a simulated world shares: virtual time, one random source, one queue of what is
// going to happen, the transcript, and the count of injected faults. One thread; nothing here asks a
// real clock, so a seed gives the same bytes every time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"

namespace simulation {

using base::Duration;
using base::Time;

class Sim {
 public:
  // `transcript` may be null.
  Sim(std::uint64_t seed, std::ostream* transcript);

  Time now() const { return now_; }
  Duration elapsed() const { return now_ - start_; }

  // Happens at now() + `delay`, behind all that was said for the same time before.
  void after(Duration delay, std::function<void()> what);
  void at(Time time, std::function<void()> what);

  // When the next thing happens; Time::max(): nothing waits.
  Time next() const { return queue_.empty() ? Time::max() : queue_.front().time; }
  // Does the next thing. Its time, if later than now, becomes now.
  void step();
  void advance_to(Time time);

  // Chance. `one_in(n)`: true once in n times; false for 0.
  base::Random& random() { return random_; }
  base::Random fork() { return base::Random(random_.next()); }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  bool one_in(std::uint64_t n) { return n != 0 && random_.below(n) == 0; }
  Duration between(Duration from, Duration to);

  // A line of the transcript: "  12.345678 who: text".
  bool told() const { return transcript_ != nullptr; }
  void tell(std::string_view who, std::string_view text);

  // Injects nothing by itself: counts, and tells.
  void fault(const std::string& name, std::string_view detail = {});
  const std::map<std::string, std::uint64_t>& faults() const { return faults_; }

  std::uint64_t steps() const { return steps_; }

 private:
  struct Due {
    Time time;
    std::uint64_t order;
    std::function<void()> what;
  };
  static bool later(const Due& a, const Due& b) { return a.time != b.time ? a.time > b.time : a.order > b.order; }

  base::Random random_;
  std::ostream* transcript_;
  const Time start_;
  Time now_;
  std::vector<Due> queue_;  // A heap, the next on top.
  std::uint64_t orders_ = 0, steps_ = 0;
  std::map<std::string, std::uint64_t> faults_;
};

}  // namespace simulation
