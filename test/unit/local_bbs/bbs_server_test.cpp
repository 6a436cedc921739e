// The server with its sockets: what it posts, and to whom it speaks.
#include "local/bbs/bbs_server.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "diego/bbs.pb.h"
#include "platform/http_client.hpp"
#include "platform/http_server.hpp"

using namespace std::chrono_literals;
using platform::ServerRequest;
using platform::ServerResponse;

namespace {

// Whoever is spoken to: keeps what came and answers with `status`.
class Peer {
 public:
  explicit Peer(int status)
      : server_(options(), [this, status](const ServerRequest& request) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          arrived_.notify_all();
          return ServerResponse{.status = status, .body = "{}"};
        }) {
    const auto port = server_.start("peer");
    REQUIRE(port);
    url_ = "http://127.0.0.1:" + std::to_string(*port);
  }
  ~Peer() { server_.stop(); }
  const std::string& url() const { return url_; }

  std::vector<ServerRequest> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, 10s, [&] { return requests_.size() >= count; });
    return requests_;
  }

 private:
  static platform::ServerOptions options() {
    platform::ServerOptions out;
    out.listen = {"127.0.0.1", 0};
    return out;
  }
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<ServerRequest> requests_;
  std::string url_;
  platform::HttpServer server_;
};

struct Rig {
  explicit Rig(const std::string& auctioneer, base::Duration convergence = 1h) {
    local::BbsOptions options;
    options.listen = options.door = "127.0.0.1:0";
    options.orders.auctioneer = auctioneer;
    options.convergence = convergence;
    options.model.stale_unclaimed = 0s;
    server = std::make_unique<local::BbsServer>(options);
    REQUIRE(server->start());
  }
  static platform::ClientResponse send(const std::string& url, platform::ClientRequest request) {
    platform::HttpClient client({.origin = *platform::parse_url("test", url)});
    const auto response = client.send(request);
    REQUIRE(response);
    return *response;
  }
  platform::ClientResponse door(const std::string& method, const std::string& path, const std::string& body = "",
                                const platform::Headers& headers = {}) {
    return send(server->door_url(), {.method = method, .path = path, .headers = headers, .body = body});
  }
  platform::ClientResponse api(const std::string& path, const std::string& body, const std::string& method = "POST") {
    return send(server->api_url(), {.method = method, .path = path, .headers = {}, .body = body});
  }
  std::unique_ptr<local::BbsServer> server;
};

std::string header(const platform::Headers& headers, const char* name) {
  const std::string* const value = platform::find_header(headers, name);
  return value == nullptr ? "none" : *value;
}

}  // namespace

TEST_CASE("an auction is posted as Go posts it, before the wish is answered", "[bbs]") {
  Peer auctioneer(202);
  Rig rig(auctioneer.url());
  CHECK(rig.door("PUT", "/desired/lrps/app", "{}", {{"X-Vcap-Request-Id", "a-trace"}}).status == 201);
  const auto posted = auctioneer.wait_for(1);
  REQUIRE(posted.size() == 1);
  CHECK(posted[0].method == "POST");
  CHECK(posted[0].target == "/v1/lrps");
  CHECK(posted[0].body ==
        R"([{"process_guid":"app","domain":"demo","indices":[0],"PlacementTags":null,"VolumeDrivers":[],)"
        R"("RootFs":"preloaded:cflinuxfs4","MemoryMB":64,"DiskMB":64,"MaxPids":0}])");
  CHECK(header(posted[0].headers, "Content-Type") == "application/json");
  CHECK(header(posted[0].headers, "X-Vcap-Request-Id") == "a-trace");
  CHECK(header(posted[0].headers, "User-Agent") == "Go-http-client/1.1");
}

TEST_CASE("a wish without a trace id gets one, convergence sends an empty one", "[bbs]") {
  Peer auctioneer(202);
  Rig rig(auctioneer.url());
  rig.door("PUT", "/desired/tasks/t", "{}");
  rig.door("POST", "/converge");
  const auto posted = auctioneer.wait_for(2);
  REQUIRE(posted.size() == 2);
  CHECK(posted[0].target == "/v1/tasks");
  CHECK(header(posted[0].headers, "X-Vcap-Request-Id").size() == 32);
  CHECK(header(posted[1].headers, "X-Vcap-Request-Id").empty());
}

TEST_CASE("an auction that is refused or reaches nobody comes again with convergence", "[bbs]") {
  SECTION("refused") {
    Peer auctioneer(503);
    Rig rig(auctioneer.url(), 1ms);
    CHECK(rig.door("PUT", "/desired/lrps/app").status == 201);
    CHECK(auctioneer.wait_for(3).size() >= 3);
  }
  SECTION("nobody there") {
    Rig rig("http://127.0.0.1:1", 1ms);
    CHECK(rig.door("PUT", "/desired/lrps/app").status == 201);
    CHECK(rig.door("GET", "/actual/lrps").body.find("UNCLAIMED") != std::string::npos);
  }
}

