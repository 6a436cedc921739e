// The faults that strike by themselves, at times drawn from the seed. Those that hang on a message or
// a write are injected where it passes (FaultRates).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "test/simulation/settings.hpp"

namespace simulation {

class World;
class Cell;

class FaultPlan {
 public:
  explicit FaultPlan(World& world);
  void start();
  // Faults have stopped: who drained agents takes it back, until it is heard.
  void end_drains();

 private:
  void drain_one();
  // An operator who packs and spreads what runs, in some worlds.
  void rebalance_after(Duration mean_gap);
  // Strikes again and again, with gaps of 0 to twice the mean, as long as faults come.
  void every(Duration FaultRates::*mean_gap, std::function<void()> strike);

  template <class Part>
  Part& any(const std::vector<std::unique_ptr<Part>>& parts);
  Cell* any_cell();

  World& world_;
  base::Random rebalancer_;  // Its own: worlds without it are what they would be if there were none.
  int generations_ = 0;      // Of cells' configurations.
};

}  // namespace simulation
