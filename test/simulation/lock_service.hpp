// A leader lock as ZooKeeper keeps it: a session per client with a lease that is renewed, one holder,
// one shared text that outlives it. Behind base/leader_lock.hpp's contract: a client believes to hold
// the lock only until a margin before others may take it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/leader_lock.hpp"
#include "test/simulation/settings.hpp"

namespace simulation {

class World;

class LockService {
 public:
  explicit LockService(World& world);

  const std::string& shared() const { return shared_; }
  std::optional<int> holder() const { return holder_; }  // As the service has it.

  // ---- Clients, numbered as the schedulers' hosts.
  void campaign(int client);  // A fresh process: its session before, if any, runs out by itself.
  void gone(int client);      // The process died.
  void resign(int client);
  void share(int client, std::string text);
  bool held(int client) const;  // By the client's belief: its lease.

  // Fault: the client cannot reach the service for so long.
  void cut_off(int client, Duration how_long);

 private:
  struct Client {
    bool campaigning = false;
    bool leads = false;  // Was told so, and nothing else since.
    std::uint64_t session = 0;
    Time believed_until;  // Lease, less the margin.
    Time expires;         // At the service.
    Time cut_until;
    bool told_other = false;
    Time last_report;
  };
  // Whether its messages come through: not where the network is cut, nor from a process that is stopped.
  bool reaches_us(int client) const;
  void tick(int client, std::uint64_t session);
  void expire();
  void grant();
  void lose(int client, const std::string& why);
  void report(int client, base::LockReport what);

  World& world_;
  std::vector<Client> clients_;
  std::optional<int> holder_;
  std::uint64_t holder_session_ = 0;
  Time orphan_until_;  // Of a holder whose process died.
  std::uint64_t sessions_ = 0;
  std::string shared_;
};

}  // namespace simulation
