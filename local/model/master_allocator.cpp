// Offers: who gets what, filters, rescinds. A simple dominant-resource-fair order: agents by id; for
// each, of the roles and frameworks that want offers, first the role with the smallest dominant share
// of the cluster (used and offered), in it the framework with the smallest, then the smaller id. The
// first one that no filter stops gets all that is free there.
#include <algorithm>

#include "base/text.hpp"
#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {
namespace {

constexpr std::int64_t kCpusMin = 10;  // --min_allocatable_resources=cpus:0.01|mem:32, in thousandths.
constexpr std::int64_t kMemMin = 32'000;
constexpr double kRefuseDefault = 5.0;
constexpr double kRefuseMax = 365.0 * 24 * 3600;

struct Claimant {
  Framework* framework;
  const std::string* role;
};

// Most agents have nothing spare; that must cost nothing.
bool worth_offering(const Agent& agent) {
  const auto spare = [&](const char* name) {
    return agent.total.milli(name) - agent.used.milli(name) - agent.offered.milli(name);
  };
  return spare("cpus") >= kCpusMin || spare("mem") >= kMemMin;
}

double dominant_share(const Resources& held, const Resources& cluster) {
  double share = 0;
  for (const char* name : {"cpus", "mem", "disk"}) {
    const std::int64_t total = cluster.milli(name);
    if (total > 0) share = std::max(share, static_cast<double>(held.milli(name)) / static_cast<double>(total));
  }
  return share;
}

}  // namespace

void MasterState::allocate() {
  allocate_at_once_ = false;
  ++allocations_;
  std::vector<Claimant> claimants;
  std::map<std::string, Resources> held_by_role;
  Resources cluster;  // Only to share it out: one claimant gets all there is.
  for (auto& [id, framework] : frameworks_) {
    for (const auto& [role, held] : framework.held) held_by_role[role] += held;
    if (!framework.connected()) continue;
    for (const std::string& role : framework.roles) {
      if (!framework.suppressed.contains(role)) claimants.push_back({&framework, &role});
    }
  }
  if (claimants.empty()) return;

  if (claimants.size() > 1) {
    for (const auto& [id, agent] : agents_) cluster += agent.total;
  }

  std::map<FrameworkId, mesos::v1::scheduler::Event> events;
  for (auto& [agent_id, agent] : agents_) {
    if (!agent.connected || !worth_offering(agent)) continue;
    const Resources free = agent.total - agent.used - agent.offered;
    const auto shares = [&](const Claimant& claimant) {
      return std::tuple{dominant_share(held_by_role[*claimant.role], cluster), *claimant.role,
                        dominant_share(claimant.framework->held[*claimant.role], cluster), claimant.framework->id};
    };
    if (claimants.size() > 1) {
      std::sort(claimants.begin(), claimants.end(),
                [&](const Claimant& a, const Claimant& b) { return shares(a) < shares(b); });
    }
    Resources left = free;
    for (const Claimant& claimant : claimants) {
      const Resources offered = left.offerable_to(*claimant.role);
      if (offered.milli("cpus") < kCpusMin && offered.milli("mem") < kMemMin) continue;
      if (filtered(*claimant.framework, *claimant.role, agent, offered) ||
          claimant.framework->offer_filter->excludes(*claimant.role, *agent.info))
        continue;
      const OfferId offer_id = id_ + "-O" + std::to_string(next_offer_++);
      const OutstandingOffer& offer = offers_[offer_id] = {claimant.framework->id, agent_id, *claimant.role, offered};
      agent.offered += offered;
      hold(*claimant.framework, *claimant.role, offered);
      held_by_role[*claimant.role] += offered;
      left -= offered;
      *events[claimant.framework->id].mutable_offers()->add_offers() = make_offer(offer_id, offer);
      if (left.milli("cpus") < kCpusMin && left.milli("mem") < kMemMin) break;
    }
  }
  for (auto& [framework_id, event] : events) {
    event.set_type(mesos::v1::scheduler::Event::OFFERS);
    send(frameworks_.at(framework_id), event);
  }
}

bool MasterState::filtered(const Framework& framework, const std::string& role, const Agent& agent,
                           const Resources& resources) const {
  const auto found = framework.filters.find({role, agent.id});
  if (found == framework.filters.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const RefuseFilter& filter) {
    return filter.expires > now_ && filter.refused.contains(resources);
  });
}

