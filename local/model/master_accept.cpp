// ACCEPT and DECLINE: offers are checked together, operations run in order on what is left of them.
#include <algorithm>

#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {
namespace {

using mesos::v1::ExecutorInfo;
using mesos::v1::Offer;
using mesos::v1::TaskInfo;
using mesos::v1::TaskStatus;
using mesos::v1::scheduler::Call;

std::vector<const TaskInfo*> tasks_of(const Offer::Operation& operation) {
  std::vector<const TaskInfo*> tasks;
  for (const TaskInfo& task : operation.launch().task_infos()) tasks.push_back(&task);
  for (const TaskInfo& task : operation.launch_group().task_group().tasks()) tasks.push_back(&task);
  return tasks;
}

bool launches(const Offer::Operation& operation) {
  return operation.type() == Offer::Operation::LAUNCH || operation.type() == Offer::Operation::LAUNCH_GROUP;
}

std::optional<std::string> resources_error(const Offer::Operation& operation) {
  for (const TaskInfo* task : tasks_of(operation)) {
    if (auto why = invalid_resources(task->resources())) return why;
    if (auto why = invalid_resources(task->executor().resources())) return why;
  }
  return invalid_resources(operation.launch_group().executor().resources());
}

// A LAUNCH fills in what a scheduler may leave out: whose executor it is, which role it is paid from.
Shared<ExecutorInfo> completed(const ExecutorInfo& executor, const FrameworkId& framework_id, const std::string& role) {
  auto info = std::make_shared<ExecutorInfo>(executor);
  info->mutable_framework_id()->set_value(framework_id);
  inject_allocation(*info->mutable_resources(), role);
  return info;
}

Shared<TaskInfo> completed(const TaskInfo& task, const Shared<ExecutorInfo>& executor, const std::string& role) {
  auto info = std::make_shared<TaskInfo>(task);
  inject_allocation(*info->mutable_resources(), role);
  if (executor && info->has_executor()) *info->mutable_executor() = *executor;
  return info;
}

}  // namespace

void MasterState::decline(const Call& call) {
  static const mesos::v1::Filters kDefault;
  for (const auto& id : call.decline().offer_ids()) {
    take_back(id.value(), call.decline().has_filters() ? &call.decline().filters() : &kDefault);
  }
}

std::optional<std::string> MasterState::invalid_offers(const Framework& framework,
                                                       const std::vector<OfferId>& ids) const {
  if (ids.empty()) return "No offers specified";
  std::set<OfferId> seen;
  for (const OfferId& id : ids) {
    if (!seen.insert(id).second) return "Duplicate offer " + id + " in offer list";
  }
  for (const OfferId& id : ids) {
    if (!offers_.contains(id)) return "Offer " + id + " is no longer valid";
  }
  const OutstandingOffer& first = offers_.at(ids.front());
  for (const OfferId& id : ids) {
    const FrameworkId& owner = offers_.at(id).framework_id;
    if (owner != framework.id)
      return "Offer " + id + " has invalid framework " + owner + " while framework " + framework.id + " is expected";
  }
  for (const OfferId& id : ids) {
    if (offers_.at(id).role != first.role) {
      return "Aggregated offers must be allocated to the same role. Offer " + id + " uses role " + offers_.at(id).role +
             " but another is using role " + first.role;
    }
  }
  for (const OfferId& id : ids) {
    if (offers_.at(id).agent_id != first.agent_id) {
      return "Aggregated offers must belong to one single agent. Offer " + id + " uses agent " +
             offers_.at(id).agent_id + " and agent " + first.agent_id;
    }
  }
  return std::nullopt;
}

void MasterState::accept(Framework& framework, const Call& call) {
  std::vector<OfferId> ids;
  for (const auto& id : call.accept().offer_ids()) ids.push_back(id.value());
  if (const auto why = invalid_offers(framework, ids)) {
    for (const OfferId& id : ids) {  // Those still valid are discarded too, without a filter.
      const auto found = offers_.find(id);
      if (found != offers_.end() && found->second.framework_id == framework.id) take_back(id, nullptr);
    }
    refuse_operations(framework, call, *why);
    return;
  }
  Agent& agent = agents_.at(offers_.at(ids.front()).agent_id);
  const std::string role = offers_.at(ids.front()).role;
  Resources left;
  for (const OfferId& id : ids) {
    left += offers_.at(id).resources;
    take_back(id, nullptr);
  }
  for (const Offer::Operation& operation : call.accept().operations()) {
    if (operation.type() == Offer::Operation::LAUNCH) {
      launch(framework, agent, role, operation, left);
    } else if (operation.type() == Offer::Operation::LAUNCH_GROUP) {
      launch_group(framework, agent, role, operation, left);
    } else if (operation.has_id()) {
      operation_error(
          framework, operation.id(),
          "Operation " + Offer::Operation::Type_Name(operation.type()) + " is not supported by diego-local");
    }
  }
  static const mesos::v1::Filters kDefault;
  add_filter(agent.id, framework.id, role, left, call.accept().has_filters() ? &call.accept().filters() : &kDefault);
}

