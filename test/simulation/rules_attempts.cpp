// How many attempts of one key live: by what the executors and the reps have, and the master.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using MesosCall = mesos::v1::scheduler::Call;
using MesosEvent = mesos::v1::scheduler::Event;

// Two attempts that everybody can see, and that nobody wants, have become one by then: KILLs get lost,
// executors hang, reps are slow.
constexpr Duration kDoubleAtMost = 120s;
// An agent that was away so recently may be taken for still being so.
constexpr Duration kBackFor = 10s;

// What the BBS says may be that old when it comes to be acted on.
constexpr Duration kRowAtMost = 40s;

class AttemptRules final : public Checker {
 public:
  explicit AttemptRules(World& world) : world_(world), away_(world.agents().size()) {}

  void after_step() override {
    events_.read(world_.events(), [this](const EventSeen& seen) {
      if (seen.event->type() != MesosEvent::UPDATE) return;
      const auto& status = seen.event->update().status();
      if (local::is_terminal(status.state()) || status.state() == mesos::v1::TASK_UNREACHABLE)
        told_gone_.insert(status.task_id().value());
    });
    calls_.read(world_.calls_sent(), [this](const CallSent& sent) {
      if (sent.call->type() == MesosCall::ACCEPT) check(sent);
      if (sent.call->type() == MesosCall::KILL) killed_.insert(sent.call->kill().task_id().value());
    });
    if (!often_.due(world_.now())) return;
    look_at_agents();
    look();
  }

  std::optional<std::string> unsettled() override {
    for (const auto& [key, attempts] : living_attempts(world_)) {
      if (attempts.size() > 1) return line_of(key, attempts);
    }
    std::map<core::Key, int> on_reps;
    for (const auto& agent : world_.agents()) {
      for (const Cell* cell : agent->alive_cells()) {
        if (!cell->alive() || cell->rep() == nullptr) continue;
        for (const diego::Lrp& lrp : cell->rep()->lrps) {
          if (lrp.state != "RUNNING" && lrp.state != "CLAIMED") continue;
          if (++on_reps[{core::Kind::lrp, lrp.process_guid, lrp.index}] > 1)
            return fmt::format("{}.{} runs on two reps", lrp.process_guid, lrp.index);
        }
      }
    }
    return std::nullopt;
  }
  void at_end() override {}

 private:
  static std::string line_of(const core::Key& key, const std::vector<Living>& attempts) {
    std::string line = core::to_string(key) + " lives " + std::to_string(attempts.size()) + " times:";
    for (const Living& one : attempts) {
      line += fmt::format(" attempt {} on {} ({})", one.attempt, one.cell->executor_id(),
                          one.held->stop_wanted ? "is to stop" : "lives on");
    }
    return line;
  }

  bool connected(const AgentHost& agent) const {
    if (!agent.up() || !agent.reachable()) return false;
    const local::MasterState* const master = world_.master().state();
    if (master == nullptr) return false;
    const auto found = master->agents_.find(agent.agent_id());
    return found != master->agents_.end() && found->second.connected;
  }

  void look_at_agents() {
    for (const auto& agent : world_.agents()) {
      if (!connected(*agent)) away_[agent->index()] = world_.now();
    }
  }
  bool was_away(const AgentHost& agent) const {
    return !connected(agent) || (away_[agent.index()] && world_.now() - *away_[agent.index()] < kBackFor);
  }

  void look() {
    const bool somebody_acts = std::any_of(world_.schedulers().begin(), world_.schedulers().end(),
                                           [this](const auto& host) { return is_well(world_, *host); });
    std::map<core::Key, Time> doubles;
    for (const auto& living : living_attempts(world_)) {
      const core::Key& key = living.first;
      const auto& attempts = living.second;
      if (attempts.size() < 2) continue;
      const bool moves = std::any_of(world_.schedulers().begin(), world_.schedulers().end(), [&](const auto& host) {
        return host->up() && host->engine()->core().has_two_attempts(key);
      });
      const bool excused =
          !somebody_acts || moves ||
          std::any_of(attempts.begin(), attempts.end(), [this](const Living& one) { return was_away(*one.agent); });
      const auto before = doubles_.find(key);
      const Time since = before == doubles_.end() || excused ? world_.now() : before->second;
      doubles.emplace(key, since);
      if (world_.now() - since > kDoubleAtMost)
        world_.violation(
            fmt::format("{}, since {} s", line_of(key, attempts), base::to_millis(world_.now() - since) / 1000));
    }
    doubles_ = std::move(doubles);
  }

