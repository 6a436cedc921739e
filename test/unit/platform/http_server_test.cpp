// Our server against our client and against raw bytes, on loopback.
#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "gzip.hpp"
#include "http_rig.hpp"

using namespace http_test;

TEST_CASE("every method and path reaches the one handler", "[server]") {
  const auto method = GENERATE("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "REPORT", "TRACE");
  CAPTURE(method);
  Rig rig;
  RawClient client(rig.port);
  client.send(std::string(method) +
              " /a%2Fb/../c?d=e HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody");
  const std::string answer = client.read_all();
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK(answer.ends_with("\r\n\r\n" + std::string(method) + " /a%2Fb/../c body"));
}

TEST_CASE("an answer has Date, Content-Length and the handler's headers, and is never compressed", "[server]") {
  Rig rig([](const ServerRequest&) {
    return ServerResponse{.status = 202, .headers = {{"Content-Type", "application/json"}}, .body = "{}"};
  });
  RawClient client(rig.port);
  client.send(
      "POST /v1/lrps HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nRange: bytes=0-0\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  CHECK(answer.starts_with("HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nDate: "));
  CHECK(answer.ends_with(" GMT\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"));
}

TEST_CASE("HEAD and 204 have no body", "[server]") {
  Rig rig([](const ServerRequest& request) {
    return ServerResponse{.status = request.method == "HEAD" ? 200 : 204, .headers = {}, .body = "text"};
  });
  const std::string head = rig.raw("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(head.find("Content-Length: 4\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  const std::string nothing = rig.raw("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(status_line(nothing) == "HTTP/1.1 204 No Content");
  CHECK(nothing.find("Content-Length") == std::string::npos);
  CHECK(nothing.ends_with("\r\n\r\n"));
}

TEST_CASE("one connection serves many requests, also sent back to back", "[server]") {
  Rig rig;
  RawClient client(rig.port);
  client.send(
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nA\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n"
      "1\r\nB\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answers = client.read_all();
  CHECK(answers.find("POST /1 A") != std::string::npos);
  CHECK(answers.find("POST /2 B") != std::string::npos);
  CHECK(answers.ends_with("GET /3 "));
}

TEST_CASE("the client keeps its connection", "[server]") {
  std::atomic<int> requests{0};
  ServerOptions options = loopback();
  options.threads = 1;  // A second connection would have to wait for the first.
  options.idle_timeout = 1h;
  Rig rig(
      [&](const ServerRequest& request) {
        ++requests;
        return echo(request);
      },
      options);
  HttpClient client(rig.client_options());
  for (int i = 0; i < 5; ++i) {
    const auto answer =
        client.send({.method = "POST", .path = "/p?q=%20", .headers = {{"Content-Type", "a/b"}}, .body = "x"});
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "POST /p x");
  }
  CHECK(requests == 5);
}

TEST_CASE("a body beyond the limit is 413, whatever its framing", "[server]") {
  ServerOptions options = loopback();
  options.body_bytes_max = 1000;
  std::atomic<int> handled{0};
  Rig rig(
      [&](const ServerRequest& request) {
        ++handled;
        return echo(request);
      },
      options,
      [](int status) {
        return ServerResponse{.status = status, .headers = {}, .body = "ours:" + std::to_string(status)};
      });
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string bomb = gzip(std::string(100'000, 'x'));
  REQUIRE(bomb.size() < 1000);
  const auto request = GENERATE_COPY(
      post + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'), post + "Content-Length: 99999999999999\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + std::string(1000, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n",
      post + "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(bomb.size()) + "\r\n\r\n" + bomb);
  const std::string answer = rig.raw(request);
  CHECK(status_line(answer) == "HTTP/1.1 413 Request Entity Too Large");
  CHECK(answer.ends_with("ours:413"));
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(handled == 0);
}

TEST_CASE("a body at the limit is taken, whatever its framing", "[server]") {
  ServerOptions options = loopback();
  options.body_bytes_max = 1000;
  Rig rig(echo, options);
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  const std::string body(1000, 'x');
  const std::string packed = gzip(body);
  const auto request = GENERATE_COPY(
      post + "Content-Length: 1000\r\n\r\n" + body,
      post + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + body + "\r\n0\r\n\r\n",
      post + "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(packed.size()) + "\r\n\r\n" + packed,
      post + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n" + body);
  CHECK(rig.raw(request).ends_with("POST / " + body));
}

TEST_CASE("headers beyond the limit are 431", "[server]") {
  ServerOptions options = loopback();
  options.header_bytes_max = 4096;
  Rig rig(echo, options);
  const auto request =
      GENERATE("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(5000, 'x') + "\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(5000, 'x'), "GET /" + std::string(100'000, 'x'));
  CHECK(status_line(rig.raw(request)) == "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_CASE("a path of eight kilobytes is just a path", "[server]") {
  Rig rig;
  const std::string path = "/" + std::string(8192, 'a');
  const auto answer = rig.ask({.method = "GET", .path = path});
  REQUIRE(answer);
  CHECK(answer->body == "GET " + path + " ");
}

TEST_CASE("a request whose end is ambiguous is refused and its connection closed", "[server]") {
  std::atomic<int> handled{0};
  Rig rig([&](const ServerRequest& request) {
    ++handled;
    return echo(request);
  });
  const auto request = GENERATE(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden "
      "HTTP/1.1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "\x16\x03\x01\x02 garbage\r\n\r\n");
  const std::string answer = rig.raw(request);
  CHECK(status_line(answer) == "HTTP/1.1 400 Bad Request");
  CHECK(answer.find("hidden") == std::string::npos);
  CHECK(handled == 0);
}

TEST_CASE("bytes that begin no request are refused at once", "[server]") {
  ServerOptions options = loopback();
  options.read_timeout = options.idle_timeout = 1h;
  Rig rig(echo, options);
  const auto bytes =
      GENERATE(std::string("\x16\x03\x01\x02\x00", 5), std::string("\0", 1), std::string("\xff"), std::string("\n"));
  CHECK(status_line(rig.raw(bytes)) == "HTTP/1.1 400 Bad Request");
}

TEST_CASE("a body cut short never reaches the handler", "[server]") {
  std::atomic<int> handled{0};
  {
    Rig rig([&](const ServerRequest& request) {
      ++handled;
      return echo(request);
    });
    RawClient client(rig.port);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    client.close();
    CHECK(rig.ask({})->status == 200);
  }
  CHECK(handled == 1);
}

TEST_CASE("a client that asks leave to send its body is given it", "[server]") {
  Rig rig;
  RawClient client(rig.port);
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  CHECK(client.read_all().ends_with("POST / ok"));
}

TEST_CASE("a request that takes too long is ended", "[server]") {
  ServerOptions options = loopback();
  options.read_timeout = 50ms;
  options.idle_timeout = 50ms;
  Rig rig(echo, options);
  CHECK(status_line(rig.raw("GET / HTTP/1.1\r\nHost:")) == "HTTP/1.1 408 Request Timeout");
  CHECK(status_line(rig.raw("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")) ==
        "HTTP/1.1 408 Request Timeout");
  CHECK(rig.raw("").empty());
}

TEST_CASE("a busy port is an error that names it", "[server]") {
  Rig rig;
  ServerOptions options = loopback();
  options.listen.port = rig.port;
  HttpServer second(options, echo);
  const auto started = second.start("--bridge-listen");
  REQUIRE_FALSE(started);
  CHECK(started.error().message() ==
        "--bridge-listen 127.0.0.1:" + std::to_string(rig.port) + ": address already in use");
}

TEST_CASE("an address that is not ours is an error", "[server]") {
  ServerOptions options = loopback();
  options.listen = {"no-such-host.invalid", 0};
  HttpServer server(options, echo);
  CHECK(server.start("--listen").error().where == "--listen no-such-host.invalid:0");
}

TEST_CASE("stop lets the request under way finish and refuses later ones", "[server]") {
  std::promise<void> entered, release;
  Rig rig([&](const ServerRequest& request) {
    entered.set_value();
    release.get_future().wait();
    return echo(request);
  });
  auto answer = std::async(std::launch::async, [&] { return rig.ask({}); });
  entered.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { rig.server.stop(); });
  release.set_value();
  stopped.get();
  CHECK(answer.get()->status == 200);
  CHECK(rig.ask({}).error().text == "connection refused");
  rig.server.stop();
}

TEST_CASE("stop does not wait for idle connections or half a request", "[server]") {
  ServerOptions options = loopback();
  options.idle_timeout = options.read_timeout = 1h;
  Rig rig(echo, options);
  RawClient idle(rig.port), half(rig.port);
  idle.send(kGet);
  idle.read_until("GET /x ");
  half.send("GET / HT");
  rig.server.stop();
  CHECK(idle.read_all().empty());
  CHECK(idle.closed());
}

TEST_CASE("a server that never started can be stopped", "[server]") {
  HttpServer server(loopback(), echo);
  CHECK_NOTHROW(server.stop());
}
