// Sockets that never block: a listener, and TCP or Unix connections with or without TLS. Who waits, for
// what and how long is the caller's affair. For those who speak HTTP: platform/ and mesos/.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "platform/http.hpp"
#include "platform/tls.hpp"

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

class Listener {
 public:
  Listener() = default;
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Binds and listens; the port in use.
  base::Result<int> open(std::string_view where, const HostPort& address);

  struct Accepted {
    int fd = -1;               // None: nobody is waiting, or out_of_room.
    bool out_of_room = false;  // The process has no descriptor, or the system no memory, for whoever waits.
    std::string peer;          // "10.0.0.7:41234"
  };
  Accepted accept();
  int fd() const { return fd_; }
  void close();

 private:
  int fd_ = -1;
};

// One connection; closes itself. One thread at a time, but for fd().
class Socket {
 public:
  explicit Socket(int fd);  // Connected and non-blocking.
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  enum class Outcome { done, blocked, closed };

  // Puts TLS on it, as a server or, asking for the certificate of `server_name`, as a client.
  void start_tls(std::shared_ptr<TlsContext> context);
  void start_tls(std::shared_ptr<TlsContext> context, const std::string& server_name);
  // Until done; for a client that is before the server has looked at its certificate (TLS 1.3).
  Outcome handshake();

  // done: at least one byte was put into `buffer`'s first `got` bytes.
  Outcome read(std::string& buffer, std::size_t& got);
  // Takes from `bytes` what was written; done: all of it.
  Outcome write(std::string_view& bytes);

  // Nothing more will be written.
  void finish_writing();

  int fd() const { return fd_; }
  // What to poll for besides reading, after an operation that blocked.
  bool wants_room() const { return write_blocked_ || read_wants_room_; }
  bool encrypted() const { return ssl_ != nullptr; }
  // Bytes are here that poll() does not know of.
  bool holds_bytes() const;
  // After closed: what TLS has to say about it; empty: the peer just closed.
  const std::string& failure() const { return failure_; }

 private:
  void begin(std::shared_ptr<TlsContext> context);
  Outcome after_ssl(int result, bool& wants_room);

  const int fd_;
  SSL* ssl_ = nullptr;
  std::shared_ptr<TlsContext> context_;
  std::string verify_words_, failure_;
  bool write_blocked_ = false;
  bool read_wants_room_ = false;  // TLS has something of its own to say.
  bool broken_ = false;           // No TLS goodbye after an error, nor twice.
};

}  // namespace platform
