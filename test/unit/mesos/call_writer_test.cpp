// Requests and answers of the calls' connection, as bytes.
#include "mesos/call_writer.hpp"

#include <catch2/catch.hpp>

using namespace mesos_client;

namespace {

CallHead head() { return {"/api/v1/scheduler", "10.0.0.1:5050", "application/json", "Basic cDpz", "s1"}; }

std::string print(const std::vector<Answer>& answers) {
  std::string text;
  for (const Answer& answer : answers)
    text += std::to_string(answer.status) + " [" + answer.body + "]" + (answer.last ? " last" : "") + "\n";
  return text;
}

// What a reader makes of `bytes`, fed piece by piece, and of the end of the connection.
std::string read(std::string_view bytes, std::size_t split, std::size_t piece = std::string::npos) {
  AnswerReader reader(1000);
  std::vector<Answer> answers;
  std::string failure;
  const auto feed = [&](std::string_view part) {
    for (std::size_t at = 0; at < part.size() && failure.empty(); at += std::min(piece, part.size() - at)) {
      if (const auto fed = reader.feed(part.substr(at, piece), answers); !fed) failure = fed.error().text;
    }
  };
  feed(bytes.substr(0, split));
  feed(bytes.substr(split));
  const auto ended = reader.end(answers);
  CHECK((failure.empty() || !ended));  // An error is final.
  if (failure.empty() && !ended) failure = ended.error().text;
  return print(answers) + failure;
}

std::string read(std::string_view bytes) { return read(bytes, 0); }

const std::string kOk = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE("a call is one POST with the headers that Mesos wants", "[calls]") {
  const auto writer = CallWriter::make(head());
  REQUIRE(writer);
  std::string out = "before|";
  writer->append("{}", out);
  CHECK(out ==
        "before|POST /api/v1/scheduler HTTP/1.1\r\nHost: 10.0.0.1:5050\r\nContent-Type: application/json\r\n"
        "Accept: application/json\r\nAuthorization: Basic cDpz\r\nMesos-Stream-Id: s1\r\nContent-Length: 2\r\n\r\n{}");

  const auto bare = CallWriter::make({"", "localhost", "application/x-protobuf", "", ""});
  REQUIRE(bare);
  out.clear();
  bare->append("", out);
  CHECK(out ==
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
        "Accept: application/x-protobuf\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("no value can forge a header or a request", "[calls]") {
  std::string CallHead::*const field = GENERATE(&CallHead::path, &CallHead::host, &CallHead::content_type,
                                                &CallHead::authorization, &CallHead::stream_id);
  const std::string evil = GENERATE(std::string("a\r\nX: y"), std::string("a\nb"), std::string("a\rb"),
                                    std::string("a\0b", 3), std::string("a\x7f"));
  CallHead forged = head();
  forged.*field = (field == &CallHead::path ? "/" : "") + evil;
  CHECK_FALSE(CallWriter::make(forged));
}

TEST_CASE("a path with a blank, or that is none, is refused", "[calls]") {
  CallHead forged = head();
  forged.path = GENERATE("/a HTTP/1.0", "api", "http://other/");
  CHECK_FALSE(CallWriter::make(forged));
}

TEST_CASE("answers are read whatever way their bytes are split", "[calls]") {
  const std::string bytes =
      kOk + "HTTP/1.1 400 Bad Request\r\nDate: Sun, 22 Nov 2026 15:54:11 GMT\r\nContent-Length: 5\r\n\r\nwrong" +
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\nTrailer: "
      "t\r\n\r\n" +
      "HTTP/1.1 100 Continue\r\n\r\n" + "HTTP/1.1 204 No Content\r\n\r\n" +
      "HTTP/1.1 503 \r\nconnection: Close\r\ncontent-length:  2 \r\n\r\nno" +
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n" +
      "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n" + "HTTP/1.1 401\r\n\r\nuntil the end";
  const std::string expected =
      "202 []\n400 [wrong]\n200 [abc0123456789]\n204 []\n503 [no] last\n200 []\n200 [] last\n401 [until the end] "
      "last\n";
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    CAPTURE(split);
    CHECK(read(bytes, split) == expected);
  }
  CHECK(read(bytes, 0, 1) == expected);
  CHECK(read(bytes, 0, 7) == expected);
}

TEST_CASE("an answer that is cut anywhere is no answer", "[calls]") {
  const std::string answer = GENERATE(as<std::string>{}, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
                                      "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nwrong",
                                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  for (std::size_t size = 1; size < answer.size(); ++size) {
    CAPTURE(answer.substr(0, size));
    CHECK(read(kOk + answer.substr(0, size)) == "202 []\nconnection closed before the answer was complete");
  }
}

TEST_CASE("what leaves the end of an answer in doubt is an error, after the answers before it", "[calls]") {
  const auto [bad, text] = GENERATE(table<std::string, std::string>({
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is not HTTP"},
      {"HTTP/2.0 200 OK\r\n\r\n", "the answer is not HTTP"},
      {"HTTP/1.1 20\r\n\r\n", "the answer is not HTTP"},
      {"HTTP/1.1 2000 OK\r\n\r\n", "the answer is not HTTP"},
      {"HTTP/1.1 099 OK\r\n\r\n", "the answer is not HTTP"},
      {"HTTP/1.1 +20 OK\r\n\r\n", "the answer is not HTTP"},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "the peer changes the protocol"},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 3\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "the head of the answer is garbled"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "the chunks of the answer are garbled"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "the chunks of the answer are garbled"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\n", "the chunks of the answer are garbled"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "the chunks of the answer are garbled"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 202 Accepted\r\n",
       "the chunks of the answer are garbled"},
  }));
  CAPTURE(bad);
  CHECK(read(kOk + bad + std::string(5000, 'x')) == "202 []\n" + text);
  CHECK(read(kOk + bad + std::string(5000, 'x'), 0, 1) == "202 []\n" + text);
}

TEST_CASE("heads, bodies and trailers have bounds", "[calls]") {
  const std::string filler(70'000, 'x');
  CHECK(read("HTTP/1.1 200 OK\r\nX: " + filler) == "the head of the answer is too long");
  CHECK(read("HTTP/1.1 200 OK\r\nX: " + filler + "\r\n\r\n") == "the head of the answer is too long");
  CHECK(read("HTTP/1.1 200 OK\r\nX: " + filler, 0, 1000) == "the head of the answer is too long");
  CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n") == "the answer is longer than 1000 bytes");
  CHECK(read("HTTP/1.1 200 OK\r\n\r\n" + filler) == "the answer is longer than 1000 bytes");
  CHECK(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n" + filler) ==
        "the answer is longer than 1000 bytes");
  std::string trailer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 70; ++i) trailer += "X: " + std::string(1000, 'y') + "\r\n";
  CHECK(read(trailer) == "the trailer of the answer is too long");
}
