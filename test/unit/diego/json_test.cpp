#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "diego/json.hpp"

using namespace diego;

TEST_CASE("syntax errors are those of Go's scanner", "[json]") {
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {"", "unexpected end of JSON input"},
      {"  ", "unexpected end of JSON input"},
      {"{", "unexpected end of JSON input"},
      {"[1", "unexpected end of JSON input"},
      {"\"a", "unexpected end of JSON input"},
      {"\"a\\", "unexpected end of JSON input"},
      {"tru", "unexpected end of JSON input"},
      {"-", "unexpected end of JSON input"},
      {"x", "invalid character 'x' looking for beginning of value"},
      {"[1,]", "invalid character ']' looking for beginning of value"},
      {"{,}", "invalid character ',' looking for beginning of object key string"},
      {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
      {"{\"a\" 1}", "invalid character '1' after object key"},
      {"{\"a\":1 2}", "invalid character '2' after object key:value pair"},
      {"[1 2]", "invalid character '2' after array element"},
      {"[1}", "invalid character '}' after array element"},
      {"[]]", "invalid character ']' after top-level value"},
      {"trux", "invalid character 'x' in literal true (expecting 'e')"},
      {"nul\"", "invalid character '\"' in literal null (expecting 'l')"},
      {"-a", "invalid character 'a' in numeric literal"},
      {"01", "invalid character '1' after top-level value"},
      {"1.x", "invalid character 'x' after decimal point in numeric literal"},
      {"1e+x", "invalid character 'x' in exponent of numeric literal"},
      {"\"\n\"", "invalid character '\\n' in string literal"},
      {"\"\x01\"", "invalid character '\\x01' in string literal"},
      {"\"\\x\"", "invalid character 'x' in string escape code"},
      {"\"\\'\"", "invalid character '\\'' in string escape code"},
      {"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"},
      {"\xff", "invalid character '\xc3\xbf' looking for beginning of value"},
      {"\xef\xbb\xbf[]", "invalid character '\xc3\xaf' looking for beginning of value"},
      {std::string("[]\0x", 4), "invalid character '\\x00' after top-level value"},
      {std::string("\0", 1), "invalid character '\\x00' looking for beginning of value"},
      {"NaN", "invalid character 'N' looking for beginning of value"},
      {"// x", "invalid character '/' looking for beginning of value"},
  }));
  CAPTURE(text);
  const auto value = parse_json(text);
  REQUIRE_FALSE(value);
  CHECK(value.error().text == error);
}

TEST_CASE("depth is bounded, and a deep text costs no stack", "[json]") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_json(nested(kJsonDepthMax)));
  CHECK(parse_json(nested(kJsonDepthMax + 1)).error().text == "exceeded max depth");
  CHECK(parse_json(nested(3'000'000)).error().text == "exceeded max depth");
  CHECK(parse_json(std::string(3'000'000, '[')).error().text == "unexpected end of JSON input");
}

TEST_CASE("strings are written with Go's escapes", "[json]") {
  GoWriter writer;
  writer.string("\"\\\n\r\t\x01<>&\x7f\xe2\x80\xa8\xe2\x80\xa9\xc3\xa4\xff/");
  CHECK(writer.take() == "\"\\\"\\\\\\n\\r\\t\\u0001\\u003c\\u003e\\u0026\x7f\\u2028\\u2029\xc3\xa4\\ufffd/\"");
}

TEST_CASE("any bytes give a value or an error that the scanner agrees with", "[json]") {
  base::Random random(7);
  const std::string_view alphabet = "[]{}\",:\\u0dD8fe1-.+ntrusal\n\xff ";
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (std::size_t length = random.below(12); length > 0; --length) text += alphabet[random.below(alphabet.size())];
    CAPTURE(text);
    const auto value = parse_json(text);
    const auto error = go_syntax_error(text);
    if (value.operator bool() != !error) FAIL("parser and scanner disagree");
    if (error && value.error().text != *error) FAIL("error is not the scanner's");
  }
  SUCCEED("50,000 texts");
}
