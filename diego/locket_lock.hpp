// The leader lock in Diego's Locket: the key of Diego's own auctioneers, so that we never run beside
// one. Locket forgets what stands beside a lock together with the lock: it shares no text, and share()
// is refused (scheduler/edge/framework_finder.hpp looks in Mesos instead).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/leader_lock.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "diego/lease.hpp"

namespace diego {

struct LocketLockOptions {
  // host:port of Lockets of one deployment. The next one is tried when one fails; of a name with several
  // addresses all are used.
  std::vector<std::string> addresses;

  // Two processes of one owner would both hold the lock. Empty: one of our own, new with every start.
  std::string owner;

  // Mutual TLS 1.2 or newer, the server's name checked; read again when they change. All empty: plain.
  std::string ca_file, cert_file, key_file;

  std::string key = "auctioneer";
  LeaseTerms terms;  // The TTL: whole seconds.
  base::Duration attempt_every = std::chrono::seconds(1);
  base::Duration attempt_limit = std::chrono::seconds(1);  // For an answer.
};

// Fails in a build without gRPC, and for files that cannot be read. `where` names the flag.
base::Result<std::unique_ptr<base::LeaderLock>> start_locket_lock(std::string_view where,
                                                                  const LocketLockOptions& options,
                                                                  base::LeaderLock::Report report);

}  // namespace diego
