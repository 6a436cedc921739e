// What changed in the core, for people and counters: events of the API, metrics, history. Plain values; nothing
// that is decided hangs on them.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/work.hpp"

namespace core {

enum class ChangeKind : std::uint8_t {
  instance_queued,  // By an auction, or again after a failed attempt: then with the reason.
  instance_launching,
  instance_starting,
  instance_running,
  instance_stopping,
  instance_stopped,
  instance_failed,
  instance_lost,
  instance_rejected,
  instance_unplaced,  // It has waited for --placement-timeout.
  cell_starting,
  cell_up,
  cell_found,  // An earlier run of ours started it.
  cell_stopping,
  cell_gone,
  agent_left,  // It is to be left: drained, under maintenance, or its turn to be replaced.
  agent_stays,
  agent_quarantined,
  agent_released,
  master_subscribed,
  master_lost,
  policy_changed,  // The reason is what differs now from the flags, as JSON.
  rebalance_planned,
  rebalance_moved,    // A cell was emptied, and is gone.
  rebalance_skipped,  // A cell keeps its work, or the rest of it.
  rebalance_ended,
};
inline constexpr std::size_t kChangeKinds = 26;
std::string_view to_string(ChangeKind kind);  // "instance.queued"
std::optional<ChangeKind> parse_change_kind(std::string_view text);

// An instance's key, without its text.
struct KeyView {
  Kind kind = Kind::lrp;
  std::string_view guid;
  std::int32_t index = 0;

  KeyView() = default;
  KeyView(const Key& key) : kind(key.kind), guid(key.guid), index(key.index) {}  // Wherever a key would do.
  KeyView(Kind work, std::string_view id, std::int32_t number) : kind(work), guid(id), index(number) {}
  bool operator==(const KeyView&) const = default;
};

// One of them, told or read: its texts are somebody else's.
struct Change {
  ChangeKind kind = ChangeKind::instance_queued;
  base::Time at;
  std::optional<KeyView> key;          // Of an instance.
  std::string_view agent_id, cell_id;  // Empty where none has to do with it.
  std::string_view reason;
  std::string_view trace_id;
  std::optional<base::Duration> waited;  // Launching, running: since the first auction.
};

// Some, in order, with their texts. There are millions a minute at a start: all texts are in one piece.
class Changes {
 public:
  Changes() = default;
  Changes(std::initializer_list<Change> changes) {
    for (const Change& change : changes) add(change);
  }

  void add(const Change& change);  // None of its own.
  void append(Changes&& more);     // All of them after these; whole lists cost next to nothing.
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Change operator[](std::size_t at) const;  // Good until something is added.

  class Iterator {
   public:
    Iterator(const Changes& changes, std::size_t at) : changes_(&changes), at_(at) {}
    Change operator*() const { return (*changes_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Changes* changes_;
    std::size_t at_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

  template <class Unwanted>
  void erase_if(const Unwanted& unwanted) {
    Changes rest;
    for (const Change change : *this) {
      if (!unwanted(change)) rest.add(change);
    }
    *this = std::move(rest);
  }

 private:
  static constexpr std::size_t kTexts = 5;
  struct Entry {
    base::Time at;
    base::Duration waited;
    std::size_t text;  // Where its texts begin.
    std::array<std::uint32_t, kTexts> lengths;
    std::int32_t index;
    ChangeKind kind;
    Kind work;
    bool has_key, has_waited;
  };
  std::vector<Entry> entries_;
  std::string texts_;
};

}  // namespace core
