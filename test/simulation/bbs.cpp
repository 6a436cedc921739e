#include "test/simulation/bbs.hpp"

#include <algorithm>
#include <utility>

#include "diego/bbs.pb.h"
#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration kClientTimeout = 5s;
constexpr std::int32_t kHugeMb = 1'000'000;

// Those with odd numbers, where there are agents for them.
void want_tag(diego::PlacementConstraint& constraint, int number, const Settings& settings) {
  if (settings.tagged > 0 && number % 2 == 1) constraint.placement_tags = {std::string(kTag)};
}

bool is_huge(const core::Key& key) { return key.guid.find("HUGE") != std::string::npos; }

}  // namespace

Bbs::Bbs(World& world) : world_(world) {}

core::Auction Bbs::make_lrp(int process, int index) {
  core::Auction auction;
  const char* const fate = process == crashing_  ? "-CRASHME"
                           : process == failing_ ? "-FAILME"
                           : process == huge_    ? "-HUGE"
                                                 : "";
  auction.key = {core::Kind::lrp, "process-" + std::to_string(process) + fate, index};
  auction.domain = "cf-apps";
  auction.constraint.rootfs = "preloaded:cflinuxfs4";
  want_tag(auction.constraint, process, world_.settings());
  const auto& shape = shapes_[static_cast<std::size_t>(process) % shapes_.size()];
  auction.resource = shape;
  if (process == huge_) auction.resource.memory_mb = kHugeMb;
  auction.trace_id = "trace-" + std::to_string(process);
  return auction;
}

core::Auction Bbs::make_task(int number) {
  const bool huge = world_.settings().bbs && number % 4 == 3;
  core::Auction auction;
  auction.key = {core::Kind::task,
                 "task-" + std::to_string(number) +
                     (number % 9 == 8 ? "-CRASHME"
                      : huge          ? "-HUGE"
                                      : ""),
                 0};
  auction.domain = "cf-tasks";
  auction.constraint.rootfs = "preloaded:cflinuxfs4";
  want_tag(auction.constraint, number, world_.settings());
  auction.resource = shapes_[static_cast<std::size_t>(number) % shapes_.size()];
  if (huge) auction.resource.memory_mb = kHugeMb;
  return auction;
}

void Bbs::start() {
  auto& sim = world_.sim();
  const auto& settings = world_.settings();
  shapes_ = {{64, 128, 0}, {128, 256, 0}, {256, 512, 0}, {0, 0, 0}, {512, 128, 0}};
  if (sim.one_in(8)) crashing_ = static_cast<int>(sim.below(static_cast<std::uint64_t>(settings.processes)));
  if (sim.one_in(12)) failing_ = static_cast<int>(sim.below(static_cast<std::uint64_t>(settings.processes)));

  if (settings.bbs && sim.one_in(4))
    huge_ = static_cast<int>(sim.below(static_cast<std::uint64_t>(settings.processes)));

  // Applications are pushed as a whole, or scaled up later; Tasks come one by one.
  std::vector<std::vector<core::Auction>> posts;
  int left = settings.instances;
  for (int process = 0; process < settings.processes && left > 0; ++process) {
    const int count =
        process + 1 == settings.processes ? left : 1 + static_cast<int>(sim.below(static_cast<std::uint64_t>(left)));
    left -= count;
    std::vector<core::Auction> post;
    for (int index = 0; index < count; ++index) {
      post.push_back(make_lrp(process, index));
      if (sim.one_in(4)) posts.push_back(std::exchange(post, {}));
    }
    if (!post.empty()) posts.push_back(std::move(post));
  }
  for (int number = 0; number < settings.tasks; ++number) posts.push_back({make_task(number)});

  for (const auto& post : posts) {
    const Duration when = sim.one_in(2) ? sim.between(0s, 5s) : sim.between(0s, settings.trouble * 3 / 4);
    sim.after(when, [this, post] { ask(post); });
  }
  if (settings.converge) sim.after(kConvergence, [this] { converge_again(); });
  sim.after(sim.between(5s, 60s), [this] { stop_one(); });
}

void Bbs::ask(const std::vector<core::Auction>& auctions) {
  for (const core::Auction& auction : auctions) {
    Wanted wanted;
    wanted.auction = auction;
    wanted.first_sent = world_.now();
    wanted.fails = auction.key.guid.find("FAILME") != std::string::npos ||
                   auction.key.guid.find("CRASHME") != std::string::npos || is_huge(auction.key);
    for (const core::KeyPattern& pattern : stopped_) wanted.stopped = wanted.stopped || pattern.matches(auction.key);
    if (world_.settings().bbs && !wanted.stopped) rows_.desire(auction.key, auction.domain, world_.now());
    wanted_.emplace(auction.key, std::move(wanted));
  }
  send(auctions);
}

// Who leads takes auctions; the others refuse them.
SchedulerHost* Bbs::addressee() const {
  SchedulerHost* chosen = nullptr;
  for (const auto& host : world_.schedulers()) {
    if (!host->up()) continue;
    if (chosen == nullptr || host->engine()->leading()) chosen = host.get();
  }
  return chosen;
}

