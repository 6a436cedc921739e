// One subscription to a Mesos master (scheduler) or agent (executor) as a state machine: when to
// connect and where to, whether we are subscribed, and what every failure means. It does no I/O: the
// caller carries out the actions in order and reports what happens.
//
//   idle --start--> connecting --200--> awaiting SUBSCRIBED --SUBSCRIBED--> subscribed
//                    ^    |  non-200        | ERROR, end, silence            | end, silence, call refused
//                    |    v                 v                                v
//                    +-- waiting (a delay) <--------------------------------+        given up: until restart()
//
// Every connection has a generation. Reports about any but the current one are ignored, so late
// events of an abandoned stream do no harm (its ERROR "Framework failed over" is our own takeover).
//
// 200 is not success: Mesos refuses a framework with 200, an ERROR event and the end of the answer.
// A master's silence of 5 heartbeats is a partition. An agent's stream has no usable heartbeat (30
// minutes), so there silence is no sign; but an agent that restarts waits only
// --executor_reregistration_timeout for its executors: they retry evenly, without growing delays.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"

namespace mesos_client {

struct SessionConfig {
  enum class Peer { master, agent };
  Peer peer = Peer::master;

  // Full URLs to POST SUBSCRIBE to, tried in turn; one for an agent.
  std::vector<std::string> urls;

  base::Duration backoff_min = std::chrono::milliseconds(500);  // master
  base::Duration backoff_max = std::chrono::seconds(15);        // master; agent: MESOS_SUBSCRIPTION_BACKOFF_MAX
  base::Duration refused_retry = std::chrono::seconds(15);      // master: after a configuration error
  bool give_up_when_refused = false;                            // master: a configuration error ends the session
  int heartbeats_missed_max = 5;                                // master

  // agent: how long an outage may last, counted from its first loss (MESOS_RECOVERY_TIMEOUT); zero
  // means that the first loss is final (a framework without checkpointing).
  base::Duration recovery_timeout = std::chrono::minutes(15);
  // agent: how long the very first subscription may take.
  base::Duration first_subscribe_timeout = std::chrono::minutes(1);

  // From Connect to SUBSCRIBED.
  base::Duration subscribe_timeout = std::chrono::seconds(30);
};

// What the session wants to know of the head of an answer.
struct StreamHead {
  int status = 0;
  std::string stream_id;  // Mesos-Stream-Id; "" if absent.
  std::string location;   // Location; "" if absent.
};

// What the session wants to know of an event (see mesos/events.hpp).
struct StreamEvent {
  enum class Kind { subscribed, heartbeat, error, shutdown, other, unreadable };
  Kind kind = Kind::other;
  double heartbeat_interval_s = 0;  // subscribed: as announced; 0 if not.
  std::string text;                 // error: its message. unreadable: why.

  bool operator==(const StreamEvent&) const = default;
};

// ---- Actions

// Open a stream to `url` with a SUBSCRIBE, tagged with the generation.
struct Connect {
  std::uint64_t generation = 0;
  std::string url;
  bool operator==(const Connect&) const = default;
};
// Close that stream and the connection for calls that goes with it.
struct Disconnect {
  std::uint64_t generation = 0;
  bool operator==(const Disconnect&) const = default;
};
// We are subscribed: calls go to `url`, with `stream_id` (empty at an agent).
struct Subscribed {
  std::uint64_t generation = 0;
  std::string url;
  std::string stream_id;
  bool operator==(const Subscribed&) const = default;
};
// We were subscribed and are no more; offers are void. A new Connect follows unless GivenUp does.
struct Lost {
  std::string reason;
  bool operator==(const Lost&) const = default;
};
// Nothing more happens until restart().
struct GivenUp {
  enum class Cause {
    failed_over,       // Another scheduler has our framework id: do not fight it.
    removed,           // The framework id is spent: a new one is needed, all tasks are gone.
    refused,           // A configuration error, and the session was told to give up.
    recovery_timeout,  // agent: the outage lasted too long.
    shutdown,          // agent: it sent SHUTDOWN instead of SUBSCRIBED.
    wrong_api,         // agent: what answers is not the executor API.
  };
  Cause cause = Cause::refused;
  std::string reason;
  bool operator==(const GivenUp&) const = default;
};
// One line for the log.
struct Warn {
  std::string text;
  bool operator==(const Warn&) const = default;
};
using SessionAction = std::variant<Connect, Disconnect, Subscribed, Lost, GivenUp, Warn>;
using SessionActions = std::vector<SessionAction>;

class Session {
 public:
  explicit Session(SessionConfig config);

