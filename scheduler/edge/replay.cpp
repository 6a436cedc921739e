#include "scheduler/edge/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "scheduler/edge/options.hpp"
#include "scheduler/edge/print.hpp"
#include "scheduler/edge/replay_summary.hpp"
#include "scheduler/plugin/load.hpp"
#include "scheduler/record/player.hpp"
#include "scheduler/record/recorded_files.hpp"
#include "scheduler/record/what_if.hpp"

namespace edge {
namespace {

void say(const std::string& line) { std::printf("%s\n", line.c_str()); }

// The frames of a life, one after the other. `visit` returns false to end; an error names file and offset.
using Visit = std::function<base::Result<bool>(const record::Segment& segment, const record::Frame& frame)>;

base::Result<bool> visit_segment(const record::Life& life, std::size_t index, const Visit& visit) {
  const auto bytes = record::bytes_of(life.paths[index]);
  if (!bytes) return bytes.error();
  const bool is_last = index + 1 == life.paths.size();
  auto segment = record::Segment::open(life.paths[index], *bytes);
  if (!segment && is_last && (index > 0 || bytes->empty())) {  // Killed just as it was begun.
    say(segment.error().message() + ", and is passed over");
    return true;
  }
  if (!segment) return segment.error();
  for (;;) {
    auto frame = segment->next();
    if (!frame) return frame.error();
    if (!*frame) break;
    const auto goes_on = visit(*segment, **frame);
    if (!goes_on || !*goes_on) return goes_on;
  }
  if (const auto cut = segment->cut_at()) {
    const std::string where = life.paths[index] + " at offset " + std::to_string(*cut);
    if (!is_last) return base::Error{where, "ends within a frame, and is not the last file of its life"};
    say(where + ": ends within a frame, as after a kill -9; what follows it is not there");
  }
  return true;
}

base::Status visit_life(const record::Life& life, const Visit& visit) {
  for (std::size_t i = 0; i < life.paths.size(); ++i) {
    if (i > 0 && life.segments[i] != life.segments[i - 1] + 1)
      return base::Error{life.paths[i], "follows on a segment that is missing"};
    const auto goes_on = visit_segment(life, i, visit);
    if (!goes_on) return goes_on.error();
    if (!*goes_on) break;
  }
  return base::ok();
}

// ---- The same again

struct Repeated {
  std::size_t inputs = 0, actions = 0;
  base::Time first, last;
  bool differs = false;
  base::Status read = base::ok();  // To its end.
};

Repeated repeat(const record::Life& life) {
  Repeated seen;
  std::unique_ptr<record::Player> player;
  seen.read = visit_life(life, [&](const record::Segment& segment, const record::Frame& frame) -> base::Result<bool> {
    if (const auto* beginning = std::get_if<record::Beginning>(&frame.input)) {
      if (player != nullptr) return true;
      auto strategy = plugin::load_strategy(beginning->config.strategy, beginning->config.weights);
      if (!strategy) return strategy.error();
      player = std::make_unique<record::Player>(*beginning, *std::move(strategy));
      return true;
    }
    if (player == nullptr) return base::Error{segment.name(), "does not say what its core was made of"};
    if (std::holds_alternative<record::Snapshot>(frame.input)) return true;
    const auto found =
        record::difference(frame.answer, player->play(frame), [](const auto& one) { return print(one); });
    ++seen.inputs;
    seen.actions += frame.answer.actions;
    if (seen.first == base::Time{}) seen.first = frame.at;
    seen.last = std::max(seen.last, frame.at);
    if (!found) return true;
    seen.differs = true;
    say(fmt::format("{} at offset {}: decided otherwise at {} ({:.3f} s from the start), on {}", segment.name(),
                    frame.offset, time_text(frame.at), base::to_seconds(frame.at - seen.first),
                    record::name_of(frame.input)));
    say("  expected: " + found->expected);
    say("  got:      " + found->got);
    return false;
  });
  return seen;
}

void complain(const base::Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "diego-scheduler replay: %s\n", error.message().c_str());
}

ReplayExit repeat_all(const std::vector<record::Life>& lives) {
  bool compared = false, lost = false, unreadable = false, different = false;
  for (const record::Life& life : lives) {
    if (!life.from_the_beginning()) {
      lost = true;
      say(fmt::format(
          "life {}: its beginning made room for the rest, so it cannot be repeated; --strategy and --policy "
          "show what would have been done from segment {} on",
          life.name, life.segments.front()));
      continue;
    }
    const Repeated seen = repeat(life);
    different = different || seen.differs;
    if (seen.differs) continue;
    compared = true;
    say(fmt::format("life {}: {} inputs in {:.3f} s, {} actions: all decided as they were{}", life.name, seen.inputs,
                    base::to_seconds(seen.last - seen.first), seen.actions,
                    seen.read ? "" : ", up to what cannot be read"));
    if (seen.read) continue;
    unreadable = true;
    complain(seen.read.error());
  }
  if (different) return ReplayExit::different;
  if (unreadable) return ReplayExit::unreadable;
  return compared || !lost ? ReplayExit::same : ReplayExit::beginning_lost;
}

// ---- Another policy

// A flag of --policy on top of what was recorded; an error says why there is none such.
base::Result<core::Config> with_setting(const core::Config& config, const std::string& setting) {
  Options options;
  options.core = config;
  options.strategy = config.strategy;
  options.weights = config.weights;
  options.launch_attempts = config.launch_attempts;
  options.queue_max = static_cast<std::int64_t>(config.queue_max);
  platform::Flags flags("diego-scheduler replay", "");
  flags.command_line_only();
  add_flags(flags, options);
  const std::string flag = "--" + setting;
  const char* const words[] = {"replay", flag.c_str()};
  if (const auto outcome = flags.parse(2, words); !outcome.run) {
    std::string why = outcome.text.substr(0, outcome.text.find('\n'));
    if (const auto said = why.find(": "); said != std::string::npos) why.erase(0, said + 2);
    return base::Error{"--policy " + setting, outcome.code == 0 ? "is no flag=value" : why};
  }
  core::Config changed = options.core;
  changed.strategy = options.strategy;
  changed.weights = options.weights;
  changed.launch_attempts = static_cast<int>(options.launch_attempts);
  changed.queue_max = static_cast<std::size_t>(options.queue_max);
  return changed;
}

// All that was asked for, on top of what was recorded. Only what the core knows of can be another: `effective` gets
// the settings that make a difference.
base::Status apply_all(const ReplayOptions& options, core::Config& config, std::set<std::string>& effective) {
  if (!options.strategy.empty()) config.strategy = options.strategy;
  for (const std::string& setting : options.policy) {
    auto changed = with_setting(config, setting);
    if (!changed) return changed.error();
    record::FrameWriter writer([](const std::string& info) { return info; });
    const std::string before(writer.beginning({{}, 0, "", config}));
    if (before != writer.beginning({{}, 0, "", *changed})) effective.insert(setting);
    config = *std::move(changed);
  }
  return base::ok();
}

// The same on top of a policy that an operator set later, with the rest as it was at the beginning.
record::WhatIf::Asked asked_of(const ReplayOptions& options, const core::Config& config) {
  return [options, config](core::Policy& policy) {
    core::Config changed = config;
    static_cast<core::Policy&>(changed) = policy;
    if (!options.strategy.empty()) changed.strategy = options.strategy;
    for (const std::string& setting : options.policy) changed = *with_setting(changed, setting);
    policy = changed;
  };
}

base::Status foretell(const record::Life& life, const ReplayOptions& options, Comparison& comparison,
                      std::set<std::string>& effective) {
  std::unique_ptr<record::WhatIf> other;
  const auto read = visit_life(life, [&](const record::Segment&, const record::Frame& frame) -> base::Result<bool> {
    if (const auto* recorded = std::get_if<record::Beginning>(&frame.input)) {
      if (other != nullptr) return true;
      record::Beginning beginning = *recorded;
      core::Config& config = beginning.config;
      if (auto applied = apply_all(options, config, effective); !applied) return applied.error();
      auto strategy = plugin::load_strategy(config.strategy, config.weights);
      if (!strategy) return strategy.error();
      other = std::make_unique<record::WhatIf>(beginning, *std::move(strategy), asked_of(options, recorded->config));
      comparison.begin(life.name, recorded->config.strategy, config.strategy);
      return true;
    }
    if (const auto* snapshot = std::get_if<record::Snapshot>(&frame.input)) {
      const bool needed = !life.from_the_beginning() && comparison.needs_start();
      if (needed) other->start_from(*snapshot, frame.at);
      if (needed) comparison.started_from(snapshot->rows.size(), snapshot->complete);
      return true;
    }
    other->play(frame);
    return true;
  });
  if (!read) return read.error();
  if (other == nullptr) return base::ok();
  comparison.add(other->then(), other->now());
  comparison.policy_changed(other->policy_changes());
  return base::ok();
}

ReplayExit foretell_all(const std::vector<record::Life>& lives, const ReplayOptions& options) {
  std::set<std::string> effective;
  bool unreadable = false;
  for (const record::Life& life : lives) {
    Comparison comparison;
    if (const auto done = foretell(life, options, comparison, effective); !done) {
      complain(done.error());
      unreadable = true;
      continue;
    }
    for (const std::string& line : comparison.lines(static_cast<std::size_t>(options.list_max))) say(line);
  }
  for (const std::string& setting : options.policy) {
    if (unreadable || lives.empty() || effective.contains(setting)) continue;
    complain({"--policy " + setting, "is none that can be another here, or has that value in every life already"});
    unreadable = true;
  }
  return unreadable ? ReplayExit::unreadable : ReplayExit::same;
}

}  // namespace

