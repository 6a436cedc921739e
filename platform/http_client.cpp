#include "platform/http_client.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/text.hpp"
#include "platform/flags.hpp"
#include "platform/socket.hpp"

namespace platform {
namespace {

using SteadyClock = std::chrono::steady_clock;

// httplib's client under our rules. One request at a time.
class Wire {
 public:
  explicit Wire(ClientOptions options) : options_(std::move(options)) {
    ignore_broken_pipes();
    const std::string peer = options_.unix_socket.empty() ? options_.origin.origin() : options_.unix_socket;
    client_ = options_.cert_file.empty() || !options_.unix_socket.empty()
                  ? std::make_unique<httplib::Client>(peer)
                  : std::make_unique<httplib::Client>(peer, options_.cert_file, options_.key_file);
    if (!client_->is_valid()) return;
    if (!options_.unix_socket.empty()) client_->set_address_family(AF_UNIX);
    client_->set_connection_timeout(options_.connect_timeout);
    client_->set_read_timeout(options_.read_timeout);
    client_->set_write_timeout(options_.read_timeout);
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
    client_->set_follow_location(false);
    client_->set_decompress(false);
    client_->set_url_encode(false);
    client_->set_socket_options([this](socket_t sock) { on_socket(sock); });
    if (!options_.ca_file.empty()) client_->set_ca_cert_path(options_.ca_file);
  }

  using OnHead = std::function<void(int, const Headers&)>;
  using OnBytes = std::function<bool(std::string_view)>;

  // `on_bytes` returns false to cut the answer off.
  base::Status send(const ClientRequest& request, const OnHead& on_head, const OnBytes& on_bytes) {
    sent_ = false;
    if (!client_->is_valid())
      return error("the client certificate " + options_.cert_file + " or its key cannot be used");
    if (stopped_) return error("stopped");
    httplib::Request out = to_httplib(request);
    bool head_given = false;
    const auto give_head = [&](const httplib::Response& response) {
      if (head_given) return;
      head_given = true;
      Headers headers;
      for (const auto& [name, value] : response.headers) headers.emplace_back(name, value);
      on_head(response.status, headers);
    };
    last_activity_ = SteadyClock::now();
    out.response_handler = [&](const httplib::Response& response) {
      last_activity_ = SteadyClock::now();
      give_head(response);
      return !stopped_;
    };
    out.content_receiver = [&](const char* bytes, std::size_t length, std::uint64_t, std::uint64_t) {
      const bool go_on = on_bytes({bytes, length}) && !stopped_;
      last_activity_ = SteadyClock::now();
      return go_on;
    };
    httplib::Response response;
    httplib::Error failure = httplib::Error::Success;
    errno = 0;
    const bool done = client_->send(out, response, failure);
    sent_ = done || !before_sending(failure);
    if (!done) return error(describe(failure, head_given));
    give_head(response);  // httplib tells only of answers that may have a body.
    return base::ok();
  }

  void stop() {
    stopped_ = true;
    client_->stop();
  }

  bool stopped() const { return stopped_; }
  bool sent() const { return sent_; }
  const ClientOptions& options() const { return options_; }
  base::Error error(std::string text) const {
    return base::Error{options_.unix_socket.empty() ? options_.origin.origin() : options_.unix_socket, std::move(text)};
  }

 private:
  // Called by httplib, inside its lock, for each socket before it connects. A stop() that came just
  // before that lock would go unseen: then there must be no socket to connect.
  void on_socket(socket_t sock) const {
    if (!stopped_) return;
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) return;
    ::dup3(nothing, sock, O_CLOEXEC);
    ::close(nothing);
  }

  httplib::Request to_httplib(const ClientRequest& request) const {
    httplib::Request out;
    out.method = request.method;
    out.path = request.path.empty() ? "/" : request.path;
    for (const auto& [name, value] : request.headers) out.headers.emplace(name, value);
    // Over a Unix socket httplib would name its path as the host.
    if (!options_.unix_socket.empty() && !out.has_header("Host")) {
      const bool named = options_.origin.port != 0 && !options_.origin.host.empty();
      out.set_header("Host", named ? HostPort{options_.origin.host, options_.origin.port}.text() : "localhost");
    }
    out.body = request.body;
    return out;
  }

  static bool before_sending(httplib::Error failure) {
    switch (failure) {
      case httplib::Error::Connection:
      case httplib::Error::ConnectionTimeout:
      case httplib::Error::SSLConnection:
      case httplib::Error::SSLLoadingCerts:
      case httplib::Error::SSLServerVerification:
        return true;
      default:
        return false;
    }
  }

