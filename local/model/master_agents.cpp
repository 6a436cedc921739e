// Agents come, go and come back.
#include <algorithm>

#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {
namespace {

using mesos::v1::TaskStatus;
using Capability = mesos::v1::FrameworkInfo::Capability;

}  // namespace

Agent* MasterState::agent_of(AgentLink link) {
  const auto found = links_.find(link);
  return found == links_.end() ? nullptr : find_agent(found->second);
}

Agent* MasterState::find_agent(const AgentId& id) {
  const auto found = agents_.find(id);
  return found == agents_.end() ? nullptr : &found->second;
}

void MasterState::tell(const Agent& agent, ToAgent message) {
  if (agent.connected) actions_.emplace_back(TellAgent{agent.link, std::move(message)});
}

void MasterState::tell_all(const ToAgent& message) {
  for (const auto& [id, agent] : agents_) tell(agent, message);
}

void MasterState::agent_says(AgentLink link, const FromAgent& message) {
  if (const auto* registration = std::get_if<RegisterAgent>(&message)) {
    register_agent(link, *registration);
    return;
  }
  Agent* agent = agent_of(link);
  if (agent == nullptr || !agent->connected || agent->link != link) return;
  if (const auto* update = std::get_if<ForwardStatus>(&message)) {
    forward(*agent, *update);
  } else if (const auto* exited = std::get_if<ExitedExecutor>(&message)) {
    exited_executor(*agent, *exited);
  } else if (const auto* said = std::get_if<ExecutorMessage>(&message)) {
    const auto framework = frameworks_.find(said->framework_id);
    if (framework == frameworks_.end()) return;
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::MESSAGE);
    event.mutable_message()->mutable_agent_id()->set_value(agent->id);
    event.mutable_message()->mutable_executor_id()->set_value(said->executor_id);
    event.mutable_message()->set_data(said->data);
    send(framework->second, event);
  } else if (std::holds_alternative<Unregister>(message)) {
    // Even schedulers that know better states hear TASK_LOST here.
    remove_agent(agent->id, mesos::v1::TASK_LOST, mesos::v1::TASK_LOST, TaskStatus::REASON_AGENT_REMOVED,
                 "Agent " + agent->info->hostname() + " removed: the agent unregistered", false);
  }
}

void MasterState::register_agent(AgentLink link, const RegisterAgent& message) {
  const bool comes_back = message.info->has_id() && !message.info->id().value().empty();
  const AgentId id = comes_back ? message.info->id().value() : id_ + "-S" + std::to_string(next_agent_++);
  const bool known = agents_.contains(id);
  const bool was_unreachable = unreachable_agents_.erase(id) > 0;

  Agent& agent = agents_[id];
  if (known && agent.connected) rescind_offers_of(agent);
  if (known) links_.erase(agent.link);
  agent.id = id;
  agent.link = link;
  agent.connected = true;
  agent.unreachable_at.reset();
  agent.pid = message.pid;
  auto info = std::make_shared<mesos::v1::AgentInfo>(*message.info);
  info->mutable_id()->set_value(id);
  agent.info = info;
  agent.total = Resources::of(info->resources());
  links_[link] = id;
  RegisteredAck ack{.agent_id = id, .reregistered = comes_back, .expected = {}};
  if (known) {
    agent.reregistered = now_;
    settle_known(agent, message, ack);
    tell(agent, std::move(ack));
  } else {
    agent.registered = now_;
    tell(agent, std::move(ack));
    adopt_tasks(agent, message, was_unreachable ? "Unreachable agent re-reregistered" : "Unknown agent reregistered");
    allocate_at_once_ = true;
  }
  for (const auto& framework : message.frameworks) {
    if (completed_.contains(framework->id().value())) tell(agent, ShutdownFramework{framework->id().value()});
  }
  for (const TaskRef& task : agent.kills_owed) tell(agent, KillTask{task.framework_id, task.task_id, nullptr});
  agent.kills_owed.clear();
}

