// What must survive the process, in the words of the core: who accepted what, which attempt was meant
// to be launched where, and how it stands. The core tells what changed; a store keeps it in one
// transaction; nothing the core wants done is done before that.
//
//   store.commit([&](Journal& journal) { core.write_changes(journal); })  ->  core.changes_saved()
//   at start: store.load(recovery)
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "scheduler/core/work.hpp"
#include "scheduler/placement/amounts.hpp"

namespace core {

struct Wish;

// One instance as it is to be found after a restart. The views are those of whoever hands it out, valid
// during the call.
struct InstanceRow {
  std::uint32_t id = 0;  // Its row: never 0, never used again by this store once erased.

  // What was accepted.
  Kind kind = Kind::lrp;
  std::string_view guid;
  std::int32_t index = 0;
  std::uint64_t wish = 0;  // What is asked for: the row of a wish.
  std::string_view trace_id;
  bool auction_known = true;  // False: adopted from Mesos.
  base::Time accepted;

  // How it stands. Queued: that of the attempt before, if any.
  State state = State::queued;
  base::Time since;
  std::string_view attempt;  // 8 letters; "" before the first launch.
  std::string_view agent_id, executor_id;
  placement::Amounts charged;
  std::int32_t attempts = 0, failures = 0;
  bool ran = false;  // Queued: any attempt has.
  bool heard = false, started = false, stop_wanted = false, queue_again = false, successor = false;
  std::string_view reason;

  bool operator==(const InstanceRow&) const = default;
};

// Takes changes; called within Store::commit only.
class Journal {
 public:
  virtual ~Journal() = default;

  // A named text: kFrameworkText, kLeaderText, kPolicyText, a report to the BBS (bbs_calls.hpp). Empty: as if it had
  // never been set.
  virtual void text(std::string_view name, std::string_view value) = 0;

  // The row as it is now, whether it is new or not. `wish` is what row.wish names; a wish's content
  // never changes, so it needs to be written (as wish_text()) at its first row only.
  virtual void put(const InstanceRow& row, const Wish& wish) = 0;
  virtual void erase(std::uint32_t row_id) = 0;  // May be unknown.
};
inline constexpr std::string_view kFrameworkText = "framework_id";
inline constexpr std::string_view kLeaderText = "leader";
inline constexpr std::string_view kPolicyText = "policy";  // What of it differs from the flags (policy.hpp).

// A wish as a store keeps it: JSON. Defined in wishes.cpp.
std::string wish_text(const Wish& wish);

// Takes what a store holds: texts, then wishes, then instances. An error names what is wrong with that
// one; the store counts and logs it, and goes on.
class Recovery {
 public:
  virtual ~Recovery() = default;
  virtual void text(std::string_view name, std::string_view value) = 0;
  virtual base::Status wish(std::uint64_t id, std::string_view text) = 0;
  // A wish that is missing, and that an entry which is passed over names: its number is nobody else's.
  virtual void missing_wish(std::uint64_t) {}
  virtual base::Status instance(const InstanceRow& row) = 0;
};

// One thread. Implementations: scheduler/store (SQLite), the simulation's.
class Store {
 public:
  using Write = std::function<void(Journal&)>;

  virtual ~Store() = default;

  // Calls `write`, and has all it says or nothing durable. ok(): it is, also through a power cut. After
  // an error the same may be asked again, with more; a commit that failed leaves nothing behind.
  virtual base::Status commit(const Write& write) = 0;
};

}  // namespace core
