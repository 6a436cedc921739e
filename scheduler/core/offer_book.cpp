#include "scheduler/core/offer_book.hpp"

#include <algorithm>

namespace core {

void OfferBook::add(Offer offer, base::Time now) {
  auto& held = by_agent_[offer.agent_id];
  held.push_back({std::move(offer), now});
}

std::optional<std::string> OfferBook::rescind(const std::string& offer_id) {
  for (auto agent = by_agent_.begin(); agent != by_agent_.end(); ++agent) {
    auto& held = agent->second;
    const auto found =
        std::find_if(held.begin(), held.end(), [&](const Held& one) { return one.offer.id == offer_id; });
    if (found == held.end()) continue;
    std::string id = agent->first;
    held.erase(found);
    if (held.empty()) by_agent_.erase(agent);
    return id;
  }
  return std::nullopt;
}

std::vector<Offer> OfferBook::take(const std::string& agent_id) {
  std::vector<Offer> offers;
  const auto found = by_agent_.find(agent_id);
  if (found == by_agent_.end()) return offers;
  for (Held& held : found->second) offers.push_back(std::move(held.offer));
  by_agent_.erase(found);
  return offers;
}

std::vector<Offer> OfferBook::take_all() {
  std::vector<Offer> offers;
  for (auto& [agent, held] : by_agent_) {
    for (Held& one : held) offers.push_back(std::move(one.offer));
  }
  by_agent_.clear();
  return offers;
}

std::vector<Offer> OfferBook::take_stale(base::Time held_since_before) {
  std::vector<Offer> offers;
  for (auto agent = by_agent_.begin(); agent != by_agent_.end();) {
    auto& held = agent->second;
    const auto fresh = std::stable_partition(held.begin(), held.end(),
                                             [&](const Held& one) { return one.since <= held_since_before; });
    for (auto one = held.begin(); one != fresh; ++one) offers.push_back(std::move(one->offer));
    held.erase(held.begin(), fresh);
    agent = held.empty() ? by_agent_.erase(agent) : std::next(agent);
  }
  return offers;
}

placement::Amounts OfferBook::offered(const std::string& agent_id) const {
  placement::Amounts total;
  const auto found = by_agent_.find(agent_id);
  if (found == by_agent_.end()) return total;
  for (const Held& held : found->second) total += sum(held.offer.pieces);
  return total;
}

}  // namespace core
