// Writes down what a core is told and answers: the witness that makes recordings.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "scheduler/core/witness.hpp"
#include "scheduler/record/frame.hpp"
#include "scheduler/record/hash.hpp"

namespace record {

// Where the bytes go: files (rotating_files.hpp), or memory.
class Output {
 public:
  virtual ~Output() = default;
  // What follows belongs to a segment of its own. `begins`: its preamble.
  virtual void begin_segment(std::uint64_t number, std::string_view begins) = 0;
  virtual void write(std::string_view bytes) = 0;
  // Nothing is taken any more, and was lost.
  virtual bool over() const = 0;
};

struct TapeOptions {
  std::string version, life;                           // See Preamble.
  std::size_t segment_bytes = std::size_t{32} << 20U;  // Beside its snapshot; then another is begun.
  // Of a snapshot, which is written at once: beyond that it says only that it is not complete.
  std::size_t snapshot_rows_max = 50'000, snapshot_bytes_max = std::size_t{16} << 20U;
};

// One thread, that of the core. What describes cells to Mesos (ExecutorInfo: it may hold secrets of the operator's)
// is nowhere written; a hash stands for it, under a key that is not written either.
class Tape final : public core::Witness {
 public:
  // `output` must outlive it; `random` gives the key.
  Tape(TapeOptions options, Output& output, base::Random random);

  // The same cells, but it learns of each that is started. Both must outlive the core that is given them.
  const core::CellFactory& watch(const core::CellFactory& cells);

  void begins(const core::Config& config, std::string_view fingerprint, std::uint64_t seed) override;
  void heard(const core::Event& event, base::Time now, const core::Actions& answer) override;
  void stepped(const core::Step& step, base::Time now, const core::Actions& answer) override;
  void rests(const core::Core& core, base::Time now) override;

 private:
  class Cells final : public core::CellFactory {
   public:
    explicit Cells(Tape& tape) : tape_(tape) {}
    std::string executor_info(const core::CellSpec& spec) const override;
    std::string fingerprint() const override { return watched->fingerprint(); }

    const core::CellFactory* watched = nullptr;

   private:
    Tape& tape_;
  };

  std::string stand_in_of(const std::string& executor_info) const;
  void begin_segment(base::Time now);
  void write(std::string_view bytes);

  const TapeOptions options_;
  Output& output_;
  const Key key_;
  Cells cells_;
  std::vector<Opened> opened_;  // Since the last frame.
  Beginning beginning_;
  FrameWriter writer_;
  std::uint64_t segments_ = 0;
  std::size_t bytes_ = 0;  // Of this segment.
};

}  // namespace record