  // Connects at once. Also out of the given-up state, and with a session up: that one is then left.
  SessionActions start(base::Time now);
  SessionActions restart(base::Time now, const std::string& reason);

  // Leaves what there is and waits for the next start().
  SessionActions stop(base::Time now, const std::string& reason);

  // A detector's news: the masters to try from now on. A subscription to one that is still listed
  // stays; any other is left at once. An empty list means that nobody leads: wait.
  SessionActions masters_changed(std::vector<std::string> urls, base::Time now);

  // Reports about the stream.
  SessionActions on_head(std::uint64_t generation, const StreamHead& head, base::Time now, base::Random& random);
  SessionActions on_event(std::uint64_t generation, const StreamEvent& event, base::Time now, base::Random& random);
  // For an answer other than 200, `reason` is its body; else how the stream ended.
  SessionActions on_stream_ended(std::uint64_t generation, const std::string& reason, base::Time now,
                                 base::Random& random);

  // A call was answered with something other than 2xx. Where that means that the session is gone
  // (framework or stream unknown, not subscribed, not the leader), it is left and renewed.
  SessionActions on_call_refused(std::uint64_t generation, int status, const std::string& text, base::Time now,
                                 base::Random& random);

  // When to call on_tick at the latest; nullopt: not before some other input.
  std::optional<base::Time> next_deadline() const;
  SessionActions on_tick(base::Time now, base::Random& random);

  bool subscribed() const { return state_ == State::subscribed; }
  std::uint64_t generation() const { return generation_; }

 private:
  enum class State { idle, waiting, connecting, refused, awaiting, subscribed, given_up };

  bool at_master() const { return config_.peer == SessionConfig::Peer::master; }
  void connect(SessionActions& actions, base::Time now);
  void wait(base::Duration delay, base::Time now);
  void leave(SessionActions& actions, const std::string& reason, base::Time now);
  void give_up(SessionActions& actions, GivenUp::Cause cause, const std::string& reason);
  void warn_once(SessionActions& actions, const std::string& text);
  // A try failed for a passing reason: go to the next URL, or wait, or give the outage up.
  void retry(SessionActions& actions, base::Time now, base::Random& random);
  void retry_refused(SessionActions& actions, const std::string& text, base::Time now, base::Random& random);
  void redirect(SessionActions& actions, base::Time now, base::Random& random);
  void answered(SessionActions& actions, const std::string& body, base::Time now, base::Random& random);
  void error_event(SessionActions& actions, const std::string& text, base::Time now, base::Random& random);
  bool outage_over(SessionActions& actions, base::Time now);
  const std::string& url() const;

  SessionConfig config_;
  State state_ = State::idle;
  std::uint64_t generation_ = 0;
  std::size_t next_url_ = 0;        // Index into config_.urls.
  std::size_t tried_in_round_ = 0;  // URLs tried since the last delay.
  int rounds_failed_ = 0;           // Since the last subscription: the exponent of the backoff.
  int redirects_in_row_ = 0;
  std::optional<std::string> redirected_;  // The leader's URL, as a redirect told it.
  StreamHead head_;
  base::Duration watchdog_{};
  bool was_subscribed_ = false;  // Ever.
  std::optional<base::Time> outage_since_;
  std::optional<base::Time> deadline_;
  std::vector<std::string> said_;  // Warnings since the last subscription.
};

// "//host:port/path", as Mesos redirects, made a full URL with the scheme of `asked` and, if the
// location has no path, its path. nullopt if the location is anything else: it comes from the wire.
std::optional<std::string> redirect_target(std::string_view asked, std::string_view location);

// Whether an answer to a call other than 2xx means that this stream's calls are taken no more.
bool ends_session(int status, std::string_view text);

// A stream id goes back in a header: 1 to 128 printable characters.
bool valid_stream_id(std::string_view id);

}  // namespace mesos_client
