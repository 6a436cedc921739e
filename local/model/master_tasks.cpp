// Statuses on their way to schedulers, acknowledgements, kills and reconciliation.
#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {

using mesos::v1::TaskStatus;
using mesos::v1::scheduler::Call;

TaskStatus MasterState::own_status(const std::string& task_id, int state, int reason, const std::string& text) const {
  TaskStatus status;
  status.mutable_task_id()->set_value(task_id);
  status.set_state(static_cast<mesos::v1::TaskState>(state));
  status.set_source(TaskStatus::SOURCE_MASTER);
  status.set_reason(static_cast<TaskStatus::Reason>(reason));
  status.set_message(text);
  status.set_timestamp(base::to_seconds(now_.time_since_epoch()));
  return status;
}

void MasterState::send_update(const Framework& framework, const TaskStatus& status) {
  mesos::v1::scheduler::Event event;
  event.set_type(mesos::v1::scheduler::Event::UPDATE);
  *event.mutable_update()->mutable_status() = status;
  send(framework, event);
}

void MasterState::kill(Framework& framework, const Call& call) {
  const std::string& task_id = call.kill().task_id().value();
  const auto found = framework.tasks.find(task_id);
  if (found == framework.tasks.end()) {
    answer_unknown(framework, task_id,
                   call.kill().has_agent_id() ? std::optional(call.kill().agent_id().value()) : std::nullopt);
    return;
  }
  const AgentId& agent_id = found->second.agent_id;
  if (call.kill().has_agent_id() && call.kill().agent_id().value() != agent_id) return;
  Agent& agent = agents_.at(agent_id);
  if (!agent.connected) {
    agent.kills_owed.insert({framework.id, task_id});
    return;
  }
  KillTask message{framework.id, task_id, nullptr};
  if (call.kill().has_kill_policy())
    message.kill_policy = std::make_shared<mesos::v1::KillPolicy>(call.kill().kill_policy());
  tell(agent, std::move(message));
}

void MasterState::shutdown(Framework& framework, const Call& call) {
  const Agent* agent = find_agent(call.shutdown().agent_id().value());
  if (agent != nullptr) tell(*agent, ShutdownExecutor{framework.id, call.shutdown().executor_id().value()});
}

void MasterState::message(Framework& framework, const Call& call) {
  const Agent* agent = find_agent(call.message().agent_id().value());
  if (agent != nullptr)
    tell(*agent, FrameworkMessage{framework.id, call.message().executor_id().value(), call.message().data()});
}

void MasterState::acknowledge(Framework& framework, const Call& call) {
  const std::string& task_id = call.acknowledge().task_id().value();
  const std::string& uuid = call.acknowledge().uuid();
  const Agent* agent = find_agent(call.acknowledge().agent_id().value());
  if (agent == nullptr || !agent->connected) return;  // The update will come again.
  if (const auto found = framework.tasks.find(task_id);
      found != framework.tasks.end() && found->second.agent_id == agent->id) {
    const mesos::v1::Task& record = *found->second.record;
    if (!record.has_status_update_uuid()) return;
    if (is_terminal(record.status_update_state()) && record.status_update_uuid() == uuid) complete(framework, task_id);
  }
  tell(*agent, AckStatus{framework.id, task_id, uuid});
}

void MasterState::reconcile(Framework& framework, const Call& call) {
  if (call.reconcile().tasks().empty()) {
    for (const auto& [id, task] : framework.tasks) answer_known(framework, task);
    return;
  }
  for (const auto& asked : call.reconcile().tasks()) {
    const auto found = framework.tasks.find(asked.task_id().value());
    if (found != framework.tasks.end()) {
      answer_known(framework, found->second);
    } else {
      answer_unknown(framework, asked.task_id().value(),
                     asked.has_agent_id() ? std::optional(asked.agent_id().value()) : std::nullopt);
    }
  }
}

void MasterState::answer_known(Framework& framework, const KnownTask& task) {
  const mesos::v1::Task& record = *task.record;
  const int state = record.has_status_update_state() ? record.status_update_state() : record.state();
  TaskStatus status = own_status(record.task_id().value(), state, TaskStatus::REASON_RECONCILIATION,
                                 "Reconciliation: Latest task state");
  status.mutable_agent_id()->set_value(task.agent_id);
  if (!task.executor_id.empty()) status.mutable_executor_id()->set_value(task.executor_id);
  if (!record.statuses().empty()) {
    const TaskStatus& latest = record.statuses(record.statuses_size() - 1);
    if (latest.has_healthy()) status.set_healthy(latest.healthy());
    if (latest.has_check_status()) *status.mutable_check_status() = latest.check_status();
    if (latest.has_container_status()) *status.mutable_container_status() = latest.container_status();
  }
  send_update(framework, status);
}

