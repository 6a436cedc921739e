// The lock in Locket with mutual TLS: certificates made here, good and bad.
#include <filesystem>

#include "certificates.hpp"
#include "rig.hpp"

using namespace diego;

namespace {

const Certificates& certificates() {
  static const Certificates made;
  return made;
}

local::LocketOptions server_options(const std::string& name, const std::string& ca = "ca") {
  local::LocketOptions options;
  options.listen = "127.0.0.1:0";
  options.ca_file = certificates().cert(ca);
  options.cert_file = certificates().cert(name);
  options.key_file = certificates().key(name);
  return options;
}

LocketLockOptions lock_options(int port, const std::string& ca = "ca", const std::string& name = "client") {
  LocketLockOptions options = quick("one", {address(port)});
  options.attempt_limit = 3s;
  options.ca_file = certificates().cert(ca);
  options.cert_file = certificates().cert(name);
  options.key_file = certificates().key(name);
  return options;
}

}  // namespace

TEST_CASE("with certificates of one authority on both sides the lock is taken", "[locket]") {
  local::LocketServer server(server_options("server"));
  const auto port = server.start();
  REQUIRE(port);
  Contender one(lock_options(*port));
  one.next("acquired");
  CHECK(one.count("trouble") == 0);
}

TEST_CASE("certificates that do not do are one line that says why", "[locket]") {
  struct Case {
    std::string server, ca, client, line;
  };
  const auto [server_name, ca, client, line] =
      GENERATE(Case{"server", "stranger-ca", "client", "TLS: the peer's certificate is not signed by"},
               Case{"misnamed", "ca", "client", "TLS: the peer's certificate is not for 127.0.0.1"},
               Case{"expired-server", "ca", "client", "TLS: the peer's certificate expired on "},
               Case{"server", "ca", "expired-client", "expired-client.pem: expired on "},
               Case{"server", "ca", "stranger", "does it trust the CA of our certificate?"});
  CAPTURE(server_name, ca, client);
  local::LocketServer server(server_options(server_name));
  const auto port = server.start();
  REQUIRE(port);
  Contender one(lock_options(*port, ca, client));
  const std::string said = one.next("trouble");
  CHECK(said.starts_with("trouble: Locket is out of reach: " + address(*port) + ": "));
  CHECK_THAT(said, Catch::Contains(line));
  platform::Mailbox<int>().take(500ms);  // Five attempts more.
  CHECK(one.count("trouble") == 1);
  CHECK(one.count("acquired") == 0);
}

TEST_CASE("a Locket that speaks no TLS, and one that wants it, are one line each", "[locket]") {
  const bool with_tls = GENERATE(true, false);
  local::LocketOptions plain;
  plain.listen = "127.0.0.1:0";
  local::LocketServer server(with_tls ? server_options("server") : plain);
  const auto port = server.start();
  REQUIRE(port);
  Contender one(with_tls ? quick("one", {address(*port)}) : lock_options(*port));
  one.next("trouble");
  platform::Mailbox<int>().take(500ms);
  CHECK(one.count("trouble") <= 2);
  CHECK(one.count("acquired") == 0);
}

TEST_CASE("certificates are read again when they change", "[locket]") {
  const std::string folder = certificates().folder() + "/changing";
  std::filesystem::create_directory(folder);
  const auto put = [&](const std::string& name, const std::string& ca) {
    for (const auto& [from, to] : {std::pair(certificates().key(name), folder + "/own.key"),
                                   std::pair(certificates().cert(name), folder + "/own.pem"),
                                   std::pair(certificates().cert(ca), folder + "/ca.pem")}) {
      std::filesystem::copy_file(from, to + ".new", std::filesystem::copy_options::overwrite_existing);
      std::filesystem::rename(to + ".new", to);
    }
  };
  local::LocketServer server(server_options("server"));
  const auto port = server.start();
  REQUIRE(port);
  LocketLockOptions options = lock_options(*port);
  options.ca_file = folder + "/ca.pem";
  options.cert_file = folder + "/own.pem";
  options.key_file = folder + "/own.key";

  put("client", "stranger-ca");
  Contender one(options);
  one.next("trouble");
  put("client", "ca");  // It need not be started again.
  one.next("acquired");

  put("client", "stranger-ca");  // And does not lose what works.
  one.next("trouble: the lock's certificates were read again: no connection with them, the old one is kept");
  put("client", "ca");
  one.next("note: the lock's certificates were read again");
  CHECK(one.lock().held());
  CHECK(one.count("lost") == 0);
}

TEST_CASE("files that cannot be read are an error at start", "[locket]") {
  LocketLockOptions options = lock_options(1);
  options.cert_file = "/nosuch.pem";
  const auto started = start_locket_lock("--lock", options, [](const base::LockReport&) {});
  REQUIRE_FALSE(started);
  CHECK(started.error().message() == "--lock: /nosuch.pem: cannot be read or is empty");
}
