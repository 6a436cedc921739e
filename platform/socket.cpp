#include "platform/socket.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/text.hpp"

namespace platform {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr int kBacklog = 1024;

int poll_millis(base::Duration limit) {
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  return static_cast<int>(std::clamp<std::int64_t>(millis, 0, 86'400'000));
}

std::string tls_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "unusable" : text;
}

}  // namespace

void ignore_broken_pipes() {
  static const bool once = [] { return ::signal(SIGPIPE, SIG_IGN) != SIG_ERR; }();
  assert(once);
}

WakeFd::WakeFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { assert(fd_ >= 0); }
WakeFd::~WakeFd() { ::close(fd_); }
void WakeFd::raise() const { ::eventfd_write(fd_, 1); }
void WakeFd::lower() const {
  eventfd_t ignored = 0;
  ::eventfd_read(fd_, &ignored);
}

base::Result<std::shared_ptr<TlsContext>> TlsContext::make(const std::string& cert_file, const std::string& key_file,
                                                           const std::string& ca_file) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  assert(context != nullptr);
  std::shared_ptr<TlsContext> made(new TlsContext(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1) {
    return base::Error{"certificate " + cert_file, tls_reason()};
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return base::Error{"key " + key_file, tls_reason()};
  }
  if (!ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1) {
      return base::Error{"certificate authority " + ca_file, tls_reason()};
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(ca_file.c_str()));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // Resumption with client certificates is refused by OpenSSL unless the context has a name.
    static constexpr unsigned char kName[] = "diego-mesos";
    SSL_CTX_set_session_id_context(context, kName, sizeof kName - 1);
  }
  return made;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Listener::~Listener() { close(); }

void Listener::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

base::Result<int> Listener::open(std::string_view where, const HostPort& address) {
  const std::string place = (where.empty() ? "" : std::string(where) + " ") + address.text();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int resolved =
      ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), port.c_str(), &hints, &found);
  if (resolved != 0) return base::Error{place, base::lower(::gai_strerror(resolved))};

  int error = EADDRNOTAVAIL;
  for (const addrinfo* one = found; one != nullptr && fd_ < 0; one = one->ai_next) {
    fd_ = ::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) {
      error = errno;
      continue;
    }
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd_, one->ai_addr, one->ai_addrlen) != 0 || ::listen(fd_, kBacklog) != 0) {
      error = errno;
      close();
    }
  }
  ::freeaddrinfo(found);
  if (fd_ < 0) return base::Error{place, base::lower(std::strerror(error))};

  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &length);
  const auto network_port = bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                                        : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port;
  return int{ntohs(network_port)};
}

