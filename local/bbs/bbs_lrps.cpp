// What reps and auctioneers say of instances.
#include <algorithm>

#include "local/bbs/bbs_model.hpp"

namespace local {
namespace {

using State = ActualLrp::State;
using Type = BbsError::Type;

constexpr int kRetireAttempts = 5;

// Whether `lrp` may become CLAIMED, RUNNING or CRASHED for `instance`.
bool allows(const ActualLrp& lrp, State to, const InstanceKey& instance) {
  const bool same = lrp.instance == instance;
  switch (lrp.state) {
    case State::unclaimed:
      return to != State::crashed;
    case State::claimed:
      return to == State::running || same;
    case State::running:
      return same;
    case State::crashed:
      return same && to != State::crashed;
  }
  return false;
}

}  // namespace

std::vector<ActualLrp> BbsModel::actual_lrps(const LrpFilter& filter) const {
  std::vector<ActualLrp> out;
  const bool one_process = !filter.process_guid.empty();
  auto at = one_process ? actual_.lower_bound({filter.process_guid, 0, Presence::ordinary}) : actual_.begin();
  for (; at != actual_.end(); ++at) {
    const ActualLrp& lrp = at->second;
    if (one_process && lrp.key.process_guid != filter.process_guid) break;
    if (!filter.domain.empty() && lrp.key.domain != filter.domain) continue;
    if (!filter.cell_id.empty() && lrp.instance.cell_id != filter.cell_id) continue;
    if (filter.index && lrp.key.index != *filter.index) continue;
    out.push_back(lrp);
  }
  return out;
}

Refusal BbsModel::claim_lrp(const std::string& process_guid, std::int32_t index, const InstanceKey& instance,
                            base::Time now) {
  const ActualLrp* const mine = row_of({process_guid, index, ""}, instance);
  if (mine != nullptr && mine->presence == Presence::suspect) return std::nullopt;  // Its replacement is on its way.
  ActualLrp* const lrp = row(process_guid, index);
  if (lrp == nullptr) return not_found();
  if (!allows(*lrp, State::claimed, instance)) return BbsError{Type::lrp_cannot_be_claimed, "cannot claim actual LRP"};
  if (lrp->state == State::claimed) return std::nullopt;
  touch(*lrp, now);
  lrp->state = State::claimed;
  lrp->instance = instance;
  lrp->placement_error.clear();
  lrp->net_info.clear();
  return std::nullopt;
}

// What a rep says runs, runs: the row is made where there is none. Whoever it replaces is dropped.
Refusal BbsModel::start_lrp(const LrpKey& key, const InstanceKey& instance, const std::string& net_info,
                            base::Time now) {
  const ActualLrp* const mine = row_of(key, instance);
  if (mine != nullptr && mine->presence == Presence::suspect) return std::nullopt;
  const bool created = create_unclaimed(key, now);
  ActualLrp& lrp = *row(key.process_guid, key.index);
  if (lrp.key != key || !allows(lrp, State::running, instance))
    return BbsError{Type::lrp_cannot_be_started, "cannot start actual LRP"};
  if (lrp.state != State::running || lrp.net_info != net_info) {
    if (!created) touch(lrp, now);
    lrp.state = State::running;
    lrp.instance = instance;
    lrp.net_info = net_info;
    lrp.placement_error.clear();
  }
  erase(key, Presence::evacuating);
  erase(key, Presence::suspect);
  return std::nullopt;
}

BbsModel::Crash BbsModel::crash_row(const LrpKey& key, const InstanceKey& instance, const std::string& reason,
                                    base::Time now) {
  ActualLrp* const lrp = row(key.process_guid, key.index);
  if (lrp == nullptr) return {not_found()};
  if (!allows(*lrp, State::crashed, instance))
    return {BbsError{Type::lrp_cannot_be_crashed, "cannot crash actual LRP"}};
  const bool ran_well = lrp->state == State::running && now - lrp->since > config_.crash_reset;
  lrp->crash_count = ran_well ? 1 : lrp->crash_count + 1;
  lrp->crash_reason = truncated(reason);
  touch(*lrp, now);
  lrp->instance = {};
  lrp->net_info.clear();
  const bool restart = restarts(lrp->crash_count, base::Time{}, base::Time{});
  lrp->state = restart ? State::unclaimed : State::crashed;
  return {std::nullopt, restart};
}

Refusal BbsModel::crash_lrp(const LrpKey& key, const InstanceKey& instance, const std::string& reason,
                            const std::string& trace_id, base::Time now) {
  const ActualLrp* const mine = row_of(key, instance);
  if (mine != nullptr && mine->presence == Presence::suspect) {
    erase(key, Presence::suspect);
    return std::nullopt;
  }
  const Crash crash = crash_row(key, instance, reason, now);
  if (crash.refusal) return crash.refusal;
  if (crash.restart && !auction(key.process_guid, key.index, trace_id)) return not_found();
  return std::nullopt;
}

// Two restarts at once, then with a growing pause, at last never again.
bool BbsModel::restarts(std::int32_t crash_count, base::Time crashed, base::Time now) const {
  constexpr std::int32_t kAtOnce = 3, kMost = 200, kDoublings = 5;
  if (crash_count < kAtOnce) return true;
  if (crash_count >= kMost) return false;
  return crashed + config_.crash_backoff * (1 << std::min(crash_count - kAtOnce, kDoublings)) <= now;
}

Refusal BbsModel::fail_lrp(const LrpKey& key, const std::string& placement_error, base::Time now) {
  ActualLrp* const lrp = row(key.process_guid, key.index);
  if (lrp == nullptr) return std::nullopt;  // Gone: nothing is left to be told.
  if (lrp->state != State::unclaimed) return BbsError{Type::lrp_cannot_be_failed, "cannot fail actual LRP"};
  touch(*lrp, now);
  lrp->placement_error = truncated(placement_error);
  return std::nullopt;
}

Refusal BbsModel::remove_lrp(const std::string& process_guid, std::int32_t index,
                             const std::optional<InstanceKey>& instance) {
  const ActualLrp* const lrp = row(process_guid, index);
  if (lrp == nullptr || (instance && lrp->instance != *instance)) return not_found();
  erase(lrp->key, Presence::ordinary);
  return std::nullopt;
}

Refusal BbsModel::retire_lrp(const LrpKey& key, const std::string& trace_id, base::Time now) {
  const ActualLrp* const lrp = row(key.process_guid, key.index);
  if (lrp == nullptr) return not_found();
  const CellPresence* const where = cell(lrp->instance.cell_id, now);
  if (where == nullptr) {  // Unclaimed, crashed, or on a cell that has gone.
    erase(lrp->key, Presence::ordinary);
    return std::nullopt;
  }
  orders_.emplace_back(
      StopLrpAtRep{where->rep_url, key.process_guid, lrp->instance.instance_guid, trace_id, kRetireAttempts});
  return std::nullopt;
}

Refusal BbsModel::unclaim(const std::string& process_guid, std::int32_t index, base::Time now) {
  ActualLrp* const lrp = row(process_guid, index);
  if (lrp == nullptr) return not_found();
  if (lrp->state == State::unclaimed) return BbsError{Type::lrp_cannot_be_unclaimed, "cannot unclaim actual LRP"};
  touch(*lrp, now);
  lrp->state = State::unclaimed;
  lrp->instance = {};
  lrp->net_info.clear();
  return std::nullopt;
}

}  // namespace local
