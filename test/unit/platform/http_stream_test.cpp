// Answers that go on, and what the client makes of bad ones, on loopback.
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "http_rig.hpp"

using namespace http_test;

namespace {

// A stream's answers as a client sees them, collected on a thread of its own.
class Listening {
 public:
  explicit Listening(ClientOptions options) : stream_(std::move(options)) {
    done_ = std::async(std::launch::async, [this] {
      return stream_.run(
          {.method = "POST", .path = "/stream", .headers = {{"Content-Type", "application/json"}}, .body = "{}"},
          {.on_head =
               [this](int status, const Headers&) {
                 const std::lock_guard lock(mutex_);
                 status_ = status;
                 changed_.notify_all();
               },
           .on_bytes =
               [this](std::string_view bytes) {
                 const std::lock_guard lock(mutex_);
                 bytes_ += bytes;
                 changed_.notify_all();
               }});
    });
  }
  bool await_bytes(const std::string& wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return bytes_ == wanted; });
  }
  bool await_status(int wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return status_ == wanted; });
  }
  void stop() { stream_.stop(); }
  base::Status end() { return done_.get(); }

 private:
  HttpStream stream_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int status_ = 0;
  std::string bytes_;
  std::future<base::Status> done_;
};

// A server whose every answer is one stream that the test feeds.
struct StreamRig {
  explicit StreamRig(std::size_t bytes_max = std::size_t{64} << 20U)
      : body(std::make_shared<StreamBody>(bytes_max)), rig([this](const ServerRequest&) {
          return ServerResponse{.status = 200, .headers = {{"X-Stream", "yes"}}, .body = "", .stream = body};
        }) {
    body->on_closed([this] { closed.set_value(); });
  }
  bool hears_of_the_end() { return closed.get_future().wait_for(10s) == std::future_status::ready; }
  std::promise<void> closed;
  std::shared_ptr<StreamBody> body;
  Rig rig;
};

}  // namespace

