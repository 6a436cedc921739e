// TLS 1.2 and 1.3 over OpenSSL, for both ends: with which files, what is spoken, and what went wrong in
// words an operator can act on.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace platform {

// PEM files. A server has a certificate (its chain behind it) and key; a client may have them.
struct TlsPaths {
  std::string cert, key;
  std::string ca;  // Whom to trust. A client's, if empty: whom the system trusts. A server's: ask for no certificate.
  bool operator==(const TlsPaths&) const = default;
};

// What connections are made from; immutable, shared by them. Files that cannot be used (tls_files.hpp says
// when), also an own certificate that has expired, are an error that names the file.
class TlsContext {
 public:
  // For 1.2 the suites of Diego's components: ECDHE-RSA-AES256-GCM-SHA384 and ECDHE-RSA-AES128-GCM-SHA256. With
  // `ca` a client must show a certificate for clients that it signed.
  static base::Result<std::shared_ptr<TlsContext>> for_server(const TlsPaths& paths);
  static base::Result<std::shared_ptr<TlsContext>> for_client(const TlsPaths& paths);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  SSL_CTX* get() const { return context_; }
  const TlsPaths& paths() const { return paths_; }

 private:
  TlsContext(SSL_CTX* context, TlsPaths paths) : context_(context), paths_(std::move(paths)) {}
  SSL_CTX* const context_;
  const TlsPaths paths_;
};

// A client's context that follows its files. Of one thread at a time.
class TlsClient {
 public:
  explicit TlsClient(TlsPaths paths) : paths_(std::move(paths)) {}

  // For a new connection. The files are read when they have changed; new ones that cannot be used leave the
  // old ones in use, and one line of the log says so.
  base::Result<std::shared_ptr<TlsContext>> context();

  const TlsPaths& paths() const { return paths_; }

 private:
  // Inode, size and time of change of each file.
  using Look = std::array<std::int64_t, 9>;
  Look look() const;

  const TlsPaths paths_;
  Look seen_{};
  std::shared_ptr<TlsContext> context_;
};

namespace tls {

// Prepares a client's context, also one that a library has made: versions, whom to trust, our own certificate.
// The errors of TlsContext::for_client.
base::Status prepare_client(SSL_CTX* context, const TlsPaths& paths);

// The peer's certificate must be for `name`, a host's or an address: of a context or of one connection.
void expect_name(X509_VERIFY_PARAM* wanted, const std::string& name);
bool is_address(const std::string& host);  // IPv4 or IPv6.

// Lets what is wrong with a peer's certificate be put into `words`, which must outlive `ssl`, or all
// connections of `context` (then one at a time).
void tell_into(SSL* ssl, std::string& words);
void tell_into(SSL_CTX* context, std::string& words);

enum class End { client, server };

// Why the last TLS operation of this thread failed: `words`, or what its error queue says. Empty: the peer just
// closed. Empties the queue. `paths` are those of our end.
std::string failure(End ours, const std::string& words, const TlsPaths& paths);

// The names a certificate is for, "a.b, 127.0.0.1", or its subject's if it has none.
std::string names_of(const X509* certificate);

// "2026-11-29 16:20:37 UTC"
std::string time_text(const ASN1_TIME* time);

}  // namespace tls
}  // namespace platform
