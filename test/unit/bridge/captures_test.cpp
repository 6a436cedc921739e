// What a real BBS sent to a real auctioneer, byte for byte over a socket: our answers are its answers, but
// for the date and the order of headers.
#include <arpa/inet.h>

#include <catch2/catch.hpp>

#include <map>

#include "../diego/http_records.hpp"
#include "../platform/raw_client.hpp"
#include "auctionrunner_bridge/bridge.hpp"
#include "diego/auction.hpp"
#include "rig.hpp"

namespace {

struct Auctioneer {
  Auctioneer() : served(on_loopback(), desk) {
    const auto started = served.start();
    REQUIRE(started);
    port = *started;
  }
  static bridge::BridgeOptions on_loopback() {
    bridge::BridgeOptions options;
    options.listen = {"127.0.0.1", 0};
    return options;
  }
  // The answer to one request, which is waited for until it ends with `expected_body`.
  records::Message ask(const std::string& bytes, const std::string& expected_body) const {
    RawClient client(port);
    client.send(bytes);
    return records::parse(client.read_until("\r\n\r\n" + expected_body));
  }

  FakeDesk desk;
  bridge::Bridge served;
  int port = 0;
};

void compare(const records::Message& ours, const records::Message& theirs) {
  CHECK(ours.first_line == theirs.first_line);
  CHECK(records::lines(ours.headers, {"Date"}) == records::lines(theirs.headers, {"Date"}));
  CHECK_FALSE(ours.header("Date").empty());
  CHECK(ours.body == theirs.body);
}

// What a request asks for, each key once, in order.
std::vector<core::Key> keys_in(const records::Message& request) {
  std::vector<core::Key> keys;
  if (request.word(1) == "/v1/lrps") {
    const auto starts = diego::parse_lrp_starts(request.body);
    REQUIRE(starts);
    for (const diego::LrpStart& start : *starts) {
      for (const std::int32_t index : start.indices) keys.push_back(lrp(start.process_guid, index));
    }
  } else {
    const auto starts = diego::parse_task_starts(request.body);
    REQUIRE(starts);
    for (const diego::TaskStart& start : *starts) keys.push_back(task(start.task_guid));
  }
  return keys;
}

// "### POST /v1/lrps  BODY" and the answer that follows; a file may hold several.
struct Asked {
  std::string method, path, body;
  records::Message answer;
};
std::vector<Asked> asked_in(const std::string& text) {
  std::vector<Asked> out;
  for (std::size_t at = text.find("### "); at != std::string::npos;) {
    const std::size_t next = text.find("\n### ", at);
    const std::string record = text.substr(at, next == std::string::npos ? next : next - at);
    const std::size_t line = record.find('\n');
    std::istringstream title(record.substr(4, line - 4));
    Asked one;
    title >> one.method >> one.path;
    std::getline(title, one.body);
    one.body.erase(0, one.body.find_first_not_of(' '));
    one.answer = records::parse(record.substr(line + 1));
    // The record separates answers by a line feed of its own.
    one.answer.body.resize(std::stoul(one.answer.header("Content-Length")));
    out.push_back(std::move(one));
    at = next == std::string::npos ? next : next + 1;
  }
  return out;
}

std::string request_bytes(const std::string& method, const std::string& path, const std::string& body) {
  return method + " " + path + " HTTP/1.1\r\nHost: auctioneer\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("every recorded auction of a BBS is answered as the auctioneer answered it", "[bridge][captures]") {
  if (records::missing()) return;
  int compared = 0;
  for (const auto& path : records::files("bbs-to-auctioneer-", ".req")) {
    CAPTURE(path);
    const std::string bytes = records::read_file(path);
    const records::Message request = records::parse(bytes);
    Auctioneer ours;
    auto answer = path;
    const records::Message theirs = records::parse(records::read_file(answer.replace_extension(".resp")));
    compare(ours.ask(bytes, theirs.body), theirs);
    std::vector<core::Key> keys;
    for (const core::Auction& auction : ours.desk.submitted) {
      keys.push_back(auction.key);
      CHECK(auction.trace_id == request.header("X-Vcap-Request-Id"));
    }
    CHECK(keys == keys_in(request));
    ++compared;
  }
  CHECK(compared == 12);
}

TEST_CASE("every recorded answer to a bad request is ours", "[bridge][captures]") {
  if (records::missing()) return;
  const Auctioneer ours;
  std::map<std::string, int> compared;
  for (const auto& path : records::files("auctioneer-answer-", ".txt")) {
    for (Asked asked : asked_in(records::read_file(path))) {
      // The record tells of this one only in words.
      if (asked.method == "task") asked = {"POST", "/v1/tasks", R"([{"state":1}])", asked.answer};
      CAPTURE(path, asked.method, asked.path, asked.body);
      const std::string request = request_bytes(asked.method, asked.path, asked.body);
      ++compared[asked.answer.word(1)];
      if (asked.path == "/nosuch") {  // Its text is ours: {"error":...}, as on all our routes.
        CHECK(ours.ask(request, "").first_line == asked.answer.first_line);
      } else {
        compare(ours.ask(request, asked.answer.body), asked.answer);
      }
    }
  }
  CHECK(compared == std::map<std::string, int>{{"202", 7}, {"400", 6}, {"404", 1}, {"405", 1}});
}
