// What a cell's sandbox told is added to the reason of those that failed with that very cell, once.
#include <map>

#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using MesosCall = mesos::v1::scheduler::Call;

class SandboxRules final : public Checker {
 public:
  explicit SandboxRules(World& world) : world_(world) {}

  void after_step() override {
    calls_.read(world_.calls_sent(), [this](const CallSent& sent) {
      if (sent.call->type() != MesosCall::ACCEPT) return;
      for (const auto* task : launches_of(*sent.call))
        executors_[task->task_id().value()] = task->executor().executor_id().value();
    });
    if (!often_.due(world_.now())) return;
    for (const auto& host : world_.schedulers()) {
      if (host->acting()) look(*host);
    }
  }

  std::optional<std::string> unsettled() override { return std::nullopt; }
  void at_end() override {}

 private:
  void look(const SchedulerHost& host) {
    for (const core::InstanceView& view : host.engine()->core().instances({})) {
      const auto begin = view.reason.find(words_of(""));
      if (begin == std::string::npos) continue;
      const auto launched = executors_.find(view.task_id);
      const bool its_own = launched != executors_.end() && view.reason.substr(begin) == words_of(launched->second);
      if (!its_own) world_.violation(core::to_string(view.key) + " is explained by another cell: " + view.reason);
    }
  }

  World& world_;
  Reader calls_;
  Every often_{1s};
  std::map<std::string, std::string> executors_;  // By task id.
};

}  // namespace

std::unique_ptr<Checker> sandbox_rules(World& world) { return std::make_unique<SandboxRules>(world); }

}  // namespace simulation
