#include "mesos/calls.hpp"

#include <cassert>
#include <utility>

#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace mesos_client {
namespace {

using Call = mesos::v1::scheduler::Call;
using ExecutorCall = mesos::v1::executor::Call;

Call call_of(const std::string& framework_id, Call::Type type) {
  Call call;
  call.set_type(type);
  call.mutable_framework_id()->set_value(framework_id);
  return call;
}

ExecutorCall executor_call_of(const std::string& framework_id, const std::string& executor_id,
                              ExecutorCall::Type type) {
  ExecutorCall call;
  call.set_type(type);
  call.mutable_framework_id()->set_value(framework_id);
  call.mutable_executor_id()->set_value(executor_id);
  return call;
}

template <class Body>
void set_refusal(Body& body, base::Duration refuse_for) {
  body.mutable_filters()->set_refuse_seconds(base::to_seconds(refuse_for));
}

template <class Ids>
void add_ids(Ids& ids, const std::vector<std::string>& values) {
  ids.Reserve(static_cast<int>(values.size()));
  for (const std::string& value : values) ids.Add()->set_value(value);
}

}  // namespace

Call subscribe_call(const mesos::v1::FrameworkInfo& info, const std::vector<std::string>& suppressed_roles) {
  Call call;
  call.set_type(Call::SUBSCRIBE);
  if (info.has_id()) *call.mutable_framework_id() = info.id();
  *call.mutable_subscribe()->mutable_framework_info() = info;
  for (const std::string& role : suppressed_roles) call.mutable_subscribe()->add_suppressed_roles(role);
  return call;
}

Call update_framework_call(const mesos::v1::FrameworkInfo& info, const std::vector<std::string>& suppressed_roles,
                           const mesos::v1::scheduler::OfferConstraints& constraints) {
  Call call;
  call.set_type(Call::UPDATE_FRAMEWORK);
  *call.mutable_framework_id() = info.id();
  auto& update = *call.mutable_update_framework();
  *update.mutable_framework_info() = info;
  for (const std::string& role : suppressed_roles) update.add_suppressed_roles(role);
  *update.mutable_offer_constraints() = constraints;
  return call;
}

Call accept_call(const std::string& framework_id, const std::vector<std::string>& offer_ids,
                 std::vector<mesos::v1::TaskInfo> tasks, base::Duration refuse_for) {
  Call call = call_of(framework_id, Call::ACCEPT);
  auto& accept = *call.mutable_accept();
  add_ids(*accept.mutable_offer_ids(), offer_ids);
  if (!tasks.empty()) {
    auto& launch = *accept.add_operations();
    launch.set_type(mesos::v1::Offer::Operation::LAUNCH);
    auto& infos = *launch.mutable_launch()->mutable_task_infos();
    infos.Reserve(static_cast<int>(tasks.size()));
    for (auto& task : tasks) infos.Add(std::move(task));
  }
  set_refusal(accept, refuse_for);
  return call;
}

Call decline_call(const std::string& framework_id, const std::vector<std::string>& offer_ids,
                  base::Duration refuse_for) {
  Call call = call_of(framework_id, Call::DECLINE);
  add_ids(*call.mutable_decline()->mutable_offer_ids(), offer_ids);
  set_refusal(*call.mutable_decline(), refuse_for);
  return call;
}

Call revive_call(const std::string& framework_id, const std::vector<std::string>& roles) {
  Call call = call_of(framework_id, Call::REVIVE);
  auto& revive = *call.mutable_revive();
  for (const std::string& role : roles) revive.add_roles(role);
  return call;
}

Call suppress_call(const std::string& framework_id, const std::vector<std::string>& roles) {
  Call call = call_of(framework_id, Call::SUPPRESS);
  auto& suppress = *call.mutable_suppress();
  for (const std::string& role : roles) suppress.add_roles(role);
  return call;
}

Call kill_call(const std::string& framework_id, const std::string& task_id, const std::string& agent_id,
               std::optional<base::Duration> grace_period) {
  Call call = call_of(framework_id, Call::KILL);
  auto& kill = *call.mutable_kill();
  kill.mutable_task_id()->set_value(task_id);
  if (!agent_id.empty()) kill.mutable_agent_id()->set_value(agent_id);
  if (grace_period) kill.mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(grace_period->count());
  return call;
}

Call shutdown_call(const std::string& framework_id, const std::string& executor_id, const std::string& agent_id) {
  Call call = call_of(framework_id, Call::SHUTDOWN);
  call.mutable_shutdown()->mutable_executor_id()->set_value(executor_id);
  call.mutable_shutdown()->mutable_agent_id()->set_value(agent_id);
  return call;
}

