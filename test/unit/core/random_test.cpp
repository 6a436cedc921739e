// Anything may happen at any time: what must hold nevertheless.
#include <map>
#include <set>

#include "rig.hpp"

namespace core {
namespace {

class World {
 public:
  World(std::uint64_t seed, const std::string& strategy) : random_(seed), rig_(config(), strategy) { rig_.subscribe(); }

  static Config config() {
    Config config;
    config.placements_per_pass = 3;
    config.tasks_per_accept_max = 5;
    config.offer_linger = 20ms;
    config.ended_max = 20;
    config.limits.starting_max = 25;
    return config;
  }

  int moves() const { return moves_; }

  void step() {
    switch (random_.below(15)) {
      case 0:
      case 1: {
        AuctionsSubmitted batch;
        for (std::uint64_t i = random_.below(6); i > 0; --i) batch.auctions.push_back(auction());
        happen(batch);
        break;
      }
      case 2:
      case 3:
      case 4:
        offer(some_agent());
        break;
      case 5:
        if (!offers_.empty()) {
          const std::string id = any(offers_)->first;
          offers_.erase(id);
          happen(OfferRescinded{id});
        }
        break;
      case 6:
      case 7:
      case 8:
      case 9:
        progress();
        break;
      case 10:
        happen(StopRequested{{Kind::lrp, guid(), std::nullopt}});
        break;
      case 11: {
        const std::string agent = some_agent();
        if (random_.below(2) == 0) {
          std::erase_if(offers_, [&](const auto& one) { return one.second.agent_id == agent; });
          for (auto& [id, task] : tasks_) task.dead = task.dead || task.agent_id == agent;
          happen(AgentLost{agent});
          end_all(agent, TaskState::unreachable);
        } else if (const auto executor = rig_.executor_of(agent)) {
          for (auto& [id, task] : tasks_) task.dead = task.dead || task.agent_id == agent;
          happen(ExecutorEnded{agent, *executor, 9});
          end_all(agent, TaskState::failed);
        }
        break;
      }
      case 12:
        if (random_.below(4) == 0) {
          offers_.clear();
          happen(Disconnected{"x"});
          if (random_.below(10) == 0) {
            tasks_.clear();
            happen(FrameworkRemoved{"gone"});
          }
          happen(Subscribed{"F", false});
        }
        break;
      case 13: {
        const std::string agent = some_agent();
        if (drained_.erase(agent) > 0) {
          happen(DrainCancelled{agent});
        } else if (rig_.core.knows_agent(agent) && drained_.size() < kAgents / 2) {
          drained_.insert(agent);
          happen(DrainRequested{agent});
        }
        break;
      }
      default:
        rig_.pass(std::chrono::milliseconds(random_.below(3000)));
        mind();
    }
  }