void MasterState::adopt_tasks(Agent& agent, const RegisterAgent& message, const std::string& why) {
  for (const auto& info : message.frameworks) {
    const FrameworkId& id = info->id().value();
    if (frameworks_.contains(id) || completed_.contains(id)) continue;
    add_framework(*info).recovered = true;  // Until it subscribes; nobody waits for that.
  }
  for (const ExecutorRecord& executor : message.executors) {
    const auto framework = frameworks_.find(executor.info->framework_id().value());
    if (framework == frameworks_.end()) continue;
    const std::string role = executor.info->resources().empty() ? *framework->second.roles.begin()
                                                                : executor.info->resources(0).allocation_info().role();
    book_executor(framework->second, agent, role, executor.info);
  }
  for (const TaskRecord& task : message.tasks) {
    const auto owner = frameworks_.find(task.framework_id);
    if (owner == frameworks_.end()) continue;
    Framework& framework = owner->second;
    const std::string& id = task.info->task_id().value();
    framework.unreachable_tasks.erase(id);
    if (framework.tasks.contains(id)) continue;
    const std::string role = task.info->resources().empty() ? "*" : task.info->resources(0).allocation_info().role();
    start_task(framework, agent, role, task.info, task.executor_id);
    KnownTask& known = framework.tasks.at(id);
    known.record->set_state(task.state);
    if (task.status) {
      *known.record->add_statuses() = *task.status;
      known.record->mutable_statuses(0)->clear_data();
    }
    if (is_terminal(task.state)) uncharge(known);
    TaskStatus status = own_status(id, task.state, TaskStatus::REASON_AGENT_REREGISTERED, why);
    status.mutable_agent_id()->set_value(agent.id);
    if (!task.executor_id.empty()) status.mutable_executor_id()->set_value(task.executor_id);
    if (task.status && task.status->has_container_status())
      *status.mutable_container_status() = task.status->container_status();
    send_update(framework, status);
  }
}

void MasterState::settle_known(Agent& agent, const RegisterAgent& message, RegisteredAck& ack) {
  std::set<TaskRef> has;
  for (const TaskRecord& task : message.tasks) has.insert({task.framework_id, task.info->task_id().value()});
  for (const TaskRef& task : agent.tasks) {
    if (!has.contains(task)) ack.expected.push_back(task);
  }
  std::set<std::pair<FrameworkId, std::string>> executors;
  for (const ExecutorRecord& executor : message.executors) {
    executors.insert({executor.info->framework_id().value(), executor.info->executor_id().value()});
  }
  std::vector<std::pair<FrameworkId, std::string>> ended;
  for (const auto& [key, executor] : agent.executors) {
    if (!executors.contains(key)) ended.push_back(key);
  }
  for (const auto& key : ended) remove_executor(agent, key);
}

void MasterState::exited_executor(Agent& agent, const ExitedExecutor& message) {
  remove_executor(agent, {message.framework_id, message.executor_id});
  const auto framework = frameworks_.find(message.framework_id);
  if (framework == frameworks_.end()) return;
  mesos::v1::scheduler::Event event;
  event.set_type(mesos::v1::scheduler::Event::FAILURE);
  event.mutable_failure()->mutable_agent_id()->set_value(agent.id);
  event.mutable_failure()->mutable_executor_id()->set_value(message.executor_id);
  event.mutable_failure()->set_status(message.status);
  send(framework->second, event);
}

void MasterState::remove_executor(Agent& agent, const std::pair<FrameworkId, std::string>& key) {
  const auto found = agent.executors.find(key);
  if (found == agent.executors.end()) return;
  agent.used -= found->second.resources;
  if (const auto framework = frameworks_.find(key.first); framework != frameworks_.end()) {
    release(framework->second, found->second.role, found->second.resources);
  }
  agent.executors.erase(found);
}

