// TLS of our client: whom it trusts, what it says when something is wrong, and how it renews its certificates.
#include <list>

#include "raw_client.hpp"
#include "tls_rig.hpp"

using namespace std::chrono_literals;
using namespace platform;
using namespace tls_test;

namespace {

ServerOptions serving(const std::string& name, bool mutual = false) {
  ServerOptions options = TlsRig::options(mutual);
  options.cert_file = certificates()(name + ".pem");
  options.key_file = certificates()(name + ".key");
  return options;
}

}  // namespace

TEST_CASE("a client that trusts the server's authority is served, on one connection", "[tls]") {
  TlsRig rig(false);
  HttpClient client(rig.client());
  for (int i = 0; i < 3; ++i) {
    const auto answer =
        client.send({.method = "POST", .path = "/", .headers = {}, .body = std::string(3'000'000, 'x')});
    INFO((answer ? "" : answer.error().message()));
    REQUIRE(answer);
    CHECK(answer->body == "hello 3000000");
  }
}

TEST_CASE("a server of another authority is not spoken to", "[tls]") {
  TlsRig rig(false);
  CHECK(TlsRig::failure(rig.client("stranger-ca")) ==
        "TLS: the peer's certificate is not signed by a certificate authority we trust");
}

TEST_CASE("without an authority of its own a client trusts those of the system", "[tls]") {
  TlsRig rig(false);
  ClientOptions options = rig.client();
  options.ca_file.clear();
  CHECK(TlsRig::failure(options) == "TLS: the peer's certificate is not signed by a certificate authority we trust");
}

TEST_CASE("a certificate for somebody else is refused with both names", "[tls]") {
  certificates().make("rep",
                      {.names = "DNS:*.cell.service.cf.internal,DNS:localhost,IP:127.0.0.2", .usage = "serverAuth"});
  TlsRig rig(serving("rep"));
  ClientOptions options = rig.client();
  const std::string has = " but for *.cell.service.cf.internal, localhost, 127.0.0.2";
  CHECK(TlsRig::failure(options) == "TLS: the peer's certificate is not for 127.0.0.1" + has);
  options.server_name = "auctioneer.service.cf.internal";
  CHECK(TlsRig::failure(options) == "TLS: the peer's certificate is not for auctioneer.service.cf.internal" + has);
  options.server_name = "a.b.cell.service.cf.internal";  // A star stands for one label.
  CHECK_FALSE(TlsRig::failure(options).empty());
}

TEST_CASE("a peer may be dialled at an address and asked for the certificate of its name", "[tls]") {
  certificates().make("rep-cell", {.names = "DNS:*.cell.service.cf.internal", .usage = "serverAuth"});
  std::string host;
  HttpServer server(serving("rep-cell"), [&](const ServerRequest& request) {
    host = *find_header(request.headers, "Host");
    return ServerResponse{};
  });
  const auto port = server.start("--listen");
  REQUIRE(port);
  ClientOptions options;
  options.origin = {"https", "127.0.0.1", *port, ""};
  options.ca_file = certificates()("ca.pem");
  options.server_name = "cell-10-0-0-7-abc.cell.service.cf.internal";
  CHECK(TlsRig::failure(options).empty());
  CHECK(host == options.server_name + ":" + std::to_string(*port));
}

TEST_CASE("a certificate that is not valid now is refused with its date", "[tls]") {
  // The server does not start with such a certificate: it is replaced by one that is over before it is asked.
  certificates().make("server-short", {.names = "IP:127.0.0.1", .begins = -kDay, .ends = 2});
  TlsRig rig(serving("server-short"));
  const ClientOptions options = rig.client();
  std::string failure;
  for (int i = 0; i < 1000 && failure.empty(); ++i) failure = TlsRig::failure(options);
  CHECK_THAT(failure,
             Catch::Matches("TLS: the peer's certificate expired on \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC"));
}

TEST_CASE("a server with a client's certificate is refused", "[tls]") {
  certificates().make("server-client", {.names = "IP:127.0.0.1", .usage = "clientAuth"});
  TlsRig rig(serving("server-client"));
  CHECK(TlsRig::failure(rig.client()) == "TLS: the peer's certificate is not for servers by its extended key usage");
}

TEST_CASE("a client hears why a server does not take it", "[tls]") {
  certificates().make("client-over", {.usage = "clientAuth", .begins = -kDay, .ends = 3});
  TlsRig rig(true);
  CHECK(TlsRig::failure(rig.client("ca", "client")).empty());
  CHECK(TlsRig::failure(rig.client("ca")) == "TLS: the peer wants a client certificate, and none is given");
  CHECK(TlsRig::failure(rig.client("ca", "stranger")) ==
        "TLS: the peer refuses our certificate " + certificates()("stranger.pem") + ": unknown CA");
}

TEST_CASE("a peer without TLS, and none at all, are told apart", "[tls]") {
  SECTION("plain HTTP") {
    ServerOptions options = TlsRig::options(false);
    options.cert_file = options.key_file = "";
    TlsRig rig(options);
    CHECK(TlsRig::failure(rig.client()) == "TLS: the peer does not speak TLS");
  }
  SECTION("nobody") {
    ClientOptions options;
    options.origin = {"https", "127.0.0.1", 1, ""};
    CHECK(TlsRig::failure(options) == "connection refused");
  }
}

TEST_CASE("a client with files that cannot be used says which, and connects to nobody", "[tls]") {
  TlsRig rig(false);
  ClientOptions options = rig.client("ca", "client");
  SECTION("authority") {
    options.ca_file = "/nosuch/ca.pem";
    CHECK(TlsRig::failure(options) ==
          "TLS: certificate authority /nosuch/ca.pem: cannot be read: no such file or directory");
  }
  SECTION("certificate") {
    options.cert_file = options.key_file;
    CHECK(TlsRig::failure(options) == "TLS: client certificate " + options.cert_file + ": holds no certificate in PEM");
  }
  SECTION("key") {
    options.key_file = certificates()("ca.key");
    CHECK(TlsRig::failure(options) ==
          "TLS: client key " + options.key_file + ": is not the key of " + options.cert_file);
  }
}

TEST_CASE("a client meets its peer with the files of now, and with those of before if these are bad", "[tls]") {
  Certificates& all = certificates();
  TlsRig rig(true);
  for (const char* ending : {".pem", ".key"}) all.replace(std::string("ours") + ending, std::string("client") + ending);
  ClientOptions options = rig.client("ca", "ours");
  HttpClient client(options);
  const auto ask = [&] {
    const auto answer = client.send({.method = "GET", .path = "/", .headers = {{"Connection", "close"}}, .body = ""});
    return answer ? std::string() : answer.error().text;
  };
  CHECK(ask().empty());
  SECTION("others") {
    for (const char* ending : {".pem", ".key"})
      all.replace(std::string("ours") + ending, std::string("stranger") + ending);
    CHECK_THAT(ask(), Catch::Contains("refuses our certificate"));
  }
  SECTION("half of a renewal") {
    all.replace("ours.key", "stranger.key");
    CHECK(ask().empty());
    all.replace("ours.pem", "stranger.pem");
    CHECK_THAT(ask(), Catch::Contains("refuses our certificate"));
  }
  SECTION("gone") {
    std::filesystem::remove(all("ours.pem"));
    CHECK(ask().empty());
    CHECK(ask().empty());
  }
}
