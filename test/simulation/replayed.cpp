// replayed [--seeds N] [--first S] [--minutes M]
//
// Worlds of an hour with faults of all kinds, each life of each scheduler recorded and told to another core: what
// that decides is what was decided, byte for byte. And the proof that this is looked at: another seed, an input that
// is left out and a changed byte are each found. Last, other policies decide on all of it, for what is asserted.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "platform/flags.hpp"
#include "scheduler/edge/print.hpp"
#include "scheduler/record/player.hpp"
#include "scheduler/record/what_if.hpp"
#include "test/simulation/invariants.hpp"
#include "test/simulation/world.hpp"

namespace {

using namespace simulation;
using namespace std::chrono_literals;

std::string print(const core::Action& action) { return edge::print(action); }

// The frames of a life, whose bytes must outlive them.
base::Result<std::vector<record::Frame>> frames_of(const std::vector<std::string>& segments) {
  std::vector<record::Frame> frames;
  for (const std::string& bytes : segments) {
    auto segment = record::Segment::open("segment", bytes);
    if (!segment) return segment.error();
    for (;;) {
      auto frame = segment->next();
      if (!frame) return frame.error();
      if (!*frame) break;
      frames.push_back(**std::move(frame));
    }
    if (const auto cut = segment->cut_at())
      return base::Error{"segment at offset " + std::to_string(*cut), "ends within a frame"};
  }
  return frames;
}

// Where it was decided otherwise: the number of the frame and what differs; nullopt: nowhere.
struct Found {
  std::size_t frame = 0;
  record::Difference difference;
};
std::optional<Found> repeat(const std::vector<record::Frame>& frames, std::optional<std::size_t> left_out = {},
                            bool other_seed = false) {
  record::Beginning beginning = std::get<record::Beginning>(frames.front().input);
  if (other_seed) ++beginning.seed;
  record::Player player(beginning, *placement::make_strategy(beginning.config.strategy, beginning.config.weights));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (left_out == i) continue;
    auto found = record::difference(frames[i].answer, player.play(frames[i]), print);
    if (found) return Found{i, *std::move(found)};
  }
  return std::nullopt;
}

template <class What>
std::optional<std::size_t> first(const std::vector<record::Frame>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (std::holds_alternative<What>(frames[i].input)) return i;
  }
  return std::nullopt;
}

struct Sums {
  std::size_t lives = 0, inputs = 0, actions = 0, launches = 0, bytes = 0, segments = 0;
  std::size_t other_seeds = 0, left_out = 0, flipped = 0;  // Found.
  std::size_t placements = 0, elsewhere = 0;               // Of the same policy, in the open loop.
  int wrong = 0;
};

void complain(Sums& sums, const std::string& line) {
  std::cout << line << "\n";
  ++sums.wrong;
}

bool launches_something(const std::vector<record::Frame>& frames) {
  for (const record::Frame& frame : frames) {
    for (const core::Action& action : frame.answer.told) {
      if (std::holds_alternative<core::Accept>(action)) return true;
    }
  }
  return false;
}

// That a difference would be seen.
void break_it(const std::string& who, const RecordedLife& life, const std::vector<record::Frame>& frames, Sums& sums) {
  if (!launches_something(frames)) return;
  if (repeat(frames, {}, true)) {
    ++sums.other_seeds;
  } else {
    complain(sums, who + ": another seed decides the same");
  }
  const auto subscribed = first<core::Subscribed>(frames);
  if (subscribed && repeat(frames, subscribed)) {
    ++sums.left_out;
  } else {
    complain(sums, who + ": without its subscription it decides the same");
  }
  std::vector<std::string> segments = life.segments;
  std::string& bytes = segments[segments.size() / 2];
  const std::size_t begin = bytes.find("\n\n") + 2;  // Of its frames.
  char& one = bytes[begin + (bytes.size() - begin) / 2];
  one = static_cast<char>(one ^ 1);
  const auto read = frames_of(segments);
  if (!read && read.error().message().find(" at offset ") != std::string::npos) {
    ++sums.flipped;
  } else {
    complain(sums, who + ": a changed byte is not seen");
  }
}

