#include "test/simulation/world.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace simulation {
namespace {

using namespace std::chrono_literals;

// Beyond these a world does not rest: it would be a loop without progress.
constexpr std::uint64_t kStepsAtOneMomentMax = 20'000;
constexpr std::uint64_t kStepsMax = 3'000'000;
constexpr Duration kLookEvery = 5s;
constexpr Duration kQuietAtLeast = 45s;

std::string line_of(const Settings& settings) {
  return fmt::format(
      "agents={} ({} MiB, {} tagged) schedulers={} masters={}{} codec={} strategy={} zones={} processes={} "
      "instances={} tasks={} "
      "converge={} bbs={} trouble_s={} flags=\"{}\"",
      settings.agents, settings.agent_mem_mb, settings.tagged, settings.schedulers, settings.master_addresses,
      settings.detector ? " detected" : "", mesos_client::codec_name(settings.codec), settings.strategy, settings.zones,
      settings.processes, settings.instances, settings.tasks, settings.converge, settings.bbs,
      base::to_millis(settings.trouble) / 1000, fmt::join(settings.scheduler_flags, " "));
}

Settings settings_of(base::Random random, const WorldOptions& options) {
  if (options.told) return *options.told;
  Settings settings = draw_settings(random);
  if (!options.faults) settings.rates = {};
  return settings;
}

}  // namespace

World::World(WorldOptions options)
    : options_(options),
      sim_(options.seed, options.transcript),
      settings_(settings_of(sim_.fork(), options)),
      rates_now_(settings_.rates) {
  sim_.tell("world", "seed " + std::to_string(options_.seed) + " " + line_of(settings_));
  master_ = std::make_unique<MasterHost>(*this);
  lock_ = std::make_unique<LockService>(*this);
  bbs_ = std::make_unique<Bbs>(*this);
  plan_ = std::make_unique<FaultPlan>(*this);
  for (std::size_t index = 0; index < static_cast<std::size_t>(settings_.agents); ++index)
    agents_.push_back(std::make_unique<AgentHost>(*this, index));
  for (int index = 0; index < settings_.schedulers; ++index)
    schedulers_.push_back(std::make_unique<SchedulerHost>(*this, index));
}

World::~World() = default;

std::size_t World::add(AuctionSeen auction) {
  auctions_.push_back(std::move(auction));
  return auctions_.size() - 1;
}

std::size_t World::add(StopSeen stop) {
  stops_.push_back(std::move(stop));
  return stops_.size() - 1;
}

void World::violation(std::string text) {
  sim_.tell("VIOLATION", text);
  violations_.push_back({now(), std::move(text)});
}

void World::be_quiet() {
  sim_.tell("world", "faults stop");
  quiet_since_ = now();
  rates_now_ = {};
  bbs_->stop_stopping();
  plan_->end_drains();
}

std::optional<Time> World::next_deadline() const {
  std::optional<Time> next = master_->next_deadline();
  const auto by = [&next](std::optional<Time> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  for (const auto& scheduler : schedulers_) by(scheduler->next_deadline());
  for (const auto& agent : agents_) {
    by(agent->next_deadline());
    for (const Cell* cell : agent->alive_cells()) by(cell->next_deadline());
  }
  return next;
}

// Whatever is due at this moment, in a fixed order.
void World::run_all_due() {
  const auto due = [this](std::optional<Time> time) { return time && *time <= now(); };
  if (due(master_->next_deadline())) master_->run_due();
  for (const auto& scheduler : schedulers_) {
    if (due(scheduler->next_deadline())) scheduler->run_due();
  }
  for (const auto& agent : agents_) {
    if (due(agent->next_deadline())) agent->run_due();
    const auto cells = agent->alive_cells();  // Some may end meanwhile.
    for (Cell* const cell : cells) {
      if (due(cell->next_deadline())) cell->run_due();
    }
  }
}

bool World::run_until(Time end, Checker& checker) {
  while (violations_.empty()) {
    const Time message = sim_.next();
    const Time deadline = next_deadline().value_or(Time::max());
    if (std::min(message, deadline) > end) {
      sim_.advance_to(end);
      return true;
    }
    if (deadline < message) {
      sim_.advance_to(deadline);
      run_all_due();
    } else {
      sim_.step();
    }
    ++steps_;
    at_one_moment_ = now() == moment_ ? at_one_moment_ + 1 : 0;
    moment_ = now();
    if (at_one_moment_ > kStepsAtOneMomentMax) violation("the world does not get beyond this moment");
    if (steps_ > kStepsMax) violation("the world does not come to rest");
    checker.after_step();
  }
  return false;
}

void World::start_all() {
  for (const auto& agent : agents_) {
    sim_.after(sim_.between(0s, 3s), [one = agent.get()] { one->start(); });
  }
  for (const auto& scheduler : schedulers_) {
    sim_.after(sim_.between(0s, 500ms), [one = scheduler.get()] { one->start(); });
  }
}

void World::begin() {
  be_quiet();
  start_all();
}

void World::run(Checker& checker) {
  start_all();
  bbs_->start();
  if (options_.faults) plan_->start();
  if (!run_until(now() + settings_.trouble, checker)) return;
  be_quiet();
  const Time earliest = now() + kQuietAtLeast;
  const Time end = now() + settings_.quiet;
  std::optional<std::string> unsettled;
  do {
    if (!run_until(now() + kLookEvery, checker)) return;
    unsettled = checker.unsettled();
  } while (now() < end && (unsettled || now() < earliest));
  if (unsettled)
    violation(fmt::format("{} s after the last fault: {}", base::to_millis(now() - *quiet_since_) / 1000, *unsettled));
  if (violations_.empty()) checker.at_end();
  sim_.tell("world", "ends");
}

}  // namespace simulation
