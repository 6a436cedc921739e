#include "mesos/socket_connection.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/text.hpp"
#include "platform/flags.hpp"

namespace mesos_client {
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

base::Error not_in_time(const SocketConnection::Options& options) {
  return {"", "no connection within " + platform::format_duration(options.connect_timeout)};
}

// A connected socket, or why not.
base::Result<int> connect_to(const sockaddr* address, socklen_t size, const SocketConnection::Options& options,
                             int stop, Deadline deadline) {
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

base::Result<int> connect_unix(const SocketConnection::Options& options, int stop, Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.unix_socket.size() >= sizeof address.sun_path) return base::Error{"", "the socket's path is too long"};
  std::memcpy(address.sun_path, options.unix_socket.data(), options.unix_socket.size());
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, options, stop, deadline);
}

base::Result<int> connect_tcp(const SocketConnection::Options& options, int stop, Deadline deadline) {
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
  if (connected) {
    const int on = 1;
    ::setsockopt(*connected, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return connected;
}

bool is_address(const std::string& host) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET, host.c_str(), &parsed) == 1 || ::inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

}  // namespace

base::Result<std::unique_ptr<SocketConnection>> SocketConnection::open(const Options& options, int stop) {
  const Deadline deadline = SteadyClock::now() + options.connect_timeout;
  const auto fd =
      options.unix_socket.empty() ? connect_tcp(options, stop, deadline) : connect_unix(options, stop, deadline);
  if (!fd) return fd.error();
  std::unique_ptr<SocketConnection> connection(new SocketConnection(*fd));
  if (options.unix_socket.empty() && options.url.scheme == "https") {
    if (auto shaken = connection->shake_hands(options, stop, deadline - SteadyClock::now()); !shaken) {
      connection->broken_ = true;
      return shaken.error();
    }
  }
  return connection;
}

SocketConnection::~SocketConnection() {
  if (ssl_ != nullptr) {
    if (!broken_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  if (context_ != nullptr) SSL_CTX_free(context_);
  ERR_clear_error();
  ::close(fd_);
}

base::Status SocketConnection::shake_hands(const Options& options, int stop, base::Duration limit) {
  context_ = SSL_CTX_new(TLS_client_method());
  assert(context_ != nullptr);
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context_);
  } else if (SSL_CTX_load_verify_locations(context_, options.ca_file.c_str(), nullptr) != 1) {
    return base::Error{"", "TLS: cannot load the certificate authority " + options.ca_file};
  }
  if (!options.cert_file.empty() &&
      (SSL_CTX_use_certificate_chain_file(context_, options.cert_file.c_str()) != 1 ||
       SSL_CTX_use_PrivateKey_file(context_, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
       SSL_CTX_check_private_key(context_) != 1)) {
    return base::Error{"", "the client certificate " + options.cert_file + " or its key cannot be used"};
  }
  ssl_ = SSL_new(context_);
  assert(ssl_ != nullptr);
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_);
  if (is_address(options.url.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, options.url.host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(wanted, options.url.host.c_str(), 0);
    SSL_set_tlsext_host_name(ssl_, options.url.host.c_str());
  }
  SSL_set_fd(ssl_, fd_);
  const Deadline deadline = SteadyClock::now() + limit;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(ssl_);
    if (result == 1) return base::ok();
    const int why = SSL_get_error(ssl_, result);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) break;
    const Waited waited = wait_for(fd_, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, stop, deadline);
    if (waited == Waited::stopped) return base::Error{"", "stopped"};
    if (waited == Waited::timed_out) return not_in_time(options);
  }
  const long verified = SSL_get_verify_result(ssl_);
  if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return base::Error{"", "TLS: the certificate is not for " + options.url.host};
  if (verified != X509_V_OK)
    return base::Error{"", std::string("TLS: certificate verify failed: ") + X509_verify_cert_error_string(verified)};
  return base::Error{"", "TLS: the handshake failed"};
}

SocketConnection::Outcome SocketConnection::after_ssl(int result, bool& wants_room) {
  const int why = SSL_get_error(ssl_, result);
  wants_room = why == SSL_ERROR_WANT_WRITE;
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return Outcome::blocked;
  broken_ = true;
  return Outcome::closed;
}

SocketConnection::Outcome SocketConnection::read(std::string& buffer, std::size_t& got) {
  got = 0;
  read_wants_room_ = false;
  if (ssl_ != nullptr) {
    ERR_clear_error();
    const int count = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) return after_ssl(count, read_wants_room_);
    got = static_cast<std::size_t>(count);
    return Outcome::done;
  }
  for (;;) {
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count > 0) {
      got = static_cast<std::size_t>(count);
      return Outcome::done;
    }
    if (count == 0) return Outcome::closed;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Outcome::blocked : Outcome::closed;
  }
}

SocketConnection::Outcome SocketConnection::write(std::string_view& bytes) {
  write_blocked_ = false;
  while (!bytes.empty()) {
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int wrote = SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U)));
      if (wrote <= 0) return after_ssl(wrote, write_blocked_);
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
      continue;
    }
    const ssize_t wrote = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (wrote >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
      continue;
    }
    if (errno == EINTR) continue;
    write_blocked_ = errno == EAGAIN || errno == EWOULDBLOCK;
    return write_blocked_ ? Outcome::blocked : Outcome::closed;
  }
  return Outcome::done;
}

}  // namespace mesos_client
