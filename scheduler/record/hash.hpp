// Two hashes: a fast one, by which equal decisions are known and damage is seen, and a keyed one, from which
// without its key nobody learns what was hashed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace record {

// Of a sequence of numbers and texts; where one ends and the next begins is part of it. The same on every machine.
class Hash {
 public:
  void mix(std::uint64_t value) {
    state_ = (state_ ^ value) * 0x9e3779b97f4a7c15U;
    state_ ^= state_ >> 32U;
  }
  void mix(std::string_view text);
  std::uint64_t value() const;

 private:
  std::uint64_t state_ = 0x243f6a8885a308d3U;
};

// SipHash-2-4.
using Key = std::array<std::uint64_t, 2>;
std::uint64_t keyed_hash(const Key& key, std::string_view text);

}  // namespace record
