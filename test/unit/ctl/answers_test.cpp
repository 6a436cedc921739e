#include <catch2/catch.hpp>

#include "ctl/api.hpp"
#include "ctl/commands.hpp"
#include "ctl/fields.hpp"

using ctl::Json;

namespace {

Json parse(const std::string& text) {
  auto json = diego::parse_json(text);
  REQUIRE(json);
  return *std::move(json);
}

}  // namespace

TEST_CASE("an answer means an exit code and one line", "[answers]") {
  const auto [status, body, code, words] = GENERATE(table<int, std::string, int, std::string>({
      {200, R"({"a":1})", ctl::kOk, ""},
      {202, "{}", ctl::kOk, ""},
      {200, "<html>", ctl::kUnreachable, "u: answers, but not as a diego-scheduler does (--url)"},
      {200, "[]", ctl::kUnreachable, "u: answers, but not as a diego-scheduler does (--url)"},
      {200, "", ctl::kUnreachable, "u: answers, but not as a diego-scheduler does (--url)"},
      {404, R"({"error":"no such instance"})", ctl::kNotSo, "u: no such instance"},
      {404, "404 page not found\n", ctl::kUnreachable, "u: answers 404, and not as a diego-scheduler does (--url)"},
      {404, R"({"error":7})", ctl::kNotSo, "u: 7"},
      {404, R"({"error":""})", ctl::kUnreachable, "u: answers 404, and not as a diego-scheduler does (--url)"},
      {400, R"({"error":"limit: no"})", ctl::kUsage, "u: limit: no"},
      {401, R"({"error":"a bearer token is required"})", ctl::kNotSo, "u: a bearer token is required (--token-file)"},
      {503, R"({"error":"not subscribed"})", ctl::kNotSo, "u: not subscribed"},
      {502, "Bad Gateway", ctl::kUnreachable, "u: answers 502, and not as a diego-scheduler does (--url)"},
  }));
  CAPTURE(status, body);
  const ctl::Answer answer = ctl::judge("u", status, body);
  CHECK(answer.code == code);
  CHECK(answer.error == words);
}

TEST_CASE("what is missing or of another kind reads as nothing", "[fields]") {
  const Json value = parse(R"({"n":null,"b":true,"i":12,"d":1.9,"s":"x","l":["a",1,null,{}],"o":{"i":3},"i2":"12",
                               "huge":1e300,"low":-1e300,"long":99999999999999999999})");
  CHECK(ctl::text(value, "nosuch").empty());
  CHECK(ctl::text(value, "n").empty());
  CHECK(ctl::text(value, "b") == "true");
  CHECK(ctl::text(value, "i") == "12");
  CHECK(ctl::text(value, "l").empty());
  CHECK(ctl::number(value, "i") == 12);
  CHECK(ctl::number(value, "d") == 1);
  CHECK(ctl::number(value, "i2") == 0);
  CHECK(ctl::number(value, "huge") == ctl::kNumberMax);
  CHECK(ctl::number(value, "low") == -ctl::kNumberMax);
  CHECK(ctl::number(value, "long") == ctl::kNumberMax);
  CHECK(ctl::yes(value, "b"));
  CHECK_FALSE(ctl::yes(value, "i"));
  CHECK(ctl::items(value, "l").size() == 4);
  CHECK(ctl::items(value, "o").empty());
  CHECK(ctl::joined(value, "l") == "a, 1, , ");
  CHECK(ctl::number(ctl::member(ctl::member(value, "o"), "nosuch"), "x") == 0);
}

TEST_CASE("a value is written as it was read", "[fields]") {
  const auto text = GENERATE(R"({"a":[1,1.50,1e3,-0],"b":{"c":null,"d":true},"e":"ä\n\"\\","f\"\n":1})", "[]", "{}",
                             "\"\"", "123456789012345678901234567890");
  CHECK(ctl::to_json(parse(text)) == text);
}

TEST_CASE("times are read, and told as ages", "[fields]") {
  const auto at = ctl::moment("2024-02-29T12:03:04.250Z");
  REQUIRE(at);
  CHECK(at->time_since_epoch() == std::chrono::milliseconds(1709208184250));
  for (const char* const none : {"", "Z", "2023-02-29T12:03:04Z", "2024-02-29T12:03:04", "2024-02-29T1x:03:04Z",
                                 "2024-02-29T12:03:04.x0Z", "9999-99-99T99:99:99Z", "-024-01-01T00:00:00Z"})
    CHECK_FALSE(ctl::moment(none));
  using namespace std::chrono_literals;
  CHECK(ctl::age("2024-02-29T12:03:04.250Z", *at + 59s) == "59s");
  CHECK(ctl::age("2024-02-29T12:03:04.250Z", *at + 61s) == "1m01s");
  CHECK(ctl::age("2024-02-29T12:03:04.250Z", *at + 2h + 5min) == "2h05m");
  CHECK(ctl::age("2024-02-29T12:03:04.250Z", *at + 75h) == "3d03h");
  CHECK(ctl::age("2024-02-29T12:03:04.250Z", *at - 5s) == "0s");
  CHECK(ctl::age("yesterday", *at).empty());
}

TEST_CASE("a file of auctions is an auction or a list, of either kind", "[auctions]") {
  const auto both =
      ctl::parse_auctions(R"([{"process_guid":"a","indices":[0]},{"TASKGUID":"t"},{"Process_Guid":"b"}])");
  REQUIRE(both);
  CHECK(both->lrps == R"([{"process_guid":"a","indices":[0]},{"Process_Guid":"b"}])");
  CHECK(both->tasks == R"([{"TASKGUID":"t"}])");
  CHECK(both->lrp_requests == 2);
  CHECK(both->task_requests == 1);
  const auto one = ctl::parse_auctions(R"({"TaskGuid":"t"})");
  REQUIRE(one);
  CHECK(one->tasks == R"([{"TaskGuid":"t"}])");
  CHECK(one->lrps.empty());
  for (const char* const bad : {"", "{", "[]", "7", "[7]", "{}", "null", R"([{"process_guid":"a","TaskGuid":"t"}])"}) {
    CAPTURE(bad);
    CHECK_FALSE(ctl::parse_auctions(bad));
  }
}

TEST_CASE("a query is added to a path", "[answers]") {
  std::string path = "/v1/instances";
  ctl::add_query(path, "process_guid", "a&b=c d");
  ctl::add_query(path, "limit", "5");
  CHECK(path == "/v1/instances?process_guid=a%26b%3Dc%20d&limit=5");
}
