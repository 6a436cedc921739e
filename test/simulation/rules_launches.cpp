// What is launched where, and how cells end.
#include <fmt/format.h>

#include <map>
#include <set>

#include "local/model/scheduler_api.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/core/config.hpp"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using MesosCall = mesos::v1::scheduler::Call;

class LaunchRules final : public Checker {
 public:
  explicit LaunchRules(World& world) : world_(world) {}

  void after_step() override {
    sent_.read(world_.calls_sent(), [this](const CallSent& sent) {
      if (sent.call->type() == MesosCall::ACCEPT) launched(sent);
      if (sent.call->type() == MesosCall::SHUTDOWN) told_to_go(sent);
    });
    seen_.read(world_.calls(), [this](const CallSeen& seen) {
      if (seen.call->type() == MesosCall::ACCEPT) arrived(seen);
    });
    events_.read(world_.events(), [this](const EventSeen& seen) { heard(seen); });
    if (!often_.due(world_.now())) return;
    for (const auto& agent : world_.agents()) {
      for (const auto& [id, cell] : agent->cells()) {
        if (!cell->alive() && ended_.insert(id).second) ended(*cell);
      }
    }
    for (const auto& [key, attempts] : living_attempts(world_)) {
      for (const Living& one : attempts) placed(key, *one.agent);
    }
  }
  std::optional<std::string> unsettled() override { return std::nullopt; }
  void at_end() override {}

 private:
  struct Launched {
    int scheduler = 0;
    std::uint64_t life = 0, generation = 0;
    int arrivals = 0;
  };

  void launched(const CallSent& sent) {
    for (const mesos::v1::TaskInfo* task : launches_of(*sent.call)) {
      const std::string& id = task->task_id().value();
      if (!tasks_.try_emplace(id, Launched{sent.scheduler, sent.life, sent.generation, 0}).second)
        world_.violation(name_of(sent.scheduler) + " launches a second task " + id);
      const std::string& executor = task->executor().executor_id().value();
      mesos::v1::ExecutorInfo info = task->executor();
      if (!info.has_framework_id()) *info.mutable_framework_id() = sent.call->framework_id();  // As the master does.
      const auto [known, added] = executors_.try_emplace(executor, std::make_shared<mesos::v1::ExecutorInfo>(info));
      if (!added && !local::same_executor(*known->second, info))
        world_.violation(name_of(sent.scheduler) + " describes executor " + executor + " in another way than before");
      if (told_.contains({sent.scheduler, sent.life, executor})) {
        world_.violation(fmt::format("{} launches {} on executor {}, which it has told to go", name_of(sent.scheduler),
                                     id, executor));
      }
    }
  }

  // What wants a tag runs where it is, and nothing else does.
  void placed(const core::Key& key, const AgentHost& agent) {
    const auto wanted = world_.bbs().wanted().find(key);
    if (wanted == world_.bbs().wanted().end()) return;
    const bool wants_tag = !wanted->second.auction.constraint.placement_tags.empty();
    if (wants_tag == agent.tagged()) return;
    world_.violation(core::to_string(key) + " runs on " + agent.agent_id() +
                     (agent.tagged() ? ", whose tag it does not want" : ", which has not its tag"));
  }

  // A call arrives once, and under the subscription for which it was made.
  void arrived(const CallSeen& seen) {
    for (const mesos::v1::TaskInfo* task : launches_of(*seen.call)) {
      const auto found = tasks_.find(task->task_id().value());
      if (found == tasks_.end()) {
        world_.violation("an ACCEPT arrives that launches " + task->task_id().value() + ", which nobody sent");
        continue;
      }
      Launched& one = found->second;
      if (++one.arrivals > 1) world_.violation("the ACCEPT that launches " + found->first + " arrives a second time");
      if (one.scheduler != seen.scheduler || one.life != seen.life || one.generation != seen.generation)
        world_.violation("the ACCEPT that launches " + found->first + " arrives under another subscription");
    }
  }

  void told_to_go(const CallSent& sent) {
    const std::string& executor = sent.call->shutdown().executor_id().value();
    told_[{sent.scheduler, sent.life, executor}] = sent.at;
    const SchedulerHost& host = *world_.schedulers()[static_cast<std::size_t>(sent.scheduler)];
    for (const auto& [id, saved] : host.store().contents().rows) {
      if (saved.executor_id != executor || saved.row.state != core::State::launching) continue;
      world_.violation(fmt::format("{} tells executor {} to go, on which it launches {}.{}", name_of(sent.scheduler),
                                   executor, saved.guid, saved.row.index));
    }
    const auto living = living_attempts(world_);
    for (const auto& [key, attempts] : living) {
      for (const Living& one : attempts) {
        if (one.cell->executor_id() != executor || one.held->stop_wanted || attempts.size() > 1) continue;
        if (one.cell->told_to_shut_down() || one.cell->told_to_drain()) continue;
        if (const auto wanted = world_.bbs().wanted().find(key);
            wanted == world_.bbs().wanted().end() || wanted->second.stopped)
          continue;
        // What it has ended in its books, and what lives again elsewhere, is on its way out.
        const SavedRow* row = row_of(host.store(), key);
        if (row != nullptr && row->attempt != one.attempt) continue;
        if (row != nullptr && row->row.state == core::State::stopping) continue;  // Killed, and does not obey.
        if (row != nullptr && row->row.state == core::State::queued) continue;    // Given up, its agent is away.
        if (row != nullptr && core::is_ended(row->row.state) && row->row.state != core::State::lost) continue;
        world_.violation(fmt::format("{} tells executor {} to go, on which {} lives", name_of(sent.scheduler), executor,
                                     core::to_string(key)));
      }
    }
  }

  // One whose agent was away may never hear that it is to go: it is used again with the work that comes back, or
  // where it is found long after it was told last.
  void heard(const EventSeen& seen) {
    if (seen.event->type() == mesos::v1::scheduler::Event::UPDATE) {
      const auto& status = seen.event->update().status();
      if (status.state() == mesos::v1::TASK_RUNNING || status.state() == mesos::v1::TASK_STARTING)
        told_.erase({seen.scheduler, seen.life, status.executor_id().value()});
    } else if (seen.event->type() == mesos::v1::scheduler::Event::MESSAGE) {
      const auto told = told_.find({seen.scheduler, seen.life, seen.event->message().executor_id().value()});
      if (told != told_.end() && seen.at - told->second > 2 * core::Config{}.shutdown_retry) told_.erase(told);
    }
  }

  // Only a scheduler ends a cell that is well, or the agent that does; a rep that is evacuated ends by itself.
  void ended(const Cell& cell) {
    if (!cell.exited_by_itself() || cell.exit_code() != 0 || cell.told_to_shut_down() || cell.told_to_drain()) return;
    world_.violation("executor " + cell.executor_id() + " ends, told by nobody: " + cell.end_reason());
  }

  World& world_;
  Reader sent_, seen_, events_;
  Every often_{250ms};
  std::map<std::string, Launched> tasks_;
  std::map<std::string, std::shared_ptr<const mesos::v1::ExecutorInfo>> executors_;  // By id.
  std::map<std::tuple<int, std::uint64_t, std::string>, Time> told_;                 // When last.
  std::set<std::string> ended_;                                                      // Containers.
};

}  // namespace

std::unique_ptr<Checker> launch_rules(World& world) { return std::make_unique<LaunchRules>(world); }

}  // namespace simulation
