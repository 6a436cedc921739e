#include "test/bench/scale_events.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace scale {
namespace {

std::string_view state_name(TaskState state) {
  switch (state) {
    case TaskState::starting:
      return "TASK_STARTING";
    case TaskState::running:
      return "TASK_RUNNING";
    case TaskState::failed:
      return "TASK_FAILED";
    case TaskState::killed:
      return "TASK_KILLED";
    case TaskState::staging:
      return "TASK_STAGING";
    case TaskState::error:
      return "TASK_ERROR";
    case TaskState::dropped:
      return "TASK_DROPPED";
    case TaskState::gone:
      return "TASK_GONE";
    case TaskState::unknown:
      break;
  }
  return "TASK_UNKNOWN";
}

std::string_view source_name(Source source) {
  constexpr std::array<std::string_view, 3> kNames = {"SOURCE_MASTER", "SOURCE_AGENT", "SOURCE_EXECUTOR"};
  return kNames[static_cast<std::size_t>(source)];
}

std::string_view reason_name(Reason reason) {
  switch (reason) {
    case Reason::executor_terminated:
      return "REASON_EXECUTOR_TERMINATED";
    case Reason::invalid_offers:
      return "REASON_INVALID_OFFERS";
    case Reason::reconciliation:
      return "REASON_RECONCILIATION";
    case Reason::task_invalid:
      return "REASON_TASK_INVALID";
    case Reason::none:
      break;
  }
  return "";
}

// ---- JSON

void number(std::string& out, std::int64_t value) {
  std::array<char, 24> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

void real(std::string& out, double value) {
  std::array<char, 40> digits;
  const std::size_t from = out.size();
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  if (out.find_first_of(".e", from) == std::string::npos) out += ".0";
}

// Thousandths.
double scalar_of(std::int64_t amount) { return static_cast<double>(amount) / 1000; }

void json_resource(std::string& out, std::string_view name, std::int64_t amount, std::string_view role) {
  if (amount <= 0) return;
  if (out.back() != '[') out += ',';
  out.append(R"({"name":")").append(name).append(R"(","type":"SCALAR","scalar":{"value":)");
  real(out, scalar_of(amount));
  out.append(R"(},"allocation_info":{"role":")").append(role).append(R"("}})");
}

// ---- Protobuf

void varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80U));
    value >>= 7U;
  }
  out.push_back(static_cast<char>(value));
}
void put(std::string& out, unsigned field, std::uint64_t value) {
  varint(out, field << 3U);
  varint(out, value);
}
void put(std::string& out, unsigned field, std::string_view bytes) {
  varint(out, (field << 3U) | 2U);
  varint(out, bytes.size());
  out.append(bytes);
}
void put_real(std::string& out, unsigned field, double value) {
  varint(out, (field << 3U) | 1U);
  std::array<char, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  out.append(bytes.data(), bytes.size());
}
// A message of one string, as ids are.
void put_wrapped(std::string& out, unsigned field, std::string_view value) {
  varint(out, (field << 3U) | 2U);
  const std::size_t inner = 1 + (value.size() < 0x80 ? 1U : 2U) + value.size();
  varint(out, inner);
  put(out, 1, value);
}

void protobuf_resource(std::string& out, std::string_view name, std::int64_t amount, std::string_view role) {
  if (amount <= 0) return;
  std::string resource, scalar;
  put(resource, 1, name);
  put(resource, 2, std::uint64_t{0});
  put_real(scalar, 1, scalar_of(amount));
  put(resource, 3, scalar);
  put_wrapped(resource, 11, role);
  put(out, 5, resource);
}

std::string fault_domain(std::string_view region, std::string_view zone) {
  std::string both, domain;
  put_wrapped(both, 1, region);
  put_wrapped(both, 2, zone);
  put(domain, 1, both);
  return domain;
}

std::string face_json(const AgentFace& face) {
  std::string out = R"("agent_id":{"value":")";
  out.append(face.id).append(R"("},"hostname":")").append(face.hostname);
  out.append(R"(","url":{"scheme":"http","address":{"hostname":")").append(face.hostname);
  out.append(R"(","ip":")").append(face.ip).append(R"(","port":)");
  number(out, face.port);
  out.append(R"-(},"path":"/slave(1)"},"domain":{"fault_domain":{"region":{"name":")-").append(face.region);
  out.append(R"("},"zone":{"name":")").append(face.zone);
  out.append(R"("}}},"attributes":[{"name":"zone","type":"TEXT","text":{"value":")").append(face.zone);
  out.append(R"("}}])");
  return out;
}

std::string face_protobuf(const AgentFace& face) {
  std::string out, url, address, attribute;
  put_wrapped(out, 3, face.id);
  put(out, 4, face.hostname);
  put(address, 1, face.hostname);
  put(address, 2, face.ip);
  put(address, 3, static_cast<std::uint64_t>(face.port));
  put(url, 1, "http");
  put(url, 2, address);
  put(url, 3, "/slave(1)");
  put(out, 8, url);
  put(out, 11, fault_domain(face.region, face.zone));
  put(attribute, 1, "zone");
  put(attribute, 2, std::uint64_t{3});
  put_wrapped(attribute, 5, face.zone);
  put(out, 7, attribute);
  return out;
}

}  // namespace

