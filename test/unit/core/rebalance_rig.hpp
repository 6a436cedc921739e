// Instances that run where a test wants them, with what their agents have besides.
#pragma once

#include <map>
#include <set>

#include "rig.hpp"

namespace core {

struct Full : Rig {
  explicit Full(Config config = {}, const std::string& strategy = "binpack")
      : Rig(of(std::move(config), strategy), strategy) {
    subscribe_and_suppress();
  }
  static Config of(Config config, const std::string& strategy) {
    config.strategy = strategy;
    config.tells_changes = true;
    return config;
  }
  // Runs on that agent's cell, which has so much room besides.
  void run(const std::string& agent, const std::string& guid, std::int32_t index, std::int64_t room_mb,
           std::int32_t mem_mb = 100) {
    nothing_elsewhere();
    lrp(guid, {index}, mem_mb);
    offer_again(agent, room_mb + mem_mb);
    confirm(guid, index, agent);
    rooms[agent] = room_mb;
    for (const auto& [other, room] : rooms) give(other, room);
    done();
  }
  void nothing_elsewhere() {
    for (const auto& [agent, room] : rooms) give(agent, 1);
  }
  void confirm(const std::string& guid, std::int32_t index, const std::string& agent) {
    const std::string task = task_id(guid, index);
    status(task, TaskState::starting, agent);
    status(task, TaskState::running, agent);
    INFO(guid << "." << index);
    REQUIRE(view(guid, index).agent_id == agent);
    if (const auto cell = executor_of(agent); cell && hello.insert(*cell).second)
      happen(CellSaidHello{agent, *cell, "cell-of-" + agent, *cell + "|info"});
    done();
  }
  // What of the agent is on offer, beyond what a new cell itself takes.
  void offer_again(const std::string& agent, std::int64_t mem_mb, const std::string& zone = "") {
    if (!zone.empty()) zones[agent] = zone;
    rooms[agent] = mem_mb;
    give(agent, mem_mb);
  }
  void give(const std::string& agent, std::int64_t mem_mb) {
    const auto cell = executor_of(agent);
    Offer offer =
        make_offer(agent, cell ? mem_mb : mem_mb + 512, cell ? std::vector{*cell} : std::vector<std::string>{});
    if (const auto known = zones.find(agent); known != zones.end()) offer.attributes["zone"] = known->second;
    happen(OffersArrived{{offer}});
  }
  RebalanceView preview(std::optional<Goal> goal = {}, std::size_t max_moves = kMovesDefault) const {
    return core.plan_rebalance({goal, max_moves}, now);
  }
  void rebalance(std::optional<Goal> goal = {}, std::size_t max_moves = kMovesDefault) {
    happen(RebalanceRequested{{goal, max_moves}});
  }
  RebalanceView shown() const { return core.rebalance().value(); }
  // What is launched on that agent runs, and what is killed for it ends.
  void carry_out() {
    for (int round = 0; round < 10 && !actions.empty(); ++round) {
      const Actions now_done = std::exchange(actions, {});
      for (const Action& action : now_done) {
        if (const auto* accept = std::get_if<Accept>(&action)) {
          for (const Launch& launch : accept->launches) {
            status(launch.task_id, TaskState::starting, accept->agent_id);
            status(launch.task_id, TaskState::running, accept->agent_id);
          }
        } else if (const auto* kill = std::get_if<Kill>(&action)) {
          status(kill->task_id, TaskState::killed, kill->agent_id);
        } else if (const auto* shutdown = std::get_if<ShutdownExecutor>(&action)) {
          happen(ExecutorEnded{shutdown->agent_id, shutdown->executor_id, 0});
        }
      }
    }
  }
  std::vector<std::string> told(ChangeKind kind) {
    std::vector<std::string> reasons;
    for (const Change change : core.take_changes()) {
      if (change.kind == kind) reasons.push_back(std::string(change.agent_id) + ":" + std::string(change.reason));
    }
    return reasons;
  }
  std::set<std::string> hello;
  std::map<std::string, std::string> zones;
  std::map<std::string, std::int64_t> rooms;
};

}  // namespace core