Call acknowledge_call(const std::string& framework_id, const std::string& agent_id, const std::string& task_id,
                      const std::string& uuid) {
  Call call = call_of(framework_id, Call::ACKNOWLEDGE);
  auto& acknowledge = *call.mutable_acknowledge();
  acknowledge.mutable_agent_id()->set_value(agent_id);
  acknowledge.mutable_task_id()->set_value(task_id);
  acknowledge.set_uuid(uuid);
  return call;
}

Call reconcile_call(const std::string& framework_id, const std::vector<ReconciledTask>& tasks) {
  Call call = call_of(framework_id, Call::RECONCILE);
  auto& reconcile = *call.mutable_reconcile();
  for (const ReconciledTask& task : tasks) {
    auto& asked = *reconcile.add_tasks();
    asked.mutable_task_id()->set_value(task.task_id);
    if (!task.agent_id.empty()) asked.mutable_agent_id()->set_value(task.agent_id);
  }
  return call;
}

Call message_call(const std::string& framework_id, const std::string& agent_id, const std::string& executor_id,
                  const std::string& data) {
  Call call = call_of(framework_id, Call::MESSAGE);
  auto& message = *call.mutable_message();
  message.mutable_agent_id()->set_value(agent_id);
  message.mutable_executor_id()->set_value(executor_id);
  message.set_data(data);
  return call;
}

Call teardown_call(const std::string& framework_id) { return call_of(framework_id, Call::TEARDOWN); }

Call accept_inverse_offers_call(const std::string& framework_id, const std::vector<std::string>& inverse_offer_ids,
                                base::Duration refuse_for) {
  Call call = call_of(framework_id, Call::ACCEPT_INVERSE_OFFERS);
  add_ids(*call.mutable_accept_inverse_offers()->mutable_inverse_offer_ids(), inverse_offer_ids);
  set_refusal(*call.mutable_accept_inverse_offers(), refuse_for);
  return call;
}

Call decline_inverse_offers_call(const std::string& framework_id, const std::vector<std::string>& inverse_offer_ids,
                                 base::Duration refuse_for) {
  Call call = call_of(framework_id, Call::DECLINE_INVERSE_OFFERS);
  add_ids(*call.mutable_decline_inverse_offers()->mutable_inverse_offer_ids(), inverse_offer_ids);
  set_refusal(*call.mutable_decline_inverse_offers(), refuse_for);
  return call;
}

Call acknowledge_operation_call(const std::string& framework_id, const std::string& agent_id,
                                const std::string& operation_id, const std::string& uuid) {
  Call call = call_of(framework_id, Call::ACKNOWLEDGE_OPERATION_STATUS);
  auto& acknowledge = *call.mutable_acknowledge_operation_status();
  acknowledge.mutable_agent_id()->set_value(agent_id);
  acknowledge.mutable_operation_id()->set_value(operation_id);
  acknowledge.set_uuid(uuid);
  return call;
}

ExecutorCall executor_subscribe_call(const std::string& framework_id, const std::string& executor_id,
                                     const std::vector<mesos::v1::TaskInfo>& unacknowledged_tasks,
                                     const std::vector<mesos::v1::TaskStatus>& unacknowledged_updates) {
  ExecutorCall call = executor_call_of(framework_id, executor_id, ExecutorCall::SUBSCRIBE);
  auto& subscribe = *call.mutable_subscribe();
  for (const auto& task : unacknowledged_tasks) *subscribe.add_unacknowledged_tasks() = task;
  for (const auto& status : unacknowledged_updates) *subscribe.add_unacknowledged_updates()->mutable_status() = status;
  return call;
}

ExecutorCall executor_update_call(const std::string& framework_id, const std::string& executor_id,
                                  mesos::v1::TaskStatus status) {
  assert(status.uuid().size() == 16);
  ExecutorCall call = executor_call_of(framework_id, executor_id, ExecutorCall::UPDATE);
  status.set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
  status.mutable_executor_id()->set_value(executor_id);
  *call.mutable_update()->mutable_status() = std::move(status);
  return call;
}

ExecutorCall executor_message_call(const std::string& framework_id, const std::string& executor_id,
                                   const std::string& data) {
  ExecutorCall call = executor_call_of(framework_id, executor_id, ExecutorCall::MESSAGE);
  call.mutable_message()->set_data(data);
  return call;
}

}  // namespace mesos_client
