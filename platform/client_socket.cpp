#include "platform/client_socket.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/text.hpp"
#include "platform/flags.hpp"

namespace platform {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Deadline = SteadyClock::time_point;

enum class Waited { ready, timed_out, stopped };

Waited wait_for(int fd, short events, int stop, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    pollfd waiting[] = {{fd, events, 0}, {stop, POLLIN, 0}};
    const int ready = ::poll(waiting, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, 86'400'000)));
    if (ready < 0 && errno == EINTR) continue;
    if (waiting[1].revents != 0) return Waited::stopped;
    if (waiting[0].revents != 0) return Waited::ready;
    if (SteadyClock::now() >= deadline) return Waited::timed_out;
  }
}

base::Error not_in_time(const ConnectOptions& options) {
  return {"", "no connection within " + format_duration(options.connect_timeout)};
}

// A connected socket, or why not.
base::Result<int> connect_to(const sockaddr* address, socklen_t size, const ConnectOptions& options, int stop,
                             Deadline deadline) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return base::Error{"", base::lower(std::strerror(errno))};
  int error = ::connect(fd, address, size) == 0 ? 0 : errno;
  base::Error why{"", "stopped"};
  if (error == EINPROGRESS) {
    const Waited waited = wait_for(fd, POLLOUT, stop, deadline);
    if (waited != Waited::ready) {
      ::close(fd);
      return waited == Waited::stopped ? why : not_in_time(options);
    }
    socklen_t length = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  }
  if (error == 0) return fd;
  ::close(fd);
  if (error == ETIMEDOUT) return not_in_time(options);
  return base::Error{"", base::lower(std::strerror(error))};
}

base::Result<int> connect_unix(const ConnectOptions& options, int stop, Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.unix_socket.size() >= sizeof address.sun_path) return base::Error{"", "the socket's path is too long"};
  std::memcpy(address.sun_path, options.unix_socket.data(), options.unix_socket.size());
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, options, stop, deadline);
}

base::Result<int> connect_tcp(const ConnectOptions& options, int stop, Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(options.url.port);
  if (const int result = ::getaddrinfo(options.url.host.c_str(), port.c_str(), &hints, &found); result != 0)
    return base::Error{"", "host name does not resolve: " + base::lower(::gai_strerror(result))};
  base::Result<int> connected = base::Error{"", "host name does not resolve: it has no address"};
  for (const addrinfo* one = found; one != nullptr && !connected; one = one->ai_next) {
    int left = 0;
    for (const addrinfo* at = one; at != nullptr; at = at->ai_next) ++left;
    // An address that does not answer leaves time for the others.
    const auto now = Deadline::clock::now();
    connected = connect_to(one->ai_addr, one->ai_addrlen, options, stop, now + (deadline - now) / left);
  }
  ::freeaddrinfo(found);
  return connected;
}

base::Status shake_hands(Socket& socket, const ConnectOptions& options, int stop, Deadline deadline) {
  for (;;) {
    const Socket::Outcome outcome = socket.handshake();
    if (outcome == Socket::Outcome::done) return base::ok();
    if (outcome == Socket::Outcome::closed) {
      const std::string& why = socket.failure();
      return base::Error{"", "TLS: " + (why.empty() ? "the peer closed the connection in the handshake" : why)};
    }
    const Waited waited = wait_for(socket.fd(), socket.wants_room() ? POLLOUT : POLLIN, stop, deadline);
    if (waited == Waited::stopped) return base::Error{"", "stopped"};
    if (waited == Waited::timed_out) return not_in_time(options);
  }
}

}  // namespace

base::Result<std::unique_ptr<Socket>> connect_socket(const ConnectOptions& options, TlsClient& tls, int stop) {
  const Deadline deadline = SteadyClock::now() + options.connect_timeout;
  const bool encrypted = options.unix_socket.empty() && options.url.scheme == "https";
  std::shared_ptr<TlsContext> context;
  if (encrypted) {
    auto found = tls.context();  // Before anybody is bothered with a connection.
    if (!found) return base::Error{"", "TLS: " + found.error().message()};
    context = *std::move(found);
  }
  const auto fd =
      options.unix_socket.empty() ? connect_tcp(options, stop, deadline) : connect_unix(options, stop, deadline);
  if (!fd) return fd.error();
  auto socket = std::make_unique<Socket>(*fd);
  if (!encrypted) return socket;
  socket->start_tls(std::move(context), options.server_name.empty() ? options.url.host : options.server_name);
  if (auto shaken = shake_hands(*socket, options, stop, deadline); !shaken) return shaken.error();
  return socket;
}

}  // namespace platform
