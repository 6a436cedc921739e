// A lock, the stand-in it asks, and what it reports.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "diego/locket_lock.hpp"
#include "local/locket/locket_server.hpp"
#include "platform/clock.hpp"
#include "platform/mailbox.hpp"

namespace diego {

using namespace std::chrono_literals;

inline std::string text_of(const base::LockReport& report) {
  struct Words {
    std::string operator()(const base::LockAcquired& one) const { return "acquired" + one.shared; }
    std::string operator()(const base::LockLost& one) const { return "lost: " + one.reason; }
    std::string operator()(const base::LockHeldByOther& one) const { return "held by " + one.who; }
    std::string operator()(const base::ShareStored& one) const { return "stored " + one.value; }
    std::string operator()(const base::ShareRefused& one) const { return "not stored: " + one.reason; }
    std::string operator()(const base::LockNote& one) const {
      return (one.trouble ? "trouble: " : "note: ") + one.text;
    }
  };
  return std::visit(Words{}, report);
}

// Quick to try, and patient where the machine is slow: who tests what silence does says what is silence.
inline LocketLockOptions quick(const std::string& owner, std::vector<std::string> addresses) {
  LocketLockOptions options;
  options.addresses = std::move(addresses);
  options.owner = owner;
  options.terms = {60s, 5s};
  options.attempt_every = 100ms;
  options.attempt_limit = 5s;
  return options;
}

class Contender {
 public:
  explicit Contender(const LocketLockOptions& options) {
    auto started = start_locket_lock("--lock", options, [this](base::LockReport report) {
      reports_.post({platform::now(), text_of(report)});
    });
    REQUIRE(started);
    lock_ = std::move(*started);
    lock_->campaign();
  }

  base::LeaderLock& lock() { return *lock_; }

  // Waits for a report that begins so and returns it; when it came stays in `at`.
  std::string next(const std::string& beginning, base::Duration patience = 20s) {
    const base::Time deadline = platform::now() + patience;
    for (;;) {
      while (!heard_.empty()) {
        const Heard one = heard_.front();
        heard_.erase(heard_.begin());
        all_.push_back(one.text);
        at = one.at;
        if (one.text.starts_with(beginning)) return one.text;
      }
      const base::Time now = platform::now();
      if (now >= deadline) break;
      for (Heard& one : reports_.take(deadline - now)) heard_.push_back(std::move(one));
    }
    std::string seen;
    for (const std::string& text : all_) seen += "\n  " + text;
    FAIL("no '" + beginning + "' within " + std::to_string(base::to_seconds(patience)) + " s; heard:" + seen);
    return "";
  }

  // Everything heard so far, also what next() passed by.
  std::vector<std::string> all() {
    for (Heard& one : reports_.take(0s)) heard_.push_back(std::move(one));
    for (Heard& one : heard_) all_.push_back(one.text);
    heard_.clear();
    return all_;
  }

  std::size_t count(const std::string& beginning) {
    std::size_t found = 0;
    for (const std::string& text : all()) found += text.starts_with(beginning) ? 1U : 0U;
    return found;
  }

  void leave() { lock_.reset(); }

  base::Time at{};

 private:
  struct Heard {
    base::Time at;
    std::string text;
  };
  platform::Mailbox<Heard> reports_;
  std::vector<Heard> heard_;
  std::vector<std::string> all_;
  std::unique_ptr<base::LeaderLock> lock_;  // Last: it reports until it is destroyed.
};

inline std::string address(int port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace diego
