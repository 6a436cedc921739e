// The BBS client against servers on loopback.
#include "diego/bbs_client.hpp"

#include <catch2/catch.hpp>

#include <future>

#include "bbs_rig.hpp"
#include "diego/bbs_wire.hpp"
#include "protobuf_bytes.hpp"

using namespace bbs_test;
using namespace diego;
using platform::ServerRequest;
using wire_test::number;
using wire_test::text;

namespace {

using Kind = BbsFailure::Kind;

// A failure that may be asked again, as text: Catch shows no values of ours.
template <class Value>
std::string transient(const BbsAnswer<Value>& answer) {
  REQUIRE_FALSE(answer);
  CHECK(answer.failure().kind == Kind::transient);
  return answer.failure().text;
}

// Nobody listens there without being root.
constexpr const char* kRefused = "127.0.0.1:1";

// Answers only when the test has let go of it.
class Held {
 public:
  FakeBbs::Handler handler() {
    return [this](const ServerRequest&) {
      asked_.set_value();
      released_.wait();
      return protobuf();
    };
  }
  void wait_until_asked() { REQUIRE(asked_.get_future().wait_for(10s) == std::future_status::ready); }
  void release() { release_.set_value(); }

 private:
  std::promise<void> asked_, release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

}  // namespace

TEST_CASE("each call asks its question and brings its value", "[bbs_client]") {
  std::string body;
  FakeBbs bbs([&](const ServerRequest&) { return protobuf(body); });
  const auto client = client_of("http://" + bbs.address());
  const auto asked = [&](const BbsCall& call) {
    const ServerRequest request = bbs.last();
    CHECK(request.method == "POST");
    CHECK(BbsCall{request.target, request.body} == call);
    CHECK(*platform::find_header(request.headers, "Content-Type") == "application/x-protobuf");
    CHECK(*platform::find_header(request.headers, "Content-Length") == std::to_string(call.body.size()));
    CHECK(*platform::find_header(request.headers, "X-Vcap-Request-Id") == "id");
  };
  CHECK(client->fail_actual_lrp({"p", 1, "d"}, "why", "id"));
  asked(fail_actual_lrp_call({"p", 1, "d"}, "why"));
  CHECK(client->reject_task("t", "why", "id"));
  asked(reject_task_call("t", "why"));
  body = text(2, text(1, "cell-1"));
  CHECK(client->cells("id")->at(0).cell_id == "cell-1");
  asked(cells_call());
  body = text(2, text(6, "RUNNING"));
  CHECK(client->actual_lrps("p", 2, "id")->at(0).state == LrpRow::State::running);
  asked(actual_lrps_call("p", 2));
  body = text(2, number(7, 1));
  CHECK(client->task_by_guid("t", "id")->state == TaskRow::State::pending);
  asked(task_by_guid_call("t"));
  body = number(1, 1);
  CHECK(*client->ping("id"));
  asked(ping_call());
}

TEST_CASE("the request id's header is there without an id, and cannot forge another", "[bbs_client]") {
  const auto [id, sent] = GENERATE(table<std::string, std::string>({{"", ""}, {"a\r\nHost: b", "a  Host: b"}}));
  FakeBbs bbs;
  CHECK(client_of("http://" + bbs.address())->reject_task("t", "why", id));
  const platform::ServerRequest request = bbs.last();
  const std::string* const header = platform::find_header(request.headers, "X-Vcap-Request-Id");
  REQUIRE(header != nullptr);
  CHECK(*header == sent);
}

TEST_CASE("an address that refuses is passed over, and the one that answered is asked first", "[bbs_client]") {
  FakeBbs bbs;
  const auto client = client_of(std::string("http://") + kRefused + "," + bbs.address());
  CHECK(client->ping());
  bbs.stop();
  // Now it begins with the one that answered.
  CHECK(client->ping().failure() ==
        BbsFailure{Kind::transient, "POST /v1/ping: http://" + bbs.address() + ": connection refused; http://" +
                                        kRefused + ": connection refused"});
}

TEST_CASE("when the BBS moves, calls follow it and stay", "[bbs_client]") {
  auto first = std::make_unique<FakeBbs>();
  FakeBbs second;
  const auto client = client_of("http://" + first->address() + ",http://" + second.address());
  CHECK(client->reject_task("t", "why"));
  CHECK(first->asked() == 1);
  CHECK(second.asked() == 0);
  first.reset();
  CHECK(client->reject_task("t", "why"));
  CHECK(client->reject_task("t", "why"));
  CHECK(second.asked() == 2);
}

TEST_CASE("all addresses of a name are tried", "[bbs_client]") {
  FakeBbs bbs;  // Not on ::1, which localhost may name first.
  const std::string port = bbs.address().substr(bbs.address().find(':'));
  CHECK(client_of("http://localhost" + port)->ping());
}

TEST_CASE("a name that does not resolve is passed over", "[bbs_client]") {
  FakeBbs bbs;
  CHECK(client_of("http://nosuch.invalid:8889," + bbs.address())->ping());
}

TEST_CASE("a report whose answer was lost is not sent to another address by itself", "[bbs_client]") {
  RawBbs first("");
  FakeBbs second;
  const auto client = client_of("http://" + first.address() + "," + second.address());
  CHECK(transient(client->reject_task("t", "why")) ==
        "POST /v1/tasks/reject: http://" + first.address() + ": connection closed before the answer was complete");
  CHECK(second.asked() == 0);
  CHECK(client->reject_task("t", "why"));  // Whoever asks again begins with the other one.
  CHECK(second.asked() == 1);
}

TEST_CASE("an answer that is cut off, garbage, or from nobody's BBS is a transient failure", "[bbs_client]") {
  const auto answer =
      GENERATE(as<std::string>(),
               "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100\r\n\r\n\x0a\x02",
               "HTTP/1.1 200 OK\r\nContent-Ty", "\x16\x03\x01\x02 garbage\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 3\r\n\r\n\xff\xff\xff",
               "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
               "HTTP/1.1 404 Not Found\r\nX-Cf-Routererror: unknown_route\r\nContent-Length: 0\r\n\r\n");
  CAPTURE(answer);
  RawBbs bbs(answer);
  const auto said = client_of("http://" + bbs.address())->reject_task("t", "why");
  REQUIRE_FALSE(said);
  CHECK(said.failure().kind == Kind::transient);
  CHECK(said.failure().text.starts_with("POST /v1/tasks/reject: "));
}

TEST_CASE("what the BBS refuses stays a failure of its kind", "[bbs_client]") {
  const auto [type, kind] =
      GENERATE(table<unsigned, Kind>({{13, Kind::gone}, {28, Kind::transient}, {3, Kind::refused}}));
  const unsigned error = type;
  FakeBbs bbs([error](const ServerRequest&) { return protobuf(text(1, number(1, error))); });
  CHECK(client_of("http://" + bbs.address())->fail_actual_lrp({"p", 0, "d"}, "why").failure().kind == kind);
}

TEST_CASE("a BBS that does not answer costs the timeout", "[bbs_client]") {
  Held held;
  FakeBbs bbs(held.handler());
  const auto client = client_of("http://" + bbs.address(), 1s);
  CHECK(transient(client->ping()) == "POST /v1/ping: http://" + bbs.address() + ": no answer within 1s");
  held.release();
}

TEST_CASE("an answer that drips costs the timeout too", "[bbs_client]") {
  std::thread dripping;
  FakeBbs bbs([&](const ServerRequest&) {
    auto stream = std::make_shared<platform::StreamBody>();
    dripping = std::thread([stream] {
      while (stream->push("\x0a")) std::this_thread::yield();
    });
    auto answer = protobuf();
    answer.stream = stream;
    return answer;
  });
  CHECK(transient(client_of("http://" + bbs.address(), 1s)->ping()) ==
        "POST /v1/ping: http://" + bbs.address() + ": no complete answer within 1s");
  dripping.join();
}

TEST_CASE("an answer without end is cut off at the bound", "[bbs_client]") {
  FakeBbs bbs([&](const ServerRequest&) { return protobuf(std::string(kBbsAnswerBytesMax + 1, 'x')); });
  CHECK(transient(client_of("http://" + bbs.address(), 60s)->cells()) ==
        "POST /v1/cells/list.r1: http://" + bbs.address() + ": the answer is longer than 67108864 bytes");
}

TEST_CASE("stop ends the call under way and every later one", "[bbs_client]") {
  Held held;
  FakeBbs bbs(held.handler());
  FakeBbs other;
  const auto client = client_of("http://" + bbs.address() + "," + other.address());
  auto call = std::async(std::launch::async, [&] { return client->ping(); });
  held.wait_until_asked();
  client->stop();
  const std::string stopped = "POST /v1/ping: http://" + bbs.address() + ": stopped";
  CHECK(transient(call.get()) == stopped);
  CHECK(transient(client->ping()) == stopped);
  CHECK(other.asked() == 0);
  held.release();
}

TEST_CASE("addresses that cannot be are refused at once", "[bbs_client]") {
  const auto [url, message] = GENERATE(table<std::string, std::string>({
      {"", "--bbs-url: names no address"},
      {",", "--bbs-url: names no address"},
      {"bbs:8889", "--bbs-url: \"bbs:8889\" is not http://host:port or https://host:port"},
      {"https://a:8889,b:x", "--bbs-url: \"x\" is not a port"},
      {"https://a:8889/v1,b", "--bbs-url: \"https://a:8889/v1\" has a path"},
      {"ftp://a", "--bbs-url: \"ftp://a\" is neither http:// nor https://"},
      {"http://a,,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "--bbs-url: names more than 16 addresses"},
  }));
  const auto client = BbsClient::create({.url = url});
  REQUIRE_FALSE(client);
  CHECK(client.error().message() == message);
}
