// The BBS client over TLS, which a BBS wants of both sides.
#include <catch2/catch.hpp>

#include "bbs_rig.hpp"
#include "test/unit/platform/certificates.hpp"

using namespace bbs_test;
using namespace diego;

namespace {

const tls_test::Certificates& certificates() { return tls_test::certificates(); }

platform::ServerOptions shows(const std::string& name) {
  platform::ServerOptions options;
  options.cert_file = certificates()(name + ".pem");
  options.key_file = certificates()(name + ".key");
  options.ca_file = certificates()("ca.pem");
  return options;
}

FakeBbs::Handler available() {
  return [](const platform::ServerRequest&) { return protobuf("\x08\x01"); };
}

BbsAnswer<bool> ping(const std::string& url, const std::string& own) {
  BbsClientOptions options{.url = url, .ca_file = certificates()("ca.pem")};
  if (!own.empty()) {
    options.cert_file = certificates()(own + ".pem");
    options.key_file = certificates()(own + ".key");
  }
  const auto client = BbsClient::create(options);
  REQUIRE(client);
  return (*client)->ping();
}

}  // namespace

TEST_CASE("a BBS is called with our certificate", "[bbs_client][tls]") {
  FakeBbs bbs(available(), shows("server"));
  CHECK(ping("https://" + bbs.address(), "client") == BbsAnswer<bool>(true));
}

TEST_CASE("without a certificate that the BBS takes nothing is asked, and the log says why", "[bbs_client][tls]") {
  const auto own = GENERATE(as<std::string>(), "", "stranger");
  CAPTURE(own);
  FakeBbs bbs(available(), shows("server"));
  const auto answer = ping("https://" + bbs.address(), own);
  REQUIRE_FALSE(answer);
  CHECK(answer.failure().kind == BbsFailure::Kind::transient);  // Certificates are renewed.
  CHECK(answer.failure().text.starts_with("POST /v1/ping: https://" + bbs.address() + ": TLS: "));
  CHECK(bbs.asked() == 0);
}

TEST_CASE("an address with a stranger's certificate, or another name's, is passed over", "[bbs_client][tls]") {
  FakeBbs stranger(available(), shows("stranger"));
  FakeBbs bbs(available(), shows("server"));
  const std::string port = bbs.address().substr(bbs.address().find(':'));
  CHECK(ping("https://" + stranger.address() + ",localhost" + port + "," + bbs.address(), "client"));
  CHECK(stranger.asked() == 0);
  CHECK(bbs.asked() == 1);
  CHECK_FALSE(ping("https://localhost" + port, "client"));
}
