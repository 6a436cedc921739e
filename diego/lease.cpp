#include "diego/lease.hpp"

#include <algorithm>

namespace diego {
namespace {

constexpr std::size_t kTroublesMax = 10;  // Lines for one outage.

std::string seconds(base::Duration duration) { return std::to_string((base::to_millis(duration) + 500) / 1000) + " s"; }

}  // namespace

LockAnswer lock_answer(int code) {
  switch (code) {
    case 0:  // OK
      return LockAnswer::granted;
    case 6:  // ALREADY_EXISTS, "lock-collision"
      return LockAnswer::collision;
    case 1:   // CANCELLED
    case 4:   // DEADLINE_EXCEEDED
    case 14:  // UNAVAILABLE
      return LockAnswer::silence;
    default:
      return LockAnswer::refused;
  }
}

Lease::Reports Lease::on_answer(LockAnswer answer, const std::string& text, base::Time sent, base::Time now) {
  Reports reports = on_time(now);
  switch (answer) {
    case LockAnswer::granted: {
      if (!troubles_.empty()) reports.emplace_back(base::LockNote{false, "Locket answers again"});
      troubles_.clear();
      const base::Time until = sent + terms_.patience();
      if (until <= now) break;  // Too old an answer to build on.
      if (!until_) {
        holder_.clear();
        reports.emplace_back(base::LockAcquired{});
      }
      until_ = until_ ? std::max(*until_, until) : until;
      break;
    }
    case LockAnswer::collision:
      troubles_.clear();
      lose("Locket says that another holds it", reports);
      break;
    case LockAnswer::silence:
      trouble("Locket is out of reach: " + text, now, reports);
      break;
    case LockAnswer::refused:
      trouble("Locket refuses: " + text, now, reports);
      break;
  }
  return reports;
}

Lease::Reports Lease::on_holder(const std::string& owner) {
  if (until_ || owner.empty() || owner == holder_) return {};
  holder_ = owner;
  return {base::LockHeldByOther{owner}};
}

Lease::Reports Lease::on_time(base::Time now) {
  Reports reports;
  if (until_ && *until_ <= now) lose("Locket has not taken it for " + seconds(terms_.patience()), reports);
  return reports;
}

Lease::Reports Lease::on_resign() {
  Reports reports;
  lose("resigned", reports);
  holder_.clear();
  return reports;
}

void Lease::lose(const std::string& reason, Reports& reports) {
  if (!until_) return;
  until_.reset();
  reports.emplace_back(base::LockLost{reason});
}

void Lease::trouble(const std::string& text, base::Time now, Reports& reports) {
  if (troubles_.size() >= kTroublesMax || !troubles_.insert(text).second) return;
  const std::string kept = until_ ? "; the lock is kept for " + seconds(*until_ - now) + " more" : "";
  reports.emplace_back(base::LockNote{true, text + kept});
}

}  // namespace diego
