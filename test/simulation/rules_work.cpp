// What was accepted: never forgotten, and in the end as it must be.
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

constexpr Duration kAnswerAtMost = 30s;  // What the BBS says may be that old when it comes to be acted on.

class WorkRules final : public Checker {
 public:
  explicit WorkRules(World& world) : world_(world), books_(world.schedulers().size()) {}

  void after_step() override {
    events_.read(world_.events(), [this](const EventSeen& seen) {
      if (seen.event->type() != mesos::v1::scheduler::Event::UPDATE) return;
      const auto& status = seen.event->update().status();
      if (!local::is_terminal(status.state())) return;
      if (const auto parsed = attempt_of(status.task_id().value())) told_ended_.emplace(parsed->key, parsed->attempt);
    });
    for (std::size_t index = 0; index < books_.size(); ++index) {
      const SchedulerHost& host = *world_.schedulers()[index];
      if (std::exchange(books_[index].commits, host.store().commits()) != host.store().commits())
        read(host, books_[index]);
    }
    hear_answers();
    if (!often_.due(world_.now())) return;
    for (std::size_t index = 0; index < books_.size(); ++index) look(*world_.schedulers()[index], books_[index]);
    for (const auto& [key, row] : world_.bbs().rows().rows()) {
      if (row.rejections > world_.bbs().auctions_of(key))
        world_.violation(core::to_string(key) + " is rejected more often than it was auctioned");
    }
  }

  std::optional<std::string> unsettled() override {
    if (world_.settings().bbs) {
      if (auto untold = world_.bbs().untold()) return untold;
    }
    const auto living = living_attempts(world_);
    for (const auto& [key, wanted] : world_.bbs().wanted()) {
      if (wanted.stopped) {
        if (world_.settings().schedulers == 1 && (living.contains(key) || world_.bbs().runs(key)))
          return core::to_string(key) + " was stopped and still lives";
        continue;
      }
      if (wanted.fails || (key.kind == core::Kind::task && wanted.ran)) continue;
      if (key.kind == core::Kind::lrp && world_.bbs().runs(key)) {
        if (auto wrong = seen_otherwise(key)) return wrong;
        continue;
      }
      if (!world_.settings().converge && ended_well_.contains(key)) continue;
      return core::to_string(key) + (key.kind == core::Kind::task ? " never ran" : " does not run");
    }
    return std::nullopt;
  }

  void at_end() override {}

 private:
  struct Row {
    core::State state;
    std::string attempt;
  };
  // Of one scheduler's store, and what it has accepted.
  struct Book {
    std::uint64_t commits = 0;
    std::map<core::Key, Row> rows;
    std::set<core::Key> accepted;
  };

  // Who acts must have what runs as running.
  std::optional<std::string> seen_otherwise(const core::Key& key) const {
    for (const auto& host : world_.schedulers()) {
      if (!host->acting()) continue;
      const SavedRow* const row = row_of(host->store(), key);
      if (row != nullptr && row->row.state == core::State::running) continue;
      return fmt::format("{} runs, and {} has it as {}", core::to_string(key), name_of(host->index()),
                         row == nullptr ? "nothing" : core::to_string(row->row.state));
    }
    return std::nullopt;
  }

  void hear_answers() {
    const auto& auctions = world_.auctions();
    for (; read_ < auctions.size(); ++read_) open_.push_back(read_);
    std::erase_if(open_, [&](std::size_t index) {
      const AuctionSeen& auction = auctions[index];
      const SchedulerHost& host = *world_.schedulers()[static_cast<std::size_t>(auction.scheduler)];
      if (auction.outcome == AuctionSeen::Outcome::open) return !host.up() || host.life() != auction.life;
      if (auction.outcome == AuctionSeen::Outcome::accepted) {
        if (row_of(host.store(), auction.auction.key) == nullptr) {
          world_.violation(fmt::format("{} accepts {}, of which its store knows nothing", name_of(auction.scheduler),
                                       core::to_string(auction.auction.key)));
        }
        Book& book = books_[static_cast<std::size_t>(auction.scheduler)];
        book.accepted.insert(auction.auction.key);
      }
      return true;
    });
  }