void add_replay_flags(platform::Flags& flags, ReplayOptions& options) {
  flags.command_line_only();
  flags.argument("DIR", options.folder, "the directory of --record");
  flags.group("Another policy");
  flags.add(
      "strategy", options.strategy,
      "what this strategy would have done: each auction's agent then and now, cells, waiting times. An open loop: "
      "offers come when they came then, and of the agents of which they came then, holding what would have been "
      "left; so an agent that was full then, or not asked for, is not on offer now, and work may seem to wait "
      "longer than it would have. What became of an instance then becomes of it now, wherever it is. Where the policy "
      "was changed it changes now too, but for what is asked for here and with --policy. none: all is "
      "decided as it was, and every difference is an error (exit 1)");
  flags.add("policy", options.policy,
            "the same with another value of a flag of placement, such as offer-wait=3s, cells-max=5 or "
            "diego-starting-weight=1");
  flags.add("list", options.list_max, "placements with another agent to tell one by one", 0, 1'000'000'000);
}

ReplayExit replay(const ReplayOptions& options) {
  const auto lives = record::lives_in(options.folder);
  if (!lives) {
    complain(lives.error());
    return ReplayExit::unreadable;
  }
  const bool another = !options.strategy.empty() || !options.policy.empty();
  return another ? foretell_all(*lives, options) : repeat_all(*lives);
}

}  // namespace edge
