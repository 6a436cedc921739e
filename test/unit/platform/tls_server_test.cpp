// TLS of our server: what it demands of clients, what it tells them, and how it renews its own certificates.
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <list>

#include "raw_client.hpp"
#include "tls_rig.hpp"

using namespace std::chrono_literals;
using namespace platform;
using namespace tls_test;

namespace {

struct Asks {
  int lowest = TLS1_2_VERSION, highest = TLS1_3_VERSION;
  std::string ciphers;         // Of TLS 1.2.
  std::string own = "client";  // Certificate; empty: none.
};

// OpenSSL's own client, which speaks what ours would not: "TLSv1.3 <cipher> HTTP/1.1 200 OK", or what ended it.
std::string probe(int port, const Asks& asks) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, asks.lowest);
  SSL_CTX_set_max_proto_version(context, asks.highest);
  if (!asks.ciphers.empty()) REQUIRE(SSL_CTX_set_cipher_list(context, asks.ciphers.c_str()) == 1);
  if (!asks.own.empty()) {
    REQUIRE(SSL_CTX_use_certificate_file(context, certificates()(asks.own + ".pem").c_str(), SSL_FILETYPE_PEM) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey_file(context, certificates()(asks.own + ".key").c_str(), SSL_FILETYPE_PEM) == 1);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  ERR_clear_error();
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  char bytes[4096];
  int got = SSL_connect(ssl) == 1 ? SSL_write(ssl, kRequest.data(), static_cast<int>(kRequest.size())) : -1;
  if (got > 0) got = SSL_read(ssl, bytes, sizeof bytes);
  std::string told;
  if (got > 0) {
    const std::string answer(bytes, static_cast<std::size_t>(got));
    told = std::string(SSL_get_version(ssl)) + " " + SSL_get_cipher(ssl) + " " + answer.substr(0, answer.find("\r\n"));
  } else {
    const char* const reason = ERR_reason_error_string(ERR_peek_error());
    told = reason == nullptr ? "closed" : reason;
  }
  ERR_clear_error();
  SSL_free(ssl);
  SSL_CTX_free(context);
  ::close(fd);
  return told;
}

}  // namespace

TEST_CASE("TLS 1.3 is spoken, and of 1.2 Diego's two suites and no other", "[tls]") {
  TlsRig rig(true);
  CHECK(probe(rig.port, {}).starts_with("TLSv1.3 "));
  for (const std::string suite : {"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"})
    CHECK(probe(rig.port, {.highest = TLS1_2_VERSION, .ciphers = suite}) == "TLSv1.2 " + suite + " HTTP/1.1 200 OK");
  CHECK(probe(rig.port, {.highest = TLS1_2_VERSION}).starts_with("TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384 "));
  const auto other = GENERATE("ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-SHA384", "AES256-GCM-SHA384",
                              "DHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA");
  CHECK(probe(rig.port, {.highest = TLS1_2_VERSION, .ciphers = other}) == "sslv3 alert handshake failure");
}

