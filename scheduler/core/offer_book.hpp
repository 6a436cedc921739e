// The offers we hold, pooled by agent. An offer is here from the event that brings it until it is
// taken, rescinded or grown old. One thread; no clock of its own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/offer.hpp"

namespace core {

class OfferBook {
 public:
  void add(Offer offer, base::Time now);

  // Forgets an offer; returns its agent if it was held. Not holding it is normal: our ACCEPT and
  // the master's RESCIND can cross on the wire; the master then fails the launch.
  std::optional<std::string> rescind(const std::string& offer_id);

  // Removes and returns all offers of an agent. The caller answers each exactly once.
  std::vector<Offer> take(const std::string& agent_id);
  std::vector<Offer> take_all();
  std::vector<Offer> take_stale(base::Time held_since_before);

  // A new subscription: the master has forgotten them all, no answer is due.
  void clear() { by_agent_.clear(); }

  placement::Amounts offered(const std::string& agent_id) const;

 private:
  struct Held {
    Offer offer;
    base::Time since;
  };
  std::map<std::string, std::vector<Held>> by_agent_;  // Ordered: a replay must not depend on hashing.
};

}  // namespace core
