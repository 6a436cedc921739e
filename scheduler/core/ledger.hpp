// What the core knows of instances and agents. Plain records; the rules are the core's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/work.hpp"
#include "scheduler/placement/types.hpp"

namespace core {

// One instance and its current attempt.
struct Item {
  Auction auction;
  bool auction_known = true;  // False: adopted; only the key, and what a report told, is known.
  placement::Request request;
  State state = State::queued;
  base::Time accepted;  // First auction.
  base::Time since;     // Of `state`.
  std::string reason;
  int attempts = 0;                          // Launches in all.
  int failures = 0;                          // In a row, before it ran.
  base::Time not_before;                     // Queued: back-off.
  std::optional<base::Time> awaiting_until;  // Queued: an up cell's offer is awaited until then.

  // The current or last attempt.
  std::string task_id, agent_id, executor_id;
  placement::Amounts charged;
  bool heard = false;    // Any status with a uuid of this attempt.
  bool started = false;  // TASK_STARTING: the rep has taken it.
  bool ran = false;
  bool stop_wanted = false;
  std::optional<base::Time> kill_at;  // The next KILL, while stopping.
  bool queue_again = false;           // After the stop: an auction came while it was stopping.

  bool live() const {
    return state == State::launching || state == State::starting || state == State::running || state == State::stopping;
  }
};

// Diego's order of auctions: LRPs of index 0 (bigger first), Tasks (bigger first), other LRPs by
// index (bigger first); then age.
struct QueueRank {
  int group = 0;
  std::int32_t index = 0;
  std::int64_t minus_mem_mb = 0;
  base::Time accepted;
  Key key;
  auto operator<=>(const QueueRank&) const = default;
};
QueueRank rank(const Item& item);

// The cell on an agent: one Mesos executor.
struct CellRecord {
  std::string executor_id, cell_id;
  std::string executor_info;  // Empty until its hello, for a cell that another run of ours started.
  bool heard = false;         // Any sign of life: it is up.
  bool stopping = false;
  bool found = false;     // Started by another run of ours: it may hold work we do not know of yet.
  base::Time since;       // It was launched or first seen.
  base::Time idle_since;  // Meaningful while `live` is empty.
  std::set<Key> live;     // Instances with a live attempt here.
  std::optional<CellReported> report;
  base::Time asked_at;  // For a report, or SHUTDOWN, last.
};

struct AgentRecord {
  std::string id, hostname, ip, fault_domain_zone;
  std::map<std::string, std::string> attributes;
  bool lost = false;
  placement::Amounts last_offered;  // Of the last offers, less what was launched from them, plus what ended since.
  std::optional<CellRecord> cell;
};

}  // namespace core
