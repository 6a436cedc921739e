// The stream and the calls over sockets, against a server that plays a master.
#include <catch2/catch.hpp>

#include <future>

#include "mesos/http_transport.hpp"
#include "mesos/record_decoder.hpp"
#include "platform/http_server.hpp"
#include "platform/mailbox.hpp"

using namespace mesos_client;
using namespace std::chrono_literals;

namespace {

// Answers each request by `answer` and keeps what was asked.
class Master {
 public:
  explicit Master(std::function<platform::ServerResponse(const platform::ServerRequest&)> answer)
      : server_({.listen = {"127.0.0.1", 0}}, [this, answer](const platform::ServerRequest& request) {
          asked_.post(request);
          return answer(request);
        }) {
    const auto port = server_.start("test");
    REQUIRE(port);
    url_ = "http://127.0.0.1:" + std::to_string(*port) + "/api/v1/scheduler";
  }

  const std::string& url() const { return url_; }
  platform::ServerRequest asked() {
    if (taken_.empty()) taken_ = asked_.take(10s);
    REQUIRE_FALSE(taken_.empty());
    auto request = std::move(taken_.front());
    taken_.pop_front();
    return request;
  }
  void stop() { server_.stop(); }

 private:
  platform::Mailbox<platform::ServerRequest> asked_;
  std::deque<platform::ServerRequest> taken_;
  platform::HttpServer server_;
  std::string url_;
};

// Reports as lines.
class Reports {
 public:
  StreamConnection::Report stream() {
    return [this](StreamReport report) {
      struct Print {
        std::string operator()(const StreamHead& head) const {
          return "head " + std::to_string(head.status) + " [" + head.stream_id + "] " + head.location;
        }
        std::string operator()(const StreamReport::Record& record) const { return "record " + record.bytes; }
        std::string operator()(const StreamReport::Ended& ended) const { return "ended: " + ended.reason; }
      };
      lines_.post(std::to_string(report.generation) + " " + std::visit(Print{}, report.what));
    };
  }
  CallConnection::Report calls() {
    return [this](CallResult result) {
      lines_.post(std::to_string(result.tag) + " " +
                  (result.status != 0 ? std::to_string(result.status) + " " + result.body
                                      : (result.surely_not_sent ? "not sent: " : "unknown: ") + result.failure));
    };
  }
  std::string next() {
    if (taken_.empty()) taken_ = lines_.take(10s);
    if (taken_.empty()) return "nothing within 10 s";
    auto line = std::move(taken_.front());
    taken_.pop_front();
    return line;
  }

 private:
  platform::Mailbox<std::string> lines_;
  std::deque<std::string> taken_;
};

platform::ServerResponse streaming(std::shared_ptr<platform::StreamBody> body) {
  platform::ServerResponse response;
  response.headers = {{"Content-Type", "application/json"}, {"Mesos-Stream-Id", "s1"}};
  response.stream = std::move(body);
  return response;
}

platform::ServerResponse plain(int status, std::string body = "", platform::Headers headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body), .stream = nullptr};
}

std::string header(const platform::ServerRequest& request, std::string_view name) {
  const std::string* const value = platform::find_header(request.headers, name);
  return value ? *value : "(none)";
}

}  // namespace

TEST_CASE("a stream reports its head, its records as they come, and its end", "[transport]") {
  const auto body = std::make_shared<platform::StreamBody>();
  Master master([&](const auto&) { return streaming(body); });
  Reports reports;
  TransportOptions options;
  options.credentials = {"p", "s", ""};
  StreamConnection stream(options, master.url(), "{\"type\":\"SUBSCRIBE\"}", 3, reports.stream());
  CHECK(reports.next() == "3 head 200 [s1] ");
  body->push("5\nhel");
  body->push("lo3\nyes");
  CHECK(reports.next() == "3 record hello");
  CHECK(reports.next() == "3 record yes");
  body->finish();
  CHECK(reports.next() == "3 ended: the peer ended the stream");

  const auto request = master.asked();
  CHECK(request.method == "POST");
  CHECK(request.path == "/api/v1/scheduler");
  CHECK(request.body == "{\"type\":\"SUBSCRIBE\"}");
  CHECK(header(request, "Content-Type") == "application/json");
  CHECK(header(request, "Accept") == "application/json");
  CHECK(header(request, "Authorization") == "Basic cDpz");
  CHECK(header(request, "Mesos-Stream-Id") == "(none)");
  CHECK(header(request, "Accept-Encoding") == "(none)");
  CHECK_FALSE(header(request, "User-Agent").starts_with("libprocess/"));
}

TEST_CASE("a stream that ends inside a record says so", "[transport]") {
  const bool clean = GENERATE(true, false);
  const auto body = std::make_shared<platform::StreamBody>();
  Master master([&](const auto&) { return streaming(body); });
  Reports reports;
  StreamConnection stream({}, master.url(), "{}", 1, reports.stream());
  reports.next();
  body->push("3\nyes5\nhel");
  CHECK(reports.next() == "1 record yes");
  clean ? body->finish() : body->abort();
  CHECK_THAT(reports.next(), Catch::StartsWith("1 ended: the last record was cut"));
}

