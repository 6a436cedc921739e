// Our own seeded generator (xoshiro256**): std distributions differ between libraries, and one seed
// must give one transcript. Not for secrets.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace base {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t next();

  // Uniform in [0, bound); `bound` must be positive.
  std::uint64_t below(std::uint64_t bound);

  // A UUID of version 4 as 16 raw bytes: Mesos refuses other versions in status updates.
  std::string uuid4();

  // `length` characters of [a-z2-7]: the attempt part of a task id, the run part of a cell id.
  std::string letters(std::size_t length);

 private:
  std::array<std::uint64_t, 4> state_;
};

// 16 raw bytes as 8-4-4-4-12 lower-case hex digits; other lengths are a bug of the caller.
std::string uuid_text(const std::string& bytes);

}  // namespace base
