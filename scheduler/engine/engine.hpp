// One scheduler as a pure machine: the session with the master, the core, the order in which things
// become durable and are sent, and leadership. What happens is told to it together with the time; what
// it wants is asked of its World. So the edge and the simulation run the same code, the one over
// sockets and a database, the other over virtual ones.
//
//   for each message: engine.on_...(message, now)
//   after the last:   engine.settle(now)      // Commits, then does what follows from all of them.
//   sleep until next_deadline()
//
// One thread. Nothing leaves between two settle(): calls to the master, answers to auctions. So one
// commit covers a burst, an ACCEPT goes out after its intent is durable, an ACKNOWLEDGE after the state
// it confirms, a 202 after the work it accepts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/leader_lock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "mesos/session.hpp"
#include "scheduler/core/core.hpp"
#include "scheduler/core/journal.hpp"
#include "scheduler/core/witness.hpp"

namespace engine {

enum class Level { debug, info, warning, error };

// One record of the event stream: what it means to the session, and to the core if anything.
struct StreamRecord {
  mesos_client::StreamEvent session;
  std::optional<core::Event> core;
};

// How actions become bytes. Implemented by edge::Translator.
class Wire {
 public:
  virtual ~Wire() = default;
  // The SUBSCRIBE body; an empty id subscribes as a new framework. `leader`: whose state knows all about it;
  // empty without a lock.
  virtual std::string subscribe(const std::string& framework_id, const std::string& leader, bool suppressed) const = 0;
  // The UPDATE_FRAMEWORK body, which tells all that a SUBSCRIBE does, not suppressed, and of which agents offers are
  // wanted.
  virtual std::string constrain(const std::string& framework_id, const std::string& leader,
                                const core::ConstrainOffers& action) const = 0;
  // nullopt for actions that are not calls.
  virtual std::optional<std::string> call(const std::string& framework_id, const core::Action& action) const = 0;
};

// What the engine wants of the world. Called from within the engine's functions; must not call back.
class World {
 public:
  virtual ~World() = default;

  // Abandons both connections if there are some, and opens a stream with that SUBSCRIBE. Its reports
  // come back with the generation.
  virtual void open_stream(std::uint64_t generation, const std::string& url, std::string subscribe) = 0;
  // The connection for calls that belongs to the stream.
  virtual void open_calls(std::uint64_t generation, const std::string& url, const std::string& stream_id) = 0;
  virtual void close_connections() = 0;
  // Calls arrive in this order, none twice. False: too many wait to be sent; this one is not.
  virtual bool send(std::uint64_t tag, std::string call, bool accept) = 0;

  // The leader lock; never called without one (EngineConfig::with_lock).
  virtual void share(std::string text) = 0;
  virtual void resign() = 0;
  virtual bool lock_held() const = 0;

  // To the BBS; never called without one (core::Config::with_bbs). Each is answered by one on_bbs(), unless we
  // lead no more by then.
  virtual void call_bbs(const core::Report&) {}
  virtual void call_bbs(const core::ReadRows&) {}

  // To an agent: as call_bbs(), one on_sandbox() each, however the agent is; how many are open is bounded by the core.
  virtual void read_sandbox(const core::ReadSandbox&) = 0;

  // What changed, once it is durable, in order; only with core::Config::tells_changes.
  virtual void changed(core::Changes) {}

  virtual void log(Level level, const std::string& text) = 0;
  // A line of the log that says `text`.
  virtual void refused(const core::Refusal&, const std::string& text) { log(Level::warning, text); }
  // What the core is told and wants, as it happens: for a trace.
  virtual void saw(const core::Event&) {}
  virtual void saw(const core::Action&) {}
};

struct EngineConfig {
  core::Config core;
  mesos_client::SessionConfig session;
  bool with_lock = false;                                   // Acts only while it holds the lock.
  base::Duration retry_refused = std::chrono::seconds(15);  // The master refuses us though it took us before.
  base::Duration store_retry = std::chrono::seconds(1);     // After a commit that failed.
};

class Engine final : private core::Recovery {
 public:
  // `cells`, `wire`, `world`, `store` and `witness` must outlive the engine. `witness`: hears all that the core
  // is told; may be null.
  Engine(EngineConfig config, const core::CellFactory& cells, std::unique_ptr<placement::Strategy> strategy,
         const Wire& wire, World& world, core::Store& store, base::Random random, core::Witness* witness = nullptr);

