// Why a cell failed, as its agent's operator API tells.
#include "scheduler/edge/sandbox_desk.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "mesos/codec.hpp"
#include "mesos/v1/agent/agent.pb.h"
#include "platform/clock.hpp"
#include "platform/http_server.hpp"
#include "platform/mailbox.hpp"
#include "test/unit/platform/certificates.hpp"

using namespace std::chrono_literals;
using mesos::v1::agent::Call;
using mesos::v1::agent::Response;

namespace {

// Serves files by their whole virtual path, as READ_FILE does.
class Agent {
 public:
  explicit Agent(mesos_client::Codec codec = mesos_client::Codec::json, platform::ServerOptions options = {})
      : codec_(codec), server_(listening(std::move(options)), [this](const platform::ServerRequest& request) {
          return reply(request);
        }) {
    const auto started = server_.start("--listen");
    REQUIRE(started);
    url = (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(*started) + "/slave(1)";
  }

  void holds(const std::string& name, const std::string& text) {
    const std::lock_guard lock(mutex_);
    files_["/frameworks/F/executors/E/runs/latest/" + name] = text;
  }
  void refuses(int status) { status_ = status; }
  // "name offset" of each question.
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::string authorization() {
    const std::lock_guard lock(mutex_);
    return authorization_;
  }
  std::function<void()> on_call;  // On the thread that answers.

  std::string url;

 private:
  platform::ServerOptions listening(platform::ServerOptions options) {
    tls_ = !options.cert_file.empty();
    options.listen = {"127.0.0.1", 0};
    return options;
  }

  platform::ServerResponse reply(const platform::ServerRequest& request) {
    if (on_call) on_call();
    const std::lock_guard lock(mutex_);
    Call call;
    const std::string type(mesos_client::content_type(codec_));
    const std::string* accept = platform::find_header(request.headers, "Accept");
    const bool right = request.method == "POST" && request.path == "/slave(1)/api/v1" && accept != nullptr &&
                       *accept == type && mesos_client::decode(codec_, request.body, call) &&
                       call.type() == Call::READ_FILE;
    // Not a REQUIRE: Catch takes them from one thread only.
    if (!right) return {.status = 400, .headers = {}, .body = "not what an agent takes"};
    if (const std::string* user = platform::find_header(request.headers, "Authorization")) authorization_ = *user;
    const auto& read = call.read_file();
    asked_.push_back(read.path().substr(read.path().rfind('/') + 1) + " " + std::to_string(read.offset()));
    if (status_ != 200) return {.status = status_, .headers = {}, .body = "no\n"};
    const auto file = files_.find(read.path());
    if (file == files_.end()) return {.status = 404, .headers = {}, .body = ""};
    Response response;
    response.set_type(Response::READ_FILE);
    response.mutable_read_file()->set_size(file->second.size());
    const auto offset = std::min<std::size_t>(read.offset(), file->second.size());
    response.mutable_read_file()->set_data(file->second.substr(offset, read.length()));
    return {.status = 200, .headers = {{"Content-Type", type}}, .body = mesos_client::encode(codec_, response)};
  }

  const mesos_client::Codec codec_;
  bool tls_ = false;
  std::mutex mutex_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> asked_;
  std::string authorization_;
  std::atomic<int> status_ = 200;
  platform::HttpServer server_;
};

core::ReadSandbox question(const Agent& agent, bool cell_first = false) {
  return {"S", agent.url, "F", "E", cell_first};
}

core::SandboxRead read(const core::ReadSandbox& question, const edge::MesosOptions& mesos = {}) {
  edge::OperatorApi agents(mesos, {.silence = 20s});
  return edge::read_sandbox(agents, question);
}

core::SandboxRead told(const std::string& file, const std::string& line) { return {"S", "E", file, line, ""}; }
core::SandboxRead silent(const std::string& failure) { return {"S", "E", "", "", failure}; }

}  // namespace

TEST_CASE("the line of the executor's stderr is found, in both encodings, with our credentials", "[sandbox_desk]") {
  const auto codec = GENERATE(mesos_client::Codec::json, mesos_client::Codec::protobuf);
  Agent agent(codec);
  agent.holds("stderr", "docker: no such image\nSee 'docker run --help'.\n");
  edge::MesosOptions mesos;
  mesos.codec = std::string(mesos_client::codec_name(codec));
  mesos.principal = "diego";
  mesos.secret = "s3cret";
  CHECK(read(question(agent), mesos) == told("stderr", "docker: no such image"));
  CHECK(agent.asked() == std::vector<std::string>{"stderr 0"});
  CHECK(agent.authorization() == "Basic ZGllZ286czNjcmV0");
}

TEST_CASE("of a long file the end is read", "[sandbox_desk]") {
  Agent agent;
  std::string text(100'000, '\n');
  agent.holds("stderr", text + "why\n");
  CHECK(read(question(agent)) == told("stderr", "why"));
  CHECK(agent.asked() == std::vector<std::string>{"stderr 0", "stderr 83620"});
}

TEST_CASE("where one file does not tell the other is asked, a failed cell's own first", "[sandbox_desk]") {
  Agent agent;
  SECTION("the executor's") {
    agent.holds("stderr", "\n");
    agent.holds("cell.stderr", "garden is broken\n");
    CHECK(read(question(agent)) == told("cell.stderr", "garden is broken"));
  }
  SECTION("the cell's") {
    agent.holds("stderr", "lost the agent\n");
    CHECK(read(question(agent, true)) == told("stderr", "lost the agent"));
    CHECK(agent.asked() == std::vector<std::string>{"cell.stderr 0", "stderr 0"});
    agent.holds("cell.stderr", "garden is broken\n");
    CHECK(read(question(agent, true)) == told("cell.stderr", "garden is broken"));
  }
  SECTION("neither") {
    agent.holds("stderr", "");
    CHECK(read(question(agent)) == silent("no line of stderr or cell.stderr tells"));
  }
}

TEST_CASE("an agent that does not answer, or refuses, is one line", "[sandbox_desk]") {
  Agent agent;
  SECTION("it refuses") {
    agent.refuses(403);
    CHECK(read(question(agent)) == silent(agent.url + "/api/v1: answered 403 no"));
    CHECK(agent.asked().size() == 1);
  }
  SECTION("nobody is there") {
    CHECK(read({"S", "http://127.0.0.1:1/slave(1)", "F", "E", false}).failure.find("connection refused") !=
          std::string::npos);
  }
  SECTION("its address is none") {
    const core::SandboxRead answer = read({"S", "ftp://h/slave(1)", "F", "E", false});
    CHECK(answer.failure == "agent: \"ftp://h/slave(1)/api/v1\" is neither http:// nor https://");
  }
  SECTION("it talks nonsense") {
    edge::MesosOptions protobuf;
    protobuf.codec = "protobuf";
    CHECK(read(question(agent), protobuf).failure == agent.url + "/api/v1: answered 400 not what an agent takes");
  }
}

TEST_CASE("an agent that speaks TLS is asked if its certificate is good", "[sandbox_desk]") {
  const auto& made = tls_test::certificates();
  platform::ServerOptions options;
  options.cert_file = made("server.pem");
  options.key_file = made("server.key");
  Agent agent(mesos_client::Codec::json, options);
  agent.holds("stderr", "why\n");
  edge::MesosOptions mesos;
  mesos.ca_file = made("ca.pem");
  CHECK(read(question(agent), mesos) == told("stderr", "why"));
  mesos.ca_file = made("stranger-ca.pem");
  CHECK(read(question(agent), mesos).failure.find("TLS: ") != std::string::npos);
}

TEST_CASE("the desk answers each question; one that hangs does not stop the next, nor the end", "[sandbox_desk]") {
  platform::Mailbox<core::SandboxRead> answers;
  platform::Mailbox<int> asked, go_on;
  Agent hangs, agent;
  hangs.on_call = [&] {
    asked.post(1);
    go_on.take(std::nullopt);
  };
  agent.holds("stderr", "why\n");
  auto desk = std::make_unique<edge::SandboxDesk>(
      edge::MesosOptions{}, [&answers](core::SandboxRead answer) { answers.post(std::move(answer)); });
  desk->ask(question(hangs));
  REQUIRE(asked.take(20s).size() == 1);
  desk->ask(question(agent));
  const auto first = answers.take(20s);
  REQUIRE(first.size() == 1);
  CHECK(first.front() == told("stderr", "why"));
  desk.reset();
  go_on.close();
}
