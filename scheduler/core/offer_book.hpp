// The offers we hold, pooled by agent. An offer is here from the event that brings it until it is
// taken, rescinded or grown old. One thread; no clock of its own. Nothing looks at all offers but
// what answers them all.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/offer.hpp"

namespace core {

struct OfferPool;

// What a launch needs of an offer.
struct HeldOffer {
  std::string id;
  std::vector<Piece> pieces;
  base::Time since;
  OfferPool* pool = nullptr;
};

// The offers of one agent, which keeps it where it is while the book may lead to it.
struct OfferPool {
  std::string_view agent_id;
  std::vector<std::list<HeldOffer>::iterator> offers;
  placement::Amounts sum;
};

class OfferBook {
 public:
  // `now` never runs backwards.
  void add(const Offer& offer, OfferPool& pool, base::Time now);

  // Forgets an offer; returns its agent if it was held. Not holding it is normal: our ACCEPT and
  // the master's RESCIND can cross on the wire; the master then fails the launch.
  std::optional<std::string> rescind(const std::string& offer_id);

  // Removes and returns all offers of an agent, or all, oldest first. The caller answers each exactly once.
  std::vector<HeldOffer> take(OfferPool& pool);
  std::vector<HeldOffer> take_all();
  using Choice = std::function<bool(const OfferPool&)>;
  std::vector<HeldOffer> take_stale(base::Time held_since_before, const Choice& chosen = {});
  std::optional<base::Time> oldest() const;
  std::size_t size() const { return offers_.size(); }

  // A new subscription: the master has forgotten them all, no answer is due.
  void clear() { take_all(); }

 private:
  HeldOffer remove(std::list<HeldOffer>::iterator held);

  std::list<HeldOffer> offers_;  // Oldest first.
  // Never iterated; views the ids of the offers it leads to.
  std::unordered_map<std::string_view, std::list<HeldOffer>::iterator> by_id_;
};

}  // namespace core
