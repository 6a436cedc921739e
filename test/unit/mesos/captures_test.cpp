// All scheduler and executor traffic recorded between real Mesos daemons and clients, in both codecs:
// it reads, nothing of it is unknown to our schemas, and writing it again loses nothing.
#include <google/protobuf/message.h>
#include <rapidjson/document.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "mesos/codec.hpp"
#include "mesos/events.hpp"
#include "mesos/json.hpp"
#include "mesos/record_decoder.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

using namespace mesos_client;
namespace fs = std::filesystem;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

fs::path captures() {
  const char* const chosen = std::getenv("DIEGO_MESOS_CAPTURES");
  return fs::path(chosen != nullptr ? chosen : CAPTURES_DIR) / "mesos";
}

bool missing() {
  if (fs::is_directory(captures())) return false;
  std::cerr << "SKIPPED: no captures in " << captures() << " (set DIEGO_MESOS_CAPTURES)\n";
  WARN("SKIPPED: no captures in " << captures());
  return true;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> files(const std::string& suffix) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(captures())) {
    if (entry.path().filename().string().ends_with(suffix)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

fs::path beside(const fs::path& path, const std::string& old_suffix, const std::string& new_suffix) {
  const std::string text = path.string();
  return text.substr(0, text.size() - old_suffix.size()) + new_suffix;
}

// A recorded exchange, as far as it is one POST and its answer.
struct Exchange {
  std::string path;
  std::string request_head, request_body;
  int status = 0;
  std::string response_head, response_body;

  bool scheduler() const { return path.find("/api/v1/scheduler") != std::string::npos; }
  bool executor() const { return path.find("/api/v1/executor") != std::string::npos; }
};

std::optional<Exchange> read_exchange(const fs::path& path) {
  const std::string text = read_file(path);
  const std::string request_mark = "======== REQUEST ========\n", response_mark = "\n======== RESPONSE ========\n";
  const auto response_at = text.find(response_mark);
  if (!text.starts_with(request_mark + "POST ") || response_at == std::string::npos) return std::nullopt;
  const auto cut = [](const std::string& message, std::string& head, std::string& body) {
    const auto blank = message.find("\r\n\r\n");
    if (blank == std::string::npos) return false;
    head = message.substr(0, blank + 2);
    body = message.substr(blank + 4);
    return true;
  };
  Exchange exchange;
  std::string response = text.substr(response_at + response_mark.size());
  const auto next_mark = response.find("\n======== ");
  if (next_mark != std::string::npos) response.resize(next_mark);
  if (!cut(text.substr(request_mark.size(), response_at - request_mark.size()), exchange.request_head,
           exchange.request_body) ||
      !cut(response, exchange.response_head, exchange.response_body)) {
    return std::nullopt;
  }
  while (exchange.response_body.ends_with('\n')) exchange.response_body.pop_back();
  const auto space = exchange.request_head.find(' ');
  exchange.path = exchange.request_head.substr(space + 1, exchange.request_head.find(' ', space + 1) - space - 1);
  exchange.status = std::atoi(exchange.response_head.c_str() + exchange.response_head.find(' '));
  return exchange;
}

std::unique_ptr<Message> event_of(const Exchange& exchange) {
  if (exchange.scheduler()) return std::make_unique<mesos::v1::scheduler::Event>();
  if (exchange.executor()) return std::make_unique<mesos::v1::executor::Event>();
  return nullptr;
}

std::unique_ptr<Message> call_of(const Exchange& exchange) {
  if (exchange.scheduler()) return std::make_unique<mesos::v1::scheduler::Call>();
  if (exchange.executor()) return std::make_unique<mesos::v1::executor::Call>();
  return nullptr;
}

// True if something in it, at any depth, is not in our schema. Agents pass a field of the v0 AgentInfo
// on that v1 does not have (checkpoint, 7); Mesos's own JSON drops it.
bool holds_unknown(const Message& message) {
  const auto& reflection = *message.GetReflection();
  const auto& unknown = reflection.GetUnknownFields(message);
  const bool agent = message.GetDescriptor()->full_name() == "mesos.v1.AgentInfo";
  for (int i = 0; i < unknown.field_count(); ++i) {
    if (!agent || unknown.field(i).number() != 7) return true;
  }
  std::vector<const FieldDescriptor*> set;
  reflection.ListFields(message, &set);
  for (const auto* field : set) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated() && holds_unknown(reflection.GetMessage(message, field))) return true;
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i) {
      if (holds_unknown(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

// To Mesos an empty list, or null, is an absent field.
void drop_absent(rapidjson::Value& value) {
  if (value.IsArray()) {
    for (auto& element : value.GetArray()) drop_absent(element);
  }
  if (!value.IsObject()) return;
  for (auto member = value.MemberBegin(); member < value.MemberEnd();) {  // clang finds != ambiguous.
    drop_absent(member->value);
    const bool drop = member->value.IsNull() || (member->value.IsArray() && member->value.Empty());
    member = drop ? value.EraseMember(member) : member + 1;
  }
}

bool same_json(const std::string& a, const std::string& b) {
  rapidjson::Document left, right;
  left.Parse<rapidjson::kParseFullPrecisionFlag>(a.data(), a.size());
  right.Parse<rapidjson::kParseFullPrecisionFlag>(b.data(), b.size());
  if (left.HasParseError() || right.HasParseError()) return false;
  drop_absent(left);
  return left == right;
}

// Written again, a message has the same bytes; unknown fields move to the end of theirs.
bool same_bytes(std::string a, std::string b) {
  if (a == b) return true;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

std::unique_ptr<Message> empty_like(const Message& message) { return std::unique_ptr<Message>(message.New()); }

// Binary, and what a client sends as JSON: the ways in which a message is echoed.
void check_echo(const Message& message) {
  const auto again = empty_like(message);
  REQUIRE(decode(Codec::protobuf, encode(Codec::protobuf, message), *again));
  CHECK(again->SerializeAsString() == message.SerializeAsString());
  const auto known = empty_like(message);
  known->CopyFrom(message);
  known->DiscardUnknownFields();
  REQUIRE(decode(Codec::json, encode(Codec::json, message), *again));
  CHECK(again->SerializeAsString() == known->SerializeAsString());
}

}  // namespace

TEST_CASE("every recorded stream decodes and is written again without loss", "[captures]") {
  if (missing()) return;
  int streams = 0, json_records = 0, protobuf_records = 0, foreign = 0;
  for (const fs::path& path : files(".stream")) {
    CAPTURE(path.string());
    const auto exchange = read_exchange(beside(path, ".stream", ".txt"));
    REQUIRE(exchange);
    const auto event = event_of(*exchange);
    if (!event) continue;  // The operator API's events.
    const bool json = exchange->response_head.find("application/json") != std::string::npos;

    RecordDecoder decoder(std::size_t{1} << 24U);
    const auto records = decoder.feed(read_file(path));
    REQUIRE(records);
    CHECK(decoder.at_boundary());
    ++streams;
    for (const std::string& record : *records) {
      if (record.find("\"get_state\"") != std::string::npos) {
        ++foreign;  // The operator API behind an executor's URL, told apart below.
        break;
      }
      const auto status = decode(json ? Codec::json : Codec::protobuf, record, *event);
      INFO((status ? "" : status.error().message()));
      REQUIRE(status);
      CHECK_FALSE(holds_unknown(*event));
      ++(json ? json_records : protobuf_records);
      if (json) {
        CAPTURE(record);
        CHECK(same_json(record, encode(Codec::json, *event, JsonFields::set_and_defaults)));
      } else {
        CHECK(same_bytes(event->SerializeAsString(), record));
      }
      check_echo(*event);
    }
  }
  std::cout << "captures: " << streams << " streams, " << json_records << " JSON events, " << protobuf_records
            << " protobuf events, " << foreign << " of another API\n";
  CHECK(streams > 0);
  CHECK(json_records > 0);
  CHECK(protobuf_records > 0);
}

TEST_CASE("protobuf's own JSON of a recorded event reads as the same event", "[captures]") {
  if (missing()) return;
  int compared = 0;
  for (const fs::path& path : files(".stream")) {
    const auto exchange = read_exchange(beside(path, ".stream", ".txt"));
    const auto translated = beside(path, ".stream", ".jsonl");
    if (!exchange || !event_of(*exchange) || !fs::exists(translated)) continue;
    if (exchange->response_head.find("application/x-protobuf") == std::string::npos) continue;
    CAPTURE(path.string());
    RecordDecoder decoder(std::size_t{1} << 24U);
    const auto records = decoder.feed(read_file(path));
    REQUIRE(records);
    std::istringstream lines(read_file(translated));
    std::string line;
    for (const std::string& record : *records) {
      REQUIRE(std::getline(lines, line));
      const auto event = event_of(*exchange);
      REQUIRE(decode(Codec::json, line, *event));
      const auto recorded = event_of(*exchange);
      REQUIRE(decode(Codec::protobuf, record, *recorded));
      recorded->DiscardUnknownFields();
      CHECK(event->SerializeAsString() == recorded->SerializeAsString());
      ++compared;
    }
  }
  std::cout << "captures: " << compared << " events in protobuf's own JSON\n";
  CHECK(compared > 0);
}

TEST_CASE("a recorded call reads and is written again without loss, or is refused as Mesos refused it", "[captures]") {
  if (missing()) return;
  int json_calls = 0, protobuf_calls = 0, refused = 0;
  for (const fs::path& path : files(".txt")) {
    const auto exchange = read_exchange(path);
    if (!exchange) continue;
    const auto call = call_of(*exchange);
    if (!call || exchange->request_body.empty()) continue;
    const fs::path binary = beside(path, ".txt", ".request.pb");
    const bool json = exchange->request_head.find("Content-Type: application/json\r\n") != std::string::npos;
    const bool protobuf = exchange->request_head.find("Content-Type: application/x-protobuf\r\n") != std::string::npos;
    const bool binary_body = fs::exists(binary);  // Also of some calls with a false Content-Type.
    if (json == binary_body || !(json || protobuf)) continue;
    if (exchange->request_head.find("chunked") != std::string::npos) continue;
    CAPTURE(path.string());
    const std::string body = json ? exchange->request_body : read_file(binary);
    const auto status = decode(json ? Codec::json : Codec::protobuf, body, *call);
    if (exchange->response_body.starts_with("Failed to parse") ||
        exchange->response_body.starts_with("Failed to convert")) {
      REQUIRE_FALSE(status);
      CHECK(status.error().message() == exchange->response_body);
      ++refused;
      continue;
    }
    INFO((status ? "" : status.error().message()));
    REQUIRE(status);
    CHECK_FALSE(holds_unknown(*call));
    ++(json ? json_calls : protobuf_calls);
    check_echo(*call);
    if (!json) CHECK(encode(Codec::protobuf, *call) == body);
    // Refused calls hold what the mapping drops on purpose: unknown names, nulls, numbers in strings.
    if (json && exchange->status < 300) CHECK(same_json(body, encode(Codec::json, *call)));
  }
  std::cout << "captures: " << json_calls << " JSON calls, " << protobuf_calls << " protobuf calls, " << refused
            << " refused bodies\n";
  CHECK(json_calls > 0);
  CHECK(protobuf_calls > 0);
  CHECK(refused > 0);
}

TEST_CASE("the operator API behind an executor's URL is told apart by its first event", "[captures]") {
  if (missing()) return;
  int told = 0;
  for (const fs::path& path : files(".stream")) {
    const auto exchange = read_exchange(beside(path, ".stream", ".txt"));
    RecordDecoder decoder(std::size_t{1} << 24U);
    const auto records = decoder.feed(read_file(path));
    if (!exchange || !records || records->empty() || records->front().find("\"get_state\"") == std::string::npos)
      continue;
    CAPTURE(path.string());
    mesos::v1::executor::Event event;
    const auto status = decode(Codec::json, records->front(), event);
    REQUIRE_FALSE(status);
    CHECK(status.error().message().find("subscribed.executor_info") != std::string::npos);
    ++told;
  }
  CHECK(told > 0);
}

TEST_CASE("recorded answers of the operator API that we ask read as Mesos wrote them", "[captures]") {
  if (missing()) return;
  int read = 0;
  for (const fs::path& path : files(".txt")) {
    const auto exchange = read_exchange(path);
    const bool asks_agent = path.filename().string().find("-agent-") != std::string::npos &&
                            path.filename().string().find("-op-") == std::string::npos;
    if (!exchange || asks_agent || exchange->path != "/api/v1" || exchange->status != 200) continue;
    mesos::v1::master::Call call;
    const fs::path binary = beside(path, ".txt", ".request.pb");
    const bool json = !fs::exists(binary);
    if (!decode(json ? Codec::json : Codec::protobuf, json ? exchange->request_body : read_file(binary), call))
      continue;
    const fs::path answer = beside(path, ".txt", ".response.pb");
    mesos::v1::master::Response response;
    if (!json && !fs::exists(answer)) continue;
    if (json && !exchange->response_body.starts_with("{\"type\":\"GET_")) continue;
    CAPTURE(path.string());
    const auto status =
        decode(json ? Codec::json : Codec::protobuf, json ? exchange->response_body : read_file(answer), response);
    if (!call.has_type()) continue;  // One that we do not ask.
    INFO((status ? "" : status.error().message()));
    REQUIRE(status);
    CHECK(response.has_type());
    CHECK(mesos::v1::master::Response::Type_Name(response.type()) == mesos::v1::master::Call::Type_Name(call.type()));
    if (!json) CHECK_FALSE(holds_unknown(response));
    ++read;
  }
  std::cout << "captures: " << read << " operator answers\n";
  CHECK(read > 0);
}
