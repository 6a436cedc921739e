// Tells a core of its own what a recording says, and compares what it answers. Pure: frames in, differences out.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "scheduler/core/core.hpp"
#include "scheduler/record/frame.hpp"

namespace record {

// Describes cells by the stand-ins that were recorded, and those that were never started by a text of their own.
class RecordedCells final : public core::CellFactory {
 public:
  explicit RecordedCells(std::string fingerprint) : fingerprint_(std::move(fingerprint)) {}

  void learn(const Opened& cell) { stand_ins_[cell.executor_id] = cell.stand_in; }
  std::string executor_info(const core::CellSpec& spec) const override;
  std::string fingerprint() const override { return fingerprint_; }

  // Who started since it was last asked.
  std::vector<Opened> take_opened() { return std::exchange(opened_, {}); }

 private:
  const std::string fingerprint_;
  std::map<std::string, std::string> stand_ins_;  // By executor id. Bounded by the recording.
  mutable std::vector<Opened> opened_;
};

// The core of one life, from its beginning on. One thread.
class Player {
 public:
  // `strategy` is that of the beginning, for the same decisions.
  Player(const Beginning& beginning, std::unique_ptr<placement::Strategy> strategy);

  // What the core answers to the frame's input. Beginnings and snapshots tell it nothing.
  core::Actions play(const Frame& frame);

  const core::Core& core() const { return core_; }

 private:
  RecordedCells cells_;
  core::Core core_;
};

// Does to the core what the input says. Of a Beginning or Snapshot: nothing.
core::Actions apply(core::Core& core, const Input& input, base::Time at);

// A snapshot in place of all that was before it: as if the scheduler had been started on that store, and had been
// subscribed at once if it was. Rows that the core does not take are passed over.
void restore(core::Core& core, const Snapshot& snapshot, base::Time at);

// What was answered otherwise, as lines; nullopt: the same, byte for byte.
struct Difference {
  std::string expected, got;
};
using Print = std::function<std::string(const core::Action&)>;
std::optional<Difference> difference(const Answer& expected, const core::Actions& got, const Print& print);

}  // namespace record
