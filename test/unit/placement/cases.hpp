// Random lives of a cluster: a few limits and a list of commands, all small whole numbers whose simplest
// value is 0, so that a failing case shrinks to a few short lines. The lines can be read back.
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "oracle.hpp"

namespace placement_test {

struct Command {
  enum Kind { upsert, remove, set_room, occupy, vacate, started, place, release, explain };
  Kind kind = upsert;

  int agent = 0;
  // upsert; the rooms also set_room
  int zone = 0, index = 0, up = 0, idle = 0, proxy = 0, starting = 0, optional_tags = 0;
  int mem = 0, disk = 0, cpu = 0, containers = 0;
  int room_mem = 0, room_disk = 0, room_cpu = 0, room_containers = 0;
  int last_mem = 0, last_disk = 0, last_cpu = 0, last_containers = 0;
  // upsert, place and explain: which of a few, and bits
  int rootfs = 0, tags = 0, drivers = 0;
  // place, explain; the first two also occupy and vacate
  int task = 0, process = 0;
  int need_mem = 0, need_disk = 0, need_cpu = 0, need_containers = 0;
  int avoid_first = 0, avoid_one = 0;  // How many agents from number 0 on; and one, counted from 1.
  int may_wait = 0, more = 0;          // As many times more.
  int through = 0;                     // occupy: as many agents more, from `agent` on.
  // vacate, release: which of those there
  int pick = 0;
};

struct Case {
  enum Strategy { binpack, spread, diego, scanned, indexed };  // The last two are the tests' own.
  int strategy = binpack;
  int bin_pack_weight = 0, starting_weight = 0;  // Which of a few.
  int starting_max = 0, starting_per_cell_max = 0;
  std::vector<Command> commands;
};
std::ostream& operator<<(std::ostream& out, const Case& one);
Case read_case(const std::string& text);  // What << wrote.

// `size` from 0 to 100: how many cells and commands.
Case random_case(int strategy, base::Random& random, int size);

// Simpler cases, the boldest first.
std::vector<Case> simpler(const Case& one);

std::unique_ptr<placement::Strategy> strategy_of(const Case& one);
Rules rules_of(const Case& one);

// How often what came out, by the words of it.
using Tally = std::map<std::string, int>;

// Lives the case in a Cluster and in the Oracle; the first thing they do not agree about.
std::optional<std::string> disagreement(const Case& one, Tally* tally = nullptr);

}  // namespace placement_test
