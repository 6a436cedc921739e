// What the core wants done, in the order in which it must happen, once what changed is durable
// (journal.hpp). Orders; the engine carries them out and reports failures as events, it never retries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/offer.hpp"
#include "scheduler/core/work.hpp"

namespace core {

struct Launch {
  std::string task_id;
  Key key;
  std::string domain, trace_id;
  std::string element;  // JSON, as the rep's POST /work takes it.
  std::vector<Piece> pieces;
  bool operator==(const Launch&) const = default;
};
// Uses all these offers, of one agent; what the launches leave goes back without a filter.
struct Accept {
  std::string agent_id;
  std::vector<std::string> offer_ids;
  std::string executor_info;
  std::vector<Launch> launches;
  bool operator==(const Accept&) const = default;
};
struct Decline {
  std::vector<std::string> offer_ids;
  base::Duration refuse_for{};
  bool operator==(const Decline&) const = default;
};
// The agents are empty of us.
struct AcceptInverseOffers {
  std::vector<std::string> inverse_offer_ids;
  bool operator==(const AcceptInverseOffers&) const = default;
};
struct DeclineInverseOffers {
  std::vector<std::string> inverse_offer_ids;
  bool operator==(const DeclineInverseOffers&) const = default;
};
struct Revive {
  bool operator==(const Revive&) const = default;
};
struct Suppress {
  bool operator==(const Suppress&) const = default;
};
// What an agent must have in an attribute: one of the words in its comma list.
struct AttributeNeed {
  std::string attribute;
  std::vector<std::string> words;  // Never empty.
  bool operator==(const AttributeNeed&) const = default;
};
using AttributeGroup = std::vector<AttributeNeed>;  // All of them.
// Offers only of agents that have one of the groups; of all if there is none. Only to a master that said it can, and
// not while suppressed.
struct ConstrainOffers {
  std::vector<AttributeGroup> any_of;
  bool operator==(const ConstrainOffers&) const = default;
};
struct Acknowledge {
  std::string agent_id, task_id, uuid;
  bool operator==(const Acknowledge&) const = default;
};
struct Kill {
  std::string agent_id, task_id;  // The agent may be unknown (empty).
  bool operator==(const Kill&) const = default;
};
struct Reconcile {
  struct Task {
    std::string task_id, agent_id;
    bool operator==(const Task&) const = default;
  };
  std::vector<Task> tasks;  // Empty: implicit, every task the master knows.
  bool operator==(const Reconcile&) const = default;
};
struct ShutdownExecutor {
  std::string agent_id, executor_id;
  bool operator==(const ShutdownExecutor&) const = default;
};
// Ask the executor for its hello and state.
struct RequestReport {
  std::string agent_id, executor_id;
  bool operator==(const RequestReport&) const = default;
};
// Ask the executor to have its cell evacuated: its LRPs move by the BBS's hand. Best effort: repeated until its
// report says so.
struct Evacuate {
  std::string agent_id, executor_id;
  bool operator==(const Evacuate&) const = default;
};
// To the BBS, and not to Mesos. Each has one answer (events.hpp), which names the call.
// Work that found no place: Diego's FailActualLRP or RejectTask.
struct Report {
  std::uint64_t call = 0;
  Key key;
  std::string domain, text, trace_id;
  std::int32_t rejections = -1;  // Of a Task: those the BBS had counted before; -1: not known.
  bool doubtful = false;         // It may have been taken before: whether a Task's was, its row tells.
  bool operator==(const Report&) const = default;
};
// What the rows say: all of a process, or the one of a Task.
struct ReadRows {
  std::uint64_t call = 0;
  Kind kind = Kind::lrp;
  std::string guid;
  bool operator==(const ReadRows&) const = default;
};
// To the agent, and not to the master: what its sandbox tells of a cell that failed. One answer (events.hpp).
struct ReadSandbox {
  std::string agent_id;
  std::string agent_url;  // As in Offer.
  std::string framework_id, executor_id;
  bool cell_first = false;  // The executor was up and its cell failed: what that wrote tells more than its own stderr.
  bool operator==(const ReadSandbox&) const = default;
};
// An instance that has found no place for so long that somebody should know.
struct Refusal {
  Key key;
  std::string reason, trace_id;
  bool operator==(const Refusal&) const = default;
};
// For the log: something changed (info) or is odd but handled (warning).
struct Note {
  bool warning = false;
  std::string text;
  std::optional<Refusal> refusal = {};  // What the text says, if it says that.
  bool operator==(const Note&) const = default;
};

using Action = std::variant<Accept, Decline, AcceptInverseOffers, DeclineInverseOffers, Revive, Suppress,
                            ConstrainOffers, Acknowledge, Kill, Reconcile, ShutdownExecutor, RequestReport, Evacuate,
                            Report, ReadRows, ReadSandbox, Note>;
using Actions = std::vector<Action>;

}  // namespace core
