#include "scheduler/core/queue.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <tuple>

namespace core {
namespace {

bool later(const Group* a, const Group* b) { return ByRank{}(*b->ready.begin(), *a->ready.begin()); }

}  // namespace

std::tuple<int, std::int32_t, std::int64_t> rank_of(Kind kind, std::int32_t index, std::int64_t mem_mb) {
  const int set = kind == Kind::task ? 1 : index == 0 ? 0 : 2;
  return {set, set == 2 ? index : 0, -mem_mb};
}

bool ByRank::operator()(const Item* a, const Item* b) const {
  const auto rank = [](const Item& item) {
    return std::pair(rank_of(item.kind(), item.index, item.wish->needs.mem_mb), item.accepted);
  };
  const auto left = rank(*a);
  const auto right = rank(*b);
  if (left != right) return left < right;
  if (a->process == b->process) return a->index < b->index;
  return std::tie(a->process->kind, a->process->guid) < std::tie(b->process->kind, b->process->guid);
}

bool Group::Likeness::operator<(const Likeness& other) const {
  const auto key = [](const Likeness& one) {
    return std::tuple(one.kind, one.needs.mem_mb, one.needs.disk_mb, one.needs.cpus_milli, one.needs.containers);
  };
  const auto left = key(*this);
  const auto right = key(other);
  if (left != right) return left < right;
  if (constraints != other.constraints) return std::less<>{}(constraints, other.constraints);
  return avoid < other.avoid;
}

Group& Queue::group_of(const Item& item) {
  return groups_[Group::Likeness{item.kind(), item.wish->needs, item.wish->constraints.get(), item.avoid()}];
}

void Queue::enter(Item& item, Waits waits) {
  assert(item.waits == Waits::nowhere);
  item.waits = waits;
  ++waiting_;
}

void Queue::put_ready(Item& item) {
  enter(item, Waits::ready);
  Group& group = group_of(item);
  group.ready.insert(group.ready.end(), &item);  // Work mostly arrives in order.
  item.group = &group;
}

void Queue::back_off(Item& item) {
  enter(item, Waits::backing_off);
  ++backing_off_;
  timed_.insert(&item);
}

void Queue::await(Item& item) {
  enter(item, Waits::awaiting);
  timed_.insert(&item);
}

void Queue::check(Item& item) { enter(item, Waits::checking); }
void Queue::plan(Item& item) { enter(item, Waits::planned); }

void Queue::remove(Item& item) {
  switch (item.waits) {
    case Waits::nowhere:
      return;
    case Waits::ready:
      item.group->ready.erase(&item);
      if (item.group->ready.empty())
        groups_.erase({item.kind(), item.wish->needs, item.wish->constraints.get(), item.avoid()});
      item.group = nullptr;
      break;
    case Waits::backing_off:
      --backing_off_;
      timed_.erase(&item);
      break;
    case Waits::awaiting:
      timed_.erase(&item);
      break;
    case Waits::checking:
    case Waits::planned:
      break;
  }
  item.waits = Waits::nowhere;
  --waiting_;
}

std::vector<Item*> Queue::take_due(base::Time now) {
  std::vector<Item*> due;
  while (!timed_.empty() && (*timed_.begin())->until <= now) {
    due.push_back(*timed_.begin());
    remove(*due.back());
  }
  return due;
}

std::optional<base::Time> Queue::next_due() const {
  return timed_.empty() ? std::nullopt : std::optional((*timed_.begin())->until);
}

const std::string& Queue::reason_of_group(const Item& item) {
  static const std::string kNone;
  return item.group == nullptr ? kNone : item.group->reason;
}

Queue::Pass::Pass(Queue& queue) : queue_(queue) {
  for (auto& [likeness, group] : queue.groups_) {
    if (group.refused_in != queue.era_) heap_.push_back(&group);
  }
  std::make_heap(heap_.begin(), heap_.end(), later);
}

Queue::Pass::~Pass() {
  std::erase_if(queue_.groups_, [](const auto& one) { return one.second.ready.empty(); });
}

void Queue::Pass::push(Group& group) {
  heap_.push_back(&group);
  std::push_heap(heap_.begin(), heap_.end(), later);
}

Item* Queue::Pass::next() {
  if (current_ != nullptr && !current_->ready.empty()) {
    current_->reason.clear();  // It did not refuse the last one.
    push(*current_);
  }
  current_ = nullptr;
  if (heap_.empty()) return nullptr;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  current_ = heap_.back();
  heap_.pop_back();
  Item& item = **current_->ready.begin();
  current_->ready.erase(current_->ready.begin());
  item.group = nullptr;
  item.waits = Waits::nowhere;
  --queue_.waiting_;
  return &item;
}

void Queue::Pass::refuse(Item& item, std::string reason) {
  queue_.enter(item, Waits::ready);
  item.group = current_;
  current_->ready.insert(current_->ready.begin(), &item);
  current_->reason = std::move(reason);
  current_->refused_in = queue_.era_;
  current_ = nullptr;
}

}  // namespace core