  std::string describe(httplib::Error failure, bool head_given) const {
    const int why = errno;
    const auto silence = SteadyClock::now() - last_activity_;
    if (stopped_) return "stopped";
    switch (failure) {
      case httplib::Error::Connection:
        if (const std::string unknown = unresolved(); !unknown.empty()) return unknown;
        if (why == EHOSTUNREACH || why == ENETUNREACH || why == ENOENT || why == EACCES)
          return base::lower(std::strerror(why));
        return "connection refused";
      case httplib::Error::ConnectionTimeout:
        return "no connection within " + format_duration(options_.connect_timeout);
      case httplib::Error::SSLConnection:
        return "TLS: the handshake failed";
      case httplib::Error::SSLLoadingCerts:
        return "TLS: cannot load the certificate authority " + options_.ca_file;
      case httplib::Error::SSLServerVerification: {
        const long code = client_->get_openssl_verify_result();
        if (code == 0) return "TLS: the certificate is not for " + options_.origin.host;
        return "TLS: certificate verify failed: " + std::string(X509_verify_cert_error_string(code));
      }
      case httplib::Error::Write:
        return "connection closed while the request was sent";
      case httplib::Error::Canceled:
        return "answer cut off by us";
      default:
        break;
    }
    // httplib tells silence and a closed connection apart no more than this.
    if (silence >= options_.read_timeout - std::chrono::milliseconds(20)) {
      return (head_given ? "silent for " : "no answer within ") + format_duration(options_.read_timeout);
    }
    return "connection closed before the answer was complete";
  }

  // httplib reports a name that does not resolve as a failed connection.
  std::string unresolved() const {
    if (!options_.unix_socket.empty()) return "";
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int result = ::getaddrinfo(options_.origin.host.c_str(), nullptr, &hints, &found);
    if (result != 0) return "host name does not resolve: " + base::lower(::gai_strerror(result));
    ::freeaddrinfo(found);
    return "";
  }

  const ClientOptions options_;
  std::unique_ptr<httplib::Client> client_;
  std::atomic<bool> stopped_{false};
  bool sent_ = false;                      // Of the thread in send().
  SteadyClock::time_point last_activity_;  // Of the thread in send().
};

}  // namespace

struct HttpClient::Impl {
  explicit Impl(ClientOptions options) : wire(std::move(options)) {}
  Wire wire;
  std::mutex one_at_a_time;
  std::atomic<int> under_way{0};
};

HttpClient::HttpClient(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;

base::Result<ClientResponse> HttpClient::send(const ClientRequest& request) {
  ++impl_->under_way;
  const std::lock_guard lock(impl_->one_at_a_time);
  ClientResponse response;
  const auto began = SteadyClock::now();
  const base::Duration limit = impl_->wire.options().answer_timeout;
  bool too_long = false, too_late = false;
  const base::Status sent = impl_->wire.send(
      request,
      [&](int status, const Headers& headers) {
        response.status = status;
        response.headers = headers;
      },
      [&](std::string_view bytes) {
        too_long = response.body.size() + bytes.size() > impl_->wire.options().answer_bytes_max;
        too_late = limit > base::Duration{} && SteadyClock::now() - began > limit;
        if (!too_long && !too_late) response.body += bytes;
        return !too_long && !too_late;
      });
  --impl_->under_way;
  if (too_long) {
    return impl_->wire.error("the answer is longer than " + std::to_string(impl_->wire.options().answer_bytes_max) +
                             " bytes");
  }
  if (too_late) return impl_->wire.error("no complete answer within " + format_duration(limit));
  if (!sent) return sent.error();
  return response;
}

bool HttpClient::sent() const { return impl_->wire.sent(); }

void HttpClient::stop() {
  impl_->wire.stop();
  // A request that is about to reuse an open connection may just miss the first call.
  for (int i = 0; i < 40 && impl_->under_way > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    impl_->wire.stop();
  }
}

struct HttpStream::Impl {
  explicit Impl(ClientOptions options) : wire(std::move(options)) {}
  Wire wire;
};

HttpStream::HttpStream(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpStream::~HttpStream() = default;

base::Status HttpStream::run(const ClientRequest& request, const Callbacks& callbacks) {
  return impl_->wire.send(
      request,
      [&](int status, const Headers& headers) {
        if (callbacks.on_head) callbacks.on_head(status, headers);
      },
      [&](std::string_view bytes) {
        if (callbacks.on_bytes) callbacks.on_bytes(bytes);
        return true;
      });
}

void HttpStream::stop() { impl_->wire.stop(); }

}  // namespace platform
