// The operator's page: its route and what browsers are told with it.
#include <openssl/evp.h>

#include <catch2/catch.hpp>

#include "auctionrunner_bridge/page.hpp"
#include "base/text.hpp"
#include "rig.hpp"

using bridge::answer;

namespace {

const std::string& header(const platform::ServerResponse& response, std::string_view name) {
  const std::string* const found = platform::find_header(response.headers, name);
  REQUIRE(found != nullptr);
  return *found;
}

std::string hash_source(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  REQUIRE(EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr) == 1);
  return "'sha256-" + base::base64_encode(std::string_view(reinterpret_cast<const char*>(digest), length)) + "'";
}

// What is between the only two such tags.
std::string_view inside(std::string_view text, std::string_view tag) {
  const std::string open = "<" + std::string(tag) + ">", close = "</" + std::string(tag) + ">";
  const std::size_t begin = text.find(open), end = text.find(close);
  REQUIRE(begin != std::string_view::npos);
  REQUIRE(end != std::string_view::npos);
  CHECK(text.find("<" + std::string(tag), begin + 1) == std::string_view::npos);
  return text.substr(begin + open.size(), end - begin - open.size());
}

}  // namespace

TEST_CASE("the page is there for a browser, and is asked for anew every time", "[page]") {
  FakeDesk desk;
  const auto response = answer(request("GET", "/"), desk, {});
  CHECK(response.status == 200);
  CHECK(header(response, "Content-Type") == "text/html; charset=utf-8");
  CHECK(header(response, "Cache-Control") == "no-cache");
  CHECK(header(response, "X-Content-Type-Options") == "nosniff");
  CHECK(header(response, "X-Frame-Options") == "DENY");
  CHECK(header(response, "Referrer-Policy") == "no-referrer");
  CHECK(response.body.starts_with("<!doctype html>\n<html lang=\"en\">"));
  CHECK(response.body.ends_with("</html>\n"));
  CHECK(answer(request("HEAD", "/"), desk, {}).status == 200);
}

TEST_CASE("only the page's own script and styles may run, and it may ask nobody but us", "[page]") {
  FakeDesk desk;
  const auto response = answer(request("GET", "/"), desk, {});
  const std::string& policy = header(response, "Content-Security-Policy");
  CHECK_THAT(policy, Catch::StartsWith("default-src 'none'; "));
  CHECK_THAT(policy, Catch::Contains("script-src " + hash_source(inside(response.body, "script")) + ";"));
  CHECK_THAT(policy, Catch::Contains("style-src " + hash_source(inside(response.body, "style")) + ";"));
  for (const char* rule : {"connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'",
                           "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"}) {
    CHECK_THAT(policy, Catch::Contains(rule));
  }
  CHECK_THAT(policy, !Catch::Contains("unsafe"));
  for (const char* outside : {"src=\"http", "href=\"http", "@import", "url(http", "innerHTML", "insertAdjacentHTML",
                              "document.write", "eval("}) {
    CAPTURE(outside);
    CHECK(response.body.find(outside) == std::string::npos);
  }
}

TEST_CASE("a browser that has the page already is not sent it again", "[page]") {
  FakeDesk desk;
  const std::string tag = header(answer(request("GET", "/"), desk, {}), "ETag");
  const auto [sent, status] = GENERATE_COPY(table<std::string, int>({
      {tag, 304},
      {"\"other\", " + tag, 304},
      {"W/" + tag, 304},
      {"*", 304},
      {"\"other\"", 200},
      {"", 200},
  }));
  CAPTURE(sent);
  const auto response = answer(request("GET", "/", "", {{"If-None-Match", sent}}), desk, {});
  CHECK(response.status == status);
  CHECK(response.body.empty() == (status == 304));
  CHECK(header(response, "ETag") == tag);
  CHECK(header(response, "Content-Security-Policy").size() > 100);
}

TEST_CASE("the page itself needs no token, what it shows does", "[page]") {
  FakeDesk desk;
  CHECK(answer(request("GET", "/"), desk, {"secret"}).status == 200);
  for (const char* path : {"/v1/overview", "/v1/zones", "/v1/cells", "/v1/instances", "/v1/events"}) {
    CAPTURE(path);
    CHECK(answer(request("GET", path), desk, {"secret"}).status == 401);
    CHECK(answer(request("GET", path, "", {{"Authorization", "Bearer secret"}}), desk, {"secret"}).status == 200);
  }
}

TEST_CASE("the page cannot be changed", "[page]") {
  const auto method = GENERATE("POST", "PUT", "DELETE", "PATCH");
  FakeDesk desk;
  const auto response = answer(request(method, "/"), desk, {});
  CHECK(response.status == 405);
  CHECK(header(response, "Allow") == "GET, HEAD");
}

TEST_CASE("another site's page changes nothing through its reader's browser", "[page]") {
  using Headers = platform::Headers;
  const auto [headers, status] = GENERATE(table<Headers, int>({
      {Headers{}, 202},  // Not a browser.
      {Headers{{"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://127.0.0.1:9016"}}, 202},
      {Headers{{"Sec-Fetch-Site", "none"}}, 202},
      {Headers{{"Sec-Fetch-Site", "cross-site"}}, 403},
      {Headers{{"Sec-Fetch-Site", "same-site"}}, 403},
      // Older browsers, and plain HTTP to another machine.
      {Headers{{"Origin", "http://scheduler:9016"}, {"Host", "Scheduler:9016"}}, 202},
      {Headers{{"Origin", "http://evil.example"}, {"Host", "scheduler:9016"}}, 403},
      {Headers{{"Origin", "null"}, {"Host", "scheduler:9016"}}, 403},
  }));
  FakeDesk desk;
  const auto response = answer(request("POST", "/v1/cells/A1/drain", "", headers), desk, {});
  CHECK(response.status == status);
  CHECK(desk.drains.size() == (status == 202 ? 1 : 0));
  CHECK(answer(request("GET", "/v1/cells", "", headers), desk, {}).status == 200);
}
