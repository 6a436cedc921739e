#include "scheduler/record/hash.hpp"

#include <bit>
#include <cstring>

namespace record {
namespace {

std::uint64_t byte(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// Eight bytes as a number, the first lowest.
std::uint64_t word(std::string_view text, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, text.data() + at, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  return value;
}

// The fewer than eight at the end.
std::uint64_t last_word(std::string_view text) {
  std::uint64_t value = 0;
  const std::size_t from = text.size() / 8 * 8;
  for (std::size_t at = from; at < text.size(); ++at) value |= byte(text, at) << (8 * (at - from));
  return value;
}

struct Sip {
  std::uint64_t a, b, c, d;

  void round() {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  }
  void compress(std::uint64_t value) {
    d ^= value;
    round();
    round();
    a ^= value;
  }
};

}  // namespace

void Hash::mix(std::string_view text) {
  mix(text.size());
  std::size_t at = 0;
  for (; text.size() - at >= 8; at += 8) mix(word(text, at));
  if (at < text.size()) mix(last_word(text));
}

std::uint64_t Hash::value() const {
  std::uint64_t value = state_;
  value = (value ^ value >> 31U) * 0xbf58476d1ce4e5b9U;
  return value ^ value >> 29U;
}

std::uint64_t keyed_hash(const Key& key, std::string_view text) {
  Sip sip{key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU, key[0] ^ 0x6c7967656e657261U,
          key[1] ^ 0x7465646279746573U};
  std::size_t at = 0;
  for (; text.size() - at >= 8; at += 8) sip.compress(word(text, at));
  sip.compress(last_word(text) | static_cast<std::uint64_t>(text.size()) << 56U);
  sip.c ^= 0xff;
  for (int i = 0; i < 4; ++i) sip.round();
  return sip.a ^ sip.b ^ sip.c ^ sip.d;
}

}  // namespace record
