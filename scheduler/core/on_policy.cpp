// The policy changes while all goes on.
#include <algorithm>

#include "scheduler/core/core.hpp"

namespace core {

void Core::on(const PolicyChanged& event, base::Time now) {
  if (event.policy == static_cast<const Policy&>(config_)) return;
  if (!policy_before_) policy_before_ = config_;
  apply(event.policy, now);
  const std::string changes = policy_changes_json(config_, usual_);
  note("the policy is changed, other than the flags=" + changes);
  tell(ChangeKind::policy_changed, changes);
}

void Core::apply(const Policy& policy, base::Time now) {
  const bool other_strategy = policy.strategy != config_.strategy || policy.weights != config_.weights;
  const bool other_limits = policy.limits != config_.limits;
  const bool other_timeout = policy.placement_timeout != config_.placement_timeout && now != base::Time{};
  static_cast<Policy&>(config_) = policy;
  if (other_strategy) {
    auto strategy = placement::make_strategy(policy.strategy, policy.weights);
    // One that is not ours is the one in use, which no weights concern.
    replace_cluster(strategy ? *std::move(strategy) : cluster_.take_strategy());
  } else if (other_limits) {
    replace_cluster(cluster_.take_strategy());
  }
  if (other_timeout) {  // What waits is given as long from now on.
    placement_timeouts_ = {};
    const auto arm = [&](Item& item) {
      if (item.state == State::queued) placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(item));
    };
    items_.walk(arm);
    for (const auto& [key, twin] : twins_) {
      if (config_.with_bbs) arm(*twin->item);
    }
  }
  lacks_ = {};
  for (const AgentPtr& agent : agents_in_order()) {
    count_cell(*agent);
    if (agent->cell || agent->leaving) cell_timers_.emplace(now, agent->id);
  }
  queue_.room_may_have_grown();
  try_again();
}

// Who is where is in our books; what was only planned is decided anew.
void Core::replace_cluster(std::unique_ptr<placement::Strategy> strategy) {
  const std::vector<AgentPtr> agents = agents_in_order();
  for (const AgentPtr& agent : agents) {
    unplan_all(*agent);
    end_promises(*agent);
  }
  cluster_ = placement::Cluster(std::move(strategy), config_.limits);
  for (const AgentPtr& agent : agents) {
    if (!std::exchange(agent->known_to_placement, false)) continue;
    refresh(*agent);
    if (!agent->cell) continue;
    for (const Item* item : agent->cell->live.sorted())
      cluster_.occupy(agent->id, {item->kind() == Kind::lrp, item->process->guid, item->counts_as_starting});
  }
}

std::vector<Core::AgentPtr> Core::agents_in_order() const {
  std::vector<AgentPtr> agents;
  agents.reserve(agents_.size());
  for (const auto& [id, agent] : agents_) agents.push_back(agent);
  std::sort(agents.begin(), agents.end(), [](const AgentPtr& a, const AgentPtr& b) { return a->id < b->id; });
  return agents;
}

base::Status Core::restore_policy(std::string_view changes) {
  const auto policy = merged(usual_, usual_, changes);
  if (!policy) return policy.error();
  apply(*policy, base::Time{});
  return base::ok();
}

}  // namespace core
