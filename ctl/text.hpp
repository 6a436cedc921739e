// Text for a terminal. Data may hold anything: before it is shown it is made printable, so that no name can move the
// cursor, change colours or hide what follows it. Widths are in columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ctl {

// What output goes to.
struct Style {
  bool color = false;
  std::size_t columns = 0;  // 0: as wide as need be.
};

enum class Ink : std::uint8_t { plain, dim, bold, red, green, yellow, blue };

// `text` with control characters, what is not UTF-8, and characters that turn or hide text written as \n, \t, \xNN or
// \u{NNNN}.
std::string printable(std::string_view text);

// Columns of a printable text: two for wide characters, none for marks that combine.
std::size_t columns_of(std::string_view printable);

// At most so many columns of it; ends in an ellipsis if something is missing.
std::string cut(std::string_view printable, std::size_t columns);

std::string inked(std::string_view text, Ink ink, const Style& style);

// "#####-----" of `columns` for the share `part` of `whole`.
std::string bar(std::int64_t part, std::int64_t whole, std::size_t columns);

// Of a share: green, yellow from 75 %, red from 90 %.
Ink ink_of_share(std::int64_t part, std::int64_t whole);

// "1 cell", "2 cells".
std::string count(std::int64_t number, std::string_view what);

}  // namespace ctl
