// Why cells failed before they took any work, as their sandboxes tell: which cells are asked about, what was said
// of the last ones, and who waits to hear it. Pure; the core owns one. What is beyond a bound stays unexplained.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/ids.hpp"
#include "scheduler/core/work.hpp"

namespace core {

class PostMortems {
 public:
  static constexpr std::size_t kOpenMax = 32;        // Questions without an answer.
  static constexpr std::size_t kCellsMax = 128;      // Cells that are known of; the oldest is forgotten.
  static constexpr std::size_t kWaitingMax = 1'000;  // Instances that wait, in all.

  // An instance whose attempt failed with its cell. What it is given as a reason since is not for us to add to.
  struct Waiting {
    Key key;
    std::array<char, kAttemptLetters> attempt{};
    std::string reason;
  };

  // Its executor said that it failed: it is to be asked about once that has ended, and its sandbox is complete.
  void expect(const std::string& executor_id);
  bool expects(const std::string& executor_id) const;

  // Whether to ask about it now: once for each cell, and while few questions are open.
  bool ask(const std::string& executor_id);

  // Hears the answer. Nothing if the cell is not known of, or its answer is there already.
  void wait(const std::string& executor_id, Waiting waiting);

  // What was said of it; empty if that was nothing. nullptr: no answer yet.
  const std::string* text_of(const std::string& executor_id) const;

  // Those who wait for it. nullopt: nobody had asked (another term of ours did).
  std::optional<std::vector<Waiting>> answered(const std::string& executor_id, std::string text);

  std::size_t open() const { return open_; }
  std::size_t waiting() const { return waiting_; }

 private:
  struct Cell {
    enum class Stage { expected, asked, answered };
    std::string executor_id;
    Stage stage = Stage::expected;
    std::string text;
    std::vector<Waiting> waiting;
  };
  Cell* find(const std::string& executor_id);
  const Cell* find(const std::string& executor_id) const;
  Cell& add(const std::string& executor_id);

  std::deque<Cell> cells_;  // Oldest first.
  std::size_t open_ = 0, waiting_ = 0;
};

}  // namespace core
