// What operators may ask: the v1 operator API and the legacy endpoints, as far as tests and people
// look at a stand-in.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text.hpp"
#include "local/model/master_state.hpp"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {
namespace {

using mesos::v1::master::Call;
using mesos::v1::master::Response;
using Json = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr double kBuildTime = 1724371200.0;  // 2024-08-23, the revision we follow.
constexpr const char* kBuildDate = "2024-08-23 00:00:00 UTC";
constexpr const char* kCapabilities[] = {"AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"};

std::int64_t nanoseconds(base::Time time) { return time.time_since_epoch().count(); }
double seconds(base::Time time) { return base::to_seconds(time.time_since_epoch()); }

Response get_version() {
  Response response;
  response.set_type(Response::GET_VERSION);
  auto& info = *response.mutable_get_version()->mutable_version_info();
  info.set_version("1.12.0");
  info.set_build_date(kBuildDate);
  info.set_build_time(kBuildTime);
  info.set_build_user("diego-local");
  info.set_git_sha("c1b42f79d");
  return response;
}

void fill_tasks(const MasterState& state, Response::GetTasks& out) {
  for (const auto& [id, framework] : state.frameworks_) {
    for (const auto& [task_id, task] : framework.tasks) *out.add_tasks() = *task.record;
    for (const auto& [task_id, task] : framework.unreachable_tasks) *out.add_unreachable_tasks() = *task.record;
    for (const KnownTask& task : framework.completed_tasks) *out.add_completed_tasks() = *task.record;
  }
  for (const auto& [id, framework] : state.completed_) {
    for (const KnownTask& task : framework.completed_tasks) *out.add_completed_tasks() = *task.record;
  }
}

void fill_executors(const MasterState& state, Response::GetExecutors& out) {
  for (const auto& [id, agent] : state.agents_) {
    for (const auto& [key, executor] : agent.executors) {
      auto& written = *out.add_executors();
      *written.mutable_executor_info() = *executor.info;
      written.mutable_agent_id()->set_value(id);
    }
  }
}

void fill_framework(const MasterState& state, const Framework& framework, Response::GetFrameworks::Framework& out) {
  *out.mutable_framework_info() = *framework.info;
  out.set_active(framework.connected());
  out.set_connected(framework.connected());
  out.set_recovered(framework.recovered);
  out.mutable_registered_time()->set_nanoseconds(nanoseconds(framework.registered));
  out.mutable_reregistered_time()->set_nanoseconds(nanoseconds(framework.reregistered));
  for (const auto& [offer_id, offer] : state.offers_) {
    if (offer.framework_id != framework.id) continue;
    *out.add_offers() = state.make_offer(offer_id, offer);
    offer.resources.write(*out.mutable_offered_resources(), offer.role, true);
  }
  for (const auto& [role, held] : framework.held) {
    Resources used = held;
    for (const auto& [offer_id, offer] : state.offers_) {
      if (offer.framework_id == framework.id && offer.role == role) used -= offer.resources;
    }
    used.write(*out.mutable_allocated_resources(), role, true);
  }
  *out.mutable_offer_constraints() = framework.offer_filter->constraints();
}

void fill_frameworks(const MasterState& state, Response::GetFrameworks& out) {
  for (const auto& [id, framework] : state.frameworks_) fill_framework(state, framework, *out.add_frameworks());
  for (const auto& [id, framework] : state.completed_)
    fill_framework(state, framework, *out.add_completed_frameworks());
}

void fill_agents(const MasterState& state, Response::GetAgents& out) {
  using Capability = mesos::v1::AgentInfo::Capability;
  for (const auto& [id, agent] : state.agents_) {
    auto& written = *out.add_agents();
    *written.mutable_agent_info() = *agent.info;
    written.set_active(agent.connected);
    written.set_deactivated(false);
    written.set_version("1.12.0");
    written.set_pid(agent.pid);
    written.mutable_registered_time()->set_nanoseconds(nanoseconds(agent.registered));
    if (agent.reregistered) written.mutable_reregistered_time()->set_nanoseconds(nanoseconds(*agent.reregistered));
    agent.total.write(*written.mutable_total_resources(), "", true);
    std::map<std::string, Resources> used;
    for (const auto& [key, executor] : agent.executors) used[executor.role] += executor.resources;
    for (const TaskRef& ref : agent.tasks) {
      const KnownTask& task = state.frameworks_.at(ref.framework_id).tasks.at(ref.task_id);
      if (task.charged) used[task.role] += task.resources;
    }
    for (const auto& [role, resources] : used) resources.write(*written.mutable_allocated_resources(), role, true);
    for (const auto& [offer_id, offer] : state.offers_) {
      if (offer.agent_id == id) offer.resources.write(*written.mutable_offered_resources(), offer.role, true);
    }
    for (int type = Capability::MULTI_ROLE; type <= Capability::TASK_RESOURCE_LIMITS; ++type) {
      written.add_capabilities()->set_type(static_cast<Capability::Type>(type));
    }
  }
}

// Operator answers, unlike events, write empty lists. `shown` are the lists of each part.
template <class List>
std::string json_list(const char* name, const List& list) {
  std::string text = "\"" + std::string(name) + "\":[";
  for (const auto& item : list) {
    if (text.back() != '[') text += ',';
    text += encode_message(item, Codec::json);
  }
  return text + "]";
}

std::string json_tasks(const Response::GetTasks& tasks) {
  return "{" + json_list("tasks", tasks.tasks()) + "," + json_list("unreachable_tasks", tasks.unreachable_tasks()) +
         "," + json_list("completed_tasks", tasks.completed_tasks()) + "}";
}
std::string json_executors(const Response::GetExecutors& executors) {
  return "{" + json_list("executors", executors.executors()) + "}";
}
std::string json_frameworks(const Response::GetFrameworks& frameworks) {
  return "{" + json_list("frameworks", frameworks.frameworks()) + "," +
         json_list("completed_frameworks", frameworks.completed_frameworks()) + "}";
}
std::string json_agents(const Response::GetAgents& agents) {
  return "{" + json_list("agents", agents.agents()) + "," + json_list("recovered_agents", agents.recovered_agents()) +
         "}";
}

std::string json_response(const Response& response) {
  switch (response.type()) {
    case Response::GET_TASKS:
      return R"({"type":"GET_TASKS","get_tasks":)" + json_tasks(response.get_tasks()) + "}";
    case Response::GET_EXECUTORS:
      return R"({"type":"GET_EXECUTORS","get_executors":)" + json_executors(response.get_executors()) + "}";
    case Response::GET_FRAMEWORKS:
      return R"({"type":"GET_FRAMEWORKS","get_frameworks":)" + json_frameworks(response.get_frameworks()) + "}";
    case Response::GET_AGENTS:
      return R"({"type":"GET_AGENTS","get_agents":)" + json_agents(response.get_agents()) + "}";
    case Response::GET_STATE: {
      const auto& state = response.get_state();
      return R"({"type":"GET_STATE","get_state":{"get_tasks":)" + json_tasks(state.get_tasks()) +
             R"(,"get_executors":)" + json_executors(state.get_executors()) + R"(,"get_frameworks":)" +
             json_frameworks(state.get_frameworks()) + R"(,"get_agents":)" + json_agents(state.get_agents()) + "}}";
    }
    default:
      return encode_message(response, Codec::json);
  }
}

}  // namespace

