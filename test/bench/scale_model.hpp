// A Mesos master and its agents, as one framework sees them, for test/bench/scale: offers of all that
// is free, launches checked as Mesos checks them, statuses as an agent's update manager sends them (one
// unacknowledged per task, in order, resent after 10 s). There are no executors: a task that was
// launched rightly starts and runs at once. Every rule a scheduler may break is checked and counted.
// No clock and no socket: times come in, bytes go out.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "test/bench/scale_calls.hpp"
#include "test/bench/scale_events.hpp"

namespace scale {

using Nanos = std::int64_t;  // Of one monotonic clock.

struct ModelOptions {
  Codec codec = Codec::json;
  std::size_t agents = 10'000;
  Amounts agent_total{32'000, 65'536'000, 524'288'000};
  std::size_t zones = 4;
  Nanos allocation_interval = 1'000'000'000;
  Nanos revive_latency = 4'000'000;  // Measured on a real master: REVIVE brings offers after 3.6 ms.
  std::size_t expected_tasks = 250'000;
};

struct Answer {
  int status = 202;
  std::string_view text;  // Of a refusal.
};

// What the scheduler must not do.
enum class Violation {
  unknown_offer,  // An offer that was never made, or was answered before.
  over_launch,    // More than the offers hold.
  duplicate_task_id,
  double_launch,        // A key while an attempt of it lives.
  executor_mismatch,    // Another ExecutorInfo than the running one of that id.
  second_executor,      // Two cells on an agent.
  bad_launch,           // Anything else Mesos answers with TASK_ERROR.
  bad_acknowledgement,  // Of what was never sent, or with other ids.
  acknowledged_twice,   // More acknowledgements than statuses sent.
  odd_call,             // Unreadable, or of a kind that a scheduler need not send.
};
constexpr std::size_t kViolations = 10;
constexpr std::array<std::string_view, kViolations> kViolationNames = {
    "unknown_offer",   "over_launch", "duplicate_task_id",   "double_launch",      "executor_mismatch",
    "second_executor", "bad_launch",  "bad_acknowledgement", "acknowledged_twice", "odd_call"};

enum class EventKind { subscribed, heartbeat, offers, starting, running, ended, refused, reconciled, failure };
constexpr std::size_t kEventKinds = 9;
constexpr std::array<std::string_view, kEventKinds> kEventNames = {
    "SUBSCRIBED",        "HEARTBEAT",         "OFFERS", "UPDATE_STARTING", "UPDATE_RUNNING", "UPDATE_OF_AN_END",
    "UPDATE_OF_REFUSAL", "UPDATE_RECONCILED", "FAILURE"};

struct Figures {
  std::array<std::uint64_t, kCallTypes> calls{};
  std::array<std::uint64_t, kViolations> violations{};
  std::string first_violation;
  std::array<std::uint64_t, kEventKinds> events{};
  std::uint64_t offers_made = 0, launched = 0, updates_resent = 0, cells_started = 0, subscriptions = 0;
  std::uint64_t running_acknowledged = 0, unacknowledged = 0, unacknowledged_max = 0, tasks_per_accept_max = 0;
  std::optional<Nanos> subscribed, first_accept, last_accept, last_running_acknowledged;
  std::vector<Nanos> tenths;  // When each tenth of the expected tasks had RUNNING acknowledged.

  std::uint64_t violated() const;
};

class Model {
 public:
  explicit Model(const ModelOptions& options);

  // A SUBSCRIBE that was answered with 200; what was subscribed before must get goodbye() first.
  void subscribe(const Call& call, int port, Nanos now, double wall_s);
  // The last words on a stream that another one takes the place of.
  std::string goodbye();
  void disconnect();

  // Any other call, on the clock and the calendar.
  Answer handle(const Call& call, Nanos now, double wall_s);
  void unreadable(std::string_view body);

  // Whatever is due: allocations, resends, heartbeats.
  void tick(Nanos now, double wall_s);
  Nanos next_deadline() const;

