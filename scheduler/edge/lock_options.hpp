// --lock and what belongs to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "mesos/master_address.hpp"
#include "platform/flags.hpp"

namespace edge {

// Which of several schedulers acts.
struct LockOptions {
  std::string lock = "none";
  std::string cluster_name;  // Beside Locket: by what the next leader knows the framework.
  // Locket only.
  std::string owner;  // "": one of its own for each start.
  std::string ca_file, cert_file, key_file;

  // What `lock` says; in `lock` a password is made out then. Neither: no lock.
  std::optional<mesos_client::ZooKeeperAddress> address;
  std::vector<std::string> lockets;  // host:port

  bool used() const { return address.has_value() || !lockets.empty(); }
};

void add_lock_flags(platform::Flags& flags, LockOptions& lock);

// Checks them and fills the derived fields. `masters`: where the masters are looked for.
base::Status finish_lock(LockOptions& lock, const mesos_client::MasterAddress& masters);

}  // namespace edge
