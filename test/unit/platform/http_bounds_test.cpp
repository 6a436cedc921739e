// What the server does not let its clients do to each other: hold threads, places, memory.
#include <atomic>
#include <future>
#include <list>

#include "http_rig.hpp"

using namespace http_test;

namespace {

// A server with one thread: whatever holds it would be seen by everybody else.
ServerOptions one_thread() {
  ServerOptions options = loopback();
  options.threads = 1;
  options.idle_timeout = options.read_timeout = 1h;
  return options;
}

bool is_served(RawClient& client) {
  client.send(kGet);
  return client.read_until("GET /x ").ends_with("GET /x ");
}

}  // namespace

TEST_CASE("idle connections hold no thread and stay", "[bounds]") {
  Rig rig(echo, one_thread());
  std::list<RawClient> clients;
  for (int i = 0; i < 100; ++i) CHECK(is_served(clients.emplace_back(rig.port)));
  for (RawClient& client : clients) CHECK(is_served(client));
}

TEST_CASE("half a request holds no thread, wherever it stops", "[bounds]") {
  const auto half =
      GENERATE("", "G", "GET / HTTP/1.1\r\nHost: h\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
               "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha");
  CAPTURE(half);
  Rig rig(echo, one_thread());
  std::list<RawClient> slow;
  for (int i = 0; i < 50; ++i) slow.emplace_back(rig.port).send(half);
  RawClient valid(rig.port);
  CHECK(is_served(valid));
}

TEST_CASE("empty lines without end are no request", "[bounds]") {
  Rig rig(echo, one_thread());
  std::string lines;
  for (int i = 0; i < 50'000; ++i) lines += "\r\n";
  CHECK(status_line(rig.raw(lines)) == "HTTP/1.1 400 Bad Request");
  CHECK(rig.raw("\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").ends_with("GET /x "));
}

TEST_CASE("an answer nobody reads holds no thread", "[bounds]") {
  const std::string much(std::size_t{32} << 20U, 'x');
  Rig rig(
      [&](const ServerRequest& request) {
        return request.path == "/much" ? ServerResponse{.status = 200, .headers = {}, .body = much} : echo(request);
      },
      one_thread());
  RawClient deaf(rig.port);
  deaf.send("GET /much HTTP/1.1\r\nHost: h\r\n\r\n");
  RawClient valid(rig.port);
  CHECK(is_served(valid));
}

TEST_CASE("an open stream holds no thread", "[bounds]") {
  std::vector<std::shared_ptr<StreamBody>> bodies;
  Rig rig(
      [&](const ServerRequest& request) {
        if (request.path == "/x") return echo(request);
        bodies.push_back(std::make_shared<StreamBody>());
        return ServerResponse{.status = 200, .headers = {}, .body = "", .stream = bodies.back()};
      },
      one_thread());
  std::list<RawClient> readers;
  for (int i = 0; i < 20; ++i) {
    readers.emplace_back(rig.port).send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    readers.back().read_until("\r\n\r\n");
  }
  RawClient valid(rig.port);
  CHECK(is_served(valid));
  for (const auto& body : bodies) CHECK(body->push("late"));
  for (RawClient& reader : readers) CHECK(reader.read_until("late").find("4\r\nlate") != std::string::npos);
}

TEST_CASE("streams beyond their bound are 503, and their holder hears of it", "[bounds]") {
  ServerOptions options = loopback();
  options.streams_max = 1;
  std::vector<std::shared_ptr<StreamBody>> bodies;
  std::promise<void> closed;
  Rig rig(
      [&](const ServerRequest&) {
        bodies.push_back(std::make_shared<StreamBody>());
        if (bodies.size() == 2) bodies.back()->on_closed([&] { closed.set_value(); });
        return ServerResponse{.status = 200, .headers = {}, .body = "", .stream = bodies.back()};
      },
      options);
  RawClient first(rig.port);
  first.send(kGet);
  CHECK(status_line(first.read_until("\r\n\r\n")) == "HTTP/1.1 200 OK");
  CHECK(status_line(rig.raw(kGet)) == "HTTP/1.1 503 Service Unavailable");
  CHECK(closed.get_future().wait_for(10s) == std::future_status::ready);
  CHECK_FALSE(bodies[1]->push("x"));
  bodies[0]->finish();
  first.read_until("0\r\n\r\n");
  RawClient third(rig.port);
  third.send(kGet);
  CHECK(status_line(third.read_until("\r\n\r\n")) == "HTTP/1.1 200 OK");
}

TEST_CASE("a new connection beyond the bound takes the place of the one that is idle longest", "[bounds]") {
  ServerOptions options = one_thread();
  options.connections_max = 2;
  Rig rig(echo, options);
  RawClient first(rig.port), second(rig.port);
  CHECK(is_served(first));
  CHECK(is_served(second));
  RawClient third(rig.port);
  CHECK(is_served(third));
  first.read_all();
  CHECK(first.closed());
  CHECK(is_served(second));
}

TEST_CASE("a new connection beyond the bound takes the place of the oldest without a request", "[bounds]") {
  ServerOptions options = one_thread();
  options.connections_max = 3;
  Rig rig(echo, options);
  RawClient served(rig.port);
  CHECK(is_served(served));
  std::list<RawClient> slow;
  for (int i = 0; i < 20; ++i) slow.emplace_back(rig.port).send("GET /");
  RawClient valid(rig.port);
  CHECK(is_served(valid));
  slow.front().read_all();
  CHECK(slow.front().closed());
}

TEST_CASE("beyond the bound a new connection waits where all others are served", "[bounds]") {
  std::promise<void> entered, release;
  ServerOptions options = one_thread();
  options.connections_max = 1;
  options.threads = 2;  // One would be free for whoever got in.
  std::atomic<bool> first{true};
  Rig rig(
      [&](const ServerRequest& request) {
        if (first.exchange(false)) {
          entered.set_value();
          release.get_future().wait();
        }
        return echo(request);
      },
      options);
  RawClient busy(rig.port);
  busy.send(kGet);
  entered.get_future().wait();
  RawClient waiting(rig.port);
  waiting.send(kGet);
  CHECK(waiting.read_within(50ms).empty());
  CHECK_FALSE(waiting.closed());
  release.set_value();
  CHECK(busy.read_until("GET /x ").ends_with("GET /x "));
  CHECK(waiting.read_until("GET /x ").ends_with("GET /x "));  // In the place of the other, which is idle now.
}

TEST_CASE("requests that wait for a thread are all served", "[bounds]") {
  std::promise<void> entered, release;
  std::atomic<int> served{0};
  Rig rig(
      [&](const ServerRequest& request) {
        if (served++ == 0) {
          entered.set_value();
          release.get_future().wait();
        }
        return echo(request);
      },
      one_thread());
  std::list<RawClient> clients;
  clients.emplace_back(rig.port).send(kGet);
  entered.get_future().wait();
  for (int i = 1; i < 30; ++i) clients.emplace_back(rig.port).send(kGet);
  release.set_value();
  for (RawClient& client : clients) CHECK(status_line(client.read_until("\r\n\r\n")) == "HTTP/1.1 200 OK");
  CHECK(served == 30);
}

TEST_CASE("a head that comes byte by byte is cut off though no single wait is long", "[bounds]") {
  ServerOptions options = loopback();
  options.read_timeout = 200ms;
  Rig rig(echo, options);
  RawClient loris(rig.port);
  std::string answer;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; answer.empty() && i < 2000; ++i) {
    loris.send(i == 0 ? "GET / HTTP/1.1\r\nX: " : "x");
    answer = loris.read_within(10ms);
  }
  CHECK(status_line(answer) == "HTTP/1.1 408 Request Timeout");
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
}

