// Log lines in Diego's JSON.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "platform/log.hpp"

using namespace platform;

namespace {

constexpr base::Time kNow{std::chrono::nanoseconds(1522171784'100530624)};

// What goes to stderr while `say` runs.
std::string said(const std::function<void()>& say) {
  char name[] = "/tmp/lager-test-XXXXXX";
  const int file = ::mkstemp(name);
  REQUIRE(file >= 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(file, STDERR_FILENO);
  say();
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(file);
  std::ifstream in(name);
  std::stringstream text;
  text << in.rdbuf();
  ::unlink(name);
  return text.str();
}

}  // namespace

TEST_CASE("a line has the time in the form that was asked for", "[lager]") {
  const LogData data = LogData().add("a", 1).add("b", "x");
  CHECK(lager_line(LogTime::unix_epoch, kNow, LogLevel::info, "auctioneer", "started", data) ==
        R"({"timestamp":"1522171784.100530624","source":"auctioneer","message":"auctioneer.started","log_level":1,)"
        R"("data":{"a":1,"b":"x"}})");
  CHECK(lager_line(LogTime::rfc3339, kNow, LogLevel::info, "auctioneer", "started", {}) ==
        R"({"timestamp":"2018-03-27T17:29:44.100530624Z","level":"info","source":"auctioneer",)"
        R"("message":"auctioneer.started","data":{}})");
}

TEST_CASE("lager's levels are three, and a warning says what it is", "[lager]") {
  const auto [level, number, name, data] = GENERATE(table<LogLevel, std::string, std::string, std::string>({
      {LogLevel::debug, "0", "debug", "{}"},
      {LogLevel::info, "1", "info", "{}"},
      {LogLevel::warning, "1", "info", R"({"warning":true})"},
      {LogLevel::error, "2", "error", "{}"},
  }));
  CHECK_THAT(lager_line(LogTime::unix_epoch, kNow, level, "s", "m", {}),
             Catch::EndsWith(R"("log_level":)" + number + R"(,"data":)" + data + "}"));
  CHECK_THAT(lager_line(LogTime::rfc3339, kNow, level, "s", "m", {}),
             Catch::Contains(R"("level":")" + name + "\"") && Catch::EndsWith(R"("data":)" + data + "}"));
}

TEST_CASE("nothing in a line can end it or leave its string", "[lager]") {
  CHECK(json_quoted("a\"b\\c\n\r\t\x01</&>") == R"("a\"b\\c\n\r\t\u0001\u003c/\u0026\u003e")");
  CHECK(json_quoted("\xc3\xa4 \xf0\x9f\x98\x80 \xe2\x80\xa8\xe2\x80\xa9") ==
        "\"\xc3\xa4 \xf0\x9f\x98\x80 \\u2028\\u2029\"");
  const auto wrong = GENERATE("\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80");
  const std::string quoted = json_quoted(std::string("a") + wrong);
  CHECK_THAT(quoted, Catch::StartsWith("\"a\\ufffd"));
  for (const char c : quoted) CHECK(static_cast<unsigned char>(c) < 0x80);
}

TEST_CASE("the trace is the number that the request id is", "[lager]") {
  const auto [request, trace] = GENERATE(table<std::string, std::string>({
      {"7f461654-74d1-1ee5-8367-77d85df2cdab", "7f46165474d11ee5836777d85df2cdab"},
      {"00000000-0000-0000-0000-0000000000ff", "00000000000000ff"},
      {"AB", "00000000000000ab"},
      {"", ""},
      {"-", ""},
      {"not-hex", ""},
      {"0x1f", ""},
      {"+1", ""},
      {"7f461654-74d1-1ee5-8367-77d85df2cdab::7f461654-74d1-1ee5-8367-77d85df2cdab", ""},
      {"17f46165474d11ee5836777d85df2cdab", ""},  // More than 128 bits.
  }));
  const std::string expected = trace.empty() ? "{}" : R"({"trace-id":")" + trace + R"(","span-id":"000000000000002a"})";
  CHECK(LogData().add_trace(request, 42).json() == expected);
}

TEST_CASE("our own lines become a message and its data", "[lager]") {
  const auto [line, message, data] = GENERATE(table<std::string, std::string, std::string>({
      {"cell starts cell=cell-1 agent=S0 host=h", "cell-starts", R"({"cell":"cell-1","agent":"S0","host":"h"})"},
      {"call ACCEPT agent=S0 offer=o1,o2 task=a task=b", "call-accept",
       R"({"agent":"S0","offer":"o1,o2","task":["a","b"]})"},
      {"the agent's command exited", "the-agents-command-exited", "{}"},
      {"not placed for 30 s instance=p.0 reason=\"insufficient resources: memory\"", "not-placed-for-30-s",
       R"({"instance":"p.0","reason":"insufficient resources: memory"})"},
      {"lost reason=\"cell \"c-2\", expected \"c-1\"\" agent=S0", "lost",
       R"({"reason":"cell \"c-2\", expected \"c-1\"","agent":"S0"})"},
      {"the rep does not answer: GET /state: connection refused", "the-rep-does-not-answer",
       R"({"text":"GET /state: connection refused"})"},
      {"stop failed task=a.0.x: the rep answered 500", "stop-failed",
       R"({"text":"the rep answered 500","task":"a.0.x"})"},
      {"the lock is ours framework=F, another scheduler led before", "the-lock-is-ours",
       R"({"text":"another scheduler led before","framework":"F"})"},
      {"refused status=400 text=\"bad\" warning=no", "refused",
       R"({"status":"400","text_said":"bad","warning_said":"no"})"},
      {"empty a= b=\"\" c", "empty", R"({"text":"c","a":"","b":""})"},
      {"open a=\"b c", "open", R"({"text":"c","a":"\"b"})"},
      {"", "log", "{}"},
      {"k=v", "log", R"({"k":"v"})"},
      {"--- !", "log", R"({"text":"--- !"})"},
      {"forged a=b\n{\"message\":\"x\"}", "forged", R"({"a":"b\n{\"message\":\"x\"}"})"},
  }));
  CAPTURE(line);
  const LagerText text = as_lager(line);
  CHECK(text.message == message);
  CHECK(text.data.json() == data);
}

