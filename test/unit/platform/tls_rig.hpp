// A TLS server of ours for one test.
#pragma once

#include <catch2/catch.hpp>

#include "certificates.hpp"
#include "platform/http_client.hpp"
#include "platform/http_server.hpp"

namespace tls_test {

struct TlsRig {
  explicit TlsRig(bool mutual) : TlsRig(options(mutual)) {}
  explicit TlsRig(platform::ServerOptions options)
      : server(std::move(options), [](const platform::ServerRequest& request) {
          return platform::ServerResponse{
              .status = 200, .headers = {}, .body = "hello " + std::to_string(request.body.size())};
        }) {
    const auto started = server.start("--listen");
    REQUIRE(started);
    port = *started;
  }
  static platform::ServerOptions options(bool mutual) {
    platform::ServerOptions options;
    options.listen = {"127.0.0.1", 0};
    options.cert_file = certificates()("server.pem");
    options.key_file = certificates()("server.key");
    if (mutual) options.ca_file = certificates()("ca.pem");
    return options;
  }
  platform::ClientOptions client(const std::string& ca = "ca", const std::string& own = "") const {
    platform::ClientOptions options;
    options.origin = {"https", "127.0.0.1", port, ""};
    options.ca_file = certificates()(ca + ".pem");
    if (!own.empty()) {
      options.cert_file = certificates()(own + ".pem");
      options.key_file = certificates()(own + ".key");
    }
    return options;
  }
  // What a GET with these options fails with; "" if it does not.
  static std::string failure(platform::ClientOptions options) {
    const auto answer = platform::HttpClient(std::move(options)).send({});
    return answer ? "" : answer.error().text;
  }
  platform::HttpServer server;
  int port = 0;
};

}  // namespace tls_test
