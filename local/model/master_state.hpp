// What the master model knows, and its parts that work on it; internal to local/model/master*.cpp.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "local/model/master.hpp"
#include "local/model/resources.hpp"
#include "local/model/scheduler_api.hpp"

namespace mesos::v1 {
class Filters;
class Offer;
class OperationID;
class Task;
class Offer_Operation;
}  // namespace mesos::v1

namespace local {

using FrameworkId = std::string;
using AgentId = std::string;
using OfferId = std::string;

struct KnownTask {
  FrameworkId framework_id;
  std::string executor_id;  // Empty for a command task.
  AgentId agent_id;
  std::string role;
  Resources resources;
  std::shared_ptr<mesos::v1::Task> record;  // As operators see it.
  bool charged = true;                      // Its resources count as used on the agent.
};

struct KnownExecutor {
  Shared<mesos::v1::ExecutorInfo> info;
  std::string role;
  Resources resources;
};

struct RefuseFilter {
  Resources refused;
  base::Time expires;
};

struct Framework {
  FrameworkId id;
  std::shared_ptr<mesos::v1::FrameworkInfo> info;
  std::set<std::string> roles;
  std::set<std::string> suppressed;
  std::shared_ptr<const OfferFilter> offer_filter;  // Never null.

  std::optional<StreamId> stream;  // Set: connected.
  std::string stream_uuid;
  Codec format = Codec::json;
  base::Time next_heartbeat{};
  std::optional<base::Time> remove_at;  // Disconnected, and not recovered from an agent's word.
  bool recovered = false;               // Known from agents only, never subscribed to this master.
  base::Time registered{}, reregistered{};

  std::map<std::string, KnownTask> tasks;
  std::map<std::string, KnownTask> unreachable_tasks;
  std::deque<KnownTask> completed_tasks;
  std::map<std::string, Resources> held;                                         // By role: used and offered.
  std::map<std::pair<std::string, AgentId>, std::vector<RefuseFilter>> filters;  // By role and agent.

  bool connected() const { return stream.has_value(); }
  bool has_capability(int capability) const;
};

struct Agent {
  AgentId id;
  AgentLink link = 0;
  bool connected = true;
  Shared<mesos::v1::AgentInfo> info;
  std::string pid;
  Resources total, used, offered;
  base::Time registered{};
  std::optional<base::Time> reregistered;
  std::optional<base::Time> unreachable_at;  // Deadline while disconnected.
  std::set<TaskRef> tasks;
  std::map<std::pair<FrameworkId, std::string>, KnownExecutor> executors;
  std::set<TaskRef> kills_owed;  // Asked for while it was disconnected.
};

struct OutstandingOffer {
  FrameworkId framework_id;
  AgentId agent_id;
  std::string role;
  Resources resources;
};

class MasterState {
 public:
  MasterState(MasterConfig config, base::Random random, base::Time now);

  // ---- master_http.cpp: endpoints and the order of checks
  HttpAnswer handle(const HttpRequest& request, StreamId stream);
  HttpAnswer scheduler_endpoint(const HttpRequest& request, StreamId stream,
                                const std::optional<std::string>& principal);
  std::optional<HttpAnswer> refuse_call(const HttpRequest& request, const mesos::v1::scheduler::Call& call,
                                        const std::optional<std::string>& principal) const;
  HttpAnswer perform(const mesos::v1::scheduler::Call& call);

  // ---- master_subscribe.cpp: the life of a framework
  HttpAnswer subscribe(const mesos::v1::scheduler::Call& call, StreamId stream, Codec format,
                       const std::optional<std::string>& principal);
  HttpAnswer update_framework(const mesos::v1::scheduler::Call& call);
  void connect(Framework& framework, StreamId stream, Codec format, const std::string& stream_uuid);
  void disconnect(Framework& framework);
  void remove_framework(FrameworkId id);  // By value: the caller's may live inside the framework.
  void apply(Framework& framework, const mesos::v1::FrameworkInfo& info, const std::set<std::string>& suppressed);
  Framework& add_framework(const mesos::v1::FrameworkInfo& info);
  void revive(Framework& framework, const std::vector<std::string>& roles);
  void suppress(Framework& framework, const std::vector<std::string>& roles);
  void stream_closed(StreamId stream);

  // ---- master_accept.cpp
  void accept(Framework& framework, const mesos::v1::scheduler::Call& call);
  void decline(const mesos::v1::scheduler::Call& call);
  std::optional<std::string> invalid_offers(const Framework& framework, const std::vector<OfferId>& ids) const;
  void refuse_operations(Framework& framework, const mesos::v1::scheduler::Call& call, const std::string& why);
  void launch(Framework& framework, Agent& agent, const std::string& role, const mesos::v1::Offer_Operation& operation,
              Resources& left);
  void launch_group(Framework& framework, Agent& agent, const std::string& role,
                    const mesos::v1::Offer_Operation& operation, Resources& left);
  void start_task(Framework& framework, Agent& agent, const std::string& role, const Shared<mesos::v1::TaskInfo>& task,
                  const std::string& executor_id);
  bool book_executor(Framework& framework, Agent& agent, const std::string& role,
                     const Shared<mesos::v1::ExecutorInfo>& executor);
  void operation_error(Framework& framework, const mesos::v1::OperationID& id, const std::string& message);