void ask_others(const std::vector<record::Frame>& frames, Sums& sums) {
  record::Beginning beginning = std::get<record::Beginning>(frames.front().input);
  const std::string own = beginning.config.strategy;
  for (const std::string& name : placement::strategy_names()) {
    beginning.config.strategy = name;
    record::WhatIf other(beginning, *placement::make_strategy(name, beginning.config.weights));
    for (const record::Frame& frame : frames) other.play(frame);
    if (name != own) continue;
    for (const auto& [key, placings] : other.then().placings()) {
      const auto now = other.now().placings().find(key);
      for (std::size_t i = 0; i < placings.size(); ++i, ++sums.placements) {
        const bool same = now != other.now().placings().end() && i < now->second.size() &&
                          now->second[i].agent_id == placings[i].agent_id;
        if (!same) ++sums.elsewhere;
      }
    }
  }
}

void check(const std::string& who, const RecordedLife& life, Sums& sums) {
  const auto frames = frames_of(life.segments);
  if (!frames) return complain(sums, who + ": " + frames.error().message());
  ++sums.lives;
  sums.segments += life.segments.size();
  for (const std::string& bytes : life.segments) sums.bytes += bytes.size();
  for (const record::Frame& frame : *frames) {
    ++sums.inputs;
    sums.actions += frame.answer.actions;
    for (const core::Action& action : frame.answer.told) {
      if (const auto* accept = std::get_if<core::Accept>(&action)) sums.launches += accept->launches.size();
    }
  }
  if (const auto found = repeat(*frames)) {
    return complain(sums, fmt::format("{}: frame {} of {}, {}: expected {} | got {}", who, found->frame, frames->size(),
                                      record::name_of((*frames)[found->frame].input), found->difference.expected,
                                      found->difference.got));
  }
  break_it(who, life, *frames, sums);
  ask_others(*frames, sums);
}

// Changes the policy of whoever listens, now and then.
void change_policies(World& world) {
  world.sim().after(world.sim().between(5s, 3min), [&world] {
    if (world.quiet()) return;
    static constexpr std::array kChanges = {
        R"({"strategy":"spread"})", R"({"strategy":"diego","diego_starting_weight":2})", R"({"strategy":"binpack"})",
        R"({"strategy":null,"offer_wait_ms":100})", R"({"cells_roll_max":2,"offer_wait_ms":null})"};
    const std::string json = kChanges[world.sim().below(kChanges.size())];
    for (const auto& host : world.schedulers()) host->change_policy(json);
    change_policies(world);
  });
}

void run(std::uint64_t seed, Duration trouble, Sums& sums) {
  base::Random random(seed);
  Settings settings = draw_settings(random);
  settings.trouble = trouble;
  // Long lives too: in every other world nobody kills a scheduler from outside.
  if (seed % 2 == 0) settings.rates.scheduler_crash = {};
  if (seed % 2 == 0) settings.rates.crash_at_commit = settings.rates.crash_at_send = 0;
  WorldOptions options;
  options.seed = seed;
  options.record = true;
  options.told = settings;
  World world(options);
  change_policies(world);
  Invariants invariants(world);
  world.run(invariants);
  if (!world.violations().empty())
    return complain(sums, fmt::format("seed {}: {}", seed, world.violations().front().text));
  for (const auto& scheduler : world.schedulers()) {
    std::size_t number = 0;
    for (const auto& life : scheduler->recorded())
      check(fmt::format("seed {} scheduler {} life {}", seed, scheduler->index(), ++number), *life, sums);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t seeds = 20, start = 1, minutes = 60;
  platform::Flags parser("replayed", "recorded hours of the simulation, decided again");
  parser.add("seeds", seeds, "how many worlds", 1, 1'000'000);
  parser.add("first", start, "the seed of the first", 0, std::int64_t{1} << 62);
  parser.add("minutes", minutes, "of faults, in virtual time", 1, 1'000);
  platform::parse_or_exit(parser, argc, argv);
  Sums sums;
  for (std::int64_t i = 0; i < seeds; ++i) run(static_cast<std::uint64_t>(start + i), minutes * 1min, sums);
  if (sums.launches == 0 || sums.other_seeds == 0) complain(sums, "nothing was decided");
  std::cout
      << fmt::format(
             R"({{"seeds":{},"lives":{},"segments":{},"bytes":{},"inputs":{},"actions":{},"launches":{},"other_seeds_found":{},)"
             R"("left_out_found":{},"flipped_found":{},"placements":{},"elsewhere_in_the_open_loop":{},"wrong":{}}})",
             seeds, sums.lives, sums.segments, sums.bytes, sums.inputs, sums.actions, sums.launches, sums.other_seeds,
             sums.left_out, sums.flipped, sums.placements, sums.elsewhere, sums.wrong)
      << "\n";
  return sums.wrong == 0 ? 0 : 1;
}
