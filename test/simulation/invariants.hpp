// What must hold at every moment of a world, and at its end (design, section 4). Each group of rules is
// a Checker of its own, that reads the world's records as they grow.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/simulation/world.hpp"

namespace simulation {

class Invariants final : public Checker {
 public:
  explicit Invariants(World& world);

  void after_step() override;
  std::optional<std::string> unsettled() override;
  void at_end() override;

 private:
  std::vector<std::unique_ptr<Checker>> rules_;
};

// Each offer is answered once, in time, while it is ours; no ACCEPT takes more than its offers hold.
std::unique_ptr<Checker> offer_rules(World& world);

// An attempt is launched once; an executor is described in one way; a cell told to go gets no more work,
// and none with work is told to go, nor ends by itself.
std::unique_ptr<Checker> launch_rules(World& world);

// Each update is acknowledged, as it came, once what it says is durable.
std::unique_ptr<Checker> status_rules(World& world);

// What is sent was durable before; who does not hold the lock launches nothing; one framework.
std::unique_ptr<Checker> durability_rules(World& world);

// What was accepted is never forgotten, and ends running, or for a reason.
std::unique_ptr<Checker> work_rules(World& world);

// One live attempt per key; two only while something is in the way, and not for long.
std::unique_ptr<Checker> attempt_rules(World& world);

// Without faults: no instance goes to a zone while one with fewer of its process has room in hand.
std::unique_ptr<Checker> zone_rules(World& world);

// For a rebalance nothing stops that does not run elsewhere.
std::unique_ptr<Checker> rebalance_rules(World& world);

// What a failed cell's sandbox told is said of those that failed with it, and once.
std::unique_ptr<Checker> sandbox_rules(World& world);

}  // namespace simulation