TEST_CASE("each push is one chunk, written at once", "[stream]") {
  StreamRig stream;
  RawClient client(stream.rig.port);
  client.send(kGet);
  CHECK(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  REQUIRE(stream.body->push("hello"));
  CHECK(client.read_until("hello\r\n") == "5\r\nhello\r\n");
  REQUIRE(stream.body->push(""));
  REQUIRE(stream.body->push(std::string(26, 'x')));
  CHECK(client.read_until("x\r\n") == "1a\r\n" + std::string(26, 'x') + "\r\n");
  stream.body->finish();
  CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
  CHECK_FALSE(stream.body->push("late"));
}

TEST_CASE("a stream that ended leaves the connection usable", "[stream]") {
  Rig rig([](const ServerRequest& request) {
    if (request.path != "/stream") return echo(request);
    auto body = std::make_shared<StreamBody>();
    body->push("all");
    body->finish();
    return ServerResponse{.status = 200, .headers = {}, .body = "", .stream = body};
  });
  RawClient client(rig.port);
  client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answers = client.read_all();
  CHECK(answers.find("3\r\nall\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n") != std::string::npos);
  CHECK(answers.ends_with("GET /next "));
}

TEST_CASE("a stream whose last holder lets go ends", "[stream]") {
  Rig rig([](const ServerRequest&) {
    auto body = std::make_shared<StreamBody>();
    body->push("all");
    return ServerResponse{.status = 200, .headers = {}, .body = "", .stream = std::move(body)};
  });
  CHECK(rig.ask({})->body == "all");
}

TEST_CASE("HTTP/1.0 gets a stream without chunks", "[stream]") {
  StreamRig stream;
  RawClient client(stream.rig.port);
  client.send("GET / HTTP/1.0\r\n\r\n");
  stream.body->push("hello");
  stream.body->finish();
  const std::string answer = client.read_all();
  CHECK(answer.find("chunked") == std::string::npos);
  CHECK(answer.ends_with("\r\n\r\nhello"));
}

TEST_CASE("the stream client hears head, bytes and the end", "[stream]") {
  StreamRig stream;
  Listening listening(stream.rig.client_options());
  REQUIRE(listening.await_status(200));
  stream.body->push("one");
  REQUIRE(listening.await_bytes("one"));
  stream.body->push("two");
  REQUIRE(listening.await_bytes("onetwo"));
  stream.body->finish();
  CHECK(listening.end());
}

TEST_CASE("a stream aborted looks like a killed peer", "[stream]") {
  StreamRig stream;
  Listening listening(stream.rig.client_options());
  stream.body->push("one");
  REQUIRE(listening.await_bytes("one"));
  stream.body->abort();
  CHECK(listening.end().error().text == "connection closed before the answer was complete");
}

TEST_CASE("a closed peer is noticed though nothing is pushed", "[stream]") {
  StreamRig stream;
  RawClient client(stream.rig.port);
  client.send(kGet);
  client.read_until("\r\n\r\n");
  client.close();
  CHECK(stream.hears_of_the_end());
  CHECK_FALSE(stream.body->push("late"));
  CHECK(stream.body->closed());
}

TEST_CASE("a peer that reads too slowly is cut off", "[stream]") {
  StreamRig stream(100'000);
  RawClient client(stream.rig.port);
  client.send(kGet);
  client.read_until("\r\n\r\n");
  const std::string block(50'000, 'x');
  int pushed = 0;
  while (stream.body->push(block) && pushed < 100'000) ++pushed;
  CHECK(pushed < 100'000);
  CHECK(stream.hears_of_the_end());
}

TEST_CASE("stop ends streams with the last chunk", "[stream]") {
  StreamRig stream;
  RawClient client(stream.rig.port);
  client.send(kGet);
  client.read_until("\r\n\r\n");
  stream.body->push("one");
  stream.rig.server.stop();
  CHECK(client.read_all() == "3\r\none\r\n0\r\n\r\n");
  CHECK_FALSE(stream.body->push("late"));
}

TEST_CASE("the client ends a stream from another thread", "[stream]") {
  StreamRig stream;
  Listening listening(stream.rig.client_options());
  REQUIRE(listening.await_status(200));
  listening.stop();
  CHECK(listening.end().error().text == "stopped");
  CHECK(stream.hears_of_the_end());
}

TEST_CASE("a stream that falls silent is an error", "[stream]") {
  StreamRig stream;
  ClientOptions options = stream.rig.client_options();
  options.read_timeout = 50ms;
  Listening listening(options);
  CHECK(listening.end().error().text == "silent for 50ms");
}

TEST_CASE("a stream stopped before it began never begins", "[stream]") {
  StreamRig stream;
  HttpStream client(stream.rig.client_options());
  client.stop();
  CHECK(client.run({}, {}).error().text == "stopped");
}

TEST_CASE("the body of a refusal comes through the stream", "[stream]") {
  Rig rig([](const ServerRequest&) {
    return ServerResponse{.status = 403, .headers = {}, .body = "Framework is not subscribed"};
  });
  Listening listening(rig.client_options());
  CHECK(listening.await_status(403));
  CHECK(listening.await_bytes("Framework is not subscribed"));
  CHECK(listening.end());
}

TEST_CASE("client errors say what happened", "[client]") {
  SECTION("nobody listens") {
    int port = 0;
    {
      Rig rig;
      port = rig.port;
    }
    ClientOptions options;
    options.origin = {"http", "127.0.0.1", port, ""};
    const auto answer = HttpClient(options).send({});
    CHECK(answer.error().message() == "http://127.0.0.1:" + std::to_string(port) + ": connection refused");
  }
  SECTION("no such host") {
    ClientOptions options;
    options.origin = {"http", "no-such-host.invalid", 80, ""};
    CHECK(HttpClient(options).send({}).error().text.starts_with("host name does not resolve: "));
  }
  SECTION("no answer in time") {
    std::promise<void> release;
    std::shared_future<void> released = release.get_future().share();
    Rig rig([&](const ServerRequest& request) {
      released.wait();
      return echo(request);
    });
    ClientOptions options = rig.client_options();
    options.read_timeout = 50ms;
    CHECK(HttpClient(options).send({}).error().text == "no answer within 50ms");
    release.set_value();
  }
  SECTION("an answer beyond the limit") {
    Rig rig([](const ServerRequest&) {
      return ServerResponse{.status = 200, .headers = {}, .body = std::string(101, 'x')};
    });
    ClientOptions options = rig.client_options();
    options.answer_bytes_max = 100;
    CHECK(HttpClient(options).send({}).error().text == "the answer is longer than 100 bytes");
    options.answer_bytes_max = 101;
    CHECK(HttpClient(options).send({})->body.size() == 101);
  }
}

TEST_CASE("stopping a client ends the request under way and later ones", "[client]") {
  std::promise<void> entered, release;
  Rig rig([&](const ServerRequest& request) {
    entered.set_value();
    release.get_future().wait();
    return echo(request);
  });
  HttpClient client(rig.client_options());
  auto answer = std::async(std::launch::async, [&] { return client.send({}); });
  entered.get_future().wait();
  client.stop();
  CHECK(answer.get().error().text == "stopped");
  CHECK(client.send({}).error().text == "stopped");
  release.set_value();
}

TEST_CASE("redirects are handed back, not followed", "[client]") {
  Rig rig([](const ServerRequest&) {
    return ServerResponse{.status = 307, .headers = {{"Location", "//127.0.0.1:1/x"}}};
  });
  const auto answer = rig.ask({.method = "POST", .path = "/", .headers = {}, .body = "x"});
  REQUIRE(answer);
  CHECK(answer->status == 307);
  CHECK(*find_header(answer->headers, "location") == "//127.0.0.1:1/x");
}

TEST_CASE("the client asks for no compression", "[client]") {
  Rig rig([](const ServerRequest& request) {
    return ServerResponse{
        .status = find_header(request.headers, "Accept-Encoding") == nullptr ? 200 : 500, .headers = {}, .body = ""};
  });
  CHECK(rig.ask({})->status == 200);
}
