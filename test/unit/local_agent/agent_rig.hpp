// An agent model with a scripted master, containers and executors around it. Every verb returns what
// the agent did as readable lines, in order.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "local/agent/agent_model.hpp"

namespace local {

using Lines = std::vector<std::string>;

struct RigOptions {
  bool checkpoint = true;
  bool partition_aware = true;
  bool killing_state = true;
  bool docker = false;  // Executors are in DOCKER containers.
  AgentConfig agent;    // With docker or a cgroup_root executors have 512 MiB and a core, tasks 100 MiB.
};

class AgentRig {
 public:
  explicit AgentRig(RigOptions options = {});  // Registered as agent "A".

  // ---- the master ----
  Lines master(ToAgent message);
  Lines run(const std::string& executor, const std::vector<std::string>& tasks,
            bool launch_executor = true);  // A group if several.
  Lines run_command(const std::string& task, const std::string& command = "true");
  Lines run_command(const mesos::v1::TaskInfo& task);
  Lines kill(const std::string& task, std::optional<base::Duration> grace = std::nullopt);
  Lines ack(const std::string& task);  // Of the update last forwarded for it.
  Lines reregister();

  // ---- containers ----
  Lines started(const std::string& executor, int pid = 100);
  Lines exited(const std::string& executor, int raw_status);
  const StartContainer& container(const std::string& executor) const { return containers_.at(executor); }

  // ---- the executor ----
  // JSON without the ids.
  Lines call(const std::string& executor, const std::string& type_and_body);
  Lines subscribe(const std::string& executor, const std::string& body = "{}");
  Lines update(const std::string& executor, const std::string& task, const std::string& state,
               const std::string& more = "");
  Lines request(AgentRequest request);

  // ---- time ----
  Lines pass(base::Duration duration);  // Stops at every deadline on the way.
  Lines feed(const AgentEvent& event);

  // Verb sequences that most tests begin with.
  void running_task(const std::string& executor, const std::string& task);  // RUNNING, acknowledged by all.

  std::string uuid_base64(const std::string& name);  // A valid uuid for an update, by name; stable.
  Reply last_reply;
  Shared<mesos::v1::TaskStatus> last_status;
  std::uint64_t stream_of(const std::string& executor) const { return streams_.at(executor); }
  std::string last_record;

  const bool docker, sized;
  AgentModel model;
  base::Time now{std::chrono::seconds(1'700'000'000)};
  Shared<mesos::v1::FrameworkInfo> framework;

 private:
  void note(const AgentAction& action, Lines& lines);
  void note_to_master(const FromAgent& message, Lines& lines);

  std::map<std::string, StartContainer> containers_;  // By executor id.
  std::map<std::string, std::string> executor_of_container_;
  std::map<std::string, std::string> forwarded_;  // Task -> uuid.
  std::map<std::string, std::uint64_t> streams_;  // Executor -> request id.
  std::map<std::string, std::string> uuids_;
  std::uint64_t next_request_ = 1;
};

mesos::v1::TaskInfo command_task(const std::string& id, const std::string& command);

}  // namespace local
