// Starts a plan's processes one after the other, keeps them running, and stops them in order. Pure: events and the time
// in, actions out in the order in which they must happen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "cell/core/plan.hpp"

namespace cell {

// Events; `index` is into Plan::processes.
struct NotStarted {
  std::size_t index;
  std::string why;
};
struct Ended {
  std::size_t index;
  bool well;        // Exit with status 0.
  std::string how;  // "exited with status 3"
};
struct Checked {
  std::size_t index;
  bool well;
  std::string why;  // What is wrong.
};
struct StopAsked {};  // SIGTERM; the second one ends all at once.
struct ClockTicked {};
using Event = std::variant<NotStarted, Ended, Checked, StopAsked, ClockTicked>;

// Actions.
struct Start {
  std::size_t index;
  bool operator==(const Start&) const = default;
};
struct Signal {  // To the process and all of its group; Ended follows when it has effect.
  std::size_t index;
  int signal;
  bool operator==(const Signal&) const = default;
};
struct Probe {  // One check; Checked follows.
  std::size_t index;
  bool operator==(const Probe&) const = default;
};
struct Say {
  enum class Level { info, warning, error } level;
  std::string text;
  bool operator==(const Say&) const = default;
};
struct Exit {
  int code;
  bool operator==(const Exit&) const = default;
};
using Action = std::variant<Start, Signal, Probe, Say, Exit>;
using Actions = std::vector<Action>;

class Supervisor {
 public:
  explicit Supervisor(Plan plan);

  // Once, before anything else.
  Actions begin(base::Time now);
  // Exit is the last action ever; after it nothing comes any more.
  Actions handle(const Event& event, base::Time now);
  // When ClockTicked has something to do; nullopt: when something happens.
  std::optional<base::Time> next_deadline() const;

 private:
  enum class State { idle, starting, up, waiting, done };
  struct Child {
    State state = State::idle;
    base::Time since{};       // Of the last start.
    base::Time until{};       // waiting: when it is started again.
    base::Time next_probe{};  // Meaningful unless asked.
    bool asked = false;       // A probe is on the way.
    bool hung = false;        // KILLed for failing its checks.
    int failures = 0;
    base::Duration backoff{};
    bool runs() const { return state == State::starting || state == State::up; }
  };

  void on(const NotStarted& event);
  void on(const Ended& event);
  void on(const Checked& event);
  void on(const StopAsked& event);
  void on(const ClockTicked&) {}

  void start(std::size_t index);
  void go_on();  // Starts what comes next, while nothing has to be waited for.
  void came_up(std::size_t index);
  void late(std::size_t index, const std::string& why);
  void ended(std::size_t index, bool well, const std::string& how);
  void wait_to_restart(std::size_t index);
  void look_at(std::size_t index);  // Its deadlines.
  void stop(int code, std::optional<std::size_t> dead);
  void go_on_stopping();
  bool probes(const Child& child, std::size_t index) const;
  std::string name(std::size_t index) const { return plan_.processes[index].name; }
  void say(Say::Level level, std::string text) { actions_.emplace_back(Say{level, std::move(text)}); }
  void signal(std::size_t index, int number) { actions_.emplace_back(Signal{index, number}); }

  const Plan plan_;
  std::vector<Child> children_;
  std::size_t next_ = 0;  // The first not yet up, while the cell comes up.
  base::Time now_{};
  Actions actions_;

  bool stopping_ = false, asked_ = false, at_once_ = false, exited_ = false;
  int code_ = 0;
  std::size_t stop_at_ = 0;               // In plan_.stop_order.
  std::size_t stop_step_ = 0;             // Of the process there: steps taken.
  std::optional<base::Time> stop_until_;  // Then the next step; nullopt: no step taken yet.
};

}  // namespace cell
