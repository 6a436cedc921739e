// The masters: several addresses, of which one leads at a time; each new leader is a new model that
// knows nothing. Also the wire between master and agents.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "local/model/master.hpp"
#include "test/simulation/pipes.hpp"

namespace local {
class MasterState;
}

namespace simulation {

class World;

class MasterHost {
 public:
  explicit MasterHost(World& world);
  ~MasterHost();

  // Everything it knows (local/model/master_state.hpp); nullptr while nobody leads.
  const local::MasterState* state() const;
  std::uint64_t term() const { return term_; }  // Grows with each leader.

  std::string url(int address) const;  // Of the scheduler API.
  std::string leader_url() const { return url(leader_); }
  std::vector<std::string> urls() const;

  // A request to one of the addresses.
  struct Asker {
    int scheduler = 0;
    std::uint64_t life = 0, generation = 0;
  };
  // Opens `stream` with the answer.
  void subscribe(const Asker& asker, const std::string& url, std::string body, std::shared_ptr<Stream> stream);
  Calls::Answer call(const Asker& asker, const std::string& url, const std::string& stream_id, const std::string& body);

  // The leader dies; after `gap` another address (or the same) leads.
  void fail_over(Duration gap);
  // Some other framework's wish: one outstanding offer is rescinded.
  void rescind_one();
  void tear_down();  // An operator ends the framework.
  std::uint64_t teardowns() const { return teardowns_; }

  local::AgentLink connect(std::size_t agent);  // A new link; the agent is told when the master has it.
  void disconnect(local::AgentLink link, bool seen_at_once);
  void agent_says(local::AgentLink link, local::FromAgent message);

  std::optional<Time> next_deadline() const;
  void run_due();

 private:
  void start(int address);
  void serve(const Asker& asker, const std::string& url, const std::string& body,
             const std::shared_ptr<Stream>& stream);
  local::HttpRequest request(const std::string& body) const;
  bool leads_at(const std::string& url) const { return model_ && url == leader_url(); }
  void perform(local::MasterActions actions);
  void to_agent(local::AgentLink link, local::ToAgent message);
  void deliver_from_agent(local::AgentLink link, const local::FromAgent& message);
  void deliver_to_agent(local::AgentLink link, const local::ToAgent& message);

  World& world_;
  std::unique_ptr<local::Master> model_;
  std::uint64_t term_ = 0, teardowns_ = 0;
  Time last_subscribe_;  // Requests of one host arrive in order.
  int leader_ = 0;
  std::map<local::StreamId, std::shared_ptr<Stream>> streams_;
  local::StreamId last_stream_ = 0;
  struct Link {
    std::size_t agent = 0;
    Time last_to, last_from;                   // In order.
    std::map<std::string, Time> last_of = {};  // By task.
  };
  template <class Message, class Deliver>
  void pass(local::AgentLink link, Time Link::*last, Message message, Deliver deliver);
  std::map<local::AgentLink, Link> links_;
  local::AgentLink last_link_ = 0;
};

}  // namespace simulation
