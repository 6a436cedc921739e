#include "local/agent/agent_server.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "local/agent/containers.hpp"
#include "mesos/codec.hpp"
#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "platform/http_client.hpp"

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// A master that registers every agent as "A", acknowledges every update and remembers what it was told.
class FakeMaster final : public local::MasterLink {
 public:
  local::AgentLink connect(std::function<void(local::ToAgent)> deliver) override {
    const std::lock_guard lock(mutex_);
    deliver_ = std::move(deliver);
    deliver_(local::MasterAppeared{});
    return ++link_;
  }

  void send(local::AgentLink link, local::FromAgent message) override {
    const std::lock_guard lock(mutex_);
    if (link != link_ || !deliver_) return;
    if (const auto* agent = std::get_if<local::RegisterAgent>(&message)) {
      told_.push_back("register " + agent->info->id().value());
      deliver_(local::RegisteredAck{"A", agent->info->has_id(), {}});
    } else if (const auto* status = std::get_if<local::ForwardStatus>(&message)) {
      told_.push_back(fmt::format("{} {} {}", status->status->task_id().value(),
                                  mesos::v1::TaskState_Name(status->status->state()), status->status->message()));
      deliver_(local::AckStatus{status->framework_id, status->status->task_id().value(), status->status->uuid()});
    } else if (const auto* exited = std::get_if<local::ExitedExecutor>(&message)) {
      told_.push_back(fmt::format("exited {} {}", exited->executor_id, exited->status));
    }
    changed_.notify_all();
  }

  void disconnect(local::AgentLink) override {
    const std::lock_guard lock(mutex_);
    deliver_ = {};
    told_.emplace_back("disconnected");
    changed_.notify_all();
  }

  void tell(local::ToAgent message) {
    const std::lock_guard lock(mutex_);
    if (deliver_) deliver_(std::move(message));
  }

  // Blocks until it was told `line`; false after 20 s.
  bool hears(const std::string& line) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return std::find(told_.begin(), told_.end(), line) != told_.end(); });
  }

  std::string transcript() {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const std::string& line : told_) all += line + "\n";
    return all;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void(local::ToAgent)> deliver_;
  local::AgentLink link_ = 0;
  std::vector<std::string> told_;
};

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "agent-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path;
};

struct Rig {
  Folder folder;
  FakeMaster master;
  local::AgentServer server{options(), master};

  local::AgentServerOptions options() const {
    local::AgentServerOptions made;
    made.agent.port = 0;
    made.agent.work_dir = folder.path.string();
    made.agent.recovery_time = 1ms;
    made.agent.executor_reregistration_timeout = 200ms;
    return made;
  }

  void start() {
    REQUIRE(server.start());
    REQUIRE(master.hears("register "));
  }

  local::Shared<mesos::v1::FrameworkInfo> framework() const {
    auto info = std::make_shared<mesos::v1::FrameworkInfo>();
    info->set_user("root");
    info->set_name("test");
    info->mutable_id()->set_value("F");
    info->set_checkpoint(true);
    return info;
  }

  mesos::v1::TaskInfo task(const std::string& id) const {
    mesos::v1::TaskInfo made;
    made.set_name(id);
    made.mutable_task_id()->set_value(id);
    made.mutable_agent_id()->set_value("A");
    return made;
  }

  void run_command(const mesos::v1::CommandInfo& command) {
    mesos::v1::TaskInfo made = task("t");
    *made.mutable_command() = command;
    master.tell(local::RunTask{framework(), nullptr, {std::make_shared<mesos::v1::TaskInfo>(made)}, false, true});
  }

  void run_shell(const std::string& text) {
    mesos::v1::CommandInfo command;
    command.set_value(text);
    run_command(command);
  }

  void run_executor(const std::string& shell) {
    auto executor = std::make_shared<mesos::v1::ExecutorInfo>();
    executor->mutable_executor_id()->set_value("ex");
    executor->mutable_framework_id()->set_value("F");
    executor->mutable_command()->set_value(shell);
    master.tell(local::RunTask{framework(), executor, {std::make_shared<mesos::v1::TaskInfo>(task("t"))}, false, true});
  }

