#include "test/simulation/lock_service.hpp"

#include <algorithm>
#include <utility>

#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTick = 1s;  // Renewals; well within the lease.

}  // namespace

LockService::LockService(World& world)
    : world_(world), clients_(static_cast<std::size_t>(world.settings().schedulers)) {}

void LockService::campaign(int index) {
  Client& client = clients_[static_cast<std::size_t>(index)];
  const Time cut_until = client.cut_until;
  client = {};
  client.cut_until = cut_until;
  client.campaigning = true;
  client.session = ++sessions_;
  tick(index, client.session);
}

// Its session, and the lock with it, goes when the lease has run out.
void LockService::gone(int index) {
  Client& client = clients_[static_cast<std::size_t>(index)];
  if (holder_ == index && holder_session_ == client.session) orphan_until_ = client.expires;
  client.campaigning = client.leads = false;
  client.session = ++sessions_;
}

bool LockService::reaches_us(int index) const {
  const auto at = static_cast<std::size_t>(index);
  return world_.now() >= clients_[at].cut_until && !world_.schedulers()[at]->paused();
}

void LockService::tick(int index, std::uint64_t session) {
  Client& client = clients_[static_cast<std::size_t>(index)];
  if (client.session != session) return;
  auto& sim = world_.sim();
  const Time now = world_.now();
  expire();
  std::uint64_t next_session = session;
  if (reaches_us(index) && client.campaigning) {
    if (client.expires != Time{} && now >= client.expires) {  // A new session; the old one is dead.
      if (client.leads) lose(index, "the session expired");
      next_session = client.session = ++sessions_;
      client.told_other = false;
    }
    client.expires = now + kLease;
    client.believed_until = now + kLease - kLeaseMargin;
    grant();
    if (holder_ == index && holder_session_ == client.session && !client.leads) {
      client.leads = true;  // Out of reach for too long to believe in it, not so long as to lose it.
      world_.sim().tell("lock", "is scheduler-" + std::to_string(index) + "'s still");
      report(index, base::LockAcquired{shared_});
    }
    if (client.leads) {
      sim.at(client.believed_until, [this, index, next_session] {
        Client& one = clients_[static_cast<std::size_t>(index)];
        if (one.session == next_session && one.leads && world_.now() >= one.believed_until)
          lose(index, "the keeper of the lock is out of reach");
      });
    } else if (holder_ && *holder_ != index && !client.told_other) {
      client.told_other = true;
      report(index, base::LockHeldByOther{"scheduler-" + std::to_string(*holder_)});
    }
  }
  sim.after(kTick, [this, index, next_session] { tick(index, next_session); });
}

void LockService::expire() {
  if (!holder_) return;
  const Client& client = clients_[static_cast<std::size_t>(*holder_)];
  const bool alive = client.session == holder_session_;
  if (world_.now() < (alive ? client.expires : orphan_until_)) return;
  world_.sim().tell("lock", "the lease of scheduler-" + std::to_string(*holder_) + " is over");
  holder_.reset();
}

void LockService::grant() {
  if (holder_) return;
  for (std::size_t index = 0; index < clients_.size(); ++index) {
    Client& client = clients_[index];
    const bool reachable = reaches_us(static_cast<int>(index)) && world_.now() < client.expires;
    if (!client.campaigning || !reachable) continue;
    if (client.leads) continue;  // It has yet to learn that it lost.
    holder_ = static_cast<int>(index);
    holder_session_ = client.session;
    client.leads = true;
    world_.sim().tell("lock", "goes to scheduler-" + std::to_string(index));
    report(static_cast<int>(index), base::LockAcquired{shared_});
    return;
  }
}

void LockService::lose(int index, const std::string& why) {
  Client& client = clients_[static_cast<std::size_t>(index)];
  if (!std::exchange(client.leads, false)) return;
  report(index, base::LockLost{why});
}

void LockService::resign(int index) {
  Client& client = clients_[static_cast<std::size_t>(index)];
  client.campaigning = false;
  if (holder_ == index && holder_session_ == client.session) holder_.reset();
  lose(index, "resigned");
}

bool LockService::held(int index) const {
  const Client& client = clients_[static_cast<std::size_t>(index)];
  return client.leads && world_.now() < client.believed_until;
}

void LockService::share(int index, std::string text) {
  auto& sim = world_.sim();
  const std::uint64_t session = clients_[static_cast<std::size_t>(index)].session;
  sim.after(sim.between(1ms, 40ms), [this, index, session, text] {
    const Client& client = clients_[static_cast<std::size_t>(index)];
    if (client.session != session) return;  // LockLost came first.
    if (world_.now() < client.cut_until) {
      if (client.leads) share(index, text);
      return;
    }
    expire();
    if (holder_ != index || holder_session_ != session)
      return report(index, base::ShareRefused{"we do not hold the lock"});
    shared_ = text;
    report(index, base::ShareStored{text});
  });
}

// Reports of one client come in order, some of them late.
void LockService::report(int index, base::LockReport what) {
  auto& sim = world_.sim();
  Client& client = clients_[static_cast<std::size_t>(index)];
  const bool late = !world_.quiet() && sim.one_in(10);
  if (late) sim.fault("late_lock_report");
  client.last_report = std::max(client.last_report, sim.now() + (late ? sim.between(0s, 3s) : sim.between(0s, 20ms)));
  sim.at(client.last_report, [this, index, what, life = world_.schedulers()[static_cast<std::size_t>(index)]->life()] {
    auto& host = *world_.schedulers()[static_cast<std::size_t>(index)];
    if (host.life() == life) host.lock_report(what);
  });
}

void LockService::cut_off(int index, Duration how_long) {
  world_.sim().fault("lock_unreachable", "scheduler-" + std::to_string(index));
  clients_[static_cast<std::size_t>(index)].cut_until = world_.now() + how_long;
}

}  // namespace simulation