  // Where another attempt lives that no scheduler has killed or was told is gone, none is launched.
  void check(const CallSent& sent) {
    const auto tasks = launches_of(*sent.call);
    const auto living = living_attempts(world_);
    for (const mesos::v1::TaskInfo* task : tasks) {
      const auto parsed = attempt_of(task->task_id().value());
      if (!parsed) continue;
      const auto found = living.find(parsed->key);
      if (found == living.end()) continue;
      for (const Living& one : found->second) {
        if (one.held->stop_wanted || one.cell->told_to_drain() || one.cell->told_to_shut_down()) continue;
        const std::string id = core::task_id(parsed->key, one.attempt);
        if (told_gone_.contains(id) || killed_.contains(id) || was_away(*one.agent)) continue;
        if (sent.moving.contains(parsed->key)) {
          if (world_.settings().bbs) check_successor(sent, task->task_id().value(), parsed->key);
          continue;
        }
        world_.violation(fmt::format("{} launches {} while attempt {} lives on agent {}", name_of(sent.scheduler),
                                     task->task_id().value(), one.attempt, one.agent->agent_id()));
      }
    }
    check_on_the_way(sent, tasks);
  }

  // With a BBS a second attempt is launched only where its row is UNCLAIMED, or was when it was read, or the BBS
  // could not be asked.
  void check_successor(const CallSent& sent, const std::string& task_id, const core::Key& key) {
    const BbsRows::Row* row = world_.bbs().rows().find(key);
    if (row == nullptr || row->state == BbsRows::State::unclaimed) return;
    const auto lately = [this](std::optional<Time> then) { return then && world_.now() - *then < kRowAtMost; };
    if (lately(world_.bbs().shown_unclaimed(key)) || lately(world_.bbs().last_silent())) return;
    world_.violation(
        fmt::format("{} launches {}, a successor of what the BBS has claimed", name_of(sent.scheduler), task_id));
  }

  // Likewise what the master has taken and is about to deliver.
  void check_on_the_way(const CallSent& sent, const std::vector<const mesos::v1::TaskInfo*>& tasks) {
    const local::MasterState* const master = world_.master().state();
    if (master == nullptr) return;
    const auto framework = master->frameworks_.find(sent.call->framework_id().value());
    if (framework == master->frameworks_.end()) return;
    for (const auto& entry : framework->second.tasks) {
      const std::string& id = entry.first;
      const auto& known = entry.second;
      const auto other = attempt_of(id);
      if (!other || local::is_terminal(known.record->state()) || told_gone_.contains(id) || killed_.contains(id))
        continue;
      for (const mesos::v1::TaskInfo* task : tasks) {
        const auto parsed = attempt_of(task->task_id().value());
        if (!parsed || !(parsed->key == other->key) || parsed->attempt == other->attempt) continue;
        const auto agent = std::find_if(world_.agents().begin(), world_.agents().end(),
                                        [&](const auto& one) { return one->agent_id() == known.agent_id; });
        if (agent == world_.agents().end() || was_away(**agent)) continue;
        if (sent.moving.contains(parsed->key)) continue;
        world_.violation(fmt::format("{} launches {} while the master has {}", name_of(sent.scheduler),
                                     task->task_id().value(), id));
      }
    }
  }

  World& world_;
  Reader events_, calls_;
  Every often_{500ms};
  std::set<std::string> killed_;           // Tasks that some scheduler has killed: on their way out.
  std::set<std::string> told_gone_;        // Tasks of which some scheduler has heard that they are no more.
  std::vector<std::optional<Time>> away_;  // By agent: when it was last seen not connected.
  std::map<core::Key, Time> doubles_;
};

}  // namespace

std::unique_ptr<Checker> attempt_rules(World& world) { return std::make_unique<AttemptRules>(world); }

}  // namespace simulation
