// Cells in order of their rank, each class of alike cells a tree of its own: finds the first that has
// room. A treap whose nodes also know the most room below them, so whole subtrees without room are
// passed over. Where one dimension is what is short a search costs O(log cells); only rooms that miss
// each other's dimension (memory here, disk there) make it look at more.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "scheduler/placement/amounts.hpp"

namespace placement {

using Slot = std::uint32_t;  // The number of a cell in the cluster.
inline constexpr Slot kNoSlot = std::numeric_limits<Slot>::max();

// Amounts in 16 bytes, which are compared at once. What is beyond 31 bits counts as 2^31 - 2, a need
// beyond them as one more: it never fits.
class Room {
 public:
  Room() : lanes_{-1, -1, -1, -1} {}  // Holds nothing, not even a need of nothing.
  static Room of(const Amounts& room) { return Room(room, kMost - 1); }
  static Room needed(const Amounts& needs) { return Room(needs, kMost); }

  bool holds(const Room& need) const {
    const Pair shorts = reinterpret_cast<Pair>(lanes_ < need.lanes_);
    return (shorts[0] | shorts[1]) == 0;
  }
  friend Room larger(const Room& a, const Room& b) { return Room(a.lanes_ > b.lanes_ ? a.lanes_ : b.lanes_); }

  // Amount by amount, in the order of Amounts' members.
  bool holds_mem(const Room& need) const { return lanes_[0] >= need.lanes_[0]; }
  bool holds_disk(const Room& need) const { return lanes_[1] >= need.lanes_[1]; }
  bool holds_cpus(const Room& need) const { return lanes_[2] >= need.lanes_[2]; }
  bool holds_containers(const Room& need) const { return lanes_[3] >= need.lanes_[3]; }

 private:
  using Lanes = std::int32_t __attribute__((vector_size(16)));
  using Pair = std::int64_t __attribute__((vector_size(16)));
  static constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

  explicit Room(Lanes lanes) : lanes_(lanes) {}
  Room(const Amounts& amounts, std::int64_t most)
      : lanes_{lane(amounts.mem_mb, most), lane(amounts.disk_mb, most), lane(amounts.cpus_milli, most),
               lane(amounts.containers, most)} {}
  static std::int32_t lane(std::int64_t amount, std::int64_t most) {
    return static_cast<std::int32_t>(amount < -1 ? -1 : amount > most ? most : amount);
  }

  Lanes lanes_;
};

class RankedCells {
 public:
  // A slot is in at most one tree.
  struct Tree {
    Slot root = kNoSlot;
    Slot front = kNoSlot;  // The first in order: most searches end there.
    bool empty() const { return root == kNoSlot; }
  };

  void make_room_for(std::size_t slots) { nodes_.resize(slots); }

  // Order: by rank, then by label. The slot must be in no tree.
  void insert(Tree& tree, Slot slot, std::int64_t rank, std::uint64_t label, const Room& room);
  void erase(Tree& tree, Slot slot);
  bool stands(Slot slot, std::int64_t rank, const Room& room) const {
    const Node& node = nodes_[slot];
    return node.rank == rank && node.room.holds(room) && room.holds(node.room);
  }
  // Labels may change as long as their order does not.
  void relabel(Slot slot, std::uint64_t label) { nodes_[slot].label = label; }

  // Dimension by dimension the most that any cell of the tree has.
  Room most(const Tree& tree) const { return tree.empty() ? Room() : nodes_[tree.root].most; }

  // The first cell in order that has the room and is accepted; kNoSlot if there is none.
  template <class Accepts>
  Slot first(const Tree& tree, const Room& need, const Accepts& accepts) const {
    if (tree.empty()) return kNoSlot;
    if (nodes_[tree.front].room.holds(need) && accepts(tree.front)) return tree.front;
    return first_below(tree.root, need, accepts);
  }

  // Whether `a` comes before `b`, be they in one tree or not.
  bool before(Slot a, Slot b) const { return before(nodes_[a], nodes_[b]); }

 private:
  struct alignas(64) Node {
    std::int64_t rank = 0;
    std::uint64_t label = 0;
    Room room;
    Room most;  // Of the subtree.
    Slot left = kNoSlot;
    Slot right = kNoSlot;
    std::uint32_t priority = 0;  // Higher is nearer the root.
  };
  static constexpr std::size_t kDepthMax = 256;  // Of hashed priorities over 2^32 cells: never reached.

  template <class Accepts>
  Slot first_below(Slot top, const Room& need, const Accepts& accepts) const {
    while (top != kNoSlot && nodes_[top].most.holds(need)) {
      const Node& node = nodes_[top];
      const Slot left = first_below(node.left, need, accepts);
      if (left != kNoSlot) return left;
      if (node.room.holds(need) && accepts(top)) return top;
      top = node.right;
    }
    return kNoSlot;
  }

  static bool before(const Node& a, const Node& b) { return a.rank != b.rank ? a.rank < b.rank : a.label < b.label; }
  void pull(Node& node) const;
  void split(Slot top, const Node& at, Slot& left, Slot& right);
  Slot merge(Slot left, Slot right);

  std::vector<Node> nodes_;  // By slot.
};

}  // namespace placement
