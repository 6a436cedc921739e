#include "executor/edge/translate.hpp"

#include "cell.pb.h"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"

namespace executor {
namespace {

constexpr std::size_t kMessageBytesMax = 64 * 1024;
constexpr const char* kVersion = "0.1.0";

bool equals_default(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field) {
  using Field = google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) == field.default_value_bool();
    case Field::CPPTYPE_INT32:
      return reflection.GetInt32(message, &field) == field.default_value_int32();
    case Field::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field) == field.default_value_uint32();
    case Field::CPPTYPE_INT64:
      return reflection.GetInt64(message, &field) == field.default_value_int64();
    case Field::CPPTYPE_UINT64:
      return reflection.GetUInt64(message, &field) == field.default_value_uint64();
    case Field::CPPTYPE_STRING:
      return reflection.GetString(message, &field) == field.default_value_string();
    case Field::CPPTYPE_ENUM:
      return reflection.GetEnum(message, &field) == field.default_value_enum();
    default:
      return false;
  }
}

// As deep as the message type is nested; ExecutorInfo has no recursion.
void clear_explicit_defaults(google::protobuf::Message& message) {
  using Field = google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  std::vector<const Field*> fields;
  reflection.ListFields(message, &fields);
  for (const Field* field : fields) {
    if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) {
        clear_explicit_defaults(*reflection.MutableMessage(&message, field));
      } else {
        for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
          clear_explicit_defaults(*reflection.MutableRepeatedMessage(&message, field, i));
        }
      }
    } else if (field->is_optional() && field->has_default_value() && equals_default(message, *field)) {
      reflection.ClearField(&message, field);
    }
  }
}

std::int64_t total_of(const mesos::v1::AgentInfo& agent, const std::string& name) {
  double total = 0;
  for (const auto& resource : agent.resources()) {
    if (resource.name() == name && !resource.has_revocable()) total += resource.scalar().value();
  }
  return static_cast<std::int64_t>(total);
}

Subscribed subscribed_of(const mesos::v1::executor::Event::Subscribed& body, bool strip_defaults) {
  Subscribed event;
  auto info = body.executor_info();
  if (strip_defaults) clear_explicit_defaults(info);
  event.executor_info = info.SerializeAsString();
  for (const auto& capability : body.framework_info().capabilities()) {
    if (capability.type() == mesos::v1::FrameworkInfo::Capability::TASK_KILLING_STATE)
      event.killing_state_wanted = true;
  }
  event.agent_mem_mb = total_of(body.agent_info(), "mem");
  event.agent_disk_mb = total_of(body.agent_info(), "disk");
  return event;
}

LaunchedTask launched(const mesos::v1::TaskInfo& task) {
  LaunchedTask launched{.task_id = task.task_id().value(), .data = task.data()};
  for (const auto& label : task.labels().labels()) {
    if (label.key() == "diego.trace_id") launched.trace_id = label.value();
  }
  return launched;
}

std::vector<Event> message_events(const std::string& data) {
  cell::v1::ToExecutor message;
  if (!message.ParseFromString(data)) return {};
  switch (message.body_case()) {
    case cell::v1::ToExecutor::kReportRequest:
      return {ReportRequested{}};
    case cell::v1::ToExecutor::kDrain:
      return {DrainRequested{}};
    case cell::v1::ToExecutor::BODY_NOT_SET:
      return {};
  }
  return {};
}

mesos::v1::TaskState task_state(TaskState state) {
  switch (state) {
    case TaskState::starting:
      return mesos::v1::TASK_STARTING;
    case TaskState::running:
      return mesos::v1::TASK_RUNNING;
    case TaskState::killing:
      return mesos::v1::TASK_KILLING;
    case TaskState::finished:
      return mesos::v1::TASK_FINISHED;
    case TaskState::failed:
      return mesos::v1::TASK_FAILED;
    case TaskState::killed:
      return mesos::v1::TASK_KILLED;
  }
  return mesos::v1::TASK_FAILED;
}

void fill(cell::v1::Amounts& amounts, const diego::CellResources& resources) {
  amounts.set_memory_mb(resources.memory_mb);
  amounts.set_disk_mb(resources.disk_mb);
  amounts.set_containers(resources.containers);
}

}  // namespace

std::vector<Event> events_of(const mesos::v1::executor::Event& event, bool strip_defaults) {
  using Type = mesos::v1::executor::Event;
  switch (event.type()) {
    case Type::SUBSCRIBED:
      return {subscribed_of(event.subscribed(), strip_defaults)};
    case Type::LAUNCH:
      return {TasksLaunched{{launched(event.launch().task())}}};
    case Type::LAUNCH_GROUP: {
      TasksLaunched group;
      for (const auto& task : event.launch_group().task_group().tasks()) group.tasks.push_back(launched(task));
      return {group};
    }
    case Type::KILL:
      return {KillRequested{event.kill().task_id().value()}};
    case Type::ACKNOWLEDGED:
      return {Acknowledged{event.acknowledged().task_id().value(), event.acknowledged().uuid()}};
    case Type::MESSAGE:
      return message_events(event.message().data());
    case Type::SHUTDOWN:
      return {ShutdownRequested{}};
    default:
      return {};
  }
}

