// The instances: kept compactly, for there may be a quarter of a million, found by key, walked in the
// order of their keys. A guid is kept once per process.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/ids.hpp"
#include "scheduler/core/wishes.hpp"
#include "scheduler/core/work.hpp"

namespace core {

struct AgentRecord;
struct Group;
struct Item;

// All instances of one guid.
struct Process {
  Kind kind = Kind::lrp;
  std::string guid;
  std::vector<Item*> items;  // By index.
};

// Where an item that is queued waits.
enum class Waits : std::uint8_t {
  nowhere,      // It is not queued.
  ready,        // In its group, to be placed.
  backing_off,  // Until `until`.
  awaiting,     // For the offer of `agent`, until `until`.
  checking,     // Its row is being read at the BBS.
  planned,      // It has its place on `agent`; the ACCEPT is still to come.
};

// One instance and its current attempt.
struct Item {
  const Process* process = nullptr;
  std::int32_t index = 0;
  std::uint32_t serial = 0;  // Of this use of the memory: what a Handle compares.
  std::uint32_t row = 0;     // In the store.

  WishPtr wish;          // Never null.
  TextPtr trace;         // May be null.
  base::Time accepted;   // First auction.
  base::Time wanted_at;  // When the BBS last said that it wants it: by an auction, or its row.
  base::Time since;      // Of `state`.
  base::Time until;      // Queued: see Waits. Stopping: the next KILL.
  State state = State::queued;
  Waits waits = Waits::nowhere;
  bool auction_known : 1 = true;  // False: adopted; only the key, and what a report told, is known.
  bool has_waited : 1 = false;    // Queued: an up cell's offer is or was awaited, until `until`.
  bool heard : 1 = false;         // Any status with a uuid of this attempt.
  bool started : 1 = false;       // TASK_STARTING: the rep has taken it.
  bool ran : 1 = false;
  bool has_run : 1 = false;  // Any attempt since `accepted`: what comes is no start that anybody waits for.
  bool stop_wanted : 1 = false;
  bool queue_again : 1 = false;         // After the stop: an auction came while it was stopping.
  bool in_cell : 1 = false;             // It is in `live` of its agent's cell, and placement counts it there.
  bool counts_as_starting : 1 = false;  // To placement.
  bool successor : 1 = false;  // It was auctioned while it ran: the next attempt is wanted, if its row says so.
  bool orphaned : 1 = false;   // Ended with its cell, and the BBS is asked what became of its row.
  bool unread : 1 = false;     // Queued: its row could not be read, and it is launched all the same.
  bool rejecting : 1 = false;  // A Task without a place: its row is read before it is rejected.
  bool changed : 1 = false;    // Since it was last saved.
  bool saved : 1 = false;      // Ever.
  bool twin : 1 = false;       // The second attempt of its key (twins.cpp): never found by it, never saved.
  bool doubtful : 1 = false;   // Live by an old record; another scheduler may have ended it since.
  std::uint16_t failures = 0;  // In a row, before it ran.
  std::int32_t attempts = 0;   // Launches in all.

  // The current or last attempt; while queued `agent` and `charged` are those of the promise or plan.
  std::array<char, kAttemptLetters> attempt{};  // All 0 before the first.
  std::shared_ptr<AgentRecord> agent;           // May be null. It may have left the books: see Core::agent_of.
  TextPtr executor_id;                          // May be null.
  placement::Amounts charged;

  std::uint32_t at = 0;    // In the list of its agent that it is in.
  Group* group = nullptr;  // While ready.

  // What few items have.
  struct Rare {
    std::string reason;
    std::set<std::string> avoid;  // Agents on which earlier attempts ended.
    std::string reported;         // Why it has no place, as the BBS was told last.
  };
  std::unique_ptr<Rare> rare;

  bool live() const {
    return state == State::launching || state == State::starting || state == State::running || state == State::stopping;
  }
  Kind kind() const { return process->kind; }
  Key key() const { return {process->kind, process->guid, index}; }
  std::string task_id() const;  // "" before the first attempt.
  const std::string& reason() const;
  void set_reason(std::string text);
  const std::set<std::string>& avoid() const;
  void clear_avoid() {
    if (rare) rare->avoid.clear();
  }
  Rare& rarely() {
    if (!rare) rare = std::make_unique<Rare>();
    return *rare;
  }
};

bool is_attempt_of(const Item& item, const ParsedTaskId& task);

// Items that an agent or cell has to do with: each knows its place, so that it leaves at once. An
// item is in one list at a time.
class ItemList {
 public:
  void add(Item& item) {
    item.at = static_cast<std::uint32_t>(items_.size());
    items_.push_back(&item);
  }
  void remove(Item& item) {
    items_[item.at] = items_.back();
    items_[item.at]->at = item.at;
    items_.pop_back();
  }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  Item* back() const { return items_.back(); }
  std::vector<Item*> sorted() const;  // By key.

 private:
  std::vector<Item*> items_;
};

// An item that may have left the books meanwhile.
struct Handle {
  Item* item = nullptr;
  std::uint32_t serial = 0;
};

class Items {
 public:
  Items() = default;
  Items(const Items&) = delete;
  Items& operator=(const Items&) = delete;

  Item* find(Kind kind, std::string_view guid, std::int32_t index) const;
  Item* find(const Key& key) const { return find(key.kind, key.guid, key.index); }

  // A fresh item for a key that has none. Items stay where they are until they are erased.
  Item& add(const Key& key);
  void erase(Item& item);

  // A second item of a key, which is not found by it. `process` is its own and outlives it.
  Item& add_twin(const Process& process, std::int32_t index);
  void erase_twin(Item& item);

  Handle handle_of(Item& item) const { return {&item, item.serial}; }
  // From now on its handles lead nowhere.
  void forget_handles(Item& item) { item.serial = ++serials_; }
  // nullptr if it has left the books.
  static Item* get(const Handle& handle) { return handle.item->serial == handle.serial ? handle.item : nullptr; }

  std::size_t size() const { return size_; }

  // In the order of keys, those behind `after`, until `visit` returns false.
  template <class Visit>
  void walk(const Key* after, Visit visit) const;
  template <class Visit>
  void walk(Visit visit) const {
    walk(nullptr, [&visit](Item& item) {
      visit(item);
      return true;
    });
  }

  std::vector<Key> matching(const KeyPattern& pattern) const;

 private:
  struct Name {
    Kind kind;
    std::string_view guid;
    auto operator<=>(const Name&) const = default;
  };
  Item& fresh();

  static constexpr std::size_t kChunk = 1024;
  std::vector<std::unique_ptr<Item[]>> chunks_;  // Never given back: a stale handle may look.
  std::vector<Item*> free_;
  std::uint32_t serials_ = 0;
  std::size_t size_ = 0;

  std::map<Name, std::unique_ptr<Process>> processes_;         // The name views its process.
  std::unordered_map<std::string_view, Process*> by_guid_[2];  // By kind; never iterated.
};

template <class Visit>
void Items::walk(const Key* after, Visit visit) const {
  auto process = after == nullptr ? processes_.begin() : processes_.lower_bound(Name{after->kind, after->guid});
  for (; process != processes_.end(); ++process) {
    const bool same = after != nullptr && process->first == Name{after->kind, after->guid};
    for (Item* item : process->second->items) {
      if (same && item->index <= after->index) continue;
      if (!visit(*item)) return;
    }
  }
}

}  // namespace core
