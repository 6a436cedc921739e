// What a rebalance empties runs elsewhere before it stops.
#include <fmt/format.h>

#include <algorithm>

#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using MesosCall = mesos::v1::scheduler::Call;

class RebalanceRules final : public Checker {
 public:
  explicit RebalanceRules(World& world) : world_(world) {}

  void after_step() override {
    calls_.read(world_.calls_sent(), [this](const CallSent& sent) {
      if (sent.call->type() == MesosCall::KILL) check(sent);
    });
  }
  std::optional<std::string> unsettled() override { return std::nullopt; }
  void at_end() override {}

 private:
  static bool is_emptied(const SchedulerHost& host, const std::string& agent_id) {
    if (!host.up()) return false;
    const auto cells = host.engine()->core().cells();
    return std::any_of(cells.begin(), cells.end(), [&](const core::CellView& cell) {
      return cell.agent_id == agent_id && cell.draining == "rebalance";
    });
  }

  // The attempt that counts is killed only if somebody stops it.
  void check(const CallSent& sent) {
    const std::string& task = sent.call->kill().task_id().value();
    const auto parsed = attempt_of(task);
    const SchedulerHost& host = *world_.schedulers()[static_cast<std::size_t>(sent.scheduler)];
    if (!parsed || !is_emptied(host, sent.call->kill().agent_id().value())) return;
    const SavedRow* const row = row_of(host.store(), parsed->key);
    if (row == nullptr) return;
    if (row->attempt != parsed->attempt) return;
    const auto wanted = world_.bbs().wanted().find(parsed->key);
    if (wanted == world_.bbs().wanted().end() || wanted->second.stopped) return;
    world_.violation(fmt::format("{} kills {}, which a rebalance has to move, and which runs nowhere else",
                                 name_of(sent.scheduler), task));
  }

  World& world_;
  Reader calls_;
};

}  // namespace

std::unique_ptr<Checker> rebalance_rules(World& world) { return std::make_unique<RebalanceRules>(world); }

}  // namespace simulation
