#include "base/text.hpp"

#include <catch2/catch.hpp>

using Strings = std::vector<std::string>;

TEST_CASE("base64 is the standard alphabet with padding", "[text]") {
  const auto [bytes, text] = GENERATE(table<std::string, std::string>(
      {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}}));
  CHECK(base::base64_encode(bytes) == text);
  CHECK(base::base64_decode(text) == bytes);
}

TEST_CASE("base64 is read as Mesos reads it", "[text]") {
  CHECK(base::base64_decode("Zg") == "f");
  CHECK(base::base64_decode(" Zm\n9v ") == "foo");
  char bad = 'x';
  CHECK(base::base64_decode("Zm-v", &bad) == std::nullopt);
  CHECK(bad == '-');
  CHECK(base::base64_decode("Z", &bad) == std::nullopt);
  CHECK(bad == '\0');
  CHECK(base::base64_decode("Zg==Zg", &bad) == std::nullopt);
}

TEST_CASE("a guid survives percent encoding and never keeps a dot", "[text]") {
  const std::string guid = GENERATE(as<std::string>{}, "plain-guid_1", "a.b/c", "100%", "sp ace", "\xc3\xa9");
  const std::string encoded = base::percent_encode(guid);
  CHECK(encoded.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%") ==
        std::string::npos);
  CHECK(base::percent_decode(encoded) == guid);
  CHECK(base::percent_decode("%4") == std::nullopt);
  CHECK(base::percent_decode("%zz") == std::nullopt);
}

TEST_CASE("lists are cut at separators, blanks and empty items dropped", "[text]") {
  CHECK(base::split_list(" a, b,,c ,") == Strings{"a", "b", "c"});
  CHECK(base::split_list("") == Strings{});
  CHECK(base::split_list("a=b;c", ';') == Strings{"a=b", "c"});
  CHECK(base::equal_ignoring_case("Content-TYPE", "content-type"));
  CHECK_FALSE(base::equal_ignoring_case("a", "ab"));
}
