#include "local/agent/executor_api.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "base/text.hpp"
#include "mesos/codec.hpp"
#include "mesos/record_decoder.hpp"
#include "mesos/v1/executor/executor.pb.h"

namespace local {

using mesos::v1::executor::Call;

// ---- routes ----

AgentRoute agent_route(std::string_view path, std::string_view process) {
  if (path.find("/..") != std::string_view::npos || path.empty() || path.front() != '/') return AgentRoute::none;
  const std::string_view first = path.substr(1, path.find('/', 1) - 1);
  if (base::percent_decode(first) == process) path.remove_prefix(first.size() + 1);
  const auto under = [&path](std::string_view prefix) {
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
  };
  if (under("/api/v1/executor")) return AgentRoute::executor_api;
  if (under("/api/v1")) return AgentRoute::operator_api;
  if (under("/health")) return AgentRoute::health;
  if (under("/state")) return AgentRoute::state;
  if (under("/files/browse")) return AgentRoute::files_browse;
  if (under("/files/read")) return AgentRoute::files_read;
  return AgentRoute::none;
}

// ---- replies ----

Reply text_reply(std::uint64_t request, int status, std::string text) {
  return {request, status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(text), false};
}

Reply accepted_reply(std::uint64_t request) { return {request, 202, {}, "", false}; }

// ---- requests ----

namespace {

const std::string* header(const AgentRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (base::equal_ignoring_case(key, name)) return &value;
  }
  return nullptr;
}

// Whether one range of an Accept header, such as "application/*;q=0.5", lets `type` through.
bool range_accepts(std::string_view range, std::string_view type) {
  const std::vector<std::string> parts = base::split_list(range, ';');
  if (parts.empty()) return false;
  const std::string& wanted = parts.front();
  if (wanted != "*/*" && wanted != "application/*" && wanted != type) return false;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].starts_with("q=") && std::strtod(parts[i].c_str() + 2, nullptr) <= 0) return false;
  }
  return true;
}

// JSON is tried first; a missing Accept takes anything.
std::optional<WireFormat> acceptable(const AgentRequest& request) {
  const std::string* accept = header(request, "Accept");
  if (accept == nullptr) return WireFormat::json;
  const std::vector<std::string> ranges = base::split_list(*accept);
  for (const WireFormat format : {WireFormat::json, WireFormat::protobuf}) {
    const std::string_view type = mesos_client::content_type(
        format == WireFormat::json ? mesos_client::Codec::json : mesos_client::Codec::protobuf);
    for (const std::string& range : ranges) {
      if (range_accepts(range, type)) return format;
    }
  }
  return std::nullopt;
}

// 16 bytes, version 1 to 5 in the high nibble of byte 6; the variant is not looked at.
bool is_uuid(const std::string& bytes) {
  if (bytes.size() != 16) return false;
  const int version = static_cast<unsigned char>(bytes[6]) >> 4;
  return version >= 1 && version <= 5;
}

std::string check_status_problem(const mesos::v1::CheckStatusInfo& check) {
  using mesos::v1::CheckInfo;
  if (!check.has_type()) return "CheckStatusInfo must specify 'type'";
  switch (check.type()) {
    case CheckInfo::COMMAND:
      return check.has_command() ? "" : "Expecting 'command' to be set for COMMAND check's status";
    case CheckInfo::HTTP:
      return check.has_http() ? "" : "Expecting 'http' to be set for HTTP check's status";
    case CheckInfo::TCP:
      return check.has_tcp() ? "" : "Expecting 'tcp' to be set for TCP check's status";
    default:
      return "'UNKNOWN' is not a valid check's status type";
  }
}

std::string update_problem(const Call& call) {
  if (!call.has_update()) return "Expecting 'update' to be present";
  const mesos::v1::TaskStatus& status = call.update().status();
  const std::string& executor = call.executor_id().value();
  const std::string& framework = call.framework_id().value();
  if (!status.has_uuid()) return "Expecting 'uuid' to be present";
  if (!is_uuid(status.uuid())) return "Not a valid UUID";
  if (status.has_executor_id() && status.executor_id().value() != executor) {
    return fmt::format("ExecutorID in Call: {} does not match ExecutorID in TaskStatus: {}", executor,
                       status.executor_id().value());
  }
  if (status.source() != mesos::v1::TaskStatus::SOURCE_EXECUTOR) {
    return fmt::format(
        "Received Call from executor {} of framework {} with invalid source, expecting 'SOURCE_EXECUTOR'", executor,
        framework);
  }
  if (status.state() == mesos::v1::TASK_STAGING) {
    return fmt::format("Received TASK_STAGING from executor {} of framework {} which is not allowed", executor,
                       framework);
  }
  return status.has_check_status() ? check_status_problem(status.check_status()) : "";
}

std::string call_problem(const Call& call) {
  if (!call.has_type()) return "Expecting 'type' to be present";
  switch (call.type()) {
    case Call::SUBSCRIBE:
      return call.has_subscribe() ? "" : "Expecting 'subscribe' to be present";
    case Call::UPDATE:
      return update_problem(call);
    case Call::MESSAGE:
      return call.has_message() ? "" : "Expecting 'message' to be present";
    default:
      return "";
  }
}

}  // namespace

std::variant<ExecutorCall, Reply> read_executor_call(const AgentRequest& request) {
  if (request.method != "POST") {
    Reply reply = text_reply(
        request.id, 405,
        fmt::format("405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{}'.", request.method));
    reply.headers.insert(reply.headers.begin(), {"Allow", "POST"});
    return reply;
  }
  const std::string* type = header(request, "Content-Type");
  if (type == nullptr) return text_reply(request.id, 400, "Expecting 'Content-Type' to be present");
  std::optional<mesos_client::Codec> codec;
  for (const auto candidate : {mesos_client::Codec::json, mesos_client::Codec::protobuf}) {
    if (*type == mesos_client::content_type(candidate)) codec = candidate;
  }
  if (!codec)
    return text_reply(request.id, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf");

  auto call = std::make_shared<Call>();
  if (const base::Status read = mesos_client::decode(*codec, request.body, *call); !read)
    return text_reply(request.id, 400, read.error().message());
  if (const std::string problem = call_problem(*call); !problem.empty()) {
    return text_reply(request.id, 400, "Failed to validate Executor::Call: " + problem);
  }
  WireFormat answer = WireFormat::json;
  if (call->type() == Call::SUBSCRIBE) {
    const std::optional<WireFormat> wanted = acceptable(request);
    if (!wanted)
      return text_reply(request.id, 406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
    answer = *wanted;
  }
  return ExecutorCall{std::move(call), answer};
}

std::string event_record(const mesos::v1::executor::Event& event, WireFormat format) {
  const auto codec = format == WireFormat::json ? mesos_client::Codec::json : mesos_client::Codec::protobuf;
  return mesos_client::encode_record(mesos_client::encode(codec, event, mesos_client::JsonFields::set_and_defaults));
}

}  // namespace local