Amounts& Amounts::operator+=(const Amounts& other) {
  cpus += other.cpus;
  mem += other.mem;
  disk += other.disk;
  return *this;
}
Amounts& Amounts::operator-=(const Amounts& other) {
  cpus -= other.cpus;
  mem -= other.mem;
  disk -= other.disk;
  return *this;
}

void add_scalar(Amounts& sum, std::string_view name, double value) {
  const auto thousandths = static_cast<std::int64_t>(std::llround(value * 1000));
  if (name == "cpus") sum.cpus += thousandths;
  if (name == "mem") sum.mem += thousandths;
  if (name == "disk") sum.disk += thousandths;
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k)
      word = word << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out.push_back(i + k > bytes.size() ? '=' : kBase64[word >> (18U - 6U * k) & 63U]);
  }
  return out;
}

std::string unbase64(std::string_view text) {
  static const auto kValues = [] {
    std::array<std::int8_t, 256> values;
    values.fill(-1);
    for (std::size_t i = 0; i < kBase64.size(); ++i)
      values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
    return values;
  }();
  std::string out;
  std::uint32_t word = 0;
  unsigned bits = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return {};
    word = word << 6U | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(word >> bits & 255U));
  }
  return out;
}

std::string encode_face(Codec codec, const AgentFace& face) {
  return codec == Codec::json ? face_json(face) : face_protobuf(face);
}

// ---- EventWriter

void EventWriter::emit(std::string_view body) {
  std::array<char, 24> digits;
  auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), body.size()).ptr;
  *end++ = '\n';
  const auto header = static_cast<std::size_t>(end - digits.data());
  std::array<char, 24> hex;
  const auto* hex_end = std::to_chars(hex.data(), hex.data() + hex.size(), header + body.size(), 16).ptr;
  out.append(hex.data(), static_cast<std::size_t>(hex_end - hex.data()))
      .append("\r\n")
      .append(digits.data(), header)
      .append(body)
      .append("\r\n");
}

void EventWriter::subscribed(std::string_view framework_id, std::string_view master_id, int port) {
  body_.clear();
  if (codec_ == Codec::json) {
    body_.append(R"({"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":")").append(framework_id);
    body_.append(R"("},"heartbeat_interval_seconds":15.0,"master_info":{"id":")").append(master_id);
    body_.append(R"(","ip":16777343,"port":)");
    number(body_, port);
    body_.append(R"(,"pid":"master@127.0.0.1:)");
    number(body_, port);
    body_.append(
        R"(","hostname":"127.0.0.1","version":"1.12.0","address":{"hostname":"127.0.0.1","ip":"127.0.0.1","port":)");
    number(body_, port);
    body_.append("}}}}");
    return emit(body_);
  }
  std::string info, subscribed;
  put(info, 1, master_id);
  put(info, 2, std::uint64_t{16777343});
  put(info, 3, static_cast<std::uint64_t>(port));
  put(info, 5, "127.0.0.1");
  put(info, 6, "1.12.0");
  put_wrapped(subscribed, 1, framework_id);
  put_real(subscribed, 2, 15);
  put(subscribed, 3, info);
  put(body_, 1, std::uint64_t{1});
  put(body_, 2, subscribed);
  emit(body_);
}

void EventWriter::heartbeat() {
  emit(codec_ == Codec::json ? R"({"type":"HEARTBEAT"})" : std::string_view("\x08\x08"));
}

void EventWriter::failure(std::string_view agent_id, std::string_view executor_id, int status) {
  body_.clear();
  if (codec_ == Codec::json) {
    body_.append(R"({"type":"FAILURE","failure":{"agent_id":{"value":")").append(agent_id);
    body_.append(R"("},"executor_id":{"value":")").append(executor_id).append(R"("},"status":)");
    number(body_, status);
    body_.append("}}");
    return emit(body_);
  }
  inner_.clear();
  put_wrapped(inner_, 1, agent_id);
  put_wrapped(inner_, 2, executor_id);
  put(inner_, 3, static_cast<std::uint64_t>(status));
  put(body_, 1, std::uint64_t{6});
  put(body_, 7, inner_);
  emit(body_);
}

void EventWriter::error(std::string_view text) {
  body_.clear();
  if (codec_ == Codec::json) {
    body_.append(R"({"type":"ERROR","error":{"message":")").append(text).append(R"("}})");
    return emit(body_);
  }
  inner_.clear();
  put(inner_, 1, text);
  put(body_, 1, std::uint64_t{7});
  put(body_, 8, inner_);
  emit(body_);
}

void EventWriter::update(const Update& update) {
  body_.clear();
  codec_ == Codec::json ? update_json(update) : update_protobuf(update);
  emit(body_);
}

