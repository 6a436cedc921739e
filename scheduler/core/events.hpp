// Everything that can happen to the core. Past tense; failures are events too.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "diego/bbs.hpp"
#include "diego/rep.hpp"
#include "scheduler/core/offer.hpp"
#include "scheduler/core/policy.hpp"
#include "scheduler/core/rebalance.hpp"
#include "scheduler/core/work.hpp"

namespace core {

struct AuctionsSubmitted {
  std::vector<Auction> auctions;
};
struct StopRequested {
  KeyPattern pattern;
};

// An operator changed it.
struct PolicyChanged {
  Policy policy;
};

// The first event of an accepted subscription (Mesos: SUBSCRIBED). All offers are void.
struct Subscribed {
  std::string framework_id;
  bool suppressed = false;         // What the SUBSCRIBE asked for.
  bool takes_constraints = false;  // The master knows offer constraints (Mesos 1.11).
};
// Before a subscription: this scheduler leads, and may not have led before.
struct LeadershipTaken {
  bool another_led = false;  // Since what we know was written: only what Mesos confirms still lives.
};
struct Disconnected {
  std::string reason;
};
// The master will never again know this framework id (Mesos: ERROR "Framework has been removed").
struct FrameworkRemoved {
  std::string text;
};
struct OffersArrived {
  std::vector<Offer> offers;
};
struct OfferRescinded {
  std::string offer_id;
};
// The master did not take the last ConstrainOffers: what it was asked before holds, until the next subscription.
struct ConstraintsRefused {
  std::string text;
};
// Mesos wants an agent back, for maintenance.
struct InverseOffer {
  std::string id, agent_id;  // The agent may be empty.
  bool operator==(const InverseOffer&) const = default;
};
struct InverseOffersArrived {
  std::vector<InverseOffer> offers;
};
struct InverseOfferRescinded {
  std::string inverse_offer_id;
};
// An operator wants the agent empty, or does so no longer. An agent we do not know: nothing happens.
struct DrainRequested {
  std::string agent_id;
};
struct DrainCancelled {
  std::string agent_id;
};

// An operator wants what runs packed or spread anew; while one is under way nothing comes of it. Or wants the rest of
// it no more.
struct RebalanceRequested {
  RebalanceOrder order;
};
struct RebalanceCancelled {};

// Mesos's TaskState by name.
enum class TaskState {
  staging,
  starting,
  running,
  killing,  // Live.
  finished,
  failed,
  killed,
  error,
  dropped,
  gone,
  gone_by_operator,
  lost,  // Ended.
  unreachable,
  unknown,  // May come back.
};
std::string_view to_string(TaskState state);
bool is_live(TaskState state);
bool is_terminal(TaskState state);

// The reasons that change what we do; the rest is `other`.
enum class StatusReason { none, invalid_offers, executor_ended, agent_lost, agent_draining, reconciliation, other };

struct Status {
  std::string task_id;
  TaskState state = TaskState::unknown;
  StatusReason reason = StatusReason::none;
  std::string reason_name;  // Mesos's name of it, for people.
  std::string message;
  std::string uuid;                   // 16 raw bytes; empty: made by the master, not to be acknowledged.
  std::string agent_id, executor_id;  // Either may be empty.
  bool from_executor = false;         // The executor itself said it: it is up.
  bool operator==(const Status&) const = default;
};
struct StatusArrived {
  Status status;
};

struct ExecutorEnded {
  std::string agent_id, executor_id;
  int wait_status = -1;  // Raw waitpid value; -1 unknown.
};
struct AgentLost {
  std::string agent_id;
};

// From executors, best effort (schemas/cell.proto).
struct CellSaidHello {
  std::string agent_id, executor_id, cell_id;
  std::string executor_info;  // Opaque, as in CellFactory.
};
struct CellReported {
  std::string agent_id, executor_id;
  bool rep_answers = false;
  bool evacuating = false;
  bool garden_healthy = true;
  std::string zone;
  placement::Amounts total;                     // cpus_milli stays 0: a rep knows none.
  std::optional<placement::Amounts> available;  // What the rep has left; nullopt: not said.
  std::int64_t proxy_mem_mb = 0;
  diego::RootFsProviders rootfs;
  std::set<std::string> placement_tags, optional_placement_tags, volume_drivers;
  std::int64_t starting = 0;         // Containers that are not running yet,
  std::int64_t others_starting = 0;  // and of them those that are no LRP of ours.
  struct Work {
    std::string task_id, domain;
    std::int64_t memory_mb = 0, disk_mb = 0;
    bool with_rep = false;  // The rep has it: `available` is less by it.
    bool operator==(const Work&) const = default;
  };
  std::vector<Work> work;
  bool work_is_cut = false;  // There is more than `work` names.
  bool operator==(const CellReported&) const = default;
};

// What instances use, as their rep measured it. Ordered by task id.
struct CellMeasured {
  std::string agent_id, executor_id;
  struct Usage {
    std::string task_id;
    std::int64_t cpus_milli = 0, memory_bytes = 0, disk_bytes = 0;
    bool operator==(const Usage&) const = default;
  };
  std::vector<Usage> usage;
  std::int64_t dropped = 0;  // Instances that the message had no place for.
  bool operator==(const CellMeasured&) const = default;
};

// The BBS's answers.
struct ReportAnswered {
  std::uint64_t call = 0;
  std::optional<diego::BbsFailure> failure;
};
struct RowsRead {
  std::uint64_t call = 0;
  std::optional<diego::BbsFailure> failure;  // No row at all is none.
  std::vector<diego::LrpRow> lrps;
  std::optional<diego::TaskRow> task;
};

// The agent's answer.
struct SandboxRead {
  std::string agent_id, executor_id;
  std::string file;     // In the sandbox.
  std::string line;     // The one that tells; short, printable UTF-8. Empty: none does.
  std::string failure;  // Why there is no line.
  bool operator==(const SandboxRead&) const = default;
};

using Event = std::variant<AuctionsSubmitted, StopRequested, PolicyChanged, DrainRequested, DrainCancelled,
                           RebalanceRequested, RebalanceCancelled, LeadershipTaken, Subscribed, Disconnected,
                           FrameworkRemoved, OffersArrived, OfferRescinded, ConstraintsRefused, InverseOffersArrived,
                           InverseOfferRescinded, StatusArrived, ExecutorEnded, AgentLost, CellSaidHello, CellReported,
                           CellMeasured, ReportAnswered, RowsRead, SandboxRead>;

}  // namespace core