TEST_CASE("what is too long for a message, or has too many keys, is told as text", "[lager]") {
  const std::string head = "this line tells a story that is a good deal longer than a message ought to be";
  CHECK(as_lager(head).message == "this-line-tells-a-story-that-is-a-good-deal-longer-than-a");
  CHECK(as_lager(head).data.json() == R"({"text":")" + head + R"("})");
  std::string keys = "many";
  for (int i = 0; i < 40; ++i) keys += " k" + std::to_string(i) + "=v";
  CHECK_THAT(as_lager(keys).data.json(),
             Catch::StartsWith(R"({"text":"many k0=v)") && Catch::EndsWith(R"("k31":"v"})"));
  const std::string open(1'000'000, '"');
  CHECK_THAT(as_lager("long a=" + open + " b=c").data.json(), Catch::StartsWith(R"({"text":"long a=)"));
}

TEST_CASE("a program logs in the form it is told, one line an event", "[lager]") {
  const auto say = [] {
    log_info("cell is up cell=c\nforged");
    log_debug("not this");
    log(LogLevel::error, "in our words", "auction.lrp-auction-failed", LogData().add("lrp-guid", "p.0"));
    log(LogLevel::info, "", "started", {});
  };
  const std::string lager = said([&] {
    start_log("program", LogLevel::info, {.format = "lager", .source = "auctioneer"});
    CHECK(logs_lager());
    say();
  });
  std::istringstream lines(lager);
  std::vector<std::string> messages;
  for (std::string line; std::getline(lines, line);) {
    CHECK_THAT(line, Catch::StartsWith(R"({"timestamp":")"));
    const auto at = line.find(R"("source")");
    REQUIRE(at != std::string::npos);
    messages.push_back(line.substr(at));
  }
  CHECK(
      messages ==
      std::vector<std::string>{
          R"("source":"auctioneer","message":"auctioneer.cell-is-up","log_level":1,"data":{"cell":"c\nforged"}})",
          R"("source":"auctioneer","message":"auctioneer.auction.lrp-auction-failed","log_level":2,"data":{"lrp-guid":"p.0"}})",
          R"("source":"auctioneer","message":"auctioneer.started","log_level":1,"data":{}})"});

  const std::string text = said([&] {
    start_log("program", LogLevel::info);
    CHECK_FALSE(logs_lager());
    say();
  });
  CHECK_THAT(text, Catch::Contains("Z program info    cell is up cell=c\\nforged\n") &&
                       Catch::Contains("Z program error   in our words\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}
