#include "local/agent/agent_launch.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "mesos/v1/mesos.pb.h"

namespace local {

std::string mesos_duration(base::Duration duration) {
  struct Unit {
    std::string_view name;
    double nanoseconds;
  };
  static constexpr std::array<Unit, 8> kUnits = {{{"weeks", 604800e9},
                                                  {"days", 86400e9},
                                                  {"hrs", 3600e9},
                                                  {"mins", 60e9},
                                                  {"secs", 1e9},
                                                  {"ms", 1e6},
                                                  {"us", 1e3},
                                                  {"ns", 1}}};
  const double count = static_cast<double>(duration.count());
  for (const Unit& unit : kUnits) {
    if (count >= unit.nanoseconds) return fmt::format("{}{}", count / unit.nanoseconds, unit.name);
  }
  return fmt::format("{}ns", duration.count());
}

std::string sandbox_path(const std::string& work_dir, const std::string& agent_id, const std::string& framework_id,
                         const std::string& executor_id, const std::string& run) {
  return fmt::format("{}/slaves/{}/frameworks/{}/executors/{}/runs/{}", work_dir, agent_id, framework_id, executor_id,
                     run);
}

std::map<std::string, std::string> executor_environment(const AgentConfig& config, const std::string& agent_id,
                                                        const mesos::v1::FrameworkInfo& framework,
                                                        const mesos::v1::ExecutorInfo& executor,
                                                        const mesos::v1::CommandInfo& command,
                                                        const std::string& sandbox) {
  std::map<std::string, std::string> environment = config.executor_environment;
  environment["MESOS_FRAMEWORK_ID"] = framework.id().value();
  environment["MESOS_EXECUTOR_ID"] = executor.executor_id().value();
  environment["MESOS_SLAVE_ID"] = agent_id;
  environment["MESOS_SLAVE_PID"] = fmt::format("{}@{}:{}", config.process, config.ip, config.port);
  environment["MESOS_AGENT_ENDPOINT"] = fmt::format("{}:{}", config.ip, config.port);
  environment["MESOS_DIRECTORY"] = sandbox;
  environment["MESOS_SANDBOX"] = sandbox;
  environment["MESOS_HTTP_COMMAND_EXECUTOR"] = "0";
  environment["MESOS_CHECKPOINT"] = framework.checkpoint() ? "1" : "0";
  if (framework.checkpoint()) {
    environment["MESOS_RECOVERY_TIMEOUT"] = mesos_duration(config.recovery_timeout);
    environment["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = mesos_duration(config.executor_reregistration_timeout);
  }
  environment["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"] = mesos_duration(
      executor.has_shutdown_grace_period() ? base::Duration(executor.shutdown_grace_period().nanoseconds())
                                           : config.executor_shutdown_grace);
  environment["LIBPROCESS_IP"] = config.ip;
  environment["LIBPROCESS_PORT"] = "0";
  environment.try_emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  for (const auto& variable : command.environment().variables()) {
    if (variable.type() == mesos::v1::Environment::Variable::SECRET) continue;  // There is no secret resolver here.
    environment[variable.name()] = variable.value();
  }
  return environment;
}

namespace {

void add_fetch(const mesos::v1::CommandInfo::URI& uri, StartContainer& start) {
  constexpr std::string_view kFile = "file://";
  std::string source = uri.value();
  if (source.starts_with(kFile)) source.erase(0, kFile.size());
  if (!source.starts_with('/')) {
    start.fetch_fails = true;
    return;
  }
  const std::string name = uri.has_output_file() ? uri.output_file() : source.substr(source.rfind('/') + 1);
  // The fetcher refuses to leave the sandbox.
  if (name.empty() || name.starts_with('/') || name.find("..") != std::string::npos) {
    start.fetch_fails = true;
    return;
  }
  start.fetches.push_back({source, name, uri.executable()});
}

}  // namespace

void fill_command(const mesos::v1::CommandInfo& command, StartContainer& start) {
  if (command.shell()) {
    start.file = "/bin/sh";
    start.argv = {"sh", "-c", command.value()};
  } else {
    start.file = command.value();
    start.argv.assign(command.arguments().begin(), command.arguments().end());
    if (start.argv.empty()) start.argv.push_back(command.value());
  }
  for (const auto& uri : command.uris()) add_fetch(uri, start);
}

ContainerRefusal refusal(const mesos::v1::ExecutorInfo& executor) {
  if (!executor.has_container()) return {};
  const mesos::v1::ContainerInfo& container = executor.container();
  if (container.type() == mesos::v1::ContainerInfo::DOCKER) {
    return {true, false, "Abnormal executor termination: unknown container"};
  }
  if (container.mesos().has_image()) {
    return {true, true,
            fmt::format("Failed to launch container: Unsupported container image type: {}",
                        mesos::v1::Image::Type_Name(container.mesos().image().type()))};
  }
  return {};
}

}  // namespace local