TEST_CASE("a garbage length ends the stream with one reason, after the records before it", "[transport]") {
  const auto body = std::make_shared<platform::StreamBody>();
  Master master([&](const auto&) { return streaming(body); });
  Reports reports;
  TransportOptions options;
  options.record_bytes_max = 10;
  StreamConnection stream(options, master.url(), "{}", 1, reports.stream());
  reports.next();
  body->push("3\nyes11\nx");
  CHECK(reports.next() == "1 record yes");
  CHECK(reports.next() == "1 ended: the stream is garbled: record is longer than allowed");
}

TEST_CASE("an answer other than 200 ends with its body", "[transport]") {
  Master master([](const auto&) { return plain(307, "", {{"Location", "//127.0.0.1:5255/master/api/v1/scheduler"}}); });
  Reports reports;
  StreamConnection redirected({}, master.url(), "{}", 1, reports.stream());
  CHECK(reports.next() == "1 head 307 [] //127.0.0.1:5255/master/api/v1/scheduler");
  CHECK(reports.next() == "1 ended: ");

  Master refusing([](const auto&) { return plain(401, "401 Unauthorized."); });
  StreamConnection refused({}, refusing.url(), "{}", 2, reports.stream());
  CHECK(reports.next() == "2 head 401 [] ");
  CHECK(reports.next() == "2 ended: 401 Unauthorized.");
}

TEST_CASE("a stream is stopped from another thread at once", "[transport]") {
  const auto body = std::make_shared<platform::StreamBody>();
  Master master([&](const auto&) { return streaming(body); });
  Reports reports;
  StreamConnection stream({}, master.url(), "{}", 1, reports.stream());
  reports.next();
  stream.stop();
  CHECK(reports.next() == "1 ended: stopped");
}

TEST_CASE("a master that is not there is refused in words, for streams and calls", "[transport]") {
  std::string url;
  {
    Master gone([](const auto&) { return plain(202); });
    url = gone.url();
  }
  Reports reports;
  StreamConnection stream({}, url, "{}", 1, reports.stream());
  CHECK(reports.next() == "1 ended: connection refused");
  CallConnection calls({}, url, "s1", 1, reports.calls());
  CHECK(calls.send(7, "{}"));
  CHECK(reports.next() == "7 not sent: connection refused");

  StreamConnection nonsense({}, "nonsense", "{}", 2, reports.stream());
  CHECK_THAT(reports.next(), Catch::StartsWith("2 ended: url"));
}

TEST_CASE("calls arrive in order with their headers, and answers come back with their tags", "[transport]") {
  Master master(
      [](const auto& request) { return request.body == "c1" ? plain(400, "Framework cannot be found") : plain(202); });
  Reports reports;
  TransportOptions options;
  options.codec = Codec::protobuf;
  options.credentials.bearer_token = "t0ken";
  CallConnection calls(options, master.url(), "s1", 1, reports.calls());
  for (std::uint64_t tag = 0; tag < 50; ++tag) REQUIRE(calls.send(tag, "c" + std::to_string(tag)));
  for (std::uint64_t tag = 0; tag < 50; ++tag) {
    CHECK(reports.next() == std::to_string(tag) + (tag == 1 ? " 400 Framework cannot be found" : " 202 "));
    CHECK(master.asked().body == "c" + std::to_string(tag));
  }
  REQUIRE(calls.send(50, "last"));
  const auto request = master.asked();
  CHECK(header(request, "Content-Type") == "application/x-protobuf");
  CHECK(header(request, "Accept") == "application/x-protobuf");
  CHECK(header(request, "Mesos-Stream-Id") == "s1");
  CHECK(header(request, "Authorization") == "Bearer t0ken");
  CHECK(reports.next() == "50 202 ");
  CHECK(calls.queued() == 0);
}

TEST_CASE("after a call without an answer none behind it is sent", "[transport]") {
  std::promise<void> hold;
  const auto held = hold.get_future().share();
  std::atomic<int> served{0};
  Master master([&](const auto&) {
    ++served;
    held.wait();
    return plain(202);
  });
  Reports reports;
  TransportOptions options;
  options.call_timeout = 100ms;
  CallConnection calls(options, master.url(), "s1", 1, reports.calls());
  REQUIRE(calls.send(1, "a"));
  REQUIRE(calls.send(2, "b"));
  CHECK_THAT(reports.next(), Catch::StartsWith("1 unknown: no answer within"));
  CHECK_THAT(reports.next(), Catch::StartsWith("2 not sent: not sent: an earlier call got no answer"));
  REQUIRE(calls.send(3, "c"));
  CHECK_THAT(reports.next(), Catch::StartsWith("3 not sent"));
  hold.set_value();
  CHECK(served == 1);
}

TEST_CASE("the queue of calls is bounded, and a stopped connection takes none", "[transport]") {
  std::promise<void> hold;
  const auto held = hold.get_future().share();
  Master master([&](const auto&) {
    held.wait();
    return plain(202);
  });
  Reports reports;
  TransportOptions options;
  options.calls_queued_max = 3;
  CallConnection calls(options, master.url(), "s1", 1, reports.calls());
  for (std::uint64_t tag = 0; tag < 3; ++tag) CHECK(calls.send(tag, "x"));
  CHECK_FALSE(calls.send(3, "x"));
  hold.set_value();
  for (int i = 0; i < 3; ++i) CHECK_THAT(reports.next(), Catch::EndsWith(" 202 "));
  CHECK(calls.send(4, "x"));
  CHECK(reports.next() == "4 202 ");
  calls.stop();
  CHECK_FALSE(calls.send(5, "x"));
}
