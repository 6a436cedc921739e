// `diego-scheduler replay DIR`: the decisions of a recording once more, or those of another policy.
#pragma once

#include <string>
#include <vector>

#include "platform/flags.hpp"

namespace edge {

struct ReplayOptions {
  std::string folder;
  std::string strategy;             // Empty: as recorded.
  std::vector<std::string> policy;  // "offer-wait=3s": flags of the scheduler.
  std::int64_t list_max = 20;       // Placements told one by one.
};
void add_replay_flags(platform::Flags& flags, ReplayOptions& options);

// What it found goes to stdout, why it cannot go on as one line to stderr.
enum class ReplayExit { same = 0, different = 1, unreadable = 2, beginning_lost = 3 };
ReplayExit replay(const ReplayOptions& options);

}  // namespace edge
