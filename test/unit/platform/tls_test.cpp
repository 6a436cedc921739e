// TLS between our server and our client, with certificates made here by the openssl program.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "platform/child_process.hpp"
#include "platform/http_client.hpp"
#include "platform/http_server.hpp"
#include "raw_client.hpp"

using namespace std::chrono_literals;
using namespace platform;

namespace {

// A certificate authority, a server and a client signed by it, and a stranger.
class Certificates {
 public:
  Certificates() {
    std::string made = "/tmp/diego-tls-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    folder_ = made;
    run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2");
    sign("server", "subjectAltName=IP:127.0.0.1");
    sign("client", "extendedKeyUsage=clientAuth");
    run("openssl req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.pem -subj /CN=stranger -days 2");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  std::string operator()(const std::string& name) const { return folder_ + "/" + name; }

 private:
  void sign(const std::string& name, const std::string& extension) {
    run("openssl req -newkey rsa:2048 -nodes -keyout " + name + ".key -out " + name + ".csr -subj /CN=" + name);
    run("echo " + extension + " > " + name + ".ext && openssl x509 -req -in " + name +
        ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile " + name + ".ext -out " + name + ".pem");
  }
  void run(const std::string& line) {
    Command command;
    command.argv = {"sh", "-c", line};
    command.environment = own_environment();
    command.directory = folder_;
    command.stdout_file = command.stderr_file = folder_ + "/log";
    auto child = ChildProcess::start(command);
    REQUIRE(child);
    REQUIRE(child->wait(60s) == 0);
  }
  std::string folder_;
};

const Certificates& certificates() {
  static const Certificates made;
  return made;
}

struct TlsRig {
  explicit TlsRig(bool mutual)
      : server(options(mutual), [](const ServerRequest& request) {
          return ServerResponse{.status = 200, .headers = {}, .body = "hello " + std::to_string(request.body.size())};
        }) {
    const auto started = server.start("--listen");
    REQUIRE(started);
    port = *started;
  }
  static ServerOptions options(bool mutual) {
    ServerOptions options;
    options.listen = {"127.0.0.1", 0};
    options.cert_file = certificates()("server.pem");
    options.key_file = certificates()("server.key");
    if (mutual) options.ca_file = certificates()("ca.pem");
    return options;
  }
  ClientOptions client(const std::string& ca = "ca.pem", const std::string& own = "") const {
    ClientOptions options;
    options.origin = {"https", "127.0.0.1", port, ""};
    options.ca_file = certificates()(ca);
    if (!own.empty()) {
      options.cert_file = certificates()(own + ".pem");
      options.key_file = certificates()(own + ".key");
    }
    return options;
  }
  HttpServer server;
  int port = 0;
};

}  // namespace

TEST_CASE("a client that trusts the server's authority is served", "[tls]") {
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

TEST_CASE("a server nobody vouches for is not spoken to", "[tls]") {
  TlsRig rig(false);
  const auto answer = HttpClient(rig.client("stranger.pem")).send({});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().text.starts_with("TLS: certificate verify failed: "));
}

TEST_CASE("with an authority for clients only its clients are served", "[tls]") {
  TlsRig rig(true);
  CHECK(HttpClient(rig.client("ca.pem", "client")).send({})->status == 200);
  CHECK_FALSE(HttpClient(rig.client("ca.pem")).send({}));
  CHECK_FALSE(HttpClient(rig.client("ca.pem", "stranger")).send({}));
}

TEST_CASE("plain HTTP at a TLS port is told so", "[tls]") {
  TlsRig rig(true);
  RawClient client(rig.port);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.read_all() == "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

TEST_CASE("garbage at a TLS port hurts nobody", "[tls]") {
  TlsRig rig(false);
  RawClient client(rig.port);
  client.send(std::string("\x16\x03\x01\x00\x05garbage", 12) + std::string(1000, '\0'));
  client.read_all();
  CHECK(HttpClient(rig.client()).send({})->status == 200);
}

TEST_CASE("files that are no certificates are an error at start", "[tls]") {
  ServerOptions options = TlsRig::options(true);
  SECTION("certificate") {
    options.cert_file = "/nosuch.pem";
    HttpServer server(options, [](const ServerRequest&) { return ServerResponse{}; });
    CHECK(server.start("--listen").error().where == "certificate /nosuch.pem");
  }
  SECTION("key of another certificate") {
    options.key_file = certificates()("client.key");
    HttpServer server(options, [](const ServerRequest&) { return ServerResponse{}; });
    CHECK(server.start("--listen").error().where == "key " + options.key_file);
  }
  SECTION("authority") {
    options.ca_file = options.key_file;
    HttpServer server(options, [](const ServerRequest&) { return ServerResponse{}; });
    CHECK(server.start("--listen").error().where == "certificate authority " + options.ca_file);
  }
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
