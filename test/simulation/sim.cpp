#include "test/simulation/sim.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace simulation {

// An arbitrary day: Mesos's timestamps are of this time.
constexpr Time kStart{std::chrono::hours(24 * 365 * 50)};

Sim::Sim(std::uint64_t seed, std::ostream* transcript)
    : random_(seed), transcript_(transcript), start_(kStart), now_(kStart) {}

void Sim::at(Time time, std::function<void()> what) {
  queue_.push_back({std::max(time, now_), ++orders_, std::move(what)});
  std::push_heap(queue_.begin(), queue_.end(), later);
}

void Sim::after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

void Sim::step() {
  std::pop_heap(queue_.begin(), queue_.end(), later);
  const Due due = std::move(queue_.back());
  queue_.pop_back();
  now_ = std::max(now_, due.time);
  ++steps_;
  due.what();
}

void Sim::advance_to(Time time) { now_ = std::max(now_, time); }

Duration Sim::between(Duration from, Duration to) {
  if (to <= from) return from;
  return from +
         Duration(static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>((to - from).count()) + 1)));
}

void Sim::tell(std::string_view who, std::string_view text) {
  if (transcript_ == nullptr) return;
  *transcript_ << fmt::format("{:12.6f} {}: {}\n", base::to_seconds(elapsed()), who, text);
}

void Sim::fault(const std::string& name, std::string_view detail) {
  ++faults_[name];
  if (told()) tell("FAULT", detail.empty() ? name : name + " " + std::string(detail));
}

}  // namespace simulation
