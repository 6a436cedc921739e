// A server of ours for one test, and what asks it.
#pragma once

#include <catch2/catch.hpp>

#include "platform/http_client.hpp"
#include "platform/http_server.hpp"
#include "raw_client.hpp"

namespace http_test {

using namespace std::chrono_literals;
using namespace platform;

inline ServerOptions loopback() {
  ServerOptions options;
  options.listen = {"127.0.0.1", 0};
  return options;
}

// Says what it was asked: "METHOD path body".
inline ServerResponse echo(const ServerRequest& request) {
  return {.status = 200,
          .headers = {{"Content-Type", "text/plain"}},
          .body = request.method + " " + request.path + " " + request.body};
}

// A server that runs for one test.
struct Rig {
  explicit Rig(HttpServer::Handler handler = echo, ServerOptions options = loopback(),
               HttpServer::ErrorBody error_body = {})
      : server(options, std::move(handler), std::move(error_body)) {
    const auto started = server.start("--listen");
    REQUIRE(started);
    port = *started;
  }
  ClientOptions client_options() const {
    ClientOptions options;
    options.origin = {"http", "127.0.0.1", port, ""};
    return options;
  }
  base::Result<ClientResponse> ask(const ClientRequest& request) const {
    return HttpClient(client_options()).send(request);
  }
  std::string raw(const std::string& bytes) const {
    RawClient client(port);
    client.send(bytes);
    return client.read_all();
  }
  HttpServer server;
  int port = 0;
};

inline std::string status_line(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

inline constexpr const char* kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace http_test
