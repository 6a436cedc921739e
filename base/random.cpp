#include "base/random.hpp"

#include <bit>
#include <cassert>

namespace base {

Random::Random(std::uint64_t seed) : state_{} {
  for (auto& word : state_) {  // splitmix64, as the generator's authors advise for seeding.
    seed += 0x9e3779b97f4a7c15U;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    word = z ^ (z >> 31U);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  assert(bound > 0);
  const std::uint64_t uneven = (0 - bound) % bound;  // Values below it would favour small results.
  for (;;) {
    const std::uint64_t value = next();
    if (value >= uneven) return value % bound;
  }
}

std::string Random::uuid4() {
  std::string bytes;
  for (int word = 0; word < 2; ++word) {
    const std::uint64_t value = next();
    for (unsigned shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>((value >> shift) & 0xffU));
  }
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0fU) | 0x40U);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3fU) | 0x80U);
  return bytes;
}

std::string Random::letters(std::size_t length) {
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text.push_back(kAlphabet[below(32)]);
  return text;
}

std::string uuid_text(const std::string& bytes) {
  assert(bytes.size() == 16);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text.push_back(kHex[byte >> 4U]);
    text.push_back(kHex[byte & 0xfU]);
  }
  return text;
}

}  // namespace base
