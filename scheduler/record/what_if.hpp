// What another policy would have done: a second core hears what the first one heard, and its own consequences as far
// as they can be told. An open loop:
//
// - Auctions, stops and drains come as they came; offers when they came, of the agents of which they came. What an
//   offer holds is what the agent would have had left: what was offered, and what was used then, less what is now.
//   Agents that were full then, or not asked for, are not on offer now.
// - What became of an instance becomes of it wherever it is now: its attempt starts, runs, fails and ends as the
//   attempt of then did, never before it did.
// - Where an operator changed the policy it changes now, too, but for what is asked for in its place.
// - What only this run does is done at once: a kill, a cell that is told to go, a cell that boots. Its questions to
//   the BBS are answered by what it was told then.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/record/books.hpp"
#include "scheduler/record/frame.hpp"
#include "scheduler/record/player.hpp"

namespace record {

class WhatIf {
 public:
  // What is asked for instead stays as it is, whatever else an operator changed then.
  using Asked = std::function<void(core::Policy&)>;

  // `beginning.config` is that of now, as `asked` has it.
  WhatIf(const Beginning& beginning, std::unique_ptr<placement::Strategy> strategy, Asked asked = {});

  // Instead of what was before: where a recording has lost its beginning.
  void start_from(const Snapshot& snapshot, base::Time at);
  // One after the other.
  void play(const Frame& frame);

  const Books& then() const { return then_; }
  const Books& now() const { return now_; }
  const core::Core& core() const { return core_; }
  std::size_t policy_changes() const { return policy_changes_; }

 private:
  // What the input of then means for now; for most events the same.
  template <class Event>
  void on(const Event& event);
  void on(const Beginning&) {}
  void on(const Snapshot&) {}
  void on(const core::AuctionsSubmitted& event);
  void on(const core::PolicyChanged& event);
  void on(const core::Subscribed& event);
  void on(const core::Disconnected& event);
  void on(const core::OffersArrived& event);
  void on(const core::OfferRescinded& event);
  void on(const core::StatusArrived& event);
  void on(const core::ExecutorEnded& event);
  void on(const core::CellSaidHello& event);
  void on(const core::CellReported& event);
  void on(const core::ReportAnswered&) {}  // Of another call than ours.
  void on(const core::RowsRead& event);
  void on(const core::SandboxRead&) {}  // As of another question than ours.
  void on(const core::PolicyRestored& step) { restore_policy(step.changes); }
  void on(const core::InstanceRestored& step);
  void on(const core::Settled& step);

  // What this core wants.
  void did(const core::Accept& action);
  void did(const core::Decline& action) { now_.declined(action); }
  void did(const core::Kill& action);
  void did(const core::ShutdownExecutor& action);
  void did(const core::Reconcile& action);
  void did(const core::Report& action);
  void did(const core::ReadRows& action);
  void did(const core::ReadSandbox& action);
  template <class Action>
  void did(const Action&) {}

  core::Policy as_asked(core::Policy policy) const;
  void restore_policy(std::string_view changes);
  void decided_then(const Frame& frame);
  void tell(const core::Event& event);
  void take(const core::Actions& actions);
  void settle(bool may_launch);
  void catch_up(base::Time until);
  void later(base::Time at, core::Event event) { due_.emplace(at, std::move(event)); }
  core::Offer offer_now(const core::Offer& offer) const;
  std::string executor_now(const std::string& agent_id, const std::string& executor_then) const;
  std::optional<std::string> attempt_now(const core::Key& key, const std::string& task_then);
  void pass_on(core::Status status, base::Time said, const std::string& task_now);

  const core::Config config_;
  const Asked asked_;
  RecordedCells cells_;
  core::Core core_;
  Books then_, now_;
  base::Time at_, settled_at_;
  std::size_t policy_changes_ = 0;

  std::multimap<base::Time, core::Event> due_;
  std::map<std::string, std::string> bound_;  // An attempt of then to the one of now that shares its fate.
  std::set<std::string> taken_;               // Those of now.
  struct Said {
    base::Time at;
    core::Status status;
  };
  struct Held {
    std::string task;
    std::vector<Said> said;
  };
  std::map<core::Key, Held> held_;                   // What was said of it before it has a place now.
  std::map<std::string, base::Time> launched_then_;  // By task.
  std::set<std::string> killed_then_, shut_then_;    // Tasks; executors.

  using Name = std::pair<core::Kind, std::string>;
  std::map<std::uint64_t, Name> asked_then_;  // By call.
  struct Rows {
    base::Time at;
    std::set<std::int32_t> indices;  // A Task's is 0.
  };
  std::map<Name, Rows> rows_;
  std::map<Name, base::Time> auctioned_;
};

}  // namespace record