std::vector<mesos::v1::TaskInfo> tasks_of(const mesos::v1::executor::Event& event) {
  if (event.type() == mesos::v1::executor::Event::LAUNCH) return {event.launch().task()};
  const auto& group = event.launch_group().task_group().tasks();
  return {group.begin(), group.end()};
}

std::string zone_of(const mesos::v1::executor::Event& subscribed) {
  const auto& agent = subscribed.subscribed().agent_info();
  for (const auto& attribute : agent.attributes()) {
    if (attribute.name() == "zone" && attribute.has_text()) return attribute.text().value();
  }
  return agent.domain().fault_domain().zone().name();
}

mesos::v1::TaskStatus status_of(const Update& update) {
  mesos::v1::TaskStatus status;
  status.mutable_task_id()->set_value(update.task_id);
  status.set_state(task_state(update.state));
  status.set_uuid(update.uuid);
  status.set_timestamp(base::to_seconds(update.timestamp.time_since_epoch()));
  if (!update.message.empty()) status.set_message(update.message);
  // What an agent says of tasks whose executor has ended: the scheduler places them again.
  if (update.with_cell) status.set_reason(mesos::v1::TaskStatus::REASON_EXECUTOR_TERMINATED);
  return status;
}

std::string hello_message(const SendHello& hello) {
  cell::v1::ToScheduler message;
  message.mutable_hello()->set_cell_id(hello.cell_id);
  message.mutable_hello()->set_executor_info(hello.executor_info);
  message.mutable_hello()->set_version(kVersion);
  return message.SerializeAsString();
}

std::string report_message(const CellReport& report) {
  cell::v1::ToScheduler message;
  auto& state = *message.mutable_state();
  state.set_cell_id(report.cell_id);
  state.set_rep_answers(report.rep_answers);
  state.set_evacuating(report.cell.evacuating);
  state.set_zone(report.cell.zone);
  fill(*state.mutable_total(), report.cell.total);
  fill(*state.mutable_available(), report.cell.available);
  state.set_proxy_memory_mb(report.cell.proxy_memory_allocation_mb);
  for (const auto& [scheme, provider] : report.cell.rootfs_providers) {
    if (provider.kind == diego::RootFsProvider::Kind::unknown) continue;
    auto& added = *state.add_rootfs_providers();
    added.set_scheme(scheme);
    added.set_arbitrary(provider.kind == diego::RootFsProvider::Kind::arbitrary);
    for (const std::string& path : provider.set) added.add_fixed_set(path);
  }
  for (const auto& driver : report.cell.volume_drivers) state.add_volume_drivers(driver);
  for (const auto& tag : report.cell.placement_tags) state.add_placement_tags(tag);
  for (const auto& tag : report.cell.optional_placement_tags) state.add_optional_placement_tags(tag);
  state.set_starting_containers(report.cell.starting_container_count);
  state.set_others_starting(report.others_starting);
  state.set_garden_unhealthy(!report.cell.garden_healthy);

  std::size_t bytes = message.ByteSizeLong() + 64;  // Room for lengths that grow and the flag.
  for (const HeldWork& held : report.work) {
    cell::v1::Work work;
    work.set_task_id(held.task_id);
    work.set_domain(held.domain);
    work.set_memory_mb(held.mem_mb);
    work.set_disk_mb(held.disk_mb);
    work.set_rep_state(held.rep_state);
    bytes += work.ByteSizeLong() + 4;
    if (bytes > kMessageBytesMax) {
      state.set_work_is_cut(true);
      break;
    }
    *state.add_work() = work;
  }
  return message.SerializeAsString();
}

std::string metrics_message(const SendMetrics& metrics) {
  cell::v1::ToScheduler message;
  auto& body = *message.mutable_metrics();
  body.set_cell_id(metrics.cell_id);
  std::size_t bytes = message.ByteSizeLong() + 64;  // Room for lengths that grow and the count.
  for (const HeldUsage& held : metrics.usage) {
    cell::v1::Usage usage;
    usage.set_task_id(held.task_id);
    usage.set_cpus_milli(held.cpus_milli);
    usage.set_memory_bytes(held.memory_bytes);
    usage.set_disk_bytes(held.disk_bytes);
    const std::size_t more = usage.ByteSizeLong() + 4;
    if (bytes + more > kMessageBytesMax) {
      body.set_dropped(body.dropped() + 1);
      continue;
    }
    bytes += more;
    *body.add_usage() = std::move(usage);
  }
  return message.SerializeAsString();
}

}  // namespace executor
