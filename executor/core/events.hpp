// What the executor's core hears (events) and orders (actions). Values only: the edge turns sockets,
// processes and protobuf into these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "diego/container_metrics.hpp"
#include "diego/rep.hpp"

namespace executor {

// ---- Mesos

enum class TaskState { starting, running, killing, finished, failed, killed };

// Whether nothing may follow this state.
constexpr bool terminal(TaskState state) {
  return state == TaskState::finished || state == TaskState::failed || state == TaskState::killed;
}

// One status update. Kept, unchanged, until the agent acknowledges it.
struct Update {
  std::string task_id;
  TaskState state = TaskState::starting;
  std::string uuid;  // 16 raw bytes, version 4.
  base::Time timestamp;
  std::string message;
  bool with_cell = false;  // It ended because its cell did, not by itself.
  bool operator==(const Update&) const = default;
};

// What a scheduler learns of a task this executor holds.
struct HeldWork {
  std::string task_id;
  std::string domain;
  std::int64_t mem_mb = 0;  // As the rep charges it, once it has the work.
  std::int64_t disk_mb = 0;
  std::string rep_state;  // "" before the rep has it.
  bool operator==(const HeldWork&) const = default;
};

// The state message (schemas/cell.proto). `cell` is the rep's last answer without its LRPs and Tasks.
struct CellReport {
  std::string cell_id;
  bool rep_answers = false;
  diego::CellState cell;
  std::vector<HeldWork> work;
  std::int64_t others_starting = 0;  // Starting containers that are no LRP of `work`.
  bool operator==(const CellReport&) const = default;
};

// What one task uses.
struct HeldUsage {
  std::string task_id;
  std::int64_t cpus_milli = 0, memory_bytes = 0, disk_bytes = 0;
  bool operator==(const HeldUsage&) const = default;
};

// ---- Events

// Once per subscription.
struct Subscribed {
  std::string executor_info;          // mesos.v1.ExecutorInfo as received, binary.
  bool killing_state_wanted = false;  // The framework has TASK_KILLING_STATE.
  std::int64_t agent_mem_mb = 0;      // The agent's total.
  std::int64_t agent_disk_mb = 0;
};
struct StreamLost {};  // It will be tried again.
struct SessionEnded {  // It will not.
  std::string reason;
};
struct LaunchedTask {
  std::string task_id;
  std::string data;      // An element of POST /work; of a boot task nothing.
  std::string trace_id;  // Goes to the rep as X-Vcap-Request-Id.
};
struct TasksLaunched {
  std::vector<LaunchedTask> tasks;
};
struct KillRequested {
  std::string task_id;
};
struct Acknowledged {
  std::string task_id;
  std::string uuid;
};
struct ReportRequested {};
struct DrainRequested {};
struct ShutdownRequested {};
// The process was told to go (SIGTERM): like SHUTDOWN with a short grace.
struct Terminated {};

// Answers to the actions on the rep, each exactly once.
struct RepAnswered {
  diego::CellState state;
};
struct RepFailed {
  std::string text;
};
struct MetricsAnswered {
  diego::ContainerMetrics metrics;
  std::optional<std::string> error;
};
struct WorkAnswered {
  diego::Work refused;
  std::optional<std::string> error;  // Set: unknown whether the rep took it.
};
struct StopAnswered {
  std::string task_id;
  std::optional<std::string> error;
};
struct EvacuateAnswered {
  std::optional<std::string> error;
};

// The cell's command ended, by itself or after StopCell; also answers StopCell without a command.
struct CellEnded {
  std::string how;  // "exited with status 3".
};

// After every batch of events, and at next_deadline(). Work is posted and deadlines are kept here
// only, so that LAUNCHes that arrive together go to the rep together.
struct ClockTicked {};

using Event = std::variant<Subscribed, StreamLost, SessionEnded, TasksLaunched, KillRequested, Acknowledged,
                           ReportRequested, DrainRequested, ShutdownRequested, Terminated, RepAnswered, RepFailed,
                           MetricsAnswered, WorkAnswered, StopAnswered, EvacuateAnswered, CellEnded, ClockTicked>;

// ---- Actions

// Start the cell's command, if there is one, and tell it this capacity.
struct StartCell {
  std::int64_t mem_mb = 0;
  std::int64_t disk_mb = 0;
  bool operator==(const StartCell&) const = default;
};
// End the command's whole process group; CellEnded follows, at once where there is no command.
struct StopCell {
  base::Duration grace{};
  bool operator==(const StopCell&) const = default;
};

// To the rep. Carried out one after the other in this order: a PollState is answered with a state
// that is not older than the answer of any PostWork ordered before it.
struct PollState {
  bool operator==(const PollState&) const = default;
};
struct PostWork {
  diego::Work work;
  std::string trace_id;  // Of all of it; empty: none, or they differ.
  bool operator==(const PostWork&) const = default;
};
struct StopLrp {
  std::string task_id, process_guid, instance_guid, trace_id;
  bool operator==(const StopLrp&) const = default;
};
struct CancelTask {
  std::string task_id, task_guid, trace_id;
  bool operator==(const CancelTask&) const = default;
};
struct Evacuate {
  bool operator==(const Evacuate&) const = default;
};

// To the rep, beside the others: they do not wait for it.
struct PollMetrics {
  bool operator==(const PollMetrics&) const = default;
};

// To the agent; only ordered while subscribed. An update that gets lost is carried by the next
// SUBSCRIBE (Core::carry_updates).
struct SendUpdate {
  Update update;
  bool operator==(const SendUpdate&) const = default;
};
struct SendHello {
  std::string cell_id, executor_info;
  bool operator==(const SendHello&) const = default;
};
struct SendReport {
  CellReport report;
  bool operator==(const SendReport&) const = default;
};
struct SendMetrics {
  std::string cell_id;
  std::vector<HeldUsage> usage;
  bool operator==(const SendMetrics&) const = default;
};

// The program ends now; nothing follows.
struct Exit {
  int code = 0;
  std::string reason;
  bool operator==(const Exit&) const = default;
};
struct Log {
  enum class Level { info, warning, error };
  Level level = Level::info;
  std::string text;
  bool operator==(const Log&) const = default;
};

using Action = std::variant<StartCell, StopCell, PollState, PollMetrics, PostWork, StopLrp, CancelTask, Evacuate,
                            SendUpdate, SendHello, SendReport, SendMetrics, Exit, Log>;
using Actions = std::vector<Action>;

}  // namespace executor
