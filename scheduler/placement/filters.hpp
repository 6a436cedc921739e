// Constraint filters: may this instance run on this cell at all? Room is not asked here.
#pragma once

#include <set>
#include <string>
#include <tuple>

#include "scheduler/placement/types.hpp"

namespace placement {

// What of a cell decides which instances may run there. Cells that share it are eligible alike.
struct Signature {
  diego::RootFsProviders rootfs;
  std::set<std::string> placement_tags, optional_placement_tags, volume_drivers;

  bool operator==(const Signature&) const = default;
};
Signature signature_of(const Cell& cell);
bool has_signature(const Cell& cell, const Signature& signature);
std::string name_of(const Signature& signature);  // The same for equal ones alone.

// Why a cell is no candidate, least specific first: the message for a request is that of the most
// specific mismatch any cell reached (Diego: auctionrunner, zone errors).
enum class Mismatch : std::uint8_t { none, rootfs, volume_drivers, placement_tags };

// Each constraint by itself (tags: required <= wanted <= required + optional).
struct Matches {
  bool rootfs = false, volume_drivers = false, placement_tags = false;
};
Matches matches(const Constraints& wanted, const Signature& cell);

// The first that fails, in Diego's order.
Mismatch mismatch(const Matches& matches);

// "found no compatible cell for required rootfs" and its kin, exactly as Diego words them.
std::string mismatch_text(Mismatch mismatch, const Constraints& wanted);

}  // namespace placement
