#include "base/random.hpp"

#include <catch2/catch.hpp>

TEST_CASE("one seed gives one sequence, another seed another", "[random]") {
  base::Random a(7);
  base::Random b(7);
  base::Random c(8);
  const auto first = a.next();
  CHECK(first == b.next());
  CHECK(first != c.next());
}

TEST_CASE("below() stays below and reaches every value", "[random]") {
  base::Random random(1);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) ++seen.at(random.below(5));
  for (const int count : seen) CHECK(count > 100);
}

TEST_CASE("a UUID is of version 4 and prints as one", "[random]") {
  base::Random random(3);
  const std::string bytes = random.uuid4();
  REQUIRE(bytes.size() == 16);
  const std::string text = base::uuid_text(bytes);
  CHECK(text.size() == 36);
  CHECK(text[14] == '4');
  CHECK(std::string("89ab").find(text[19]) != std::string::npos);
  CHECK(random.letters(8).find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string::npos);
}