void MasterState::answer_unknown(Framework& framework, const std::string& task_id,
                                 const std::optional<AgentId>& agent_id) {
  const bool aware = framework.has_capability(mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
  const bool registered = agent_id && agents_.contains(*agent_id);
  const auto unreachable = agent_id ? unreachable_agents_.find(*agent_id) : unreachable_agents_.end();
  mesos::v1::TaskState state = mesos::v1::TASK_UNKNOWN;
  std::string text = "Reconciliation: Task is unknown";
  if (registered) {
    state = mesos::v1::TASK_GONE;
    text = "Reconciliation: Task is unknown to the agent";
  } else if (unreachable != unreachable_agents_.end()) {
    state = mesos::v1::TASK_UNREACHABLE;
    text = "Reconciliation: Task is unreachable";
  }
  TaskStatus status =
      own_status(task_id, aware ? state : mesos::v1::TASK_LOST, TaskStatus::REASON_RECONCILIATION, text);
  if (agent_id) status.mutable_agent_id()->set_value(*agent_id);
  if (!registered && unreachable != unreachable_agents_.end()) {
    status.mutable_unreachable_time()->set_nanoseconds(unreachable->second.time_since_epoch().count());
  }
  send_update(framework, status);
}

void MasterState::reconcile_operations(Framework& framework, const Call& call) {
  for (const auto& asked : call.reconcile_operations().operations()) {
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::UPDATE_OPERATION_STATUS);
    auto& status = *event.mutable_update_operation_status()->mutable_status();
    *status.mutable_operation_id() = asked.operation_id();
    status.set_state(mesos::v1::OPERATION_UNKNOWN);
    status.set_message(asked.has_agent_id() ? "Reconciliation: Operation is unknown"
                                            : "Reconciliation: Operation is unknown and no 'agent_id' was provided");
    if (asked.has_agent_id()) *status.mutable_agent_id() = asked.agent_id();
    send(framework, event);
  }
}

void MasterState::forward(const Agent& agent, const ForwardStatus& update) {
  const auto owner = frameworks_.find(update.framework_id);
  if (owner == frameworks_.end()) return;
  Framework& framework = owner->second;
  send_update(framework, *update.status);

  const auto found = framework.tasks.find(update.status->task_id().value());
  if (found == framework.tasks.end() || found->second.agent_id != agent.id) return;
  KnownTask& task = found->second;
  mesos::v1::Task& record = *task.record;
  record.set_status_update_state(update.status->state());
  record.set_status_update_uuid(update.status->uuid());
  // The latest state may be ahead of the update: resources of a finished task are free before its
  // scheduler has heard of it.
  if (!is_terminal(record.state())) record.set_state(update.latest_state);
  TaskStatus kept = *update.status;
  kept.clear_data();
  if (!record.statuses().empty() && record.statuses(record.statuses_size() - 1).state() == kept.state()) {
    record.mutable_statuses()->RemoveLast();
  }
  *record.add_statuses() = std::move(kept);
  if (is_terminal(record.state())) uncharge(task);
}

void MasterState::uncharge(KnownTask& task) {
  if (!task.charged) return;
  task.charged = false;
  if (Agent* agent = find_agent(task.agent_id)) agent->used -= task.resources;
  if (const auto framework = frameworks_.find(task.framework_id); framework != frameworks_.end()) {
    release(framework->second, task.role, task.resources);
  }
}

void MasterState::complete(Framework& framework, const std::string& task_id) {
  const auto found = framework.tasks.find(task_id);
  if (found == framework.tasks.end()) return;
  uncharge(found->second);
  if (Agent* agent = find_agent(found->second.agent_id)) agent->tasks.erase({framework.id, task_id});
  framework.completed_tasks.push_back(std::move(found->second));
  if (framework.completed_tasks.size() > config_.completed_tasks_max) framework.completed_tasks.pop_front();
  framework.tasks.erase(found);
}

}  // namespace local
