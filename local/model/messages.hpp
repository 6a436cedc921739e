// What the models of master and agent say to each other: Mesos's internal messages, as far as the
// stand-in needs them. Values; protobuf messages inside are shared and never changed once sent.
// A *link* is one life of one agent process, numbered by the server (or the simulation): a message
// of a link that has broken is dropped, so nothing of a killed agent arrives late.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace mesos::v1 {
class AgentInfo;
class ExecutorInfo;
class FrameworkInfo;
class KillPolicy;
class TaskInfo;
class TaskStatus;
enum TaskState : int;
}  // namespace mesos::v1

namespace local {

// Never null unless its field says so.
template <class T>
using Shared = std::shared_ptr<const T>;

using AgentLink = std::uint64_t;

// ---- master -> agent ----

// The link to a (new) master stands: the agent answers with RegisterAgent. Sent by the server or the
// simulation, not by the master model: after the agent has started, and when the master restarted.
struct MasterAppeared {};

struct TaskRef {
  std::string framework_id;
  std::string task_id;
  bool operator==(const TaskRef&) const = default;
  auto operator<=>(const TaskRef&) const = default;
};

// Answer to RegisterAgent. The agent keeps `agent_id` (in its work directory), then resends the head
// of every stream of unacknowledged updates. For each of `expected` it does not know it sends
// TASK_DROPPED (TASK_LOST without PARTITION_AWARE), source AGENT, REASON_RECONCILIATION, with a uuid,
// "Reconciliation: task unknown to the agent".
struct RegisteredAck {
  std::string agent_id;
  bool reregistered = false;  // The agent gave its id and keeps it.
  std::vector<TaskRef> expected;
};

// Tasks of one LAUNCH (exactly one) or LAUNCH_GROUP (`group`, all or none) that passed validation.
struct RunTask {
  Shared<mesos::v1::FrameworkInfo> framework;      // With id.
  Shared<mesos::v1::ExecutorInfo> executor;        // With framework_id; null for a command task.
  std::vector<Shared<mesos::v1::TaskInfo>> tasks;  // Resources carry allocation_info.
  bool group = false;
  bool launch_executor = true;  // False: the master expects it to run already.
};

struct KillTask {
  std::string framework_id;
  std::string task_id;
  Shared<mesos::v1::KillPolicy> kill_policy;  // May be null.
};

struct ShutdownExecutor {
  std::string framework_id;
  std::string executor_id;
};

struct AckStatus {
  std::string framework_id;
  std::string task_id;
  std::string uuid;  // 16 raw bytes.
};

struct ShutdownFramework {
  std::string framework_id;
};

// Scheduler to executor.
struct FrameworkMessage {
  std::string framework_id;
  std::string executor_id;
  std::string data;
};

// The framework resubscribed or changed its info: the agent stores it if it knows the framework and
// resends the head of every pending stream of it at once.
struct UpdateFramework {
  Shared<mesos::v1::FrameworkInfo> framework;
};

// The master will not have this agent (it was removed on purpose, or its id is unknown and taken):
// it shuts its executors down and ends.
struct ShutdownAgent {
  std::string reason;
};

using ToAgent = std::variant<MasterAppeared, RegisteredAck, RunTask, KillTask, ShutdownExecutor, AckStatus,
                             ShutdownFramework, FrameworkMessage, UpdateFramework, ShutdownAgent>;

// ---- agent -> master ----

struct TaskRecord {
  std::string framework_id;
  std::string executor_id;                         // Empty for a command task.
  Shared<mesos::v1::TaskInfo> info;                // Resources carry allocation_info.
  mesos::v1::TaskState state;                      // The latest the agent knows, forwarded or not.
  Shared<mesos::v1::TaskStatus> status = nullptr;  // The latest it got from the executor, if any.
};

struct ExecutorRecord {
  Shared<mesos::v1::ExecutorInfo> info;  // With framework_id. Not for command tasks.
};

// First registration: info without id, and no tasks. Re-registration: with the id it kept, every task
// that is not terminal-and-acknowledged, every executor that is not terminated, their frameworks.
struct RegisterAgent {
  Shared<mesos::v1::AgentInfo> info;  // hostname, port, resources (unreserved, role "*" or unset), attributes, id.
  std::string pid;                    // "slave(1)@127.0.0.1:5051"
  std::vector<TaskRecord> tasks;
  std::vector<ExecutorRecord> executors;
  std::vector<Shared<mesos::v1::FrameworkInfo>> frameworks;
};

// One update of a task's stream; `status` carries uuid, agent_id, timestamp and source. The master
// passes it on and answers nothing: the scheduler's acknowledgement comes back as AckStatus.
struct ForwardStatus {
  std::string framework_id;
  Shared<mesos::v1::TaskStatus> status;
  mesos::v1::TaskState latest_state;  // The newest state of the task at the agent.
};

// Executor to scheduler.
struct ExecutorMessage {
  std::string framework_id;
  std::string executor_id;
  std::string data;
};

// Custom executors only (a command task's helper ends without a word to the scheduler).
struct ExitedExecutor {
  std::string framework_id;
  std::string executor_id;
  int status = -1;  // Raw wait status, -1 if unknown.
};

// The agent leaves on purpose (SIGUSR1): it ends its executors afterwards.
struct Unregister {};

using FromAgent = std::variant<RegisterAgent, ForwardStatus, ExecutorMessage, ExitedExecutor, Unregister>;

}  // namespace local
