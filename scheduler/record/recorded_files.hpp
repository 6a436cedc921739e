// The recordings in a directory, life by life.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace record {

// One process's files that are still there, in order.
struct Life {
  std::string name;
  std::vector<std::uint64_t> segments;
  std::vector<std::string> paths;
  // Whether its first segment is there; otherwise it was removed to make room.
  bool from_the_beginning() const { return !segments.empty() && segments.front() == 0; }
};

// Oldest first. An error names the folder: it cannot be read, or holds none.
base::Result<std::vector<Life>> lives_in(const std::string& folder);

// All of it.
base::Result<std::string> bytes_of(const std::string& path);

}  // namespace record
