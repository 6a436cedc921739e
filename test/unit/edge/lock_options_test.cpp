// --lock and its company, with certificates made here.
#include "scheduler/edge/lock_options.hpp"

#include <catch2/catch.hpp>

#include "test/unit/locket/certificates.hpp"

namespace {

using Strings = std::vector<std::string>;

const diego::Certificates& certificates() {
  static const diego::Certificates made;
  return made;
}

std::string refusal(edge::LockOptions lock) {
  const auto finished = edge::finish_lock(lock, mesos_client::MasterList{});
  return finished ? "" : finished.error().message();
}

edge::LockOptions locket(const std::string& value = "locket://127.0.0.1:8891") {
  edge::LockOptions lock;
  lock.lock = value;
  lock.cluster_name = "west";
  return lock;
}

edge::LockOptions with_tls(const std::string& ca = "ca", const std::string& cert = "client",
                           const std::string& key = "client") {
  edge::LockOptions lock = locket("locket://locket.service.cf.internal:8891");
  lock.ca_file = certificates().cert(ca);
  lock.cert_file = certificates().cert(cert);
  lock.key_file = certificates().key(key);
  return lock;
}

}  // namespace

TEST_CASE("a lock in Locket has one address or several, with Diego's port", "[lock-options]") {
  const auto [value, addresses] = GENERATE(table<std::string, Strings>({
      {"locket://127.0.0.1", {"127.0.0.1:8891"}},
      {"locket://127.0.0.1:1,localhost , [::1]:3", {"127.0.0.1:1", "localhost:8891", "[::1]:3"}},
      {"locket://[::1]", {"[::1]:8891"}},
  }));
  edge::LockOptions lock = locket(value);
  REQUIRE(edge::finish_lock(lock, mesos_client::MasterList{}));
  CHECK(lock.used());
  CHECK(lock.lockets == addresses);
  edge::LockOptions none;
  REQUIRE(edge::finish_lock(none, mesos_client::MasterList{}));
  CHECK_FALSE(none.used());
}

TEST_CASE("what cannot be a lock in Locket is one line that names the flag", "[lock-options]") {
  CHECK(refusal(locket()) == "");
  CHECK(refusal(locket("locket://")) == "--lock locket://: names no Locket");
  for (const std::string bad :
       {"locket://a:b", "locket://a:0", "locket://a:70000", "locket://user@a:1", "locket://a/b"}) {
    CAPTURE(bad);
    CHECK(refusal(locket(bad)).starts_with("--lock " + bad + ": '"));
    CHECK(refusal(locket(bad)).ends_with("' is not host:port"));
  }
  auto lock = locket();
  lock.cluster_name.clear();
  CHECK(refusal(lock).starts_with("--cluster-name: is needed with --lock locket://"));
  lock.cluster_name = "two words";
  CHECK(refusal(lock).starts_with("--cluster-name: "));
  lock = locket();
  lock.owner = std::string(300, 'x');
  CHECK(refusal(lock).starts_with("--lock-owner: "));
  CHECK(refusal(locket("locket://locket.service.cf.internal")) ==
        "--lock locket://locket.service.cf.internal: is another machine: give --lock-ca, --lock-cert and --lock-key");
  lock = with_tls();
  lock.key_file.clear();
  CHECK(refusal(lock) == "--lock-ca, --lock-cert, --lock-key: all are needed, or none");
}

TEST_CASE("flags of a lock in Locket are refused with another", "[lock-options]") {
  edge::LockOptions lock;
  lock.owner = "me";
  CHECK(refusal(lock) == "--lock-owner: is for --lock locket:// only");
  lock = {};
  lock.lock = "zk://a:1/diego";
  lock.ca_file = "/ca.pem";
  CHECK(refusal(lock) == "--lock-ca: is for --lock locket:// only");
}

TEST_CASE("certificate files that cannot do are named at start", "[lock-options]") {
  CHECK(refusal(with_tls()) == "");
  CHECK(refusal(with_tls("ca", "expired-client", "expired-client")) ==
        "--lock-cert " + certificates().cert("expired-client") + ": has expired");
  CHECK(refusal(with_tls("ca", "client", "server")) == "--lock-key " + certificates().key("server") +
                                                           ": is not the key of --lock-cert " +
                                                           certificates().cert("client"));
  CHECK(refusal(with_tls("nosuch")) == "--lock-ca " + certificates().cert("nosuch") + ": cannot be read");
  CHECK(refusal(with_tls("ca", "client", "nosuch")) ==
        "--lock-key " + certificates().key("nosuch") + ": cannot be read");
  auto swapped = with_tls();
  swapped.cert_file = certificates().key("client");
  CHECK(refusal(swapped) == "--lock-cert " + swapped.cert_file + ": holds no certificate in PEM");
}
