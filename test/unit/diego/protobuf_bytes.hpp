// Protobuf written by hand, so that what protoc made of our schema is held against something else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wire_test {

inline std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  return out + static_cast<char>(value);
}
inline std::string number(std::uint32_t field, std::uint64_t value) { return varint(field * 8) + varint(value); }
inline std::string text(std::uint32_t field, std::string_view value) {
  return varint(field * 8 + 2) + varint(value.size()) + std::string(value);
}

// "0A 06" -> two bytes.
inline std::string hex(std::string_view digits) {
  std::string out;
  int high = -1;
  for (const char c : digits) {
    if (c == ' ') continue;
    const int value = c <= '9' ? c - '0' : c - 'A' + 10;
    if (high < 0) {
      high = value;
    } else {
      out += static_cast<char>(high * 16 + value);
      high = -1;
    }
  }
  return out;
}

}  // namespace wire_test
