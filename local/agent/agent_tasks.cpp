#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "local/agent/agent_state.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"

namespace local {

using mesos::v1::TaskStatus;

std::pair<AgentFramework*, AgentExecutor*> AgentModel::Impl::find_container(const std::string& container_id) {
  for (auto& [framework_id, framework] : frameworks) {
    for (auto& [id, executor] : framework.executors) {
      if (executor.container_id == container_id) return {&framework, &executor};
    }
  }
  return {nullptr, nullptr};
}

// ---- launching ----

// What the executor and its tasks may use, those to come too.
static ContainerLimits limits_of(const AgentExecutor& executor) {
  ContainerLimits limits;
  const auto add = [&limits](const auto& resources) {
    for (const auto& resource : resources) {
      if (resource.name() == "cpus") limits.cpus += resource.scalar().value();
      if (resource.name() == "mem") limits.mem_mb += resource.scalar().value();
    }
  };
  add(executor.info->resources());
  for (const QueuedLaunch& queued : executor.queued) {
    for (const auto& task : queued.tasks) add(task->resources());
  }
  for (const auto& [task_id, task] : executor.launched) add(task.info->resources());
  return limits;
}

// Limits need cgroups isolators, which an agent with posix isolation lacks (Mesos: slave.cpp, run).
static std::string unsupported_limit(const RunTask& run) {
  for (const auto& task : run.tasks) {
    for (const auto& [name, limit] : task->limits()) {
      const bool cpus = name == "cpus";
      return fmt::format(
          "{} limits can only be set on tasks launched in Mesos containers when the agent has loaded the 'cgroups/{}' "
          "isolator",
          cpus ? "CPU" : "Memory", cpus ? "cpu" : "mem");
    }
  }
  return "";
}

bool AgentModel::Impl::drop_if_impossible(AgentFramework& framework, const RunTask& run,
                                          const std::string& executor_id) {
  const auto drop = [&](TaskStatus::Reason reason, const std::string& message, const std::string& shown_executor) {
    for (const auto& task : run.tasks) {
      update_from_agent(framework, {task->task_id().value(), shown_executor,
                                    state_for(framework, mesos::v1::TASK_DROPPED), reason, message});
    }
    return true;
  };
  if (const std::string text = unsupported_limit(run); !text.empty())
    return drop(TaskStatus::REASON_GC_ERROR, text, "");
  const auto existing = framework.executors.find(executor_id);
  const bool exists = existing != framework.executors.end();
  if (!run.executor) {
    if (!exists) return false;
    return drop(TaskStatus::REASON_TASK_INVALID, "Cannot reuse an already existing executor for a command task",
                executor_id);
  }
  if (run.launch_executor && exists) {
    // The master books the executor as new: it must forget it again.
    actions.emplace_back(SendToMaster{ExitedExecutor{framework.info->id().value(), executor_id, -1}});
    return drop(TaskStatus::REASON_EXECUTOR_TERMINATED, "Master wants to launch executor, but one already exists",
                executor_id);
  }
  if (run.launch_executor) return false;
  if (!exists) {
    return drop(TaskStatus::REASON_EXECUTOR_TERMINATED, "No executor is expected to launch and there is none running",
                executor_id);
  }
  if (existing->second.state == ExecutorState::terminating)
    return drop(TaskStatus::REASON_EXECUTOR_TERMINATED, "Executor terminating", executor_id);
  if (existing->second.state == ExecutorState::terminated)
    return drop(TaskStatus::REASON_EXECUTOR_TERMINATED, "Executor terminated", executor_id);
  return false;
}

static Shared<mesos::v1::ExecutorInfo> command_executor_info(const mesos::v1::FrameworkInfo& framework,
                                                             const mesos::v1::TaskInfo& task) {
  auto info = std::make_shared<mesos::v1::ExecutorInfo>();
  info->mutable_executor_id()->set_value(task.task_id().value());
  *info->mutable_framework_id() = framework.id();
  *info->mutable_command() = task.command();
  info->set_name(
      fmt::format("Command Executor (Task: {}) (Command: sh -c '{}')", task.task_id().value(), task.command().value()));
  if (task.has_container()) *info->mutable_container() = task.container();
  return info;
}

void AgentModel::Impl::launch(AgentFramework& framework, const RunTask& run) {
  const mesos::v1::TaskInfo& first = *run.tasks.front();
  const std::string executor_id = run.executor ? run.executor->executor_id().value() : first.task_id().value();
  if (drop_if_impossible(framework, run, executor_id)) return;
  const auto [position, is_new] = framework.executors.try_emplace(executor_id);
  AgentExecutor& executor = position->second;
  executor.queued.push_back({run.tasks, run.group});
  if (is_new) {
    executor.id = executor_id;
    executor.info = run.executor ? run.executor : command_executor_info(*run.framework, first);
    if (!run.executor) executor.command_task = run.tasks.front();
    executor.container_id = base::uuid_text(random.uuid4());
    start_executor(framework, executor);
  } else if (executor.state == ExecutorState::running) {
    deliver_queued(framework, executor);
  }
}

void AgentModel::Impl::start_executor(AgentFramework& framework, AgentExecutor& executor) {
  if (const ContainerRefusal refused = refusal(config, *executor.info); refused.refused) {
    executor.ending = ExecutorEnding{
        mesos::v1::TASK_FAILED,
        refused.launch_failed ? TaskStatus::REASON_CONTAINER_LAUNCH_FAILED : TaskStatus::REASON_EXECUTOR_TERMINATED,
        refused.text};
    executor_terminated(framework, executor, -1);
    return;
  }
  const std::string& framework_id = framework.info->id().value();
  StartContainer start;
  start.container_id = executor.container_id;
  start.sandbox = sandbox_path(config.work_dir, agent_id, framework_id, executor.id, executor.container_id);
  start.latest_link = sandbox_path(config.work_dir, agent_id, framework_id, executor.id, "latest");
  start.environment =
      executor_environment(config, agent_id, *framework.info, *executor.info, executor.info->command(), start.sandbox);
  fill_command(executor.info->command(), start);
  executor.limits = limits_of(executor);
  if (in_docker(*executor.info)) {
    run_in_docker(config, *executor.info, executor.limits, start);
  } else if (!config.cgroup_root.empty()) {
    start.limits = executor.limits;
  }
  if (!executor.command_task) executor.register_by = now + config.executor_registration_timeout;
  containers.insert(executor.container_id);
  actions.emplace_back(std::move(start));
}

// Memory only rises (Mesos: docker.cpp and the memory isolator never lower the hard limit); CPU follows.
void AgentModel::Impl::update_limits(AgentExecutor& executor) {
  const bool docker = in_docker(*executor.info);
  if (!docker && config.cgroup_root.empty()) return;
  ContainerLimits limits = limits_of(executor);
  limits.mem_mb = std::max(limits.mem_mb, executor.limits.mem_mb);
  if (limits == executor.limits) return;
  executor.limits = limits;
  actions.emplace_back(
      UpdateContainer{executor.container_id, limits,
                      docker ? docker_update(config, executor.container_id, limits) : std::vector<std::string>{}});
}

void AgentModel::Impl::deliver_queued(AgentFramework&, AgentExecutor& executor) {
  for (const QueuedLaunch& queued : std::exchange(executor.queued, {})) {
    mesos::v1::executor::Event event;
    for (const auto& task : queued.tasks) {
      executor.launched[task->task_id().value()] = {task, mesos::v1::TASK_STAGING};
      *(queued.group ? event.mutable_launch_group()->mutable_task_group()->add_tasks()
                     : event.mutable_launch()->mutable_task()) = *task;
    }
    event.set_type(queued.group ? mesos::v1::executor::Event::LAUNCH_GROUP : mesos::v1::executor::Event::LAUNCH);
    executor.sent_task = true;
    send_event(executor, event);
  }
  update_limits(executor);
}

// ---- killing ----

void AgentModel::Impl::kill_task(AgentFramework& framework, const KillTask& kill) {
  AgentExecutor* executor = find_executor_of_task(framework, kill.task_id);
  if (executor == nullptr) {
    update_from_agent(framework, {kill.task_id, "", state_for(framework, mesos::v1::TASK_DROPPED),
                                  TaskStatus::REASON_EXECUTOR_TERMINATED, "Cannot find executor"});
    return;
  }
  if (executor->state == ExecutorState::terminating || executor->state == ExecutorState::terminated) return;
  const auto queued = std::find_if(executor->queued.begin(), executor->queued.end(), [&](const QueuedLaunch& launch) {
    return std::any_of(launch.tasks.begin(), launch.tasks.end(),
                       [&](const auto& task) { return task->task_id().value() == kill.task_id; });
  });
  if (queued != executor->queued.end()) {
    kill_queued(framework, *executor, queued);
  } else if (executor->command_task) {
    kill_command(framework, *executor, kill);
  } else {
    mesos::v1::executor::Event event;
    event.set_type(mesos::v1::executor::Event::KILL);
    event.mutable_kill()->mutable_task_id()->set_value(kill.task_id);
    if (kill.kill_policy) *event.mutable_kill()->mutable_kill_policy() = *kill.kill_policy;
    send_event(*executor, event);
  }
}

void AgentModel::Impl::kill_queued(AgentFramework& framework, AgentExecutor& executor,
                                   std::deque<QueuedLaunch>::iterator position) {
  const QueuedLaunch launch = std::move(*position);
  executor.queued.erase(position);
  for (const auto& task : launch.tasks) {
    const std::string& task_id = task->task_id().value();
    executor.launched[task_id] = {task, mesos::v1::TASK_STAGING};
    update_from_agent(framework,
                      {task_id, executor.id, mesos::v1::TASK_KILLED, TaskStatus::REASON_TASK_KILLED_DURING_LAUNCH,
                       "Killed before delivery to the executor"});
  }
}

void AgentModel::Impl::kill_command(AgentFramework& framework, AgentExecutor& executor, const KillTask& kill) {
  const mesos::v1::TaskInfo& task = *executor.command_task;
  if (!executor.launched.contains(executor.id)) return;
  base::Duration grace = std::chrono::seconds(3);  // The command executor's default.
  if (task.kill_policy().has_grace_period()) grace = base::Duration(task.kill_policy().grace_period().nanoseconds());
  if (kill.kill_policy && kill.kill_policy->has_grace_period())
    grace = base::Duration(kill.kill_policy->grace_period().nanoseconds());
  if (executor.command_killed) {  // Again: it can only become sooner.
    executor.destroy_at = std::min(executor.destroy_at.value_or(now), now + grace);
    return;
  }
  executor.command_killed = true;
  if (!executor.command_overdue &&
      has_capability(*framework.info, mesos::v1::FrameworkInfo::Capability::TASK_KILLING_STATE)) {
    update_from_command(framework, executor, mesos::v1::TASK_KILLING, "");
  }
  executor.destroy_at = now + grace;
  actions.emplace_back(TerminateContainer{executor.container_id});
}

void AgentModel::Impl::shut_down(AgentFramework& framework, AgentExecutor& executor) {
  if (executor.state == ExecutorState::terminating || executor.state == ExecutorState::terminated) return;
  const bool started = executor.state == ExecutorState::running;
  executor.state = ExecutorState::terminating;
  executor.register_by.reset();
  const base::Duration grace = executor.info->has_shutdown_grace_period()
                                   ? base::Duration(executor.info->shutdown_grace_period().nanoseconds())
                                   : config.executor_shutdown_grace;
  if (!executor.command_task) {
    executor.destroy_at = now + grace;
    send_shutdown(executor);
  } else if (started) {
    kill_command(framework, executor, {});
  } else {
    executor.destroy_at = now;
  }
}

void AgentModel::Impl::destroy(AgentExecutor& executor, ExecutorEnding ending) {
  executor.state = ExecutorState::terminating;
  executor.ending = std::move(ending);
  executor.destroy_at.reset();
  actions.emplace_back(DestroyContainer{executor.container_id});
}

// ---- containers come and go ----

void AgentModel::Impl::on(const ContainerStarted& event) {
  const auto [framework, executor] = find_container(event.container_id);
  if (executor == nullptr) {
    actions.emplace_back(DestroyContainer{event.container_id});
    return;
  }
  executor->pid = event.pid;
  if (!executor->command_task) return;
  if (executor->queued.empty() || executor->state != ExecutorState::registering) {
    executor->state = ExecutorState::terminating;  // Killed before it was there.
    actions.emplace_back(DestroyContainer{event.container_id});
    return;
  }
  executor->queued.clear();
  executor->state = ExecutorState::running;
  executor->sent_task = true;
  executor->launched[executor->id] = {executor->command_task, mesos::v1::TASK_STAGING};
  if (executor->command_task->has_max_completion_time()) {
    executor->complete_by = now + base::Duration(executor->command_task->max_completion_time().nanoseconds());
  }
  update_from_command(*framework, *executor, mesos::v1::TASK_STARTING, "");
  update_from_command(*framework, *executor, mesos::v1::TASK_RUNNING, "");
}

void AgentModel::Impl::on(const FetchFailed& event) {
  const auto [framework, executor] = find_container(event.container_id);
  containers.erase(event.container_id);
  if (executor == nullptr) return;
  executor->ending = ExecutorEnding{
      mesos::v1::TASK_FAILED, TaskStatus::REASON_CONTAINER_LAUNCH_FAILED,
      fmt::format("Failed to launch container: Failed to fetch all URIs for container '{}': exited with status 1",
                  event.container_id)};
  executor_terminated(*framework, *executor, 1 << 8);
}

void AgentModel::Impl::on(const ContainerExited& event) {
  containers.erase(event.container_id);
  const auto [framework, executor] = find_container(event.container_id);
  if (executor == nullptr) return;
  if (phase == AgentPhase::down || phase == AgentPhase::recovering) {
    executor->exit_while_down = event.status;
    return;
  }
  if (in_docker(*executor->info) && executor->state == ExecutorState::registering && !executor->ending) {
    executor->ending = ExecutorEnding{
        mesos::v1::TASK_FAILED, TaskStatus::REASON_CONTAINER_LAUNCH_FAILED,
        fmt::format("Failed to launch container: Container exited with status {}", WEXITSTATUS(event.status))};
  }
  // Whatever the first process left behind dies with its container.
  actions.emplace_back(DestroyContainer{event.container_id});
  // The docker containerizer tells no framework how an executor ended.
  executor_terminated(*framework, *executor, in_docker(*executor->info) ? -1 : event.status);
}

void AgentModel::Impl::on(const UpdateFailed& event) {
  const auto [framework, executor] = find_container(event.container_id);
  if (executor == nullptr || executor->state == ExecutorState::terminating) return;
  destroy(*executor, {state_for(*framework, mesos::v1::TASK_GONE), TaskStatus::REASON_CONTAINER_UPDATE_FAILED,
                      "Failed to update resources for container: " + event.why});
}

void AgentModel::Impl::finish_command(AgentFramework& framework, AgentExecutor& executor, int status) {
  const std::string message = WIFSIGNALED(status)
                                  ? fmt::format("Command terminated with signal {}", strsignal(WTERMSIG(status)))
                                  : fmt::format("Command exited with status {}", WEXITSTATUS(status));
  if (executor.command_overdue) {
    update_from_command(framework, executor, mesos::v1::TASK_FAILED, message,
                        TaskStatus::REASON_MAX_COMPLETION_TIME_REACHED);
  } else if (executor.command_killed) {
    update_from_command(framework, executor, mesos::v1::TASK_KILLED, message);
  } else {
    update_from_command(framework, executor, status == 0 ? mesos::v1::TASK_FINISHED : mesos::v1::TASK_FAILED, message);
  }
}

void AgentModel::Impl::executor_terminated(AgentFramework& framework, AgentExecutor& executor, int status) {
  const std::string framework_id = framework.info->id().value();
  const std::string executor_id = executor.id;
  executor.state = ExecutorState::terminated;
  executor.register_by.reset();
  executor.destroy_at.reset();
  executor.complete_by.reset();
  drop_stream(executor);
  if (executor.command_task && executor.launched.contains(executor.id)) finish_command(framework, executor, status);
  if (!executor.command_task && registered) {
    actions.emplace_back(SendToMaster{ExitedExecutor{framework_id, executor_id, status}});
  }
  for (const QueuedLaunch& queued : std::exchange(executor.queued, {})) {
    for (const auto& task : queued.tasks) executor.launched[task->task_id().value()] = {task, mesos::v1::TASK_STAGING};
  }
  if (framework.terminating) {
    executor.launched.clear();
    executor.terminated.clear();
  }
  std::vector<std::string> unfinished;
  for (const auto& [task_id, task] : executor.launched) unfinished.push_back(task_id);
  const ExecutorEnding ending = executor.ending.value_or(
      ExecutorEnding{mesos::v1::TASK_FAILED, TaskStatus::REASON_EXECUTOR_TERMINATED, "Executor terminated"});
  for (const std::string& task_id : unfinished) {
    update_from_agent(framework, {task_id, executor_id, ending.state, ending.reason, ending.message});
  }
  remove_if_done(framework_id, executor_id);  // The references end here.
}

void AgentModel::Impl::remove_if_done(const std::string& framework_id, const std::string& executor_id) {
  AgentFramework* framework = find_framework(framework_id);
  if (framework == nullptr) return;
  const auto found = framework->executors.find(executor_id);
  if (found == framework->executors.end() || found->second.state != ExecutorState::terminated) return;
  // While updates wait for their acknowledgement the entry stays, and its id is taken.
  if (!found->second.terminated.empty() || !found->second.launched.empty()) return;
  framework->executors.erase(found);
  remove_framework_if_idle(framework_id);
}

void AgentModel::Impl::remove_framework_if_idle(const std::string& framework_id) {
  const AgentFramework* framework = find_framework(framework_id);
  if (framework == nullptr || !framework->executors.empty() || streams.has_framework(framework_id)) return;
  frameworks.erase(framework_id);
}

}  // namespace local
