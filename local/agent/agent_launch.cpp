#include "local/agent/agent_launch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
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

bool in_docker(const mesos::v1::ExecutorInfo& executor) {
  return executor.has_container() && executor.container().type() == mesos::v1::ContainerInfo::DOCKER;
}

namespace {

constexpr const char* kSandboxInDocker = "/mnt/mesos/sandbox";
constexpr double kSharesPerCpu = 1024;
constexpr double kSharesMin = 2;  // Of the kernel.

std::string name_in_docker(const std::string& container_id) { return "mesos-" + container_id; }

std::vector<std::string> docker_cli(const AgentConfig& config, std::initializer_list<std::string> more) {
  std::vector<std::string> argv = {config.docker, "-H", "unix://" + config.docker_socket};
  argv.insert(argv.end(), more);
  return argv;
}

std::string shares_of(ContainerLimits limits) {
  return fmt::format("{:.0f}", std::max(limits.cpus * kSharesPerCpu, kSharesMin));
}

std::string memory_of(ContainerLimits limits) { return fmt::format("{:.0f}m", limits.mem_mb); }

void add_volumes(const mesos::v1::ContainerInfo& container, const std::string& sandbox,
                 std::vector<std::string>& argv) {
  argv.insert(argv.end(), {"--volume", sandbox + ":" + kSandboxInDocker});
  for (const auto& volume : container.volumes()) {
    const bool relative = !volume.container_path().starts_with('/');
    const std::string inside =
        relative ? fmt::format("{}/{}", kSandboxInDocker, volume.container_path()) : volume.container_path();
    argv.insert(argv.end(), {"--volume", fmt::format("{}:{}:{}", volume.host_path(), inside,
                                                     volume.mode() == mesos::v1::Volume::RO ? "ro" : "rw")});
  }
}

}  // namespace

void run_in_docker(const AgentConfig& config, const mesos::v1::ExecutorInfo& executor, ContainerLimits limits,
                   StartContainer& start) {
  const std::string name = name_in_docker(start.container_id);
  const mesos::v1::ContainerInfo& container = executor.container();
  std::vector<std::string> argv = docker_cli(config, {"run", "--name", name, "--cpu-shares", shares_of(limits)});
  if (limits.mem_mb > 0) argv.insert(argv.end(), {"--memory", memory_of(limits)});
  if (container.docker().privileged()) argv.emplace_back("--privileged");
  // Values go by the CLI's environment: they may hold anything, and are nobody's business in a list of processes.
  start.environment["MESOS_SANDBOX"] = kSandboxInDocker;
  start.environment["MESOS_CONTAINER_NAME"] = name;
  for (const auto& [variable, value] : start.environment) {
    const bool ours = variable == "PATH" && std::none_of(executor.command().environment().variables().begin(),
                                                         executor.command().environment().variables().end(),
                                                         [](const auto& one) { return one.name() == "PATH"; });
    if (!ours) argv.insert(argv.end(), {"--env", variable});
  }
  add_volumes(container, start.sandbox, argv);
  argv.insert(argv.end(),
              {"--net", container.docker().network() == mesos::v1::ContainerInfo::DockerInfo::NONE ? "none" : "host"});
  for (const auto& parameter : container.docker().parameters())
    argv.push_back(fmt::format("--{}={}", parameter.key(), parameter.value()));
  argv.push_back(container.docker().image());
  if (executor.command().shell()) argv.insert(argv.end(), {"/bin/sh", "-c"});
  if (executor.command().has_value()) argv.push_back(executor.command().value());
  argv.insert(argv.end(), executor.command().arguments().begin(), executor.command().arguments().end());
  start.file = config.docker;
  start.argv = std::move(argv);
  start.remove = docker_cli(config, {"rm", "--force", "--volumes", name});
}

std::vector<std::string> docker_update(const AgentConfig& config, const std::string& container_id,
                                       ContainerLimits limits) {
  return docker_cli(config, {"update", "--cpu-shares", shares_of(limits), "--memory", memory_of(limits),
                             "--memory-swap", "-1", name_in_docker(container_id)});
}

ContainerRefusal refusal(const AgentConfig& config, const mesos::v1::ExecutorInfo& executor) {
  if (!executor.has_container()) return {};
  const mesos::v1::ContainerInfo& container = executor.container();
  if (in_docker(executor)) {
    if (!config.docker.empty()) return {};
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
