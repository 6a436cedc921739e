#include "cell/core/supervisor.hpp"

#include <algorithm>
#include <cassert>
#include <csignal>
#include <utility>

namespace cell {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kStartProbeEvery = 50ms;
constexpr base::Duration kBackoffMin = 1s, kBackoffMax = 30s;
constexpr base::Duration kSettled = 60s;   // Up for that long: the next restart is without delay again.
constexpr base::Duration kKillTakes = 5s;  // Then it is stuck in the kernel, and waiting brings nothing.
constexpr int kStoppedAtOnce = 143;

std::string millis(base::Duration duration) { return std::to_string(base::to_millis(duration)) + " ms"; }

}  // namespace

Supervisor::Supervisor(Plan plan) : plan_(std::move(plan)), children_(plan_.processes.size()) {}

Actions Supervisor::begin(base::Time now) {
  now_ = now;
  say(Say::Level::info, plan_.cell);
  go_on();
  return std::exchange(actions_, {});
}

Actions Supervisor::handle(const Event& event, base::Time now) {
  if (exited_) return {};
  now_ = now;
  std::visit([this](const auto& one) { on(one); }, event);
  if (!stopping_) {
    for (std::size_t i = 0; i < children_.size() && !stopping_; ++i) look_at(i);
    if (!stopping_) go_on();
  }
  if (stopping_) go_on_stopping();
  return std::exchange(actions_, {});
}

void Supervisor::start(std::size_t index) {
  Child& child = children_[index];
  child.state = State::starting;
  child.since = now_;
  child.next_probe = now_;
  child.hung = false;
  child.failures = 0;
  actions_.emplace_back(Start{index});
}

void Supervisor::go_on() {
  while (next_ < children_.size()) {
    Child& child = children_[next_];
    if (child.state == State::idle) {
      start(next_);
      const Process& process = plan_.processes[next_];
      if (!process.once && process.check.kind == Check::Kind::none) came_up(next_);
      if (child.state == State::starting) look_at(next_);
    }
    if (child.state == State::starting) return;
    if (stopping_) return;
    if (++next_ == children_.size()) say(Say::Level::info, "the cell is complete");
  }
}

void Supervisor::came_up(std::size_t index) {
  Child& child = children_[index];
  child.state = State::up;
  child.failures = 0;
  say(Say::Level::info, "up process=" + name(index) + " after=" + millis(now_ - child.since));
}

bool Supervisor::probes(const Child& child, std::size_t index) const {
  const Process& process = plan_.processes[index];
  if (!child.runs() || child.asked || child.hung || process.once || process.check.kind == Check::Kind::none)
    return false;
  return child.state == State::starting || process.check.failures_max > 0;
}

void Supervisor::look_at(std::size_t index) {
  Child& child = children_[index];
  if (child.state == State::waiting && now_ >= child.until) {
    start(index);
    if (plan_.processes[index].check.kind == Check::Kind::none) came_up(index);
  }
  if (child.state == State::starting && now_ - child.since >= plan_.processes[index].start_limit && !child.hung)
    return late(index, "is not up after " + millis(plan_.processes[index].start_limit));
  if (!probes(child, index) || now_ < child.next_probe) return;
  child.asked = true;
  actions_.emplace_back(Probe{index});
}

// Not up in time.
void Supervisor::late(std::size_t index, const std::string& why) {
  const Process& process = plan_.processes[index];
  if (process.needed && index == next_) {
    say(Say::Level::error, "the cell is given up: " + why + " process=" + process.name);
    return stop(process.exit_code, std::nullopt);
  }
  say(Say::Level::warning, why + " process=" + process.name);
  Child& child = children_[index];
  if (process.once) {
    child.hung = true;
    return signal(index, SIGKILL);
  }
  // What comes after it does not wait; its checks go on, and end it if they go on failing.
  child.state = State::up;
  child.next_probe = now_ + process.check.every;
}

void Supervisor::on(const NotStarted& event) { ended(event.index, false, "was not started: " + event.why); }

void Supervisor::on(const Ended& event) { ended(event.index, event.well, event.how); }

