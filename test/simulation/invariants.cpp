#include "test/simulation/invariants.hpp"

namespace simulation {

Invariants::Invariants(World& world) {
  rules_.push_back(offer_rules(world));
  rules_.push_back(launch_rules(world));
  rules_.push_back(status_rules(world));
  rules_.push_back(durability_rules(world));
  rules_.push_back(work_rules(world));
  rules_.push_back(attempt_rules(world));
  rules_.push_back(zone_rules(world));
  rules_.push_back(rebalance_rules(world));
  rules_.push_back(sandbox_rules(world));
}

void Invariants::after_step() {
  for (const auto& rule : rules_) rule->after_step();
}

std::optional<std::string> Invariants::unsettled() {
  for (const auto& rule : rules_) {
    if (auto what = rule->unsettled()) return what;
  }
  return std::nullopt;
}

void Invariants::at_end() {
  for (const auto& rule : rules_) rule->at_end();
}

}  // namespace simulation
