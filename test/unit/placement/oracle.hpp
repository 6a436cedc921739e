// What placement::Cluster should answer, found the slow way: every question looks at every cell, by
// the rules as they are written down. Shares values with scheduler/placement, and no code.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/placement/cluster.hpp"

namespace placement_test {

// A cell as a price sees it.
struct Seen {
  const placement::Cell& cell;
  std::int64_t position = 0;  // In its zone, among the cells that take work.
  std::int64_t starting = 0;
  std::int64_t lrps = 0;
  std::int64_t tasks = 0;
  std::int64_t same_process = 0;
};

// A strategy, written again.
struct Rules {
  std::function<placement::Cost(const placement::Request&, const Seen&)> price;
  bool awaits_up_cells = false;
};
Rules binpack_rules();
Rules spread_rules();
Rules diego_rules(double bin_pack_weight, double starting_weight);

// What a request takes from a cell.
placement::Amounts needed(const placement::Request& request, const placement::Cell& cell);

class Oracle {
 public:
  Oracle(Rules rules, placement::Limits limits) : rules_(std::move(rules)), limits_(limits) {}

  // As Cluster's.
  void upsert(const placement::Cell& cell);
  void remove(const std::string& agent_id) { cells_.erase(agent_id); }
  void set_room(const std::string& agent_id, const placement::Amounts& room, const placement::Amounts& last_room);
  void occupy(const std::string& agent_id, const placement::Occupant& occupant);
  void vacate(const std::string& agent_id, const placement::Occupant& occupant);
  void started(const std::string& agent_id);
  void release(const std::string& agent_id, const placement::Request& request, bool starting);

  // Which answers are right: Awaited for one of `may_await` if there is any, else the placement if
  // `place_on` names an agent, else a refusal with that text.
  struct Answer {
    std::set<std::string> may_await;
    std::string place_on;
    bool starts_cell = false;
    std::string refusal;

    bool allows(const placement::Outcome& outcome) const;
  };
  Answer answer(const placement::Request& request, bool may_wait) const;
  void book(const placement::Request& request, const placement::Outcome& outcome);

  // What explain should say of each cell.
  struct Judgement {
    std::string agent_id;
    std::uint16_t obstacles = 0;  // Of placement::Obstacle.
    placement::Amounts short_by;
    std::uint16_t told_obstacles = 0;  // As explained: without an offer in hand by the room last seen.
    placement::Amounts told_short_by;
    placement::Cost cost{};  // If it fits.
    std::int64_t zone_instances = 0;
  };
  std::vector<Judgement> judge(const placement::Request& request) const;

  std::optional<placement::Cell> find(const std::string& agent_id) const;
  std::vector<std::string> agent_ids() const;
  std::int64_t instances(const std::string& agent_id, const std::string& process) const;
  std::int64_t tasks(const std::string& agent_id) const;
  std::int64_t starting() const;
  std::size_t size() const { return cells_.size(); }

 private:
  struct Known {
    placement::Cell cell;
    std::map<std::string, std::int64_t> lrps;  // By process.
    std::int64_t tasks = 0;
    std::int64_t starting = 0;  // Occupants; cell.starting comes on top.
  };

  std::map<std::string, std::int64_t> positions() const;
  std::map<std::string, std::int64_t> zone_instances(const placement::Request& request) const;
  const Judgement* cheapest(const std::vector<Judgement>& all, const std::set<std::string>& avoid) const;
  std::string refusal(const placement::Request& request, const std::vector<Judgement>& all) const;

  Rules rules_;
  placement::Limits limits_;
  std::map<std::string, Known> cells_;
};

// For people, in failure messages.
std::string text(const placement::Outcome& outcome);
std::string text(const Oracle::Answer& answer);
std::string text(const placement::Amounts& amounts);
std::string text(const placement::Cell& cell);

}  // namespace placement_test
