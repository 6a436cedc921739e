// The recording of one life of a simulated scheduler, in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/record/tape.hpp"

namespace simulation {

class RecordedLife final : public record::Output {
 public:
  explicit RecordedLife(record::TapeOptions options) : tape(std::move(options), *this, base::Random(1)) {}

  void begin_segment(std::uint64_t, std::string_view begins) override { segments.emplace_back(begins); }
  void write(std::string_view bytes) override { segments.back() += bytes; }
  bool over() const override { return false; }

  std::vector<std::string> segments;
  record::Tape tape;
};

}  // namespace simulation
