#include "scheduler/edge/launch_calls.hpp"

#include <array>
#include <cstring>

#include "base/text.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/core/ids.hpp"

namespace edge {
namespace {

using mesos::v1::Resource;
using mesos::v1::TaskInfo;
using Call = mesos::v1::scheduler::Call;
using Operation = mesos::v1::Offer::Operation;

constexpr std::size_t kShapesKept = 1000;

// ---- JSON

void add_string(std::string_view text, std::string& out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, from, at - from);
    from = at + 1;
    if (c >= 0x20) {
      out += '\\';
      out += static_cast<char>(c);
    } else {
      out += "\\u00";
      out += kHex[c >> 4U];
      out += kHex[c & 15U];
    }
  }
  out.append(text, from, text.size() - from);
  out += '"';
}

// R"("key":"value")"
void add_member(std::string_view key, std::string_view value, std::string& out) {
  out += '"';
  out += key;
  out += "\":";
  add_string(value, out);
}

// R"("key":{"value":"id"})"
void add_id(std::string_view key, std::string_view id, std::string& out) {
  out += '"';
  out += key;
  out += "\":{\"value\":";
  add_string(id, out);
  out += '}';
}

// Thousandths as a decimal, exactly.
void add_thousandths(std::int64_t thousandths, std::string& out) {
  out += std::to_string(thousandths / 1000);
  const std::string fraction = std::to_string(1000 + thousandths % 1000);
  out += '.';
  out.append(fraction, 1, 3);
}

std::string beginning_json(std::string_view type, const std::string& framework_id) {
  std::string out = "{";
  add_member("type", type, out);
  out += ',';
  add_id("framework_id", framework_id, out);
  return out;
}

// ---- Protobuf's wire format

void add_varint(std::uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  out += static_cast<char>(value);
}

void add_field(int number, std::string_view bytes, std::string& out) {
  constexpr unsigned kLengthDelimited = 2;
  add_varint((static_cast<unsigned>(number) << 3U) | kLengthDelimited, out);
  add_varint(bytes.size(), out);
  out += bytes;
}

void add_enum(int number, int value, std::string& out) {
  add_varint(static_cast<unsigned>(number) << 3U, out);
  add_varint(static_cast<std::uint64_t>(value), out);
}

void add_double(int number, double value, std::string& out) {
  constexpr unsigned kFixed64 = 1;
  add_varint((static_cast<unsigned>(number) << 3U) | kFixed64, out);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  for (unsigned i = 0; i < 64; i += 8) out += static_cast<char>(bits >> i);
}

// All of Mesos's id messages are alike.
std::string id_message(std::string_view id) {
  std::string out;
  add_field(mesos::v1::TaskID::kValueFieldNumber, id, out);
  return out;
}

std::string beginning_protobuf(Call::Type type, const std::string& framework_id) {
  std::string out;
  add_field(Call::kFrameworkIdFieldNumber, id_message(framework_id), out);
  add_enum(Call::kTypeFieldNumber, type, out);
  return out;
}

std::string resource_protobuf(const core::Piece& piece) {
  const auto amount = static_cast<double>(piece.amount);
  std::string scalar;
  add_double(mesos::v1::Value::Scalar::kValueFieldNumber,
             piece.dimension == core::Dimension::cpus ? amount / 1000 : amount, scalar);
  std::string out = piece.shape;
  add_field(Resource::kScalarFieldNumber, scalar, out);
  return out;
}

// ---- Both

// For humans and mesos-dns; those with a value.
std::vector<std::pair<std::string_view, std::string>> labels_of(const core::Launch& launch) {
  if (launch.task_id.starts_with(core::kBootTaskPrefix)) return {{"diego.kind", "cell"}};
  const bool is_lrp = launch.key.kind == core::Kind::lrp;
  std::vector<std::pair<std::string_view, std::string>> labels;
  labels.reserve(5);
  labels.emplace_back("diego.kind", is_lrp ? "lrp" : "task");
  labels.emplace_back(is_lrp ? "diego.process_guid" : "diego.task_guid", launch.key.guid);
  if (is_lrp) labels.emplace_back("diego.index", std::to_string(launch.key.index));
  if (!launch.domain.empty()) labels.emplace_back("diego.domain", launch.domain);
  if (!launch.trace_id.empty()) labels.emplace_back("diego.trace_id", launch.trace_id);
  return labels;
}

}  // namespace

const std::string& LaunchCalls::shape_json(const core::Piece& piece) {
  if (const auto known = shapes_json_.find(piece.shape); known != shapes_json_.end()) return known->second;
  if (shapes_json_.size() >= kShapesKept) shapes_json_.clear();
  Resource resource;
  resource.ParsePartialFromString(piece.shape);
  std::string json = mesos_client::encode(mesos_client::Codec::json, resource);
  json.pop_back();
  return shapes_json_.emplace(piece.shape, std::move(json)).first->second;
}

