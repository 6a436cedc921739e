// The leader lock in ZooKeeper. Below the path of --lock:
//   contender-<process>.<session>-NNNNNNNNNN   ephemeral; the lowest number leads; data: who it is
//   framework-id                               what the leaders share
// No name ends in "_<number>": whoever gives the path of Mesos's own masters by mistake must not stand
// for election among them (Mesos takes any child for a master whose name ends so).
#pragma once

#include <memory>
#include <string>

#include "base/leader_lock.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "mesos/master_address.hpp"

namespace mesos_client {

struct ZooKeeperLockOptions {
  ZooKeeperAddress address;
  std::string who;  // Host and process, for people.
  base::Duration session_timeout = std::chrono::seconds(10);
};

// A lease ends a sixth of the session's timeout early: for what the leader still does, for the clocks'
// drift, and because a follower tells its leader of a session's life only every half tick (the server
// makes a session two ticks long at least).
constexpr base::Duration lock_lease(base::Duration session_timeout) { return session_timeout - session_timeout / 6; }

// Fails in a build without ZooKeeper. `where` names the flag.
base::Result<std::unique_ptr<base::LeaderLock>> start_zookeeper_lock(std::string_view where,
                                                                     const ZooKeeperLockOptions& options,
                                                                     base::LeaderLock::Report report);

}  // namespace mesos_client
