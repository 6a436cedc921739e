#include "local/agent/agent_model.hpp"

#include <algorithm>

#include "local/agent/agent_state.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"

namespace local {

AgentModel::AgentModel(AgentConfig config, base::Random random)
    : impl_(std::make_unique<Impl>(std::move(config), random)) {}
AgentModel::~AgentModel() = default;

AgentActions AgentModel::handle(const AgentEvent& event, base::Time now) {
  impl_->now = now;
  std::visit([this](const auto& what) { impl_->on(what); }, event);
  impl_->end_if_idle();
  return std::exchange(impl_->actions, {});
}

std::optional<base::Time> AgentModel::next_deadline() const { return impl_->next_deadline(); }
const std::string& AgentModel::agent_id() const { return impl_->agent_id; }
void AgentModel::set_port(int port) { impl_->config.port = port; }
std::string AgentModel::state_json() const { return impl_->state_json(); }
std::vector<std::string> AgentModel::running_containers() const {
  return {impl_->containers.begin(), impl_->containers.end()};
}

AgentModel::Impl::Impl(AgentConfig config_in, base::Random random_in)
    : config(std::move(config_in)), random(random_in), streams(config.update_retry_min, config.update_retry_max) {}

bool has_capability(const mesos::v1::FrameworkInfo& framework, int capability) {
  return std::any_of(framework.capabilities().begin(), framework.capabilities().end(),
                     [&](const auto& one) { return static_cast<int>(one.type()) == capability; });
}

AgentFramework* AgentModel::Impl::find_framework(const std::string& id) {
  const auto found = frameworks.find(id);
  return found == frameworks.end() ? nullptr : &found->second;
}

// ---- registration ----

void AgentModel::Impl::on(const FromMaster& event) {
  if (phase == AgentPhase::down) return;
  std::visit([this](const auto& message) { on_master(message); }, event.message);
}

void AgentModel::Impl::on_master(const MasterAppeared&) {
  master_present = true;
  registered = false;
  streams.pause();
  if (phase == AgentPhase::serving) register_with_master();
}

void AgentModel::Impl::register_with_master() {
  mesos::v1::AgentInfo info = config.info ? *config.info : mesos::v1::AgentInfo();
  info.set_hostname(config.hostname);
  info.set_port(config.port);
  info.clear_id();
  RegisterAgent message;
  message.pid = config.process + "@" + config.ip + ":" + std::to_string(config.port);
  if (!agent_id.empty()) {
    info.mutable_id()->set_value(agent_id);
    for (const auto& [framework_id, framework] : frameworks) {
      message.frameworks.push_back(framework.info);
      for (const auto& [executor_id, executor] : framework.executors) {
        if (!executor.command_task && executor.state != ExecutorState::terminated)
          message.executors.push_back({executor.info});
        const std::string shown_id = executor.command_task ? "" : executor_id;
        for (const QueuedLaunch& queued : executor.queued) {
          for (const auto& task : queued.tasks)
            message.tasks.push_back({framework_id, shown_id, task, mesos::v1::TASK_STAGING});
        }
        for (const auto& tasks : {executor.launched, executor.terminated}) {
          for (const auto& [task_id, task] : tasks)
            message.tasks.push_back({framework_id, shown_id, task.info, task.state});
        }
      }
    }
  }
  message.info = std::make_shared<mesos::v1::AgentInfo>(std::move(info));
  actions.emplace_back(SendToMaster{std::move(message)});
}

void AgentModel::Impl::on_master(const RegisteredAck& ack) {
  if (phase != AgentPhase::serving) return;
  agent_id = ack.agent_id;
  registered = true;
  forward(streams.resume(now));
  for (const TaskRef& task : ack.expected) {
    AgentFramework* framework = find_framework(task.framework_id);
    if (framework != nullptr && (find_executor_of_task(*framework, task.task_id) != nullptr || streams.has(task)))
      continue;
    // Of a framework we do not know we cannot know its capabilities; all modern ones have this one.
    AgentFramework unknown;
    if (framework == nullptr) {
      auto info = std::make_shared<mesos::v1::FrameworkInfo>();
      info->mutable_id()->set_value(task.framework_id);
      info->add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
      unknown.info = std::move(info);
      framework = &unknown;
    }
    update_from_agent(*framework,
                      {task.task_id, "", state_for(*framework, mesos::v1::TASK_DROPPED),
                       mesos::v1::TaskStatus::REASON_RECONCILIATION, "Reconciliation: task unknown to the agent"});
  }
}

// ---- what the master asks ----

void AgentModel::Impl::on_master(const RunTask& run) {
  // The real agent ignores these too: the scheduler learns by reconciliation.
  if (phase != AgentPhase::serving || agent_id.empty() || run.tasks.empty()) return;
  const std::string& framework_id = run.framework->id().value();
  AgentFramework& framework = frameworks.try_emplace(framework_id).first->second;
  if (framework.terminating) return;
  if (!framework.info) framework.info = run.framework;
  launch(framework, run);
  remove_framework_if_idle(framework_id);
}

void AgentModel::Impl::on_master(const KillTask& kill) {
  AgentFramework* framework = find_framework(kill.framework_id);
  if (framework == nullptr || framework->terminating) return;
  kill_task(*framework, kill);
}

void AgentModel::Impl::on_master(const ShutdownExecutor& shutdown) {
  AgentFramework* framework = find_framework(shutdown.framework_id);
  if (framework == nullptr || framework->terminating) return;
  const auto executor = framework->executors.find(shutdown.executor_id);
  if (executor != framework->executors.end()) shut_down(*framework, executor->second);
}

void AgentModel::Impl::on_master(const AckStatus& ack) {
  const TaskRef task{ack.framework_id, ack.task_id};
  const UpdateStreams::Acknowledged result = streams.acknowledge(task, ack.uuid, now);
  forward(result.next);
  if (!result.known || !result.terminal) return;
  if (AgentFramework* framework = find_framework(ack.framework_id)) {
    for (auto& [id, executor] : framework->executors) {
      if (executor.terminated.erase(ack.task_id) == 0) continue;
      remove_if_done(ack.framework_id, std::string(id));
      return;
    }
    remove_framework_if_idle(ack.framework_id);
  }
}

void AgentModel::Impl::on_master(const ShutdownFramework& shutdown) {
  streams.drop_framework(shutdown.framework_id);
  AgentFramework* framework = find_framework(shutdown.framework_id);
  if (framework == nullptr) return;
  framework->terminating = true;
  std::vector<std::string> ids;
  for (auto& [id, executor] : framework->executors) {
    executor.terminated.clear();
    ids.push_back(id);
  }
  for (const std::string& id : ids) {
    AgentExecutor& executor = framework->executors.at(id);
    executor.queued.clear();
    shut_down(*framework, executor);
  }
  // Last: removing the last executor removes the framework.
  for (const std::string& id : ids) remove_if_done(shutdown.framework_id, id);
  remove_framework_if_idle(shutdown.framework_id);
}

void AgentModel::Impl::on_master(const FrameworkMessage& message) {
  AgentFramework* framework = find_framework(message.framework_id);
  if (framework == nullptr || framework->terminating) return;
  const auto found = framework->executors.find(message.executor_id);
  if (found == framework->executors.end() || found->second.state != ExecutorState::running ||
      found->second.command_task)
    return;
  mesos::v1::executor::Event event;
  event.set_type(mesos::v1::executor::Event::MESSAGE);
  event.mutable_message()->set_data(message.data);
  send_event(found->second, event);
}

void AgentModel::Impl::on_master(const UpdateFramework& update) {
  const std::string& id = update.framework->id().value();
  if (AgentFramework* framework = find_framework(id)) framework->info = update.framework;
  forward(streams.repeat(id, now));
}

void AgentModel::Impl::on_master(const ShutdownAgent& shutdown) {
  if (phase == AgentPhase::ending) return;
  phase = AgentPhase::ending;
  end_reason = shutdown.reason.empty() ? "shut down by the master" : shutdown.reason;
  registered = false;
  std::vector<std::string> ids;
  for (const auto& [id, framework] : frameworks) ids.push_back(id);
  for (const std::string& id : ids) on_master(ShutdownFramework{id});
}

void AgentModel::Impl::on(const LeaveRequested&) {
  if (registered) actions.emplace_back(SendToMaster{Unregister{}});
  on_master(ShutdownAgent{"asked to leave"});
}

void AgentModel::Impl::end_if_idle() {
  if (phase != AgentPhase::ending || !containers.empty() || end_reason.empty()) return;
  actions.emplace_back(AgentEnded{std::exchange(end_reason, "")});
}

// ---- killed and started again ----

void AgentModel::Impl::on(const Killed&) {
  phase = AgentPhase::down;
  phase_ends.reset();
  master_present = registered = false;
  streams.pause();
  for (auto& [framework_id, framework] : frameworks) {
    for (auto& [id, executor] : framework.executors) {
      executor.stream.reset();
      executor.register_by.reset();
      if (executor.state != ExecutorState::terminating) executor.destroy_at.reset();
    }
  }
}

void AgentModel::Impl::on(const Restarted&) {
  if (phase != AgentPhase::down) on(Killed{});
  phase = AgentPhase::recovering;
  phase_ends = now + config.recovery_time;
}

// Containers are found again; those of frameworks without checkpointing are unknown to the new
// process and destroyed as orphans, with all that was only in memory.
void AgentModel::Impl::finish_recovery() {
  streams.forget_unsaved();
  for (auto framework = frameworks.begin(); framework != frameworks.end();) {
    if (framework->second.info->checkpoint() && !framework->second.terminating) {
      ++framework;
      continue;
    }
    for (const auto& [id, executor] : framework->second.executors)
      actions.emplace_back(DestroyContainer{executor.container_id});
    framework = frameworks.erase(framework);
  }
  phase = AgentPhase::reconnecting;
  phase_ends = now + config.executor_reregistration_timeout;
  std::vector<std::pair<std::string, int>> exited;
  for (auto& [framework_id, framework] : frameworks) {
    for (auto& [id, executor] : framework.executors) {
      if (executor.exit_while_down)
        exited.emplace_back(executor.container_id, *std::exchange(executor.exit_while_down, std::nullopt));
      // Mesos's docker containerizer does not know an HTTP executor's container again (docker.cpp, _recover), and
      // ends it.
      if (in_docker(*executor.info) && executor.state != ExecutorState::terminated) {
        destroy(executor, {mesos::v1::TASK_FAILED, mesos::v1::TaskStatus::REASON_EXECUTOR_TERMINATED,
                           "Abnormal executor termination: unknown container"});
      }
      // The command executor of the model is part of us: it is back with us.
      if (executor.state == ExecutorState::running && !executor.command_task)
        executor.state = ExecutorState::registering;
    }
  }
  for (const auto& [container_id, status] : exited) on(ContainerExited{container_id, status});
}

void AgentModel::Impl::give_up_on_missing_executors() {
  const std::string message =
      "Executor did not reregister within " + mesos_duration(config.executor_reregistration_timeout);
  for (auto& [framework_id, framework] : frameworks) {
    for (auto& [id, executor] : framework.executors) {
      if (executor.state != ExecutorState::registering || executor.command_task) continue;
      destroy(executor, {state_for(framework, mesos::v1::TASK_GONE),
                         mesos::v1::TaskStatus::REASON_EXECUTOR_REREGISTRATION_TIMEOUT, message});
    }
  }
}

void AgentModel::Impl::on(const AgentTicked&) {
  if (phase == AgentPhase::down) return;
  if (phase_ends && *phase_ends <= now) {
    phase_ends.reset();
    if (phase == AgentPhase::recovering) {
      finish_recovery();
    } else if (phase == AgentPhase::reconnecting) {
      phase = AgentPhase::serving;
      give_up_on_missing_executors();
      if (master_present) register_with_master();
    }
  }
  for (auto& [framework_id, framework] : frameworks) {
    for (auto& [id, executor] : framework.executors) {
      if (executor.register_by && *executor.register_by <= now) {
        executor.register_by.reset();
        destroy(executor, {mesos::v1::TASK_FAILED, mesos::v1::TaskStatus::REASON_EXECUTOR_REGISTRATION_TIMEOUT,
                           "Executor did not register within " + mesos_duration(config.executor_registration_timeout)});
      }
      if (executor.complete_by && *executor.complete_by <= now) {
        executor.complete_by.reset();
        executor.command_overdue = true;
        kill_command(framework, executor, {});
      }
      if (executor.destroy_at && *executor.destroy_at <= now) {
        executor.destroy_at.reset();
        actions.emplace_back(DestroyContainer{executor.container_id});
      }
    }
  }
  forward(streams.due(now));
}

std::optional<base::Time> AgentModel::Impl::next_deadline() const {
  std::optional<base::Time> first;
  const auto consider = [&first](std::optional<base::Time> time) {
    if (time && (!first || *time < *first)) first = time;
  };
  consider(phase_ends);
  consider(streams.next_deadline());
  if (phase == AgentPhase::down) return first;
  for (const auto& [framework_id, framework] : frameworks) {
    for (const auto& [id, executor] : framework.executors) {
      consider(executor.register_by);
      consider(executor.complete_by);
      consider(executor.destroy_at);
    }
  }
  return first;
}

}  // namespace local
