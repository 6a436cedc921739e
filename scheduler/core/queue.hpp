// What waits for a place. Ready items stand in groups of those that placement cannot tell apart but
// by their process: if it refuses one, it refuses all, so a pass over the queue costs no more than its
// groups and what it places. Items that wait for something else than a pass stand beside the groups.
//
// Pure; the items are the caller's and must leave the queue before they go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/items.hpp"

namespace core {

// Diego's order of auctions: LRPs of index 0 (bigger first), Tasks (bigger first), other LRPs by
// index (bigger first).
std::tuple<int, std::int32_t, std::int64_t> rank_of(Kind kind, std::int32_t index, std::int64_t mem_mb);
// The same, then age, then key.
struct ByRank {
  bool operator()(const Item* a, const Item* b) const;
};

// Ready items that are refused alike.
struct Group {
  struct Likeness {
    Kind kind;
    placement::Amounts needs;
    const placement::Constraints* constraints;  // Compared by address: equal ones are shared.
    std::set<std::string> avoid;
    bool operator<(const Likeness& other) const;
  };
  std::set<Item*, ByRank> ready;
  std::string reason;            // Why the last pass refused it; "" if it placed some, or there was none yet.
  std::uint64_t refused_in = 0;  // The era.
};

class Queue {
 public:
  Queue() = default;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // The item must not be in the queue; but for put_ready() its `until` says how long it waits at most,
  // and must not change meanwhile. What a group compares (rank, likeness) must not change while ready.
  void put_ready(Item& item);
  void back_off(Item& item);
  void await(Item& item);
  void check(Item& item);  // This and the next: until the caller removes it.
  void plan(Item& item);

  // From wherever it waits; nothing if it does not.
  void remove(Item& item);

  // What was refused may be placed now. Until this is said, no pass asks for it again: placing takes
  // room and never gives any.
  void room_may_have_grown() { ++era_; }

  // Those whose time is over, out of the queue: the caller says where they go.
  std::vector<Item*> take_due(base::Time now);
  std::optional<base::Time> next_due() const;

  std::size_t size() const { return waiting_; }
  bool anything_waits() const { return waiting_ > backing_off_; }  // But for those that back off.
  std::size_t groups() const { return groups_.size(); }
  // Whether it holds for the constraints of each group; looks no further than it must.
  template <class Holds>
  bool all_groups(const Holds& holds) const {
    return std::all_of(groups_.begin(), groups_.end(),
                       [&holds](const auto& group) { return holds(*group.first.constraints); });
  }

  // Why its group was refused; "" if it was not, or the item is not ready.
  static const std::string& reason_of_group(const Item& item);

  // One pass over what is ready and was not refused in this era: the best rank of all groups first.
  class Pass {
   public:
    explicit Pass(Queue& queue);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

    // Out of the queue: the caller decides where it goes, before the next one. nullptr: it is over.
    Item* next();

    // Puts the item of next() back; no item of its group comes in this pass any more.
    void refuse(Item& item, std::string reason);

   private:
    void push(Group& group);

    Queue& queue_;
    std::vector<Group*> heap_;  // By the rank of their fronts.
    Group* current_ = nullptr;  // That of the last item; not in the heap.
  };

 private:
  struct Sooner {
    bool operator()(const Item* a, const Item* b) const {
      return a->until != b->until ? a->until < b->until : a->serial < b->serial;
    }
  };
  Group& group_of(const Item& item);
  void enter(Item& item, Waits waits);

  std::map<Group::Likeness, Group> groups_;  // None is empty, but during a pass.
  std::set<Item*, Sooner> timed_;            // Backing off or awaiting.
  std::uint64_t era_ = 1;
  std::size_t waiting_ = 0;
  std::size_t backing_off_ = 0;
};

}  // namespace core
