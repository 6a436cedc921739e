// What a master with 10,000 agents says to our scheduler, in the shape of recorded streams.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mesos/codec.hpp"

namespace mesos::v1::scheduler {
class Event;
}

namespace bench {

// `count` records with their lengths, one behind the other: UPDATEs of instances that run, or OFFERS
// of one agent each. No two are equal.
std::string update_stream(mesos_client::Codec codec, int count);
std::string offers_stream(mesos_client::Codec codec, int count);

// One of the OFFERS.
mesos::v1::scheduler::Event offers_event(int i);

// Digits that depend on `i`, grouped as Diego's guids are.
std::string guid(int i);

// Of the acknowledgement of update `i`.
struct Acknowledged {
  std::string framework_id, agent_id, task_id, uuid;
};
Acknowledged acknowledged(int i);

// Calls as diego-scheduler encodes them: an ACCEPT with `tasks` instances, and acknowledgements.
class Calls {
 public:
  explicit Calls(mesos_client::Codec codec, int tasks = 0);
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  std::string accept();
  std::string acknowledge(const Acknowledged& of);

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace bench
