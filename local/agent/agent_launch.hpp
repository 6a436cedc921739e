// What an agent gives an executor to start with: its sandbox, environment and command line.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "local/agent/agent_model.hpp"

namespace mesos::v1 {
class CommandInfo;
}  // namespace mesos::v1

namespace local {

// As Mesos prints durations: the largest unit that makes one or more of it ("5secs", "15mins",
// "1.5secs", "500ms").
std::string mesos_duration(base::Duration duration);

// <work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<run>
std::string sandbox_path(const std::string& work_dir, const std::string& agent_id, const std::string& framework_id,
                         const std::string& executor_id, const std::string& run);

// The variables every executor gets (Mesos: slave.cpp, executorEnvironment). `command` has the last
// word: its VALUE variables override all others.
std::map<std::string, std::string> executor_environment(const AgentConfig& config, const std::string& agent_id,
                                                        const mesos::v1::FrameworkInfo& framework,
                                                        const mesos::v1::ExecutorInfo& executor,
                                                        const mesos::v1::CommandInfo& command,
                                                        const std::string& sandbox);

// Fills file, argv and fetches from `command`. shell: /bin/sh -c value; otherwise value is the file
// and arguments[0] is argv[0].
void fill_command(const mesos::v1::CommandInfo& command, StartContainer& start);

bool in_docker(const mesos::v1::ExecutorInfo& executor);

// Makes `start` run the docker CLI as Mesos's docker containerizer does: `docker run`, the sandbox mounted at
// /mnt/mesos/sandbox, DockerInfo's parameters as --key=value; arguments follow the image and the command's value.
void run_in_docker(const AgentConfig& config, const mesos::v1::ExecutorInfo& executor, ContainerLimits limits,
                   StartContainer& start);
std::vector<std::string> docker_update(const AgentConfig& config, const std::string& container_id,
                                       ContainerLimits limits);

// Why this executor's container cannot run here, if so.
struct ContainerRefusal {
  bool refused = false;
  bool launch_failed = false;  // REASON_CONTAINER_LAUNCH_FAILED, else REASON_EXECUTOR_TERMINATED.
  std::string text;
};
ContainerRefusal refusal(const AgentConfig& config, const mesos::v1::ExecutorInfo& executor);

}  // namespace local
