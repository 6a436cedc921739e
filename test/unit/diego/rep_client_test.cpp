#include <catch2/catch.hpp>

#include <mutex>

#include "diego/rep_client.hpp"
#include "platform/http_server.hpp"
#include "test/unit/platform/certificates.hpp"

using namespace diego;

namespace {

// A rep that answers everything alike and remembers what it was asked.
class FakeRep {
 public:
  FakeRep(int status, std::string body)
      : server_({.listen = {"127.0.0.1", 0}, .threads = 4}, [this, status,
                                                             body](const platform::ServerRequest& request) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          return platform::ServerResponse{.status = status, .headers = {{"Content-Type", "text/plain"}}, .body = body};
        }) {
    const auto port = server_.start("test");
    REQUIRE(port);
    url_ = "http://127.0.0.1:" + std::to_string(*port);
  }

  std::unique_ptr<RepClient> client(const std::string& cell_id = "cell-1") {
    auto client = RepClient::create({.url = url_, .cell_id = cell_id});
    REQUIRE(client);
    return *std::move(client);
  }

  platform::ServerRequest last() {
    const std::lock_guard lock(mutex_);
    REQUIRE_FALSE(requests_.empty());
    return requests_.back();
  }

 private:
  std::mutex mutex_;
  std::vector<platform::ServerRequest> requests_;
  std::string url_;
  platform::HttpServer server_;
};

}  // namespace

TEST_CASE("a state is read whether the cell is healthy or not", "[rep_client]") {
  const int status = GENERATE(200, 503);
  FakeRep rep(status, R"({"cell_id":"cell-1","Zone":"z1"})");
  const auto state = rep.client()->state();
  REQUIRE(state);
  CHECK(state->zone == "z1");
  CHECK(state->garden_healthy == (status == 200));
  CHECK(rep.last().method == "GET");
  CHECK(rep.last().target == "/state");
}

TEST_CASE("a state of another cell, or none, is an error", "[rep_client]") {
  const auto [status, body, text] = GENERATE(table<int, std::string, std::string>({
      {200, R"({"cell_id":"cell-2"})", "GET /state: the rep says it is cell \"cell-2\", expected \"cell-1\""},
      {500, "", "GET /state: the rep answered 500"},
      {503, "", "GET /state: the rep answered 503"},
      {200, "", "GET /state: unexpected end of JSON input"},
  }));
  FakeRep rep(status, body);
  const auto state = rep.client()->state();
  REQUIRE_FALSE(state);
  CHECK(state.error().message() == text);
}

TEST_CASE("any cell's state is read where no id was given", "[rep_client]") {
  FakeRep rep(200, R"({"cell_id":"cell-2"})");
  CHECK(rep.client("")->state()->cell_id == "cell-2");
}

TEST_CASE("a rep of 2015 does not say which cell it is", "[rep_client]") {
  FakeRep rep(200, R"({"LRPs":[],"Tasks":null,"Zone":"z1"})");
  const auto state = rep.client()->state();
  REQUIRE(state);
  CHECK(state->zone == "z1");
  CHECK(state->garden_healthy);
}

TEST_CASE("container metrics are asked for, and a rep without them is an error", "[rep_client]") {
  FakeRep rep(200, R"({"cell_id":"cell-1","lrps":[{"instance_guid":"i","memory_usage_bytes":5}],"tasks":[]})");
  const auto metrics = rep.client()->container_metrics();
  REQUIRE(metrics);
  CHECK(*metrics == ContainerMetrics{"cell-1", {{"i", 0, 5, 0}}, {}});
  CHECK(rep.last().target == "/container_metrics");
  FakeRep old(404, "404 page not found\n");
  CHECK(old.client()->container_metrics().error().message() == "GET /container_metrics: the rep answered 404");
}

TEST_CASE("work is posted as Diego posts it and the refused part comes back", "[rep_client]") {
  FakeRep rep(200, R"({"LRPs":null,"Tasks":[{"TaskGuid":"t","state":"Invalid"}]})");
  const Work work{.tasks = {task_of({.task_guid = "t"})}, .cell_id = "cell-1"};
  const auto refused = rep.client()->work(work, "trace-1");
  REQUIRE(refused);
  CHECK(refused->tasks.at(0).task_guid == "t");
  CHECK(rep.last().method == "POST");
  CHECK(rep.last().target == "/work");
  CHECK(rep.last().body == write_work(work));
  CHECK(*platform::find_header(rep.last().headers, "X-Vcap-Request-Id") == "trace-1");
}

TEST_CASE("work that is answered with anything but 200 is an error", "[rep_client]") {
  const int status = GENERATE(202, 400, 500);
  FakeRep rep(status, "");
  const auto refused = rep.client()->work({});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "POST /work: the rep answered " + std::to_string(status));
  CHECK(platform::find_header(rep.last().headers, "X-Vcap-Request-Id") == nullptr);
}

TEST_CASE("stops name the instance in the path, escaped", "[rep_client]") {
  FakeRep rep(202, "");
  CHECK(rep.client()->stop_lrp("a/b c", "i1"));
  CHECK(rep.last().target == "/v1/lrps/a%2Fb%20c/instances/i1/stop");
  CHECK(rep.client()->cancel_task("t-1"));
  CHECK(rep.last().target == "/v1/tasks/t-1/cancel");
  CHECK(rep.client()->evacuate());
  CHECK(rep.last().target == "/evacuate");
}

TEST_CASE("a rep that is not there says so", "[rep_client]") {
  auto client = RepClient::create({.url = "http://127.0.0.1:1"});
  REQUIRE(client);
  const auto pong = (*client)->ping();
  REQUIRE_FALSE(pong);
  CHECK(pong.error().message() == "GET /ping: connection refused");
  CHECK_FALSE(RepClient::create({.url = "ftp://x"}));
}

TEST_CASE("a rep is dialled at an address and must have the certificate of its cell", "[rep_client]") {
  tls_test::Certificates& made = tls_test::certificates();
  made.make("rep", {.names = "DNS:*.cell.service.cf.internal,DNS:cell.service.cf.internal", .usage = "serverAuth"});
  platform::ServerOptions options;
  options.listen = {"127.0.0.1", 0};
  options.cert_file = made("rep.pem");
  options.key_file = made("rep.key");
  options.ca_file = made("ca.pem");
  platform::HttpServer rep(options, [](const platform::ServerRequest&) {
    return platform::ServerResponse{.status = 200, .headers = {}, .body = R"({"cell_id":"cell_1"})"};
  });
  const auto port = rep.start("test");
  REQUIRE(port);
  RepClientOptions asks{.url = "https://127.0.0.1:" + std::to_string(*port),
                        .admin_url = {},
                        .ca_file = made("ca.pem"),
                        .cert_file = made("client.pem"),
                        .key_file = made("client.key"),
                        .server_name = "cell-1.cell.service.cf.internal",
                        .cell_id = "cell_1"};
  const auto state = (*RepClient::create(asks))->state();
  INFO((state ? "" : state.error().message()));
  CHECK(state);
  CHECK((*RepClient::create(asks))->ping());
  asks.server_name.clear();
  CHECK((*RepClient::create(asks))->state().error().message() ==
        "GET /state: TLS: the peer's certificate is not for 127.0.0.1 but for *.cell.service.cf.internal, "
        "cell.service.cf.internal");
  asks.server_name = "cell-1.cell.service.cf.internal";
  asks.cert_file = asks.key_file = "";
  CHECK((*RepClient::create(asks))->state().error().message() ==
        "GET /state: TLS: the peer wants a client certificate, and none is given");
}
