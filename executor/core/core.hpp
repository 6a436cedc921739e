// What the executor does about each event: boots the cell, hands LAUNCHed work to its rep in batches,
// turns the rep's /state into status updates, stops what is killed, and leaves without losing an
// update. No I/O, clock or threads.
//
// A task's way: queued -> posted -> accepted (TASK_STARTING) -> seen in /state (TASK_RUNNING)
//               -> gone from /state: ended (a terminal update, kept until acknowledged).
// A /work without an answer makes it unclear: POST /work is not idempotent for LRPs, so /state is
// read before it is posted again.
//
// The executor's way: waiting for SUBSCRIBED -> booting -> up -> [leaving] -> ending -> Exit.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "executor/core/events.hpp"

namespace executor {

struct Config {
  std::string cell_id;           // Empty: the rep's, from its first /state.
  std::string fallback_cell_id;  // For a rep that names none (before 2017).
  std::int64_t cell_mem_mb = 0;  // The cell's own share of the agent.
  std::int64_t cell_disk_mb = 0;
  std::int64_t cell_max_mem_mb = 0;  // Caps of the capacity told to the rep; 0: none.
  std::int64_t cell_max_disk_mb = 0;
  base::Duration boot_timeout = std::chrono::seconds(50);
  base::Duration rep_timeout = std::chrono::seconds(30);
  base::Duration shutdown_grace = std::chrono::seconds(5);    // MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD
  base::Duration terminated_grace = std::chrono::seconds(5);  // Of a SIGTERM.
};

// Of the grace period this much is kept for stopping the cell and the last updates.
inline constexpr base::Duration kStopReserve = std::chrono::seconds(10);
// An accepted instance that /state never shows: the rep's reservation has expired by then.
inline constexpr base::Duration kUnseenMax = std::chrono::seconds(60);
// How long an ending executor waits for acknowledgements.
inline constexpr base::Duration kAcknowledgeMax = std::chrono::seconds(10);
inline constexpr base::Duration kIdlePoll = std::chrono::seconds(2);
inline constexpr base::Duration kReportEvery = std::chrono::seconds(60);
inline constexpr base::Duration kReportGap = std::chrono::seconds(1);
inline constexpr base::Duration kMetricsEvery = std::chrono::seconds(15);  // A rep measures no oftener.
inline constexpr int kPostsMax = 3;
// A task with this id prefix carries no work: it is FINISHED when the rep answers. Work never has
// such an id, for '~' is escaped in guids.
inline constexpr std::string_view kBootTaskPrefix = "~cell.";

class Core {
 public:
  Core(Config config, base::Random random);

  // Handles one event completely; the actions must be carried out in order.
  Actions handle(const Event& event, base::Time now);

  // When a ClockTicked is due at the latest. nullopt: not before another event.
  std::optional<base::Time> next_deadline() const;

  // What SUBSCRIBE carries: updates not acknowledged, oldest first, and the tasks of which no update
  // was ever acknowledged, in the order of their launch.
  std::vector<Update> unacknowledged_updates() const;
  // The same, for the SUBSCRIBE that is about to be sent: what comes after it is sent when it has succeeded.
  std::vector<Update> carry_updates();
  std::vector<std::string> unacknowledged_tasks() const;

  bool done() const { return stage_ == Stage::done; }

 private:
  enum class Stage { waiting, booting, up, leaving, ending, done };
  enum class Phase { queued, posted, unclear, accepted, seen, ended };

  struct Attempt {
    std::string task_id;
    std::uint64_t order = 0;  // Of arrival.
    diego::Element element;
    bool boot = false;
    std::string trace_id;
    Phase phase = Phase::queued;
    int posts = 0;
    base::Time since;           // Of queued: not to be posted before; of accepted: when.
    std::string instance_guid;  // LRP, once seen.
    std::string rep_state;      // Last seen.
    std::int64_t mem_mb = 0, disk_mb = 0;
    bool running_sent = false;
    bool killing_sent = false;
    bool stop_wanted = false;
    std::optional<base::Time> stop_again_at;
    bool any_acknowledged = false;
  };

