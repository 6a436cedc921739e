// A client's connection, TCP or Unix, with or without TLS, that is read and written without blocking.
// What happens to it is told in the words of platform/http_client.hpp.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/http.hpp"

namespace mesos_client {

class SocketConnection {
 public:
  struct Options {
    platform::Url url;
    std::string ca_file, cert_file, key_file;  // https, as platform::ClientOptions.
    std::string unix_socket;
    base::Duration connect_timeout{};
  };

  // Connects, and shakes hands for https; waits no longer than the time-out, and not when `stop` (a file
  // descriptor) turns readable. Looking up the name is the system's and cannot be cut short.
  static base::Result<std::unique_ptr<SocketConnection>> open(const Options& options, int stop);

  ~SocketConnection();
  SocketConnection(const SocketConnection&) = delete;
  SocketConnection& operator=(const SocketConnection&) = delete;

  enum class Outcome { done, blocked, closed };

  // done: at least one byte was appended to `buffer`'s first `got` bytes.
  Outcome read(std::string& buffer, std::size_t& got);
  // Takes from `bytes` what was written; done: all of it.
  Outcome write(std::string_view& bytes);

  int fd() const { return fd_; }
  // What to poll for besides POLLIN, after an operation that blocked.
  bool wants_room() const { return write_blocked_ || read_wants_room_; }
  // True if bytes that were refused may be with the peer all the same.
  bool encrypted() const { return ssl_ != nullptr; }

 private:
  explicit SocketConnection(int fd) : fd_(fd) {}
  base::Status shake_hands(const Options& options, int stop, base::Duration limit);
  Outcome after_ssl(int result, bool& wants_room);

  int fd_;
  SSL* ssl_ = nullptr;
  SSL_CTX* context_ = nullptr;
  bool write_blocked_ = false;
  bool read_wants_room_ = false;  // TLS has something of its own to say.
  bool broken_ = false;           // No TLS goodbye after an error.
};

}  // namespace mesos_client
