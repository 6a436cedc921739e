#include "platform/tls_files.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "platform/log.hpp"
#include "platform/tls.hpp"

namespace platform {
namespace {

constexpr std::time_t kSoonSeconds = 7L * 24 * 60 * 60;

constexpr std::size_t kFileBytesMax = std::size_t{16} << 20U;

struct Free {
  void operator()(X509* it) const { X509_free(it); }
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(BIO* it) const { BIO_free(it); }
};
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Bio = std::unique_ptr<BIO, Free>;

std::string place(const TlsFiles::File& file) { return file.flag + " " + file.path; }

base::Result<std::string> read_all(const TlsFiles::File& file) {
  const auto cannot = [&] { return base::Error{place(file), "cannot be read: " + base::lower(std::strerror(errno))}; };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.path.c_str(), "rb"), std::fclose);
  if (!in) return cannot();
  std::string content;
  char some[16 * 1024];
  while (const std::size_t got = std::fread(some, 1, sizeof some, in.get())) {
    content.append(some, got);
    if (content.size() > kFileBytesMax) return base::Error{place(file), "is too long for a file of certificates"};
  }
  if (std::ferror(in.get()) != 0) return cannot();
  if (content.empty()) return base::Error{place(file), "is empty"};
  return content;
}

Bio bio_of(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

// All certificates of the file, in its order.
base::Result<std::vector<Certificate>> read_certificates(const TlsFiles::File& file) {
  const auto text = read_all(file);
  if (!text) return text.error();
  const Bio bio = bio_of(*text);
  std::vector<Certificate> all;
  while (X509* const one = PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  const unsigned long why = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_REASON(why) != PEM_R_NO_START_LINE) return base::Error{place(file), "holds a damaged certificate"};
  if (all.empty()) return base::Error{place(file), "holds no certificate in PEM"};
  return all;
}

base::Result<Key> read_key(const TlsFiles::File& file) {
  const auto text = read_all(file);
  if (!text) return text.error();
  const Bio bio = bio_of(*text);
  bool encrypted = false;
  // Without a callback OpenSSL would ask the terminal.
  const auto refuse = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, &encrypted));
  ERR_clear_error();
  if (encrypted) return base::Error{place(file), "is encrypted, and there is no way to give its passphrase"};
  if (!key) return base::Error{place(file), "holds no private key in PEM"};
  return key;
}

bool has_begun(const X509* certificate, std::time_t now) {
  return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0;
}
bool is_over(const X509* certificate, std::time_t now) {
  return X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0;
}

std::optional<std::string> why_invalid(const X509* certificate, std::time_t now) {
  if (!has_begun(certificate, now)) return "is not valid before " + tls::time_text(X509_get0_notBefore(certificate));
  if (is_over(certificate, now)) return "expired on " + tls::time_text(X509_get0_notAfter(certificate));
  return std::nullopt;
}

void warn_of_end(const TlsFiles::File& file, const X509* certificate, std::time_t now, TlsFindings& findings) {
  if (is_over(certificate, now + kSoonSeconds)) {
    findings.warnings.push_back(place(file) + " expires soon, on " + tls::time_text(X509_get0_notAfter(certificate)));
  }
}

void look_at_role(const TlsFiles& files, X509* certificate, TlsFindings& findings) {
  const bool server = files.role == TlsFiles::For::server;
  if (X509_check_purpose(certificate, server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT, 0) != 1) {
    findings.warnings.push_back(place(files.cert) + " is not for " + (server ? "servers" : "clients") +
                                " by its extended key usage: peers may refuse it");
  }
  if (server && EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) != EVP_PKEY_RSA) {
    findings.warnings.push_back(place(files.cert) + " is not an RSA certificate: clients with TLS 1.2 are refused");
  }
}

void look_at_pair(const TlsFiles& files, std::time_t now, TlsFindings& findings) {
  const auto chain = read_certificates(files.cert);
  if (!chain) findings.errors.push_back(chain.error());
  if (chain) {
    X509* const own = chain->front().get();
    if (const auto why = why_invalid(own, now)) {
      findings.errors.push_back({place(files.cert), *why});
    } else {
      warn_of_end(files.cert, own, now, findings);
    }
    look_at_role(files, own, findings);
  }
  if (files.key.path.empty()) return;
  const auto key = read_key(files.key);
  if (!key) findings.errors.push_back(key.error());
  if (chain && key && X509_check_private_key(chain->front().get(), key->get()) != 1)
    findings.errors.push_back({place(files.key), "is not the key of " + files.cert.path});
  ERR_clear_error();
}

// An authority's file may hold old certificates beside the new ones.
void look_at_authority(const TlsFiles::File& file, std::time_t now, TlsFindings& findings) {
  const auto all = read_certificates(file);
  if (!all) return findings.errors.push_back(all.error());
  std::vector<std::string> invalid;
  for (const Certificate& one : *all) {
    if (const auto why = why_invalid(one.get(), now)) {
      invalid.push_back(*why);
    } else {
      warn_of_end(file, one.get(), now, findings);
    }
  }
  if (invalid.size() == all->size()) return findings.errors.push_back({place(file), invalid.front()});
  for (const std::string& why : invalid) findings.warnings.push_back(place(file) + " holds a certificate that " + why);
}

}  // namespace

TlsFindings look_at(const TlsFiles& files, std::time_t now) {
  TlsFindings findings;
  ERR_clear_error();
  if (!files.cert.path.empty()) look_at_pair(files, now, findings);
  if (!files.ca.path.empty()) look_at_authority(files.ca, now, findings);
  return findings;
}

std::vector<base::Error> check_tls_files(const std::vector<TlsFiles>& all) {
  std::vector<base::Error> errors;
  for (const TlsFiles& files : all) {
    TlsFindings findings = look_at(files, std::time(nullptr));
    for (const std::string& warning : findings.warnings) log_warning("TLS: " + warning);
    errors.insert(errors.end(), findings.errors.begin(), findings.errors.end());
  }
  return errors;
}

void log_tls_files(const std::vector<TlsFiles>& all) {
  for (const base::Error& error : check_tls_files(all)) log_error("TLS: " + error.message());
}

}  // namespace platform
