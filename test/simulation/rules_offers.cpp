// Offers, as the process of a scheduler that gets them may use them.
#include <fmt/format.h>

#include <map>
#include <set>

#include "local/model/master_state.hpp"
#include "local/model/resources.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/core/config.hpp"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using MesosCall = mesos::v1::scheduler::Call;
using MesosEvent = mesos::v1::scheduler::Event;

constexpr Duration kHoldSlack = 1s;
constexpr Duration kRescindArrives = 500ms;  // On a whole stream, also when a burst is read as one.

class OfferRules final : public Checker {
 public:
  explicit OfferRules(World& world) : world_(world), books_(world.schedulers().size()) {}

  void after_step() override {
    events_.read(world_.events(), [this](const EventSeen& seen) { hear(seen); });
    calls_.read(world_.calls_sent(), [this](const CallSent& sent) { check(sent); });
    for (std::size_t index = 0; index < books_.size(); ++index)
      books_[index].acted = books_[index].held.empty() || world_.schedulers()[index]->acting();
    mutes_before_ = mutes();
    if (!often_.due(world_.now())) return;
    for (std::size_t index = 0; index < books_.size(); ++index) look(*world_.schedulers()[index], books_[index]);
  }
  std::optional<std::string> unsettled() override { return std::nullopt; }
  void at_end() override {}

 private:
  struct Held {
    std::string agent;
    Time since;
    local::Resources resources;
    std::set<std::string> executors;  // That were there.
    std::optional<Time> taken_back;   // By the master, at the latest.
    bool void_now = false;            // Rescinded while the store failed.
  };
  // Of one scheduler: what its process holds by its present subscription.
  struct Book {
    std::uint64_t life = 0, generation = 0, mutes = 0;
    std::map<std::string, Held> held;
    std::set<std::string> rescinded, answered;
    bool acted = true;  // After the step before.
    Time unwell;
  };

  std::uint64_t mutes() const {
    const auto found = world_.sim().faults().find("stream_half_open");
    return found == world_.sim().faults().end() ? 0 : found->second;
  }

  void hear(const EventSeen& seen) {
    Book& book = books_[static_cast<std::size_t>(seen.scheduler)];
    if (seen.event->type() == MesosEvent::SUBSCRIBED) {
      const Time unwell = book.unwell;
      book = {};
      book.life = seen.life;
      book.generation = seen.generation;
      book.mutes = mutes_before_;
      book.unwell = unwell;
      return;
    }
    if (seen.life != book.life || seen.generation != book.generation) return;  // Of an abandoned stream.
    if (seen.event->type() == MesosEvent::RESCIND) {
      const std::string& id = seen.event->rescind().offer_id().value();
      // What was decided before, while nothing could be saved, goes out all the same.
      if (book.acted) {
        if (book.held.erase(id) != 0) book.rescinded.insert(id);
      } else if (const auto found = book.held.find(id); found != book.held.end()) {
        found->second.void_now = true;
      }
      return;
    }
    for (const mesos::v1::Offer& offer : seen.event->offers().offers()) {
      Held held{offer.agent_id().value(), seen.at, local::Resources::of(offer.resources()), {}, {}, false};
      for (const auto& executor : offer.executor_ids()) held.executors.insert(executor.value());
      book.held.emplace(offer.id().value(), std::move(held));
    }
  }

  void check(const CallSent& sent) {
    const MesosCall& call = *sent.call;
    if (call.type() == MesosCall::DECLINE) {
      for (const auto& id : call.decline().offer_ids()) take(sent, id.value());
    } else if (call.type() == MesosCall::ACCEPT) {
      check_accept(sent);
    }
  }

  void complain(const CallSent& sent, const std::string& what) {
    world_.violation(
        fmt::format("{} sends {} {}", name_of(sent.scheduler), MesosCall::Type_Name(sent.call->type()), what));
  }

  // What an answer finds of an offer, which is gone by it.
  std::optional<Held> take(const CallSent& sent, const std::string& id) {
    Book& book = books_[static_cast<std::size_t>(sent.scheduler)];
    if (sent.life != book.life || sent.generation != book.generation) {
      complain(sent, "for offer " + id + " without a subscription");
      return std::nullopt;
    }
    const auto found = book.held.find(id);
    if (found == book.held.end()) {
      complain(sent, fmt::format("for offer {}, which {}", id,
                                 book.rescinded.contains(id)  ? "was rescinded before"
                                 : book.answered.contains(id) ? "it has answered before"
                                                              : "it does not hold"));
      return std::nullopt;
    }
    Held held = std::move(found->second);
    book.held.erase(found);
    book.answered.insert(id);
    if (!held.void_now && held.taken_back && world_.now() - *held.taken_back > kRescindArrives &&
        book.mutes == mutes()) {
      complain(sent, fmt::format("for offer {}, which the master took back {} ms ago", id,
                                 base::to_millis(world_.now() - *held.taken_back)));
    }
    return held;
  }

  void check_accept(const CallSent& sent) {
    const auto tasks = launches_of(*sent.call);
    local::Resources offered, used;
    std::string agent;
    std::set<std::string> executors;
    for (const auto& id : sent.call->accept().offer_ids()) {
      const auto held = take(sent, id.value());
      if (!held) return;
      offered += held->resources;
      if (!agent.empty() && agent != held->agent) complain(sent, "with offers of two agents");
      agent = held->agent;
      executors.insert(held->executors.begin(), held->executors.end());
    }
    for (const mesos::v1::TaskInfo* task : tasks) {
      if (task->agent_id().value() != agent) complain(sent, "for another agent than its offers'");
      used += local::Resources::of(task->resources());
      const std::string& executor = task->executor().executor_id().value();
      if (executors.contains(executor) || !started_.emplace(agent, executor).second) continue;
      used += local::Resources::of(task->executor().resources());
    }
    if (!offered.contains(used))
      complain(sent, fmt::format("that takes {} of {} on agent {}", used.text(""), offered.text(""), agent));
  }

  void look(const SchedulerHost& host, Book& book) {
    if (book.held.empty()) return;
    const Time now = world_.now();
    if (!host.up() || host.life() != book.life) {
      book.held.clear();
      return;
    }
    if (!is_well(world_, host)) book.unwell = now;
    const local::MasterState* master = world_.master().state();
    for (auto& [id, held] : book.held) {
      if (master != nullptr && !held.taken_back && !master->offers_.contains(id)) held.taken_back = now;
      if (!held.void_now && now - std::max(held.since, book.unwell) > core::Config{}.offer_hold + kHoldSlack) {
        world_.violation(fmt::format("{} holds offer {} of agent {} for {} ms", name_of(host.index()), id, held.agent,
                                     base::to_millis(now - held.since)));
      }
    }
  }

  World& world_;
  std::vector<Book> books_;
  std::uint64_t mutes_before_ = 0;  // The last step.
  Reader events_, calls_;
  Every often_{50ms};
  std::set<std::pair<std::string, std::string>> started_;  // Agents and executors, by an ACCEPT of anybody.
};

}  // namespace

std::unique_ptr<Checker> offer_rules(World& world) { return std::make_unique<OfferRules>(world); }

}  // namespace simulation
