#include "executor/core/core.hpp"

#include <algorithm>

namespace executor {
namespace {

using namespace std::chrono_literals;

// After a change the next one is usually near.
constexpr base::Duration kQuickPolls[] = {5ms, 10ms, 20ms, 50ms, 100ms};
// A download may take minutes: no need to ask ten times a second all the while.
constexpr base::Duration kQuickFor = 30s;
constexpr base::Duration kSlowChangePoll = 1s;
// An answer costs its rep, and us, in proportion to what it lists: where much changes at a time, one answer tells of
// much, and the rep has better to do.
constexpr base::Duration kPollGapPerChange = 4ms;
constexpr base::Duration kCrowdPollGap = 250ms;

}  // namespace

Core::Core(Config config, base::Random random) : config_(std::move(config)), random_(random) {}

Actions Core::handle(const Event& event, base::Time now) {
  actions_.clear();
  if (stage_ == Stage::done) return {};
  std::visit([&](const auto& one) { on(one, now); }, event);
  return std::exchange(actions_, {});
}

void Core::on(const CellEnded& event, base::Time now) {
  cell_stopped_ = true;
  if (stage_ == Stage::ending) return maybe_exit(now);
  const std::string why = "the cell's command " + event.how;
  if (evacuating_ || leaving()) {
    // A rep exits by itself once it is evacuated.
    end_all(TaskState::killed, "the cell was evacuated", now);
    return stop_cell(0, why + " after evacuation", now);
  }
  log(Log::Level::error, why);
  end_all(TaskState::failed, why, now);
  stop_cell(1, why, now);
}

void Core::on(const ClockTicked&, base::Time now) {
  if (stage_ == Stage::leaving) leave_further(now);
  if (stage_ == Stage::ending) return maybe_exit(now);
  if (stage_ == Stage::waiting) return;

  const bool boot_failed = stage_ == Stage::booting && now >= silent_since_ + config_.boot_timeout;
  if (boot_failed || (stage_ == Stage::up && now >= silent_since_ + config_.rep_timeout)) {
    const std::string why = (boot_failed ? "the cell's rep did not come up: " : "the cell's rep does not answer: ") +
                            (last_failure_.empty() ? "no answer" : last_failure_);
    if (evacuating_) {
      end_all(TaskState::killed, "the cell was evacuated", now);
      return stop_cell(0, why + ", after evacuation", now);
    }
    log(Log::Level::error, why);
    end_all(TaskState::failed, why, now);
    return stop_cell(1, why, now);
  }
  for (Attempt* attempt : in_order()) {
    if (attempt->phase == Phase::accepted && now >= attempt->since + kUnseenMax) {
      send(*attempt, attempt->stop_wanted ? TaskState::killed : TaskState::failed,
           "the rep took it and never showed it in /state", now);
    } else if (attempt->stop_again_at && now >= *attempt->stop_again_at) {
      stop(*attempt, now);
    }
  }
  if (evacuate_again_at_ && now >= *evacuate_again_at_) {
    evacuate_again_at_.reset();
    actions_.emplace_back(Evacuate{});
  }
  post_queued(now);
  if (!polling_ && !posting_ && now >= poll_at_) poll(now);
  if (wants_metrics() && now >= measure_at_) {
    measuring_ = true;
    measure_at_ = now + kMetricsEvery;
    actions_.emplace_back(PollMetrics{});
  }
  maybe_report(now);
}

bool Core::wants_metrics() const {
  return stage_ == Stage::up && subscribed_ && rep_answers_ && !measuring_ &&
         std::any_of(attempts_.begin(), attempts_.end(),
                     [](const auto& entry) { return entry.second.phase == Phase::seen; });
}

void Core::leave(base::Time now, base::Duration grace, const std::string& reason) {
  if (stage_ == Stage::ending) return;
  if (stage_ == Stage::leaving) {  // Told twice: the earlier end counts.
    gone_by_ = std::min(gone_by_, now + grace);
    evacuate_until_ = std::min(evacuate_until_, gone_by_ - kStopReserve);
    return;
  }
  log(Log::Level::info, reason);
  const bool cell_started = stage_ != Stage::waiting;
  stage_ = Stage::leaving;
  leave_reason_ = reason;
  gone_by_ = now + grace;
  evacuate_until_ = gone_by_ - kStopReserve;
  for (Attempt* attempt : in_order()) {
    if (attempt->phase == Phase::queued)
      send(*attempt, TaskState::killed, "killed before the rep had it: " + reason, now);
  }
  cell_stopped_ = !cell_started;
  if (holds_work() && now < evacuate_until_) {
    if (!evacuating_) actions_.emplace_back(Evacuate{});
    evacuating_ = true;
    changed_at_ = now;
  }
  leave_further(now);
}

// Work may still move away until evacuate_until_; then the rest goes with the cell.
void Core::leave_further(base::Time now) {
  if (holds_work() && now < evacuate_until_) {
    if (!polling_ && !posting_ && now >= poll_at_) poll(now);
    return maybe_report(now);
  }
  end_all(TaskState::killed, leave_reason_, now);
  stop_cell(0, leave_reason_, now);
}

void Core::end_all(TaskState state, const std::string& message, base::Time now) {
  for (Attempt* attempt : in_order()) {
    if (attempt->phase == Phase::ended) continue;
    send(*attempt, attempt->stop_wanted ? TaskState::killed : state, message, now, true);
  }
}

void Core::stop_cell(int code, const std::string& reason, base::Time now) {
  if (gone_by_ <= now) gone_by_ = now + std::max(config_.terminated_grace, base::Duration(1s));
  stage_ = Stage::ending;
  exit_code_ = code;
  leave_reason_ = reason;
  // Of what is left the cell gets two thirds; the acknowledgements are waited for meanwhile.
  const base::Duration left = gone_by_ - now;
  acknowledge_until_ = now + std::min(kAcknowledgeMax, code == 0 ? left * 9 / 10 : kAcknowledgeMax);
  if (!cell_stopped_)
    actions_.emplace_back(
        StopCell{std::min<base::Duration>(std::chrono::floor<std::chrono::milliseconds>(left * 2 / 3), kStopReserve)});
  maybe_exit(now);
}

void Core::maybe_exit(base::Time now) {
  const bool unacknowledged =
      std::any_of(updates_.begin(), updates_.end(), [](const Update& update) { return terminal(update.state); });
  if (!cell_stopped_) return;
  if (unacknowledged && !session_ended_ && now < acknowledge_until_) return;
  stage_ = Stage::done;
  actions_.emplace_back(Exit{exit_code_, leave_reason_});
}

void Core::post_queued(base::Time now) {
  if (stage_ != Stage::up || posting_ || !rep_answers_) return;
  PostWork post;
  post.work.cell_id = config_.cell_id;
  for (Attempt* attempt : in_order()) {
    if (attempt->phase != Phase::queued || now < attempt->since) continue;
    if (attempt->boot) {
      send(*attempt, TaskState::finished, "the cell is up", now);
      continue;
    }
    if (!state_->garden_healthy) {
      send(*attempt, TaskState::failed, "the cell's garden is unhealthy", now);
      continue;
    }
    attempt->phase = Phase::posted;
    ++attempt->posts;
    // One post has one id. Work of several requests has none: under another's it would be found where it is not.
    if (post.work.empty()) post.trace_id = attempt->trace_id;
    if (post.trace_id != attempt->trace_id) post.trace_id.clear();
    if (const auto* lrp = std::get_if<diego::Lrp>(&attempt->element)) post.work.lrps.push_back(*lrp);
    if (const auto* task = std::get_if<diego::Task>(&attempt->element)) post.work.tasks.push_back(*task);
  }
  if (post.work.empty()) return;
  posting_ = true;
  actions_.emplace_back(std::move(post));
}

void Core::poll(base::Time now) {
  polling_ = true;
  ++quick_polls_;
  poll_at_ = now;  // Set anew by the answer.
  actions_.emplace_back(PollState{});
}

// We have asked the rep for something that its /state will show.
void Core::poll_soon(base::Time now) {
  changed_at_ = now;
  quick_polls_ = 0;
  poll_at_ = std::max(now, silent_since_ + crowd_gap());
}

base::Duration Core::poll_gap(base::Time now) const {
  if (!changing()) return kIdlePoll;
  if (now - changed_at_ > kQuickFor) return kSlowChangePoll;
  const auto step = static_cast<std::size_t>(std::max(quick_polls_ - 1, 0));
  return std::max(kQuickPolls[std::min(step, std::size(kQuickPolls) - 1)], crowd_gap());
}

// The least time between an answer and the next question.
base::Duration Core::crowd_gap() const {
  return std::min<base::Duration>(kCrowdPollGap, kPollGapPerChange * (changing_attempts() - 1));
}

// Something is on its way in or out, so that the next /state will probably differ.
bool Core::changing() const {
  return stage_ == Stage::booting || !rep_answers_ || evacuating_ || changing_attempts() > 0;
}

std::int64_t Core::changing_attempts() const {
  return std::count_if(attempts_.begin(), attempts_.end(), [](const auto& entry) {
    const Attempt& attempt = entry.second;
    if (attempt.phase == Phase::unclear || attempt.phase == Phase::accepted) return true;
    return attempt.phase == Phase::seen && (attempt.stop_wanted || !attempt.running_sent ||
                                            attempt.rep_state == "CRASHED" || attempt.rep_state == "SHUTDOWN");
  });
}

bool Core::holds_work() const {
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [](const auto& entry) { return entry.second.phase != Phase::ended; });
}