  // What a commit has changed.
  void read(const SchedulerHost& host, Book& book) {
    std::map<core::Key, Row> rows;
    for (const auto& [id, saved] : host.store().contents().rows) {
      core::Key key{saved.row.kind, saved.guid, saved.row.index};
      const auto before = book.rows.find(key);
      const bool ended_before = before != book.rows.end() && core::is_ended(before->second.state);
      if (core::is_ended(saved.row.state) && !ended_before) check_end(host, key, saved);
      if (!rows.emplace(std::move(key), Row{saved.row.state, saved.attempt}).second)
        world_.violation(name_of(host.index()) + "'s store has " + saved.guid + " twice");
    }
    std::erase_if(book.accepted, [&](const core::Key& key) {
      if (rows.contains(key)) return false;
      const auto before = book.rows.find(key);
      // It may end and be cleared away with one commit, after some that failed.
      const bool ended = before != book.rows.end() &&
                         (core::is_ended(before->second.state) || told_ended_.contains({key, before->second.attempt}));
      if (!ended) {
        world_.violation(
            fmt::format("{} forgets {}, which it has accepted", name_of(host.index()), core::to_string(key)));
      }
      return true;
    });
    book.rows = std::move(rows);
  }

  // An instance that somebody wants ends for one of these reasons.
  void check_end(const SchedulerHost& host, const core::Key& key, const SavedRow& saved) {
    const auto found = world_.bbs().wanted().find(key);
    if (found == world_.bbs().wanted().end()) {
      world_.violation(name_of(host.index()) + " has " + core::to_string(key) + ", which nobody asked for");
      return;
    }
    ended_well_.insert(key);
    if (found->second.stopped || found->second.fails || key.kind == core::Kind::task) return;
    const core::InstanceRow& row = saved.row;
    if (world_.settings().bbs) return check_dropped(host, key, saved);
    const bool given_up = row.state == core::State::failed && row.failures >= core::Config{}.launch_attempts;
    const bool adopted = row.state == core::State::lost && !row.auction_known;
    // What another leader did with it in between cannot be told from here; the BBS asks again.
    if (given_up || adopted || world_.settings().schedulers > 1) return;
    world_.violation(fmt::format("{} ends {} as {}: {}", name_of(host.index()), core::to_string(key),
                                 core::to_string(row.state), saved.reason));
  }

  // The BBS restarts what has ended; what was not launched ends only where it is not wanted.
  void check_dropped(const SchedulerHost& host, const core::Key& key, const SavedRow& saved) {
    const bool never_launched = saved.attempt.empty();
    const BbsRows::Row* row = world_.bbs().rows().find(key);
    if (!never_launched || row == nullptr || row->state != BbsRows::State::unclaimed) return;
    if (world_.now() - row->since < kAnswerAtMost) return;  // It may have been another when it was read.
    world_.violation(
        fmt::format("{} drops {}, which the BBS wants: {}", name_of(host.index()), core::to_string(key), saved.reason));
  }

  // The engine's core knows what its store does.
  void look(const SchedulerHost& host, const Book& book) {
    if (!is_well(world_, host)) return;  // While nothing can be saved the core is ahead.
    for (const auto& [key, row] : book.rows) {
      if (core::is_ended(row.state)) continue;
      core::KeyPattern pattern{key.kind, key.guid, std::nullopt};
      if (key.kind == core::Kind::lrp) pattern.index = key.index;
      if (host.engine()->core().matching(pattern).empty())
        world_.violation(name_of(host.index()) + " does not know " + core::to_string(key) + ", which its store has");
    }
  }

  World& world_;
  std::vector<Book> books_;
  std::size_t read_ = 0;
  std::vector<std::size_t> open_;  // Auctions without an answer.
  std::set<core::Key> ended_well_;
  Reader events_;
  std::set<std::pair<core::Key, std::string>> told_ended_;  // Attempts of which a scheduler heard that they ended.
  Every often_{5s};
};

}  // namespace

std::unique_ptr<Checker> work_rules(World& world) { return std::make_unique<WorkRules>(world); }

}  // namespace simulation
