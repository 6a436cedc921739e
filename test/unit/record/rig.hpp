// A core with a tape beside it, as the engine has them, and a recording in memory.
#pragma once

#include <catch2/catch.hpp>

#include "scheduler/core/core.hpp"
#include "scheduler/record/player.hpp"
#include "scheduler/record/tape.hpp"
#include "scheduler/record/what_if.hpp"

namespace record {

using namespace std::chrono_literals;

class Memory final : public Output {
 public:
  void begin_segment(std::uint64_t number, std::string_view begins) override {
    CHECK(number == segments.size());
    segments.emplace_back(begins);
  }
  void write(std::string_view bytes) override { segments.back() += bytes; }
  bool over() const override { return ended; }

  std::vector<std::string> segments;
  bool ended = false;
};

class SecretCells final : public core::CellFactory {
 public:
  std::string executor_info(const core::CellSpec& spec) const override { return spec.executor_id + "|hunter2"; }
  std::string fingerprint() const override { return "f00d"; }
};

struct Rig {
  explicit Rig(const std::string& strategy = "spread", std::size_t segment_bytes = 1 << 20, std::size_t rows_max = 100,
               std::size_t snapshot_bytes_max = 1 << 20)
      : tape({"1.2.3", "life", segment_bytes, rows_max, snapshot_bytes_max}, output, base::Random(5)),
        core(config(strategy), tape.watch(cells), std::move(*placement::make_strategy(strategy)), base::Random(9)) {
    tape.begins(config(strategy), cells.fingerprint(), 9);
    core.recovered(now);
    tape.stepped(core::Recovered{}, now, {});
  }

  static core::Config config(const std::string& strategy = "spread") {
    core::Config config;
    config.strategy = strategy;
    config.cell_rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
    return config;
  }

  void happen(const core::Event& event) {
    core::Actions answer = core.handle(event, now);
    tape.heard(event, now, answer);
    keep(answer);
    settle();
  }
  void settle() {
    tape.rests(core, now);
    core::Actions answer = core.settle(now);
    tape.stepped(core::Settled{true}, now, answer);
    keep(answer);
    core.changes_saved();
    tape.stepped(core::ChangesSaved{}, now, {});
  }
  void pass(base::Duration duration) {
    const base::Time end = now + duration;
    while (core.next_deadline() && *core.next_deadline() <= end) {
      now = std::max(now + 1ms, *core.next_deadline());
      settle();
    }
    now = std::max(now, end);
  }
  void offer(const std::string& agent, std::int64_t mem_mb) { happen(core::OffersArrived{{offer_of(agent, mem_mb)}}); }
  core::Offer offer_of(const std::string& agent, std::int64_t mem_mb) {
    core::Offer offer;
    offer.id = "o" + std::to_string(++offers);
    offer.agent_id = agent;
    offer.hostname = agent;
    offer.pieces = {{core::Dimension::cpus, 4000, "c", false},
                    {core::Dimension::mem, mem_mb, "m", false},
                    {core::Dimension::disk, 90'000, "d", false}};
    if (executors.contains(agent)) offer.executor_ids = {executors.at(agent)};
    return offer;
  }
  void change_policy(const std::string& json) {
    happen(core::PolicyChanged{*core::merged(core.policy(), core.usual_policy(), json)});
  }
  void lrp(const std::string& guid, std::int32_t index) {
    core::Auction auction;
    auction.key = {core::Kind::lrp, guid, index};
    auction.domain = "apps";
    auction.constraint.rootfs = "preloaded:fs";
    auction.resource.memory_mb = 100;
    happen(core::AuctionsSubmitted{{auction}});
  }
  // All that was launched and not told of yet.
  void run_all() {
    for (const core::Launch& launch : std::exchange(launched, {})) {
      for (const auto state : {core::TaskState::starting, core::TaskState::running})
        status(launch.task_id, state, agent_of.at(launch.task_id));
    }
  }
  void status(const std::string& task, core::TaskState state, const std::string& agent) {
    happen(core::StatusArrived{
        {task, state, core::StatusReason::none, "", "", "uuid-of-16-bytes", agent, executors.at(agent), true}});
  }

  void keep(const core::Actions& answer) {
    for (const core::Action& action : answer) {
      const auto* accept = std::get_if<core::Accept>(&action);
      if (accept == nullptr) continue;
      executors[accept->agent_id] = accept->executor_info.substr(0, accept->executor_info.find('|'));
      for (const core::Launch& launch : accept->launches) {
        launched.push_back(launch);
        agent_of[launch.task_id] = accept->agent_id;
      }
    }
  }

  // An app of three, on three agents by `spread`, that run.
  void app_of_three() {
    happen(core::Subscribed{"F", false});
    for (std::int32_t index = 0; index < 3; ++index) lrp("app", index);
    happen(core::OffersArrived{{offer_of("a1", 4000), offer_of("a2", 4000), offer_of("a3", 4000)}});
    pass(2s);
    run_all();
    pass(20s);
  }

  std::vector<Frame> frames() const {
    std::vector<Frame> all;
    for (const std::string& bytes : output.segments) {
      auto segment = Segment::open("segment", bytes);
      REQUIRE(segment);
      for (;;) {
        auto frame = segment->next();
        if (!frame) FAIL(frame.error().message());
        if (!*frame) break;
        all.push_back(**std::move(frame));
      }
    }
    return all;
  }

  base::Time now{1000s};
  Memory output;
  SecretCells cells;
  Tape tape;
  core::Core core;
  int offers = 0;
  std::map<std::string, std::string> executors, agent_of;
  std::vector<core::Launch> launched;
};

inline std::string print_kind(const core::Action& action) {
  if (const auto* accept = std::get_if<core::Accept>(&action)) return "ACCEPT on " + accept->agent_id;
  if (const auto* note = std::get_if<core::Note>(&action)) return note->text;
  return "action " + std::to_string(action.index());
}

}  // namespace record