std::vector<Core::Attempt*> Core::in_order() {
  std::vector<Attempt*> ordered;
  ordered.reserve(attempts_.size());
  for (auto& [id, attempt] : attempts_) ordered.push_back(&attempt);
  std::sort(ordered.begin(), ordered.end(), [](const Attempt* a, const Attempt* b) { return a->order < b->order; });
  return ordered;
}

// Records the state of a task and tells the agent if it can be told; a terminal one ends the attempt.
void Core::send(Attempt& attempt, TaskState state, const std::string& message, base::Time now, bool with_cell) {
  if (terminal(state)) {
    attempt.phase = Phase::ended;
    attempt.stop_again_at.reset();
  }
  updates_.push_back({attempt.task_id, state, random_.uuid4(), now, message, with_cell});
  if (subscribed_) say_updates();
}

void Core::say_updates() {
  for (; said_ < updates_.size(); ++said_) actions_.emplace_back(SendUpdate{updates_[said_]});
}

void Core::log(Log::Level level, std::string text) { actions_.emplace_back(Log{level, std::move(text)}); }

void Core::maybe_report(base::Time now) {
  if (!subscribed_ || config_.cell_id.empty()) return;
  if (!report_due_ && reported_ && now < reported_at_ + kReportGap) return;
  CellReport current = report();
  const bool due =
      report_due_ || (reported_ ? *reported_ != current || now >= reported_at_ + kReportEvery : state_.has_value());
  if (!due) return;
  report_due_ = false;
  reported_at_ = now;
  reported_ = current;
  actions_.emplace_back(SendReport{std::move(current)});
}

