// A Mesos master as a pure model: requests and agents' messages in, answers and actions out. One
// thread; no clock, sockets or randomness of its own. Behaves as Apache Mesos 1.12 does towards
// schedulers, executors' agents and operators; where it differs on purpose, DIFFERENCES.md says why.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "local/model/http_api.hpp"
#include "local/model/messages.hpp"

namespace local {

struct MasterConfig {
  std::string hostname = "127.0.0.1";
  std::string ip = "127.0.0.1";  // IPv4.
  int port = 5050;
  base::Duration allocation_interval = std::chrono::seconds(1);
  base::Duration heartbeat_interval = std::chrono::seconds(15);
  base::Duration agent_unreachable_after = std::chrono::seconds(75);  // Five pings of 15 s unanswered.
  std::size_t completed_frameworks_max = 50;
  std::size_t completed_tasks_max = 1000;          // Per framework.
  std::map<std::string, std::string> credentials;  // Principal to secret; empty: nobody need authenticate.
};

// An answer that goes on record by record. Numbered by the server or the simulation.
using StreamId = std::uint64_t;

// One RecordIO record, framed; the server sends it as one HTTP chunk.
struct SendRecord {
  StreamId stream = 0;
  std::string bytes;
};

// Ends the response; the connection under it stays usable.
struct CloseStream {
  StreamId stream = 0;
};

struct TellAgent {
  AgentLink link = 0;
  ToAgent message;
};

using MasterAction = std::variant<SendRecord, CloseStream, TellAgent>;
using MasterActions = std::vector<MasterAction>;

class MasterState;

class Master {
 public:
  Master(MasterConfig config, base::Random random, base::Time now);
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  // A complete request to any endpoint. If the answer says `stream`, the caller opened stream
  // `stream` with it before it performs the actions (in order; the head goes out first); else the
  // number is free again. Events may reach a stream before the answer to the call that caused them.
  struct HttpResult {
    HttpAnswer answer;
    MasterActions actions;
  };
  HttpResult http(const HttpRequest& request, StreamId stream, base::Time now);

  // The peer of an open stream is gone. Not called for streams the model closed.
  MasterActions stream_closed(StreamId stream, base::Time now);

  MasterActions agent_says(AgentLink link, const FromAgent& message, base::Time now);

  // The agent's socket broke.
  MasterActions agent_lost(AgentLink link, base::Time now);

  // Heartbeats, batch allocations and timeouts that are due.
  MasterActions tick(base::Time now);

  // Takes an offer back, as an allocator does that has a better use for it (Mesos: RESCIND). It may be unknown.
  MasterActions rescind_offer(const std::string& offer_id, base::Time now);

  // When tick() has something to do at the latest.
  base::Time next_deadline() const;

  const std::string& id() const;

  // All it knows, for who checks a simulation (master_state.hpp).
  const MasterState& state() const { return *state_; }

 private:
  std::unique_ptr<MasterState> state_;
};

}  // namespace local
