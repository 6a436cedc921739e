#include "local/model/scheduler_api.hpp"

#include <algorithm>
#include <cmath>

#include "mesos/codec.hpp"
#include "mesos/record_decoder.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {
namespace {

using mesos::v1::FrameworkInfo;
using mesos::v1::scheduler::Call;

bool has_multi_role(const FrameworkInfo& info) {
  return std::any_of(info.capabilities().begin(), info.capabilities().end(),
                     [](const auto& capability) { return capability.type() == FrameworkInfo::Capability::MULTI_ROLE; });
}

std::string braced(const std::set<std::string>& items) {
  std::string text = "{ ";
  for (const std::string& item : items) text += (text.size() > 2 ? ", " : "") + item;
  return text + " }";
}

// The body that must accompany a type, if it must.
struct RequiredBody {
  bool present;
  const char* name;
};
std::optional<RequiredBody> required_body(const Call& call) {
  switch (call.type()) {
    case Call::SUBSCRIBE:
      return RequiredBody{call.has_subscribe(), "subscribe"};
    case Call::ACCEPT:
      return RequiredBody{call.has_accept(), "accept"};
    case Call::DECLINE:
      return RequiredBody{call.has_decline(), "decline"};
    case Call::KILL:
      return RequiredBody{call.has_kill(), "kill"};
    case Call::SHUTDOWN:
      return RequiredBody{call.has_shutdown(), "shutdown"};
    case Call::ACKNOWLEDGE:
      return RequiredBody{call.has_acknowledge(), "acknowledge"};
    case Call::RECONCILE:
      return RequiredBody{call.has_reconcile(), "reconcile"};
    case Call::MESSAGE:
      return RequiredBody{call.has_message(), "message"};
    case Call::REQUEST:
      return RequiredBody{call.has_request(), "request"};
    case Call::ACCEPT_INVERSE_OFFERS:
      return RequiredBody{call.has_accept_inverse_offers(), "accept_inverse_offers"};
    case Call::DECLINE_INVERSE_OFFERS:
      return RequiredBody{call.has_decline_inverse_offers(), "decline_inverse_offers"};
    case Call::ACKNOWLEDGE_OPERATION_STATUS:
      return RequiredBody{call.has_acknowledge_operation_status(), "acknowledge_operation_status"};
    case Call::RECONCILE_OPERATIONS:
      return RequiredBody{call.has_reconcile_operations(), "reconcile_operations"};
    case Call::UPDATE_FRAMEWORK:
      return RequiredBody{call.has_update_framework(), "update_framework"};
    case Call::UNKNOWN:
    case Call::TEARDOWN:
    case Call::REVIVE:
    case Call::SUPPRESS:
      break;
  }
  return std::nullopt;
}

std::string framework_id_inside(const FrameworkInfo& info) { return info.has_id() ? info.id().value() : ""; }

std::optional<std::string> invalid_subscribe(const Call& call, const std::optional<std::string>& principal) {
  const FrameworkInfo& info = call.subscribe().framework_info();
  if (call.framework_id().value() != framework_id_inside(info))
    return "'framework_id' differs from 'subscribe.framework_info.id'";
  if (principal && info.has_principal() && *principal != info.principal()) {
    return "Authenticated principal '" + *principal + "' does not match principal '" + info.principal() +
           "' set in `FrameworkInfo`";
  }
  return std::nullopt;
}

std::optional<std::string> invalid_component(std::string_view role, std::string_view component) {
  const std::string quoted = "Role '" + std::string(role) + "'";
  if (component == ".") return quoted + " cannot include '.' as a component";
  if (component == "..") return quoted + " cannot include '..' as a component";
  if (component == "*") return quoted + " cannot include '*' as a component";
  if (component.front() == '-') return quoted + " cannot include a component starting with '-'";
  const bool bad = std::any_of(component.begin(), component.end(),
                               [](char c) { return (c >= '\t' && c <= '\r') || c == ' ' || c == '\x7f'; });
  if (bad) return quoted + " cannot contain white space or DEL";
  return std::nullopt;
}

template <class List, class Key>
void sort_by(List& list, const Key& key) {
  std::sort(list.begin(), list.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

// Everything that Mesos compares of an executor, in one fixed form.
mesos::v1::ExecutorInfo comparable(const mesos::v1::ExecutorInfo& info) {
  mesos::v1::ExecutorInfo out = info;
  out.clear_labels();
  out.clear_shutdown_grace_period();
  out.clear_resources();  // Compared as a sum.
  if (out.data().empty()) out.clear_data();
  if (out.name().empty()) out.clear_name();
  if (out.source().empty()) out.clear_source();
  if (out.has_command()) {
    mesos::v1::CommandInfo& command = *out.mutable_command();
    for (auto& uri : *command.mutable_uris()) {
      uri.clear_cache();
      uri.set_executable(uri.executable());
      uri.set_extract(uri.extract());
      if (uri.output_file().empty()) uri.clear_output_file();
    }
    sort_by(*command.mutable_uris(), [](const auto& uri) { return uri.SerializeAsString(); });
    for (auto& variable : *command.mutable_environment()->mutable_variables()) {
      variable.clear_type();
      variable.clear_secret();
      variable.set_value(variable.value());
    }
    sort_by(*command.mutable_environment()->mutable_variables(),
            [](const auto& variable) { return variable.SerializeAsString(); });
    command.set_shell(command.shell());
    if (command.value().empty()) command.clear_value();
    if (command.user().empty()) command.clear_user();
  }
  if (info.has_container()) {
    const mesos::v1::ContainerInfo& from = info.container();
    mesos::v1::ContainerInfo container;
    container.set_type(from.type());
    if (!from.hostname().empty()) container.set_hostname(from.hostname());
    if (from.has_docker()) {
      *container.mutable_docker() = from.docker();
      auto& docker = *container.mutable_docker();
      docker.set_network(docker.network());
      docker.set_privileged(docker.privileged());
      docker.set_force_pull_image(docker.force_pull_image());
      docker.clear_volume_driver();
      sort_by(*docker.mutable_port_mappings(), [](const auto& mapping) { return mapping.SerializeAsString(); });
      sort_by(*docker.mutable_parameters(), [](const auto& parameter) { return parameter.SerializeAsString(); });
    }
    for (const auto& volume : from.volumes()) {
      auto& copy = *container.add_volumes();
      copy.set_container_path(volume.container_path());
      if (!volume.host_path().empty()) copy.set_host_path(volume.host_path());
      copy.set_mode(volume.mode());
    }
    sort_by(*container.mutable_volumes(), [](const auto& volume) { return volume.SerializeAsString(); });
    *out.mutable_container() = container;
  }
  return out;
}

std::set<std::string> allocation_roles(const mesos::v1::ExecutorInfo& info) {
  std::set<std::string> roles;
  for (const auto& resource : info.resources()) roles.insert(resource.allocation_info().role());
  return roles;
}

std::optional<std::string> invalid_command(const mesos::v1::CommandInfo& command) {
  for (const auto& variable : command.environment().variables()) {
    if (variable.type() == mesos::v1::Environment::Variable::VALUE && !variable.has_value()) {
      return "Environment variable '" + variable.name() + "' of type 'VALUE' must have a value set";
    }
    if (variable.type() == mesos::v1::Environment::Variable::SECRET && !variable.has_secret()) {
      return "Environment variable '" + variable.name() + "' of type 'SECRET' must have a secret set";
    }
  }
  return std::nullopt;
}

std::optional<std::string> invalid_container(const mesos::v1::ContainerInfo& container) {
  if (container.type() == mesos::v1::ContainerInfo::DOCKER && !container.has_docker()) {
    return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo";
  }
  for (const auto& parameter : container.docker().parameters()) {
    if (parameter.key() == "name") return "Parameter in DockerInfo must not be 'name'";
  }
  for (const auto& volume : container.volumes()) {
    if ((volume.has_host_path() ? 1 : 0) + (volume.has_image() ? 1 : 0) + (volume.has_source() ? 1 : 0) != 1) {
      return "Invalid volume: Exactly one of 'host_path', 'image' and 'source' should be set";
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<HttpAnswer> decode_body(const std::string& body, Codec format, google::protobuf::Message& call) {
  const base::Status read = mesos_client::decode(format, body, call);
  if (read) return std::nullopt;
  return text_answer(400, read.error().message());
}

std::string encode_message(const google::protobuf::Message& message, Codec format) {
  return mesos_client::encode(format, message, mesos_client::JsonFields::set_and_defaults);
}

std::string record_of(const google::protobuf::Message& message, Codec format) {
  return mesos_client::encode_record(encode_message(message, format));
}

std::optional<std::string> invalid_call(const Call& call, const std::optional<std::string>& principal) {
  if (!call.has_type()) return "Expecting 'type' to be present";
  const std::optional<RequiredBody> body = required_body(call);
  if (call.type() == Call::SUBSCRIBE) {
    if (!body->present) return "Expecting 'subscribe' to be present";
    return invalid_subscribe(call, principal);
  }
  if (!call.has_framework_id()) return "Expecting 'framework_id' to be present";
  if (body && !body->present) return std::string("Expecting '") + body->name + "' to be present";
  if (call.type() == Call::ACKNOWLEDGE && !valid_uuid(call.acknowledge().uuid())) return "Not a valid UUID";
  if (call.type() == Call::ACKNOWLEDGE_OPERATION_STATUS) {
    if (!valid_uuid(call.acknowledge_operation_status().uuid())) return "Not a valid UUID";
    if (!call.acknowledge_operation_status().has_agent_id()) return "Expecting 'agent_id' to be present";
  }
  if (call.type() == Call::UPDATE_FRAMEWORK &&
      call.framework_id().value() != framework_id_inside(call.update_framework().framework_info())) {
    return "'framework_id' differs from 'update_framework.framework_info.id'";
  }
  return std::nullopt;
}

std::set<std::string> roles_of(const FrameworkInfo& info) {
  if (has_multi_role(info)) return {info.roles().begin(), info.roles().end()};
  return {info.role()};
}

std::optional<std::string> invalid_role(std::string_view role) {
  if (role == "*") return std::nullopt;
  if (role.empty()) return "Empty role name is invalid";
  const std::string quoted = "Role '" + std::string(role) + "'";
  if (role.front() == '/') return quoted + " cannot start with a slash";
  if (role.back() == '/') return quoted + " cannot end with a slash";
  if (role.find("//") != std::string_view::npos) return quoted + " cannot contain two adjacent slashes";
  for (std::size_t begin = 0; begin <= role.size();) {
    const std::size_t end = std::min(role.find('/', begin), role.size());
    if (const auto why = invalid_component(role, role.substr(begin, end - begin))) return why;
    begin = end + 1;
  }
  return std::nullopt;
}

std::optional<std::string> invalid_framework(const FrameworkInfo& info) {
  if (has_multi_role(info)) {
    if (info.has_role()) return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
    std::set<std::string> seen, twice;
    for (const std::string& role : info.roles()) {
      if (!seen.insert(role).second) twice.insert(role);
    }
    if (!twice.empty()) return "'FrameworkInfo.roles' contains duplicate items: " + braced(twice);
    for (const std::string& role : info.roles()) {
      if (const auto why = invalid_role(role)) return "'FrameworkInfo.roles' contains invalid role: " + *why;
    }
  } else {
    if (!info.roles().empty())
      return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
    if (const auto why = invalid_role(info.role())) return "'FrameworkInfo.role' is not a valid role: " + *why;
  }
  if (info.has_id()) {
    if (const auto why = invalid_id(info.id().value())) return why;
  }
  constexpr double kSecondsMax = 9223372036.0;  // What fits into 64 bits of nanoseconds.
  if (!std::isfinite(info.failover_timeout()) || std::abs(info.failover_timeout()) > kSecondsMax) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", info.failover_timeout());
    return "The framework failover_timeout (" + std::string(text) + ") is invalid";
  }
  return std::nullopt;
}

std::optional<std::string> invalid_suppressed(const FrameworkInfo& info, const std::set<std::string>& suppressed) {
  const std::set<std::string> roles = roles_of(info);
  std::set<std::string> foreign;
  std::set_difference(suppressed.begin(), suppressed.end(), roles.begin(), roles.end(),
                      std::inserter(foreign, foreign.end()));
  if (foreign.empty()) return std::nullopt;
  return "Suppressed roles " + braced(foreign) + " are not contained in the set of roles";
}

base::Result<std::shared_ptr<const OfferFilter>> offer_filter(
    const FrameworkInfo& info, const mesos::v1::scheduler::OfferConstraints& constraints) {
  const std::set<std::string> roles = roles_of(info);
  for (const auto& [role, constraint] : constraints.role_constraints()) {
    if (!roles.contains(role)) {
      return base::Error{"", "Offer constraints specify `role_constraints` for a role '" + role +
                                 "'not contained in the set of roles"};
    }
  }
  auto filter = OfferFilter::make(constraints);
  if (!filter) return base::Error{"", "Offer constraints are not valid: " + filter.error().message()};
  return filter;
}

bool same_executor(const mesos::v1::ExecutorInfo& a, const mesos::v1::ExecutorInfo& b) {
  return Resources::of(a.resources()) == Resources::of(b.resources()) && allocation_roles(a) == allocation_roles(b) &&
         comparable(a).SerializeAsString() == comparable(b).SerializeAsString();
}

std::string executor_mismatch(const mesos::v1::ExecutorInfo& known, const mesos::v1::ExecutorInfo& given) {
  const std::string rule = std::string(60, '-') + "\n";
  return "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n" + rule +
         "Existing ExecutorInfo:\n" + known.DebugString() + "\n" + rule + "ExecutorInfo:\n" + given.DebugString() +
         "\n" + rule;
}

std::optional<std::string> invalid_task(const mesos::v1::TaskInfo& task) {
  if (task.kill_policy().grace_period().nanoseconds() < 0)
    return "Task's 'kill_policy.grace_period' must be non-negative";
  if (task.max_completion_time().nanoseconds() < 0) return "Task's `max_completion_time` must be non-negative";
  if (task.resources().empty()) return "Task uses no resources";
  if (task.has_command()) {
    if (const auto why = invalid_command(task.command())) return "Task's `CommandInfo` is invalid: " + *why;
  }
  if (task.has_container()) {
    if (const auto why = invalid_container(task.container())) return "Task's `ContainerInfo` is invalid: " + *why;
  }
  return std::nullopt;
}

std::optional<std::string> invalid_executor(const mesos::v1::ExecutorInfo& executor, const std::string& framework_id,
                                            bool group) {
  using mesos::v1::ExecutorInfo;
  if (const auto why = invalid_id(executor.executor_id().value())) return why;
  if (executor.has_framework_id() && executor.framework_id().value() != framework_id) {
    return "ExecutorInfo has an invalid FrameworkID (Actual: " + executor.framework_id().value() +
           " vs Expected: " + framework_id + ")";
  }
  if (group && !executor.has_framework_id()) return "'ExecutorInfo.framework_id' must be set";
  if (group && (!executor.has_type() || executor.type() == ExecutorInfo::UNKNOWN))
    return "'ExecutorInfo.type' must be set";
  if (executor.type() == ExecutorInfo::DEFAULT && executor.has_command())
    return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor";
  if (executor.type() == ExecutorInfo::CUSTOM && !executor.has_command())
    return "'ExecutorInfo.command' must be set for 'CUSTOM' executor";
  if (executor.shutdown_grace_period().nanoseconds() < 0)
    return "ExecutorInfo's 'shutdown_grace_period' must be non-negative";
  if (const auto why = invalid_command(executor.command())) return "Executor's `CommandInfo` is invalid: " + *why;
  if (executor.has_container()) {
    if (group && executor.container().type() == mesos::v1::ContainerInfo::DOCKER)
      return "Docker ContainerInfo is not supported on the executor";
    if (const auto why = invalid_container(executor.container()))
      return "Executor's `ContainerInfo` is invalid: " + *why;
  }
  if (group) {
    const Resources needs = Resources::of(executor.resources());
    if (needs.milli("cpus") < 10) return "Executor must use at least 0.01 cpus";
    if (needs.milli("mem") < 32'000) return "Executor must use at least 32 MB of memory";
    if (needs.milli("disk") <= 0) return "Executor must use some disk";
  }
  return std::nullopt;
}

std::optional<std::string> invalid_resources(const ResourceList& list) {
  for (const auto& resource : list) {
    if (auto why = invalid_resource(resource)) return why;
  }
  return std::nullopt;
}

bool is_terminal(int task_state) {
  switch (static_cast<mesos::v1::TaskState>(task_state)) {
    case mesos::v1::TASK_FINISHED:
    case mesos::v1::TASK_FAILED:
    case mesos::v1::TASK_KILLED:
    case mesos::v1::TASK_LOST:
    case mesos::v1::TASK_ERROR:
    case mesos::v1::TASK_DROPPED:
    case mesos::v1::TASK_GONE:
    case mesos::v1::TASK_GONE_BY_OPERATOR:
      return true;
    default:
      return false;
  }
}

}  // namespace local