  // Offers for all, every task runs or ends: nothing that can run may be left.
  void calm() {
    while (!drained_.empty()) happen(DrainCancelled{drained_.extract(drained_.begin()).value()});
    for (int round = 0; round < 200; ++round) {
      for (int agent = 1; agent <= kAgents; ++agent) offer("a" + std::to_string(agent));
      while (!quiet()) progress();
      rig_.pass(3s);
      mind();
    }
    for (const InstanceView& view : rig_.core.instances({})) {
      INFO(to_string(view.key) << " " << to_string(view.state) << " " << view.reason);
      CHECK((view.state == State::running || is_ended(view.state)));
    }
    std::int64_t live = 0;
    for (const CellView& cell : rig_.core.cells()) live += static_cast<std::int64_t>(cell.instances.size());
    CHECK(live == static_cast<std::int64_t>(rig_.core.instances({State::running, {}, 10'000, {}}).size()));
    CHECK(static_cast<std::int64_t>(tasks_.size()) == live);
    CHECK(rig_.core.admits(Config{}.queue_max));  // Nothing waits.
  }

 private:
  static constexpr int kAgents = 6;
  struct Task {
    std::string agent_id, executor_id;
    Key key;
    TaskState state = TaskState::staging;
    bool dead = false;  // With its cell or agent; the word of it is on its way.
  };

  template <class Map>
  typename Map::iterator any(Map& map) {
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(random_.below(map.size())));
  }
  std::string guid() { return "p" + std::to_string(random_.below(8)); }
  std::string some_agent() { return "a" + std::to_string(1 + random_.below(kAgents)); }
  Auction auction() {
    const std::int32_t sizes[] = {50, 100, 300};
    return Rig::auction({Kind::lrp, guid(), static_cast<std::int32_t>(random_.below(4))}, sizes[random_.below(3)]);
  }
  std::int64_t used(const std::string& agent) {
    std::int64_t count = 0;
    for (const auto& [id, task] : tasks_) count += task.agent_id == agent ? 1 : 0;
    return count;
  }
  void offer(const std::string& agent) {
    for (const auto& [id, held] : offers_) {
      if (held.agent_id == agent) return;
    }
    std::vector<std::string> executors;
    for (const auto& [id, task] : tasks_) {
      if (task.agent_id == agent) executors = {task.executor_id};
    }
    if (executors.empty()) {
      if (const auto executor = rig_.executor_of(agent); executor && random_.below(2) == 0) executors = {*executor};
    }
    Offer offer = rig_.make_offer(agent, 6000 - 300 * used(agent), executors);
    offer.pieces[0].amount = 8000 - 100 * used(agent);
    offer.attributes["zone"] = agent < "a4" ? "z1" : "z2";
    offers_[offer.id] = offer;
    happen(OffersArrived{{offer}});
  }
  bool quiet() const {
    return std::all_of(tasks_.begin(), tasks_.end(),
                       [](const auto& one) { return one.second.state == TaskState::running; });
  }
  // One task takes its next step.
  void progress() {
    if (tasks_.empty()) return;
    const auto task = any(tasks_);
    if (task->second.state == TaskState::staging && random_.below(8) == 0) return end(task->first, TaskState::dropped);
    if (task->second.state == TaskState::running && random_.below(4) != 0) return;
    task->second.state = task->second.state == TaskState::staging ? TaskState::starting : TaskState::running;
    tell(task->first, task->second, task->second.state, StatusReason::none);
  }
  void tell(std::string id, Task task, TaskState state, StatusReason reason) {
    Status status{id, state, reason, "", "", "uuid-of-16-bytes", task.agent_id, task.executor_id, true};
    happen(StatusArrived{status});
  }
  void end(std::string id, TaskState state) {
    const Task task = tasks_.at(id);
    tasks_.erase(id);
    tell(id, task, state, state == TaskState::failed ? StatusReason::executor_ended : StatusReason::none);
  }
  void end_all(const std::string& agent, TaskState state) {
    std::vector<std::string> ids;
    for (const auto& [id, task] : tasks_) {
      if (task.agent_id == agent) ids.push_back(id);
    }
    for (const std::string& id : ids) {
      if (tasks_.contains(id)) end(id, state);
    }
  }

  void happen(const Event& event) {
    rig_.happen(event);
    mind();
    if (random_.below(3) != 0) return;
    rig_.settle();
    mind();
  }
  void mind() {
    std::vector<std::string> killed;
    for (const Action& action : std::exchange(rig_.actions, {})) {
      if (const auto* accept = std::get_if<Accept>(&action)) take(*accept);
      if (const auto* decline = std::get_if<Decline>(&action)) {
        for (const std::string& id : decline->offer_ids) CHECK(offers_.erase(id) == 1);
      }
      if (const auto* kill = std::get_if<Kill>(&action)) killed.push_back(kill->task_id);
      if (const auto* shutdown = std::get_if<ShutdownExecutor>(&action)) {
        for (const auto& [id, task] : tasks_) CHECK(task.executor_id != shutdown->executor_id);
      }
      if (const auto* ask = std::get_if<Reconcile>(&action)) {
        for (const auto& task : ask->tasks) asked_.push_back(task.task_id);
      }
    }
    for (const std::string& id : killed) {
      if (tasks_.contains(id)) end(id, TaskState::killed);
    }
    for (const std::string& id : std::exchange(asked_, {})) {
      const auto task = tasks_.find(id);
      if (task == tasks_.end()) {
        rig_.status(id, TaskState::gone, "", StatusReason::reconciliation, "", false);
      } else if (task->second.state != TaskState::staging) {
        tell(id, task->second, task->second.state, StatusReason::reconciliation);
      }
    }
  }
  // Each offer is held and used once, the pieces are its own, and no key lives twice, but where it leaves a
  // drained agent.
  void take(const Accept& accept) {
    std::map<Dimension, std::int64_t> left;
    for (const std::string& id : accept.offer_ids) {
      const auto held = offers_.find(id);
      REQUIRE(held != offers_.end());
      REQUIRE(held->second.agent_id == accept.agent_id);
      for (const Piece& piece : held->second.pieces) left[piece.dimension] += piece.amount;
      offers_.erase(held);
    }
    const std::string executor = accept.executor_info.substr(0, accept.executor_info.find('|'));
    CHECK(accept.launches.size() <= config().tasks_per_accept_max);
    for (const Launch& launch : accept.launches) {
      for (const Piece& piece : launch.pieces) left[piece.dimension] -= piece.amount;
      CHECK_FALSE(drained_.contains(accept.agent_id));
      int others = 0;
      for (const auto& [id, task] : tasks_) {
        if (task.key != launch.key) continue;
        CHECK(drained_.contains(task.agent_id));
        CHECK(++others == 1);
      }
      moves_ += others;
      tasks_[launch.task_id] = {accept.agent_id, executor, launch.key};
    }
    for (const auto& [dimension, amount] : left) CHECK(amount >= 0);
    CHECK(std::count_if(tasks_.begin(), tasks_.end(), [](const auto& one) {
            return !one.second.dead && one.second.state != TaskState::running;
          }) <= config().limits.starting_max);
  }

  base::Random random_;
  Rig rig_;
  std::map<std::string, Offer> offers_;
  std::map<std::string, Task> tasks_;
  std::vector<std::string> asked_;
  std::set<std::string> drained_;
  int moves_ = 0;
};

}  // namespace

TEST_CASE("whatever happens, offers are used once, keys live once, and in the end all runs", "[random]") {
  const auto strategy = GENERATE("binpack", "spread", "diego");
  int moves = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO(strategy << " seed " << seed);
    World world(seed, strategy);
    for (int i = 0; i < 250; ++i) world.step();
    world.calm();
    moves += world.moves();
  }
  CHECK(moves > 100);
}

}  // namespace core
