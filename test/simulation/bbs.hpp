// Who asks for work: posts auctions to the scheduler that acts, remembers what was accepted, sends
// again what does not run (convergence, by seed), and stops some. Knows what truly runs, as Diego's
// BBS knows it: from the reps. By seed it has Diego's rows (bbs_rows.hpp) too: reps claim, it restarts
// and retires what it wants, and schedulers ask it and report to it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/work.hpp"
#include "test/simulation/bbs_rows.hpp"
#include "test/simulation/settings.hpp"

namespace simulation {

class World;
class SchedulerHost;

class Bbs {
 public:
  struct Wanted {
    core::Auction auction;
    Time first_sent;
    std::optional<Time> accepted;  // By the first 202.
    bool stopped = false;          // A stop was sent (and may not have arrived): nothing is promised.
    bool fails = false;            // The rep refuses it, or it crashes: "FAILME", "CRASHME".
    bool ran = false;              // A rep had it.
    bool completed = false;        // A Task that ended on its rep.
  };

  explicit Bbs(World& world);

  // Everything ever asked for, by key.
  const std::map<core::Key, Wanted>& wanted() const { return wanted_; }

  void start();
  // Whether a rep that lives has it now.
  bool runs(const core::Key& key) const;

  // Asks for work and for its end, as start() does by itself.
  void ask(const std::vector<core::Auction>& auctions);
  void stop(const core::KeyPattern& pattern);
  // Sends again what does not run, once; start() does it every 30 s where there is convergence.
  void converge();

  void stop_stopping() { may_stop_ = false; }  // The quiet phase: no more stops, all is sent by now.

  // ---- With rows
  const BbsRows& rows() const { return rows_; }
  // A rep says what it has; what it has to give up is answered.
  BbsRows::Verdict see(const std::string& cell_id, const diego::CellState& state);
  // A scheduler's call. nullopt: it does not come to an answer, and may have been carried out.
  std::optional<diego::BbsReply> serve(const diego::BbsCall& call);
  // When a scheduler was last shown that row, and it was UNCLAIMED.
  std::optional<Time> shown_unclaimed(const core::Key& key) const;
  // When a call last came to no answer: a scheduler may go on with what it knows for a while.
  std::optional<Time> last_silent() const { return last_silent_; }
  void away_for(Duration how_long);
  // What fits nowhere and has not been reported as it must be; nullopt: all is.
  std::optional<std::string> untold() const;
  int auctions_of(const core::Key& key) const;

  // Cells tell what their reps do.
  void seen_running(const core::Key& key);
  void seen_completed(const core::Key& key);

 private:
  void remember_shown(const diego::BbsCall& call);
  void send(std::vector<core::Auction> auctions);
  void post(std::vector<core::Auction> auctions);
  void send_stop(const core::KeyPattern& pattern);
  void converge_again();
  void stop_one();
  core::Auction make_lrp(int process, int index);
  core::Auction make_task(int number);
  SchedulerHost* addressee() const;

  std::vector<core::Auction> auctions_for(const std::vector<core::Key>& keys) const;
  std::vector<std::string> cells_there() const;
  void retire(const core::KeyPattern& pattern);

  World& world_;
  BbsRows rows_;
  std::map<core::Key, Time> shown_unclaimed_;
  std::optional<Time> last_silent_;
  Time away_until_;
  bool may_stop_ = true;
  std::vector<diego::Resource> shapes_;
  int crashing_ = -1, failing_ = -1, huge_ = -1;  // Processes.
  std::map<core::Key, Wanted> wanted_;
  std::vector<core::KeyPattern> stopped_;
};

}  // namespace simulation