mesos::v1::Offer MasterState::make_offer(const OfferId& id, const OutstandingOffer& offer) const {
  const Framework& framework = frameworks_.at(offer.framework_id);
  const Agent& agent = agents_.at(offer.agent_id);
  const bool multi_role = framework.has_capability(mesos::v1::FrameworkInfo::Capability::MULTI_ROLE);
  mesos::v1::Offer out;
  out.mutable_id()->set_value(id);
  out.mutable_framework_id()->set_value(framework.id);
  out.mutable_agent_id()->set_value(agent.id);
  out.set_hostname(agent.info->hostname());
  offer.resources.write(*out.mutable_resources(), multi_role ? offer.role : "",
                        !framework.has_capability(mesos::v1::FrameworkInfo::Capability::RESERVATION_REFINEMENT));
  for (const auto& [key, executor] : agent.executors) {
    if (key.first == framework.id) out.add_executor_ids()->set_value(key.second);
  }
  *out.mutable_attributes() = agent.info->attributes();
  // "slave(1)@127.0.0.1:5051"
  const std::size_t at = agent.pid.find('@');
  const std::size_t colon = agent.pid.rfind(':');
  out.mutable_url()->set_scheme("http");
  out.mutable_url()->mutable_address()->set_hostname(agent.info->hostname());
  if (at != std::string::npos && colon != std::string::npos && colon > at) {
    out.mutable_url()->mutable_address()->set_ip(agent.pid.substr(at + 1, colon - at - 1));
    out.mutable_url()->set_path("/" + agent.pid.substr(0, at));
  }
  out.mutable_url()->mutable_address()->set_port(agent.info->port());
  if (multi_role) out.mutable_allocation_info()->set_role(offer.role);
  if (agent.info->has_domain()) *out.mutable_domain() = agent.info->domain();
  return out;
}

void MasterState::hold(Framework& framework, const std::string& role, const Resources& resources) {
  framework.held[role] += resources;
}

void MasterState::release(Framework& framework, const std::string& role, const Resources& resources) {
  framework.held[role] -= resources;
}

void MasterState::take_back(const OfferId& id, const mesos::v1::Filters* filters) {
  const auto found = offers_.find(id);
  if (found == offers_.end()) return;
  const OutstandingOffer offer = found->second;
  offers_.erase(found);
  agents_.at(offer.agent_id).offered -= offer.resources;
  if (const auto framework = frameworks_.find(offer.framework_id); framework != frameworks_.end()) {
    release(framework->second, offer.role, offer.resources);
  }
  if (filters != nullptr) add_filter(offer.agent_id, offer.framework_id, offer.role, offer.resources, filters);
}

void MasterState::take_back_all(const Framework& framework) {
  std::vector<OfferId> ids;
  for (const auto& [id, offer] : offers_) {
    if (offer.framework_id == framework.id) ids.push_back(id);
  }
  for (const OfferId& id : ids) take_back(id, nullptr);
}

void MasterState::add_filter(const AgentId& agent, const FrameworkId& framework_id, const std::string& role,
                             const Resources& refused, const mesos::v1::Filters* filters) {
  double seconds =
      filters != nullptr ? filters->refuse_seconds() : kRefuseDefault;  // The field's own default is the same.
  if (!(seconds >= 0)) seconds = kRefuseDefault;
  if (seconds == 0 || refused.empty()) return;
  const auto found = frameworks_.find(framework_id);
  if (found == frameworks_.end()) return;
  const base::Duration refuse_for =
      std::max(base::from_seconds(std::min(seconds, kRefuseMax)), config_.allocation_interval);
  std::vector<RefuseFilter>& held = found->second.filters[{role, agent}];
  std::erase_if(held, [this](const RefuseFilter& filter) { return filter.expires <= now_; });
  held.push_back({refused, now_ + refuse_for});
}

void MasterState::rescind(const OfferId& id) {
  const auto found = offers_.find(id);
  if (found == offers_.end()) return;
  const FrameworkId framework_id = found->second.framework_id;
  take_back(id, nullptr);
  const auto framework = frameworks_.find(framework_id);
  if (framework == frameworks_.end()) return;
  mesos::v1::scheduler::Event event;
  event.set_type(mesos::v1::scheduler::Event::RESCIND);
  event.mutable_rescind()->mutable_offer_id()->set_value(id);
  send(framework->second, event);
}

}  // namespace local