CellReport Core::report() const {
  CellReport report{.cell_id = config_.cell_id, .rep_answers = rep_answers_};
  if (state_) report.cell = *state_;
  report.cell.evacuating = report.cell.evacuating || evacuating_;
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.phase == Phase::ended || attempt.boot) continue;
    const std::string& domain =
        std::visit([](const auto& element) -> const std::string& { return element.domain; }, attempt.element);
    report.work.push_back({id, domain, attempt.mem_mb, attempt.disk_mb, attempt.rep_state});
    if (attempt.phase == Phase::seen && !attempt.running_sent) --report.others_starting;
  }
  report.others_starting = std::max<std::int64_t>(report.others_starting + report.cell.starting_container_count, 0);
  return report;
}

std::vector<Update> Core::unacknowledged_updates() const { return {updates_.begin(), updates_.end()}; }

std::vector<Update> Core::carry_updates() {
  said_ = updates_.size();
  return unacknowledged_updates();
}

std::vector<std::string> Core::unacknowledged_tasks() const {
  std::map<std::uint64_t, std::string> ordered;
  for (const auto& [id, attempt] : attempts_) {
    if (!attempt.any_acknowledged) ordered.emplace(attempt.order, id);
  }
  std::vector<std::string> ids;
  for (auto& [order, id] : ordered) ids.push_back(std::move(id));
  return ids;
}

std::optional<base::Time> Core::next_post() const {
  std::optional<base::Time> next;
  if (posting_ || !rep_answers_) return next;
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.phase == Phase::queued && (!next || attempt.since < *next)) next = attempt.since;
  }
  return next;
}

std::optional<base::Time> Core::next_deadline() const {
  std::optional<base::Time> next;
  const auto by = [&](std::optional<base::Time> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  if (stage_ == Stage::waiting || stage_ == Stage::done) return next;
  if (stage_ == Stage::ending) {
    if (cell_stopped_) by(acknowledge_until_);
    return next;
  }
  if (!polling_ && !posting_) by(poll_at_);
  if (stage_ == Stage::leaving) {
    by(evacuate_until_);
    return next;
  }
  by(next_post());
  by(silent_since_ + (stage_ == Stage::booting ? config_.boot_timeout : config_.rep_timeout));
  by(evacuate_again_at_);
  if (wants_metrics()) by(measure_at_);
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.phase == Phase::accepted) by(attempt.since + kUnseenMax);
    by(attempt.stop_again_at);
  }
  if (subscribed_ && reported_) by(reported_at_ + (*reported_ == report() ? kReportEvery : kReportGap));
  return next;
}

}  // namespace executor
