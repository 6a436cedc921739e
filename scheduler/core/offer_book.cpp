#include "scheduler/core/offer_book.hpp"

#include <algorithm>

namespace core {

void OfferBook::add(const Offer& offer, OfferPool& pool, base::Time now) {
  // An id that is already held cannot come again; if it did, the newer one would count.
  if (const auto known = by_id_.find(offer.id); known != by_id_.end()) remove(known->second);
  const auto held = offers_.insert(offers_.end(), {offer.id, offer.pieces, now, &pool});
  by_id_.emplace(held->id, held);
  pool.offers.push_back(held);
  pool.sum += sum(held->pieces);
}

HeldOffer OfferBook::remove(std::list<HeldOffer>::iterator held) {
  by_id_.erase(held->id);
  std::erase(held->pool->offers, held);
  held->pool->sum -= sum(held->pieces);
  HeldOffer offer = std::move(*held);
  offers_.erase(held);
  return offer;
}

std::optional<std::string> OfferBook::rescind(const std::string& offer_id) {
  const auto held = by_id_.find(offer_id);
  if (held == by_id_.end()) return std::nullopt;
  return std::string(remove(held->second).pool->agent_id);
}

std::vector<HeldOffer> OfferBook::take(OfferPool& pool) {
  std::vector<HeldOffer> taken;
  taken.reserve(pool.offers.size());
  for (const auto held : std::vector(pool.offers)) taken.push_back(remove(held));
  return taken;
}

std::vector<HeldOffer> OfferBook::take_all() {
  std::vector<HeldOffer> taken;
  taken.reserve(offers_.size());
  by_id_.clear();  // It views what is about to be moved.
  for (HeldOffer& held : offers_) {
    held.pool->offers.clear();
    held.pool->sum = {};
    taken.push_back(std::move(held));
  }
  offers_.clear();
  return taken;
}

std::vector<HeldOffer> OfferBook::take_stale(base::Time held_since_before, const Choice& chosen) {
  std::vector<HeldOffer> taken;
  for (auto held = offers_.begin(); held != offers_.end() && held->since <= held_since_before;) {
    const auto next = std::next(held);
    if (!chosen || chosen(*held->pool)) taken.push_back(remove(held));
    held = next;
  }
  return taken;
}

std::optional<base::Time> OfferBook::oldest() const {
  return offers_.empty() ? std::nullopt : std::optional(offers_.front().since);
}

}  // namespace core
