#include "platform/http_client.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
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
#include "platform/tls.hpp"

namespace platform {
namespace {

using SteadyClock = std::chrono::steady_clock;

// httplib's waits end a little before their time.
constexpr std::chrono::milliseconds kTimerSlack{20};

// httplib's client under our rules. One request at a time.
class Wire {
 public:
  explicit Wire(ClientOptions options)
      : options_(std::move(options)), tls_({options_.cert_file, options_.key_file, options_.ca_file}) {
    ignore_broken_pipes();
  }

  using OnHead = std::function<void(int, const Headers&)>;
  using OnBytes = std::function<bool(std::string_view)>;

  // `on_bytes` returns false to cut the answer off.
  base::Status send(const ClientRequest& request, const OnHead& on_head, const OnBytes& on_bytes) {
    sent_ = false;
    if (stopped_) return error("stopped");
    if (auto ready = prepare(); !ready) return error(ready.error().text);
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
      fresh_ = false;
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
    // httplib empties neither of them, and what stands in OpenSSL's queue counts for the next call.
    errno = 0;
    ERR_clear_error();
    verify_words_.clear();
    const bool done = client_->send(out, response, failure);
    sent_ = done || !before_sending(failure);
    const std::string why = done ? "" : describe(failure, head_given);
    ERR_clear_error();
    if (!done) return error(why);
    give_head(response);  // httplib tells only of answers that may have a body.
    return base::ok();
  }

  void stop() {
    stopped_ = true;
    if (const auto client = current()) client->stop();
  }

  bool stopped() const { return stopped_; }
  bool sent() const { return sent_; }
  const ClientOptions& options() const { return options_; }
  base::Error error(std::string text) const {
    return base::Error{options_.unix_socket.empty() ? options_.origin.origin() : options_.unix_socket, std::move(text)};
  }

 private:
  bool encrypted() const { return options_.unix_socket.empty() && options_.origin.scheme == "https"; }
  // Whom the peer's certificate must be for.
  const std::string& server_name() const {
    return options_.server_name.empty() ? options_.origin.host : options_.server_name;
  }

  std::shared_ptr<httplib::Client> current() {
    const std::lock_guard lock(client_lock_);
    return client_;
  }

  // A client, a new one when the certificates have changed.
  base::Status prepare() {
    std::shared_ptr<TlsContext> context;
    if (encrypted()) {
      auto found = tls_.context();
      if (!found) return base::Error{"", "TLS: " + found.error().message()};
      context = *std::move(found);
    }
    if (client_ && context == made_with_) return base::ok();
    auto made = make();
    if (!made) return made.error();
    made_with_ = std::move(context);
    const std::lock_guard lock(client_lock_);
    client_ = *std::move(made);
    return base::ok();
  }

  base::Result<std::shared_ptr<httplib::Client>> make() {
    Url named = options_.origin;
    if (encrypted()) named.host = server_name();
    const auto client =
        std::make_shared<httplib::Client>(options_.unix_socket.empty() ? named.origin() : options_.unix_socket);
    if (!options_.unix_socket.empty()) client->set_address_family(AF_UNIX);
    client->set_connection_timeout(options_.connect_timeout);
    client->set_read_timeout(options_.read_timeout);
    client->set_write_timeout(options_.read_timeout);
    client->set_keep_alive(true);
    client->set_tcp_nodelay(true);
    client->set_follow_location(false);
    client->set_decompress(false);
    client->set_url_encode(false);
    client->set_socket_options([this](socket_t sock) { on_socket(sock); });
    if (!encrypted()) return client;
    if (named.host != options_.origin.host) {
      auto address = resolve();
      if (!address) return address.error();
      client->set_hostname_addr_map({{named.host, *std::move(address)}});
    }
    // OpenSSL verifies within the handshake, the name too; httplib's own check comes after it, and takes a
    // subject's common name for the host's.
    client->enable_server_certificate_verification(false);
    SSL_CTX* const context = client->ssl_context();
    if (auto prepared = tls::prepare_client(context, tls_.paths()); !prepared)
      return base::Error{"", "TLS: " + prepared.error().message()};
    tls::expect_name(SSL_CTX_get0_param(context), named.host);
    tls::tell_into(context, verify_words_);
    return client;
  }

