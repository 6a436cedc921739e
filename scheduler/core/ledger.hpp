// What the core knows of agents and the cells on them. Plain records; the rules are the core's.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/items.hpp"
#include "scheduler/core/offer_book.hpp"
#include "scheduler/placement/types.hpp"

namespace core {

// What the attempt of these letters uses on its cell.
struct AttemptUsage {
  std::array<char, kAttemptLetters> attempt{};
  std::int64_t cpus_milli = 0, memory_bytes = 0, disk_bytes = 0;
};

// The cell on an agent: one Mesos executor.
struct CellRecord {
  TextPtr executor_id;  // Shared with its items. Never null.
  std::string cell_id;
  std::string executor_info;  // Empty until its hello, for a cell that another run of ours started.
  bool heard = false;         // Any sign of life: it is up.
  bool stopping = false;
  bool found = false;                    // Started by another run of ours: it may hold work we do not know of yet.
  base::Time since;                      // It was launched or first seen.
  base::Time unheard_since;              // Found: since then it, and the master, could have told of its work.
  base::Time idle_since;                 // Meaningful while `live` is empty.
  ItemList live;                         // Instances with a live attempt here.
  placement::Amounts charged;            // For them, in all.
  std::unique_ptr<CellReported> report;  // Without the list of its work; null before the first.
  bool reported_idle = false;            // The report named no work.
  base::Time asked_at;                   // For a report, or SHUTDOWN, last.
  std::string boot_task;                 // The live task that only boots it; "" if there is none.
  base::Time boot_since;
  base::Time evacuation_asked_at;
  base::Time roll_again_at;  // Its turn ended before it was empty.
  // Its report says that the rep does not answer, or cannot run anything.
  std::optional<base::Time> rep_silent_since;

  // What instances may be charged in all, by what the rep had left when it last said.
  std::optional<placement::Amounts> rep_limit;
  placement::Amounts drift;                  // What the rep has left beyond what it should have by our books.
  std::optional<base::Time> drifting_since;  // It is not zero.
  bool drift_told = false;
  std::int64_t drifts = 0;  // How often they differed for long.

  std::vector<AttemptUsage> usage;  // By attempt, as last measured.
  base::Time measured_at;
  std::int64_t usage_dropped = 0;  // Instances that were left out, in all.
};

// Why an agent is to be left: its work moves elsewhere, then its cell ends. There is at least one reason.
struct Leaving {
  bool by_operator = false;
  bool by_mesos = false;                 // An operator of Mesos drains it; until its next offer.
  bool maintenance = false;              // Planned in Mesos; until it offers the agent without.
  bool rolls = false;                    // Its cell is outdated, and it is its turn; until that cell is gone.
  bool rebalances = false;               // A rebalance empties its cell; until that cell is gone.
  std::set<std::string> inverse_offers;  // To be accepted once it is empty.
  base::Time since;                      // Of what has a deadline: an operator's or maintenance.
  bool evicting = false;                 // The deadline has passed.
  base::Time rolls_since, stuck_since;   // Of a roll: its turn came; nothing here moves any more...
  base::Time look_at;                    // ...and this is looked at again.
  std::size_t left = 0;                  // Attempts that were here then.

  bool any() const { return by_operator || by_mesos || maintenance || rolls || rebalances; }
  bool has_deadline() const { return by_operator || by_mesos || maintenance; }
};

struct AgentRecord {
  std::string id, hostname, ip, url, fault_domain_zone;
  std::map<std::string, std::string> attributes;
  bool repeats_attributes = false;
  bool gone = false;  // No longer in the books; an item may still name it.
  bool lost = false;
  placement::Amounts last_offered;  // Of the last offers, less what was launched from them, plus what ended since.
  std::optional<CellRecord> cell;
  std::string shut_executor;   // The last that was told to go while it was not the cell in the books.
  std::string ended_executor;  // The last that Mesos said has ended: what it said before may come after it.
  OfferPool offers;            // In hand.

  ItemList planned;  // Items placed here that the next ACCEPT launches.
  placement::Amounts planned_charged;
  ItemList awaiting;            // Items that wait for the next offer.
  placement::Amounts promised;  // To them.

  std::optional<Leaving> leaving;
  double trouble = 0;  // Launches that failed by its cell's fault, decaying; as it was at...
  base::Time trouble_at;
  std::string refused;  // The process that its rep refused last: it is one process's fault, perhaps.
  std::optional<base::Time> quarantined_until;

  // What Core's counts of cells hold of it.
  bool counts_as_cell = false, counts_as_opening = false, counts_as_usable = false;

  // What follows from attributes, flags and the cell's report; valid while `described`.
  bool described = false;
  std::string zone;
  placement::Amounts limit;  // Of what instances may use in all.
  std::int64_t proxy_mem_mb = 0;

  // What placement was told last, if anything.
  bool known_to_placement = false;
  bool up = false;
  bool takes_work = false;
  placement::Amounts total;
};

// How long to wait after so many failed launches in a row.
base::Duration launch_backoff(int failures);

// What placement charges for an item on an agent's cell.
placement::Amounts needs_on(const Item& item, const AgentRecord& agent);

}  // namespace core