// Diego's BBS does not send again by itself where there is convergence; where there is none we do, until
// we know that it was taken.
void Bbs::send(std::vector<core::Auction> auctions) {
  if (!world_.settings().bbs) return post(std::move(auctions));
  // On its way what it says grows old; and Diego's BBS tries a second way when the first one breaks (facts 1.8).
  auto& sim = world_.sim();
  Duration there = sim.between(1ms, 30ms);
  if (sim.one_in(world_.rates().bbs_slow)) {
    sim.fault("auctions_late", "bbs");
    there += sim.between(1s, 30s);
  }
  if (sim.one_in(world_.rates().bbs_answer_lost)) {
    sim.fault("auctions_twice", "bbs");
    sim.after(there + sim.between(1ms, 5s), [this, auctions] { post(auctions); });
  }
  sim.after(there, [this, auctions] { post(auctions); });
}

void Bbs::post(std::vector<core::Auction> auctions) {
  std::erase_if(auctions, [this](const core::Auction& auction) { return wanted_.at(auction.key).stopped; });
  if (auctions.empty()) return;
  auto& sim = world_.sim();
  SchedulerHost* const host = addressee();
  std::vector<std::size_t> records;
  if (host != nullptr) {
    for (const core::Auction& auction : auctions) {
      AuctionSeen seen;
      seen.auction = auction;
      seen.at = world_.now();
      seen.scheduler = host->index();
      seen.life = host->life();
      records.push_back(world_.add(std::move(seen)));
      if (sim.told())
        sim.tell("bbs", "auctions " + core::to_string(auction.key) + " at scheduler-" + std::to_string(host->index()));
    }
    host->submit(auctions, [this, records](const base::Status& answer) {
      for (const std::size_t index : records) {
        AuctionSeen& seen = world_.auction(index);
        seen.answered = world_.now();
        seen.outcome = answer ? AuctionSeen::Outcome::accepted : AuctionSeen::Outcome::refused;
        Wanted& wanted = wanted_.at(seen.auction.key);
        if (answer && !wanted.accepted) wanted.accepted = world_.now();
        if (world_.sim().told())
          world_.sim().tell("bbs", core::to_string(seen.auction.key) +
                                       (answer ? " is accepted" : " is refused: " + answer.error().message()));
      }
    });
  }
  if (world_.settings().converge) return;
  sim.after(kClientTimeout, [this, auctions] {
    auto again = auctions;
    std::erase_if(again, [this](const core::Auction& auction) { return wanted_.at(auction.key).accepted.has_value(); });
    send(std::move(again));
  });
}

bool Bbs::runs(const core::Key& key) const {
  for (const auto& agent : world_.agents()) {
    for (const auto& [id, cell] : agent->cells()) {
      const diego::CellState* const rep = cell->rep();
      if (!cell->alive() || rep == nullptr) continue;
      if (key.kind == core::Kind::lrp) {
        for (const diego::Lrp& lrp : rep->lrps) {
          if (lrp.process_guid == key.guid && lrp.index == key.index &&
              (lrp.state == "RUNNING" || lrp.state == "CLAIMED"))
            return true;
        }
      } else {
        for (const diego::Task& task : rep->tasks) {
          if (task.task_guid == key.guid) return true;
        }
      }
    }
  }
  return false;
}

void Bbs::converge() {
  if (world_.settings().bbs) {
    if (world_.now() >= away_until_) send(auctions_for(rows_.converge(cells_there(), world_.now())));
    return;
  }
  std::vector<core::Auction> missing;
  for (const auto& [key, wanted] : wanted_) {
    if (wanted.stopped || wanted.completed || runs(key)) continue;
    if (key.kind == core::Kind::task && wanted.ran) continue;  // Lost with its cell: failed, in Diego.
    missing.push_back(wanted.auction);
  }
  if (!missing.empty()) send(std::move(missing));
}

void Bbs::converge_again() {
  converge();
  world_.sim().after(kConvergence, [this] { converge_again(); });
}

void Bbs::stop_one() {
  if (!may_stop_) return;
  auto& sim = world_.sim();
  sim.after(sim.between(5s, 90s), [this] { stop_one(); });
  std::vector<core::Key> candidates;
  for (const auto& [key, wanted] : wanted_) {
    if (wanted.accepted && !wanted.stopped) candidates.push_back(key);
  }
  if (candidates.empty()) return;
  const core::Key key = candidates[sim.below(candidates.size())];
  core::KeyPattern pattern{key.kind, key.guid, std::nullopt};
  if (key.kind == core::Kind::lrp && !sim.one_in(4)) pattern.index = key.index;
  stop(pattern);
}

void Bbs::stop(const core::KeyPattern& pattern) {
  stopped_.push_back(pattern);  // What belongs to it and comes later is not wanted either.
  for (auto& [other, wanted] : wanted_) {
    if (pattern.matches(other)) wanted.stopped = true;
  }
  if (world_.settings().bbs) return retire(pattern);
  send_stop(pattern);
}

