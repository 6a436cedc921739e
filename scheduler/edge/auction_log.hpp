// What Diego's auctioneer logs of its auctions, under its own names, for operators who look for them; in the
// lager format only. An auctioneer's batch is here what was heard and decided between two waits of the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "platform/lager.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/events.hpp"

namespace edge {

class AuctionLog {
 public:
  using Say = std::function<void(platform::LogLevel, const std::string& message, const platform::LogData& data)>;

  // `starting_max`: --starting-container-count-maximum. `say` writes a line.
  AuctionLog(std::int64_t starting_max, Say say) : starting_max_(starting_max), say_(std::move(say)) {}

  void heard(const core::AuctionsSubmitted& event);
  void placed(const core::Accept& accept, const std::string& cell_id);
  void refused(const core::Refusal& refusal);
  void end_of_round();

 private:
  struct Counts {
    std::size_t lrps = 0, tasks = 0;
    void count(core::Kind kind) { ++(kind == core::Kind::lrp ? lrps : tasks); }
    bool none() const { return lrps == 0 && tasks == 0; }
  };
  void say(platform::LogLevel level, const std::string& message, const platform::LogData& data = {}) const;
  void say_heard();
  void schedule();

  const std::int64_t starting_max_;
  const Say say_;
  Counts heard_, placed_, refused_;
  bool scheduling_ = false;
};

}  // namespace edge