TEST_CASE("a body that comes too slowly is cut off, one that comes fast enough may take its time", "[bounds]") {
  ServerOptions options = loopback();
  options.read_timeout = 100ms;
  const bool slow = GENERATE(true, false);
  options.bytes_per_s_min = slow ? 1'000'000 : 1;
  Rig rig(echo, options);
  RawClient client(rig.port);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n\r\n");
  std::string answer;
  for (int i = 0; answer.empty() && i < 60; ++i) {
    client.send("x");
    answer = client.read_within(10ms);
  }
  if (answer.empty()) answer = client.read_until("\r\n\r\n");
  CHECK(status_line(answer) == (slow ? "HTTP/1.1 408 Request Timeout" : "HTTP/1.1 200 OK"));
}

TEST_CASE("an answer that is read too slowly is cut off", "[bounds]") {
  ServerOptions options = loopback();
  options.read_timeout = 50ms;
  options.bytes_per_s_min = std::size_t{1} << 40U;
  Rig rig(
      [](const ServerRequest&) {
        return ServerResponse{.status = 200, .headers = {}, .body = std::string(std::size_t{64} << 20U, 'x')};
      },
      options);
  RawClient deaf(rig.port);
  deaf.send(kGet);
  deaf.await_closed_unread();
  std::size_t got = 0;
  for (std::string some = deaf.read_within(10s); !some.empty(); some = deaf.read_within(10s)) got += some.size();
  CHECK(deaf.closed());
  CHECK(got < std::size_t{64} << 20U);
}

TEST_CASE("long requests are bounded all together, short ones go on", "[bounds]") {
  ServerOptions options = loopback();
  options.long_requests_bytes_max = 1'000'000;
  std::promise<void> entered, released;
  Rig rig(
      [&](const ServerRequest& request) {
        if (request.path == "/held") {
          entered.set_value();
          released.get_future().wait();
        }
        return echo(request);
      },
      options);
  const auto post = [](const std::string& path, std::size_t length) {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " + std::to_string(length) +
           "\r\n\r\n" + std::string(length, 'x');
  };
  RawClient first(rig.port);
  first.send(post("/held", 900'000));
  entered.get_future().wait();
  CHECK(status_line(rig.raw(post("/long", 200'000))) == "HTTP/1.1 503 Service Unavailable");
  RawClient valid(rig.port);
  CHECK(is_served(valid));
  released.set_value();
  CHECK(status_line(first.read_until("\r\n\r\n")) == "HTTP/1.1 200 OK");
  CHECK(status_line(rig.raw(post("/long", 200'000))) == "HTTP/1.1 200 OK");
}

TEST_CASE("a connection that sends many requests at once takes turns with others", "[bounds]") {
  std::promise<void> never;
  const std::shared_future<void> nobody = never.get_future().share();  // What each request takes.
  std::atomic<int> greedy_served{0};
  Rig rig(
      [&](const ServerRequest& request) {
        if (request.path == "/greedy") {
          ++greedy_served;
          nobody.wait_for(5ms);
        }
        return echo(request);
      },
      one_thread());
  RawClient greedy(rig.port);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "GET /greedy HTTP/1.1\r\nHost: h\r\n\r\n";
  greedy.send(many);
  RawClient valid(rig.port);
  CHECK(is_served(valid));
  CHECK(greedy_served < 200);
}
