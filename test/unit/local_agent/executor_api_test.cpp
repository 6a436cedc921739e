#include "local/agent/executor_api.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "agent_rig.hpp"
#include "mesos/codec.hpp"
#include "mesos/v1/executor/executor.pb.h"

namespace fs = std::filesystem;
using local::AgentRequest;
using local::AgentRig;

namespace {

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// "POST /path HTTP/1.1" and headers, up to the empty line.
AgentRequest read_head(std::istream& in) {
  AgentRequest request;
  std::string line;
  std::getline(in, line);
  std::istringstream(line) >> request.method >> request.path;
  while (std::getline(in, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    request.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return request;
}

// ---- our own fixture ----

struct Fixture {
  std::string name;
  AgentRequest request;
  std::string answer;
};

std::vector<Fixture> fixtures() {
  std::string text = read_file(fs::path(TEST_DATA_DIR) / "executor-answers.txt");
  text.erase(0, text.find("\n\n") + 2);
  replace_all(text, "$J", "POST /slave(1)/api/v1/executor\nContent-Type: application/json\nAccept: application/json");
  replace_all(text, "$E", R"("executor_id":{"value":"ex"},"framework_id":{"value":"F"})");
  replace_all(text, "$U", "AQIDBAUGRwiJCgsMDQ4PEA==");
  std::vector<Fixture> all;
  std::istringstream in(text);
  Fixture one;
  while (std::getline(in, one.name)) {
    if (one.name.empty()) continue;
    one.request = read_head(in);
    std::getline(in, one.request.body);
    std::getline(in, one.answer);
    one.answer.erase(0, 3);
    all.push_back(one);
  }
  return all;
}

// ---- a capture of a real agent ----

struct Exchange {
  AgentRequest request;
  int status = 0;
  local::Reply expected;
};

Exchange read_exchange(const fs::path& path) {
  const std::string text = read_file(path);
  const std::string asks = "======== REQUEST ========\n", answers = "======== RESPONSE ========\n",
                    notes = "======== NOTE";
  const std::size_t answer_at = text.find(answers);
  std::istringstream asked(text.substr(asks.size(), answer_at - asks.size()));
  Exchange exchange;
  exchange.request = read_head(asked);
  std::getline(asked, exchange.request.body, '\0');
  if (!exchange.request.body.empty() && exchange.request.body.back() == '\n') exchange.request.body.pop_back();

  std::string answer = text.substr(answer_at + answers.size());
  answer.resize(std::min(answer.find(notes), answer.size()));
  std::istringstream answered(answer);
  const AgentRequest head = read_head(answered);  // "HTTP/1.1 400 Bad Request" has the same shape.
  exchange.status = std::atoi(head.path.c_str());
  exchange.expected.headers = head.headers;
  std::getline(answered, exchange.expected.body, '\0');
  for (const auto& [name, value] : head.headers) {
    if (name == "Content-Length")
      exchange.expected.body.resize(std::min<std::size_t>(exchange.expected.body.size(), std::stoul(value)));
  }
  return exchange;
}

std::string header_of(const local::Reply& reply, const std::string& name) {
  for (const auto& [key, value] : reply.headers) {
    if (key == name) return value;
  }
  return "";
}

fs::path captures() {
  const char* named = std::getenv("DIEGO_MESOS_CAPTURES");
  return named != nullptr ? fs::path(named) : fs::path(CAPTURES_DIR);
}

}  // namespace

TEST_CASE("the agent answers executors in Mesos's words", "[executor_api]") {
  const std::vector<Fixture> all = fixtures();
  REQUIRE(all.size() > 30);
  for (const Fixture& one : all) {
    AgentRig rig;
    rig.running_task("ex", "t1");
    rig.request(one.request);
    CHECK(one.name + ": " + fmt::format("{} {}", rig.last_reply.status, rig.last_reply.body) ==
          one.name + ": " + one.answer);
    const bool text = rig.last_reply.status >= 400;
    CHECK(header_of(rig.last_reply, "Content-Type") == (text ? "text/plain; charset=utf-8" : ""));
    CHECK(header_of(rig.last_reply, "Allow") == (rig.last_reply.status == 405 ? "POST" : ""));
  }
}

TEST_CASE("the agent answers as a real agent did", "[executor_api]") {
  const fs::path folder = captures() / "mesos/executor-json/exec-bad-calls";
  if (!fs::exists(folder)) {
    std::cerr << "SKIPPED: no captures at " << folder << "; set DIEGO_MESOS_CAPTURES\n";
    SUCCEED();
    return;
  }
  AgentRig rig;
  rig.run("exec-bad-calls", {"bad-calls"});
  rig.started("exec-bad-calls");
  rig.subscribe("exec-bad-calls");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".txt") && name != "environment.txt" && name != "01-subscribe.txt")
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() > 30);
  for (const fs::path& file : files) {
    CAPTURE(file.filename().string());
    Exchange exchange = read_exchange(file);
    const std::string framework = "73694ef6-3a5b-48bf-85b2-b76aa7a35465-0009";
    replace_all(exchange.request.body, framework, "F");
    replace_all(exchange.expected.body, framework, "F");
    rig.request(exchange.request);
    CHECK(rig.last_reply.status == exchange.status);
    CHECK(rig.last_reply.body == exchange.expected.body);
    CHECK(header_of(rig.last_reply, "Content-Type") == header_of(exchange.expected, "Content-Type"));
    CHECK(header_of(rig.last_reply, "Allow") == header_of(exchange.expected, "Allow"));
  }
}

