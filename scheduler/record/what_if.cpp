#include "scheduler/record/what_if.hpp"

#include <algorithm>

#include "scheduler/core/ids.hpp"

namespace record {
namespace {

// Between two passes that want to be at once; and how many there may be before the next input.
constexpr base::Duration kPass = std::chrono::milliseconds(1);
constexpr int kPassesMax = 10'000;

core::Config config_of(const Beginning& beginning) {
  core::Config config = beginning.config;
  config.fence_max = {};  // It asks the master by a name of its own, which nobody here can answer.
  config.tells_changes = false;
  return config;
}

std::int64_t& amount_of(placement::Amounts& amounts, core::Dimension dimension) {
  switch (dimension) {
    case core::Dimension::cpus:
      return amounts.cpus_milli;
    case core::Dimension::mem:
      return amounts.mem_mb;
    case core::Dimension::disk:
      break;
  }
  return amounts.disk_mb;
}

}  // namespace

WhatIf::WhatIf(const Beginning& beginning, std::unique_ptr<placement::Strategy> strategy, Asked asked)
    : config_(config_of(beginning)),
      asked_(std::move(asked)),
      cells_(beginning.fingerprint),
      core_(config_, cells_, std::move(strategy), base::Random(beginning.seed)) {}

void WhatIf::start_from(const Snapshot& snapshot, base::Time at) {
  at_ = settled_at_ = at;
  for (const core::InstanceRow& row : snapshot.rows) {
    then_.restored(row, config_.cell_own);
    now_.restored(row, config_.cell_own);
  }
  Snapshot as_asked = snapshot;
  as_asked.policy.clear();
  restore_policy(snapshot.policy);
  restore(core_, as_asked, at);
}

void WhatIf::play(const Frame& frame) {
  if (frame.at > at_ && at_ != base::Time{}) catch_up(frame.at);
  at_ = std::max(at_, frame.at);
  std::visit([this](const auto& input) { on(input); }, frame.input);
  decided_then(frame);
}

void WhatIf::decided_then(const Frame& frame) {
  for (const Opened& cell : frame.opened) then_.opened(cell);
  for (const core::Action& action : frame.answer.told) {
    if (const auto* accept = std::get_if<core::Accept>(&action)) {
      then_.accepted(*accept, frame.at);
      for (const core::Launch& launch : accept->launches) launched_then_[launch.task_id] = frame.at;
    } else if (const auto* decline = std::get_if<core::Decline>(&action)) {
      then_.declined(*decline);
    } else if (const auto* kill = std::get_if<core::Kill>(&action)) {
      killed_then_.insert(kill->task_id);
    } else if (const auto* shut = std::get_if<core::ShutdownExecutor>(&action)) {
      shut_then_.insert(shut->executor_id);
    } else if (const auto* question = std::get_if<core::ReadRows>(&action)) {
      asked_then_[question->call] = {question->kind, question->guid};
    }
  }
}

// ---- The core of now

void WhatIf::tell(const core::Event& event) {
  const auto* arrived = std::get_if<core::StatusArrived>(&event);
  if (arrived != nullptr && core::is_terminal(arrived->status.state)) now_.ended(arrived->status.task_id, at_);
  take(core_.handle(event, at_));
}

void WhatIf::take(const core::Actions& actions) {
  for (const Opened& cell : cells_.take_opened()) now_.opened(cell);
  for (const core::Action& action : actions) std::visit([this](const auto& one) { did(one); }, action);
}

void WhatIf::settle(bool may_launch) {
  settled_at_ = at_;
  take(core_.settle(at_, may_launch));
}

// What is due before the next input: what this core has caused, and what it wants to look at itself.
void WhatIf::catch_up(base::Time until) {
  for (int pass = 0; pass < kPassesMax; ++pass) {
    std::optional<base::Time> next;
    if (const auto wants = core_.next_deadline()) next = std::max(*wants, settled_at_ + kPass);
    if (!due_.empty() && (!next || due_.begin()->first < *next)) next = due_.begin()->first;
    if (!next || *next >= until) return;
    at_ = std::max(at_, *next);
    while (!due_.empty() && due_.begin()->first <= at_) tell(due_.extract(due_.begin()).mapped());
    settle(true);
  }
}

void WhatIf::did(const core::Accept& action) {
  now_.accepted(action, at_);
  for (const core::Launch& launch : action.launches) {
    const auto task = core::parse_task_id(launch.task_id);
    if (!task) {  // It boots a cell, which is up at once.
      later(at_, core::StatusArrived{{launch.task_id, core::TaskState::finished, core::StatusReason::none, "", "", "",
                                      action.agent_id, now_.executor_on(action.agent_id), true}});
      continue;
    }
    const auto held = held_.find(task->key);
    if (held == held_.end()) continue;
    const Held all = std::move(held->second);
    held_.erase(held);
    bound_[all.task] = launch.task_id;
    taken_.insert(launch.task_id);
    for (const Said& said : all.said) pass_on(said.status, said.at, launch.task_id);
  }
}

void WhatIf::did(const core::Kill& action) {
  const Attempt* attempt = now_.find(action.task_id);
  if (attempt == nullptr) return;
  later(at_, core::StatusArrived{{action.task_id, core::TaskState::killed, core::StatusReason::none, "", "", "",
                                  attempt->agent_id, now_.executor_on(attempt->agent_id), false}});
  now_.ended(action.task_id, at_);
}

void WhatIf::did(const core::ShutdownExecutor& action) {
  later(at_, core::ExecutorEnded{action.agent_id, action.executor_id, 0});
  now_.executor_ended(action.agent_id, action.executor_id);
}

// Of what only this run has launched, nobody else will say anything.
void WhatIf::did(const core::Reconcile& action) {
  for (const auto& task : action.tasks) {
    const Attempt* attempt = now_.find(task.task_id);
    if (attempt == nullptr || then_.find(task.task_id) != nullptr) continue;
    later(at_, core::StatusArrived{{task.task_id, core::TaskState::running, core::StatusReason::reconciliation, "", "",
                                    "", attempt->agent_id, now_.executor_on(attempt->agent_id), false}});
  }
}

void WhatIf::did(const core::Report& action) { later(at_, core::ReportAnswered{action.call, {}}); }

// What has no place yet is wanted, unless the BBS said otherwise since it was auctioned.
void WhatIf::did(const core::ReadRows& action) {
  const Name name{action.kind, action.guid};
  const auto known = rows_.find(name);
  const auto auctioned = auctioned_.find(name);
  const bool told = known != rows_.end() && (auctioned == auctioned_.end() || known->second.at > auctioned->second);
  core::RowsRead answer;
  answer.call = action.call;
  for (const core::Key& key : core_.matching({action.kind, action.guid, {}})) {
    if (told && !known->second.indices.contains(key.index)) continue;
    if (key.kind == core::Kind::task) {
      answer.task.emplace().task_guid = key.guid;
      answer.task->state = diego::TaskRow::State::pending;
    } else {
      diego::LrpRow& row = answer.lrps.emplace_back();
      row.process_guid = key.guid;
      row.index = key.index;
      row.state = diego::LrpRow::State::unclaimed;
    }
  }
  later(at_, std::move(answer));
}

// Why a cell failed makes a text alone, and its sandbox is not here to read.
void WhatIf::did(const core::ReadSandbox& action) {
  later(at_, core::SandboxRead{action.agent_id, action.executor_id, "", "", "it is not recorded"});
}

// ---- What was heard then

template <class Event>
void WhatIf::on(const Event& event) {
  take(apply(core_, Input(event), at_));
}

void WhatIf::on(const core::AuctionsSubmitted& event) {
  for (const core::Auction& auction : event.auctions) {
    then_.submitted(auction.key, at_);
    now_.submitted(auction.key, at_);
    auctioned_[{auction.key.kind, auction.key.guid}] = at_;
  }
  tell(event);
}

core::Policy WhatIf::as_asked(core::Policy policy) const {
  if (asked_) asked_(policy);
  return policy;
}

void WhatIf::on(const core::PolicyChanged& event) {
  ++policy_changes_;
  tell(core::PolicyChanged{as_asked(event.policy)});
}

// What an operator had changed before.
void WhatIf::restore_policy(std::string_view changes) {
  if (changes.empty()) return;
  const auto policy = core::merged(config_, config_, changes);
  if (!policy) return;  // Then neither.
  ++policy_changes_;
  (void)core_.restore_policy(core::policy_changes_json(as_asked(*policy), config_));
}

void WhatIf::on(const core::Subscribed& event) {
  then_.void_offers();
  now_.void_offers();
  tell(event);
}

void WhatIf::on(const core::Disconnected& event) {
  then_.void_offers();
  now_.void_offers();
  tell(event);
}

// What of the agent is left now, less what of it is on offer already. Of which reservation it is, nobody knows:
// more is added to a piece that was there, less is taken from all of them.
core::Offer WhatIf::offer_now(const core::Offer& offer) const {
  core::Offer changed = offer;
  placement::Amounts more = then_.offered_on(offer.agent_id) + then_.used_on(offer.agent_id) -
                            now_.used_on(offer.agent_id) - now_.offered_on(offer.agent_id) - core::sum(offer.pieces);
  for (core::Piece& piece : changed.pieces) {
    std::int64_t& rest = amount_of(more, piece.dimension);
    const std::int64_t step = std::max(rest, -piece.amount);
    piece.amount += step;
    rest -= step;
  }
  std::erase_if(changed.pieces, [](const core::Piece& piece) { return piece.amount <= 0; });
  // Where nothing was left of something, there was no piece of it.
  for (const auto dimension : {core::Dimension::cpus, core::Dimension::mem, core::Dimension::disk}) {
    if (const std::int64_t rest = amount_of(more, dimension); rest > 0)
      changed.pieces.push_back({dimension, rest, "", false});
  }
  std::erase_if(changed.executor_ids, [this](const std::string& id) { return then_.has_opened(id); });
  const std::string here = now_.executor_on(offer.agent_id);
  if (!here.empty() &&
      std::find(changed.executor_ids.begin(), changed.executor_ids.end(), here) == changed.executor_ids.end())
    changed.executor_ids.push_back(here);
  return changed;
}

void WhatIf::on(const core::OffersArrived& event) {
  core::OffersArrived changed;
  for (const core::Offer& offer : event.offers) {
    then_.offered(offer);
    // What was answered then, and is in hand now, is in this offer, too.
    const auto still = then_.offers_of(offer.agent_id);
    for (const std::string& id : now_.offers_of(offer.agent_id)) {
      if (still.contains(id)) continue;
      now_.rescinded(id);
      tell(core::OfferRescinded{id});
    }
    core::Offer made = offer_now(offer);
    now_.offered(made);
    changed.offers.push_back(std::move(made));
  }
  tell(changed);
}

void WhatIf::on(const core::OfferRescinded& event) {
  then_.rescinded(event.offer_id);
  now_.rescinded(event.offer_id);
  tell(event);
}

// The attempt of now that shares the fate of that one.
std::optional<std::string> WhatIf::attempt_now(const core::Key& key, const std::string& task_then) {
  if (const auto bound = bound_.find(task_then); bound != bound_.end()) return bound->second;
  if (now_.find(task_then) != nullptr) return task_then;  // From before the recording: it is the same in both.
  const auto mine = now_.current(key);
  if (!mine || taken_.contains(*mine) || then_.find(*mine) != nullptr) return std::nullopt;
  bound_[task_then] = *mine;
  taken_.insert(*mine);
  return mine;
}

// As long after its launch as it was said then, and not before.
void WhatIf::pass_on(core::Status status, base::Time said, const std::string& task_now) {
  const Attempt* attempt = now_.find(task_now);
  if (attempt == nullptr) return;  // It has ended here.
  base::Time when = std::max(at_, said);
  if (const auto launched = launched_then_.find(status.task_id); launched != launched_then_.end())
    when = std::max(when, attempt->launched + (said - launched->second));
  if (task_now != status.task_id) {
    status.task_id = task_now;
    status.agent_id = attempt->agent_id;
    status.executor_id = now_.executor_on(attempt->agent_id);
  }
  later(when, core::StatusArrived{std::move(status)});
}

void WhatIf::on(const core::StatusArrived& event) {
  const core::Status& status = event.status;
  const auto task = core::parse_task_id(status.task_id);
  const bool own_kill = status.state == core::TaskState::killed && killed_then_.contains(status.task_id);
  const bool was_there = then_.find(status.task_id) != nullptr;
  if (core::is_terminal(status.state)) then_.ended(status.task_id, at_);
  if (!task || own_kill) return;  // A cell's boot, or what the core of now does for itself.
  if (!was_there && !launched_then_.contains(status.task_id) && core::is_live(status.state)) {  // Neither's: adopted.
    then_.adopted(status.task_id, {task->key, status.agent_id, {}, at_});
    if (now_.current(task->key)) return;
    now_.adopted(status.task_id, {task->key, status.agent_id, {}, at_});
  }
  if (const auto mine = attempt_now(task->key, status.task_id)) return pass_on(status, at_, *mine);
  if (!launched_then_.contains(status.task_id)) return tell(event);
  Held& held = held_[task->key];
  if (held.task != status.task_id) held = {status.task_id, {}};
  held.said.push_back({at_, status});
}

// Of the cell that stands in its place; "" if none does.
std::string WhatIf::executor_now(const std::string& agent_id, const std::string& executor_then) const {
  return then_.has_opened(executor_then) ? now_.executor_on(agent_id) : executor_then;
}

void WhatIf::on(const core::ExecutorEnded& event) {
  then_.executor_ended(event.agent_id, event.executor_id);
  const std::string executor = executor_now(event.agent_id, event.executor_id);
  const bool own = shut_then_.contains(event.executor_id);  // Of now it is the core's own to say.
  if (own || executor.empty() || now_.instances_on(event.agent_id).containers > 0) return;
  now_.executor_ended(event.agent_id, executor);
  tell(core::ExecutorEnded{event.agent_id, executor, event.wait_status});
}

void WhatIf::on(const core::CellSaidHello& event) {
  core::CellSaidHello changed = event;
  changed.executor_id = executor_now(event.agent_id, event.executor_id);
  if (!changed.executor_id.empty()) tell(changed);
}

// What a rep has and has left is what it would have now.
void WhatIf::on(const core::CellReported& event) {
  core::CellReported changed = event;
  changed.executor_id = executor_now(event.agent_id, event.executor_id);
  if (changed.executor_id.empty()) return;
  if (changed.available) {
    const std::int64_t cpus = changed.available->cpus_milli;
    *changed.available += then_.instances_on(event.agent_id) - now_.instances_on(event.agent_id);
    changed.available->cpus_milli = cpus;
  }
  std::erase_if(changed.work, [this](const auto& work) { return now_.find(work.task_id) == nullptr; });
  for (const auto& [task, attempt] : now_.on_agent(event.agent_id)) {
    const bool there = std::any_of(changed.work.begin(), changed.work.end(),
                                   [&id = task](const auto& work) { return work.task_id == id; });
    if (!there && attempt.amounts.containers > 0)
      changed.work.push_back({task, "", attempt.amounts.mem_mb, attempt.amounts.disk_mb, true});
  }
  changed.starting = changed.others_starting = 0;
  tell(changed);
}

void WhatIf::on(const core::RowsRead& event) {
  const auto asked = asked_then_.find(event.call);
  if (asked == asked_then_.end() || event.failure) return;
  Rows& rows = rows_[asked->second];
  rows = {at_, {}};
  for (const diego::LrpRow& row : event.lrps) rows.indices.insert(row.index);
  if (event.task) rows.indices.insert(0);
}

void WhatIf::on(const core::InstanceRestored& step) {
  then_.restored(step.row, config_.cell_own);
  now_.restored(step.row, config_.cell_own);
  (void)core_.restore(step.row);
}

void WhatIf::on(const core::Settled& step) {
  while (!due_.empty() && due_.begin()->first <= at_) tell(due_.extract(due_.begin()).mapped());
  settle(step.may_launch);
}

}  // namespace record
