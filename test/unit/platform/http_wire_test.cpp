#include <catch2/catch.hpp>

#include "gzip.hpp"
#include "platform/http_wire.hpp"

namespace wire = platform::wire;
using http_test::gzip;

namespace {

std::string head(const std::string& line, const std::string& headers = "Host: h\r\n") {
  return line + "\r\n" + headers + "\r\n";
}

}  // namespace

TEST_CASE("a request head is read as sent", "[wire]") {
  wire::Head parsed;
  REQUIRE(wire::parse_head(
              "REPORT /v1/a%2Fb?x=1%202&y=a+b&x=3&z HTTP/1.1\r\nHost: h\r\nX-A:  b c\t\r\nContent-Length: 5\r\n\r\n",
              parsed) == 0);
  CHECK(parsed.request.method == "REPORT");
  CHECK(parsed.request.target == "/v1/a%2Fb?x=1%202&y=a+b&x=3&z");
  CHECK(parsed.request.path == "/v1/a%2Fb");
  CHECK(parsed.request.query == std::map<std::string, std::string>{{"x", "1 2"}, {"y", "a b"}, {"z", ""}});
  CHECK(parsed.request.headers == platform::Headers{{"Host", "h"}, {"X-A", "b c"}, {"Content-Length", "5"}});
  CHECK(parsed.content_length == 5);
  CHECK(parsed.keep_alive);
}

TEST_CASE("heads that two readers could read differently are refused", "[wire]") {
  const auto [text, status] = GENERATE(table<std::string, int>({
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: -1\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: +1\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: 1x\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: 99999999999999999999\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Length:\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nTransfer-Encoding: gzip, chunked\r\n"), 501},
      {head("GET / HTTP/1.1", "Host: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {head("GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), 400},
      {head("GET / HTTP/1.1", "Host : h\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\n folded: x\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nno colon\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nX: a\rb\r\n"), 400},
      {head("GET / HTTP/1.1", "Host: a\r\nHost: b\r\n"), 400},
      {head("GET / HTTP/1.1", ""), 400},
      {head("GET  HTTP/1.1"), 400},
      {head("GET / x HTTP/1.1"), 400},
      {head("GET /"), 400},
      {head("G(T / HTTP/1.1"), 400},
      {head("GET nowhere HTTP/1.1"), 400},
      {head("GET /#x HTTP/1.1"), 400},
      {head("GET /?a=%zz HTTP/1.1"), 400},
      {head("GET / HTTP/2.0"), 505},
      {head("GET / HTTPX"), 400},
      {head("GET / HTTP/1.1", "Host: h\r\nContent-Encoding: br\r\n"), 415},
      {head("GET / HTTP/1.1", "Host: h\r\nExpect: miracles\r\n"), 417},
  }));
  CAPTURE(text);
  wire::Head parsed;
  CHECK(wire::parse_head(text, parsed) == status);
}

TEST_CASE("a connection stays unless someone wants it closed", "[wire]") {
  const auto [line, headers, keeps] = GENERATE(table<std::string, std::string, bool>({
      {"GET / HTTP/1.1", "Host: h\r\n", true},
      {"GET / HTTP/1.1", "Host: h\r\nConnection: upgrade, Close\r\n", false},
      {"GET / HTTP/1.0", "", false},
      {"GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
  }));
  wire::Head parsed;
  REQUIRE(wire::parse_head(head(line, headers), parsed) == 0);
  CHECK(parsed.keep_alive == keeps);
}

TEST_CASE("chunks survive any split of the stream", "[wire]") {
  const std::string stream = "5;name=x\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT";
  const auto step = GENERATE(range<std::size_t>(1, 60));
  CAPTURE(step);
  wire::ChunkedReader reader(100);
  std::string body, input;
  for (std::size_t at = 0; at < stream.size() && !reader.done(); at += step) {
    input += stream.substr(at, step);
    REQUIRE(reader.feed(input, body) == 0);
    if (reader.done()) input += stream.substr(std::min(stream.size(), at + step));
  }
  CHECK(reader.done());
  CHECK(body == "hello 0123456789");
  CHECK(input == "NEXT");
}

TEST_CASE("bytes that are not chunks are refused", "[wire]") {
  const auto [bytes, status] = GENERATE(table<std::string, int>({
      {"-1\r\n", 400},
      {"0x5\r\nhello\r\n", 400},
      {"\r\n", 400},
      {"g\r\n", 400},
      {"5\r\nhelloX\r\n", 400},
      {"5\r\nhello6\r\n", 400},
      {"ffffffffffffffffff\r\n", 400},
      {"ffffffffffffffff\r\n", 413},
      {"65\r\n", 413},
      {std::string(5000, '1'), 400},
  }));
  CAPTURE(bytes);
  wire::ChunkedReader reader(100);
  std::string body, input = bytes;
  CHECK(reader.feed(input, body) == status);
}

TEST_CASE("the limit counts all chunks together", "[wire]") {
  wire::ChunkedReader reader(8);
  std::string body, input = "5\r\nhello\r\n4\r\n";
  CHECK(reader.feed(input, body) == 413);
}

TEST_CASE("a compressed body is unpacked up to the limit", "[wire]") {
  const std::string text(100'000, 'x');
  const std::string packed = gzip(text);
  std::string body;
  CHECK(wire::inflate(packed, 100'000, body) == 0);
  CHECK(body == text);
  body.clear();
  CHECK(wire::inflate(packed, 99'999, body) == 413);
  body.clear();
  CHECK(wire::inflate(packed.substr(0, packed.size() - 4), 100'000, body) == 400);
  body.clear();
  CHECK(wire::inflate("not gzip", 100'000, body) == 400);
  CHECK(wire::inflate("", 100'000, body) == 400);
}

TEST_CASE("a value cannot forge a header", "[wire]") {
  const std::string text = wire::response_head(200, {{"X-Echo", "a\r\nSet-Cookie: b"}}, {.content_length = 0});
  CHECK(text.find("X-Echo: a  Set-Cookie: b\r\n") != std::string::npos);
  CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(text.ends_with("Content-Length: 0\r\n\r\n"));
}