  // Called by httplib, inside its lock, for each socket before it connects. A stop() that came just
  // before that lock would go unseen: then there must be no socket to connect.
  void on_socket(socket_t sock) {
    fresh_ = true;
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
        return true;
      default:
        return false;
    }
  }

  std::string describe(httplib::Error failure, bool head_given) const {
    const int why = errno;
    const auto silence = SteadyClock::now() - last_activity_;
    const std::string tls_words = encrypted() ? tls::failure(tls::End::client, verify_words_, tls_.paths()) : "";
    if (stopped_) return "stopped";
    switch (failure) {
      case httplib::Error::Connection:
        if (const std::string unknown = unresolved(); !unknown.empty()) return unknown;
        if (why == EHOSTUNREACH || why == ENETUNREACH || why == ENOENT || why == EACCES)
          return base::lower(std::strerror(why));
        return "connection refused";
      case httplib::Error::ConnectionTimeout:
        return no_connection();
      case httplib::Error::SSLConnection:
        if (!tls_words.empty()) return "TLS: " + tls_words;
        if (silence >= options_.connect_timeout - kTimerSlack) return no_connection();
        return "TLS: the peer closed the connection in the handshake";
      case httplib::Error::Write:
        return closed_by_peer(tls_words, "connection closed while the request was sent");
      case httplib::Error::Canceled:
        return "answer cut off by us";
      default:
        break;
    }
    // httplib tells silence and a closed connection apart no more than this.
    if (silence >= options_.read_timeout - kTimerSlack)
      return (head_given ? "silent for " : "no answer within ") + format_duration(options_.read_timeout);
    return closed_by_peer(tls_words, "connection closed before the answer was complete");
  }

  std::string no_connection() const { return "no connection within " + format_duration(options_.connect_timeout); }

  // With TLS 1.3 a client hears only after its handshake what the server thinks of its certificate, and not
  // even that if the connection is reset by bytes that the server did not read.
  std::string closed_by_peer(const std::string& tls_words, const char* usual) const {
    if (!tls_words.empty()) return "TLS: " + tls_words;
    if (!encrypted() || !fresh_) return usual;
    return std::string("connection closed right after the TLS handshake: the peer may ") +
           (options_.cert_file.empty() ? "want a client certificate" : "refuse our certificate " + options_.cert_file);
  }

  // httplib reports a name that does not resolve as a failed connection.
  std::string unresolved() const {
    if (!options_.unix_socket.empty()) return "";
    const auto found = resolve();
    return found ? "" : found.error().text;
  }

  // An address of the origin's host.
  base::Result<std::string> resolve() const {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    int result = ::getaddrinfo(options_.origin.host.c_str(), nullptr, &hints, &found);
    char text[NI_MAXHOST] = "";
    if (result == 0) {
      result = ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
      ::freeaddrinfo(found);
    }
    if (result != 0) return base::Error{"", "host name does not resolve: " + base::lower(::gai_strerror(result))};
    return std::string(text);
  }

  const ClientOptions options_;
  std::atomic<bool> stopped_{false};
  std::mutex client_lock_;
  std::shared_ptr<httplib::Client> client_;  // Replaced by the thread in send() only, under the lock.

  // Of the thread in send().
  TlsClient tls_;
  std::shared_ptr<TlsContext> made_with_;  // What client_ follows.
  std::string verify_words_;
  bool sent_ = false;
  bool fresh_ = false;  // Nothing has come on this connection yet.
  SteadyClock::time_point last_activity_;
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