void Supervisor::ended(std::size_t index, bool well, const std::string& how) {
  const Process& process = plan_.processes[index];
  Child& child = children_[index];
  const bool was_up = child.state == State::up;
  child.state = State::done;
  child.asked = false;
  if (stopping_) return say(Say::Level::info, "ended process=" + process.name + ": " + how);
  if (process.once && well) return say(Say::Level::info, "done process=" + process.name);

  const bool first_start_failed = !was_up && index == next_;
  if (process.at_end == Process::AtEnd::end_cell || (first_start_failed && process.needed)) {
    const bool finished = well && was_up && process.may_finish;
    say(finished ? Say::Level::info : Say::Level::error, "the cell ends: process=" + process.name + " " + how);
    return stop(finished ? 0 : process.exit_code, index);
  }
  say(well ? Say::Level::info : Say::Level::warning, "ended process=" + process.name + ": " + how);
  if (process.at_end == Process::AtEnd::restart) wait_to_restart(index);
}

void Supervisor::wait_to_restart(std::size_t index) {
  Child& child = children_[index];
  const bool settled = now_ - child.since >= kSettled;
  child.backoff = settled ? kBackoffMin : std::clamp(child.backoff * 2, kBackoffMin, kBackoffMax);
  child.state = State::waiting;
  child.until = now_ + child.backoff;
  say(Say::Level::info, "starts again process=" + name(index) + " in=" + millis(child.backoff));
}

void Supervisor::on(const Checked& event) {
  Child& child = children_[event.index];
  const Process& process = plan_.processes[event.index];
  if (!child.asked) return;  // Of one that has ended since.
  child.asked = false;
  if (stopping_ || !child.runs()) return;
  const bool coming_up = child.state == State::starting;
  child.next_probe = now_ + (coming_up && !event.well ? kStartProbeEvery : process.check.every);
  if (event.well) {
    if (coming_up) came_up(event.index);
    child.failures = 0;
    return;
  }
  if (coming_up || ++child.failures < process.check.failures_max) return;
  say(Say::Level::error, "fails its check process=" + process.name + ": " + event.why);
  child.hung = true;
  signal(event.index, SIGKILL);
}

void Supervisor::on(const StopAsked&) {
  if (!stopping_) {
    say(Say::Level::info, "the cell stops");
    asked_ = true;
    return stop(0, std::nullopt);
  }
  // The first one may well come while the cell ends by itself.
  if (!std::exchange(asked_, true) || at_once_) return;
  say(Say::Level::warning, "the cell stops at once");
  at_once_ = true;
  if (code_ == 0) code_ = kStoppedAtOnce;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (children_[i].runs()) signal(i, SIGKILL);
  }
  stop_until_ = now_ + kKillTakes;
}

// What was built on a dead process is of no use any more: a rep without garden would report apps as crashed one by one.
void Supervisor::stop(int code, std::optional<std::size_t> dead) {
  stopping_ = true;
  code_ = code;
  for (Child& child : children_) {
    if (child.state == State::waiting) child.state = State::done;
  }
  if (!dead) return;
  for (std::size_t i = *dead + 1; i < children_.size(); ++i) {
    if (children_[i].runs() && plan_.processes[i].at_end == Process::AtEnd::end_cell) signal(i, SIGKILL);
  }
}

void Supervisor::go_on_stopping() {
  const auto exit = [this] {
    exited_ = true;
    actions_.emplace_back(Exit{code_});
  };
  if (at_once_) {
    const bool over = std::none_of(children_.begin(), children_.end(), [](const Child& child) { return child.runs(); });
    if (over || now_ >= *stop_until_) exit();
    return;
  }
  for (; stop_at_ < plan_.stop_order.size(); ++stop_at_, stop_step_ = 0, stop_until_.reset()) {
    const std::size_t index = plan_.stop_order[stop_at_];
    const auto& steps = plan_.processes[index].stop;
    while (children_[index].runs()) {
      if (stop_until_ && now_ < *stop_until_) return;
      if (stop_step_ > steps.size()) {
        say(Say::Level::error, "does not end process=" + name(index));
        break;
      }
      const bool last = stop_step_ == steps.size();
      if (last && stop_step_ > 0) say(Say::Level::warning, "is killed process=" + name(index));
      signal(index, last ? SIGKILL : steps[stop_step_].signal);
      stop_until_ = now_ + (last ? kKillTakes : steps[stop_step_].wait);
      ++stop_step_;
    }
  }
  exit();
}

std::optional<base::Time> Supervisor::next_deadline() const {
  if (exited_) return std::nullopt;
  if (stopping_) return stop_until_;
  std::optional<base::Time> next;
  const auto consider = [&next](base::Time time) {
    if (!next || time < *next) next = time;
  };
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const Child& child = children_[i];
    if (child.state == State::waiting) consider(child.until);
    if (child.state == State::starting && !child.hung) consider(child.since + plan_.processes[i].start_limit);
    if (probes(child, i)) consider(child.next_probe);
  }
  return next;
}

}  // namespace cell
