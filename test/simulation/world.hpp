// A whole cluster in one process and in virtual time: schedulers (engine::Engine with the real codecs
// and translation), a master and agents (the models of local/), executors (executor::Core), reps, a
// leader lock, a BBS that posts auctions, and a plan of faults. One seed, one transcript.
//
//   World world({.seed = 1234});
//   Invariants invariants(world);            // invariants.hpp
//   world.run(invariants);
//
// Who checks looks at the parts through const access and at the records below; nothing is copied for
// it. The lists only grow, so a checker remembers how far it has read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/work.hpp"
#include "test/simulation/agent_host.hpp"
#include "test/simulation/bbs.hpp"
#include "test/simulation/fault_plan.hpp"
#include "test/simulation/lock_service.hpp"
#include "test/simulation/master_host.hpp"
#include "test/simulation/scheduler_host.hpp"
#include "test/simulation/settings.hpp"
#include "test/simulation/sim.hpp"

namespace mesos::v1::scheduler {
class Call;
class Event;
}  // namespace mesos::v1::scheduler

namespace simulation {

class Checker;

struct WorldOptions {
  std::uint64_t seed = 0;
  Mutant mutant = Mutant::none;
  bool faults = true;
  std::ostream* transcript = nullptr;
  bool record = false;                // What each scheduler decides: SchedulerHost::recorded().
  std::optional<Settings> told = {};  // In place of drawn ones: for stories, that ask and strike themselves.
};

// ---- Records

// A call that reached the leading master's address, in the order of arrival. `status` is what was
// answered, whether or not the answer arrived.
struct CallSeen {
  Time at;
  int scheduler = 0;
  std::uint64_t life = 0;        // Of the scheduler's process that sent it.
  std::uint64_t generation = 0;  // Of its subscription.
  std::uint64_t term = 0;        // Of the master.
  std::shared_ptr<const mesos::v1::scheduler::Call> call;
  int status = 0;
  bool injected = false;  // Refused by the simulation: the master has not seen it.
};

// An event as it came to a scheduler's process, in order; readable ones only.
struct EventSeen {
  Time at;
  int scheduler = 0;
  std::uint64_t life = 0, generation = 0;
  std::shared_ptr<const mesos::v1::scheduler::Event> event;
};

// A call as a scheduler's engine sent it (it may never arrive).
struct CallSent {
  Time at;
  int scheduler = 0;
  std::uint64_t life = 0, generation = 0, tag = 0;
  std::shared_ptr<const mesos::v1::scheduler::Call> call;
  std::set<core::Key> moving;  // Of those it launches: another attempt is in the books on purpose.
};

// An auction as the BBS sent it.
struct AuctionSeen {
  core::Auction auction;
  Time at;
  int scheduler = 0;
  std::uint64_t life = 0;
  enum class Outcome { open, accepted, refused } outcome = Outcome::open;  // Open for ever: the process died.
  Time answered;
};

struct StopSeen {
  core::KeyPattern pattern;
  Time at;
  int scheduler = 0;
  std::uint64_t life = 0;
  AuctionSeen::Outcome outcome = AuctionSeen::Outcome::open;
  std::vector<core::Key> keys;  // As answered.
  Time answered;
};

// A process of a scheduler that ended.
struct CrashSeen {
  Time at;
  int scheduler = 0;
  std::uint64_t life = 0;
  std::string where;
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Until the end of the quiet phase or the first violation. `checker` is asked after every step.
  void run(Checker& checker);

  // For stories: everything is there and nothing strikes. Then in pieces; false: a violation.
  void begin();
  bool run_until(Time end, Checker& checker);

  // ---- Looking
  const WorldOptions& options() const { return options_; }
  const Settings& settings() const { return settings_; }
  Time now() const { return sim_.now(); }
  Duration elapsed() const { return sim_.elapsed(); }
  bool quiet() const { return quiet_since_.has_value(); }  // Faults have stopped.
  std::optional<Time> quiet_since() const { return quiet_since_; }
  const Sim& sim() const { return sim_; }
  const MasterHost& master() const { return *master_; }
  const LockService& lock() const { return *lock_; }
  const Bbs& bbs() const { return *bbs_; }
  const std::vector<std::unique_ptr<SchedulerHost>>& schedulers() const { return schedulers_; }
  const std::vector<std::unique_ptr<AgentHost>>& agents() const { return agents_; }

  const std::vector<CallSeen>& calls() const { return calls_; }
  const std::vector<CallSent>& calls_sent() const { return calls_sent_; }
  const std::vector<EventSeen>& events() const { return events_; }
  const std::vector<AuctionSeen>& auctions() const { return auctions_; }
  const std::vector<StopSeen>& stops() const { return stops_; }
  const std::vector<CrashSeen>& crashes() const { return crashes_; }

  struct Violation {
    Time at;
    std::string text;
  };
  const std::vector<Violation>& violations() const { return violations_; }
  std::uint64_t steps() const { return steps_; }

  // ---- For the parts
  Sim& sim() { return sim_; }
  const FaultRates& rates() const { return rates_now_; }  // All 0 in the quiet phase.
  MasterHost& master() { return *master_; }
  LockService& lock() { return *lock_; }
  Bbs& bbs() { return *bbs_; }
  std::vector<std::unique_ptr<SchedulerHost>>& schedulers() { return schedulers_; }
  std::vector<std::unique_ptr<AgentHost>>& agents() { return agents_; }
  std::size_t add(AuctionSeen auction);
  AuctionSeen& auction(std::size_t index) { return auctions_[index]; }
  std::size_t add(StopSeen stop);
  StopSeen& stop(std::size_t index) { return stops_[index]; }
  void add(CallSeen call) { calls_.push_back(std::move(call)); }
  void add(CallSent call) { calls_sent_.push_back(std::move(call)); }
  void add(EventSeen event) { events_.push_back(std::move(event)); }
  void add(CrashSeen crash) { crashes_.push_back(std::move(crash)); }
  void violation(std::string text);

 private:
  void start_all();
  void be_quiet();
  std::optional<Time> next_deadline() const;
  void run_all_due();

  const WorldOptions options_;
  Sim sim_;
  const Settings settings_;
  FaultRates rates_now_;
  std::optional<Time> quiet_since_;

  std::unique_ptr<MasterHost> master_;
  std::unique_ptr<LockService> lock_;
  std::unique_ptr<Bbs> bbs_;
  std::unique_ptr<FaultPlan> plan_;
  std::vector<std::unique_ptr<SchedulerHost>> schedulers_;
  std::vector<std::unique_ptr<AgentHost>> agents_;

  std::vector<CallSeen> calls_;
  std::vector<CallSent> calls_sent_;
  std::vector<EventSeen> events_;
  std::vector<AuctionSeen> auctions_;
  std::vector<StopSeen> stops_;
  std::vector<CrashSeen> crashes_;
  std::vector<Violation> violations_;
  std::uint64_t steps_ = 0, at_one_moment_ = 0;
  Time moment_;
};

// Who checks: test/simulation/invariants.hpp implements it.
class Checker {
 public:
  virtual ~Checker() = default;
  // After every step; reports by World::violation().
  virtual void after_step() = 0;
  // In the quiet phase, every few seconds: what is not yet as it must end; nullopt: all is well, and the
  // run may end. At the bound what it says is a violation.
  virtual std::optional<std::string> unsettled() = 0;
  // Once, last.
  virtual void at_end() = 0;
};

}  // namespace simulation
