// What the command line of diego-ctl says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "platform/flags.hpp"

namespace ctl {

// Exit codes, for scripts.
inline constexpr int kOk = 0;
inline constexpr int kNotSo = 1;        // Unknown, refused by the scheduler, not subscribed, not done in time.
inline constexpr int kUsage = 2;        // The command line, or a body, is not what it should be.
inline constexpr int kNotPlaced = 3;    // explain: it would be placed nowhere.
inline constexpr int kUnreachable = 4;  // No answer, or none of a diego-scheduler.

struct Options {
  std::string url = "http://127.0.0.1:9016", ca, cert, key, server_name, token_file;
  base::Duration timeout = std::chrono::seconds(10);
  std::string color = "auto";
  bool json = false;

  // Of commands; each has some of them.
  std::string first, second, third;  // Words.
  std::string state, process, cell, file, method, after, sort = "memory";
  std::vector<std::string> kinds;
  std::vector<std::string> set;  // name=value
  std::string goal;
  std::int64_t max_moves = 10;
  std::int64_t cells = 10, recent = 0, count = 0;
  base::Duration every = std::chrono::seconds(2), within{};
  bool wait = false, dry_run = false;

  std::vector<std::string> words() const { return {first, second, third}; }
};

// Both must outlive parse().
void add_flags(platform::Flags& flags, Options& options);

}  // namespace ctl