void MasterState::refuse_operations(Framework& framework, const Call& call, const std::string& why) {
  const bool aware = framework.has_capability(mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
  for (const Offer::Operation& operation : call.accept().operations()) {
    for (const TaskInfo* task : tasks_of(operation)) {
      TaskStatus status = own_status(task->task_id().value(), aware ? mesos::v1::TASK_DROPPED : mesos::v1::TASK_LOST,
                                     TaskStatus::REASON_INVALID_OFFERS, "Task launched with invalid offers: " + why);
      *status.mutable_agent_id() = task->agent_id();
      send_update(framework, status);
    }
    if (!launches(operation) && operation.has_id())
      operation_error(framework, operation.id(), "Operation attempted with invalid offers: " + why);
  }
}

void MasterState::operation_error(Framework& framework, const mesos::v1::OperationID& id, const std::string& message) {
  mesos::v1::scheduler::Event event;
  event.set_type(mesos::v1::scheduler::Event::UPDATE_OPERATION_STATUS);
  auto& status = *event.mutable_update_operation_status()->mutable_status();
  *status.mutable_operation_id() = id;
  status.set_state(mesos::v1::OPERATION_ERROR);
  status.set_message(message);
  send(framework, event);
}

namespace {

// What can be said against a task in the light of what the master knows; in Mesos's order.
std::optional<std::string> task_error(const Framework& framework, const Agent& agent, const TaskInfo& task) {
  const std::string& id = task.task_id().value();
  if (const auto why = invalid_id(id)) return why;
  if (framework.tasks.contains(id)) return "Task has duplicate ID: " + id;
  if (framework.unreachable_tasks.contains(id)) return "Task reuses the ID of an unreachable task: " + id;
  if (task.agent_id().value() != agent.id) {
    return "Task uses invalid agent " + task.agent_id().value() + " while agent " + agent.id + " is expected";
  }
  return invalid_task(task);
}

std::optional<std::string> executor_error(const Framework& framework, const Agent& agent, const ExecutorInfo& executor,
                                          bool group) {
  if (const auto why = invalid_executor(executor, framework.id, group)) return why;
  const auto known = agent.executors.find({framework.id, executor.executor_id().value()});
  if (known == agent.executors.end() || same_executor(*known->second.info, executor)) return std::nullopt;
  return executor_mismatch(*known->second.info, executor);
}

std::string too_much(const Resources& needs, const Resources& left, const std::string& role) {
  return "Total resources " + needs.text(role) + " required by task and its executor is more than available " +
         left.text(role);
}

}  // namespace

void MasterState::launch(Framework& framework, Agent& agent, const std::string& role, const Offer::Operation& operation,
                         Resources& left) {
  const auto refuse = [&](const TaskInfo& task, const std::string& why) {
    TaskStatus status = own_status(task.task_id().value(), mesos::v1::TASK_ERROR, TaskStatus::REASON_TASK_INVALID, why);
    *status.mutable_agent_id() = task.agent_id();
    send_update(framework, status);
  };
  std::optional<std::string> for_all = resources_error(operation);
  if (operation.has_id()) for_all = "The `id` field cannot be set on LAUNCH operations";
  for (const TaskInfo& given : operation.launch().task_infos()) {
    if (for_all) {
      refuse(given, *for_all);
      continue;
    }
    if (const auto why = task_error(framework, agent, given)) {
      refuse(given, *why);
      continue;
    }
    if (given.has_executor() == given.has_command()) {
      refuse(given, "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present");
      continue;
    }
    Shared<ExecutorInfo> executor;
    if (given.has_executor()) executor = completed(given.executor(), framework.id, role);
    if (executor) {
      if (executor->type() == ExecutorInfo::DEFAULT) {
        refuse(given, "'ExecutorInfo.type' must be 'CUSTOM'");
        continue;
      }
      if (const auto why = executor_error(framework, agent, *executor, false)) {
        refuse(given, *why);
        continue;
      }
    }
    const Shared<TaskInfo> task = completed(given, executor, role);
    const bool new_executor = executor && !agent.executors.contains({framework.id, executor->executor_id().value()});
    Resources needs = Resources::of(task->resources());
    if (new_executor) needs += Resources::of(executor->resources());
    if (!left.contains(needs)) {
      refuse(given, too_much(needs, left, role));
      continue;
    }
    left -= needs;
    const bool booked = executor && book_executor(framework, agent, role, executor);
    start_task(framework, agent, role, task, executor ? executor->executor_id().value() : "");
    tell(agent, RunTask{.framework = framework.info,
                        .executor = executor,
                        .tasks = {task},
                        .group = false,
                        .launch_executor = booked || !executor});
  }
}

void MasterState::launch_group(Framework& framework, Agent& agent, const std::string& role,
                               const Offer::Operation& operation, Resources& left) {
  const auto& group = operation.launch_group();
  const auto refuse = [&](const std::string& why) {
    for (const TaskInfo& task : group.task_group().tasks()) {
      TaskStatus status =
          own_status(task.task_id().value(), mesos::v1::TASK_ERROR, TaskStatus::REASON_TASK_GROUP_INVALID, why);
      *status.mutable_agent_id() = task.agent_id();
      send_update(framework, status);
    }
  };
  if (operation.has_id()) return refuse("The `id` field cannot be set on LAUNCH_GROUP operations");
  if (const auto why = resources_error(operation)) return refuse(*why);
  if (!group.executor().has_framework_id()) return refuse("'ExecutorInfo.framework_id' must be set");
  if (group.executor().type() == ExecutorInfo::DEFAULT)
    return refuse("The default executor is not part of diego-local");
  const Shared<ExecutorInfo> executor = completed(group.executor(), framework.id, role);
  if (const auto why = executor_error(framework, agent, *executor, true)) return refuse(*why);

  std::vector<Shared<TaskInfo>> tasks;
  std::set<std::string> ids;
  const bool new_executor = !agent.executors.contains({framework.id, executor->executor_id().value()});
  Resources needs;
  if (new_executor) needs += Resources::of(executor->resources());
  for (const TaskInfo& given : group.task_group().tasks()) {
    auto why = task_error(framework, agent, given);
    if (!why && !ids.insert(given.task_id().value()).second) why = "Task has duplicate ID: " + given.task_id().value();
    if (!why && given.has_container() && given.container().type() == mesos::v1::ContainerInfo::DOCKER)
      why = "Docker ContainerInfo is not supported on the task";
    if (!why && given.has_executor() && !same_executor(*executor, *completed(given.executor(), framework.id, role))) {
      why = "The `ExecutorInfo` of task is different from executor of the task group";
    }
    if (why) return refuse("Task '" + given.task_id().value() + "' is invalid: " + *why);
    auto task = std::make_shared<TaskInfo>(*completed(given, executor, role));
    *task->mutable_executor() = *executor;
    needs += Resources::of(task->resources());
    tasks.push_back(std::move(task));
  }
  if (!left.contains(needs)) return refuse(too_much(needs, left, role));
  left -= needs;
  // An empty group is not refused: its executor is booked and never runs, as in Mesos.
  const bool booked = book_executor(framework, agent, role, executor);
  if (tasks.empty()) return;
  for (const Shared<TaskInfo>& task : tasks) start_task(framework, agent, role, task, executor->executor_id().value());
  tell(agent, RunTask{.framework = framework.info,
                      .executor = executor,
                      .tasks = std::move(tasks),
                      .group = true,
                      .launch_executor = booked});
}

bool MasterState::book_executor(Framework& framework, Agent& agent, const std::string& role,
                                const Shared<ExecutorInfo>& executor) {
  const auto [at, added] = agent.executors.try_emplace({framework.id, executor->executor_id().value()});
  if (!added) return false;
  at->second = {executor, role, Resources::of(executor->resources())};
  agent.used += at->second.resources;
  hold(framework, role, at->second.resources);
  return true;
}

void MasterState::start_task(Framework& framework, Agent& agent, const std::string& role, const Shared<TaskInfo>& task,
                             const std::string& executor_id) {
  const std::string& id = task->task_id().value();
  KnownTask known{.framework_id = framework.id,
                  .executor_id = executor_id,
                  .agent_id = agent.id,
                  .role = role,
                  .resources = Resources::of(task->resources()),
                  .record = std::make_shared<mesos::v1::Task>()};
  mesos::v1::Task& record = *known.record;
  record.set_name(task->name());
  *record.mutable_task_id() = task->task_id();
  record.mutable_framework_id()->set_value(framework.id);
  if (!executor_id.empty()) record.mutable_executor_id()->set_value(executor_id);
  *record.mutable_agent_id() = task->agent_id();
  record.set_state(mesos::v1::TASK_STAGING);
  *record.mutable_resources() = task->resources();
  if (task->has_labels()) *record.mutable_labels() = task->labels();
  if (task->has_discovery()) *record.mutable_discovery() = task->discovery();
  if (task->has_container()) *record.mutable_container() = task->container();
  if (task->has_kill_policy()) *record.mutable_kill_policy() = task->kill_policy();
  if (task->has_health_check()) *record.mutable_health_check() = task->health_check();
  agent.used += known.resources;
  hold(framework, role, known.resources);
  agent.tasks.insert({framework.id, id});
  framework.tasks[id] = std::move(known);
}

}  // namespace local
