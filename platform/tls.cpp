#include "platform/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cassert>
#include <cstdio>
#include <ctime>

#include "platform/log.hpp"
#include "platform/tls_files.hpp"

namespace platform {
namespace {

constexpr const char* kDiegoSuites = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256";

std::string error_text(unsigned long code) {
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

int words_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int context_words_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::string* words_of(const SSL* ssl) {
  auto* const own = static_cast<std::string*>(SSL_get_ex_data(ssl, words_index()));
  return own != nullptr ? own
                        : static_cast<std::string*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_words_index()));
}

// Why OpenSSL does not take the certificate: the `peer`'s own, or one above it.
std::string verify_words(const std::string& peer, bool own, int error, const X509* certificate, const SSL* ssl) {
  const std::string whose = peer + "'s certificate" + (own ? "" : " authority");
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return whose + " expired on " + tls::time_text(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose + " is not valid before " + tls::time_text(X509_get0_notBefore(certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      const char* const host = X509_VERIFY_PARAM_get0_host(SSL_get0_param(const_cast<SSL*>(ssl)), 0);
      char* const address = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(const_cast<SSL*>(ssl)));
      const std::string wanted = host != nullptr ? host : address != nullptr ? address : "";
      OPENSSL_free(address);
      return whose + " is not for " + wanted + " but for " + tls::names_of(certificate);
    }
    case X509_V_ERR_INVALID_PURPOSE:
      return whose + " is not for " + (SSL_is_server(ssl) ? "clients" : "servers") + " by its extended key usage";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return peer + "'s certificate is not signed by a certificate authority we trust";
    default:
      return whose + " is not accepted: " + X509_verify_cert_error_string(error);
  }
}

int on_verify(int accepted, X509_STORE_CTX* store) {
  if (accepted == 1) return 1;
  const auto* const ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  std::string* const words = words_of(ssl);
  if (words != nullptr && words->empty()) {
    const bool own = X509_STORE_CTX_get_error_depth(store) == 0;
    *words = verify_words(SSL_is_server(ssl) ? "the client" : "the peer", own, X509_STORE_CTX_get_error(store),
                          X509_STORE_CTX_get_current_cert(store), ssl);
  }
  return 0;
}

// What the peer says of us by a TLS alert.
std::string alert_words(int alert, tls::End ours, const TlsPaths& paths) {
  if (ours == tls::End::server) return "the client refuses: " + std::string(SSL_alert_desc_string_long(alert));
  switch (alert) {
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "the peer wants a client certificate, and none is given";
    case SSL_AD_HANDSHAKE_FAILURE:
      return "the peer shares no cipher with us" +
             std::string(paths.cert.empty() ? ", or wants a client certificate" : "");
    case SSL_AD_PROTOCOL_VERSION:
      return "the peer speaks neither TLS 1.2 nor 1.3";
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_ACCESS_DENIED:
      if (paths.cert.empty()) return "the peer wants a client certificate, and none is given";
      return "the peer refuses our certificate " + paths.cert + ": " + SSL_alert_desc_string_long(alert);
    default:
      return "the peer refuses: " + std::string(SSL_alert_desc_string_long(alert));
  }
}

base::Error cannot(const TlsFiles::File& file) {
  const std::string why = error_text(ERR_peek_last_error());
  ERR_clear_error();
  return base::Error{file.flag + " " + file.path, why};
}

// What either end reads of its files; those without a path are left out.
base::Status load(SSL_CTX* context, const TlsFiles& files) {
  const auto found = look_at(files, std::time(nullptr));
  if (!found.errors.empty()) return found.errors.front();
  ERR_clear_error();
  if (!files.ca.path.empty() && SSL_CTX_load_verify_locations(context, files.ca.path.c_str(), nullptr) != 1)
    return cannot(files.ca);
  if (files.cert.path.empty()) return base::ok();
  if (SSL_CTX_use_certificate_chain_file(context, files.cert.path.c_str()) != 1) return cannot(files.cert);
  if (SSL_CTX_use_PrivateKey_file(context, files.key.path.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return cannot(files.key);
  }
  return base::ok();
}

}  // namespace

namespace tls {

bool is_address(const std::string& host) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET, host.c_str(), &parsed) == 1 || ::inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

void tell_into(SSL* ssl, std::string& words) { SSL_set_ex_data(ssl, words_index(), &words); }
void tell_into(SSL_CTX* context, std::string& words) { SSL_CTX_set_ex_data(context, context_words_index(), &words); }

void expect_name(X509_VERIFY_PARAM* wanted, const std::string& name) {
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), 0);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  }
}