TEST_CASE("protobuf goes over HTTP as Diego's does", "[bbs]") {
  Rig rig("");
  const platform::ClientResponse ping = rig.api("/v1/ping", "");
  CHECK(ping.status == 200);
  CHECK(ping.body == "\x08\x01");
  CHECK(header(ping.headers, "Content-Type") == "application/x-protobuf");
  CHECK(header(ping.headers, "Content-Length") == "2");
  const platform::ClientResponse unknown = rig.api("/v1/nowhere", "");
  CHECK(unknown.status == 404);
  CHECK(unknown.body == "404 page not found\n");
  const platform::ClientResponse wrong = rig.api("/v1/ping", "", "GET");
  CHECK(wrong.status == 405);
  CHECK(header(wrong.headers, "Allow") == "POST");
}

TEST_CASE("stops and cancels go to the rep, and a stop is tried five times", "[bbs]") {
  const int status = GENERATE(202, 500);
  Peer rep(status);
  Rig rig("");
  CHECK(rig.door("PUT", "/cells/c", R"({"rep_url":")" + rep.url() + "\"}").status == 200);
  rig.door("PUT", "/desired/lrps/an%20app", "{}");
  rig.door("PUT", "/desired/tasks/t", "{}");
  models::ClaimActualLRPRequest claim;
  claim.set_process_guid("an app");
  claim.mutable_instance_key()->set_instance_guid("i-1");
  claim.mutable_instance_key()->set_cell_id("c");
  CHECK(rig.api("/v1/actual_lrps/claim", claim.SerializeAsString()).body.empty());
  models::StartTaskRequest start;
  start.set_task_guid("t");
  start.set_cell_id("c");
  CHECK(rig.api("/v1/tasks/start", start.SerializeAsString()).body == "\x10\x01");

  models::RetireActualLRPRequest retire;
  retire.mutable_key()->set_process_guid("an app");
  retire.mutable_key()->set_domain("demo");
  CHECK(rig.api("/v1/actual_lrps/retire", retire.SerializeAsString()).body.empty());
  rig.door("DELETE", "/desired/tasks/t");
  const std::size_t stops = status == 202 ? 1 : 5;
  const auto told = rep.wait_for(stops + 1);
  REQUIRE(told.size() == stops + 1);
  CHECK(told[0].path == "/v1/lrps/an%20app/instances/i-1/stop");
  CHECK(told[stops].path == "/v1/tasks/t/cancel");
}

TEST_CASE("an auctioneer that does not answer does not hold up the end", "[bbs]") {
  std::mutex held;
  std::unique_lock hold(held);
  platform::ServerOptions options;
  options.listen = {"127.0.0.1", 0};
  platform::HttpServer silent(options, [&](const ServerRequest&) {
    const std::lock_guard wait(held);
    return ServerResponse{.status = 202};
  });
  const auto port = silent.start("peer");
  REQUIRE(port);
  {
    Rig rig("http://127.0.0.1:" + std::to_string(*port), 1ms);
    platform::HttpClient client({.origin = *platform::parse_url("test", rig.server->door_url()), .read_timeout = 50ms});
    CHECK_FALSE(client.send({.method = "PUT", .path = "/desired/lrps/app", .headers = {}, .body = ""}));
    rig.server->stop();
  }
  hold.unlock();
}

TEST_CASE("a port that is taken is named with its flag", "[bbs]") {
  Rig first("");
  local::BbsOptions options;
  options.listen = "127.0.0.1:0";
  options.door = first.server->door_url().substr(7);
  local::BbsServer second(options);
  const base::Status started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message() == "--door " + options.door + ": address already in use");
}

TEST_CASE("the flags of diego-local bbs", "[bbs]") {
  local::BbsOptions options;
  platform::Flags flags("diego-local", "A cluster");
  local::add_bbs_flags(flags.subcommand("bbs", "A BBS"), options);
  const char* const argv[] = {"diego-local",           "bbs",           "--listen", "127.0.0.1:0",       "--auctioneer",
                              "http://127.0.0.1:9016", "--convergence", "500ms",    "--stale-unclaimed", "1s"};
  const auto outcome = flags.parse(10, argv);
  CAPTURE(outcome.text);
  REQUIRE(outcome.run);
  CHECK(outcome.subcommand == "bbs");
  CHECK(options.convergence == 500ms);
  CHECK(options.model.stale_unclaimed == 1s);
  CHECK(options.orders.auctioneer == "http://127.0.0.1:9016");

  platform::Flags again("diego-local", "A cluster");
  local::add_bbs_flags(again.subcommand("bbs", "A BBS"), options);
  const char* const bad[] = {"diego-local", "bbs", "--tls-ca", "ca.pem"};
  CHECK(again.parse(4, bad).text == "diego-local: --tls-ca: needs --tls-cert\n");
}
