// The cells as placement sees them, and the decision. The caller keeps it up to date cell by cell;
// a decision reserves what it takes, so that the next one sees it. Nothing is rebuilt per batch, and
// for an indexed strategy nothing scans the cells: a decision costs O(log cells) for each class of
// alike cells that may hold the request (zone, eligibility, size where the strategy asks for it).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "scheduler/placement/explain.hpp"
#include "scheduler/placement/strategy.hpp"
#include "scheduler/placement/types.hpp"

namespace placement {

struct Limits {
  std::int64_t starting_max = 0;           // Of all cells together (Diego: starting_container_count_maximum). 0: none.
  std::int64_t starting_per_cell_max = 0;  // 0: none.
  bool operator==(const Limits&) const = default;
};

// An instance on a cell, for the counts: zones, neighbours of its process, starting containers.
struct Occupant {
  bool is_lrp = true;
  std::string_view process;
  bool starting = false;
};

// How closely the instances of processes live together.
struct Crowding {
  std::int64_t cell_pairs = 0;  // Pairs of instances of one process that share a cell,
  std::int64_t zone_pairs = 0;  // or a zone.
  std::int64_t pairs() const { return cell_pairs + zone_pairs; }
  bool operator==(const Crowding&) const = default;
};

class Index;  // index.hpp: the inside.

class Cluster {
 public:
  explicit Cluster(std::unique_ptr<Strategy> strategy, Limits limits = {});
  ~Cluster();
  Cluster(Cluster&&) noexcept;
  Cluster& operator=(Cluster&&) noexcept;

  const Strategy& strategy() const;
  // For another cluster: this one is not to be used any more.
  std::unique_ptr<Strategy> take_strategy();

  // Adds the cell of an agent, or replaces what is known of it; its occupants stay. The caller owns
  // the truth: the cluster only deducts what it places until it is told anew. `cell.starting` is for
  // containers that are no occupant told of here; it is added to those that are.
  void upsert(const Cell& cell);
  void remove(std::string_view agent_id);  // With its occupants. Unknown: nothing.

  // The room alone, which changes with every offer: cheap. The cell must be known.
  void set_room(std::string_view agent_id, const Amounts& room, const Amounts& last_room);

  // Somebody is there (launched by an earlier run, say) or left. No room is taken or given.
  // The cell must be known; a process that was never there does not leave.
  void occupy(std::string_view agent_id, const Occupant& occupant);
  void vacate(std::string_view agent_id, const Occupant& occupant);
  void started(std::string_view agent_id);  // One occupant of it that was starting runs now.

  // Decides and, on Placement, reserves: room, last_room, occupants and `up` of that cell change as if
  // the instance was starting there. On Awaited the last-seen room alone is booked, so that no more
  // work waits for an offer than it can hold; set_room() tells it anew. `may_wait`: Awaited is an
  // allowed answer (the request has not waited too long for an up cell yet).
  //
  // LRPs: the zone with the fewest instances of the process that has an eligible cell with room
  // wins before any cost is compared; zones with equal counts compete (Diego: auctionrunner).
  // Agents in `avoid` are taken only if no other fits.
  Outcome place(const Request& request, bool may_wait = false);

  // What place() would answer now; nothing changes.
  Outcome preview(const Request& request, bool may_wait = false) const;
  Explanation explain(const Request& request, bool may_wait = false) const;

  class Rehearsal;

  // In Diego's words what is short on every cell that the request is otherwise welcome on, going by the
  // room last seen: which offers are in hand changes from moment to moment. nullopt: one would hold it.
  std::optional<std::string> lacks(const Request& request) const;

  // Undoes a placement of `request` on the cell: its room comes back and it leaves.
  void release(std::string_view agent_id, const Request& request, bool starting);

  std::size_t size() const;
  std::optional<Cell> find(std::string_view agent_id) const;  // As it stands now, all starting ones counted.
  std::vector<std::string> agent_ids() const;                 // Ordered.
  std::int64_t instances(std::string_view agent_id, std::string_view process) const;
  std::int64_t tasks(std::string_view agent_id) const;
  std::int64_t starting() const;  // In all cells.

  // How many cells, or classes of alike cells, a decision may have to look at: what it costs grows with them.
  std::size_t asked_about() const;

  // Looks at every process. `strain`, if asked for: by agent id, roughly how much less crowded all would be without
  // its cell; those with none are left out. Its views are good while the cells are in the cluster.
  Crowding crowding(std::unordered_map<std::string_view, std::int64_t>* strain = nullptr) const;

 private:
  std::unique_ptr<Index> index_;
};

// Decisions on trial, each seeing those before it: what place() would answer to a whole auction. When it ends,
// the cluster is as it was. Nothing else may change the cluster meanwhile.
class Cluster::Rehearsal {
 public:
  explicit Rehearsal(const Cluster& cluster);
  ~Rehearsal();
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  Outcome place(const Request& request, bool may_wait = false);
  // It waits for an offer of the cell, which must be known.
  void await(std::string_view agent_id, const Request& request);

  // As if every cell that takes work was offered all the room it was last seen with: nothing waits for an offer.
  void offer_all();

  // What follows is of cells that must be known.
  void leave(std::string_view agent_id);  // It takes no more work. It keeps its number in its zone.
  void vacate(std::string_view agent_id, const Occupant& occupant);
  void started(std::string_view agent_id, std::string_view process);  // An LRP that was placed there runs now.
  // The cell is gone: its agent takes work again, and has so much room for that of a new cell.
  void ended(std::string_view agent_id, const Amounts& room);

  // How crowding() has changed since the rehearsal began.
  const Crowding& change() const { return change_; }

  // A moment of the rehearsal, and back to it.
  std::size_t moment() const;
  void back_to(std::size_t moment);

 private:
  struct Step;
  Step& remember(std::uint32_t slot);
  void crowd(std::uint32_t slot, const Occupant& occupant, int by);
  Index& index_;
  std::vector<Step> steps_;
  Crowding change_;
};

}  // namespace placement
