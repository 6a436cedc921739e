// Updates and their acknowledgements.
#include <fmt/format.h>

#include <map>
#include <set>

#include "local/model/scheduler_api.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "test/simulation/invariants.hpp"
#include "test/simulation/looking.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using MesosCall = mesos::v1::scheduler::Call;
using MesosEvent = mesos::v1::scheduler::Event;

constexpr Duration kAcknowledgedWithin = 1s;

class StatusRules final : public Checker {
 public:
  explicit StatusRules(World& world) : world_(world), books_(world.schedulers().size()) {}

  void after_step() override {
    events_.read(world_.events(), [this](const EventSeen& seen) { hear(seen); });
    calls_.read(world_.calls_sent(), [this](const CallSent& sent) {
      if (sent.call->type() == MesosCall::KILL)
        books_[static_cast<std::size_t>(sent.scheduler)].kills.insert(sent.call->kill().task_id().value());
      if (sent.call->type() == MesosCall::ACKNOWLEDGE) check(sent);
    });
    if (!often_.due(world_.now())) return;
    for (std::size_t index = 0; index < books_.size(); ++index) look(*world_.schedulers()[index], books_[index]);
  }

  std::optional<std::string> unsettled() override {
    for (std::size_t index = 0; index < books_.size(); ++index) {
      if (world_.schedulers()[index]->acting() && !books_[index].owed.empty())
        return "an update of " + books_[index].owed.begin()->first.first + " is not acknowledged";
    }
    return std::nullopt;
  }
  void at_end() override {}

 private:
  using Name = std::pair<std::string, std::string>;  // Task, and uuid of the update.
  struct Owed {
    std::string agent;
    mesos::v1::TaskState state;
    Time since;
    int times = 0;  // The same may come again.
  };
  // What the process of a scheduler heard by its present subscription.
  struct Book {
    std::uint64_t life = 0, generation = 0;
    std::map<Name, Owed> owed;
    std::set<std::string> kills;
    Time unwell;
  };

  void hear(const EventSeen& seen) {
    Book& book = books_[static_cast<std::size_t>(seen.scheduler)];
    if (seen.event->type() == MesosEvent::SUBSCRIBED) {
      book.life = seen.life;
      book.generation = seen.generation;
      book.owed.clear();
      return;
    }
    if (seen.event->type() != MesosEvent::UPDATE || seen.life != book.life || seen.generation != book.generation)
      return;
    const mesos::v1::TaskStatus& status = seen.event->update().status();
    if (!status.has_uuid() || status.uuid().empty()) return;
    const auto [known, added] = book.owed.try_emplace({status.task_id().value(), status.uuid()},
                                                      Owed{status.agent_id().value(), status.state(), seen.at, 0});
    ++known->second.times;
  }

  void check(const CallSent& sent) {
    Book& book = books_[static_cast<std::size_t>(sent.scheduler)];
    const auto& said = sent.call->acknowledge();
    const std::string& task = said.task_id().value();
    const auto found = book.owed.find({task, said.uuid()});
    if (sent.life != book.life || sent.generation != book.generation || found == book.owed.end() ||
        found->second.agent != said.agent_id().value()) {
      world_.violation(name_of(sent.scheduler) + " acknowledges an update of " + task + " that did not come so");
      return;
    }
    check_durable(sent, task, found->second.state, book);
    if (--found->second.times == 0) book.owed.erase(found);
  }

  // The store must not take the task for what the update says it is no longer.
  void check_durable(const CallSent& sent, const std::string& task, mesos::v1::TaskState state, const Book& book) {
    const auto parsed = attempt_of(task);
    if (!parsed) return;
    const SavedRow* row = row_of(world_.schedulers()[static_cast<std::size_t>(sent.scheduler)]->store(), parsed->key);
    const auto complain = [&] {
      world_.violation(fmt::format("{} acknowledges {} of {}, which its store has as {}", name_of(sent.scheduler),
                                   mesos::v1::TaskState_Name(state), task,
                                   row == nullptr ? "nothing" : core::to_string(row->row.state)));
    };
    const bool ours = row != nullptr && row->attempt == parsed->attempt;
    const bool lives = ours && row->row.state != core::State::queued && !core::is_ended(row->row.state);
    if (local::is_terminal(state)) {
      if (lives) complain();
      return;
    }
    if (row == nullptr) {  // Nobody's: killed.
      if (!book.kills.contains(task)) complain();
      return;
    }
    if (!lives) return;
    if (!row->row.heard) return complain();
    const bool said_started = state == mesos::v1::TASK_STARTING || state == mesos::v1::TASK_RUNNING;
    if (said_started && !row->row.started) return complain();
    if (state == mesos::v1::TASK_RUNNING && !row->row.ran && row->row.state != core::State::stopping) complain();
  }

  void look(const SchedulerHost& host, Book& book) {
    if (book.owed.empty()) return;
    const Time now = world_.now();
    if (!host.up() || host.life() != book.life) {
      book.owed.clear();
      return;
    }
    if (!is_well(world_, host)) book.unwell = now;
    for (const auto& [name, owed] : book.owed) {
      if (now - std::max(owed.since, book.unwell) > kAcknowledgedWithin)
        world_.violation(name_of(host.index()) + " does not acknowledge an update of " + name.first);
    }
  }

  World& world_;
  std::vector<Book> books_;
  Reader events_, calls_;
  Every often_{50ms};
};

}  // namespace

std::unique_ptr<Checker> status_rules(World& world) { return std::make_unique<StatusRules>(world); }

}  // namespace simulation