  platform::ClientOptions client() const { return {.origin = {"http", "127.0.0.1", server.port(), ""}}; }

  platform::ClientResponse get(const std::string& path) const {
    platform::HttpClient http(client());
    const auto answer = http.send({"GET", path, {}, ""});
    REQUIRE(answer);
    return *answer;
  }

  // Asks the agent in between, so that this thread does not only spin. False after 20 s.
  bool eventually(const std::function<bool()>& holds) const {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      get("/health");
    }
    return true;
  }

  bool executor_known() const {
    return eventually([this] { return get("/state").body.find("\"ex\"") != std::string::npos; });
  }

  std::string sandbox_file(const std::string& executor, const std::string& name) const {
    std::ifstream in(folder.path / "slaves/A/frameworks/F/executors" / executor / "runs/latest" / name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
};

std::string executor_call(const std::string& rest) {
  return R"({"executor_id":{"value":"ex"},"framework_id":{"value":"F"},)" + rest + "}";
}

const platform::Headers kJson = {{"Content-Type", "application/json"}};

// An executor's stream on a thread of its own; the process it stands for is another.
class Stream {
 public:
  explicit Stream(const Rig& rig) : http_(options(rig)) {
    thread_ = std::thread([this] {
      const auto on_bytes = [this](std::string_view bytes) {
        const std::lock_guard lock(mutex_);
        text_ += bytes;
        changed_.notify_all();
      };
      const base::Status end =
          http_.run({"POST", "/slave(1)/api/v1/executor", kJson, executor_call(R"("type":"SUBSCRIBE","subscribe":{})")},
                    {.on_head = [](int, const platform::Headers&) {}, .on_bytes = on_bytes});
      const std::lock_guard lock(mutex_);
      text_ += end ? "<end>" : "<broken>";
      changed_.notify_all();
    });
  }
  ~Stream() {
    http_.stop();
    thread_.join();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  bool shows(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return text_.find(what) != std::string::npos; });
  }

 private:
  static platform::ClientOptions options(const Rig& rig) {
    platform::ClientOptions made = rig.client();
    made.read_timeout = 1h;
    return made;
  }

  platform::HttpStream http_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a command task runs in its sandbox with nothing of our environment", "[agent_server]") {
  Rig rig;
  ::setenv("OURS_ALONE", "1", 1);
  rig.start();
  rig.run_shell("pwd; echo \"$MESOS_SANDBOX $MESOS_SLAVE_PID $OURS_ALONE.\"; echo oops >&2; exit 3");
  REQUIRE(rig.master.hears("t TASK_FAILED Command exited with status 3"));
  const std::string folder =
      fs::read_symlink(rig.folder.path / "slaves/A/frameworks/F/executors/t/runs/latest").string();
  CHECK(rig.sandbox_file("t", "stdout") ==
        fmt::format("{0}\n{0} slave(1)@127.0.0.1:{1} .\n", folder, rig.server.port()));
  CHECK(rig.sandbox_file("t", "stderr") == "oops\n");

  CHECK(rig.get("/files/read?path=/frameworks/F/executors/t/runs/latest/stderr&offset=1&length=3").body ==
        R"({"data":"ops","offset":1})");
  CHECK(rig.get("/files/read?path=/frameworks/F/executors/t/runs/latest/stderr&offset=-1").body ==
        R"({"data":"","offset":5})");
  CHECK(rig.get("/files/read?path=/frameworks/../../etc/passwd").status == 404);
  const platform::ClientResponse list = rig.get("/files/browse?path=/frameworks/F/executors/t/runs/latest");
  CHECK(list.status == 200);
  CHECK(list.body.find(R"("path":"/frameworks/F/executors/t/runs/latest/stdout")") != std::string::npos);
  CHECK(rig.get("/health").status == 200);
  CHECK(rig.get("/state").body.find(R"("id":"A")") != std::string::npos);
}

