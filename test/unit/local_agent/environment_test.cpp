#include <catch2/catch.hpp>

#include <tuple>

#include "local/agent/agent_launch.hpp"
#include "mesos/v1/mesos.pb.h"

using namespace std::chrono_literals;
using Environment = std::map<std::string, std::string>;

namespace {

struct Given {
  local::AgentConfig config;
  mesos::v1::FrameworkInfo framework;
  mesos::v1::ExecutorInfo executor;

  Given() {
    config.port = 5052;
    framework.mutable_id()->set_value("M-0007");
    framework.set_checkpoint(true);
    executor.mutable_executor_id()->set_value("cell");
  }

  Environment environment() const {
    return local::executor_environment(config, "M-S1", framework, executor, executor.command(), "/w/sandbox");
  }

  void set(const std::string& name, const std::string& value) {
    auto& variable = *executor.mutable_command()->mutable_environment()->add_variables();
    variable.set_name(name);
    variable.set_value(value);
  }
};

}  // namespace

TEST_CASE("an executor's environment is Mesos's and nothing of ours", "[agent]") {
  CHECK(Given().environment() == Environment{
                                     {"LIBPROCESS_IP", "127.0.0.1"},
                                     {"LIBPROCESS_PORT", "0"},
                                     {"MESOS_AGENT_ENDPOINT", "127.0.0.1:5052"},
                                     {"MESOS_CHECKPOINT", "1"},
                                     {"MESOS_DIRECTORY", "/w/sandbox"},
                                     {"MESOS_EXECUTOR_ID", "cell"},
                                     {"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"},
                                     {"MESOS_FRAMEWORK_ID", "M-0007"},
                                     {"MESOS_HTTP_COMMAND_EXECUTOR", "0"},
                                     {"MESOS_RECOVERY_TIMEOUT", "15mins"},
                                     {"MESOS_SANDBOX", "/w/sandbox"},
                                     {"MESOS_SLAVE_ID", "M-S1"},
                                     {"MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5052"},
                                     {"MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"},
                                     {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                                 });
}

TEST_CASE("without checkpointing there is no time to reconnect", "[agent]") {
  Given given;
  given.framework.set_checkpoint(false);
  const Environment environment = given.environment();
  CHECK(environment.at("MESOS_CHECKPOINT") == "0");
  CHECK_FALSE(environment.contains("MESOS_RECOVERY_TIMEOUT"));
  CHECK_FALSE(environment.contains("MESOS_SUBSCRIPTION_BACKOFF_MAX"));
}

TEST_CASE("the command's variables have the last word, the agent's flag the first", "[agent]") {
  Given given;
  given.config.executor_environment = {{"PATH", "/opt/bin"}, {"A", "flag"}, {"MESOS_SLAVE_ID", "flag"}};
  given.set("A", "command");
  given.set("MESOS_DIRECTORY", "/elsewhere");
  given.set("EMPTY", "");
  const Environment environment = given.environment();
  CHECK(environment.at("PATH") == "/opt/bin");
  CHECK(environment.at("A") == "command");
  CHECK(environment.at("MESOS_SLAVE_ID") == "M-S1");
  CHECK(environment.at("MESOS_DIRECTORY") == "/elsewhere");
  CHECK(environment.at("EMPTY").empty());
}

TEST_CASE("an executor's own grace period is announced", "[agent]") {
  Given given;
  given.executor.mutable_shutdown_grace_period()->set_nanoseconds(std::chrono::nanoseconds(30s).count());
  CHECK(given.environment().at("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD") == "30secs");
}

TEST_CASE("durations print as Mesos prints them", "[agent]") {
  const auto [duration, text] = GENERATE(table<base::Duration, std::string>({{5s, "5secs"},
                                                                             {15min, "15mins"},
                                                                             {60s, "1mins"},
                                                                             {1500ms, "1.5secs"},
                                                                             {500ms, "500ms"},
                                                                             {2h, "2hrs"},
                                                                             {24h, "1days"},
                                                                             {168h, "1weeks"},
                                                                             {90s, "1.5mins"},
                                                                             {7us, "7us"},
                                                                             {3ns, "3ns"},
                                                                             {0ns, "0ns"}}));
  CHECK(local::mesos_duration(duration) == text);
}

TEST_CASE("a command line is a shell's or its own", "[agent]") {
  mesos::v1::CommandInfo command;
  command.set_value("echo $HOME");
  local::StartContainer shell;
  local::fill_command(command, shell);
  CHECK(shell.file == "/bin/sh");
  CHECK(shell.argv == std::vector<std::string>{"sh", "-c", "echo $HOME"});

  command.set_shell(false);
  command.add_arguments("zero");
  command.add_arguments("one");
  local::StartContainer direct;
  local::fill_command(command, direct);
  CHECK(direct.file == "echo $HOME");
  CHECK(direct.argv == std::vector<std::string>{"zero", "one"});
}

TEST_CASE("local URIs are fetched into the sandbox, others fail", "[agent]") {
  const auto [uri, output, fetch, fails] = GENERATE(table<std::string, std::string, std::vector<local::Fetch>, bool>({
      {"/opt/exec", "", {{"/opt/exec", "exec", true}}, false},
      {"file:///opt/exec", "", {{"/opt/exec", "exec", true}}, false},
      {"/opt/exec", "bin/e", {{"/opt/exec", "bin/e", true}}, false},
      {"/opt/exec", "../e", {}, true},
      {"http://host/exec", "", {}, true},
      {"relative", "", {}, true},
  }));
  mesos::v1::CommandInfo command;
  command.add_uris()->set_value(uri);
  command.mutable_uris(0)->set_executable(true);
  if (!output.empty()) command.mutable_uris(0)->set_output_file(output);
  local::StartContainer start;
  local::fill_command(command, start);
  CHECK(start.fetches == fetch);
  CHECK(start.fetch_fails == fails);
}
