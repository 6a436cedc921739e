// A stand-in Mesos agent as a pure model: it registers with the master, runs executors and command
// tasks, speaks the v1 executor API and keeps status updates until they are acknowledged. Sockets,
// processes and files belong to whoever carries out its actions (agent_server.hpp, a simulation).
//
// What differs from the real agent, on purpose:
// - tasks do not switch users; their memory and CPU are limited where the agent has control groups only;
// - fetcher URIs: absolute paths and file:// are copied into the sandbox (under output_file or their
//   base name, made executable if asked; archives are not unpacked), any other scheme fails the fetch;
// - command tasks are run by a command executor inside the model (no health checks, no own process
//   beside the command), outside of containers; executors in DOCKER containers are run by the docker CLI if the
//   agent has one, and end as on an agent without it otherwise; images of the Mesos containerizer are refused;
// - what the real agent checkpoints on disk lives on in this object: Restarted forgets the rest.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "local/model/messages.hpp"

namespace local {

struct AgentConfig {
  std::string ip = "127.0.0.1";
  int port = 5051;
  std::string hostname = "127.0.0.1";
  std::string process = "slave(1)";  // Its libprocess id: the first part of its paths.
  std::string work_dir;              // Absolute; sandboxes are below it.
  // Resources, attributes, domain; hostname, port and id are filled in. Null: nothing to offer.
  Shared<mesos::v1::AgentInfo> info;
  std::map<std::string, std::string> executor_environment;  // --executor_environment_variables
  std::string docker;         // The docker CLI, absolute; empty: an agent without the docker containerizer.
  std::string docker_socket;  // --docker_socket
  // Where control groups are mounted: containers get some of their own, as with --launcher=linux and
  // --isolation=cgroups/cpu,cgroups/mem. Empty: none, as with --launcher=posix.
  std::string cgroup_root;
  base::Duration executor_registration_timeout = std::chrono::minutes(1);
  base::Duration executor_reregistration_timeout = std::chrono::seconds(2);
  base::Duration executor_shutdown_grace = std::chrono::seconds(5);
  base::Duration recovery_timeout = std::chrono::minutes(15);     // Announced to executors.
  base::Duration recovery_time = std::chrono::milliseconds(100);  // 503 for so long after a restart.
  base::Duration update_retry_min = std::chrono::seconds(10);
  base::Duration update_retry_max = std::chrono::minutes(10);
};

// ---- events ----

struct FromMaster {
  ToAgent message;
};

// One HTTP request to the agent. `id` is the caller's, unique; a stream is known by the id of the
// request that opened it.
struct AgentRequest {
  std::uint64_t id = 0;
  std::string method;
  std::string path;  // Undecoded, without the query.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct StreamClosed {
  std::uint64_t id = 0;
};  // By the peer.
struct ContainerStarted {
  std::string container_id;
  int pid = 0;
};
struct FetchFailed {
  std::string container_id;
};  // The container was not started.
struct ContainerExited {
  std::string container_id;
  int status = 0;
};  // Raw wait status, of its first process.

// An UpdateContainer that failed.
struct UpdateFailed {
  std::string container_id;
  std::string why;
};

// The agent's process was killed and is not back: only ContainerExited may come before Restarted.
struct Killed {};
struct Restarted {};

// SIGUSR1: leave the master, then end all executors. AgentEnded follows.
struct LeaveRequested {};
struct AgentTicked {};

using AgentEvent = std::variant<FromMaster, AgentRequest, StreamClosed, ContainerStarted, FetchFailed, ContainerExited,
                                UpdateFailed, Killed, Restarted, LeaveRequested, AgentTicked>;

// ---- actions ----

struct SendToMaster {
  FromAgent message;
};

struct Reply {
  std::uint64_t request = 0;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool streams = false;  // The body is what StreamWrite brings for this id, until StreamEnd.
};

struct StreamWrite {
  std::uint64_t id = 0;
  std::string record;
};  // One chunk.
struct StreamEnd {
  std::uint64_t id = 0;
};  // With a last chunk.

struct Fetch {
  std::string source;  // Absolute path.
  std::string name;    // In the sandbox.
  bool executable = false;
  bool operator==(const Fetch&) const = default;
};

// Of a container: what the executor and its tasks may use.
struct ContainerLimits {
  double cpus = 0, mem_mb = 0;
  bool operator==(const ContainerLimits&) const = default;
};

// Make the sandbox (with empty stdout and stderr and `latest_link` pointing to it), fetch, start.
// Answer: ContainerStarted, or FetchFailed. A program that cannot be executed is a ContainerStarted
// and an exit with status 1, as through mesos-containerizer.
struct StartContainer {
  std::string container_id;
  std::string sandbox;
  std::string latest_link;
  std::vector<Fetch> fetches;
  bool fetch_fails = false;  // A URI of a kind the stand-in does not fetch.
  // argv[0] of the process is argv[0]; the file that is executed is `file`, looked up in the
  // sandbox first, then in PATH of `environment`.
  std::string file;
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  // The whole of it.
  std::optional<ContainerLimits> limits;           // Of control groups of its own; nullopt: it gets none.
  // If the process is `docker run`: what removes its container, also after the process has ended.
  std::vector<std::string> remove;
};

// To what the executor and its tasks may use now. Answer: UpdateFailed, if so.
struct UpdateContainer {
  std::string container_id;
  ContainerLimits limits;
  std::vector<std::string> argv;  // A `docker update`; empty: of its control groups.
};

// SIGTERM to the first process's group. No answer.
struct TerminateContainer {
  std::string container_id;
};

// SIGKILL to every process of the container, also after its first process has exited. No answer but
// ContainerExited, if that has not come yet.
struct DestroyContainer {
  std::string container_id;
};

// The executor did what makes a real agent crash or misbehave; for the log and for tests.
struct Complaint {
  std::string text;
};

// The agent is done and its process ends.
struct AgentEnded {
  std::string reason;
};

using AgentAction = std::variant<SendToMaster, Reply, StreamWrite, StreamEnd, StartContainer, UpdateContainer,
                                 TerminateContainer, DestroyContainer, Complaint, AgentEnded>;
using AgentActions = std::vector<AgentAction>;  // To be carried out in this order.

// One thread; no clock. Not copyable.
class AgentModel {
 public:
  AgentModel(AgentConfig config, base::Random random);
  ~AgentModel();
  AgentModel(const AgentModel&) = delete;
  AgentModel& operator=(const AgentModel&) = delete;

  AgentActions handle(const AgentEvent& event, base::Time now);

  // When AgentTicked is due at the latest.
  std::optional<base::Time> next_deadline() const;

  // As the master gave it; empty before the first registration. Kept through restarts.
  const std::string& agent_id() const;

  // The port turns out only when the listener is bound. Before the first event.
  void set_port(int port);

  // What GET /state answers: legacy JSON, the fields that matter for looking at executors.
  std::string state_json() const;

  // Containers that were started and have not exited.
  std::vector<std::string> running_containers() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace local