  // ---- master_tasks.cpp: statuses, kills, reconciliation
  void kill(Framework& framework, const mesos::v1::scheduler::Call& call);
  void shutdown(Framework& framework, const mesos::v1::scheduler::Call& call);
  void acknowledge(Framework& framework, const mesos::v1::scheduler::Call& call);
  void reconcile(Framework& framework, const mesos::v1::scheduler::Call& call);
  void reconcile_operations(Framework& framework, const mesos::v1::scheduler::Call& call);
  void message(Framework& framework, const mesos::v1::scheduler::Call& call);
  void answer_unknown(Framework& framework, const std::string& task_id, const std::optional<AgentId>& agent_id);
  void answer_known(Framework& framework, const KnownTask& task);
  void forward(const Agent& agent, const ForwardStatus& update);
  // What the master itself says about a task; sent once, without a uuid.
  mesos::v1::TaskStatus own_status(const std::string& task_id, int state, int reason, const std::string& text) const;
  void send_update(const Framework& framework, const mesos::v1::TaskStatus& status);
  void uncharge(KnownTask& task);
  void complete(Framework& framework, const std::string& task_id);

  // ---- master_agents.cpp
  void agent_says(AgentLink link, const FromAgent& message);
  void register_agent(AgentLink link, const RegisterAgent& message);
  void adopt_tasks(Agent& agent, const RegisterAgent& message, const std::string& why);
  void settle_known(Agent& agent, const RegisterAgent& message, RegisteredAck& ack);
  void exited_executor(Agent& agent, const ExitedExecutor& message);
  void agent_lost(AgentLink link);
  void mark_unreachable(const AgentId& id);
  void remove_agent(AgentId id, int state, int state_if_plain, int reason, const std::string& text,
                    bool unreachable);  // Likewise.
  void lose_tasks(Agent& agent, const std::function<bool(const Framework&)>& whose, int state, int state_if_plain,
                  int reason, const std::string& text, bool unreachable);
  void remove_executor(Agent& agent, const std::pair<FrameworkId, std::string>& key);
  void rescind_offers_of(Agent& agent);
  Agent* agent_of(AgentLink link);
  Agent* find_agent(const AgentId& id);
  void tell(const Agent& agent, ToAgent message);
  void tell_all(const ToAgent& message);

  // ---- master_allocator.cpp
  void allocate();
  bool filtered(const Framework& framework, const std::string& role, const Agent& agent,
                const Resources& resources) const;
  mesos::v1::Offer make_offer(const OfferId& id, const OutstandingOffer& offer) const;
  // Forgets the offer and gives its resources back, behind a filter if `filters` says so.
  void take_back(const OfferId& id, const mesos::v1::Filters* filters);
  void take_back_all(const Framework& framework);
  void add_filter(const AgentId& agent, const FrameworkId& framework, const std::string& role, const Resources& refused,
                  const mesos::v1::Filters* filters);
  void rescind(const OfferId& id);
  void hold(Framework& framework, const std::string& role, const Resources& resources);
  void release(Framework& framework, const std::string& role, const Resources& resources);

  // ---- master_operator.cpp: what operators may ask
  HttpAnswer operator_endpoint(const HttpRequest& request);
  HttpAnswer legacy_endpoint(const std::string& path);
  std::string legacy_state() const;
  std::string metrics() const;
  std::string flags() const;

  void send(const Framework& framework, const mesos::v1::scheduler::Event& event);
  void send_error_and_close(StreamId stream, Codec format, const std::string& message);
  void fill_master_info(mesos::v1::MasterInfo& info) const;
  void tick();
  base::Time next_deadline() const;

  MasterConfig config_;
  base::Random random_;
  std::string id_;
  base::Time now_;
  base::Time started_;
  MasterActions actions_;
  bool allocate_at_once_ = false;
  base::Time next_batch_;
  std::uint64_t next_framework_ = 0, next_agent_ = 0, next_offer_ = 0;

  std::map<FrameworkId, Framework> frameworks_;
  std::map<FrameworkId, Framework> completed_;
  std::deque<FrameworkId> completed_order_;
  std::map<AgentId, Agent> agents_;
  std::map<AgentLink, AgentId> links_;
  std::map<AgentId, base::Time> unreachable_agents_;
  std::map<OfferId, OutstandingOffer> offers_;
  std::uint64_t allocations_ = 0;
};

}  // namespace local