  // Before start(): where a store's load() puts what it holds.
  core::Recovery& recovery() { return *this; }

  // Without a lock: subscribes as soon as a master is known. With one: waits for LockAcquired.
  void start(base::Time now);

  // What happened. A stale generation is ignored.
  void on_masters(std::vector<std::string> urls, base::Time now);
  void on_no_master(const std::string& reason);  // Whom we know is kept.
  void on_head(std::uint64_t generation, const mesos_client::StreamHead& head, base::Time now);
  void on_record(std::uint64_t generation, StreamRecord record, base::Time now);
  void on_stream_ended(std::uint64_t generation, const std::string& reason, base::Time now);
  // `answered_well`: some call was answered 2xx since the last report. This one: status 0: no answer.
  void on_call_result(std::uint64_t generation, std::uint64_t tag, int status, const std::string& text,
                      bool answered_well, base::Time now);
  void on_lock(base::LockReport report, base::Time now);
  void on_bbs(const core::ReportAnswered& answer, base::Time now) { handle(answer, now); }
  void on_bbs(const core::RowsRead& answer, base::Time now) { handle(answer, now); }

  // Of no use to whoever leads no more.
  void on_sandbox(const core::SandboxRead& answer, base::Time now) {
    if (leading()) handle(answer, now);
  }

  // Asked from outside. `answer` is called at the next settle(), once what it says is durable; an error
  // names the bound or fault (queue full, passive, store failing), and then nothing was accepted.
  void submit(std::vector<core::Auction> auctions, std::function<void(base::Status)> answer, base::Time now);
  using Keys = std::vector<core::Key>;
  void stop(const core::KeyPattern& pattern, std::function<void(base::Result<Keys>)> answer, base::Time now);

  // An operator changes what the JSON object names (core::merged); an error besides names the member.
  void change_policy(std::string_view json, std::function<void(base::Status)> answer, base::Time now);

  // An operator wants the agent empty, or so no longer; false: no such agent, or not ours to say.
  base::Result<bool> drain(const std::string& agent_id, bool wanted, base::Time now);

  // An operator wants what runs packed or spread anew: what is planned then, or what is under way already; or the
  // rest of it no more. Nothing of it is durable. An error: it is not ours to do.
  base::Result<core::RebalanceView> rebalance(const core::RebalanceOrder& order, base::Time now);
  std::optional<core::RebalanceView> cancel_rebalance(base::Time now);

  // Commits and carries out. `may_launch`: false while the edge cannot take more ACCEPTs.
  void settle(base::Time now, bool may_launch = true);

  // It is not called any more: whoever still waits for an answer is told.
  void leave() { answer_all(base::Error{"scheduler", "is stopping"}); }

  // When to call settle() at the latest; long past: at once; nullopt: not before something happens.
  std::optional<base::Time> next_deadline() const;

  const core::Core& core() const { return core_; }
  core::Health health() const;
  // Whether it is the one that acts: always without a lock, unless another took the framework over.
  bool leading() const { return role_ == Role::leading; }
  // Whether it may launch: with a lock, only once its framework id stands beside it.
  bool may_act() const;
  // A configuration error that ends the scheduler: the master refused us before we were ever subscribed.
  const std::optional<base::Error>& ended() const { return ended_; }

  // Whether a call with this tag was about offers, or asked for tasks: what we believe of them hangs on its answer.
  static bool matters(std::uint64_t tag) { return tag % 2 == 1; }

 private:
  enum class Role {
    idle,     // Before start().
    waiting,  // For the lock.
    taking,   // It has the lock; that it leads is being written beside it.
    leading,
    passive,  // Another scheduler has the framework. Without a lock for good.
  };

