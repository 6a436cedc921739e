#include "executor/edge/print.hpp"

#include <fmt/format.h>

#include "base/random.hpp"
#include "platform/flags.hpp"

namespace executor {
namespace {

std::string_view name_of(TaskState state) {
  switch (state) {
    case TaskState::starting:
      return "TASK_STARTING";
    case TaskState::running:
      return "TASK_RUNNING";
    case TaskState::killing:
      return "TASK_KILLING";
    case TaskState::finished:
      return "TASK_FINISHED";
    case TaskState::failed:
      return "TASK_FAILED";
    case TaskState::killed:
      return "TASK_KILLED";
  }
  return "";
}

std::string outcome(const std::optional<std::string>& error) { return error ? "failed: " + *error : "done"; }

struct EventLine {
  std::string operator()(const Subscribed& e) const {
    return fmt::format("subscribed agent_mem_mb={} agent_disk_mb={}", e.agent_mem_mb, e.agent_disk_mb);
  }
  std::string operator()(const StreamLost&) const { return "stream lost"; }
  std::string operator()(const SessionEnded& e) const { return "session ended: " + e.reason; }
  std::string operator()(const TasksLaunched& e) const {
    std::string line = "launch";
    for (const LaunchedTask& task : e.tasks) line += " task=" + task.task_id;
    return line;
  }
  std::string operator()(const KillRequested& e) const { return "kill task=" + e.task_id; }
  std::string operator()(const Acknowledged& e) const { return "acknowledged task=" + e.task_id; }
  std::string operator()(const ReportRequested&) const { return "report requested"; }
  std::string operator()(const DrainRequested&) const { return "drain requested"; }
  std::string operator()(const ShutdownRequested&) const { return "shutdown requested"; }
  std::string operator()(const Terminated&) const { return "told to terminate"; }
  std::string operator()(const RepAnswered& e) const {
    return fmt::format("state lrps={} tasks={} starting={} free_mem_mb={}", e.state.lrps.size(), e.state.tasks.size(),
                       e.state.starting_container_count, e.state.available.memory_mb);
  }
  std::string operator()(const RepFailed& e) const { return "no state: " + e.text; }
  std::string operator()(const MetricsAnswered& e) const {
    if (e.error) return "no container metrics: " + *e.error;
    return fmt::format("container metrics lrps={} tasks={}", e.metrics.lrps.size(), e.metrics.tasks.size());
  }
  std::string operator()(const WorkAnswered& e) const {
    if (e.error) return "work answered: " + *e.error;
    return fmt::format("work answered refused_lrps={} refused_tasks={}", e.refused.lrps.size(), e.refused.tasks.size());
  }
  std::string operator()(const StopAnswered& e) const { return "stop " + outcome(e.error) + " task=" + e.task_id; }
  std::string operator()(const EvacuateAnswered& e) const { return "evacuate " + outcome(e.error); }
  std::string operator()(const CellEnded& e) const { return "the cell's command " + e.how; }
  std::string operator()(const ClockTicked&) const { return "tick"; }
};

struct ActionLine {
  std::string operator()(const StartCell& a) const {
    return fmt::format("start the cell mem_mb={} disk_mb={}", a.mem_mb, a.disk_mb);
  }
  std::string operator()(const StopCell& a) const {
    return "stop the cell grace=" + platform::format_duration(a.grace);
  }
  std::string operator()(const PollState&) const { return "poll state"; }
  std::string operator()(const PollMetrics&) const { return "poll container metrics"; }
  std::string operator()(const PostWork& a) const {
    return fmt::format("post work lrps={} tasks={}", a.work.lrps.size(), a.work.tasks.size());
  }
  std::string operator()(const StopLrp& a) const { return "stop task=" + a.task_id + " instance=" + a.instance_guid; }
  std::string operator()(const CancelTask& a) const { return "cancel task=" + a.task_id; }
  std::string operator()(const Evacuate&) const { return "evacuate"; }
  std::string operator()(const SendUpdate& a) const {
    const Update& update = a.update;
    return fmt::format("{} task={} uuid={}{}{}", name_of(update.state), update.task_id, base::uuid_text(update.uuid),
                       update.message.empty() ? "" : " ", update.message);
  }
  std::string operator()(const SendHello& a) const { return "hello cell=" + a.cell_id; }
  std::string operator()(const SendReport& a) const {
    return fmt::format("report cell={} rep_answers={} work={}", a.report.cell_id, a.report.rep_answers,
                       a.report.work.size());
  }
  std::string operator()(const SendMetrics& a) const {
    return fmt::format("metrics cell={} instances={}", a.cell_id, a.usage.size());
  }
  std::string operator()(const Exit& a) const { return fmt::format("exit {}: {}", a.code, a.reason); }
  std::string operator()(const Log& a) const { return a.text; }
};

}  // namespace

std::string line_of(const Event& event) { return std::visit(EventLine{}, event); }
std::string line_of(const Action& action) { return std::visit(ActionLine{}, action); }

const std::string* trace_of(const Event& event) {
  const auto* launched = std::get_if<TasksLaunched>(&event);
  return launched != nullptr && launched->tasks.size() == 1 ? &launched->tasks.front().trace_id : nullptr;
}

const std::string* trace_of(const Action& action) {
  if (const auto* post = std::get_if<PostWork>(&action)) return &post->trace_id;
  if (const auto* stop = std::get_if<StopLrp>(&action)) return &stop->trace_id;
  if (const auto* cancel = std::get_if<CancelTask>(&action)) return &cancel->trace_id;
  return nullptr;
}

}  // namespace executor
