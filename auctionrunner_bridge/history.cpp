#include "auctionrunner_bridge/history.hpp"

#include <algorithm>
#include <cmath>

#include "auctionrunner_bridge/views.hpp"

namespace bridge {
namespace {

constexpr double kGrowth = 1.5;

std::int64_t bound_ms(std::size_t number) {
  return static_cast<std::int64_t>(std::llround(std::pow(kGrowth, static_cast<double>(number))));
}

}  // namespace

std::size_t History::class_of(base::Duration waited) {
  const double ms = std::max(1.0, base::to_seconds(waited) * 1e3);
  const auto number = static_cast<std::size_t>(std::ceil(std::log(ms) / std::log(kGrowth) - 1e-9));
  return std::min(number, kClasses - 1);
}

// Time does not run backwards, but for what was told a little late: that counts in the last step.
History::Step& History::at(base::Time time) {
  const std::int64_t number = time.time_since_epoch() / kStep;
  if (steps_.empty()) last_ = number - 1;
  if (number - last_ > static_cast<std::int64_t>(kSteps)) {
    steps_.clear();
    last_ = number - 1;
  }
  for (; last_ < number; ++last_) {
    steps_.emplace_back();
    if (steps_.size() > kSteps) steps_.pop_front();
  }
  return steps_.back();
}

void History::add(const core::Changes& changes) {
  using Kind = core::ChangeKind;
  for (const core::Change change : changes) {
    switch (change.kind) {
      case Kind::instance_queued:
        if (change.reason.empty()) ++at(change.at).auctions;
        break;
      case Kind::instance_launching:
        ++at(change.at).launched;
        break;
      case Kind::instance_running: {
        Step& step = at(change.at);
        ++step.running;
        if (change.waited) ++step.waits[class_of(*change.waited)];
        break;
      }
      case Kind::instance_unplaced:
        ++at(change.at).unplaced;
        break;
      case Kind::instance_stopped:
      case Kind::instance_failed:
      case Kind::instance_lost:
      case Kind::instance_rejected:
        ++at(change.at).ended;
        break;
      default:
        break;
    }
  }
}

void History::write_wait(diego::GoWriter& out, const Step& step, double share) {
  std::uint64_t all = 0;
  for (const std::uint32_t count : step.waits) all += count;
  if (all == 0) return out.null();
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t sum = 0;
  for (std::size_t number = 0; number < kClasses; ++number) {
    sum += step.waits[number];
    if (sum >= wanted) return out.number(bound_ms(number));
  }
}

void History::write(diego::GoWriter& out, base::Time now) {
  at(now);
  out.begin_object();
  out.member("step_s", std::int64_t{kStep / std::chrono::seconds(1)});
  out.member("until", timestamp(base::Time(kStep * (last_ + 1))));
  const auto list = [&](std::string_view name, auto write_one) {
    out.key(name);
    out.begin_array();
    for (const Step& step : steps_) write_one(step);
    out.end_array();
  };
  list("auctions", [&](const Step& step) { out.number(step.auctions); });
  list("launched", [&](const Step& step) { out.number(step.launched); });
  list("running", [&](const Step& step) { out.number(step.running); });
  list("unplaced", [&](const Step& step) { out.number(step.unplaced); });
  list("ended", [&](const Step& step) { out.number(step.ended); });
  list("to_running_p50_ms", [&](const Step& step) { write_wait(out, step, 0.5); });
  list("to_running_p99_ms", [&](const Step& step) { write_wait(out, step, 0.99); });
  out.end_object();
}

}  // namespace bridge