  // core::Recovery
  void text(std::string_view name, std::string_view value) override;
  base::Status wish(std::uint64_t id, std::string_view text) override;
  void missing_wish(std::uint64_t id) override;
  base::Status instance(const core::InstanceRow& row) override;

  void on_report(const base::LockAcquired& report, base::Time now);
  void on_report(const base::LockLost& report, base::Time now);
  void on_report(const base::LockHeldByOther& report, base::Time now);
  void on_report(const base::ShareStored& report, base::Time now);
  void on_report(const base::ShareRefused& report, base::Time now);
  void on_report(const base::LockNote& report, base::Time now);
  void lead(base::Time now);
  void step_down(Role role, const std::string& reason, base::Time now);
  std::string our_text() const;
  std::string leader_label() const { return config_.with_lock ? identity_ : ""; }
  void share_our_text();

  void carry_out(const mesos_client::SessionActions& actions, base::Time now);
  void on_session(const mesos_client::Connect& action, base::Time now);
  void on_session(const mesos_client::Disconnect& action, base::Time now);
  void on_session(const mesos_client::Subscribed& action, base::Time now);
  void on_session(const mesos_client::Lost& action, base::Time now);
  void on_session(const mesos_client::GivenUp& action, base::Time now);
  void on_session(const mesos_client::Warn& action, base::Time now);
  void subscribe_again(const std::string& reason, base::Time now);

  // All that changes the core goes through these, or tells the witness itself.
  void handle(const core::Event& event, base::Time now);
  void remember_framework(const std::string& id, base::Time now);
  void withdraw_unsaved(base::Time now);
  void witness(const core::Step& step, base::Time now, const core::Actions& answer = {}) {
    if (witness_ != nullptr) witness_->stepped(step, now, answer);
  }
  void keep(core::Actions actions);
  bool commit(base::Time now);
  void send_all(base::Time now);
  void answer_all(const base::Status& status);
  void log(Level level, const std::string& text) { world_.log(level, text); }
  std::optional<base::Error> refusal() const;

  const EngineConfig config_;
  const Wire& wire_;
  World& world_;
  core::Store& store_;
  base::Random random_;
  core::Witness* const witness_;
  const std::uint64_t core_seed_;
  core::Core core_;
  mesos_client::Session session_;

  Role role_ = Role::idle;
  std::string identity_;                         // Of our store: tells whether another led in between.
  bool identity_changed_ = false;                // Since it was last saved.
  std::optional<std::string> shared_, sharing_;  // What stands beside the lock; what is on its way there.

  // What follows from everything since the last commit. Calls are void once their subscription is.
  struct Pending {
    std::uint64_t generation;
    core::Action action;
  };
  std::vector<Pending> pending_;
  std::vector<std::variant<core::Report, core::ReadRows>> bbs_calls_;  // As pending_, whatever becomes of Mesos.
  std::vector<core::ReadSandbox> sandboxes_;                           // As these.
  std::vector<std::function<void(base::Status)>> answers_;             // Told whether what they wait for is durable.
  std::optional<base::Time> store_retry_at_;                           // The last commit failed.
  std::string store_trouble_;

  bool calls_open_ = false;
  std::uint64_t calls_sent_ = 0;
  std::optional<std::uint64_t> constraints_tag_;  // Of the last call that may well be refused.
  std::uint64_t constraints_generation_ = 0;      // Of the subscription under which it was sent,
  std::size_t constraints_sent_ = 0;              // and how many were.
  bool subscribed_suppressed_ = false;            // What the last SUBSCRIBE asked for.
  bool ever_subscribed_ = false;
  std::optional<base::Time> restart_at_;  // After a refusal, or a call without an answer.
  std::string restart_reason_;
  int call_failures_in_row_ = 0;
  std::string detail_ = "not subscribed yet";  // For people.
  std::optional<base::Error> ended_;
};

}  // namespace engine
