// Phrases that several tables share. For this room only.
#pragma once

#include <string>

#include "ctl/fields.hpp"
#include "ctl/table.hpp"

namespace ctl {

Ink ink_of_state(std::string_view state);

// "12 of 3584 MB"; `whole` 0: "12 MB".
std::string of_whole(std::int64_t part, std::int64_t whole);

// "96 of 128 MB": what it uses of what it may; "128 MB" where use is not known.
std::string memory_of(const Json& instance);
// "0.25": cores in use; "" where that is not known.
std::string cpu_of(const Json& instance);

// What is to be known of a cell besides numbers: "draining (operator)", "quarantined until 12:03:04", ...
std::string notes_on(const Json& cell);

std::int64_t instances_on(const Json& cell);

// Lines of "name  value"; a pair without a value is left out.
class Details {
 public:
  void add(std::string name, const std::string& value, Ink ink = Ink::plain);
  std::string text(const Style& style) const;

 private:
  struct Line {
    std::string name, value;
    Ink ink;
  };
  std::vector<Line> lines_;
};

}  // namespace ctl