void Bbs::send_stop(const core::KeyPattern& pattern) {
  auto& sim = world_.sim();
  const auto taken = std::make_shared<bool>(false);
  if (SchedulerHost* const host = addressee()) {
    StopSeen seen;
    seen.pattern = pattern;
    seen.at = world_.now();
    seen.scheduler = host->index();
    seen.life = host->life();
    const std::size_t index = world_.add(std::move(seen));
    if (sim.told()) sim.tell("bbs", "stops " + pattern.guid);
    host->stop(pattern, [this, index, taken](const base::Result<engine::Engine::Keys>& answer) {
      StopSeen& stop = world_.stop(index);
      stop.answered = world_.now();
      stop.outcome = answer ? AuctionSeen::Outcome::accepted : AuctionSeen::Outcome::refused;
      if (answer) stop.keys = *answer;
      *taken = static_cast<bool>(answer);
    });
  }
  sim.after(kClientTimeout, [this, pattern, taken] {
    if (!*taken) send_stop(pattern);
  });
}

// ---- With rows

std::vector<core::Auction> Bbs::auctions_for(const std::vector<core::Key>& keys) const {
  std::vector<core::Auction> auctions;
  for (const core::Key& key : keys) auctions.push_back(wanted_.at(key).auction);
  return auctions;
}

std::vector<std::string> Bbs::cells_there() const {
  std::vector<std::string> cells;
  for (const auto& agent : world_.agents()) {
    for (const auto& [id, cell] : agent->cells()) {
      if (cell->alive() && cell->rep() != nullptr) cells.push_back(cell->cell_id());
    }
  }
  return cells;
}

// The BBS calls the reps itself, and tells no scheduler (facts 3.5).
void Bbs::retire(const core::KeyPattern& pattern) {
  for (const auto& [key, wanted] : wanted_) {
    if (!pattern.matches(key)) continue;
    for (const BbsRows::Holder& holder : rows_.retire(key)) {
      for (const auto& agent : world_.agents()) {
        for (const auto& [id, cell] : agent->cells()) {
          if (cell->cell_id() == holder.cell_id) cell->bbs_stops(key, holder.instance_guid);
        }
      }
    }
    if (world_.sim().told()) world_.sim().tell("bbs", core::to_string(key) + " is wanted no more");
  }
}

BbsRows::Verdict Bbs::see(const std::string& cell_id, const diego::CellState& state) {
  auto verdict = rows_.see(cell_id, state, world_.now());
  if (!verdict.auction.empty()) send(auctions_for(verdict.auction));
  return verdict;
}

std::optional<diego::BbsReply> Bbs::serve(const diego::BbsCall& call) {
  auto& sim = world_.sim();
  const auto silent = [this]() -> std::optional<diego::BbsReply> {
    last_silent_ = world_.now();
    return std::nullopt;
  };
  if (world_.now() < away_until_) return silent();
  if (sim.one_in(world_.rates().bbs_call_lost)) {
    sim.fault("bbs_call_lost", call.path);
    return silent();
  }
  remember_shown(call);
  auto reply = rows_.serve(call, world_.now());
  for (auto& [key, wanted] : wanted_) {
    const BbsRows::Row* row = key.kind == core::Kind::task ? rows_.find(key) : nullptr;
    if (row != nullptr && row->failed) wanted.fails = true;
  }
  if (!sim.one_in(world_.rates().bbs_answer_lost)) return reply;
  sim.fault("bbs_answer_lost", call.path);
  return silent();
}

void Bbs::remember_shown(const diego::BbsCall& call) {
  models::ActualLRPsRequest request;
  if (call.path != "/v1/actual_lrps/list" || !request.ParseFromString(call.body)) return;
  for (const auto& [key, row] : rows_.rows()) {
    if (key.kind == core::Kind::lrp && key.guid == request.process_guid() && row.state == BbsRows::State::unclaimed)
      shown_unclaimed_[key] = world_.now();
  }
}

std::optional<Time> Bbs::shown_unclaimed(const core::Key& key) const {
  const auto found = shown_unclaimed_.find(key);
  return found == shown_unclaimed_.end() ? std::nullopt : std::optional(found->second);
}

void Bbs::away_for(Duration how_long) {
  world_.sim().fault("bbs_outage", "bbs");
  away_until_ = world_.now() + how_long;
}

std::optional<std::string> Bbs::untold() const {
  for (const auto& [key, wanted] : wanted_) {
    const BbsRows::Row* row = rows_.find(key);
    if (!is_huge(key) || row == nullptr) continue;
    if (key.kind == core::Kind::task ? !row->failed : row->text != "insufficient resources: memory")
      return core::to_string(key) + " fits nowhere, and the BBS has: " + row->text;
  }
  return std::nullopt;
}

int Bbs::auctions_of(const core::Key& key) const {
  int count = 0;
  for (const AuctionSeen& auction : world_.auctions()) count += auction.auction.key == key ? 1 : 0;
  return count;
}

void Bbs::seen_running(const core::Key& key) {
  if (const auto found = wanted_.find(key); found != wanted_.end()) found->second.ran = true;
}

void Bbs::seen_completed(const core::Key& key) {
  if (const auto found = wanted_.find(key); found != wanted_.end()) found->second.ran = found->second.completed = true;
}

}  // namespace simulation
