// What one run of the scheduler holds: which offers, cells and attempts, as its decisions and what became of them say.
// A replay under another policy keeps two, of then and of now; what an agent has left now follows from both.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/actions.hpp"
#include "scheduler/core/journal.hpp"
#include "scheduler/record/frame.hpp"

namespace record {

struct Attempt {
  core::Key key;
  std::string agent_id;
  placement::Amounts amounts;  // containers: 1, or 0 of a boot task.
  base::Time launched;
};

// One launch of an instance, for the comparison.
struct Placing {
  std::string agent_id;
  base::Time at;
  base::Duration waited{};  // Since its auction, or since its attempt before ended.
};

class Books {
 public:
  // ---- Decisions
  void opened(const Opened& cell);
  void accepted(const core::Accept& accept, base::Time at);
  void declined(const core::Decline& decline);

  // ---- What happens
  void submitted(const core::Key& key, base::Time at);
  void restored(const core::InstanceRow& row, const placement::Amounts& cell_own);
  void adopted(const std::string& task_id, Attempt attempt);
  void offered(const core::Offer& offer);
  void rescinded(const std::string& offer_id);
  void ended(const std::string& task_id, base::Time at);
  void executor_ended(const std::string& agent_id, const std::string& executor_id);
  void void_offers() {
    offers_.clear();
    agent_of_offer_.clear();
  }

  // ---- Looking
  const Attempt* find(const std::string& task_id) const;
  // The one that was launched last, if it lives: its task.
  std::optional<std::string> current(const core::Key& key) const;
  std::map<std::string, Attempt> on_agent(const std::string& agent_id) const;  // By task.
  // Of instances there, and of the cell itself.
  placement::Amounts instances_on(const std::string& agent_id) const;
  placement::Amounts used_on(const std::string& agent_id) const;
  // The executor that runs there; "" for none.
  std::string executor_on(const std::string& agent_id) const;
  bool has_opened(const std::string& executor_id) const { return opened_.contains(executor_id); }
  // Offers of the agent in hand.
  std::set<std::string> offers_of(const std::string& agent_id) const;
  placement::Amounts offered_on(const std::string& agent_id) const;

  const std::map<core::Key, std::vector<Placing>>& placings() const { return placings_; }
  std::size_t waiting() const;  // Submitted, and never launched.
  std::size_t cells_opened() const { return opened_.size(); }
  std::size_t cells_most() const { return cells_most_; }  // At a time.

 private:
  struct Cell {
    std::string executor_id;
    placement::Amounts own;
  };

  std::map<std::string, Cell> cells_;                   // By agent.
  std::set<std::string> opened_;                        // Executors, in all.
  std::map<std::string, Attempt> attempts_;             // That live, by task.
  std::map<std::string, std::set<std::string>> tasks_;  // By agent.
  std::map<core::Key, std::string> current_;
  std::map<std::string, std::map<std::string, placement::Amounts>> offers_;  // By agent, by offer.
  std::map<std::string, std::string> agent_of_offer_;
  std::map<core::Key, base::Time> since_, last_end_;
  std::map<core::Key, std::vector<Placing>> placings_;
  std::size_t cells_most_ = 0;
};

}  // namespace record
