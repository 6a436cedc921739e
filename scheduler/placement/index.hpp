// The inside of the cluster: seats (one for every cell), classes of alike cells in order of rank, and
// the search among them. Only cluster.cpp, index*.cpp, search.cpp and explain.cpp include this.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "scheduler/placement/cluster.hpp"
#include "scheduler/placement/filters.hpp"
#include "scheduler/placement/processes.hpp"
#include "scheduler/placement/ranked_cells.hpp"

namespace placement {

using SignatureId = std::uint32_t;
using ClassId = std::uint32_t;
inline constexpr ClassId kNoClass = static_cast<ClassId>(-1);

struct Seat {
  Candidate seen;  // `same_process` stays 0; its views go to the keys of by_id and zone_ids.
  Amounts last_room;
  std::int64_t told_index = 0;
  std::int64_t told_starting = 0;
  std::uint64_t label = 0;  // Orders cells as their agent ids do.
  Zone zone = 0;
  SignatureId signature = 0;
  ClassId cell_class = kNoClass;  // None for a cell that takes no work.
  bool takes_work = false;
  bool open = false, held = false, waiting = false;  // In which trees of its class it stands.
};

// Cells that differ only in what they hold: one order serves every request. Empty ones are dropped.
struct CellClass {
  Zone zone = 0;
  SignatureId signature = 0;
  bool up = false;
  std::int64_t proxy_mem_mb = 0;
  Amounts total;  // Zero where the strategy does not ask for it.
  std::size_t members = 0;
  RankedCells::Tree open;     // Those that may be chosen.
  RankedCells::Tree tasks;    // The same, where Tasks rank apart.
  RankedCells::Tree held;     // Those at their starting limit.
  RankedCells::Tree waiting;  // Up, and their last room is more than their room; by label.

  // Whether the ranks of their cells may be compared.
  bool ranks_with(const CellClass& other) const {
    return up == other.up && proxy_mem_mb == other.proxy_mem_mb && total == other.total;
  }

  auto key() const {
    return std::tie(zone, signature, up, proxy_mem_mb, total.mem_mb, total.disk_mb, total.cpus_milli, total.containers);
  }
};
struct ClassOrder {
  bool operator()(const CellClass& a, const CellClass& b) const { return a.key() < b.key(); }
};

struct ZoneRecord {
  std::string_view name;
  std::vector<Slot> cells;
  std::vector<ClassId> classes;
  bool renumber = false;
};

class Index {
 public:
  Index(std::unique_ptr<Strategy> strategy, Limits limits);

  struct Decision {
    Slot chosen = kNoSlot;
    Slot awaited = kNoSlot;      // If set, `chosen` is not to be used.
    Process* process = nullptr;  // The request's, if it has instances.
    bool too_many_starting = false;
  };

  // index.cpp: what is there.
  void upsert(const Cell& cell);
  void remove(Slot slot);
  Slot find(std::string_view agent_id) const;
  void set_room(Slot slot, const Amounts& room, const Amounts& last_room);
  void occupy(Slot slot, const Occupant& occupant, Process* process = nullptr);
  void vacate(Slot slot, const Occupant& occupant);
  void started(Slot slot);
  void reserve(const Decision& decision, const Request& request);
  void book_last_room(Slot slot, const Request& request);
  // What a rehearsal changed. No cell is numbered anew by it.
  void restore(Slot slot, bool up, bool takes_work, const Amounts& room, const Amounts& last_room);
  Cell cell(Slot slot) const;

  void renumber();  // index_trees.cpp: if any zone is due. decide() does it, too.

  // search.cpp: the decision.
  Decision decide(const Request& request, bool may_wait);
  std::string rejection(const Request& request, const Decision& decision);

  // explain.cpp
  std::vector<Verdict> verdicts(const Request& request);
  std::optional<std::string> lacks(const Request& request) const;

  const Seat& seat(Slot slot) const { return seats_[slot]; }
  const Strategy& strategy() const { return *strategy_; }
  std::unique_ptr<Strategy> take_strategy() { return std::move(strategy_); }
  const std::map<std::string, Slot, std::less<>>& by_id() const { return by_id_; }
  Processes& processes() { return processes_; }
  std::size_t zones() const;  // With cells.
  std::size_t asked_about() const { return indexed_ != nullptr ? class_ids_.size() : by_id_.size(); }
  std::int64_t starting() const { return starting_; }

 private:
  friend class Search;

  struct Eligibility {
    ConstraintsPtr constraints;  // Kept, so that its address is its name.
    std::uint64_t version = 0;
    std::vector<Mismatch> by_signature;
  };
  struct SignatureRecord {
    Signature signature;
    std::size_t cells = 0;  // 0: the record is free.
  };

  Slot new_seat(const std::string& agent_id);
  std::uint64_t label_for(std::map<std::string, Slot, std::less<>>::const_iterator at);
  void spread_labels();
  Zone zone_of(const std::string& name);
  void leave_zone(Slot slot);
  SignatureId signature_for(const Cell& cell);
  void leave_signature(const Seat& seat);
  const Eligibility& eligibility(const ConstraintsPtr& constraints);

  bool at_starting_limit(const Seat& seat) const {
    return limits_.starting_per_cell_max > 0 && seat.seen.starting >= limits_.starting_per_cell_max;
  }
  std::int64_t rank(bool is_lrp, const Seat& seat) const { return indexed_ ? indexed_->rank(is_lrp, seat.seen) : 0; }

  // index_trees.cpp: every change of a seat ends in settle(), which brings its class and trees in line.
  void settle(Slot slot);
  ClassId class_of(const Seat& seat);
  void leave_class(Slot slot);
  void leave_trees(Slot slot);
  void rank_tasks();

  std::unique_ptr<Strategy> strategy_;
  const IndexedStrategy* indexed_;
  const Limits limits_;
  const bool awaits_;
  const bool numbered_;  // Whether anybody looks at Candidate::index.

  std::vector<Seat> seats_;
  std::vector<Slot> free_seats_;
  std::map<std::string, Slot, std::less<>> by_id_;
  std::unordered_map<std::string_view, Slot> slots_;  // Views of by_id_'s keys.
  std::int64_t starting_ = 0;

  std::vector<ZoneRecord> zones_;  // A zone without cells is kept for those to come: their names are few.
  std::map<std::string, Zone, std::less<>> zone_ids_;
  bool any_renumber_ = false;

  std::vector<SignatureRecord> signatures_;
  std::vector<SignatureId> free_signatures_;
  std::unordered_map<std::string, SignatureId> signature_ids_;  // By name_of().
  std::uint64_t signatures_version_ = 1;
  std::unordered_map<const Constraints*, Eligibility> eligibilities_;
  const Eligibility* last_eligibility_ = nullptr;

  std::vector<CellClass> classes_;
  std::vector<ClassId> free_classes_;
  std::map<CellClass, ClassId, ClassOrder> class_ids_;

  RankedCells open_, tasks_, held_, waiting_;
  bool tasks_ranked_ = false;

  Processes processes_;
  std::vector<std::uint64_t> marks_;  // By slot: the serial of the process whose holders are marked.
  std::uint64_t marked_ = 0;
};

}  // namespace placement
