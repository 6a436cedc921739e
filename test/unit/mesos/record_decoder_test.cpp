#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "mesos/record_decoder.hpp"

using mesos_client::encode_record;
using mesos_client::RecordDecoder;
using Records = std::vector<std::string>;

TEST_CASE("records survive any split of the stream", "[recordio]") {
  const std::string_view stream = "6\nhello!0\n7\nline\n2!";
  const auto step = GENERATE(range<std::size_t>(1, 19));
  CAPTURE(step);

  RecordDecoder decoder(1024);
  Records all;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    const auto some = decoder.feed(stream.substr(at, step));
    REQUIRE(some);
    all.insert(all.end(), some->begin(), some->end());
  }
  CHECK(all == Records{"hello!", "", "line\n2!"});
  CHECK(decoder.at_boundary());
}

TEST_CASE("a bad length ends the stream for good", "[recordio]") {
  const auto [bytes, reason] = GENERATE(table<std::string, std::string>({
      {"\nhello", "length is not a number"},
      {"-5\nhello", "length is not a number"},
      {"+5\nhello", "length is not a number"},
      {"5 \nhello", "length is not a number"},
      {" 5\nhello", "length is not a number"},
      {"5\r\nhello", "length is not a number"},
      {"0x5\nhello", "length is not a number"},
      {std::string("5\0\nhello", 8), "length is not a number"},
      {"HTTP/1.1 202 Accepted\r\n", "length is not a number"},
      {std::string(21, '9'), "length is not a number"},  // Longer than any 64-bit length.
      {"99999999999999999999\n", "length is not a number"},
      {"1025\n", "record is longer than allowed"},
      {"18446744073709551615\n", "record is longer than allowed"},
  }));
  CAPTURE(bytes);
  RecordDecoder decoder(1024);
  CHECK(decoder.feed(bytes).error().text == reason);
  CHECK(decoder.feed("5\nhello").error().text == reason);
  CHECK_FALSE(decoder.at_boundary());
}

TEST_CASE("a bad length is bad at whatever byte the stream is split", "[recordio]") {
  const std::string_view stream = "5\nhello12x4\n";
  const auto split = GENERATE(range<std::size_t>(0, 12));
  CAPTURE(split);
  RecordDecoder decoder(1024);
  Records all;
  for (const auto part : {stream.substr(0, split), stream.substr(split)}) {
    const auto some = decoder.feed(part);
    if (some) all.insert(all.end(), some->begin(), some->end());
  }
  CHECK(all == Records{"hello"});  // What came before the damage is not lost with it.
  REQUIRE(decoder.failure());
  CHECK(decoder.failure()->text == "length is not a number");
}

TEST_CASE("the longest record allowed passes", "[recordio]") {
  RecordDecoder decoder(1024);
  const std::string record(1024, 'x');
  CHECK(*decoder.feed(encode_record(record)) == Records{record});
}

TEST_CASE("a stream that ends inside a record is not at a boundary", "[recordio]") {
  const auto [bytes, boundary] = GENERATE(table<std::string, bool>({
      {"", true},
      {"5", false},
      {"5\n", false},
      {"5\nhell", false},
      {"5\nhello", true},
      {"5\nhello0", false},
      {"5\nhello0\n", true},
  }));
  CAPTURE(bytes);
  RecordDecoder decoder(1024);
  REQUIRE(decoder.feed(bytes));
  CHECK(decoder.at_boundary() == boundary);
}

TEST_CASE("what is encoded decodes to the same, whatever the bytes and the splits", "[recordio]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 50));
  CAPTURE(seed);
  base::Random random(seed);
  Records sent;
  std::string stream;
  for (int i = 0; i < 20; ++i) {
    std::string record(random.below(i % 5 == 0 ? 5000 : 30), '\0');
    for (char& c : record) c = static_cast<char>(random.below(256));
    stream += encode_record(record);
    sent.push_back(std::move(record));
  }
  RecordDecoder decoder(1U << 20U);
  Records all;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t step = 1 + random.below(100);
    const auto some = decoder.feed(std::string_view(stream).substr(at, step));
    REQUIRE(some);
    all.insert(all.end(), some->begin(), some->end());
    at += step;
  }
  CHECK(all == sent);
  CHECK(decoder.at_boundary());
}

TEST_CASE("records can be taken one by one, without a copy where they lie in one piece", "[recordio]") {
  const std::string stream = "6\nhello!0\n7\nline\n2!3\nend";
  for (std::size_t split = 0; split <= stream.size(); ++split) {
    CAPTURE(split);
    RecordDecoder decoder(1024);
    Records all;
    for (std::string_view part : {std::string_view(stream).substr(0, split), std::string_view(stream).substr(split)}) {
      const std::string_view whole = part;
      while (const auto record = decoder.next(part)) {
        all.emplace_back(*record);
        const bool in_place = record->data() >= whole.data() && record->data() <= whole.data() + whole.size();
        CHECK((in_place || split > 0));
      }
      CHECK(part.empty());
    }
    CHECK(all == Records{"hello!", "", "line\n2!", "end"});
    CHECK(decoder.at_boundary());
  }
  RecordDecoder decoder(1024);
  std::string_view bad = "2\nok1025\nx";
  CHECK(decoder.next(bad) == "ok");
  CHECK_FALSE(decoder.next(bad));
  REQUIRE(decoder.failure());
  CHECK(decoder.failure()->text == "record is longer than allowed");
}
