// Balance over zones, where it can be told from outside: in worlds without faults, of what was in hand
// and is not used.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "local/model/resources.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using MesosCall = mesos::v1::scheduler::Call;
using MesosEvent = mesos::v1::scheduler::Event;

class ZoneRules final : public Checker {
 public:
  explicit ZoneRules(World& world)
      : world_(world),
        applies_(!world.options().faults && world.settings().schedulers == 1 && !limits_cells(world.settings())) {}

  void after_step() override {
    if (!applies_) return;
    events_.read(world_.events(), [this](const EventSeen& seen) { hear(*seen.event); });
    std::vector<const CallSent*> accepts;
    std::set<std::string> declined;
    calls_.read(world_.calls_sent(), [&](const CallSent& sent) {
      for (const auto& id : sent.call->accept().offer_ids()) held_.erase(id.value());
      for (const auto& id : sent.call->decline().offer_ids()) declined.insert(id.value());
      if (!launches_of(*sent.call).empty()) accepts.push_back(&sent);
    });
    if (!accepts.empty()) check(accepts);
    for (const std::string& id : declined) held_.erase(id);
  }
  std::optional<std::string> unsettled() override { return std::nullopt; }
  void at_end() override {}

 private:
  // Then a zone with room may not have another cell yet.
  static bool limits_cells(const Settings& settings) {
    const auto& flags = settings.scheduler_flags;
    return std::find(flags.begin(), flags.end(), "--cells-starting-max") != flags.end();
  }

  struct Held {
    std::string agent;
    local::Resources resources;
  };

  void hear(const MesosEvent& event) {
    if (event.type() == MesosEvent::SUBSCRIBED) held_.clear();
    held_.erase(event.rescind().offer_id().value());
    for (const mesos::v1::Offer& offer : event.offers().offers())
      held_[offer.id().value()] = {offer.agent_id().value(), local::Resources::of(offer.resources())};
  }

  bool is_tagged(const std::string& agent_id) const {
    for (const auto& agent : world_.agents()) {
      if (agent->agent_id() == agent_id) return agent->tagged();
    }
    return false;
  }

  std::string zone_of(const std::string& agent_id) const {
    for (const auto& agent : world_.agents()) {
      if (agent->agent_id() == agent_id) return agent->zone();
    }
    return "";
  }

  void check(const std::vector<const CallSent*>& accepts) {
    // How each process stands with all that was just launched.
    std::map<std::string, std::map<std::string, int>> counts;  // By process and zone.
    for (const auto& [id, saved] : world_.schedulers().front()->store().contents().rows) {
      const core::State state = saved.row.state;
      if (saved.row.kind != core::Kind::lrp || state == core::State::queued || core::is_ended(state)) continue;
      ++counts[saved.guid][zone_of(saved.agent_id)];
    }
    for (const CallSent* sent : accepts) {
      for (const mesos::v1::TaskInfo* task : launches_of(*sent->call)) {
        const auto parsed = attempt_of(task->task_id().value());
        if (!parsed || parsed->key.kind != core::Kind::lrp) continue;
        const SavedRow* const row = row_of(world_.schedulers().front()->store(), parsed->key);
        if (row == nullptr || row->row.attempts > 1) continue;  // It avoids where it failed before.
        auto& zones = counts[parsed->key.guid];
        const std::string zone = zone_of(task->agent_id().value());
        local::Resources need = local::Resources::of(task->resources());
        need += local::Resources::of(task->executor().resources());
        for (const auto& [id, held] : held_) {
          const std::string other = zone_of(held.agent);
          // The last that came to `zone` found one more there than now, less itself.
          if (other == zone || zones[other] >= zones[zone] - 1 || !held.resources.contains(need)) continue;
          if (!takes_work(held.agent) || is_tagged(held.agent) != is_tagged(task->agent_id().value())) continue;
          world_.violation(
              fmt::format("{} goes to zone {} with {} of its process, though zone {} with {} has room on {}",
                          task->task_id().value(), zone, zones[zone] - 1, other, zones[other], held.agent));
          return;
        }
      }
    }
  }

  bool takes_work(const std::string& agent_id) const {
    for (const core::CellView& cell : world_.schedulers().front()->engine()->core().cells()) {
      if (cell.agent_id != agent_id) continue;
      return cell.state != core::CellState::stopping && cell.draining.empty() && !cell.quarantined_until;
    }
    return true;
  }

  World& world_;
  const bool applies_;
  Reader events_, calls_;
  std::map<std::string, Held> held_;
};

}  // namespace

std::unique_ptr<Checker> zone_rules(World& world) { return std::make_unique<ZoneRules>(world); }

}  // namespace simulation
