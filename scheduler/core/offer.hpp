// Offers as the core sees them: only what of an offer may be used, piece by piece, each with the
// metadata that Mesos wants back unchanged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scheduler/placement/amounts.hpp"

namespace core {

enum class Dimension { cpus, mem, disk };

// One resource entry of an offer, or a part of one. A part goes back with the `shape` it came with:
// entries of different reservation or role must never be summed (Mesos: TaskInfo.resources).
struct Piece {
  Dimension dimension = Dimension::cpus;
  std::int64_t amount = 0;  // Thousandths of a core; MiB.
  std::string shape;        // Opaque to the core: the entry without its amount.
  bool reserved = false;    // For our role; used up before what is unreserved.
  bool operator==(const Piece&) const = default;
};

struct Offer {
  std::string id;
  std::string agent_id;
  std::string hostname;
  std::string ip;                                 // Of the agent, as a number; may be empty.
  std::string url;                                // Of the agent, without /api/v1; may be empty.
  std::string fault_domain_zone;                  // May be empty.
  std::map<std::string, std::string> attributes;  // Text values; several of one name joined by ','.
  bool repeats_attributes = false;                // Some come more than once.
  std::vector<Piece> pieces;
  std::vector<std::string> executor_ids;  // Executors of ours that the master books there.
  bool unavailable = false;               // Maintenance of the agent is planned.
  bool operator==(const Offer&) const = default;
};

// Sum by dimension; containers stay 0: Mesos knows none.
placement::Amounts sum(const std::vector<Piece>& pieces);

// Takes `needs` out of `pool` and returns it piece by piece, reserved pieces first. The caller has
// checked that the pool holds it. Zero amounts take nothing (Mesos refuses zero scalars).
std::vector<Piece> carve(std::vector<Piece>& pool, const placement::Amounts& needs);

}  // namespace core
