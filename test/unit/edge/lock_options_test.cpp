// --lock and its company.
#include "scheduler/edge/lock_options.hpp"

#include <catch2/catch.hpp>

namespace {

using Strings = std::vector<std::string>;

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
  lock = locket();
  lock.ca_file = lock.cert_file = "/some.pem";
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