void LaunchCalls::add_task_json(const core::Launch& launch, const std::string& agent_id, std::string_view executor,
                                std::string& out) {
  out += '{';
  add_member("name", core::to_string(launch.key), out);
  out += ',';
  add_id("task_id", launch.task_id, out);
  out += ',';
  add_id("agent_id", agent_id, out);
  out += ",\"resources\":[";
  for (const core::Piece& piece : launch.pieces) {
    out += shape_json(piece);
    out += ",\"scalar\":{\"value\":";
    add_thousandths(piece.dimension == core::Dimension::cpus ? piece.amount : piece.amount * 1000, out);
    out += "}},";
  }
  if (!launch.pieces.empty()) out.pop_back();
  out += "],\"executor\":";
  out += executor;
  out += ",\"data\":\"";
  out += base::base64_encode(launch.element);
  out += "\",\"labels\":{\"labels\":[";
  for (const auto& [key, value] : labels_of(launch)) {
    out += '{';
    add_member("key", key, out);
    out += ',';
    add_member("value", value, out);
    out += "},";
  }
  out.pop_back();
  out += "]},\"discovery\":{\"visibility\":\"CLUSTER\",";
  add_member("name", launch.key.guid, out);
  out += "}}";
}

std::string LaunchCalls::task_protobuf(const core::Launch& launch, const std::string& agent_id,
                                       std::string_view executor) {
  std::string out;
  out.reserve(executor.size() + launch.element.size() + 1024);
  add_field(TaskInfo::kNameFieldNumber, core::to_string(launch.key), out);
  add_field(TaskInfo::kTaskIdFieldNumber, id_message(launch.task_id), out);
  add_field(TaskInfo::kAgentIdFieldNumber, id_message(agent_id), out);
  for (const core::Piece& piece : launch.pieces)
    add_field(TaskInfo::kResourcesFieldNumber, resource_protobuf(piece), out);
  add_field(TaskInfo::kExecutorFieldNumber, executor, out);
  add_field(TaskInfo::kDataFieldNumber, launch.element, out);
  std::string labels;
  for (const auto& [key, value] : labels_of(launch)) {
    std::string label;
    add_field(mesos::v1::Label::kKeyFieldNumber, key, label);
    add_field(mesos::v1::Label::kValueFieldNumber, value, label);
    add_field(mesos::v1::Labels::kLabelsFieldNumber, label, labels);
  }
  add_field(TaskInfo::kLabelsFieldNumber, labels, out);
  std::string discovery;
  add_enum(mesos::v1::DiscoveryInfo::kVisibilityFieldNumber, mesos::v1::DiscoveryInfo::CLUSTER, discovery);
  add_field(mesos::v1::DiscoveryInfo::kNameFieldNumber, launch.key.guid, discovery);
  add_field(TaskInfo::kDiscoveryFieldNumber, discovery, out);
  return out;
}

std::string LaunchCalls::accept(const std::string& framework_id, const core::Accept& accept) {
  if (codec_ == mesos_client::Codec::json) {
    mesos::v1::ExecutorInfo info;
    info.ParsePartialFromString(accept.executor_info);
    const std::string executor = mesos_client::encode(codec_, info);
    std::string out = beginning_json("ACCEPT", framework_id);
    out.reserve(out.size() + accept.launches.size() * (executor.size() + 2048));
    out += ",\"accept\":{\"offer_ids\":[";
    for (const std::string& id : accept.offer_ids) {
      out += "{\"value\":";
      add_string(id, out);
      out += "},";
    }
    if (!accept.offer_ids.empty()) out.pop_back();
    out += "],\"operations\":[{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[";
    for (const core::Launch& launch : accept.launches) {
      add_task_json(launch, accept.agent_id, executor, out);
      out += ',';
    }
    if (!accept.launches.empty()) out.pop_back();
    out += "]}}],\"filters\":{\"refuse_seconds\":0.0}}}";
    return out;
  }
  std::string launch_message;
  for (const core::Launch& launch : accept.launches) {
    add_field(Operation::Launch::kTaskInfosFieldNumber, task_protobuf(launch, accept.agent_id, accept.executor_info),
              launch_message);
  }
  std::string operation;
  add_enum(Operation::kTypeFieldNumber, Operation::LAUNCH, operation);
  add_field(Operation::kLaunchFieldNumber, launch_message, operation);
  std::string filters;
  add_double(mesos::v1::Filters::kRefuseSecondsFieldNumber, 0, filters);
  std::string body;
  for (const std::string& id : accept.offer_ids) add_field(Call::Accept::kOfferIdsFieldNumber, id_message(id), body);
  add_field(Call::Accept::kOperationsFieldNumber, operation, body);
  add_field(Call::Accept::kFiltersFieldNumber, filters, body);
  std::string out = beginning_protobuf(Call::ACCEPT, framework_id);
  add_field(Call::kAcceptFieldNumber, body, out);
  return out;
}

std::string LaunchCalls::acknowledge(const std::string& framework_id, const core::Acknowledge& acknowledge) const {
  if (codec_ == mesos_client::Codec::json) {
    std::string out = beginning_json("ACKNOWLEDGE", framework_id);
    out += ",\"acknowledge\":{";
    add_id("agent_id", acknowledge.agent_id, out);
    out += ',';
    add_id("task_id", acknowledge.task_id, out);
    out += ",\"uuid\":\"";
    out += base::base64_encode(acknowledge.uuid);
    out += "\"}}";
    return out;
  }
  std::string body;
  add_field(Call::Acknowledge::kAgentIdFieldNumber, id_message(acknowledge.agent_id), body);
  add_field(Call::Acknowledge::kTaskIdFieldNumber, id_message(acknowledge.task_id), body);
  add_field(Call::Acknowledge::kUuidFieldNumber, acknowledge.uuid, body);
  std::string out = beginning_protobuf(Call::ACKNOWLEDGE, framework_id);
  add_field(Call::kAcknowledgeFieldNumber, body, out);
  return out;
}

}  // namespace edge
