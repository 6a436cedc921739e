#include "local/agent/agent_state.hpp"
#include "mesos/v1/mesos.pb.h"

namespace local {

mesos::v1::TaskState AgentModel::Impl::state_for(const AgentFramework& framework, mesos::v1::TaskState state) const {
  return has_capability(*framework.info, mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE) ? state
                                                                                                : mesos::v1::TASK_LOST;
}

AgentExecutor* AgentModel::Impl::find_executor_of_task(AgentFramework& framework, const std::string& task_id) {
  for (auto& [id, executor] : framework.executors) {
    if (executor.launched.contains(task_id) || executor.terminated.contains(task_id)) return &executor;
    for (const QueuedLaunch& queued : executor.queued) {
      for (const auto& task : queued.tasks) {
        if (task->task_id().value() == task_id) return &executor;
      }
    }
  }
  return nullptr;
}

void AgentModel::Impl::set_task_state(AgentExecutor& executor, const std::string& task_id, mesos::v1::TaskState state) {
  const auto found = executor.launched.find(task_id);
  if (found == executor.launched.end()) return;
  found->second.state = state;
  if (!is_terminal(state)) return;
  executor.terminated.insert(executor.launched.extract(found));
}

mesos::v1::TaskState AgentModel::Impl::latest_state(const TaskRef& task, mesos::v1::TaskState otherwise) const {
  const auto framework = frameworks.find(task.framework_id);
  if (framework == frameworks.end()) return otherwise;
  for (const auto& [id, executor] : framework->second.executors) {
    if (const auto found = executor.launched.find(task.task_id); found != executor.launched.end())
      return found->second.state;
    if (const auto found = executor.terminated.find(task.task_id); found != executor.terminated.end())
      return found->second.state;
  }
  return otherwise;
}

void AgentModel::Impl::add_container_status(const AgentExecutor& executor, mesos::v1::TaskStatus& status) const {
  mesos::v1::ContainerStatus& container = *status.mutable_container_status();
  if (!container.has_container_id()) container.mutable_container_id()->set_value(executor.container_id);
  if (container.network_infos_size() == 0) {
    auto& address = *container.add_network_infos()->add_ip_addresses();
    address.set_ip_address(config.ip);
  }
  if (executor.pid > 0 && !container.has_executor_pid())
    container.set_executor_pid(static_cast<std::uint32_t>(executor.pid));
}

void AgentModel::Impl::take_update(AgentFramework& framework, Shared<mesos::v1::TaskStatus> status, bool checkpointed) {
  const TaskRef task{framework.info->id().value(), status->task_id().value()};
  forward(streams.add(task, std::move(status), checkpointed, now));
}

void AgentModel::Impl::forward(const UpdateStreams::Sends& sends) {
  for (const UpdateStreams::Send& send : sends) {
    actions.emplace_back(SendToMaster{
        ForwardStatus{send.task.framework_id, send.status, latest_state(send.task, send.status->state())}});
  }
}

void AgentModel::Impl::update_from_agent(AgentFramework& framework, const OwnStatus& own) {
  auto status = std::make_shared<mesos::v1::TaskStatus>();
  status->mutable_task_id()->set_value(own.task_id);
  status->set_state(own.state);
  status->set_message(own.message);
  status->set_source(mesos::v1::TaskStatus::SOURCE_AGENT);
  status->set_reason(own.reason);
  status->mutable_agent_id()->set_value(agent_id);
  if (!own.executor_id.empty()) status->mutable_executor_id()->set_value(own.executor_id);
  status->set_timestamp(base::to_seconds(now.time_since_epoch()));
  status->set_uuid(random.uuid4());
  if (AgentExecutor* executor = find_executor_of_task(framework, own.task_id))
    set_task_state(*executor, own.task_id, own.state);
  take_update(framework, std::move(status), framework.info->checkpoint());
}

void AgentModel::Impl::update_from_command(AgentFramework& framework, AgentExecutor& executor,
                                           mesos::v1::TaskState state, const std::string& message,
                                           std::optional<mesos::v1::TaskStatus_Reason> reason) {
  const std::string& task_id = executor.command_task->task_id().value();
  auto status = std::make_shared<mesos::v1::TaskStatus>();
  status->mutable_task_id()->set_value(task_id);
  status->set_state(state);
  if (!message.empty()) status->set_message(message);
  status->set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
  if (reason) status->set_reason(*reason);
  status->mutable_agent_id()->set_value(agent_id);
  status->mutable_executor_id()->set_value(executor.id);
  status->set_timestamp(base::to_seconds(now.time_since_epoch()));
  status->set_uuid(random.uuid4());
  add_container_status(executor, *status);
  set_task_state(executor, task_id, state);
  if (framework.terminating) return;
  take_update(framework, std::move(status), framework.info->checkpoint());
}

}  // namespace local
