// What the BBS has to say, as values: the rows of its tables that an auctioneer asks about, and what its
// errors mean to one. Pure; the wire is bbs_wire.hpp, the calls are bbs_client.hpp.
#pragma once

#include <cassert>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace diego {

// Which instance: what FailActualLRP is about.
struct LrpKey {
  std::string process_guid;
  std::int32_t index = 0;
  std::string domain;

  bool operator==(const LrpKey&) const = default;
};

// An ActualLRP: one instance as the BBS has it. While an instance moves there are two rows for its index,
// which differ in presence.
struct LrpRow {
  enum class State { unclaimed, claimed, running, crashed, unknown };
  enum class Presence { ordinary, evacuating, suspect };

  std::string process_guid, domain;
  std::int32_t index = 0;
  State state = State::unknown;
  Presence presence = Presence::ordinary;
  std::string instance_guid, cell_id;  // Empty while unclaimed.
  std::string placement_error;

  bool operator==(const LrpRow&) const = default;
};

struct TaskRow {
  enum class State { invalid, pending, running, completed, resolving };

  std::string task_guid, domain;
  State state = State::invalid;
  std::string cell_id;
  std::int32_t rejection_count = 0;  // How often RejectTask was taken.
  std::string rejection_reason, failure_reason;
  bool failed = false;

  bool operator==(const TaskRow&) const = default;
};

// A cell as it announces itself, without what runs there.
struct CellRow {
  std::string cell_id, rep_address, rep_url, zone;
  std::int32_t memory_mb = 0, disk_mb = 0, containers = 0;           // Its capacity.
  std::map<std::string, std::vector<std::string>> rootfs_providers;  // By scheme; empty list: any of the scheme.
  std::vector<std::string> placement_tags, optional_placement_tags;

  bool operator==(const CellRow&) const = default;
};

// Why a call brought nothing.
struct BbsFailure {
  enum class Kind {
    gone,       // There is no such row, or it is not in the state the call is about: nothing is left to do.
    transient,  // Unreachable, busy, timed out: the same may be asked again.
    refused,    // The BBS will not take it, now or later.
  };
  Kind kind = Kind::transient;
  std::string text;  // One line, for the log.

  bool operator==(const BbsFailure&) const = default;
};

// What a call brought: its value, or why there is none. As base::Result, whose failures have no kind.
template <class T>
class [[nodiscard]] BbsAnswer {
 public:
  BbsAnswer(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  BbsAnswer(BbsFailure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

  explicit operator bool() const { return state_.index() == 0; }

  // The value; asking a failure for it is a bug of the caller, and the reverse.
  T& operator*() {
    assert(*this);
    return std::get<0>(state_);
  }
  const T& operator*() const {
    assert(*this);
    return std::get<0>(state_);
  }
  const T* operator->() const { return &**this; }
  const BbsFailure& failure() const {
    assert(!*this);
    return std::get<1>(state_);
  }

  bool operator==(const BbsAnswer&) const = default;

 private:
  std::variant<T, BbsFailure> state_;
};

// Success without a value: the BBS has taken the report.
struct BbsTaken {
  bool operator==(const BbsTaken&) const = default;
};

}  // namespace diego
