// Which process, instance or Task the words of a command line name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace ctl {

struct Target {
  enum class Kind : std::uint8_t { any, lrp, task };
  Kind kind = Kind::any;
  std::string guid;
  std::optional<std::int32_t> index;
  bool operator==(const Target&) const = default;

  // The route of its own, without a query: "/v1/lrps/GUID/INDEX". `kind` is not any.
  std::string path() const;
  // As people write it: "guid.index", "guid".
  std::string text() const;
};

// GUID, GUID INDEX, `lrp` GUID [INDEX], `task` GUID; empty words are none. A guid that is called "task" or "lrp" wants
// `lrp` before it where more words follow.
base::Result<Target> parse_target(const std::vector<std::string>& words);

// "app.1" and "app/1" read as instance 1 of "app"; nullopt where a text cannot be read so. What looks like it may be
// the name of a process all the same: guids may contain anything.
std::optional<Target> as_instance(const std::string& text);

}  // namespace ctl
