// What another policy would have done, as lines for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "scheduler/record/books.hpp"

namespace edge {

// "2026-11-22T10:00:00.123Z".
std::string time_text(base::Time at);

class Comparison {
 public:
  void begin(std::string life, std::string strategy_then, std::string strategy_now);
  // Where the beginning is lost: the first snapshot is taken in its place.
  bool needs_start() const { return start_.empty(); }
  void started_from(std::size_t instances, bool complete);
  void add(const record::Books& then, const record::Books& now);
  // How often by an operator.
  void policy_changed(std::size_t times);

  // Of placements that went elsewhere at most so many are told one by one.
  std::vector<std::string> lines(std::size_t list_max) const;

 private:
  std::string life_, strategy_then_, strategy_now_, start_;
  std::vector<std::string> sums_, elsewhere_;
};

}  // namespace edge