TEST_CASE("Accept chooses the encoding of the stream", "[executor_api]") {
  const auto [accept, type] = GENERATE(table<std::string, std::string>({
      {"application/json", "application/json"},
      {"*/*", "application/json"},
      {"application/x-protobuf", "application/x-protobuf"},
      {"application/x-protobuf, application/json", "application/json"},
      {"application/json;q=0, application/x-protobuf", "application/x-protobuf"},
  }));
  AgentRig rig;
  rig.run("ex", {"t1"});
  mesos::v1::executor::Call call;
  call.mutable_executor_id()->set_value("ex");
  call.mutable_framework_id()->set_value("F");
  call.set_type(mesos::v1::executor::Call::SUBSCRIBE);
  call.mutable_subscribe();
  AgentRequest request;
  request.method = "POST";
  request.path = "/slave(1)/api/v1/executor";
  request.headers = {{"Content-Type", "application/x-protobuf"}, {"Accept", accept}};
  request.body = call.SerializeAsString();
  rig.request(request);
  CHECK(rig.last_reply.status == 200);
  CHECK(header_of(rig.last_reply, "Content-Type") == type);
  mesos::v1::executor::Event event;
  const std::string body = rig.last_record.substr(rig.last_record.find('\n') + 1);
  const auto codec = type == "application/json" ? mesos_client::Codec::json : mesos_client::Codec::protobuf;
  REQUIRE(mesos_client::decode(codec, body, event));
  CHECK(event.launch().task().task_id().value() == "t1");
}

TEST_CASE("SUBSCRIBED tells an executor all about itself", "[executor_api]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  rig.kill("t1");
  rig.run("ex", {"t2"}, false);
  AgentRequest request;
  request.method = "POST";
  request.path = "/api/v1/executor";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = R"({"type":"SUBSCRIBE","subscribe":{},"executor_id":{"value":"ex"},"framework_id":{"value":"F"}})";
  request.id = 99;
  std::string first;
  for (const auto& action : rig.model.handle(request, rig.now)) {
    const auto* write = std::get_if<local::StreamWrite>(&action);
    if (write == nullptr || !first.empty()) continue;
    CHECK(write->id == 99);
    first = write->record;
  }
  const std::string container = rig.container("ex").container_id;
  const std::string body =
      R"({"type":"SUBSCRIBED","subscribed":{"executor_info":{"type":"CUSTOM","executor_id":{"value":"ex"},"framework_id":{"value":"F"},)"
      R"("command":{"shell":true,"value":"exec /bin/executor"}},"framework_info":{"user":"root","name":"test","id":{"value":"F"},)"
      R"("failover_timeout":0.0,"checkpoint":true,"capabilities":[{"type":"PARTITION_AWARE"},{"type":"TASK_KILLING_STATE"}]},)"
      R"("agent_info":{"hostname":"127.0.0.1","port":5051,"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":4.0}}],)"
      R"("id":{"value":"A"}},"container_id":{"value":")" +
      container + R"("}}})";
  // The order of JSON fields means nothing.
  mesos::v1::executor::Event expected, told;
  REQUIRE(mesos_client::decode(mesos_client::Codec::json, body, expected));
  REQUIRE(mesos_client::decode(mesos_client::Codec::json, first.substr(first.find('\n') + 1), told));
  CHECK(told.DebugString() == expected.DebugString());
  CHECK(first.find("\"failover_timeout\":0.0") != std::string::npos);
}
