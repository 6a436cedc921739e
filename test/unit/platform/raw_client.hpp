// A TCP client that sends exactly what a test says, for requests no HTTP library would make.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

class RawClient {
 public:
  explicit RawClient(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // What arrives until `until` is in it, the server closes, or ten seconds have passed.
  std::string read_until(std::string_view until) {
    while (received_.find(until) == std::string::npos && !closed_) {
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, 10'000) != 1) break;
      char bytes[4096];
      const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
      if (got <= 0) {
        closed_ = true;
      } else {
        received_.append(bytes, static_cast<std::size_t>(got));
      }
    }
    return std::exchange(received_, {});
  }
  // What arrives at once, or first within `limit`.
  std::string read_within(std::chrono::milliseconds limit) {
    pollfd waiting{fd_, POLLIN, 0};
    if (closed_ || ::poll(&waiting, 1, static_cast<int>(limit.count())) != 1) return "";
    std::string bytes(64 * 1024, '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    closed_ = got <= 0;
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  // Until the server has closed, though nothing is read; at most ten seconds.
  void await_closed_unread() const {
    pollfd waiting{fd_, POLLRDHUP, 0};
    ::poll(&waiting, 1, 10'000);
  }
  std::string read_all() { return read_until("\xff no such bytes"); }

  bool closed() const { return closed_; }  // By the server, as far as read.
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
  bool connected_ = false, closed_ = false;
  std::string received_;
};
