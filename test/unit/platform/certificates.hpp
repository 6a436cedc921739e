// Certificates for tests, made as they are needed by libcrypto, in a temporary folder. Keys are made once for
// each process: they are what takes time.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

namespace tls_test {

constexpr long kDay = 24L * 60 * 60;

// What a certificate says. Times are seconds from now.
struct Says {
  std::string common_name = "test";
  std::string names;  // subjectAltName: "DNS:a.b,IP:127.0.0.1"
  std::string usage;  // extendedKeyUsage: "serverAuth"
  long begins = -kDay, ends = 30 * kDay;
  bool authority = false;
  bool elliptic = false;
};

class Certificates {
 public:
  Certificates() {
    std::string made = "/tmp/diego-tls-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    folder_ = made;
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // Where NAME.pem or NAME.key is.
  std::string operator()(const std::string& file) const { return folder_ + "/" + file; }

  // Writes NAME.pem and NAME.key, signed by `by`'s; empty: by itself.
  void make(const std::string& name, const Says& says, const std::string& by = "ca") {
    EVP_PKEY* const key = key_of(name, says.elliptic);
    Certificate owned(X509_new());
    X509* const made = owned.get();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made), says.begins);
    X509_gmtime_adj(X509_getm_notAfter(made), says.ends);
    X509_set_pubkey(made, key);
    const auto* const text = reinterpret_cast<const unsigned char*>(says.common_name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, text, -1, -1, 0);
    const X509* const issuer = by.empty() ? nullptr : certificates_.at(by).get();
    X509_set_issuer_name(made, X509_get_subject_name(issuer == nullptr ? made : issuer));
    extend(made, NID_basic_constraints, says.authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!says.names.empty()) extend(made, NID_subject_alt_name, says.names);
    if (!says.usage.empty()) extend(made, NID_ext_key_usage, says.usage);
    REQUIRE(X509_sign(made, by.empty() ? key : key_of(by, false), EVP_sha256()) > 0);
    write(name + ".pem", [&](BIO* out) { PEM_write_bio_X509(out, made); });
    write(name + ".key", [&](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
    certificates_[name] = std::move(owned);
  }

  void write_text(const std::string& file, const std::string& text) const { std::ofstream((*this)(file)) << text; }
  std::string text(const std::string& file) const {
    std::ifstream in((*this)(file));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // As an operator's tool renews a file: another one under the same name.
  void replace(const std::string& file, const std::string& by) const {
    std::filesystem::copy_file((*this)(by), (*this)(file + ".new"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename((*this)(file + ".new"), (*this)(file));
  }
  EVP_PKEY* key_of(const std::string& name, bool elliptic) {
    // Few keys for many names: what differs is what they say.
    static std::map<std::string, Key> keys;
    const std::string shared = elliptic ? "elliptic" : name == "ca" || name == "stranger-ca" ? name : name.substr(0, 1);
    Key& key = keys[shared];
    if (key == nullptr) key.reset(elliptic ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
    REQUIRE(key != nullptr);
    return key.get();
  }

 private:
  struct Free {
    void operator()(X509* it) const { X509_free(it); }
    void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  };
  using Certificate = std::unique_ptr<X509, Free>;
  using Key = std::unique_ptr<EVP_PKEY, Free>;

  static void extend(X509* made, int what, const std::string& value) {
    X509_EXTENSION* const one = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
    REQUIRE(one != nullptr);
    X509_add_ext(made, one, -1);
    X509_EXTENSION_free(one);
  }
  template <class Put>
  void write(const std::string& file, const Put& put) const {
    BIO* const out = BIO_new_file((*this)(file).c_str(), "w");
    REQUIRE(out != nullptr);
    put(out);
    BIO_free(out);
  }

  std::string folder_;
  std::map<std::string, Certificate> certificates_;
  long serial_ = 0;
};

// An authority, a server and a client it signed, and what strangers have.
inline Certificates& certificates() {
  static Certificates made;
  static const bool filled = [] {
    made.make("ca", {.common_name = "Diego CA", .authority = true}, "");
    made.make(
        "server",
        {.common_name = "server", .names = "DNS:auctioneer.service.cf.internal,IP:127.0.0.1", .usage = "serverAuth"});
    made.make("client", {.common_name = "client", .usage = "clientAuth"});
    made.make("stranger-ca", {.common_name = "Another CA", .authority = true}, "");
    made.make("stranger", {.common_name = "stranger", .usage = "clientAuth"}, "stranger-ca");
    return true;
  }();
  REQUIRE(filled);
  return made;
}

}  // namespace tls_test