std::string failure(End ours, const std::string& words, const TlsPaths& paths) {
  const bool server = ours == End::server;
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (!words.empty()) return words;
  if (code == 0 || ERR_GET_LIB(code) != ERR_LIB_SSL) return "";
  const int reason = ERR_GET_REASON(code);
  if (reason > SSL_AD_REASON_OFFSET) return alert_words(reason - SSL_AD_REASON_OFFSET, ours, paths);
  switch (reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
      return server ? "what came is not TLS" : "the peer does not speak TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return std::string(server ? "the client" : "the peer") + " speaks neither TLS 1.2 nor 1.3";
    case SSL_R_NO_SHARED_CIPHER:
      return "the client shares no cipher with us";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "the client shows no certificate";
    default:
      return error_text(code);
  }
}

base::Status prepare_client(SSL_CTX* context, const TlsPaths& paths) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
  if (paths.ca.empty()) SSL_CTX_set_default_verify_paths(context);
  return load(context, {TlsFiles::For::client,
                        {"client certificate", paths.cert},
                        {"client key", paths.key},
                        {"certificate authority", paths.ca}});
}

std::string names_of(const X509* certificate) {
  std::string names;
  const auto add = [&names](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
  auto* const all = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* const one = sk_GENERAL_NAME_value(all, i);
    if (one->type == GEN_DNS) {
      add({reinterpret_cast<const char*>(ASN1_STRING_get0_data(one->d.dNSName)),
           static_cast<std::size_t>(ASN1_STRING_length(one->d.dNSName))});
    } else if (one->type == GEN_IPADD) {
      const int length = ASN1_STRING_length(one->d.iPAddress);
      char text[INET6_ADDRSTRLEN] = "";
      ::inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(one->d.iPAddress), text, sizeof text);
      add(text);
    }
  }
  GENERAL_NAMES_free(all);
  if (!names.empty()) return names;
  char common[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, sizeof common);
  return common[0] == '\0' ? "nobody" : common;
}

std::string time_text(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return "an unreadable date";
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc)};
}

}  // namespace tls

base::Result<std::shared_ptr<TlsContext>> TlsContext::for_server(const TlsPaths& paths) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  assert(context != nullptr);
  std::shared_ptr<TlsContext> made(new TlsContext(context, paths));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kDiegoSuites);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  const TlsFiles files{
      TlsFiles::For::server, {"certificate", paths.cert}, {"key", paths.key}, {"certificate authority", paths.ca}};
  if (auto loaded = load(context, files); !loaded) return loaded.error();
  if (paths.ca.empty()) return made;
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(paths.ca.c_str()));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
  // Resumption with client certificates is refused by OpenSSL unless the context has a name.
  static constexpr unsigned char kName[] = "diego-mesos";
  SSL_CTX_set_session_id_context(context, kName, sizeof kName - 1);
  return made;
}

base::Result<std::shared_ptr<TlsContext>> TlsContext::for_client(const TlsPaths& paths) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  assert(context != nullptr);
  std::shared_ptr<TlsContext> made(new TlsContext(context, paths));
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (auto prepared = tls::prepare_client(context, paths); !prepared) return prepared.error();
  return made;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

TlsClient::Look TlsClient::look() const {
  Look seen{};
  std::size_t at = 0;
  for (const std::string* path : {&paths_.cert, &paths_.key, &paths_.ca}) {
    struct stat found {};
    if (!path->empty() && ::stat(path->c_str(), &found) == 0) {
      seen[at] = static_cast<std::int64_t>(found.st_ino);
      seen[at + 1] = static_cast<std::int64_t>(found.st_size);
      seen[at + 2] = std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
    }
    at += 3;
  }
  return seen;
}

base::Result<std::shared_ptr<TlsContext>> TlsClient::context() {
  const Look seen = look();
  if (context_ && seen == seen_) return context_;
  auto fresh = TlsContext::for_client(paths_);
  if (fresh) {
    context_ = *fresh;
  } else if (context_) {
    log_warning("TLS: " + fresh.error().message() + "; the files read before stay in use");
  } else {
    return fresh;
  }
  seen_ = seen;
  return context_;
}

}  // namespace platform
