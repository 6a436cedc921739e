#include "platform/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace platform {
namespace {

constexpr int kBacklog = 1024;

std::string text_of(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &six.sin6_addr, host, sizeof host);
    return HostPort{host, ntohs(six.sin6_port)}.text();
  }
  const auto& four = reinterpret_cast<const sockaddr_in&>(address);
  ::inet_ntop(AF_INET, &four.sin_addr, host, sizeof host);
  return HostPort{host, ntohs(four.sin_port)}.text();
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

Listener::Accepted Listener::accept() {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&address), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) return {fd, false, text_of(address)};
  return {-1, errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM, ""};
}

Socket::Socket(int fd) : fd_(fd) {
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A stream may be silent for long; a peer that is gone without a word must be noticed in the end.
  const int idle = 60, between = 15, tries = 4;
  ::setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd_, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd_, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
  ::setsockopt(fd_, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

Socket::~Socket() {
  if (ssl_ != nullptr) {
    if (!broken_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ERR_clear_error();
  }
  ::close(fd_);
}

void Socket::begin(std::shared_ptr<TlsContext> context) {
  context_ = std::move(context);
  ssl_ = SSL_new(context_->get());
  assert(ssl_ != nullptr);
  SSL_set_fd(ssl_, fd_);
  tls::tell_into(ssl_, verify_words_);
}

void Socket::start_tls(std::shared_ptr<TlsContext> context) {
  begin(std::move(context));
  SSL_set_accept_state(ssl_);
}

void Socket::start_tls(std::shared_ptr<TlsContext> context, const std::string& server_name) {
  begin(std::move(context));
  SSL_set_connect_state(ssl_);
  tls::expect_name(SSL_get0_param(ssl_), server_name);
  if (!tls::is_address(server_name)) SSL_set_tlsext_host_name(ssl_, server_name.c_str());
}

Socket::Outcome Socket::after_ssl(int result, bool& wants_room) {
  const int why = SSL_get_error(ssl_, result);
  wants_room = why == SSL_ERROR_WANT_WRITE;
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return Outcome::blocked;
  if (why != SSL_ERROR_ZERO_RETURN) {
    broken_ = true;
    if (failure_.empty())
      failure_ =
          tls::failure(SSL_is_server(ssl_) ? tls::End::server : tls::End::client, verify_words_, context_->paths());
  }
  return Outcome::closed;
}

Socket::Outcome Socket::handshake() {
  ERR_clear_error();
  read_wants_room_ = false;
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return Outcome::done;
  const Outcome outcome = after_ssl(result, read_wants_room_);
  broken_ = broken_ || outcome == Outcome::closed;
  return outcome;
}

Socket::Outcome Socket::read(std::string& buffer, std::size_t& got) {
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

Socket::Outcome Socket::write(std::string_view& bytes) {
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

void Socket::finish_writing() {
  if (ssl_ != nullptr && !broken_) SSL_shutdown(ssl_);
  ERR_clear_error();
  broken_ = true;
  ::shutdown(fd_, SHUT_WR);
}

bool Socket::holds_bytes() const { return ssl_ != nullptr && SSL_pending(ssl_) > 0; }

}  // namespace platform
