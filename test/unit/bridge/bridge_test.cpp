// The bridge behind its socket.
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

#include "auctionrunner_bridge/bridge.hpp"
#include "platform/http_client.hpp"
#include "rig.hpp"
#include "test/unit/platform/certificates.hpp"
#include "test/unit/platform/raw_client.hpp"

namespace {

bridge::BridgeOptions any_port() {
  bridge::BridgeOptions options;
  options.listen = {"127.0.0.1", 0};
  return options;
}

struct Rig {
  explicit Rig(const bridge::BridgeOptions& options = any_port()) : served(options, desk) {
    const auto started = served.start();
    REQUIRE(started);
    port = *started;
  }
  platform::ClientResponse ask(const platform::ClientRequest& asked) const {
    platform::ClientOptions options;
    options.origin = {"http", "127.0.0.1", port, ""};
    auto answer = platform::HttpClient(options).send(asked);
    REQUIRE(answer);
    return *answer;
  }
  FakeDesk desk;
  bridge::Bridge served;
  int port = 0;
};

struct TokenFile {
  explicit TokenFile(const std::string& content) {
    std::string name = "/tmp/diego-token-XXXXXX";
    const int fd = ::mkstemp(name.data());
    REQUIRE(fd >= 0);
    std::ofstream(name) << content;
    path = name;
  }
  ~TokenFile() { std::remove(path.c_str()); }
  std::string path;
};

}  // namespace

TEST_CASE("an auction over the wire", "[bridge]") {
  Rig rig;
  const auto answer = rig.ask(
      {.method = "POST",
       .path = "/v1/tasks",
       .headers = {{"Content-Type", "application/json"}, {"X-Vcap-Request-Id", "t1"}, {"Accept-Encoding", "gzip"}},
       .body = R"([{"TaskGuid":"t","Domain":"d","RootFs":"preloaded:x"}])"});
  CHECK(answer.status == 202);
  CHECK(answer.body == "{}");
  CHECK(*platform::find_header(answer.headers, "Content-Type") == "application/json");
  CHECK(*platform::find_header(answer.headers, "Content-Length") == "2");
  REQUIRE(rig.desk.submitted.size() == 1);
  CHECK(rig.desk.submitted[0].trace_id == "t1");
}

TEST_CASE("a body beyond the bound is 413 in the bridge's own form", "[bridge]") {
  auto options = any_port();
  options.body_bytes_max = 100;
  Rig rig(options);
  const auto answer = rig.ask({.method = "POST", .path = "/v1/lrps", .headers = {}, .body = std::string(101, ' ')});
  CHECK(answer.status == 413);
  CHECK(answer.body == R"({"error":"the body is too long"})");
}

