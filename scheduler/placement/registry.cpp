#include <functional>
#include <map>

#include "scheduler/placement/strategy.hpp"

namespace placement {
namespace {

// A strategy is one file and one line here.
const std::map<std::string, std::function<std::unique_ptr<Strategy>()>, std::less<>>& registry() {
  static const std::map<std::string, std::function<std::unique_ptr<Strategy>()>, std::less<>> strategies{
      {"binpack", make_binpack},
      {"spread", make_spread},
  };
  return strategies;
}

}  // namespace

std::vector<std::string> strategy_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : registry()) names.push_back(name);
  return names;
}

base::Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name) {
  const auto found = registry().find(name);
  if (found != registry().end()) return found->second();
  std::string known;
  for (const auto& other : strategy_names()) known += (known.empty() ? "" : ", ") + other;
  return base::Error{"--strategy " + std::string(name), "is not one of " + known};
}

}  // namespace placement
