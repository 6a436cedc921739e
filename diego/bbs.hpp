// What the BBS has to say, as values: the rows of its tables that an auctioneer asks about, and what its
// errors mean to one. Pure; the wire is bbs_wire.hpp, the calls are bbs_client.hpp.
#pragma once

#include <cstdint>
#include <string>

namespace diego {

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

}  // namespace diego
