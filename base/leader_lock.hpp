// At most one of several schedulers acts: whoever holds the lock. An interface, for ZooKeeper and
// Diego's Locket offer it with different means. With the lock goes one small text that outlives its
// holders: the framework id.
#pragma once

#include <functional>
#include <string>
#include <variant>

namespace base {

// We lead. `shared` was read after that, so it is the last that any leader before us stored.
struct LockAcquired {
  std::string shared;  // Empty: none was ever stored.
  bool operator==(const LockAcquired&) const = default;
};

// We lead no more, or cannot know: stop acting now. The campaign goes on, unless we resigned.
struct LockLost {
  std::string reason;
  bool operator==(const LockLost&) const = default;
};

// We wait; reported for each new holder.
struct LockHeldByOther {
  std::string who;
  bool operator==(const LockHeldByOther&) const = default;
};

// The answer to share(), unless LockLost comes first: then it may or may not have been stored, and the
// next LockAcquired tells.
struct ShareStored {
  std::string value;
  bool operator==(const ShareStored&) const = default;
};
struct ShareRefused {
  std::string reason;  // As when somebody else wrote: two clusters under one name.
  bool operator==(const ShareRefused&) const = default;
};

// A line for the log.
struct LockNote {
  bool trouble = false;
  std::string text;
  bool operator==(const LockNote&) const = default;
};

using LockReport = std::variant<LockAcquired, LockLost, LockHeldByOther, ShareStored, ShareRefused, LockNote>;

// Starts idle. LockAcquired and LockLost alternate. The lock is a lease: when its keeper is out of
// reach we believe to hold it only until a margin before the others may take it, and LockLost is
// reported by then; so among processes that run, LockLost of one comes before LockAcquired of another.
// A process that was stopped in between learns of it late: it asks held() before what must not be done
// by two. Destroying it gives the lock up (stop acting before) and waits for its thread, up to 5 s.
class LeaderLock {
 public:
  // Called on the lock's thread: should only post, must not destroy the lock, and must outlive it.
  using Report = std::function<void(LockReport)>;

  LeaderLock() = default;
  virtual ~LeaderLock() = default;
  LeaderLock(const LeaderLock&) = delete;
  LeaderLock& operator=(const LeaderLock&) = delete;

  // From any thread; without effect when it is so already. Who resigns a lock it holds hears LockLost.
  virtual void campaign() = 0;
  virtual void resign() = 0;

  // Stores the shared text; refused unless we hold the lock at that moment. From any thread, one at a time.
  virtual void share(std::string value) = 0;

  // From any thread: whether the lease runs at this moment.
  virtual bool held() const = 0;
};

}  // namespace base