TEST_CASE("headers beyond the bound are 431 in the bridge's own form", "[bridge]") {
  Rig rig;
  const auto answer =
      rig.ask({.method = "GET", .path = "/v1/cells", .headers = {{"X", std::string(70'000, 'x')}}, .body = ""});
  CHECK(answer.status == 431);
  CHECK(answer.body == R"({"error":"the headers are too long"})");
}

TEST_CASE("the token comes from its file", "[bridge]") {
  const TokenFile file("  secret\n");
  auto options = any_port();
  options.token_file = file.path;
  Rig rig(options);
  CHECK(rig.ask({.method = "GET", .path = "/v1/cells"}).status == 401);
  CHECK(rig.ask({.method = "GET", .path = "/v1/cells", .headers = {{"Authorization", "Bearer secret"}}}).status == 200);
}

TEST_CASE("bodies of 16 MiB are taken by default, and no longer ones", "[bridge]") {
  Rig rig;
  const std::size_t most = std::size_t{16} << 20U;
  const auto body = [](std::size_t bytes) { return "[" + std::string(bytes - 2, ' ') + "]"; };
  CHECK(rig.ask({.method = "POST", .path = "/v1/lrps", .headers = {}, .body = body(most)}).status == 202);
  CHECK(rig.ask({.method = "POST", .path = "/v1/lrps", .headers = {}, .body = body(most + 1)}).status == 413);
}

TEST_CASE("the token must be right to its last letter", "[bridge]") {
  const TokenFile file("secret");
  auto options = any_port();
  options.token_file = file.path;
  Rig rig(options);
  for (const std::string token : {"", "s", "secre", "secreT", "Secret", "secrets", "secret secret", "sec\tret"}) {
    CAPTURE(token);
    CHECK(rig.ask({.method = "GET", .path = "/v1/cells", .headers = {{"Authorization", "Bearer " + token}}}).status ==
          401);
  }
}

TEST_CASE("a client that is too slow is told so in the bridge's own form", "[bridge]") {
  auto options = any_port();
  options.request_timeout = std::chrono::milliseconds(50);
  Rig rig(options);
  RawClient slow(rig.port);
  slow.send("POST /v1/lrps HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n[");
  const std::string answer = slow.read_all();
  CHECK(answer.starts_with("HTTP/1.1 408 "));
  CHECK(answer.ends_with(R"({"error":"the request came too slowly"})"));
  CHECK(rig.desk.submitted.empty());
}

TEST_CASE("with TLS the bridge serves clients of its authority, and reads renewed certificates", "[bridge]") {
  tls_test::Certificates& made = tls_test::certificates();
  made.replace("bridge.pem", "server.pem");
  made.replace("bridge.key", "server.key");
  auto options = any_port();
  options.cert_file = made("bridge.pem");
  options.key_file = made("bridge.key");
  options.ca_file = made("ca.pem");
  Rig rig(options);
  platform::ClientOptions asks;
  asks.origin = {"https", "127.0.0.1", rig.port, ""};
  asks.ca_file = made("ca.pem");
  asks.server_name = "auctioneer.service.cf.internal";
  CHECK_FALSE(platform::HttpClient(asks).send({.method = "GET", .path = "/healthz"}));
  asks.cert_file = made("client.pem");
  asks.key_file = made("client.key");
  const auto ask = [&] { return platform::HttpClient(asks).send({.method = "GET", .path = "/healthz"}); };
  CHECK(ask()->status == 200);

  made.replace("bridge.key", "client.key");
  made.write_text("bridge.pem", made.text("client.pem") + "broken");
  made.make("other", {});
  made.replace("bridge.key", "other.key");
  CHECK(rig.served.reload_certificates().error().message() ==
        "--bridge-key " + made("bridge.key") + ": is not the key of " + made("bridge.pem"));
  CHECK(ask()->status == 200);
  made.make("bridge", {.names = "DNS:renewed.test", .usage = "serverAuth"});
  CHECK(rig.served.reload_certificates());
  CHECK_FALSE(ask());
  asks.server_name = "renewed.test";
  CHECK(ask()->status == 200);
  rig.served.stop();
  CHECK(rig.served.reload_certificates());
}

TEST_CASE("options that cannot work are errors that name the flag", "[bridge]") {
  FakeDesk desk;
  auto options = any_port();
  SECTION("a token file that is not there") {
    options.token_file = "/nosuch";
    CHECK(bridge::Bridge(options, desk).start().error().message() == "--bridge-token-file /nosuch: cannot be read");
  }
  SECTION("an empty token would let everyone in") {
    const TokenFile file("\n");
    options.token_file = file.path;
    CHECK(bridge::Bridge(options, desk).start().error().text == "is empty");
  }
  SECTION("a certificate without a key") {
    options.cert_file = "/cert.pem";
    CHECK(bridge::Bridge(options, desk).start().error().where == "--bridge-cert and --bridge-key");
  }
  SECTION("an authority without a certificate") {
    options.ca_file = "/ca.pem";
    CHECK(bridge::Bridge(options, desk).start().error().where == "--bridge-ca");
  }
  SECTION("a certificate that is not there") {
    options.cert_file = options.key_file = "/nosuch.pem";
    CHECK(bridge::Bridge(options, desk).start().error().message() ==
          "--bridge-cert /nosuch.pem: cannot be read: no such file or directory");
  }
  SECTION("a port that is taken") {
    Rig rig;
    options.listen.port = rig.port;
    CHECK(bridge::Bridge(options, desk).start().error().message() ==
          "--bridge-listen 127.0.0.1:" + std::to_string(rig.port) + ": address already in use");
  }
}

TEST_CASE("a bridge can be started again after it was stopped", "[bridge]") {
  Rig rig;
  rig.served.stop();
  const auto again = rig.served.start();
  REQUIRE(again);
  rig.port = *again;
  CHECK(rig.ask({.method = "GET", .path = "/healthz"}).body == R"({"status":"ok"})");
}

namespace {

core::Changes queued(int from, int to) {
  core::Changes changes;
  for (int i = from; i < to; ++i) changes.add({.key = core::KeyView(core::Kind::lrp, "p", i)});
  return changes;
}

constexpr const char* kAskEvents = "GET /v1/events?recent=10 HTTP/1.1\r\nHost: b\r\n\r\n";

}  // namespace

TEST_CASE("events are told as they come, and what came shortly before", "[bridge]") {
  Rig rig;
  rig.desk.hub.publish(queued(0, 2));
  RawClient reader(rig.port);
  reader.send(kAskEvents);
  const std::string first = reader.read_until("\"index\":1}");
  CHECK_THAT(first, Catch::Contains("Content-Type: text/event-stream") && Catch::Contains("\nid: e-1\n"));
  rig.desk.hub.publish(queued(2, 3));
  CHECK_THAT(reader.read_until("\"index\":2}"), Catch::Contains("id: e-3\n"));
}

TEST_CASE("a stream begins with the id from which to go on, before any event comes", "[bridge]") {
  Rig rig;
  rig.desk.hub.publish(queued(0, 2));
  RawClient reader(rig.port), resumed(rig.port), stranger(rig.port);
  reader.send("GET /v1/events HTTP/1.1\r\nHost: b\r\n\r\n");
  CHECK_THAT(reader.read_until("id: e-2\n\n"), Catch::Contains(": events\nid: e-2\n\n"));
  resumed.send("GET /v1/events HTTP/1.1\r\nHost: b\r\nLast-Event-ID: e-1\r\n\r\n");
  CHECK_THAT(resumed.read_until("\"index\":1}"),
             Catch::Contains(": events\nid: e-1\n\n") && Catch::Contains("id: e-2\n"));
  stranger.send("GET /v1/events HTTP/1.1\r\nHost: b\r\nLast-Event-ID: f-1\r\n\r\n");
  CHECK_THAT(stranger.read_until("\"index\":1}"), Catch::Contains(": events\nid: e-0\n\nid: e-0\nevent: gap\n"));
}

TEST_CASE("a reader that does not read holds up nobody, and is told of the gap when it does", "[bridge]") {
  Rig rig;
  RawClient slow(rig.port), quick(rig.port);
  slow.send(kAskEvents);
  quick.send("GET /v1/events?kind=master HTTP/1.1\r\nHost: b\r\n\r\n");
  slow.read_until(": events");
  quick.read_until(": events");
  // More than its window, its stream and both ends' sockets hold.
  for (int i = 0; i < 200'000; i += 1000) rig.desk.hub.publish(queued(i, i + 1000));
  rig.desk.hub.publish({{.kind = core::ChangeKind::master_lost}});
  CHECK_THAT(quick.read_until("event: master.lost"), Catch::Contains("id: e-200001\n"));
  std::string told = slow.read_until("event: gap");
  CHECK_THAT(told, Catch::Contains("event: gap"));
  CHECK_THAT(slow.read_until("event: master.lost"), Catch::Contains("id: e-200001\n"));
  CHECK(rig.desk.hub.readers() == 2);
}

TEST_CASE("readers that leave are forgotten", "[bridge]") {
  Rig rig;
  {
    RawClient reader(rig.port);
    reader.send(kAskEvents);
    reader.read_until(": events");
    CHECK(rig.desk.hub.readers() == 1);
  }
  // Its end is noticed by the server, and then at the next round of telling.
  for (int i = 0; i < 500 && rig.desk.hub.readers() > 0; ++i) {
    rig.desk.hub.publish(queued(0, 1));
    RawClient other(rig.port);
    other.send("GET /healthz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
    other.read_all();
  }
  CHECK(rig.desk.hub.readers() == 0);
}
