// The tables of the BBS and what changes them: reps that claim and start, ends and crashes, evacuations,
// cells that vanish, reports. Served to schedulers as bytes of the real API.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "diego/bbs_wire.hpp"
#include "diego/rep.hpp"
#include "scheduler/core/work.hpp"
#include "test/simulation/sim.hpp"

namespace simulation {

class BbsRows {
 public:
  enum class State { unclaimed, claimed, running, crashed, completed };
  // Which container, on which cell.
  struct Holder {
    std::string cell_id, instance_guid;
    bool operator==(const Holder&) const = default;
  };
  struct Row {
    core::Kind kind = core::Kind::lrp;
    std::string domain;
    State state = State::unclaimed;  // Of a Task "unclaimed" is Pending.
    Holder holder;
    std::optional<Holder> evacuating;  // The row beside it, of an instance that leaves its cell.
    Time since;                        // It is claimed or not.
    int crashes = 0;
    int rejections = 0;
    bool failed = false;
    std::string text;  // The placement error, or why a Task was rejected last.
  };
  const std::map<core::Key, Row>& rows() const { return rows_; }
  const Row* find(const core::Key& key) const;

  // Wanted; a row that is there stays as it is.
  void desire(const core::Key& key, const std::string& domain, Time now);
  // Not wanted any more: the containers that have it are to be stopped.
  std::vector<Holder> retire(const core::Key& key);

  // What a rep that answers has now; what it has to give up, and what is to be auctioned at once.
  struct Verdict {
    std::vector<diego::Lrp> stop;
    std::vector<std::string> cancel;
    std::vector<core::Key> auction;
  };
  Verdict see(const std::string& cell_id, const diego::CellState& state, Time now);

  // One convergence: what is to be auctioned. `cells`: those that are there.
  std::vector<core::Key> converge(const std::vector<std::string>& cells, Time now);

  diego::BbsReply serve(const diego::BbsCall& call, Time now);

 private:
  void see_lrp(const std::string& cell_id, const diego::Lrp& lrp, bool leaves, Verdict& verdict, Time now);
  void see_task(const std::string& cell_id, const diego::Task& task, Verdict& verdict, Time now);
  void see_gone(const std::string& cell_id, const diego::CellState& state, Verdict& verdict, Time now);
  void unclaim(Row& row, Time now);
  bool crash(Row& row, Time now);

  std::map<core::Key, Row> rows_;
};

}  // namespace simulation
