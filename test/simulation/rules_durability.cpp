// What must be on disk, and who must hold the lock, before something is sent.
#include <fmt/format.h>

#include <set>
#include <tuple>

#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using MesosCall = mesos::v1::scheduler::Call;

class DurabilityRules final : public Checker {
 public:
  explicit DurabilityRules(World& world) : world_(world) {}

  void after_step() override {
    sent_.read(world_.calls_sent(), [this](const CallSent& sent) {
      if (sent.call->type() == MesosCall::TEARDOWN) world_.violation(name_of(sent.scheduler) + " sends TEARDOWN");
      if (sent.call->type() == MesosCall::ACCEPT && !launches_of(*sent.call).empty()) check(sent);
    });
    seen_.read(world_.calls(), [this](const CallSeen& seen) {
      if (seen.call->type() == MesosCall::ACCEPT && seen.status == 202) executed(seen);
    });
  }
  std::optional<std::string> unsettled() override { return std::nullopt; }

  void at_end() override {
    const local::MasterState* const master = world_.master().state();
    if (master == nullptr) return;
    for (const auto& [id, framework] : master->frameworks_) {
      if (framework.connected() && !framework_.empty() && id != framework_)
        world_.violation("framework " + id + " is active beside " + framework_);
      if (id != framework_ && !framework.tasks.empty())
        world_.violation("framework " + id + ", which is not ours any more, has tasks");
    }
  }

 private:
  void check(const CallSent& sent) {
    const SchedulerHost& host = *world_.schedulers()[static_cast<std::size_t>(sent.scheduler)];
    const auto complain = [&](const std::string& what) { world_.violation(name_of(sent.scheduler) + " " + what); };
    const std::string& framework = sent.call->framework_id().value();
    const auto& texts = host.store().contents().texts;
    const auto saved = texts.find(std::string(core::kFrameworkText));
    if (saved == texts.end() || saved->second != framework)
      complain("launches as framework " + framework + ", which is not in its store");
    if (framework_.empty() || std::exchange(teardowns_, world_.master().teardowns()) != world_.master().teardowns())
      framework_ = framework;
    if (framework_ != framework) complain("launches as framework " + framework + ", and before as " + framework_);
    const bool lives = host.up() && host.life() == sent.life;  // Else its lease ended with it, a moment after.
    if (world_.settings().schedulers > 1 && lives && !world_.lock().held(sent.scheduler))
      complain("launches without holding the lock");
    for (const mesos::v1::TaskInfo* task : launches_of(*sent.call)) {
      const auto parsed = attempt_of(task->task_id().value());
      if (!parsed) continue;
      const SavedRow* const row = row_of(host.store(), parsed->key);
      // A move: the store has the attempt that counts. Of its twin a restart hears from Mesos, before it launches.
      if (row != nullptr && sent.moving.contains(parsed->key)) continue;
      if (row == nullptr || row->attempt != parsed->attempt || row->row.state != core::State::launching ||
          row->agent_id != task->agent_id().value() || row->executor_id != task->executor().executor_id().value()) {
        complain(fmt::format("launches {}, of which its store knows {}", task->task_id().value(),
                             row == nullptr
                                 ? "nothing"
                                 : fmt::format("attempt \"{}\" as {}", row->attempt, core::to_string(row->row.state))));
      }
    }
  }

  // One leads after the other: who has once been followed launches no more by the same subscription.
  void executed(const CallSeen& seen) {
    const Lead lead{seen.scheduler, seen.life, seen.generation};
    if (lead == lead_) return;
    lead_ = lead;
    if (!leads_.insert(lead).second)
      world_.violation(name_of(seen.scheduler) + " launches, though another subscription has launched since its own");
  }

  World& world_;
  Reader sent_, seen_;
  std::string framework_;
  std::uint64_t teardowns_ = 0;
  using Lead = std::tuple<int, std::uint64_t, std::uint64_t>;
  Lead lead_{-1, 0, 0};
  std::set<Lead> leads_;
};

}  // namespace

std::unique_ptr<Checker> durability_rules(World& world) { return std::make_unique<DurabilityRules>(world); }

}  // namespace simulation