  // on_mesos.cpp
  void on(const Subscribed& event, base::Time now);
  void on(const StreamLost& event, base::Time now);
  void on(const SessionEnded& event, base::Time now);
  void on(const TasksLaunched& event, base::Time now);
  void on(const KillRequested& event, base::Time now);
  void on(const Acknowledged& event, base::Time now);
  void on(const ReportRequested& event, base::Time now);
  void on(const DrainRequested& event, base::Time now);
  void on(const ShutdownRequested& event, base::Time now);
  void on(const Terminated& event, base::Time now);
  void launch(const LaunchedTask& task, base::Time now);
  void stop(Attempt& attempt, base::Time now);

  // on_rep.cpp
  void on(const RepAnswered& event, base::Time now);
  void on(const RepFailed& event, base::Time now);
  void on(const MetricsAnswered& event, base::Time now);
  void on(const WorkAnswered& event, base::Time now);
  void on(const StopAnswered& event, base::Time now);
  void on(const EvacuateAnswered& event, base::Time now);
  void rep_came_up(base::Time now);
  bool match_lrps(const std::vector<diego::Lrp>& lrps, base::Time now);
  bool match_tasks(const std::vector<diego::Task>& tasks, base::Time now);
  bool guess_tasks(const diego::CellState& state, base::Time now);
  bool observe(Attempt& attempt, const std::string& state, const diego::Resource& resource, base::Time now);
  bool judge_missing(const std::set<std::string>& present, base::Time now);
  void accept(Attempt& attempt, base::Time now);
  void gone(Attempt& attempt, base::Time now);
  std::string refusal(const Attempt& attempt) const;

  // core.cpp
  void on(const CellEnded& event, base::Time now);
  void on(const ClockTicked& event, base::Time now);
  void leave(base::Time now, base::Duration grace, const std::string& reason);
  void leave_further(base::Time now);
  void end_all(TaskState state, const std::string& message, base::Time now);
  void stop_cell(int code, const std::string& reason, base::Time now);
  void maybe_exit(base::Time now);
  void post_queued(base::Time now);
  void poll(base::Time now);
  void poll_soon(base::Time now);
  void maybe_report(base::Time now);
  bool wants_metrics() const;
  void send(Attempt& attempt, TaskState state, const std::string& message, base::Time now, bool with_cell = false);
  void say_updates();
  void log(Log::Level level, std::string text);
  std::vector<Attempt*> in_order();
  bool holds_work() const;
  bool changing() const;
  std::int64_t changing_attempts() const;
  base::Duration crowd_gap() const;
  bool leaving() const { return stage_ >= Stage::leaving; }
  base::Duration poll_gap(base::Time now) const;
  std::optional<base::Time> next_post() const;
  CellReport report() const;

  Config config_;
  base::Random random_;
  Actions actions_;  // Of the event being handled.

  Stage stage_ = Stage::waiting;
  bool subscribed_ = false;
  bool session_ended_ = false;
  bool killing_state_wanted_ = false;
  std::string executor_info_;

  std::map<std::string, Attempt> attempts_;  // By task id.
  std::uint64_t arrivals_ = 0;
  std::deque<Update> updates_;  // Unacknowledged.
  std::size_t said_ = 0;        // Of those, how many were sent or carried, from the front.

  // The rep.
  std::optional<diego::CellState> state_;  // Its last answer, without LRPs and Tasks.
  std::set<std::string> foreign_;          // Instance guids in /state that are none of ours.
  bool rep_answers_ = false;
  bool was_away_ = false;    // It failed to answer since its last answer.
  base::Time silent_since_;  // Boot began, or its last answer.
  std::string last_failure_;
  bool polling_ = false, posting_ = false, evacuating_ = false;
  std::optional<base::Time> evacuate_again_at_;
  std::string evacuation_refused_;  // Why, the last time.
  bool measuring_ = false, metrics_failed_ = false;
  base::Time measure_at_;
  base::Time poll_at_;
  int quick_polls_ = 0;  // Since the last change.
  base::Time changed_at_;

  // Reports.
  bool report_due_ = false;  // Asked for.
  std::optional<CellReport> reported_;
  base::Time reported_at_;

  // Leaving.
  base::Time evacuate_until_, gone_by_;
  base::Time acknowledge_until_;
  std::string leave_reason_;
  int exit_code_ = 0;
  bool cell_stopped_ = false;
};

}  // namespace executor
