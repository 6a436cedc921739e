// What Diego's Locket says of a key, to one who holds it or wants to: when we lead, and until when we
// may believe so. Locket forgets a lock its TTL after the last Lock that it took; we count from when we
// sent that, and stop a margin earlier. Pure: told the time.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/leader_lock.hpp"
#include "base/time.hpp"

namespace diego {

// Diego's own figures, but for the margin: it is for what the leader still does and for the clocks' drift.
struct LeaseTerms {
  base::Duration ttl = std::chrono::seconds(15);
  base::Duration margin = std::chrono::seconds(5);
  constexpr base::Duration patience() const { return ttl - margin; }
};

enum class LockAnswer {
  granted,
  collision,  // Somebody else holds it.
  silence,    // No answer: it may have been taken, or not.
  refused,    // An answer that says nothing of who holds the lock.
};

// `code`: gRPC's status.
LockAnswer lock_answer(int code);

class Lease {
 public:
  explicit Lease(LeaseTerms terms) : terms_(terms) {}

  using Reports = std::vector<base::LockReport>;

  // The outcome of a Lock that was sent then; `text` says more of a failure. A lease that is over by
  // now is lost first, whatever the answer.
  Reports on_answer(LockAnswer answer, const std::string& text, base::Time sent, base::Time now);

  // Who holds it, while we wait.
  Reports on_holder(const std::string& owner);

  Reports on_time(base::Time now);
  Reports on_resign();

  // Until when it is ours if nothing more is heard.
  const std::optional<base::Time>& until() const { return until_; }

 private:
  void lose(const std::string& reason, Reports& reports);
  void trouble(const std::string& text, base::Time now, Reports& reports);

  const LeaseTerms terms_;
  std::optional<base::Time> until_;
  std::string holder_;              // As reported.
  std::set<std::string> troubles_;  // Told of since the last answer.
};

}  // namespace diego
