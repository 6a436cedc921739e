// Sockets of the server: a listener, and connections with or without TLS that never block past a
// deadline and wake when the server stops. For those who speak HTTP: platform/ and mesos/.
#pragma once

#include <openssl/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/http.hpp"

namespace platform {

// Writing to a closed connection must be an error, not the end of the process. Idempotent.
void ignore_broken_pipes();

// Something threads can poll for: raised once or many times, lowered by whoever handles it.
class WakeFd {
 public:
  WakeFd();
  ~WakeFd();
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;
  int fd() const { return fd_; }
  void raise() const;
  void lower() const;

 private:
  int fd_;
};

// Server-side TLS 1.2 and up; with `ca_file` a client must show a certificate signed by it.
class TlsContext {
 public:
  static base::Result<std::shared_ptr<TlsContext>> make(const std::string& cert_file, const std::string& key_file,
                                                        const std::string& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  SSL_CTX* get() const { return context_; }

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  SSL_CTX* context_;
};

class Listener {
 public:
  Listener() = default;
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Binds and listens; the port in use.
  base::Result<int> open(std::string_view where, const HostPort& address);

  // Blocks for a connection: its file descriptor, or -1 once `stop` is raised.
  int accept(const WakeFd& stop);
  void close();

 private:
  int fd_ = -1;
};

// One accepted connection; owned by one thread. Closes itself.
class Connection {
 public:
  enum class Outcome { done, closed, timed_out, stopped };

  Connection(int fd, const WakeFd& stop);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The TLS handshake. Someone who speaks plain HTTP instead is told so.
  Outcome handshake(const TlsContext& tls, base::Duration limit);

  // Appends at least one byte to `buffer`.
  Outcome read(std::string& buffer, base::Duration limit);

  // Writes `bytes` and takes from it what was written: all of it when done. `limit` is for each
  // wait for room.
  Outcome write(std::string_view& bytes, base::Duration limit);

  // Waits until `wake` is raised (done), the peer has closed, or the server stops.
  Outcome wait(const WakeFd& wake);

  // Tells the peer that nothing more comes and reads away what it still sends, so that our last
  // answer is not lost to a reset.
  void linger(base::Duration limit);

 private:
  Outcome await(short events, base::Duration limit);
  Outcome after_ssl(int result, base::Duration limit);

  const int fd_;
  const WakeFd& stop_;
  SSL* ssl_ = nullptr;
  bool broken_ = false;  // No TLS goodbye after an error.
};

}  // namespace platform