HttpAnswer MasterState::operator_endpoint(const HttpRequest& request) {
  const BodyFormat body = body_format(request);
  if (!body.format) return body.refusal;
  Call call;
  if (const auto refusal = decode_body(request.body, *body.format, call)) return *refusal;
  if (!call.has_type()) return text_answer(400, "Failed to validate master::Call: Expecting 'type' to be present");
  const std::optional<Codec> format = answer_format(request);
  if (!format) return not_acceptable();

  Response response;
  switch (call.type()) {
    case Call::GET_HEALTH:
      response.set_type(Response::GET_HEALTH);
      response.mutable_get_health()->set_healthy(true);
      break;
    case Call::GET_VERSION:
      response = get_version();
      break;
    case Call::GET_MASTER:
      response.set_type(Response::GET_MASTER);
      fill_master_info(*response.mutable_get_master()->mutable_master_info());
      response.mutable_get_master()->set_start_time(seconds(started_));
      response.mutable_get_master()->set_elected_time(seconds(started_));
      break;
    case Call::GET_TASKS:
      response.set_type(Response::GET_TASKS);
      fill_tasks(*this, *response.mutable_get_tasks());
      break;
    case Call::GET_EXECUTORS:
      response.set_type(Response::GET_EXECUTORS);
      fill_executors(*this, *response.mutable_get_executors());
      break;
    case Call::GET_FRAMEWORKS:
      response.set_type(Response::GET_FRAMEWORKS);
      fill_frameworks(*this, *response.mutable_get_frameworks());
      break;
    case Call::GET_AGENTS:
      response.set_type(Response::GET_AGENTS);
      fill_agents(*this, *response.mutable_get_agents());
      break;
    case Call::GET_STATE:
      response.set_type(Response::GET_STATE);
      fill_tasks(*this, *response.mutable_get_state()->mutable_get_tasks());
      fill_executors(*this, *response.mutable_get_state()->mutable_get_executors());
      fill_frameworks(*this, *response.mutable_get_state()->mutable_get_frameworks());
      fill_agents(*this, *response.mutable_get_state()->mutable_get_agents());
      break;
    case Call::TEARDOWN:
      if (!call.has_teardown())
        return text_answer(400, "Failed to validate master::Call: Expecting 'teardown' to be present");
      if (!frameworks_.contains(call.teardown().framework_id().value()))
        return text_answer(400, "No framework found with specified ID");
      remove_framework(call.teardown().framework_id().value());
      return {.status = 200};
    default:
      return text_answer(501, "501 Not Implemented.");
  }
  if (*format == Codec::json) return json_answer(json_response(response));
  return {.status = 200,
          .headers = {{"Content-Type", "application/x-protobuf"}},
          .body = encode_message(response, Codec::protobuf)};
}