TEST_CASE("READ_FILE of the operator API reads a sandbox, in both encodings", "[agent_server]") {
  Rig rig;
  rig.start();
  rig.run_shell("echo oops >&2; head -c 70000 /dev/zero; exit 3");
  REQUIRE(rig.master.hears("t TASK_FAILED Command exited with status 3"));
  const auto codec = GENERATE(mesos_client::Codec::json, mesos_client::Codec::protobuf);
  const std::string type(mesos_client::content_type(codec));
  const auto post = [&](const mesos::v1::agent::Call& call) {
    platform::HttpClient http(rig.client());
    const auto answer = http.send(
        {"POST", "/slave(1)/api/v1", {{"Content-Type", type}, {"Accept", type}}, mesos_client::encode(codec, call)});
    REQUIRE(answer);
    return *answer;
  };
  mesos::v1::agent::Call call;
  call.set_type(mesos::v1::agent::Call::READ_FILE);
  const auto read = [&](const std::string& path, std::uint64_t offset, std::optional<std::uint64_t> length) {
    call.mutable_read_file()->set_path(path);
    call.mutable_read_file()->set_offset(offset);
    call.mutable_read_file()->clear_length();
    if (length) call.mutable_read_file()->set_length(*length);
    return post(call);
  };
  const auto file = [&](const platform::ClientResponse& answer) {
    CHECK(answer.status == 200);
    mesos::v1::agent::Response response;
    REQUIRE(mesos_client::decode(codec, answer.body, response));
    CHECK(response.type() == mesos::v1::agent::Response::READ_FILE);
    return response.read_file();
  };
  const std::string folder = "/frameworks/F/executors/t/runs/latest/";
  CHECK(file(read(folder + "stderr", 1, 3)).data() == "ops");
  CHECK(file(read(folder + "stderr", 0, std::nullopt)).data() == "oops\n");
  CHECK(file(read(folder + "stderr", 0, 0)).size() == 5);
  CHECK(file(read(folder + "stderr", 5, 10)).data().empty());
  CHECK(file(read(folder + "stdout", 0, 70'000)).data().size() == 65'536);  // 16 pages, as Mesos has it.
  CHECK(file(read(folder + "stdout", 69'999, 10)).data().size() == 1);
  CHECK(read(folder + "nothing", 0, 1).status == 404);
  CHECK(read(folder, 0, 1).status == 400);
  CHECK(read("/frameworks/../../etc/passwd", 0, 1).status == 404);
  call.clear_read_file();
  CHECK(post(call).body == "Failed to validate agent::Call: Expecting 'read_file' to be present");
  call.set_type(mesos::v1::agent::Call::UNKNOWN);
  CHECK(post(call).status == 501);
  CHECK(rig.get("/slave(1)/api/v1").status == 405);
}

TEST_CASE("a command without a shell has its own argv[0]", "[agent_server]") {
  Rig rig;
  rig.start();
  mesos::v1::CommandInfo command;
  command.set_shell(false);
  command.set_value("/bin/sh");
  for (const char* argument : {"other-name", "-c", "echo $0 $1", "zero", "a b"}) command.add_arguments(argument);
  rig.run_command(command);
  REQUIRE(rig.master.hears("t TASK_FINISHED Command exited with status 0"));
  CHECK(rig.sandbox_file("t", "stdout") == "zero a b\n");
}

TEST_CASE("a program that is not there exits with status 1", "[agent_server]") {
  Rig rig;
  rig.start();
  mesos::v1::CommandInfo command;
  command.set_shell(false);
  command.set_value("/no/such/program");
  rig.run_command(command);
  CHECK(rig.master.hears("t TASK_FAILED Command exited with status 1"));
  CHECK(rig.sandbox_file("t", "stderr").find("/no/such/program") != std::string::npos);
}

TEST_CASE("local files are fetched, other URIs fail the launch", "[agent_server]") {
  Rig rig;
  rig.start();
  const fs::path script = rig.folder.path / "script";
  std::ofstream(script) << "#!/bin/sh\necho fetched\n";
  mesos::v1::CommandInfo command;
  command.set_value("./script");
  command.add_uris()->set_value(script.string());
  command.mutable_uris(0)->set_executable(true);
  SECTION("a path") {
    rig.run_command(command);
    REQUIRE(rig.master.hears("t TASK_FINISHED Command exited with status 0"));
    CHECK(rig.sandbox_file("t", "stdout") == "fetched\n");
  }
  SECTION("a path that is not there") {
    command.mutable_uris(0)->set_value("/no/such/file");
    rig.run_command(command);
    CHECK(rig.eventually([&] {
      return rig.master.transcript().find("t TASK_FAILED Failed to launch container: Failed to fetch all URIs") !=
             std::string::npos;
    }));
  }
}

TEST_CASE("an executor subscribes, updates and is shut down over HTTP", "[agent_server]") {
  Rig rig;
  rig.start();
  rig.run_executor("exec sleep 1000");
  platform::HttpClient calls(rig.client());
  REQUIRE(rig.executor_known());
  {
    Stream stream(rig);
    REQUIRE(stream.shows("SUBSCRIBED"));
    REQUIRE(stream.shows("\"LAUNCH\""));
    const auto answer = calls.send(
        {"POST", "/slave%281%29/api/v1/executor", kJson,
         executor_call(R"("type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING",)"
                       R"("source":"SOURCE_EXECUTOR","uuid":"AQIDBAUGRwiJCgsMDQ4PEA=="}})")});
    REQUIRE(answer);
    CHECK(answer->status == 202);
    CHECK(stream.shows("ACKNOWLEDGED"));
    CHECK(rig.master.hears("t TASK_RUNNING "));
    rig.master.tell(local::ShutdownExecutor{"F", "ex"});
    CHECK(stream.shows("SHUTDOWN"));
  }
  rig.server.stop(10ms);
  CHECK(rig.master.hears("disconnected"));
}

TEST_CASE("an executor lives through a restart of the agent, its stream does not", "[agent_server]") {
  Rig rig;
  rig.start();
  const int port = rig.server.port();
  rig.run_executor("exec sleep 1000");
  REQUIRE(rig.executor_known());
  Stream before(rig);
  REQUIRE(before.shows("\"LAUNCH\""));
  rig.server.kill();
  CHECK(before.shows("<broken>"));
  // A child between fork and exec may hold the listener a moment longer.
  const auto end = std::chrono::steady_clock::now() + 20s;
  std::string text;
  while (text.find("connection refused") == std::string::npos && std::chrono::steady_clock::now() < end) {
    const auto answer = platform::HttpClient(rig.client()).send({"GET", "/health", {}, ""});
    text = answer ? "answered" : answer.error().text;
  }
  CHECK_THAT(text, Catch::Contains("connection refused"));

  REQUIRE(rig.server.start());
  CHECK(rig.server.port() == port);
  REQUIRE(rig.master.hears("register A"));
  // Nobody came back in time.
  CHECK(rig.master.hears("t TASK_LOST Executor did not reregister within 200ms"));
  CHECK(rig.master.hears("exited ex 9"));
}

TEST_CASE("stopping an agent leaves no process of its executors, not even orphans in sessions of their own",
          "[agent_server]") {
  std::string sandbox;
  {
    Rig rig;
    rig.start();
    rig.run_executor("setsid sh -c 'sleep 1000 & echo up; exec sleep 1000' & sleep 1000");
    REQUIRE(rig.eventually([&] { return rig.sandbox_file("ex", "stdout") == "up\n"; }));
    sandbox = fs::read_symlink(rig.folder.path / "slaves/A/frameworks/F/executors/ex/runs/latest").string();
    REQUIRE(rig.eventually([&] { return local::container_processes(-1, sandbox).size() >= 4; }));
    rig.server.stop(10ms);
    CHECK(local::container_processes(-1, sandbox).empty());
  }
}

TEST_CASE("a taken port is an error that names it", "[agent_server]") {
  Rig first;
  REQUIRE(first.server.start());
  local::AgentServerOptions options = first.options();
  options.agent.port = first.server.port();
  FakeMaster master;
  local::AgentServer second(options, master);
  const base::Status started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message().find(std::to_string(first.server.port())) != std::string::npos);
}
