// The HTTP side of the v1 executor API, as the agent's libprocess answers it: routes, the order of
// checks, the exact texts, and the records of an event stream. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "local/agent/agent_model.hpp"

namespace mesos::v1::executor {
class Call;
class Event;
}  // namespace mesos::v1::executor

namespace local {

enum class WireFormat { json, protobuf };

// Longest known prefix wins and the tail is cut off, with or without the agent's process id in front
// (which alone may be percent-encoded).
enum class AgentRoute { none, executor_api, operator_api, health, state, files_browse, files_read };
AgentRoute agent_route(std::string_view path, std::string_view process);

// A reply with a plain text body; 202 comes without body and type.
Reply text_reply(std::uint64_t request, int status, std::string text);
Reply accepted_reply(std::uint64_t request);

struct ExecutorCall {
  Shared<mesos::v1::executor::Call> call;
  WireFormat answer = WireFormat::json;  // What a SUBSCRIBE's `Accept` asks for.
};

// Everything that is decided without knowing frameworks and executors: method, content type, body,
// call validation, Accept.
std::variant<ExecutorCall, Reply> read_executor_call(const AgentRequest& request);

// One event as a RecordIO record.
std::string event_record(const mesos::v1::executor::Event& event, WireFormat format);

}  // namespace local
