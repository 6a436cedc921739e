// A core with a recorder around it: verbs for what happens, and what it did since last asked.
#pragma once

#include <catch2/catch.hpp>

#include "scheduler/core/core.hpp"

namespace core {

using namespace std::chrono_literals;

class PlainCells final : public CellFactory {
 public:
  std::string executor_info(const CellSpec& spec) const override {
    return spec.executor_id + "|" + spec.cell_id + "|" + std::to_string(sum(spec.pieces).mem_mb);
  }
  std::string fingerprint() const override { return "f00d"; }
};

struct Rig {
  explicit Rig(Config config = {}, const std::string& strategy = "binpack", std::uint64_t seed = 1)
      : core(with_rootfs(std::move(config)), cells, std::move(*placement::make_strategy(strategy)),
             base::Random(seed)) {}

  static Config with_rootfs(Config config) {
    config.cell_rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
    return config;
  }

  // Things that happen. Each ends with settle(), like a mailbox with one message.
  void happen(const Event& event) {
    keep(core.handle(event, now));
    settle();
  }
  void settle() { keep(core.settle(now)); }
  void subscribe() { happen(Subscribed{"F", core.wants_suppressed(now)}); }
  // Past the look at every agent that follows a first subscription.
  void subscribe_and_suppress() {
    subscribe();
    pass(2s);
    done();
  }
  void pass(base::Duration duration) {
    const base::Time end = now + duration;
    while (core.next_deadline() && *core.next_deadline() <= end) {
      now = std::max(now, *core.next_deadline());
      settle();
    }
    now = end;
    settle();
  }
  void lrp(const std::string& guid, std::vector<std::int32_t> indices, std::int32_t mem_mb = 100) {
    AuctionsSubmitted submitted;
    for (const auto index : indices) submitted.auctions.push_back(auction({Kind::lrp, guid, index}, mem_mb));
    happen(submitted);
  }
  void task(const std::string& guid, std::int32_t mem_mb = 100) {
    happen(AuctionsSubmitted{{auction({Kind::task, guid, 0}, mem_mb)}});
  }
  static Auction auction(Key key, std::int32_t mem_mb) {
    Auction auction;
    auction.key = std::move(key);
    auction.domain = "apps";
    auction.constraint.rootfs = "preloaded:fs";
    auction.resource.memory_mb = mem_mb;
    return auction;
  }
  Offer make_offer(const std::string& agent, std::int64_t mem_mb, std::vector<std::string> executors = {}) {
    Offer offer;
    offer.id = "o" + std::to_string(++offers_made);
    offer.agent_id = agent;
    offer.hostname = agent + ".example";
    offer.ip = "10.0.0." + std::to_string(agent.back() - '0');
    offer.pieces = {{Dimension::cpus, 4000, "c"}, {Dimension::mem, mem_mb, "m"}, {Dimension::disk, 9000, "d"}};
    offer.executor_ids = std::move(executors);
    return offer;
  }
  void offer(const std::string& agent, std::int64_t mem_mb, std::vector<std::string> executors = {}) {
    happen(OffersArrived{{make_offer(agent, mem_mb, std::move(executors))}});
  }
  void status(const std::string& task_id, TaskState state, const std::string& agent,
              StatusReason reason = StatusReason::none, const std::string& message = "", bool acknowledged = true) {
    Status status{task_id, state, reason, "", message, acknowledged ? "uuid-of-16-bytes" : "", agent, ""};
    if (const auto cell = executor_of(agent)) status.executor_id = *cell;
    status.from_executor = acknowledged && reason == StatusReason::none;
    happen(StatusArrived{status});
  }

  // What came of it.
  template <class A>
  std::vector<A> all() const {
    std::vector<A> found;
    for (const Action& action : actions) {
      if (const auto* one = std::get_if<A>(&action)) found.push_back(*one);
    }
    return found;
  }
  template <class A>
  A only() const {
    const auto found = all<A>();
    REQUIRE(found.size() == 1);
    return found.front();
  }
  template <class A>
  bool none() const {
    return all<A>().empty();
  }
  void done() { actions.clear(); }

  InstanceView view(const Key& key) const {
    for (const auto& view : core.instances({})) {
      if (view.key == key) return view;
    }
    FAIL("no instance " << to_string(key));
    return {};
  }
  InstanceView view(const std::string& guid, std::int32_t index) const { return view(Key{Kind::lrp, guid, index}); }
  State state(const std::string& guid, std::int32_t index) const { return view(guid, index).state; }
  std::string task_id(const std::string& guid, std::int32_t index) const { return view(guid, index).task_id; }
  std::optional<std::string> executor_of(const std::string& agent) const {
    for (const auto& cell : core.cells()) {
      if (cell.agent_id == agent) return cell.executor_id;
    }
    return std::nullopt;
  }
  // One instance running on agent a1, everything answered, suppressed again.
  void run_one() {
    subscribe_and_suppress();
    lrp("p", {0});
    offer("a1", 4000);
    status(task_id("p", 0), TaskState::starting, "a1");
    status(task_id("p", 0), TaskState::running, "a1");
    done();
  }

  PlainCells cells;
  base::Time now{std::chrono::hours(1)};
  Core core;
  Actions actions;
  int offers_made = 0;

 private:
  void keep(Actions more) {
    actions.insert(actions.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
};

}  // namespace core
