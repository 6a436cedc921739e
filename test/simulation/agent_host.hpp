// An agent's machine: the agent (local::AgentModel), its connection to the master, and the containers
// it started, each with an executor and a rep (cell.hpp).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "local/agent/agent_model.hpp"
#include "test/simulation/cell.hpp"
#include "test/simulation/pipes.hpp"

namespace simulation {

class World;

class AgentHost {
 public:
  AgentHost(World& world, std::size_t index);
  ~AgentHost();

  std::size_t index() const { return index_; }
  bool up() const { return up_; }                   // The agent's process runs.
  bool reachable() const { return !partitioned_; }  // From the masters.
  const std::string& agent_id() const { return model_->agent_id(); }
  const local::AgentModel& model() const { return *model_; }
  const std::string& zone() const { return zone_; }
  bool tagged() const { return tagged_; }
  // Every container ever started on this machine, by container id; dead ones stay.
  const std::map<std::string, std::unique_ptr<Cell>>& cells() const { return cells_; }

  const std::vector<Cell*>& alive_cells() const { return alive_; }

  void start();
  void to_agent(local::AgentLink link, const local::ToAgent& message);
  void link_gone(local::AgentLink link);  // The master's end died.
  void connect();

  // Faults.
  void break_link(Duration back_after);
  void partition(Duration how_long);
  void restart(Duration down_for);
  void machine_dies(Duration back_after);  // All containers end; the agent comes back with its id.

  // The executor API, on behalf of a cell in a container.
  void subscribe(const std::string& body, mesos_client::Codec codec, std::shared_ptr<Stream> stream);
  Calls::Answer call(const std::string& body, mesos_client::Codec codec);

  void container_exited(const std::string& container_id, int status);

  std::optional<Time> next_deadline() const;
  void run_due();

 private:
  void feed(const local::AgentEvent& event);
  void act(local::AgentAction action);
  void start_container(const local::StartContainer& start);
  void disconnect(bool seen_at_once);
  void abort_streams();
  void destroy_container(const std::string& container_id);
  void go_down();
  void come_back();
  local::AgentRequest request(const std::string& body, mesos_client::Codec codec);

  World& world_;
  const std::size_t index_;
  const std::string name_;
  std::string zone_;
  const bool tagged_;  // With kTag.
  std::unique_ptr<local::AgentModel> model_;
  bool up_ = false, partitioned_ = false, machine_down_ = false;
  local::AgentLink link_ = 0;              // 0: none.
  std::vector<local::AgentEvent> missed_;  // While it was down.
  std::set<std::string> destroyed_;
  std::map<std::string, std::unique_ptr<Cell>> cells_;
  std::vector<Cell*> alive_;  // Of those.
  std::map<std::uint64_t, std::shared_ptr<Stream>> streams_;
  std::uint64_t last_request_ = 0;
  std::shared_ptr<Stream> asking_;     // Of the SUBSCRIBE under way.
  std::optional<local::Reply> reply_;  // To the request under way.
};

}  // namespace simulation
