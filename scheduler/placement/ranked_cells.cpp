#include "scheduler/placement/ranked_cells.hpp"

#include <array>
#include <cassert>

namespace placement {
namespace {

// Chance without a source of it: the same cells give the same tree, and no order of slots a deep one.
std::uint32_t scattered(std::uint32_t slot) {
  std::uint64_t mixed = (slot + 1) * 0x9E3779B97F4A7C15U;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return static_cast<std::uint32_t>(mixed >> 32U);
}

}  // namespace

void RankedCells::pull(Node& node) const {
  Room most = node.room;
  if (node.left != kNoSlot) most = larger(most, nodes_[node.left].most);
  if (node.right != kNoSlot) most = larger(most, nodes_[node.right].most);
  node.most = most;
}

void RankedCells::split(Slot top, const Node& at, Slot& left, Slot& right) {
  if (top == kNoSlot) {
    left = right = kNoSlot;
    return;
  }
  Node& node = nodes_[top];
  if (before(node, at)) {
    split(node.right, at, node.right, right);
    left = top;
  } else {
    split(node.left, at, left, node.left);
    right = top;
  }
  pull(node);
}

Slot RankedCells::merge(Slot left, Slot right) {
  if (left == kNoSlot) return right;
  if (right == kNoSlot) return left;
  if (nodes_[left].priority > nodes_[right].priority) {
    nodes_[left].right = merge(nodes_[left].right, right);
    pull(nodes_[left]);
    return left;
  }
  nodes_[right].left = merge(left, nodes_[right].left);
  pull(nodes_[right]);
  return right;
}

void RankedCells::insert(Tree& tree, Slot slot, std::int64_t rank, std::uint64_t label, const Room& room) {
  Node& fresh = nodes_[slot];
  fresh.rank = rank;
  fresh.label = label;
  fresh.room = room;
  fresh.priority = scattered(slot);
  if (tree.empty() || before(fresh, nodes_[tree.front])) tree.front = slot;
  // Room only grows on the way down to it, so one pass does: no way back up.
  Slot* link = &tree.root;
  while (*link != kNoSlot && nodes_[*link].priority >= fresh.priority) {
    Node& node = nodes_[*link];
    node.most = larger(node.most, room);
    link = before(fresh, node) ? &node.left : &node.right;
  }
  split(*link, fresh, fresh.left, fresh.right);
  *link = slot;
  pull(fresh);
}

void RankedCells::erase(Tree& tree, Slot slot) {
  const Node& gone = nodes_[slot];
  std::array<Slot, kDepthMax> path;
  std::size_t depth = 0;
  Slot* link = &tree.root;
  while (*link != slot) {
    assert(*link != kNoSlot && depth < kDepthMax);
    path[depth++] = *link;
    Node& node = nodes_[*link];
    link = before(gone, node) ? &node.left : &node.right;
  }
  if (tree.front == slot) {  // Nothing is left of it: next comes what is right of it, else what is above.
    tree.front = depth == 0 ? kNoSlot : path[depth - 1];
    for (Slot next = gone.right; next != kNoSlot; next = nodes_[next].left) tree.front = next;
  }
  *link = merge(gone.left, gone.right);
  while (depth > 0) pull(nodes_[path[--depth]]);
}

}  // namespace placement
