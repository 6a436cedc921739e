// URLs, host:port, durations: what people type into flags.
#include <catch2/catch.hpp>

#include "platform/clock.hpp"
#include "platform/flags.hpp"
#include "platform/http.hpp"
#include "platform/log.hpp"

using namespace std::chrono_literals;

TEST_CASE("a URL is cut into its parts", "[http]") {
  const auto [text, url] = GENERATE(table<std::string, platform::Url>({
      {"http://127.0.0.1:5050", {"http", "127.0.0.1", 5050, ""}},
      {"http://master/", {"http", "master", 80, "/"}},
      {"HTTPS://master.example/api/v1?x=1#part", {"https", "master.example", 443, "/api/v1?x=1"}},
      {"http://[::1]:80/x", {"http", "::1", 80, "/x"}},
      {"https://[fe80::2]", {"https", "fe80::2", 443, ""}},
      {"http://h?q", {"http", "h", 80, "/?q"}},
  }));
  CAPTURE(text);
  const auto parsed = platform::parse_url("--master", text);
  REQUIRE(parsed);
  CHECK(*parsed == url);
}

TEST_CASE("a bad URL is refused with the flag's name", "[http]") {
  const auto text = GENERATE("", "master:5050", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:65536",
                             "http://h:x", "http://user@h", "http://a b", "http://h/a b", "http://::1", "http://[::1",
                             "http://[::1]x", "http://h:-1");
  CAPTURE(text);
  const auto parsed = platform::parse_url("--master", text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().where == "--master");
}

TEST_CASE("an origin can be parsed again", "[http]") {
  const platform::Url url{"https", "::1", 5050, "/x"};
  CHECK(url.origin() == "https://[::1]:5050");
  CHECK(*platform::parse_url("", url.origin()) == platform::Url{"https", "::1", 5050, ""});
}

TEST_CASE("host:port", "[http]") {
  CHECK(*platform::parse_host_port("", "127.0.0.1:9016") == platform::HostPort{"127.0.0.1", 9016});
  CHECK(*platform::parse_host_port("", "[::1]:0") == platform::HostPort{"::1", 0});
  CHECK(platform::HostPort{"::1", 9016}.text() == "[::1]:9016");
  const auto bad = GENERATE("", ":9016", "localhost", "localhost:", "localhost:99999", "::1:80", "[::1]", "a:1:2");
  CAPTURE(bad);
  CHECK_FALSE(platform::parse_host_port("--listen", bad));
}

TEST_CASE("a header is found whatever its case", "[http]") {
  const platform::Headers headers{{"Content-Type", "a"}, {"content-type", "b"}};
  REQUIRE(platform::find_header(headers, "CONTENT-TYPE") != nullptr);
  CHECK(*platform::find_header(headers, "CONTENT-TYPE") == "a");
  CHECK(platform::find_header(headers, "Content") == nullptr);
}

TEST_CASE("durations are numbers with units, and sums of them", "[flags]") {
  const auto [text, duration] = GENERATE(table<std::string, base::Duration>({
      {"5s", 5s},
      {"1.5s", 1500ms},
      {"250ms", 250ms},
      {"2m", 2min},
      {"1h", 1h},
      {"1w", 168h},
      {"1d", 24h},
      {"1m30s", 90s},
      {"1h0m0.5s", 1h + 500ms},
      {"0", 0s},
      {"0s", 0s},
      {"10us", 10us},
      {"10µs", 10us},
      {"7ns", 7ns},
      {".5s", 500ms},
      {"9007199254740993ns", std::chrono::nanoseconds((std::int64_t{1} << 53) + 1)},
      {"99.999991w", std::chrono::nanoseconds(60'479'994'556'800'000)},
  }));
  CAPTURE(text);
  const auto parsed = platform::parse_duration("--x", text);
  REQUIRE(parsed);
  CHECK(*parsed == duration);
  CHECK(*platform::parse_duration("", platform::format_duration(duration)) == duration);
}

TEST_CASE("what is no duration is refused", "[flags]") {
  const auto text =
      GENERATE("", "5", "s", "5 s", "-5s", "5x", "5sm", "1e3s", "5s3", "nan s", "infs", "99999999999w", "5.s.", "+5s");
  CAPTURE(text);
  CHECK_FALSE(platform::parse_duration("--x", text));
}

TEST_CASE("durations are written in one unit where one does", "[flags]") {
  CHECK(platform::format_duration(90s) == "90s");
  CHECK(platform::format_duration(1500ms) == "1500ms");
  CHECK(platform::format_duration(10min) == "10m");
  CHECK(platform::format_duration(168h) == "1w");
  CHECK(platform::format_duration(0s) == "0s");
}

TEST_CASE("time never runs backwards and counts from 1970", "[clock]") {
  const base::Time first = platform::now();
  const base::Time second = platform::now();
  CHECK(second >= first);
  CHECK(first.time_since_epoch() > 24h * 365 * 50);
}

TEST_CASE("log levels by name", "[log]") {
  CHECK(*platform::parse_log_level("", "debug") == platform::LogLevel::debug);
  CHECK(*platform::parse_log_level("", "error") == platform::LogLevel::error);
  CHECK(platform::parse_log_level("--log-level", "loud").error().message() ==
        "--log-level: \"loud\" is none of debug, info, warning, error");
}
