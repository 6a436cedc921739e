// BBSes for one test: one that speaks HTTP as it is told, and one that says what no server would.
#pragma once

#include <catch2/catch.hpp>

#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "diego/bbs_client.hpp"
#include "platform/http_server.hpp"
#include "platform/socket.hpp"

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

// Answers whatever it is told with the same bytes, and closes.
class RawBbs {
 public:
  explicit RawBbs(std::string answer) {
    const auto port = listener_.open("test", {"127.0.0.1", 0});
    REQUIRE(port);
    address_ = "127.0.0.1:" + std::to_string(*port);
    thread_ = std::thread([this, answer] {
      for (int fd = listener_.accept(stop_); fd >= 0; fd = listener_.accept(stop_)) {
        platform::Connection connection(fd, stop_);
        std::string request;
        while (!complete(request) && connection.read(request, 5s) == platform::Connection::Outcome::done) {
        }
        std::string_view rest = answer;
        connection.write(rest, 5s);
        connection.linger(5s);
      }
    });
  }
  ~RawBbs() {
    stop_.raise();
    thread_.join();
  }
  RawBbs(const RawBbs&) = delete;
  RawBbs& operator=(const RawBbs&) = delete;
  const std::string& address() const { return address_; }

 private:
  static bool complete(const std::string& request) {
    const std::size_t head = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
    if (head == std::string::npos || length == std::string::npos) return false;
    return request.size() >= head + 4 + std::stoul(request.substr(length + std::strlen("Content-Length: ")));
  }

  platform::WakeFd stop_;
  platform::Listener listener_;
  std::string address_;
  std::thread thread_;
};

inline std::unique_ptr<diego::BbsClient> client_of(const std::string& url, base::Duration timeout = 10s) {
  auto client = diego::BbsClient::create({.url = url, .timeout = timeout});
  REQUIRE(client);
  return *std::move(client);
}

}  // namespace bbs_test
