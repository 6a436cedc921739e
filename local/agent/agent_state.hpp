// What an agent remembers; shared by the .cpp files of AgentModel only.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "local/agent/agent_launch.hpp"
#include "local/agent/agent_model.hpp"
#include "local/agent/executor_api.hpp"
#include "local/agent/update_streams.hpp"

namespace mesos::v1 {
enum TaskStatus_Reason : int;
}

namespace local {

// Not yet delivered: one task, or a group that is delivered or killed as a whole.
struct QueuedLaunch {
  std::vector<Shared<mesos::v1::TaskInfo>> tasks;
  bool group = false;
};

struct AgentTask {
  Shared<mesos::v1::TaskInfo> info;
  mesos::v1::TaskState state;
};

// Why the agent itself ends an executor: what its unfinished tasks are told.
struct ExecutorEnding {
  mesos::v1::TaskState state;
  mesos::v1::TaskStatus_Reason reason;
  std::string message;
};

enum class ExecutorState { registering, running, terminating, terminated };

struct AgentExecutor {
  std::string id;
  Shared<mesos::v1::ExecutorInfo> info;      // Made up for a command task.
  Shared<mesos::v1::TaskInfo> command_task;  // Null for custom executors.
  std::string container_id;
  ExecutorState state = ExecutorState::registering;
  bool sent_task = false;  // Ever: an executor whose first tasks were all killed is sent away.
  bool container_gone = false;
  std::optional<int> exit_while_down;  // Raw status, noticed at recovery.
  int pid = 0;
  ContainerLimits limits;  // Of a container in docker or with control groups.

  std::deque<QueuedLaunch> queued;
  std::map<std::string, AgentTask> launched;    // Delivered, not terminal.
  std::map<std::string, AgentTask> terminated;  // Terminal, not acknowledged by the scheduler.

  std::optional<std::uint64_t> stream;
  WireFormat format = WireFormat::json;

  std::optional<base::Time> register_by;
  std::optional<base::Time> destroy_at;
  std::optional<base::Time> complete_by;  // max_completion_time of a command task.
  std::optional<ExecutorEnding> ending;
  bool command_killed = false;
  bool command_overdue = false;
};

struct AgentFramework {
  Shared<mesos::v1::FrameworkInfo> info;
  bool terminating = false;
  std::map<std::string, AgentExecutor> executors;  // By executor id.
};

enum class AgentPhase { serving, down, recovering, reconnecting, ending };

struct AgentModel::Impl {
  Impl(AgentConfig config_in, base::Random random_in);

  // ---- the master's side: agent_model.cpp ----
  void on(const FromMaster& event);
  void on_master(const MasterAppeared&);
  void on_master(const RegisteredAck& ack);
  void on_master(const RunTask& run);
  void on_master(const KillTask& kill);
  void on_master(const ShutdownExecutor& shutdown);
  void on_master(const AckStatus& ack);
  void on_master(const ShutdownFramework& shutdown);
  void on_master(const FrameworkMessage& message);
  void on_master(const UpdateFramework& update);
  void on_master(const ShutdownAgent& shutdown);
  void on(const Killed&);
  void on(const Restarted&);
  void on(const LeaveRequested&);
  void on(const AgentTicked&);
  void register_with_master();
  void finish_recovery();
  void give_up_on_missing_executors();
  void end_if_idle();
  std::optional<base::Time> next_deadline() const;
  std::string state_json() const;

  // ---- tasks and executors: agent_tasks.cpp ----
  void launch(AgentFramework& framework, const RunTask& run);
  bool drop_if_impossible(AgentFramework& framework, const RunTask& run, const std::string& executor_id);
  void start_executor(AgentFramework& framework, AgentExecutor& executor);
  void deliver_queued(AgentFramework& framework, AgentExecutor& executor);
  void update_limits(AgentExecutor& executor);
  void kill_task(AgentFramework& framework, const KillTask& kill);
  void kill_queued(AgentFramework& framework, AgentExecutor& executor, std::deque<QueuedLaunch>::iterator position);
  void kill_command(AgentFramework& framework, AgentExecutor& executor, const KillTask& kill);
  void shut_down(AgentFramework& framework, AgentExecutor& executor);
  void destroy(AgentExecutor& executor, ExecutorEnding ending);
  void on(const ContainerStarted& event);
  void on(const FetchFailed& event);
  void on(const ContainerExited& event);
  void on(const UpdateFailed& event);
  void executor_terminated(AgentFramework& framework, AgentExecutor& executor, int status);
  void finish_command(AgentFramework& framework, AgentExecutor& executor, int status);
  void remove_if_done(const std::string& framework_id, const std::string& executor_id);
  void remove_framework_if_idle(const std::string& framework_id);

  // ---- the executor's side: agent_calls.cpp ----
  void on(const AgentRequest& request);
  void on(const StreamClosed& event);
  void executor_call(const AgentRequest& request);
  void subscribe(const AgentRequest& request, const ExecutorCall& call, AgentFramework& framework,
                 AgentExecutor& executor);
  void executor_update(AgentFramework& framework, AgentExecutor& caller, const mesos::v1::TaskStatus& status);
  void send_event(AgentExecutor& executor, const mesos::v1::executor::Event& event);
  void send_shutdown(AgentExecutor& executor);
  void drop_stream(AgentExecutor& executor);

  // ---- statuses: agent_status.cpp ----
  // Sends the framework an update of the agent's own making.
  struct OwnStatus {
    std::string task_id;
    std::string executor_id;  // May be empty.
    mesos::v1::TaskState state;
    mesos::v1::TaskStatus_Reason reason;
    std::string message;
  };
  void update_from_agent(AgentFramework& framework, const OwnStatus& own);
  // The command executor inside the model reports.
  void update_from_command(AgentFramework& framework, AgentExecutor& executor, mesos::v1::TaskState state,
                           const std::string& message,
                           std::optional<mesos::v1::TaskStatus_Reason> reason = std::nullopt);
  // Into the task's stream, and on to the master if it is first there.
  void take_update(AgentFramework& framework, Shared<mesos::v1::TaskStatus> status, bool checkpointed);
  void forward(const UpdateStreams::Sends& sends);
  mesos::v1::TaskState latest_state(const TaskRef& task, mesos::v1::TaskState otherwise) const;
  void set_task_state(AgentExecutor& executor, const std::string& task_id, mesos::v1::TaskState state);
  void add_container_status(const AgentExecutor& executor, mesos::v1::TaskStatus& status) const;
  // TASK_DROPPED or TASK_GONE to who understands them, else TASK_LOST.
  mesos::v1::TaskState state_for(const AgentFramework& framework, mesos::v1::TaskState state) const;

  AgentFramework* find_framework(const std::string& id);
  AgentExecutor* find_executor_of_task(AgentFramework& framework, const std::string& task_id);
  std::pair<AgentFramework*, AgentExecutor*> find_container(const std::string& container_id);

  AgentConfig config;
  base::Random random;
  base::Time now{};
  AgentActions actions;

  AgentPhase phase = AgentPhase::serving;
  std::optional<base::Time> phase_ends;
  bool master_present = false;
  bool registered = false;
  std::string agent_id;
  std::string end_reason;
  std::map<std::string, AgentFramework> frameworks;
  std::set<std::string> containers;  // Started, not exited.
  UpdateStreams streams;
};

bool has_capability(const mesos::v1::FrameworkInfo& framework, int capability);

}  // namespace local
