// A peer on 127.0.0.1 (or a Unix socket) that says byte for byte what a test wants said.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

// Runs `script` on a thread of its own; what it throws is told by result().
class RawPeer {
 public:
  using Script = std::function<void(RawPeer&)>;

  explicit RawPeer(Script script, const std::string& unix_socket = "") {
    if (unix_socket.empty()) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      listen_on(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address);
      socklen_t size = sizeof address;
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
      url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/api/v1/scheduler";
    } else {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, unix_socket.c_str(), sizeof address.sun_path - 1);
      listen_on(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
      url_ = "http://localhost/api/v1/executor";
    }
    thread_ = std::thread([this, script = std::move(script)] {
      try {
        script(*this);
        result_ = "done";
      } catch (const std::exception& problem) {
        result_ = problem.what();
      }
      hang_up();
    });
  }
  ~RawPeer() {
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  const std::string& url() const { return url_; }

  // "done", or what went wrong. Waits for the script.
  std::string result() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }

  // ---- For the script; nothing waits longer than 10 s

  void accept() {
    await(listener_, "a connection");
    connection_ = ::accept(listener_, nullptr, nullptr);
    ++connections;
    bytes_.clear();
  }

  // The body of the next request; its head is in `head`.
  std::string request() {
    for (;;) {
      const std::size_t end = bytes_.find("\r\n\r\n");
      if (end != std::string::npos) {
        head = bytes_.substr(0, end + 2);
        const std::size_t length = std::stoul(head.substr(head.find("Content-Length: ") + 16));
        if (bytes_.size() >= end + 4 + length) {
          const std::string body = bytes_.substr(end + 4, length);
          bytes_.erase(0, end + 4 + length);
          return body;
        }
      }
      if (!receive()) throw std::runtime_error("the client closed the connection");
    }
  }

  // Nothing more has come, as far as can be seen without waiting.
  bool nothing_more() {
    char byte = 0;
    return bytes_.empty() && ::recv(connection_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
  }

  // Until the client closes; what it still sends is dropped.
  void await_close() {
    while (receive()) bytes_.clear();
  }

  void say(const std::string& bytes) { ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void accepted() { say("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"); }

  void hang_up() {
    if (connection_ >= 0) ::close(connection_);
    connection_ = -1;
  }

  std::string head;
  int connections = 0;

 private:
  void listen_on(int family, const sockaddr* address, socklen_t size) {
    listener_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener_, address, size) != 0 || ::listen(listener_, 8) != 0) throw std::runtime_error("cannot listen");
  }

  static void await(int fd, const char* what) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) <= 0) throw std::runtime_error(std::string("waited in vain for ") + what);
  }

  bool receive() {
    await(connection_, "bytes");
    char buffer[65536];
    const ssize_t got = ::recv(connection_, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    bytes_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int listener_ = -1;
  int connection_ = -1;
  std::string bytes_;
  std::string url_;
  std::string result_;
  std::thread thread_;
};
