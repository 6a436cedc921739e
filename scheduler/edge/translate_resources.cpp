#include "scheduler/edge/translate_resources.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

#include "mesos/v1/mesos.pb.h"

namespace edge {
namespace {

std::optional<core::Dimension> dimension_of(const mesos::v1::Resource& resource) {
  if (resource.type() != mesos::v1::Value::SCALAR) return std::nullopt;
  if (resource.name() == "cpus") return core::Dimension::cpus;
  if (resource.name() == "mem") return core::Dimension::mem;
  if (resource.name() == "disk") return core::Dimension::disk;
  return std::nullopt;
}

// The role that owns the entry; "" for unreserved ones. We ask for RESERVATION_REFINEMENT, so only
// the new format comes.
std::string reserved_for(const mesos::v1::Resource& resource) {
  const int depth = resource.reservations_size();
  return depth == 0 ? "" : resource.reservations(depth - 1).role();
}

bool usable(const mesos::v1::Resource& resource, const std::string& role) {
  if (resource.has_revocable() || resource.has_shared() || resource.has_provider_id()) return false;
  if (resource.has_disk()) return false;  // A volume or a disk with a source.
  const std::string owner = reserved_for(resource);
  return owner.empty() || owner == role;
}

// Mesos keeps scalars as fixed point with three decimals.
std::int64_t amount_of(core::Dimension dimension, double value) {
  if (!(value > 0) || value > 1e12) return 0;
  const std::int64_t thousandths = std::llround(value * 1000);
  return dimension == core::Dimension::cpus ? thousandths : thousandths / 1000;
}

std::map<std::string, std::string> attributes_of(const mesos::v1::Offer& offer) {
  std::map<std::string, std::string> attributes;
  for (const auto& attribute : offer.attributes()) {
    std::string value;
    if (attribute.has_text()) value = attribute.text().value();
    if (attribute.has_scalar()) value = std::to_string(std::llround(attribute.scalar().value()));
    if (value.empty()) continue;
    std::string& all = attributes[attribute.name()];
    all += (all.empty() ? "" : ",") + value;
  }
  return attributes;
}

bool repeats_attributes(const mesos::v1::Offer& offer) {
  std::set<std::string_view> names;
  return std::any_of(offer.attributes().begin(), offer.attributes().end(),
                     [&names](const auto& attribute) { return !names.insert(attribute.name()).second; });
}

}  // namespace

core::Offer offer_of(const mesos::v1::Offer& offer, const std::string& role) {
  core::Offer out;
  out.id = offer.id().value();
  out.agent_id = offer.agent_id().value();
  out.hostname = offer.hostname();
  out.ip = offer.url().address().ip();
  if (offer.domain().has_fault_domain()) out.fault_domain_zone = offer.domain().fault_domain().zone().name();
  out.attributes = attributes_of(offer);
  out.repeats_attributes = repeats_attributes(offer);
  out.unavailable = offer.has_unavailability();
  for (const auto& executor : offer.executor_ids()) out.executor_ids.push_back(executor.value());
  for (const auto& resource : offer.resources()) {
    const auto dimension = dimension_of(resource);
    if (!dimension || !usable(resource, role)) continue;
    core::Piece piece{*dimension, amount_of(*dimension, resource.scalar().value()), "",
                      !reserved_for(resource).empty()};
    if (piece.amount <= 0) continue;
    mesos::v1::Resource shape = resource;
    shape.clear_scalar();
    piece.shape = shape.SerializePartialAsString();
    out.pieces.push_back(std::move(piece));
  }
  return out;
}

mesos::v1::Resource resource_of(const core::Piece& piece) {
  mesos::v1::Resource resource;
  resource.ParsePartialFromString(piece.shape);
  const auto amount = static_cast<double>(piece.amount);
  resource.mutable_scalar()->set_value(piece.dimension == core::Dimension::cpus ? amount / 1000 : amount);
  return resource;
}

}  // namespace edge