void EventWriter::update_json(const Update& update) {
  body_.append(R"({"type":"UPDATE","update":{"status":{"task_id":{"value":")").append(update.task_id);
  body_.append(R"("},"state":")").append(state_name(update.state));
  if (!update.message.empty()) body_.append(R"(","message":")").append(update.message);
  body_.append(R"(","source":")").append(source_name(update.source));
  if (update.reason != Reason::none) body_.append(R"(","reason":")").append(reason_name(update.reason));
  body_ += '"';
  if (!update.agent_id.empty()) body_.append(R"(,"agent_id":{"value":")").append(update.agent_id).append("\"}");
  if (!update.executor_id.empty())
    body_.append(R"(,"executor_id":{"value":")").append(update.executor_id).append("\"}");
  body_.append(R"(,"timestamp":)");
  real(body_, update.timestamp);
  if (!update.uuid.empty()) body_.append(R"(,"uuid":")").append(base64(update.uuid)).append("\"");
  if (!update.executor_id.empty()) {
    body_.append(R"(,"container_status":{"container_id":{"value":")").append(update.container_id);
    body_.append(R"("},"network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":")").append(update.ip);
    body_.append(R"("}]}],"executor_pid":)");
    number(body_, update.executor_pid);
    body_ += '}';
  }
  body_.append("}}}");
}

void EventWriter::update_protobuf(const Update& update) {
  inner_.clear();
  put_wrapped(inner_, 1, update.task_id);
  put(inner_, 2, static_cast<std::uint64_t>(update.state));
  if (!update.message.empty()) put(inner_, 4, update.message);
  if (!update.agent_id.empty()) put_wrapped(inner_, 5, update.agent_id);
  put_real(inner_, 6, update.timestamp);
  if (!update.executor_id.empty()) put_wrapped(inner_, 7, update.executor_id);
  put(inner_, 9, static_cast<std::uint64_t>(update.source));
  if (update.reason != Reason::none) put(inner_, 10, static_cast<std::uint64_t>(update.reason));
  if (!update.uuid.empty()) put(inner_, 11, update.uuid);
  if (!update.executor_id.empty()) {
    // ContainerStatus{network_infos=1{ip_addresses=5{protocol=1 ip_address=2}} executor_pid=3 container_id=4}
    scratch_.clear();
    std::string address, network;
    put(address, 1, std::uint64_t{1});
    put(address, 2, update.ip);
    put(network, 5, address);
    put(scratch_, 1, network);
    put(scratch_, 3, std::uint64_t{update.executor_pid});
    put_wrapped(scratch_, 4, update.container_id);
    put(inner_, 13, scratch_);
  }
  scratch_.clear();
  put(scratch_, 1, inner_);
  put(body_, 1, std::uint64_t{4});
  put(body_, 5, scratch_);
}

void EventWriter::begin_offers(std::string_view framework_id, std::string_view role) {
  body_.clear();
  offer_middle_.clear();
  offer_end_ = role;
  if (codec_ == Codec::json) {
    body_.append(R"({"type":"OFFERS","offers":{"offers":[)");
    offer_middle_.append(R"("},"framework_id":{"value":")").append(framework_id).append("\"},");
  } else {
    put_wrapped(offer_middle_, 2, framework_id);
    put_wrapped(offer_middle_, 10, role);
  }
}

void EventWriter::offer(std::string_view offer_id, std::string_view face, const Amounts& amounts,
                        std::string_view executor_id) {
  const std::string& role = offer_end_;
  if (codec_ == Codec::json) {
    if (body_.back() != '[') body_ += ',';
    body_.append(R"({"id":{"value":")").append(offer_id).append(offer_middle_).append(face).append(R"(,"resources":[)");
    json_resource(body_, "cpus", amounts.cpus, role);
    json_resource(body_, "mem", amounts.mem, role);
    json_resource(body_, "disk", amounts.disk, role);
    body_ += ']';
    if (!executor_id.empty()) body_.append(R"(,"executor_ids":[{"value":")").append(executor_id).append("\"}]");
    body_.append(R"(,"allocation_info":{"role":")").append(role).append("\"}}");
    return;
  }
  inner_.clear();
  put_wrapped(inner_, 1, offer_id);
  inner_.append(offer_middle_).append(face);
  protobuf_resource(inner_, "cpus", amounts.cpus, role);
  protobuf_resource(inner_, "mem", amounts.mem, role);
  protobuf_resource(inner_, "disk", amounts.disk, role);
  if (!executor_id.empty()) put_wrapped(inner_, 6, executor_id);
  put(body_, 1, inner_);
}

void EventWriter::end_offers() {
  if (codec_ == Codec::json) {
    body_.append("]}}");
    return emit(body_);
  }
  inner_.clear();
  put(inner_, 1, std::uint64_t{2});
  put(inner_, 3, body_);
  emit(inner_);
}

}  // namespace scale