// ---- legacy JSON: Mesos v0's own shapes, "slave" and all

namespace {

void put(Json& json, const char* key, const std::string& value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}
void put(Json& json, const char* key, double value) {
  json.Key(key);
  json.Double(value);
}
void put_flag(Json& json, const char* key, bool value) {
  json.Key(key);
  json.Bool(value);
}

void put(Json& json, const char* key, const Resources& resources) {
  json.Key(key);
  json.StartObject();
  for (const char* name : {"disk", "mem", "gpus", "cpus"})
    put(json, name, static_cast<double>(resources.milli(name)) / 1000.0);
  if (const std::string ports = resources.ranges_text("ports"); !ports.empty()) put(json, "ports", ports);
  json.EndObject();
}

void put_times(Json& json, const MasterState& state) {
  put(json, "version", "1.12.0");
  put(json, "git_sha", "c1b42f79d");
  put(json, "build_date", kBuildDate);
  put(json, "build_time", kBuildTime);
  put(json, "build_user", "diego-local");
  put(json, "start_time", seconds(state.started_));
  put(json, "elected_time", seconds(state.started_));
}

void put_task(Json& json, const KnownTask& task) {
  json.StartObject();
  put(json, "id", task.record->task_id().value());
  put(json, "name", task.record->name());
  put(json, "framework_id", task.framework_id);
  put(json, "executor_id", task.executor_id);
  put(json, "slave_id", task.agent_id);
  put(json, "state", mesos::v1::TaskState_Name(task.record->state()));
  put(json, "resources", task.resources);
  put(json, "role", task.role);
  json.Key("statuses");
  json.StartArray();
  for (const auto& status : task.record->statuses()) {
    json.StartObject();
    put(json, "state", mesos::v1::TaskState_Name(status.state()));
    put(json, "timestamp", status.timestamp());
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

template <class Tasks>
void put_tasks(Json& json, const char* key, const Tasks& tasks) {
  json.Key(key);
  json.StartArray();
  for (const auto& task : tasks) {
    if constexpr (std::is_same_v<std::decay_t<decltype(task)>, KnownTask>) {
      put_task(json, task);
    } else {
      put_task(json, task.second);
    }
  }
  json.EndArray();
}

void put_attributes(Json& json, const mesos::v1::AgentInfo& info) {
  json.Key("attributes");
  json.StartObject();
  for (const auto& attribute : info.attributes()) {
    if (attribute.type() == mesos::v1::Value::SCALAR) {
      put(json, attribute.name().c_str(), attribute.scalar().value());
    } else {
      put(json, attribute.name().c_str(), attribute.text().value());
    }
  }
  json.EndObject();
}

void put_agent(Json& json, const Agent& agent) {
  json.StartObject();
  put(json, "id", agent.id);
  put(json, "hostname", agent.info->hostname());
  json.Key("port");
  json.Int(agent.info->port());
  put_attributes(json, *agent.info);
  put(json, "pid", agent.pid);
  put(json, "registered_time", seconds(agent.registered));
  put(json, "resources", agent.total);
  put(json, "used_resources", agent.used);
  put(json, "offered_resources", agent.offered);
  put_flag(json, "active", agent.connected);
  put_flag(json, "deactivated", false);
  put(json, "version", "1.12.0");
  json.EndObject();
}

void put_framework(Json& json, const MasterState& state, const Framework& framework) {
  Resources offered, held;
  for (const auto& [id, offer] : state.offers_) {
    if (offer.framework_id == framework.id) offered += offer.resources;
  }
  for (const auto& [role, resources] : framework.held) held += resources;
  json.StartObject();
  put(json, "id", framework.id);
  put(json, "name", framework.info->name());
  put(json, "used_resources", held - offered);
  put(json, "offered_resources", offered);
  json.Key("capabilities");
  json.StartArray();
  for (const auto& capability : framework.info->capabilities()) {
    json.String(mesos::v1::FrameworkInfo::Capability::Type_Name(capability.type()).c_str());
  }
  json.EndArray();
  put(json, "hostname", framework.info->hostname());
  put(json, "webui_url", framework.info->webui_url());
  put_flag(json, "active", framework.connected());
  put_flag(json, "connected", framework.connected());
  put_flag(json, "recovered", framework.recovered);
  put(json, "user", framework.info->user());
  put(json, "failover_timeout", framework.info->failover_timeout());
  put_flag(json, "checkpoint", framework.info->checkpoint());
  put(json, "registered_time", seconds(framework.registered));
  json.Key("roles");
  json.StartArray();
  for (const std::string& role : framework.roles) json.String(role.c_str());
  json.EndArray();
  put_tasks(json, "tasks", framework.tasks);
  put_tasks(json, "unreachable_tasks", framework.unreachable_tasks);
  put_tasks(json, "completed_tasks", framework.completed_tasks);
  json.Key("executors");
  json.StartArray();
  for (const auto& [agent_id, agent] : state.agents_) {
    for (const auto& [key, executor] : agent.executors) {
      if (key.first != framework.id) continue;
      json.StartObject();
      put(json, "executor_id", key.second);
      put(json, "name", executor.info->name());
      put(json, "framework_id", framework.id);
      put(json, "resources", executor.resources);
      put(json, "role", executor.role);
      put(json, "type", mesos::v1::ExecutorInfo::Type_Name(executor.info->type()));
      put(json, "slave_id", agent_id);
      json.EndObject();
    }
  }
  json.EndArray();
  json.EndObject();
}

}  // namespace

HttpAnswer MasterState::legacy_endpoint(const std::string& path) {
  if (under(path, "state")) return json_answer(legacy_state());
  if (under(path, "metrics/snapshot")) return json_answer(metrics());
  if (under(path, "flags")) return json_answer("{\"flags\":" + flags() + "}");
  if (under(path, "version")) {
    return json_answer("{\"build_date\":\"" + std::string(kBuildDate) +
                       "\",\"build_time\":1724371200.0,\"build_user\":\"diego-local\",\"git_sha\":\"c1b42f79d\","
                       "\"version\":\"1.12.0\"}");
  }
  return not_found();
}

std::string MasterState::legacy_state() const {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  put_times(json, *this);
  put(json, "id", id_);
  const std::string pid = "master@" + config_.ip + ":" + std::to_string(config_.port);
  put(json, "pid", pid);
  put(json, "hostname", config_.hostname);
  json.Key("capabilities");
  json.StartArray();
  for (const char* capability : kCapabilities) json.String(capability);
  json.EndArray();
  double connected = 0;
  for (const auto& [agent_id, agent] : agents_) connected += agent.connected ? 1 : 0;
  put(json, "activated_slaves", connected);
  put(json, "deactivated_slaves", static_cast<double>(agents_.size()) - connected);
  put(json, "unreachable_slaves", static_cast<double>(unreachable_agents_.size()));
  put(json, "leader", pid);
  json.Key("leader_info");
  json.StartObject();
  put(json, "id", id_);
  put(json, "pid", pid);
  json.Key("port");
  json.Int(config_.port);
  put(json, "hostname", config_.hostname);
  json.EndObject();
  json.Key("flags");
  const std::string flag_text = flags();
  json.RawValue(flag_text.data(), flag_text.size(), rapidjson::kObjectType);
  json.Key("slaves");
  json.StartArray();
  for (const auto& [agent_id, agent] : agents_) put_agent(json, agent);
  json.EndArray();
  json.Key("frameworks");
  json.StartArray();
  for (const auto& [framework_id, framework] : frameworks_) put_framework(json, *this, framework);
  json.EndArray();
  json.Key("completed_frameworks");
  json.StartArray();
  for (const auto& [framework_id, framework] : completed_) put_framework(json, *this, framework);
  json.EndArray();
  json.Key("orphan_tasks");
  json.StartArray();
  json.EndArray();
  json.Key("unregistered_frameworks");
  json.StartArray();
  json.EndArray();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string MasterState::metrics() const {
  std::map<std::string, double> values{{"master/elected", 1.0},
                                       {"master/outstanding_offers", static_cast<double>(offers_.size())},
                                       {"master/uptime_secs", base::to_seconds(now_ - started_)},
                                       {"allocator/mesos/allocation_runs", static_cast<double>(allocations_)}};
  double connected = 0;
  Resources total, used;
  for (const auto& [id, agent] : agents_) {
    connected += agent.connected ? 1 : 0;
    total += agent.total;
    used += agent.used;
  }
  values["master/slaves_active"] = values["master/slaves_connected"] = connected;
  values["master/slaves_inactive"] = values["master/slaves_disconnected"] =
      static_cast<double>(agents_.size()) - connected;
  values["master/slaves_unreachable"] = static_cast<double>(unreachable_agents_.size());
  for (const char* name : {"cpus", "mem", "disk", "gpus"}) {
    const std::string key = std::string("master/") + name;
    const auto of_total = static_cast<double>(total.milli(name)) / 1000.0;
    const auto of_used = static_cast<double>(used.milli(name)) / 1000.0;
    values[key + "_total"] = of_total;
    values[key + "_used"] = of_used;
    values[key + "_percent"] = of_total > 0 ? of_used / of_total : 0.0;
  }
  for (int state = mesos::v1::TaskState_MIN; state <= mesos::v1::TaskState_MAX; ++state) {
    if (mesos::v1::TaskState_IsValid(state) && state != mesos::v1::TASK_UNKNOWN) {
      values["master/tasks_" +
             base::lower(mesos::v1::TaskState_Name(static_cast<mesos::v1::TaskState>(state)).substr(5))] = 0;
    }
  }
  const auto count = [&](const KnownTask& task) {
    ++values["master/tasks_" + base::lower(mesos::v1::TaskState_Name(task.record->state()).substr(5))];
  };
  double subscribed = 0;
  for (const auto& [id, framework] : frameworks_) {
    subscribed += framework.connected() ? 1 : 0;
    for (const auto& [task_id, task] : framework.tasks) count(task);
    for (const auto& [task_id, task] : framework.unreachable_tasks) count(task);
    for (const KnownTask& task : framework.completed_tasks) count(task);
  }
  values["master/frameworks_active"] = values["master/frameworks_connected"] = subscribed;
  values["master/frameworks_inactive"] = values["master/frameworks_disconnected"] =
      static_cast<double>(frameworks_.size()) - subscribed;

  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  for (const auto& [name, value] : values) put(json, name.c_str(), value);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string MasterState::flags() const {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  put(json, "allocation_interval", std::to_string(base::to_millis(config_.allocation_interval)) + "ms");
  put(json, "allocator", "hierarchical");
  put(json, "authenticate_http_frameworks", config_.credentials.empty() ? "false" : "true");
  put(json, "hostname", config_.hostname);
  put(json, "ip", config_.ip);
  put(json, "max_completed_frameworks", std::to_string(config_.completed_frameworks_max));
  put(json, "min_allocatable_resources", "cpus:0.01|mem:32");
  put(json, "port", std::to_string(config_.port));
  put(json, "registry", "in_memory");
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace local