  // To be written to the stream; the caller empties it.
  std::string& out() { return writer_.out; }
  bool subscribed() const { return subscribed_; }
  // The scheduler has had offers and has answered all of them.
  bool settled() const { return subscribed_ && figures_.offers_made > 0 && open_offers_ == 0; }
  const Figures& figures() const { return figures_; }

 private:
  struct Agent {
    std::string id, hostname, ip, face;
    Amounts used, offered;
    std::vector<std::uint32_t> offers;  // Outstanding numbers.
    std::string executor_id, executor_raw, container_id;
    Amounts executor_needs;
    Amounts refused;
    Nanos refused_until = 0;
    std::vector<std::uint32_t> tasks;  // Ever launched here.
  };
  struct Offer {
    std::uint32_t agent = 0;
    enum class State : std::uint8_t { open, answered, discarded } state = State::open;
    Amounts amounts;
  };
  struct Task {
    std::string id;
    std::uint32_t agent = 0;
    TaskState state = TaskState::staging;  // Forwarded last.
    std::uint8_t waiting = 0;              // States that follow, in `follow`.
    std::array<TaskState, 3> follow{};
    std::uint8_t status = 0;  // Number of the status under way or acknowledged last.
    bool in_flight = false;
    std::uint8_t resends = 0;  // Of the one in flight.
    std::uint32_t sent = 0, acknowledged = 0;
    bool charged = true;  // Its resources are taken from the agent.
    Amounts needs;
  };
  struct Resend {
    Nanos due;
    std::uint32_t task;
    std::uint8_t status;
  };

  void violated(Violation what, std::string_view about);
  void allocate(Nanos now);
  std::optional<std::uint32_t> offer_number(std::string_view id) const;
  Offer* open_offer(std::string_view id, std::string_view call);
  void close_offer(Offer& offer, std::uint32_t number);
  std::optional<std::uint32_t> agent_of(std::string_view id) const;

  void accept(const Call& call, Nanos now, double wall_s);
  std::string why_not(const Call& call, const Launched& launched, const Agent& agent, const Amounts& room,
                      Violation& kind) const;
  void launch(const Call& call, const Launched& launched, std::uint32_t agent, Amounts& room, Nanos now, double wall_s);
  void refuse(const Launched& launched, TaskState state, Reason reason, const std::string& why, double wall_s);
  void decline(const Call& call, Nanos now);
  void filter(Agent& agent, const Amounts& amounts, double refuse_s, Nanos now);
  void acknowledge(const Call& call, Nanos now, double wall_s);
  void acknowledged_running(Nanos now);
  void kill(const Call& call, Nanos now, double wall_s);
  void shutdown(const Call& call, Nanos now, double wall_s);
  void reconcile(const Call& call, double wall_s);
  void answer_about(std::string_view task_id, std::string_view agent_id, double wall_s);

  void follow_with(std::uint32_t task, TaskState state, Nanos now, double wall_s);
  void send_next(std::uint32_t task, Nanos now, double wall_s);
  void send(std::uint32_t task, double wall_s);
  void settle(std::uint32_t task);  // A terminal state was forwarded: its resources are free again.
  void count(EventKind kind) { ++figures_.events[static_cast<std::size_t>(kind)]; }

  const ModelOptions options_;
  const std::string master_id_, framework_id_;
  EventWriter writer_;
  Figures figures_;
  std::string role_;
  bool subscribed_ = false, suppressed_ = false;
  Nanos next_allocation_ = 0, next_heartbeat_ = 0;
  std::optional<Nanos> revived_;
  std::vector<Agent> agents_;
  std::vector<Offer> offers_;
  std::size_t open_offers_ = 0;
  std::deque<Task> tasks_;
  std::unordered_map<std::string_view, std::uint32_t> by_id_;   // Of tasks_.
  std::unordered_map<std::string_view, std::uint32_t> by_key_;  // The latest attempt.
  std::array<std::deque<Resend>, 8> resends_;                   // By number of resends: each in order of time.
};

}  // namespace scale