int Listener::accept(const WakeFd& stop) {
  for (;;) {
    pollfd waiting[] = {{fd_, POLLIN, 0}, {stop.fd(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return -1;
    if (waiting[1].revents != 0) return -1;
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) return fd;
    // Out of descriptors: the connection stays in the backlog and poll() would spin on it.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

Connection::Connection(int fd, const WakeFd& stop) : fd_(fd), stop_(stop) {
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Connection::~Connection() {
  if (ssl_ != nullptr) {
    if (!broken_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ERR_clear_error();
  }
  ::close(fd_);
}

Connection::Outcome Connection::await(short events, base::Duration limit) {
  const auto deadline = SteadyClock::now() + limit;
  for (;;) {
    pollfd waiting[] = {{fd_, events, 0}, {stop_.fd(), POLLIN, 0}};
    const int ready = ::poll(waiting, 2, poll_millis(deadline - SteadyClock::now()));
    if (ready < 0 && errno == EINTR) continue;
    // What the peer has sent counts before our stop: a request in the socket is still read.
    if (waiting[0].revents != 0) return Outcome::done;
    if (waiting[1].revents != 0) return Outcome::stopped;
    if (SteadyClock::now() >= deadline) return Outcome::timed_out;
  }
}

// Turns "want read" and "want write" into a wait; done means: try again.
Connection::Outcome Connection::after_ssl(int result, base::Duration limit) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return await(POLLIN, limit);
    case SSL_ERROR_WANT_WRITE:
      return await(POLLOUT, limit);
    default:
      broken_ = true;
      ERR_clear_error();
      return Outcome::closed;
  }
}

Connection::Outcome Connection::handshake(const TlsContext& tls, base::Duration limit) {
  const auto deadline = SteadyClock::now() + limit;
  if (const Outcome outcome = await(POLLIN, limit); outcome != Outcome::done) return outcome;
  char first = 0;
  if (::recv(fd_, &first, 1, MSG_PEEK) == 1 && first >= 'A' && first <= 'Z') {
    // A TLS record starts with 0x16. Go's server gives the same hint; Diego's BBS may fall back to
    // plain HTTP on the same port when TLS fails.
    std::string_view hint = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    write(hint, limit);
    linger(std::chrono::milliseconds(500));
    return Outcome::closed;
  }
  ssl_ = SSL_new(tls.get());
  assert(ssl_ != nullptr);
  SSL_set_fd(ssl_, fd_);
  for (;;) {
    ERR_clear_error();
    const int result = SSL_accept(ssl_);
    if (result == 1) return Outcome::done;
    const Outcome outcome = after_ssl(result, deadline - SteadyClock::now());
    if (outcome != Outcome::done) {
      broken_ = true;
      return outcome;
    }
  }
}

Connection::Outcome Connection::read(std::string& buffer, base::Duration limit) {
  char bytes[16 * 1024];
  for (;;) {
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int got = SSL_read(ssl_, bytes, sizeof bytes);
      if (got > 0) {
        buffer.append(bytes, static_cast<std::size_t>(got));
        return Outcome::done;
      }
      const Outcome outcome = after_ssl(got, limit);
      if (outcome != Outcome::done) return outcome;
      continue;
    }
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got > 0) {
      buffer.append(bytes, static_cast<std::size_t>(got));
      return Outcome::done;
    }
    if (got == 0) return Outcome::closed;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Outcome::closed;
    if (const Outcome outcome = await(POLLIN, limit); outcome != Outcome::done) return outcome;
  }
}

Connection::Outcome Connection::write(std::string_view& bytes, base::Duration limit) {
  while (!bytes.empty()) {
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int wrote = SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U)));
      if (wrote > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
        continue;
      }
      const Outcome outcome = after_ssl(wrote, limit);
      if (outcome != Outcome::done) return outcome;
      continue;
    }
    const ssize_t wrote = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (wrote >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Outcome::closed;
    if (const Outcome outcome = await(POLLOUT, limit); outcome != Outcome::done) return outcome;
  }
  return Outcome::done;
}

Connection::Outcome Connection::wait(const WakeFd& wake) {
  for (;;) {
    // Only the end of what the peer sends is of interest: bytes it may have sent ahead stay unread.
    pollfd waiting[] = {{fd_, POLLRDHUP, 0}, {wake.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
    if (::poll(waiting, 3, -1) < 0 && errno != EINTR) return Outcome::closed;
    if (waiting[1].revents != 0) {
      wake.lower();
      return Outcome::done;
    }
    if (waiting[0].revents != 0) return Outcome::closed;
    if (waiting[2].revents != 0) return Outcome::stopped;
  }
}

void Connection::linger(base::Duration limit) {
  if (ssl_ != nullptr && !broken_) SSL_shutdown(ssl_);
  broken_ = true;
  ::shutdown(fd_, SHUT_WR);
  const auto deadline = SteadyClock::now() + limit;
  char bytes[16 * 1024];
  for (;;) {
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return;
    if (SteadyClock::now() >= deadline) return;
    if (got < 0 && await(POLLIN, deadline - SteadyClock::now()) != Outcome::done) return;
  }
}

}  // namespace platform