void MasterState::rescind_offers_of(Agent& agent) {
  std::vector<OfferId> ids;
  for (const auto& [id, offer] : offers_) {
    if (offer.agent_id == agent.id) ids.push_back(id);
  }
  for (const OfferId& id : ids) rescind(id);
}

void MasterState::agent_lost(AgentLink link) {
  Agent* agent = agent_of(link);
  links_.erase(link);
  if (agent == nullptr || agent->link != link || !agent->connected) return;
  rescind_offers_of(*agent);
  agent->connected = false;
  agent->unreachable_at = now_ + config_.agent_unreachable_after;
  // Without checkpointing nothing there outlives the agent; PARTITION_AWARE does not change that.
  const auto plain = [](const Framework& framework) { return !framework.info->checkpoint(); };
  lose_tasks(*agent, plain, mesos::v1::TASK_LOST, mesos::v1::TASK_LOST, TaskStatus::REASON_AGENT_DISCONNECTED,
             "Agent " + agent->info->hostname() + " disconnected", false);
  std::vector<std::pair<FrameworkId, std::string>> ended;
  for (const auto& [key, executor] : agent->executors) {
    const auto framework = frameworks_.find(key.first);
    if (framework == frameworks_.end() || plain(framework->second)) ended.push_back(key);
  }
  for (const auto& key : ended) remove_executor(*agent, key);
}

void MasterState::mark_unreachable(const AgentId& id) {
  unreachable_agents_[id] = now_;
  remove_agent(id, mesos::v1::TASK_UNREACHABLE, mesos::v1::TASK_LOST, TaskStatus::REASON_AGENT_REMOVED,
               "health check timed out", true);
}

void MasterState::remove_agent(AgentId id, int state, int state_if_plain, int reason, const std::string& text,
                               bool unreachable) {
  Agent* agent = find_agent(id);
  if (agent == nullptr) return;
  rescind_offers_of(*agent);
  lose_tasks(
      *agent, [](const Framework&) { return true; }, state, state_if_plain, reason, text, unreachable);
  std::vector<std::pair<FrameworkId, std::string>> ended;
  for (const auto& [key, executor] : agent->executors) ended.push_back(key);
  for (const auto& key : ended) remove_executor(*agent, key);
  for (auto& [framework_id, framework] : frameworks_) {
    std::erase_if(framework.filters, [&](const auto& filter) { return filter.first.second == id; });
  }
  links_.erase(agent->link);
  agents_.erase(id);
  mesos::v1::scheduler::Event event;
  event.set_type(mesos::v1::scheduler::Event::FAILURE);
  event.mutable_failure()->mutable_agent_id()->set_value(id);
  for (const auto& [framework_id, framework] : frameworks_) send(framework, event);
}

void MasterState::lose_tasks(Agent& agent, const std::function<bool(const Framework&)>& whose, int state,
                             int state_if_plain, int reason, const std::string& text, bool unreachable) {
  const std::set<TaskRef> tasks = agent.tasks;
  for (const TaskRef& ref : tasks) {
    Framework& framework = frameworks_.at(ref.framework_id);
    if (!whose(framework)) continue;
    const bool aware = framework.has_capability(Capability::PARTITION_AWARE);
    KnownTask& task = framework.tasks.at(ref.task_id);
    const bool ended = is_terminal(task.record->state());
    TaskStatus status = own_status(ref.task_id, aware ? state : state_if_plain, reason, text);
    status.mutable_agent_id()->set_value(agent.id);
    if (!task.executor_id.empty()) status.mutable_executor_id()->set_value(task.executor_id);
    if (unreachable) status.mutable_unreachable_time()->set_nanoseconds(now_.time_since_epoch().count());
    if (!ended) send_update(framework, status);
    if (!ended) task.record->set_state(status.state());
    if (unreachable && !ended) {
      uncharge(task);
      agent.tasks.erase(ref);
      framework.unreachable_tasks[ref.task_id] = std::move(task);
      framework.tasks.erase(ref.task_id);
    } else {
      complete(framework, ref.task_id);
    }
  }
}

}  // namespace local