TEST_CASE("TLS 1.1 is answered with the alert of Go's auctioneer", "[tls]") {
  TlsRig rig(true);
  CHECK(probe(rig.port, {.lowest = TLS1_1_VERSION, .highest = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"}) ==
        "tlsv1 alert protocol version");
}

TEST_CASE("a client's certificate must be of the authority, valid, and for clients", "[tls]") {
  certificates().make("client-expired", {.usage = "clientAuth", .begins = -3 * kDay, .ends = -kDay});
  certificates().make("client-early", {.usage = "clientAuth", .begins = kDay, .ends = 3 * kDay});
  certificates().make("client-serving", {.usage = "serverAuth"});
  certificates().make("client-plain", {});
  TlsRig rig(true);
  // For none and a stranger's the alerts of Go's auctioneer.
  const auto [own, alert] = GENERATE(table<std::string, std::string>({
      {"", "tlsv13 alert certificate required"},
      {"stranger", "tlsv1 alert unknown ca"},
      {"client-expired", "sslv3 alert certificate expired"},
      {"client-early", "sslv3 alert bad certificate"},
      {"client-serving", "sslv3 alert unsupported certificate"},
  }));
  CAPTURE(own);
  CHECK(probe(rig.port, {.own = own}) == alert);
  CHECK(probe(rig.port, {.highest = TLS1_2_VERSION, .own = own}).find("alert") != std::string::npos);
  CHECK(probe(rig.port, {.own = "client-plain"}).ends_with("HTTP/1.1 200 OK"));
  CHECK(probe(rig.port, {.own = "client"}).ends_with("HTTP/1.1 200 OK"));
}

TEST_CASE("without an authority for clients everybody is served", "[tls]") {
  TlsRig rig(false);
  CHECK(probe(rig.port, {.own = ""}).ends_with("HTTP/1.1 200 OK"));
}

TEST_CASE("plain HTTP at a TLS port is told so", "[tls]") {
  TlsRig rig(true);
  RawClient client(rig.port);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.read_all() == "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

TEST_CASE("garbage and half a handshake at a TLS port cost others nothing", "[tls]") {
  ServerOptions options = TlsRig::options(true);
  options.threads = 1;
  options.idle_timeout = options.read_timeout = 1h;
  TlsRig rig(options);
  const auto sent = GENERATE(std::string(), std::string("\x16"), std::string("\x16\x03\x01\x00\x05garbage", 12),
                             std::string("\x16\x03\x01\x02\x00\x01\x00", 7), std::string(1000, '\0'));
  CAPTURE(sent.size());
  std::list<RawClient> slow;
  for (int i = 0; i < 50; ++i) slow.emplace_back(rig.port).send(sent);
  CHECK(TlsRig::failure(rig.client("ca", "client")).empty());
}

TEST_CASE("a handshake that does not go on is ended", "[tls]") {
  ServerOptions options = TlsRig::options(true);
  options.read_timeout = 50ms;
  TlsRig rig(options);
  RawClient silent(rig.port), half(rig.port);
  half.send(std::string("\x16\x03\x01\x02\x00\x01\x00", 7));
  CHECK(silent.read_all().empty());
  CHECK(silent.closed());
  half.read_all();
  CHECK(half.closed());
}

TEST_CASE("files that cannot be used are an error at start that names them", "[tls]") {
  certificates().make("server-expired", {.names = "IP:127.0.0.1", .begins = -3 * kDay, .ends = -kDay});
  certificates().make("other", {});
  ServerOptions options = TlsRig::options(true);
  const auto start = [&] {
    HttpServer server(options, [](const ServerRequest&) { return ServerResponse{}; });
    return server.start("--listen").error().message();
  };
  SECTION("certificate") {
    options.cert_file = "/nosuch.pem";
    CHECK(start() == "certificate /nosuch.pem: cannot be read: no such file or directory");
  }
  SECTION("key of another certificate") {
    options.key_file = certificates()("other.key");
    CHECK(start() == "key " + options.key_file + ": is not the key of " + options.cert_file);
  }
  SECTION("authority") {
    options.ca_file = options.key_file;
    CHECK(start() == "certificate authority " + options.ca_file + ": holds no certificate in PEM");
  }
  SECTION("expired") {
    options.cert_file = certificates()("server-expired.pem");
    options.key_file = certificates()("server-expired.key");
    CHECK_THAT(start(), Catch::StartsWith("certificate " + options.cert_file + ": expired on "));
  }
}

TEST_CASE("new certificates are met by those who connect after they were read, and no connection is lost", "[tls]") {
  Certificates& all = certificates();
  all.make("renewed", {.common_name = "old", .names = "DNS:old.test", .usage = "serverAuth"});
  all.make("renewed-next", {.common_name = "new", .names = "DNS:new.test", .usage = "serverAuth"});
  ServerOptions options = TlsRig::options(false);
  options.cert_file = all("renewed.pem");
  options.key_file = all("renewed.key");
  TlsRig rig(options);
  ClientOptions old_name = rig.client();
  old_name.server_name = "old.test";
  ClientOptions new_name = rig.client();
  new_name.server_name = "new.test";
  HttpClient open(old_name);
  REQUIRE(open.send({}));

  all.replace("renewed.pem", "renewed-next.pem");
  all.replace("renewed.key", "renewed-next.key");
  CHECK(TlsRig::failure(old_name).empty());  // Not read yet.
  REQUIRE(rig.server.reload_certificates());
  CHECK(TlsRig::failure(new_name).empty());
  CHECK_FALSE(TlsRig::failure(old_name).empty());
  CHECK(open.send({}));  // On its connection from before.

  all.write_text("renewed.pem", "nonsense");
  const auto refused = rig.server.reload_certificates();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "certificate " + all("renewed.pem") + ": holds no certificate in PEM");
  CHECK(TlsRig::failure(new_name).empty());
  CHECK(open.send({}));
}

TEST_CASE("an authority that was replaced lets in its own clients and no longer the others", "[tls]") {
  Certificates& all = certificates();
  all.replace("clients.pem", "ca.pem");
  ServerOptions options = TlsRig::options(true);
  options.ca_file = all("clients.pem");
  TlsRig rig(options);
  CHECK(probe(rig.port, {.own = "client"}).ends_with("200 OK"));
  all.replace("clients.pem", "stranger-ca.pem");
  REQUIRE(rig.server.reload_certificates());
  CHECK(probe(rig.port, {.own = "stranger"}).ends_with("200 OK"));
  CHECK(probe(rig.port, {.own = "client"}) == "tlsv1 alert unknown ca");
}

TEST_CASE("a stream over TLS notices the client that leaves", "[tls]") {
  auto body = std::make_shared<StreamBody>();
  std::promise<void> closed;
  body->on_closed([&] { closed.set_value(); });
  HttpServer server(TlsRig::options(false), [&](const ServerRequest&) {
    return ServerResponse{.status = 200, .headers = {}, .body = "", .stream = body};
  });
  const auto port = server.start("--listen");
  REQUIRE(port);
  ClientOptions options;
  options.origin = {"https", "127.0.0.1", *port, ""};
  options.ca_file = certificates()("ca.pem");
  HttpStream stream(options);
  body->push("hello");
  std::string heard;
  const auto end = stream.run({}, {.on_head = {}, .on_bytes = [&](std::string_view bytes) {
                                     heard += bytes;
                                     stream.stop();
                                   }});
  CHECK(heard == "hello");
  CHECK_FALSE(end);
  CHECK(closed.get_future().wait_for(10s) == std::future_status::ready);
}
