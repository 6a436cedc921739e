// simulation [--seeds N] [--first S] [--seed S] [--mutant NAME] [--verbose] [--no-faults] [--keep-going]
//
// Runs one world per seed. The transcript of --verbose goes to stdout; progress and faults to stderr;
// the last line of stdout is one JSON object.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>

#include "platform/flags.hpp"
#include "test/simulation/invariants.hpp"
#include "test/simulation/world.hpp"

namespace {

using namespace simulation;

struct Flags {
  std::int64_t seeds = 100, first = 1, seed = -1;
  std::string mutant = "none";
  bool verbose = false, no_faults = false, keep_going = false;
};

struct Sums {
  std::int64_t seeds = 0, violations = 0;
  double virtual_s = 0;
  std::uint64_t steps = 0, faults = 0;
  std::map<std::string, std::uint64_t> by_name;
};

// How to see it again.
std::string replay(std::uint64_t seed, const Flags& flags) {
  return fmt::format("test/simulation/run --seed {}{}{} --verbose", seed,
                     flags.mutant == "none" ? "" : " --mutant " + flags.mutant, flags.no_faults ? " --no-faults" : "");
}

bool run_one(std::uint64_t seed, const Flags& flags, Sums& sums) {
  World world({seed, *parse_mutant(flags.mutant), !flags.no_faults, flags.verbose ? &std::cout : nullptr});
  Invariants invariants(world);
  world.run(invariants);
  ++sums.seeds;
  sums.virtual_s += base::to_seconds(world.elapsed());
  sums.steps += world.steps();
  for (const auto& [name, count] : world.sim().faults()) {
    sums.by_name[name] += count;
    sums.faults += count;
  }
  if (world.violations().empty()) return true;
  ++sums.violations;
  const auto& first = world.violations().front();
  std::cout << fmt::format("VIOLATION seed {} at {:.6f} s: {} | replay: {}\n", seed, base::to_seconds(world.elapsed()),
                           first.text, replay(seed, flags));
  std::cout.flush();
  return false;
}

std::string json_of(const Sums& sums, double wall_s) {
  std::string faults = fmt::format("\"total\":{}", sums.faults);
  for (const auto& [name, count] : sums.by_name) faults += fmt::format(",\"{}\":{}", name, count);
  return fmt::format(
      R"({{"seeds":{},"violations":{},"faults":{{{}}},"virtual_s":{:.0f},"wall_s":{:.2f},"times_real":{:.0f},"steps":{}}})",
      sums.seeds, sums.violations, faults, sums.virtual_s, wall_s, wall_s > 0 ? sums.virtual_s / wall_s : 0,
      sums.steps);
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  platform::Flags parser("simulation", "the whole of Diego on Mesos in one process and in virtual time");
  parser.add("seeds", flags.seeds, "how many worlds", 1, std::int64_t{1} << 40);
  parser.add("first", flags.first, "the seed of the first", 0, std::int64_t{1} << 62);
  parser.add("seed", flags.seed, "this one alone", -1, std::int64_t{1} << 62);
  parser.add("mutant", flags.mutant,
             "a defect to be found: ack-before-save, resend-accept, forget-rescind, idle-exit, ignore-rows");
  parser.add("verbose", flags.verbose, "the transcript of every event");
  parser.add("no-faults", flags.no_faults, "a world where nothing goes wrong");
  parser.add("keep-going", flags.keep_going, "go on after a violation");
  platform::parse_or_exit(parser, argc, argv);
  if (!parse_mutant(flags.mutant)) {
    std::cerr << "--mutant " << flags.mutant << ": no such mutant\n";
    return 2;
  }
  if (flags.seed >= 0) {
    flags.first = flags.seed;
    flags.seeds = 1;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto wall_s = [start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Sums sums;
  double told = 0;
  for (std::int64_t i = 0; i < flags.seeds; ++i) {
    const bool well = run_one(static_cast<std::uint64_t>(flags.first + i), flags, sums);
    if (wall_s() - told > 10) {
      told = wall_s();
      std::cerr << fmt::format("{} of {} seeds, {} violations, {:.0f} s virtual in {:.0f} s\n", sums.seeds, flags.seeds,
                               sums.violations, sums.virtual_s, told);
    }
    if (!well && !flags.keep_going) break;
  }
  for (const auto& [name, count] : sums.by_name) std::cerr << fmt::format("{:>10} {}\n", count, name);
  std::cout << json_of(sums, wall_s()) << "\n";
  return sums.violations == 0 ? 0 : 1;
}
