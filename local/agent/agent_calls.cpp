#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <set>

#include "local/agent/agent_state.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"

namespace local {

using mesos::v1::executor::Call;
using mesos::v1::executor::Event;

// ---- streams ----

void AgentModel::Impl::send_event(AgentExecutor& executor, const Event& event) {
  // Without a connection the event is lost, as on a real agent.
  if (executor.stream) actions.emplace_back(StreamWrite{*executor.stream, event_record(event, executor.format)});
}

void AgentModel::Impl::send_shutdown(AgentExecutor& executor) {
  Event event;
  event.set_type(Event::SHUTDOWN);
  send_event(executor, event);
}

void AgentModel::Impl::drop_stream(AgentExecutor& executor) {
  if (executor.stream) actions.emplace_back(StreamEnd{*executor.stream});
  executor.stream.reset();
}

void AgentModel::Impl::on(const StreamClosed& event) {
  for (auto& [framework_id, framework] : frameworks) {
    for (auto& [id, executor] : framework.executors) {
      if (executor.stream == event.id) executor.stream.reset();
    }
  }
}

// ---- requests ----

void AgentModel::Impl::on(const AgentRequest& request) {
  switch (agent_route(request.path, config.process)) {
    case AgentRoute::executor_api:
      executor_call(request);
      return;
    case AgentRoute::health:
      actions.emplace_back(Reply{.request = request.id, .status = 200});
      return;
    case AgentRoute::state:
      actions.emplace_back(Reply{request.id, 200, {{"Content-Type", "application/json"}}, state_json(), false});
      return;
    case AgentRoute::operator_api:
      actions.emplace_back(text_reply(request.id, 501, "501 Not Implemented."));
      return;
    default:
      actions.emplace_back(text_reply(request.id, 404, "404 Not Found."));
  }
}

// Frameworks, executors and subscription are looked at last (Mesos: slave/http.cpp, Http::executor).
void AgentModel::Impl::executor_call(const AgentRequest& request) {
  const auto refuse = [&](int status, std::string text) {
    actions.emplace_back(text_reply(request.id, status, std::move(text)));
  };
  if (phase == AgentPhase::recovering) return refuse(503, "Agent has not finished recovery");
  const auto read = read_executor_call(request);
  if (const Reply* refused = std::get_if<Reply>(&read)) {
    actions.emplace_back(*refused);
    return;
  }
  const ExecutorCall& parsed = std::get<ExecutorCall>(read);
  const Call& call = *parsed.call;
  if (call.type() == Call::HEARTBEAT) {
    actions.emplace_back(accepted_reply(request.id));
    return;
  }
  // Also for executors that are back already, until the wait for the others is over.
  if (phase == AgentPhase::reconnecting && call.type() != Call::SUBSCRIBE)
    return refuse(503, "Agent has not finished recovery");
  AgentFramework* framework = find_framework(call.framework_id().value());
  if (framework == nullptr) return refuse(400, "Framework cannot be found");
  const auto found = framework->executors.find(call.executor_id().value());
  if (found == framework->executors.end() || found->second.command_task) return refuse(400, "Executor cannot be found");
  AgentExecutor& executor = found->second;
  if (call.type() == Call::SUBSCRIBE) return subscribe(request, parsed, *framework, executor);
  if (executor.state == ExecutorState::registering) return refuse(403, "Executor is not subscribed");
  switch (call.type()) {
    case Call::UPDATE:
      actions.emplace_back(accepted_reply(request.id));
      executor_update(*framework, executor, call.update().status());
      return;
    case Call::MESSAGE:
      actions.emplace_back(accepted_reply(request.id));
      if (registered && !framework->terminating) {
        actions.emplace_back(
            SendToMaster{ExecutorMessage{framework->info->id().value(), executor.id, call.message().data()}});
      }
      return;
    default:
      refuse(501, "501 Not Implemented.");
  }
}

void AgentModel::Impl::subscribe(const AgentRequest& request, const ExecutorCall& call, AgentFramework& framework,
                                 AgentExecutor& executor) {
  drop_stream(executor);
  const bool json = call.answer == WireFormat::json;
  actions.emplace_back(
      Reply{request.id, 200, {{"Content-Type", json ? "application/json" : "application/x-protobuf"}}, "", true});
  executor.stream = request.id;
  executor.format = call.answer;
  if (framework.terminating || executor.state == ExecutorState::terminating ||
      executor.state == ExecutorState::terminated) {
    send_shutdown(executor);
    drop_stream(executor);
    return;
  }
  executor.register_by.reset();
  const bool nothing_to_do = !executor.sent_task && executor.queued.empty();
  executor.state = ExecutorState::running;
  if (nothing_to_do) {  // Its first tasks were all killed before delivery.
    shut_down(framework, executor);
    return;
  }

  Event event;
  event.set_type(Event::SUBSCRIBED);
  *event.mutable_subscribed()->mutable_executor_info() = *executor.info;
  *event.mutable_subscribed()->mutable_framework_info() = *framework.info;
  mesos::v1::AgentInfo& agent = *event.mutable_subscribed()->mutable_agent_info();
  if (config.info) agent = *config.info;
  agent.set_hostname(config.hostname);
  agent.set_port(config.port);
  agent.mutable_id()->set_value(agent_id);
  event.mutable_subscribed()->mutable_container_id()->set_value(executor.container_id);
  send_event(executor, event);

  std::set<std::string> held;
  for (const auto& task : call.call->subscribe().unacknowledged_tasks()) held.insert(task.task_id().value());
  for (const auto& update : call.call->subscribe().unacknowledged_updates())
    executor_update(framework, executor, update.status());
  // A LAUNCH the executor has never seen: it was on its way when the connection or the agent broke.
  std::vector<std::string> lost;
  for (const auto& [task_id, task] : executor.launched) {
    if (task.state == mesos::v1::TASK_STAGING && !held.contains(task_id)) lost.push_back(task_id);
  }
  for (const std::string& task_id : lost) {
    update_from_agent(framework, {task_id, executor.id, state_for(framework, mesos::v1::TASK_DROPPED),
                                  mesos::v1::TaskStatus::REASON_AGENT_RESTARTED, "Task launched during agent restart"});
  }
  deliver_queued(framework, executor);
}

// Mesos: slave.cpp, statusUpdate. Each way out that answers nothing leaves the executor without ACKNOWLEDGED.
void AgentModel::Impl::executor_update(AgentFramework& framework, AgentExecutor& caller,
                                       const mesos::v1::TaskStatus& status) {
  if (status.has_agent_id() && status.agent_id().value() != agent_id) return;
  if (framework.terminating) return;
  auto full = std::make_shared<mesos::v1::TaskStatus>(status);
  full->mutable_agent_id()->set_value(agent_id);
  if (!full->has_timestamp()) full->set_timestamp(base::to_seconds(now.time_since_epoch()));

  const std::string& task_id = status.task_id().value();
  AgentExecutor* owner = find_executor_of_task(framework, task_id);
  if (owner == nullptr) {
    take_update(framework, std::move(full), false);
    return;
  }
  const bool finished = owner->terminated.contains(task_id);
  if (!finished && !owner->launched.contains(task_id)) {
    // A real agent fails a CHECK here and dies; ours says so and lets the update pass as an unknown task's.
    actions.emplace_back(
        Complaint{"executor " + caller.id + " sent an update for task " + task_id + " before it was launched"});
    take_update(framework, std::move(full), false);
    return;
  }
  if (!finished) {
    add_container_status(*owner, *full);
    set_task_state(*owner, task_id, status.state());
    take_update(framework, std::move(full), framework.info->checkpoint());
  }
  Event event;
  event.set_type(Event::ACKNOWLEDGED);
  event.mutable_acknowledged()->mutable_task_id()->set_value(task_id);
  event.mutable_acknowledged()->set_uuid(status.uuid());
  send_event(caller, event);
}

// ---- GET /state ----

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void field(Writer& writer, const char* name, const std::string& value) {
  writer.Key(name);
  writer.String(value.c_str(), static_cast<rapidjson::SizeType>(value.size()));
}

void write_task(Writer& writer, const std::string& framework_id, const std::string& executor_id,
                const mesos::v1::TaskInfo& task, mesos::v1::TaskState state) {
  writer.StartObject();
  field(writer, "id", task.task_id().value());
  field(writer, "name", task.name());
  field(writer, "framework_id", framework_id);
  field(writer, "executor_id", executor_id);
  field(writer, "slave_id", task.agent_id().value());
  field(writer, "state", mesos::v1::TaskState_Name(state));
  writer.EndObject();
}

}  // namespace

