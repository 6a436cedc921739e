// A core, a clock, and verbs. What the core orders is written down as short lines, so that a test
// compares whole transcripts.
#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "executor/core/core.hpp"

namespace rig {

using namespace executor;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

// The last update of an LRP that its rep has no more.
inline std::string gone(const std::string& task) {
  return "FINISHED " + task + ": its rep has it no more: it exited, crashed or was stopped there";
}

inline std::string name_of(TaskState state) {
  static const char* const kNames[] = {"STARTING", "RUNNING", "KILLING", "FINISHED", "FAILED", "KILLED"};
  return kNames[static_cast<int>(state)];
}

struct Print {
  std::string operator()(const StartCell& a) const {
    return "start cell " + std::to_string(a.mem_mb) + "/" + std::to_string(a.disk_mb);
  }
  std::string operator()(const StopCell& a) const { return "stop cell " + std::to_string(base::to_millis(a.grace)); }
  std::string operator()(const PollState&) const { return "poll"; }
  std::string operator()(const PollMetrics&) const { return "poll metrics"; }
  std::string operator()(const PostWork& a) const {
    std::string line = "post";
    for (const auto& lrp : a.work.lrps) line += " " + lrp.process_guid + "." + std::to_string(lrp.index);
    for (const auto& task : a.work.tasks) line += " " + task.task_guid;
    return line;
  }
  std::string operator()(const StopLrp& a) const { return "stop " + a.process_guid + " " + a.instance_guid; }
  std::string operator()(const CancelTask& a) const { return "cancel " + a.task_guid; }
  std::string operator()(const Evacuate&) const { return "evacuate"; }
  std::string operator()(const SendUpdate& a) const {
    return name_of(a.update.state) + " " + a.update.task_id + (a.update.message.empty() ? "" : ": " + a.update.message);
  }
  std::string operator()(const SendHello& a) const { return "hello " + a.cell_id; }
  std::string operator()(const SendReport&) const { return "report"; }
  std::string operator()(const SendMetrics& a) const {
    std::string line = "metrics " + a.cell_id;
    for (const HeldUsage& usage : a.usage) {
      line += " " + usage.task_id + "=" + std::to_string(usage.cpus_milli) + "/" + std::to_string(usage.memory_bytes) +
              "/" + std::to_string(usage.disk_bytes);
    }
    return line;
  }
  std::string operator()(const Exit& a) const { return "exit " + std::to_string(a.code) + ": " + a.reason; }
  std::string operator()(const Log& a) const { return "log: " + a.text; }
};

inline diego::Lrp lrp(const std::string& guid, int index = 0) {
  return {.process_guid = guid,
          .index = index,
          .domain = "apps",
          .constraint = {.rootfs = "preloaded:fs"},
          .resource = {.memory_mb = 64, .disk_mb = 100}};
}
inline diego::Task task(const std::string& guid) {
  return {
      .task_guid = guid, .domain = "tasks", .constraint = {.rootfs = "preloaded:fs"}, .resource = {.memory_mb = 32}};
}

class Rig {
 public:
  explicit Rig(Config config = {}) : core_(with_defaults(config), base::Random(1)) {}

  // Everything but polls, reports and log lines, unless `all`.
  Lines give(const Event& event, bool all = false) {
    Lines lines;
    for (const Action& action : core_.handle(event, now_)) {
      actions_.push_back(action);
      const std::string line = std::visit(Print{}, action);
      if (std::holds_alternative<PollState>(action)) ++polls_;
      if (std::holds_alternative<SendUpdate>(action)) updates_.push_back(std::get<SendUpdate>(action).update);
      const bool noise = std::holds_alternative<PollState>(action) || std::holds_alternative<SendReport>(action) ||
                         std::holds_alternative<Log>(action);
      if (all || !noise) lines.push_back(line);
    }
    return lines;
  }

  Lines subscribe(bool killing = true) {
    return give(Subscribed{
        .executor_info = "info", .killing_state_wanted = killing, .agent_mem_mb = 4096, .agent_disk_mb = 8192});
  }
  Lines tick(base::Duration after = 0ms) {
    now_ += after;
    return give(ClockTicked{});
  }
  Lines state(std::vector<diego::Lrp> lrps = {}, std::vector<diego::Task> tasks = {}) {
    diego::CellState state{
        .cell_id = "cell-1",
        .rootfs_providers = {{"preloaded", {.kind = diego::RootFsProvider::Kind::fixed_set, .set = {"fs"}}}},
        .available = {100, 200, 3},
        .total = {1000, 2000, 10},
        .lrps = std::move(lrps),
        .tasks = std::move(tasks),
        .evacuating = evacuating_};
    return give(RepAnswered{state});
  }
  Lines launch(const std::string& task_id, const diego::Element& element) {
    return give(TasksLaunched{{{.task_id = task_id, .data = diego::write_element(element), .trace_id = "trace"}}});
  }
  Lines kill(const std::string& task_id) { return give(KillRequested{task_id}); }
  Lines taken() { return give(WorkAnswered{}); }
  Lines refused(std::vector<diego::Lrp> lrps, std::vector<diego::Task> tasks = {}) {
    return give(WorkAnswered{{.lrps = std::move(lrps), .tasks = std::move(tasks)}, std::nullopt});
  }
  Lines acknowledge_all() {
    Lines lines;
    for (const Update& update : core_.unacknowledged_updates()) {
      for (auto& line : give(Acknowledged{update.task_id, update.uuid})) lines.push_back(line);
    }
    return lines;
  }

  // The last action of this kind.
  template <class Kind>
  Kind last() const {
    for (auto action = actions_.rbegin(); action != actions_.rend(); ++action) {
      if (const auto* found = std::get_if<Kind>(&*action)) return *found;
    }
    FAIL("no such action");
    return {};
  }

  // Subscribed and the rep answers.
  Rig& up(bool killing = true) {
    subscribe(killing);
    tick();
    state();
    return *this;
  }
  // An LRP that runs: task id, instance guid.
  Rig& running(const std::string& task_id, const std::string& guid, const std::string& instance) {
    launch(task_id, lrp(guid));
    tick();
    taken();
    shown_.push_back(at(lrp(guid), instance, "RUNNING"));
    state(shown_);
    return *this;
  }
  static diego::Lrp at(diego::Lrp lrp, const std::string& instance, const std::string& state) {
    lrp.instance_guid = instance;
    lrp.state = state;
    return lrp;
  }
  static diego::Task at(diego::Task task, const std::string& state, bool failed = false) {
    task.state = state;
    task.failed = failed;
    return task;
  }

  Core core_;
  base::Time now_{1000s};
  std::vector<Action> actions_;
  std::vector<Update> updates_;
  std::vector<diego::Lrp> shown_;
  int polls_ = 0;
  bool evacuating_ = false;

 private:
  static Config with_defaults(Config config) {
    if (config.cell_id.empty()) config.cell_id = "cell-1";
    config.shutdown_grace = 30s;
    return config;
  }
};

}  // namespace rig
