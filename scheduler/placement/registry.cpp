#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "scheduler/placement/strategy.hpp"

namespace placement {
namespace {

using Maker = std::function<std::unique_ptr<Strategy>(const StrategyOptions&)>;

// A strategy is one file and one line here.
const std::map<std::string, Maker, std::less<>>& registry() {
  static const std::map<std::string, Maker, std::less<>> strategies{
      {"binpack", [](const StrategyOptions&) { return make_binpack(); }},
      {"diego", [](const StrategyOptions& options) { return make_diego(options); }},
      {"spread", [](const StrategyOptions&) { return make_spread(); }},
  };
  return strategies;
}

}  // namespace

std::int64_t cost_of(double value) {
  if (std::isnan(value)) return std::numeric_limits<std::int64_t>::max();
  // Doubles of one sign order as their bits do; negative ones backwards.
  const auto bits = std::bit_cast<std::int64_t>(value == 0 ? 0.0 : value);
  return bits >= 0 ? bits : std::numeric_limits<std::int64_t>::min() - bits;
}

std::vector<std::string> strategy_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : registry()) names.push_back(name);
  return names;
}

base::Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name, const StrategyOptions& options) {
  const auto found = registry().find(name);
  if (found != registry().end()) return found->second(options);
  std::string known;
  for (const auto& other : strategy_names()) known += (known.empty() ? "" : ", ") + other;
  return base::Error{"--strategy " + std::string(name), "is not one of " + known};
}

}  // namespace placement