std::string AgentModel::Impl::state_json() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  field(writer, "version", "1.12.0");
  field(writer, "id", agent_id);
  field(writer, "pid", config.process + "@" + config.ip + ":" + std::to_string(config.port));
  field(writer, "hostname", config.hostname);
  writer.Key("frameworks");
  writer.StartArray();
  for (const auto& [framework_id, framework] : frameworks) {
    writer.StartObject();
    field(writer, "id", framework_id);
    field(writer, "name", framework.info->name());
    field(writer, "user", framework.info->user());
    writer.Key("checkpoint");
    writer.Bool(framework.info->checkpoint());
    writer.Key("executors");
    writer.StartArray();
    for (const auto& [id, executor] : framework.executors) {
      writer.StartObject();
      field(writer, "id", id);
      field(writer, "name", executor.info->name());
      field(writer, "container", executor.container_id);
      field(writer, "directory", sandbox_path(config.work_dir, agent_id, framework_id, id, executor.container_id));
      writer.Key("tasks");
      writer.StartArray();
      for (const auto& [task_id, task] : executor.launched)
        write_task(writer, framework_id, id, *task.info, task.state);
      writer.EndArray();
      writer.Key("queued_tasks");
      writer.StartArray();
      for (const QueuedLaunch& queued : executor.queued) {
        for (const auto& task : queued.tasks) write_task(writer, framework_id, id, *task, mesos::v1::TASK_STAGING);
      }
      writer.EndArray();
      writer.Key("completed_tasks");
      writer.StartArray();
      for (const auto& [task_id, task] : executor.terminated)
        write_task(writer, framework_id, id, *task.info, task.state);
      writer.EndArray();
      writer.EndObject();
    }
    writer.EndArray();
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return buffer.GetString();
}

}  // namespace local
