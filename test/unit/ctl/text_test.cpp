#include <catch2/catch.hpp>

#include "ctl/table.hpp"
#include "ctl/text.hpp"
#include "diego/utf8.hpp"

using ctl::Ink;
using ctl::Style;

TEST_CASE("what could move the cursor or hide text is shown, not sent", "[text]") {
  const auto [text, shown] = GENERATE(table<std::string, std::string>({
      {"app-1", "app-1"},
      {"", ""},
      {"\x1b[2Jgone", "\\x1b[2Jgone"},
      {"a\nb\tc\r", "a\\nb\\tc\\x0d"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"\x7f", "\\x7f"},
      {"\xc2\x9b"
       "31m",
       "\\u{9b}31m"},  // CSI as one character.
      {"a\xe2\x80\xae"
       "b",
       "a\\u{202e}b"},  // Right to left from here on.
      {"a\xe2\x80\x8b"
       "b",
       "a\\u{200b}b"},  // Nothing to be seen.
      {"\xef\xbb\xbf"
       "x",
       "\\u{feff}x"},
      {"\xff\xc3", "\\xff\\xc3"},           // No UTF-8.
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // Half of a surrogate pair.
      {"Größe 日本 😀", "Größe 日本 😀"},
      {"a\\nb", "a\\nb"},
  }));
  CAPTURE(text);
  CHECK(ctl::printable(text) == shown);
}

TEST_CASE("columns are counted as a terminal does", "[text]") {
  const auto [text, columns] = GENERATE(table<std::string, std::size_t>({
      {"", 0}, {"abc", 3}, {"Größe", 5}, {"日本", 4}, {"😀", 2}, {"e\xcc\x81", 1},  // e and an accent of its own.
  }));
  CAPTURE(text);
  CHECK(ctl::columns_of(text) == columns);
}

TEST_CASE("a text is cut between characters, and says that it is", "[text]") {
  CHECK(ctl::cut("abcdef", 6) == "abcdef");
  CHECK(ctl::cut("abcdef", 5) == "abcd…");
  CHECK(ctl::cut("abcdef", 1) == "…");
  CHECK(ctl::cut("abcdef", 0).empty());
  CHECK(ctl::cut("日本語", 4) == "日…");
  CHECK(ctl::cut("日本語", 5) == "日本…");
  const std::string text = "aé日e\xcc\x81😀z";
  for (std::size_t columns = 0; columns < 12; ++columns) {
    const std::string some = ctl::cut(text, columns);
    CHECK(ctl::columns_of(some) <= columns);
    CHECK(diego::valid_utf8(some) == some);
  }
}

TEST_CASE("colours are there when they are wanted", "[text]") {
  CHECK(ctl::inked("x", Ink::red, {.color = true}) == "\x1b[31mx\x1b[0m");
  CHECK(ctl::inked("x", Ink::red, {}) == "x");
  CHECK(ctl::inked("x", Ink::plain, {.color = true}) == "x");
}

TEST_CASE("a bar is as long as it should be, whatever its share", "[text]") {
  const auto [part, whole, expected] = GENERATE(table<std::int64_t, std::int64_t, std::string>({
      {0, 10, "----"},
      {5, 10, "##--"},
      {10, 10, "####"},
      {20, 10, "####"},
      {-5, 10, "----"},
      {1, 0, "----"},
      {INT64_MAX, INT64_MAX, "####"},
      {INT64_MIN, -1, "----"},
  }));
  CHECK(ctl::bar(part, whole, 4) == expected);
}

namespace {

ctl::Table people() {
  ctl::Table table({{"NAME", false, true}, {"SIZE", true}, {"NOTE", false, true}});
  table.row({"a", "7", "short"});
  table.row({"日本語", {"1234", Ink::red}, "a rather long remark about it"});
  return table;
}

}  // namespace

TEST_CASE("a table is aligned, numbers at the right, without blanks at the end", "[table]") {
  CHECK(people().text({}) ==
        "NAME    SIZE  NOTE\n"
        "a          7  short\n"
        "日本語  1234  a rather long remark about it\n");
}

TEST_CASE("a table fits any terminal", "[table]") {
  for (std::size_t columns = 1; columns < 60; ++columns) {
    CAPTURE(columns);
    const std::string text = people().text({.color = false, .columns = columns});
    std::size_t at = 0, lines = 0;
    while (at < text.size()) {
      const std::size_t end = text.find('\n', at);
      CHECK(ctl::columns_of(std::string_view(text).substr(at, end - at)) <= columns);
      at = end + 1, ++lines;
    }
    CHECK(lines == 3);
  }
  CHECK(people().text({.color = false, .columns = 30}) ==
        "NAME    SIZE  NOTE\n"
        "a          7  short\n"
        "日本語  1234  a rather long r…\n");
}

TEST_CASE("an id is cut at its front, for its end tells it from others", "[table]") {
  ctl::Table table({{"CELL", false, true, true}});
  table.row({"cell-127-0-0-1-jq3s24uj"});
  table.row({"日本語日本語日本語"});
  CHECK(table.text({.color = false, .columns = 12}) == "CELL\n…-1-jq3s24uj\n…本語日本語\n");
  CHECK(table.text({.color = false, .columns = 1}) == "…\n…\n…\n");
}

TEST_CASE("a column without a word is left out, and colours do not count", "[table]") {
  ctl::Table table({{"A"}, {"B"}, {"C", true}});
  table.row({{"x", Ink::green}, "", "1"});
  table.row({"yyy", "", {"22", Ink::red}});
  CHECK(table.text({}) == "A     C\nx     1\nyyy  22\n");
  CHECK(table.text({.color = true}) ==
        "\x1b[1mA\x1b[0m     \x1b[1mC\x1b[0m\n\x1b[32mx\x1b[0m     1\nyyy  \x1b[31m22\x1b[0m\n");
}

TEST_CASE("what a table holds cannot break its lines", "[table]") {
  ctl::Table table({{"A"}, {"B"}});
  table.row({"x\ny", "\x1b[31m"});
  CHECK(table.text({}) == "A     B\nx\\ny  \\x1b[31m\n");
}
