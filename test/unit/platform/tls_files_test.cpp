// What an operator reads about certificates before anybody connects.
#include "platform/tls_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "certificates.hpp"

using namespace platform;
using namespace tls_test;

namespace {

TlsFiles files(const std::string& cert, const std::string& key, const std::string& ca = "") {
  const auto path = [](const std::string& name) { return name.empty() ? "" : certificates()(name); };
  return {TlsFiles::For::server, {"--bridge-cert", path(cert)}, {"--bridge-key", path(key)}, {"--bridge-ca", path(ca)}};
}

std::vector<std::string> errors_of(const TlsFiles& looked_at, std::time_t now = std::time(nullptr)) {
  std::vector<std::string> lines;
  for (const auto& error : look_at(looked_at, now).errors) lines.push_back(error.message());
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("good files are nothing to speak of", "[tls]") {
  const TlsFindings found = look_at(files("server.pem", "server.key", "ca.pem"), std::time(nullptr));
  CHECK(found.errors.empty());
  CHECK(found.warnings.empty());
  CHECK(look_at({}, 0).errors.empty());
}

TEST_CASE("each file that cannot work is one line with its flag and path", "[tls]") {
  Certificates& all = certificates();
  all.write_text("empty.pem", "");
  all.write_text("text.pem", "hello\n");
  all.write_text("cut.pem", all.text("server.pem").substr(0, 400) + "\n-----END CERTIFICATE-----\n");
  all.make("other", {});
  all.make("over", {.begins = -3 * kDay, .ends = -kDay});
  all.make("early", {.begins = kDay, .ends = 3 * kDay});
  const std::string cert = "--bridge-cert " + all(""), key = "--bridge-key " + all(""), ca = "--bridge-ca " + all("");

  CHECK(errors_of(files("none.pem", "server.key")) ==
        Lines{cert + "none.pem: cannot be read: no such file or directory"});
  CHECK(errors_of(files("empty.pem", "server.key")) == Lines{cert + "empty.pem: is empty"});
  CHECK(errors_of(files("text.pem", "server.key")) == Lines{cert + "text.pem: holds no certificate in PEM"});
  CHECK(errors_of(files("server.key", "server.key")) == Lines{cert + "server.key: holds no certificate in PEM"});
  CHECK(errors_of(files("cut.pem", "server.key")) == Lines{cert + "cut.pem: holds a damaged certificate"});
  CHECK(errors_of(files("server.pem", "none.key")) ==
        Lines{key + "none.key: cannot be read: no such file or directory"});
  CHECK(errors_of(files("server.pem", "text.pem")) == Lines{key + "text.pem: holds no private key in PEM"});
  CHECK(errors_of(files("server.pem", "other.key")) ==
        Lines{key + "other.key: is not the key of " + all("server.pem")});
  CHECK(errors_of(files("", "", "none.pem")) == Lines{ca + "none.pem: cannot be read: no such file or directory"});
  CHECK(errors_of(files("", "", "empty.pem")) == Lines{ca + "empty.pem: is empty"});
  CHECK(errors_of(files("", "", "text.pem")) == Lines{ca + "text.pem: holds no certificate in PEM"});
  CHECK_THAT(errors_of(files("over.pem", "over.key")).at(0), Catch::StartsWith(cert + "over.pem: expired on 20"));
  CHECK_THAT(errors_of(files("early.pem", "early.key")).at(0),
             Catch::StartsWith(cert + "early.pem: is not valid before 20"));
  CHECK_THAT(errors_of(files("", "", "over.pem")).at(0), Catch::StartsWith(ca + "over.pem: expired on 20"));
}

TEST_CASE("all that is wrong is told at once", "[tls]") {
  CHECK(errors_of(files("no1.pem", "no2.key", "no3.pem")).size() == 3);
}

TEST_CASE("a folder, and a file that is not ours to read, are not read", "[tls]") {
  TlsFiles looked_at = files("server.pem", "server.key");
  looked_at.key.path = certificates()("");
  CHECK(errors_of(looked_at) == Lines{"--bridge-key " + certificates()("") + ": cannot be read: is a directory"});
  if (::geteuid() == 0) {
    WARN("root may read every file: the case of a forbidden one is left out");
    return;
  }
  certificates().make("secret", {});
  REQUIRE(::chmod(certificates()("secret.key").c_str(), 0) == 0);
  CHECK(errors_of(files("secret.pem", "secret.key")) ==
        Lines{"--bridge-key " + certificates()("secret.key") + ": cannot be read: permission denied"});
}

TEST_CASE("a key with a passphrase is refused without asking for it", "[tls]") {
  BIO* const out = BIO_new_file(certificates()("locked.key").c_str(), "w");
  REQUIRE(out != nullptr);
  EVP_PKEY* const key = certificates().key_of("server", false);
  REQUIRE(PEM_write_bio_PrivateKey(out, key, EVP_aes_128_cbc(), nullptr, 0, nullptr, const_cast<char*>("word")) == 1);
  BIO_free(out);
  CHECK(errors_of(files("server.pem", "locked.key")) ==
        Lines{"--bridge-key " + certificates()("locked.key") +
              ": is encrypted, and there is no way to give its passphrase"});
}

TEST_CASE("what ends within a week is a warning, and an error when it has", "[tls]") {
  certificates().make("soon", {.usage = "serverAuth", .ends = 30 * kDay});
  const std::time_t now = std::time(nullptr);
  const TlsFiles looked_at = files("soon.pem", "soon.key");
  CHECK(look_at(looked_at, now + 22 * kDay).warnings.empty());
  const TlsFindings late = look_at(looked_at, now + 24 * kDay);
  CHECK(late.errors.empty());
  REQUIRE(late.warnings.size() == 1);
  CHECK_THAT(late.warnings[0],
             Catch::StartsWith("--bridge-cert " + certificates()("soon.pem") + " expires soon, on 20"));
  CHECK(look_at(looked_at, now + 31 * kDay).errors.size() == 1);
}

TEST_CASE("an authority's file may hold old certificates beside one that is valid", "[tls]") {
  Certificates& all = certificates();
  all.make("old-ca", {.begins = -3 * kDay, .ends = -kDay, .authority = true}, "");
  all.write_text("bundle.pem", all.text("old-ca.pem") + all.text("ca.pem"));
  const TlsFindings found = look_at(files("", "", "bundle.pem"), std::time(nullptr));
  CHECK(found.errors.empty());
  REQUIRE(found.warnings.size() == 1);
  CHECK_THAT(found.warnings[0],
             Catch::StartsWith("--bridge-ca " + all("bundle.pem") + " holds a certificate that expired on 20"));
}

TEST_CASE("a certificate for the other role, or that TLS 1.2 cannot use, is a warning", "[tls]") {
  certificates().make("curved", {.usage = "serverAuth", .elliptic = true});
  CHECK(look_at(files("client.pem", "client.key"), std::time(nullptr)).warnings ==
        Lines{"--bridge-cert " + certificates()("client.pem") +
              " is not for servers by its extended key usage: peers may refuse it"});
  CHECK(look_at(files("curved.pem", "curved.key"), std::time(nullptr)).warnings ==
        Lines{"--bridge-cert " + certificates()("curved.pem") +
              " is not an RSA certificate: clients with TLS 1.2 are refused"});
  TlsFiles as_client = files("server.pem", "server.key");
  as_client.role = TlsFiles::For::client;
  CHECK(look_at(as_client, std::time(nullptr)).warnings.size() == 1);
}
