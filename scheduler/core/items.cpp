#include "scheduler/core/items.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace core {
namespace {

// Where `index` is or would be.
auto place_of(const std::vector<Item*>& items, std::int32_t index) {
  return std::lower_bound(items.begin(), items.end(), index,
                          [](const Item* item, std::int32_t wanted) { return item->index < wanted; });
}

}  // namespace

std::string Item::task_id() const {
  if (attempt.front() == '\0') return {};
  return core::task_id(process->kind, process->guid, index, {attempt.data(), attempt.size()});
}

const std::string& Item::reason() const {
  static const std::string kNone;
  return rare ? rare->reason : kNone;
}

void Item::set_reason(std::string text) {
  if (!rare && text.empty()) return;
  rarely().reason = std::move(text);
}

const std::set<std::string>& Item::avoid() const {
  static const std::set<std::string> kNone;
  return rare ? rare->avoid : kNone;
}

bool is_attempt_of(const Item& item, const ParsedTaskId& task) {
  return task.attempt == std::string_view(item.attempt.data(), item.attempt.size());
}

std::vector<Item*> ItemList::sorted() const {
  std::vector<Item*> sorted = items_;
  const auto name = [](const Item* item) {
    return std::tuple(item->process->kind, std::string_view(item->process->guid), item->index);
  };
  std::sort(sorted.begin(), sorted.end(), [&](const Item* a, const Item* b) { return name(a) < name(b); });
  return sorted;
}

Item* Items::find(Kind kind, std::string_view guid, std::int32_t index) const {
  const auto& processes = by_guid_[static_cast<std::size_t>(kind)];
  const auto process = processes.find(guid);
  if (process == processes.end()) return nullptr;
  const auto& items = process->second->items;
  const auto found = place_of(items, index);
  return found != items.end() && (*found)->index == index ? *found : nullptr;
}

Item& Items::fresh() {
  if (free_.empty()) {
    chunks_.push_back(std::make_unique<Item[]>(kChunk));
    for (std::size_t i = kChunk; i > 0; --i) free_.push_back(&chunks_.back()[i - 1]);
  }
  Item& item = *free_.back();
  free_.pop_back();
  item.serial = ++serials_;
  ++size_;
  return item;
}

Item& Items::add(const Key& key) {
  auto& by_guid = by_guid_[static_cast<std::size_t>(key.kind)];
  Process* process = nullptr;
  if (const auto known = by_guid.find(key.guid); known != by_guid.end()) {
    process = known->second;
  } else {
    auto made = std::make_unique<Process>(Process{key.kind, key.guid, {}});
    process = made.get();
    by_guid.emplace(process->guid, process);
    processes_.emplace(Name{process->kind, process->guid}, std::move(made));
  }
  Item& item = fresh();
  item.process = process;
  item.index = key.index;
  process->items.insert(place_of(process->items, key.index), &item);
  return item;
}

void Items::erase(Item& item) {
  Process& process = *by_guid_[static_cast<std::size_t>(item.kind())].find(item.process->guid)->second;
  process.items.erase(place_of(process.items, item.index));
  if (process.items.empty()) {
    by_guid_[static_cast<std::size_t>(process.kind)].erase(process.guid);
    processes_.erase(Name{process.kind, process.guid});
  }
  item = Item{};
  item.serial = ++serials_;
  free_.push_back(&item);
  --size_;
}

Item& Items::add_twin(const Process& process, std::int32_t index) {
  Item& item = fresh();
  item.process = &process;
  item.index = index;
  item.twin = true;
  return item;
}

void Items::erase_twin(Item& item) {
  item = Item{};
  item.serial = ++serials_;
  free_.push_back(&item);
  --size_;
}

std::vector<Key> Items::matching(const KeyPattern& pattern) const {
  std::vector<Key> keys;
  const auto& processes = by_guid_[static_cast<std::size_t>(pattern.kind)];
  const auto process = processes.find(pattern.guid);
  if (process == processes.end()) return keys;
  for (const Item* item : process->second->items) {
    if (!pattern.index || item->index == *pattern.index) keys.push_back(item->key());
  }
  return keys;
}

}  // namespace core
