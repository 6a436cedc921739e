#include "agent_rig.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "mesos/codec.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"

namespace local {
namespace {

AgentConfig config_of(RigOptions options) {
  AgentConfig config = std::move(options.agent);
  if (config.work_dir.empty()) config.work_dir = "/work";
  auto info = std::make_shared<mesos::v1::AgentInfo>();
  auto& cpus = *info->add_resources();
  cpus.set_name("cpus");
  cpus.set_type(mesos::v1::Value::SCALAR);
  cpus.mutable_scalar()->set_value(4);
  config.info = std::move(info);
  return config;
}

Shared<mesos::v1::FrameworkInfo> framework_of(const RigOptions& options) {
  using Capability = mesos::v1::FrameworkInfo::Capability;
  auto info = std::make_shared<mesos::v1::FrameworkInfo>();
  info->set_user("root");
  info->set_name("test");
  info->mutable_id()->set_value("F");
  info->set_checkpoint(options.checkpoint);
  if (options.partition_aware) info->add_capabilities()->set_type(Capability::PARTITION_AWARE);
  if (options.killing_state) info->add_capabilities()->set_type(Capability::TASK_KILLING_STATE);
  return info;
}

void add_scalar(google::protobuf::RepeatedPtrField<mesos::v1::Resource>& resources, const char* name, double value) {
  auto& resource = *resources.Add();
  resource.set_name(name);
  resource.set_type(mesos::v1::Value::SCALAR);
  resource.mutable_scalar()->set_value(value);
}

Shared<mesos::v1::ExecutorInfo> executor_of(const std::string& id, bool docker, bool sized) {
  auto info = std::make_shared<mesos::v1::ExecutorInfo>();
  info->set_type(mesos::v1::ExecutorInfo::CUSTOM);
  info->mutable_executor_id()->set_value(id);
  info->mutable_framework_id()->set_value("F");
  info->mutable_command()->set_value("exec /bin/executor");
  if (docker) {
    info->mutable_container()->set_type(mesos::v1::ContainerInfo::DOCKER);
    info->mutable_container()->mutable_docker()->set_image("cell");
  }
  if (!sized) return info;
  add_scalar(*info->mutable_resources(), "cpus", 1);
  add_scalar(*info->mutable_resources(), "mem", 512);
  return info;
}

std::string quoted(const std::string& text) { return text.empty() ? "" : " \"" + text + "\""; }

std::string line_of(const std::string& record) {
  mesos::v1::executor::Event event;
  const auto body = record.substr(record.find('\n') + 1);
  if (!mesos_client::decode(mesos_client::Codec::json, body, event)) return "unreadable event";
  std::string line = mesos::v1::executor::Event::Type_Name(event.type());
  if (event.has_launch()) line += " " + event.launch().task().task_id().value();
  for (const auto& task : event.launch_group().task_group().tasks()) line += " " + task.task_id().value();
  if (event.has_kill()) line += " " + event.kill().task_id().value();
  if (event.has_acknowledged()) line += " " + event.acknowledged().task_id().value();
  if (event.has_message()) line += " " + event.message().data();
  return line;
}

}  // namespace

mesos::v1::TaskInfo command_task(const std::string& id, const std::string& command) {
  mesos::v1::TaskInfo task;
  task.set_name(id);
  task.mutable_task_id()->set_value(id);
  task.mutable_agent_id()->set_value("A");
  task.mutable_command()->set_value(command);
  return task;
}

AgentRig::AgentRig(RigOptions options)
    : docker(options.docker),
      sized(docker || !options.agent.cgroup_root.empty()),
      model(config_of(options), base::Random(7)),
      framework(framework_of(options)) {
  reregister();
}

// ---- what it did ----

void AgentRig::note_to_master(const FromAgent& message, Lines& lines) {
  if (const auto* status = std::get_if<ForwardStatus>(&message)) {
    last_status = status->status;
    forwarded_[status->status->task_id().value()] = status->status->uuid();
    std::string line = fmt::format("status {} {}", status->status->task_id().value(),
                                   mesos::v1::TaskState_Name(status->status->state()));
    if (status->status->has_reason()) line += " " + mesos::v1::TaskStatus::Reason_Name(status->status->reason());
    line += quoted(status->status->message());
    if (status->latest_state != status->status->state())
      line += " latest " + mesos::v1::TaskState_Name(status->latest_state);
    lines.push_back(line);
  } else if (const auto* exited = std::get_if<ExitedExecutor>(&message)) {
    lines.push_back(fmt::format("exited {} {}", exited->executor_id, exited->status));
  } else if (const auto* data = std::get_if<ExecutorMessage>(&message)) {
    lines.push_back(fmt::format("message {} {}", data->executor_id, data->data));
  } else if (const auto* agent = std::get_if<RegisterAgent>(&message)) {
    std::string line = "register " + agent->info->id().value();
    for (const TaskRecord& task : agent->tasks) {
      line += fmt::format(" {}@{}={}", task.info->task_id().value(), task.executor_id,
                          mesos::v1::TaskState_Name(task.state));
    }
    for (const ExecutorRecord& executor : agent->executors) line += " +" + executor.info->executor_id().value();
    lines.push_back(line);
  } else {
    lines.push_back("unregister");
  }
}

void AgentRig::note(const AgentAction& action, Lines& lines) {
  const auto executor = [this](const std::string& container) {
    const auto found = executor_of_container_.find(container);
    return found == executor_of_container_.end() ? container : found->second;
  };
  if (const auto* send = std::get_if<SendToMaster>(&action)) {
    note_to_master(send->message, lines);
  } else if (const auto* reply = std::get_if<Reply>(&action)) {
    last_reply = *reply;
    lines.push_back(fmt::format("{}{}", reply->status, reply->body.empty() ? "" : " " + reply->body));
  } else if (const auto* write = std::get_if<StreamWrite>(&action)) {
    last_record = write->record;
    lines.push_back(line_of(write->record));
  } else if (std::get_if<StreamEnd>(&action) != nullptr) {
    lines.emplace_back("stream ends");
  } else if (const auto* start = std::get_if<StartContainer>(&action)) {
    const std::string& id = start->environment.at("MESOS_EXECUTOR_ID");
    containers_[id] = *start;
    executor_of_container_[start->container_id] = id;
    lines.push_back("start " + id);
  } else if (const auto* update = std::get_if<UpdateContainer>(&action)) {
    const std::string to = update->argv.empty()
                               ? fmt::format("cpus {} mem {}", update->limits.cpus, update->limits.mem_mb)
                               : fmt::format("{}", fmt::join(update->argv, " "));
    lines.push_back("update " + executor(update->container_id) + " " + to);
  } else if (const auto* term = std::get_if<TerminateContainer>(&action)) {
    lines.push_back("terminate " + executor(term->container_id));
  } else if (const auto* destroy = std::get_if<DestroyContainer>(&action)) {
    lines.push_back("destroy " + executor(destroy->container_id));
  } else if (const auto* complaint = std::get_if<Complaint>(&action)) {
    lines.push_back("complaint " + complaint->text);
  } else if (const auto* end = std::get_if<AgentEnded>(&action)) {
    lines.push_back("ended " + end->reason);
  }
}

Lines AgentRig::feed(const AgentEvent& event) {
  Lines lines;
  for (const AgentAction& action : model.handle(event, now)) note(action, lines);
  return lines;
}

// ---- verbs ----

Lines AgentRig::master(ToAgent message) { return feed(FromMaster{std::move(message)}); }

Lines AgentRig::reregister() {
  Lines lines = master(MasterAppeared{});
  const Lines more = master(RegisteredAck{"A", !model.agent_id().empty(), {}});
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

Lines AgentRig::run(const std::string& executor, const std::vector<std::string>& tasks, bool launch_executor) {
  RunTask run{framework, executor_of(executor, docker, sized), {}, tasks.size() > 1, launch_executor};
  for (const std::string& id : tasks) {
    auto task = std::make_shared<mesos::v1::TaskInfo>();
    task->set_name(id);
    task->mutable_task_id()->set_value(id);
    task->mutable_agent_id()->set_value("A");
    *task->mutable_executor() = *run.executor;
    if (sized) add_scalar(*task->mutable_resources(), "mem", 100);
    run.tasks.push_back(std::move(task));
  }
  return master(std::move(run));
}

Lines AgentRig::run_command(const mesos::v1::TaskInfo& task) {
  return master(RunTask{framework, nullptr, {std::make_shared<mesos::v1::TaskInfo>(task)}, false, true});
}

Lines AgentRig::run_command(const std::string& task, const std::string& command) {
  return run_command(command_task(task, command));
}

Lines AgentRig::kill(const std::string& task, std::optional<base::Duration> grace) {
  KillTask kill{"F", task, nullptr};
  if (grace) {
    auto policy = std::make_shared<mesos::v1::KillPolicy>();
    policy->mutable_grace_period()->set_nanoseconds(grace->count());
    kill.kill_policy = std::move(policy);
  }
  return master(std::move(kill));
}

Lines AgentRig::ack(const std::string& task) { return master(AckStatus{"F", task, forwarded_.at(task)}); }

Lines AgentRig::started(const std::string& executor, int pid) {
  return feed(ContainerStarted{containers_.at(executor).container_id, pid});
}

Lines AgentRig::exited(const std::string& executor, int raw_status) {
  return feed(ContainerExited{containers_.at(executor).container_id, raw_status});
}

Lines AgentRig::request(AgentRequest request) {
  request.id = next_request_++;
  return feed(request);
}

Lines AgentRig::call(const std::string& executor, const std::string& type_and_body) {
  AgentRequest request;
  request.method = "POST";
  request.path = "/slave(1)/api/v1/executor";
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  request.body =
      fmt::format(R"({{"executor_id":{{"value":"{}"}},"framework_id":{{"value":"F"}},{}}})", executor, type_and_body);
  return this->request(std::move(request));
}

Lines AgentRig::subscribe(const std::string& executor, const std::string& body) {
  const std::uint64_t id = next_request_;
  Lines lines = call(executor, R"("type":"SUBSCRIBE","subscribe":)" + body);
  if (last_reply.streams) streams_[executor] = id;
  return lines;
}

std::string AgentRig::uuid_base64(const std::string& name) {
  const auto found = uuids_.find(name);
  if (found != uuids_.end()) return found->second;
  base::Random random(uuids_.size() + 1000);
  return uuids_[name] = base::base64_encode(random.uuid4());
}

Lines AgentRig::update(const std::string& executor, const std::string& task, const std::string& state,
                       const std::string& more) {
  return call(
      executor,
      fmt::format(
          R"("type":"UPDATE","update":{{"status":{{"task_id":{{"value":"{}"}},"state":"{}","source":"SOURCE_EXECUTOR",)"
          R"("executor_id":{{"value":"{}"}},"uuid":"{}"{}}}}})",
          task, state, executor, uuid_base64(task + state), more));
}

Lines AgentRig::pass(base::Duration duration) {
  const base::Time end = now + duration;
  Lines lines;
  for (auto deadline = model.next_deadline(); deadline && *deadline <= end; deadline = model.next_deadline()) {
    now = std::max(now, *deadline);
    const Lines more = feed(AgentTicked{});
    lines.insert(lines.end(), more.begin(), more.end());
  }
  now = end;
  return lines;
}

void AgentRig::running_task(const std::string& executor, const std::string& task) {
  run(executor, {task});
  started(executor);
  subscribe(executor);
  update(executor, task, "TASK_STARTING");
  ack(task);
  update(executor, task, "TASK_RUNNING");
  ack(task);
}

}  // namespace local
