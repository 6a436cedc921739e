#include "wire_sink.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace bench {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// How long the request at the front of `bytes` is; 0 if its head is not complete.
std::size_t request_bytes(std::string_view bytes) {
  const std::size_t end = bytes.find(kHeadEnd);
  if (end == std::string_view::npos) return 0;
  constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t at = bytes.substr(0, end).find(kLength);
  const std::size_t length = at == std::string_view::npos ? 0 : std::strtoul(&bytes[at + kLength.size()], nullptr, 10);
  return end + kHeadEnd.size() + length;
}

}  // namespace

Sink::Sink() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), wake_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    die("sink");
  }
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/api/v1/scheduler";
  thread_ = std::thread([this] {
    for (;;) {
      pollfd waiting[] = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
      if (::poll(waiting, 2, -1) < 0 || waiting[1].revents != 0) return;
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      serve(connection);
      ::close(connection);
    }
  });
}

Sink::~Sink() {
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

void Sink::serve(int connection) {
  const int on = 1;
  ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::vector<char> buffer(1U << 20U);
  std::size_t held = 0;  // Of the buffer: what has come and is not answered.
  std::string answers;
  for (;;) {
    pollfd waiting[] = {{connection, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 || waiting[1].revents != 0) return;
    const ssize_t got = ::recv(connection, buffer.data() + held, buffer.size() - held, 0);
    if (got <= 0) return;
    held += static_cast<std::size_t>(got);
    std::string_view rest(buffer.data(), held);
    answers.clear();
    for (std::size_t size = request_bytes(rest); size != 0 && size <= rest.size(); size = request_bytes(rest)) {
      rest.remove_prefix(size);
      answers += kAnswer;
    }
    std::memmove(buffer.data(), rest.data(), rest.size());
    held = rest.size();
    if (held == buffer.size()) die("sink: request too long");
    for (std::string_view out = answers; !out.empty();) {
      const ssize_t sent = ::send(connection, out.data(), out.size(), MSG_NOSIGNAL);
      if (sent < 0) return;
      out.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
}

}  // namespace bench
