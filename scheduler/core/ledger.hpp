// What the core knows of agents and the cells on them. Plain records; the rules are the core's.
#pragma once

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

// The cell on an agent: one Mesos executor.
struct CellRecord {
  TextPtr executor_id;  // Shared with its items. Never null.
  std::string cell_id;
  std::string executor_info;  // Empty until its hello, for a cell that another run of ours started.
  bool heard = false;         // Any sign of life: it is up.
  bool stopping = false;
  bool found = false;                    // Started by another run of ours: it may hold work we do not know of yet.
  base::Time since;                      // It was launched or first seen.
  base::Time idle_since;                 // Meaningful while `live` is empty.
  ItemList live;                         // Instances with a live attempt here.
  placement::Amounts charged;            // For them, in all.
  std::unique_ptr<CellReported> report;  // Without the list of its work; null before the first.
  bool reported_idle = false;            // The report named no work.
  base::Time asked_at;                   // For a report, or SHUTDOWN, last.
};

struct AgentRecord {
  std::string id, hostname, ip, fault_domain_zone;
  std::map<std::string, std::string> attributes;
  bool gone = false;  // No longer in the books; an item may still name it.
  bool lost = false;
  placement::Amounts last_offered;  // Of the last offers, less what was launched from them, plus what ended since.
  std::optional<CellRecord> cell;
  OfferPool offers;  // In hand.

  ItemList planned;  // Items placed here that the next ACCEPT launches.
  placement::Amounts planned_charged;
  ItemList awaiting;            // Items that wait for the next offer.
  placement::Amounts promised;  // To them.

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

// What placement charges for an item on an agent's cell.
placement::Amounts needs_on(const Item& item, const AgentRecord& agent);

}  // namespace core
