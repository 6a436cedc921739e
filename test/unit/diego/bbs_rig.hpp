// BBSes for one test: one that speaks HTTP as it is told, and one that says what no server would.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "diego/bbs_client.hpp"
#include "platform/http_server.hpp"

namespace bbs_test {

using namespace std::chrono_literals;

inline platform::ServerResponse protobuf(std::string body = "") {
  return {.status = 200, .headers = {{"Content-Type", "application/x-protobuf"}}, .body = std::move(body)};
}

// Remembers what it was asked.
class FakeBbs {
 public:
  using Handler = platform::HttpServer::Handler;

  explicit FakeBbs(
      Handler handler = [](const platform::ServerRequest&) { return protobuf(); }, platform::ServerOptions options = {})
      : server_(on_loopback(std::move(options)), [this, handler](const platform::ServerRequest& request) {
          {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
          }
          return handler(request);
        }) {
    const auto port = server_.start("test");
    REQUIRE(port);
    address_ = "127.0.0.1:" + std::to_string(*port);
  }
  const std::string& address() const { return address_; }
  std::size_t asked() {
    const std::lock_guard lock(mutex_);
    return requests_.size();
  }
  platform::ServerRequest last() {
    const std::lock_guard lock(mutex_);
    REQUIRE_FALSE(requests_.empty());
    return requests_.back();
  }
  void stop() { server_.stop(); }

 private:
  static platform::ServerOptions on_loopback(platform::ServerOptions options) {
    options.listen = {"127.0.0.1", 0};
    return options;
  }

  std::mutex mutex_;
  std::vector<platform::ServerRequest> requests_;
  std::string address_;
  platform::HttpServer server_;
};

// Answers whatever it is told with the same bytes, and closes. On sockets of its own: no server of ours
// would say such things.
class RawBbs {
 public:
  explicit RawBbs(std::string answer) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof where;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&where), length) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &length) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
    thread_ = std::thread([this, answer] { serve(answer); });
  }
  ~RawBbs() {
    ::shutdown(listener_, SHUT_RDWR);  // Wakes accept().
    thread_.join();
    ::close(listener_);
  }
  RawBbs(const RawBbs&) = delete;
  RawBbs& operator=(const RawBbs&) = delete;
  const std::string& address() const { return address_; }

 private:
  void serve(const std::string& answer) const {
    for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0; fd = ::accept(listener_, nullptr, nullptr)) {
      const timeval limit{5, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      std::string request;
      while (!complete(request) && read(fd, request)) {
      }
      static_cast<void>(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL));
      ::shutdown(fd, SHUT_WR);
      while (read(fd, request)) {  // Closing before the peer does could lose it our answer.
      }
      ::close(fd);
    }
  }
  static bool read(int fd, std::string& into) {
    char bytes[4096];
    const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got > 0) into.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }
  static bool complete(const std::string& request) {
    const std::size_t head = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
    if (head == std::string::npos || length == std::string::npos) return false;
    return request.size() >= head + 4 + std::stoul(request.substr(length + std::strlen("Content-Length: ")));
  }

  const int listener_;
  std::string address_;
  std::thread thread_;
};

inline std::unique_ptr<diego::BbsClient> client_of(const std::string& url, base::Duration timeout = 10s) {
  auto client = diego::BbsClient::create({.url = url, .timeout = timeout});
  REQUIRE(client);
  return *std::move(client);
}

}  // namespace bbs_test
