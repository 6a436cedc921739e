#include "ctl/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "diego/utf8.hpp"

namespace ctl {
namespace {

struct Range {
  char32_t first, last;
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t character) {
  const auto* const after = std::upper_bound(ranges.begin(), ranges.end(), character,
                                             [](char32_t wanted, const Range& range) { return wanted < range.first; });
  return after != ranges.begin() && character <= (after - 1)->last;
}

// Those that are no letters but orders: controls, bidirectional marks, invisible and private ones.
constexpr std::array kOrders = {
    Range{0x00, 0x1f},     Range{0x7f, 0x9f},     Range{0xad, 0xad},     Range{0x61c, 0x61c},
    Range{0x115f, 0x1160}, Range{0x180b, 0x180f}, Range{0x200b, 0x200f}, Range{0x2028, 0x202e},
    Range{0x2060, 0x206f}, Range{0x3164, 0x3164}, Range{0xe000, 0xf8ff}, Range{0xfe00, 0xfe0f},
    Range{0xfeff, 0xfeff}, Range{0xffa0, 0xffa0}, Range{0xfff0, 0xfffb}, Range{0xe0000, 0x10ffff}};

// Marks that stand over or under the character before them.
constexpr std::array kCombining = {
    Range{0x300, 0x36f},   Range{0x483, 0x489},   Range{0x591, 0x5bd},   Range{0x5bf, 0x5bf},   Range{0x5c1, 0x5c2},
    Range{0x5c4, 0x5c5},   Range{0x610, 0x61a},   Range{0x64b, 0x65f},   Range{0x670, 0x670},   Range{0x6d6, 0x6dc},
    Range{0x6df, 0x6e4},   Range{0x6e7, 0x6e8},   Range{0x6ea, 0x6ed},   Range{0x900, 0x902},   Range{0x93a, 0x93a},
    Range{0x93c, 0x93c},   Range{0x941, 0x948},   Range{0x94d, 0x94d},   Range{0xe31, 0xe31},   Range{0xe34, 0xe3a},
    Range{0xe47, 0xe4e},   Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff}, Range{0x20d0, 0x20f0}, Range{0x302a, 0x302d},
    Range{0x3099, 0x309a}, Range{0xfe20, 0xfe2f}};

// What terminals give two columns.
constexpr std::array kWide = {
    Range{0x1100, 0x115e},   Range{0x231a, 0x231b},   Range{0x2329, 0x232a},   Range{0x23e9, 0x23ec},
    Range{0x25fd, 0x25fe},   Range{0x2614, 0x2615},   Range{0x2648, 0x2653},   Range{0x26aa, 0x26ab},
    Range{0x26bd, 0x26be},   Range{0x2705, 0x2705},   Range{0x270a, 0x270b},   Range{0x2728, 0x2728},
    Range{0x274c, 0x274c},   Range{0x2753, 0x2755},   Range{0x2795, 0x2797},   Range{0x2b1b, 0x2b1c},
    Range{0x2e80, 0x3029},   Range{0x302e, 0x303e},   Range{0x3041, 0x3098},   Range{0x309b, 0x3163},
    Range{0x3165, 0xa4cf},   Range{0xa960, 0xa97c},   Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},
    Range{0xfe30, 0xfe6f},   Range{0xff01, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x16fe0, 0x18aff},
    Range{0x1b000, 0x1b2ff}, Range{0x1f004, 0x1f004}, Range{0x1f0cf, 0x1f0cf}, Range{0x1f18e, 0x1f18e},
    Range{0x1f191, 0x1f19a}, Range{0x1f200, 0x1f320}, Range{0x1f32d, 0x1f64f}, Range{0x1f680, 0x1f6ff},
    Range{0x1f7e0, 0x1f7eb}, Range{0x1f90c, 0x1f9ff}, Range{0x1fa70, 0x1faff}, Range{0x20000, 0x3fffd}};

// Of a valid sequence.
char32_t character_of(std::string_view bytes) {
  const auto byte = [&bytes](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  if (bytes.size() == 1) return byte(0);
  auto character = static_cast<char32_t>(byte(0) & (0xffU >> (bytes.size() + 1)));
  for (std::size_t at = 1; at < bytes.size(); ++at) character = (character << 6U) | (byte(at) & 0x3fU);
  return character;
}

std::size_t columns_of(char32_t character) {
  if (within(kCombining, character)) return 0;
  return within(kWide, character) ? 2 : 1;
}

std::string_view code_of(Ink ink) {
  switch (ink) {
    case Ink::dim:
      return "2";
    case Ink::bold:
      return "1";
    case Ink::red:
      return "31";
    case Ink::green:
      return "32";
    case Ink::yellow:
      return "33";
    case Ink::blue:
      return "36";
    case Ink::plain:
      break;
  }
  return "";
}

// Calls `each(bytes, character)` for every character; bytes that are not UTF-8 come one by one as characters 0 to 0xff
// with `valid` false. Ends where `each` returns false.
template <class Each>
void for_each_character(std::string_view text, Each each) {
  while (!text.empty()) {
    const std::size_t length = diego::utf8_length(text);
    const std::string_view bytes = text.substr(0, std::max<std::size_t>(length, 1));
    const char32_t character = length > 0 ? character_of(bytes) : static_cast<unsigned char>(text.front());
    if (!each(bytes, character, length > 0)) return;
    text.remove_prefix(bytes.size());
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&out](std::string_view bytes, char32_t character, bool valid) {
    if (character == '\n') {
      out += "\\n";
    } else if (character == '\t') {
      out += "\\t";
    } else if (!valid || character < 0x20 || character == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(character));
    } else if (within(kOrders, character)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(character));
    } else {
      out += bytes;
    }
    return true;
  });
  return out;
}

std::size_t columns_of(std::string_view printable) {
  std::size_t columns = 0;
  for_each_character(printable, [&columns](std::string_view, char32_t character, bool) {
    columns += columns_of(character);
    return true;
  });
  return columns;
}

std::string cut(std::string_view printable, std::size_t columns) {
  if (columns_of(printable) <= columns) return std::string(printable);
  if (columns == 0) return "";
  std::string out;
  std::size_t taken = 1;  // The ellipsis.
  for_each_character(printable, [&](std::string_view bytes, char32_t character, bool) {
    taken += columns_of(character);
    if (taken > columns) return false;
    out += bytes;
    return true;
  });
  return out + "…";
}

std::string inked(std::string_view text, Ink ink, const Style& style) {
  if (!style.color || ink == Ink::plain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(ink), text);
}

std::string bar(std::int64_t part, std::int64_t whole, std::size_t columns) {
  std::size_t filled = 0;
  if (whole > 0 && part > 0) {
    const double share = std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
    filled = static_cast<std::size_t>(share * static_cast<double>(columns) + 0.5);
  }
  return std::string(filled, '#') + std::string(columns - filled, '-');
}

Ink ink_of_share(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return Ink::dim;
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  return share >= 0.9 ? Ink::red : share >= 0.75 ? Ink::yellow : Ink::green;
}

std::string count(std::int64_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

}  // namespace ctl
