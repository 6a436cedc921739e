// Constraint filters: may this instance run on this cell at all? Room is not asked here.
#pragma once

#include <set>
#include <string>

#include "scheduler/placement/types.hpp"

namespace placement {

// Why a cell is no candidate, least specific first: the message for a request is that of the most
// specific mismatch any cell reached (Diego: auctionrunner, zone errors).
enum class Mismatch { none, rootfs, volume_drivers, placement_tags };

// Diego's order: rootfs, volume drivers, placement tags (required <= wanted <= required + optional).
Mismatch mismatch(const Request& request, const Cell& cell);

// "found no compatible cell for required rootfs" and its kin, exactly as Diego words them.
std::string mismatch_text(Mismatch mismatch, const Request& request);

// The names of what is short, as Diego sorts them: "containers", "cpu", "disk", "memory".
std::set<std::string> shortages(const Amounts& room, const Amounts& needs);

}  // namespace placement
