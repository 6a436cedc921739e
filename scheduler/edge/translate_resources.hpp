// Resource entries as pieces and back.
#pragma once

#include <string>
#include <vector>

#include "scheduler/core/offer.hpp"

namespace mesos::v1 {
class Offer;
class Resource;
}  // namespace mesos::v1

namespace edge {

// What of an offer may be used: entries of `role` or unreserved, neither revocable nor shared, no
// volume, no disk with a source, no resource provider's; whole MiB, thousandths of a core.
core::Offer offer_of(const mesos::v1::Offer& offer, const std::string& role);

// A piece as Mesos wants it back: the entry it was cut from with the piece's amount.
mesos::v1::Resource resource_of(const core::Piece& piece);

}  // namespace edge
