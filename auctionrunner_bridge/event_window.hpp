// The last changes as server-sent events, in order: what a reader that comes, or comes back, can still be told.
// Pure; the caller locks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "scheduler/core/changes.hpp"

namespace bridge {

// Which changes a reader wants; all that is set must fit.
struct EventFilter {
  std::optional<std::string> process_guid;  // Or a Task's guid.
  std::optional<std::string> cell;          // A cell id or an agent id.
  std::vector<core::ChangeKind> kinds;      // Empty: all.

  bool wants(const core::Change& change) const;
};

// "instance.running,cell" -> kinds; a part without a dot stands for all of its kind.
base::Result<std::vector<core::ChangeKind>> parse_kinds(std::string_view list);

class EventWindow {
 public:
  // `epoch` tells one process's numbers from another's: letters and digits. At most `events_max` are kept.
  EventWindow(std::string epoch, std::size_t events_max) : epoch_(std::move(epoch)), events_max_(events_max) {}

  void add(core::Changes changes);

  std::uint64_t first() const { return next_ - std::min<std::uint64_t>(next_ - 1, events_max_); }  // The oldest kept.
  std::uint64_t next() const { return next_; }  // The number of what comes next.

  std::string id(std::uint64_t number) const;  // As readers are told it.

  // Where one goes on that has seen `last_event_id`: after it, or with all that is kept if it is not ours, and then
  // `text` begins with a gap. An id that is none is an error.
  base::Result<std::uint64_t> resume(std::string_view last_event_id, std::string& text) const;

  // Appends events from number `from` that the filter wants to `text`, until it has `bytes_max`; where to go on. What
  // is kept no more is told as a gap.
  std::uint64_t read(const EventFilter& filter, std::uint64_t from, std::size_t bytes_max, std::string& text);

 private:
  // Some in a row, as they came; few are put to those before. What goes goes together, so that neither coming nor
  // going costs anything by itself.
  static constexpr std::size_t kBlock = 1000;
  struct Block {
    std::uint64_t first = 1;  // Its first's number.
    core::Changes changes;
    std::string text;                                        // What was read of them, in that order.
    std::vector<std::pair<std::size_t, std::size_t>> texts;  // In it: from, how long; 0: not written yet.

    std::uint64_t end() const { return first + changes.size(); }
  };
  std::string_view text_of(Block& block, std::uint64_t number) const;
  void tell_gap(std::string& text, std::string_view last_seen, std::optional<std::uint64_t> lost,
                std::string_view why) const;

  const std::string epoch_;
  const std::size_t events_max_;
  std::deque<Block> blocks_;  // None is empty.
  std::uint64_t next_ = 1;
};

}  // namespace bridge
