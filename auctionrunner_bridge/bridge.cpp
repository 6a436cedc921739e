#include "auctionrunner_bridge/bridge.hpp"

#include <fstream>
#include <iterator>
#include <mutex>

#include "auctionrunner_bridge/answer.hpp"
#include "base/text.hpp"
#include "platform/http_server.hpp"
#include "platform/tls_files.hpp"

namespace bridge {
namespace {

std::string_view refusal_text(int status) {
  switch (status) {
    case 400:
      return "the request is not valid HTTP";
    case 408:
      return "the request came too slowly";
    case 413:
      return "the body is too long";
    case 415:
      return "the content encoding is none of gzip, deflate, identity";
    case 431:
      return "the headers are too long";
    case 503:
      return "too much is asked at once";
    default:
      return "the request cannot be served";
  }
}

base::Result<std::string> read_token(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return base::Error{"--bridge-token-file " + file, "cannot be read"};
  const std::string content{std::istreambuf_iterator<char>(in), {}};
  const std::string token(base::trim(content));
  if (token.empty()) return base::Error{"--bridge-token-file " + file, "is empty"};
  return token;
}

base::Status look_at_certificates(const BridgeOptions& options) {
  const platform::TlsFindings found = platform::look_at({platform::TlsFiles::For::server,
                                                         {"--bridge-cert", options.cert_file},
                                                         {"--bridge-key", options.key_file},
                                                         {"--bridge-ca", options.ca_file}},
                                                        std::time(nullptr));
  if (!found.errors.empty()) return found.errors.front();
  return base::ok();
}

}  // namespace

struct Bridge::Impl {
  BridgeOptions options;
  Desk& desk;
  Access access;
  std::unique_ptr<platform::HttpServer> server;
  std::mutex mutex;  // Of `server`, for those who read certificates meanwhile.

  Impl(BridgeOptions given, Desk& given_desk) : options(std::move(given)), desk(given_desk) {}
};

Bridge::Bridge(BridgeOptions options, Desk& desk) : impl_(std::make_unique<Impl>(std::move(options), desk)) {}

Bridge::~Bridge() { stop(); }

base::Result<int> Bridge::start() {
  const BridgeOptions& options = impl_->options;
  if (options.cert_file.empty() != options.key_file.empty()) {
    return base::Error{"--bridge-cert and --bridge-key", "only make sense together"};
  }
  if (options.cert_file.empty() && !options.ca_file.empty())
    return base::Error{"--bridge-ca", "needs --bridge-cert and --bridge-key"};
  if (!options.token_file.empty()) {
    auto token = read_token(options.token_file);
    if (!token) return token.error();
    impl_->access.token = *std::move(token);
  }
  if (auto usable = look_at_certificates(options); !usable) return usable.error();
  platform::ServerOptions server;
  server.listen = options.listen;
  server.threads = options.threads;
  server.connections_max = options.connections_max;
  server.streams_max = options.streams_max;
  server.body_bytes_max = options.body_bytes_max;
  server.header_bytes_max = options.header_bytes_max;
  server.read_timeout = options.request_timeout;
  server.idle_timeout = std::chrono::seconds(90);  // The BBS keeps idle connections for 90 s and reuses them.
  server.cert_file = options.cert_file;
  server.key_file = options.key_file;
  server.ca_file = options.ca_file;
  auto made = std::make_unique<platform::HttpServer>(
      std::move(server),
      [impl = impl_.get()](const platform::ServerRequest& request) {
        return answer(request, impl->desk, impl->access);
      },
      [](int status) { return error_response(status, refusal_text(status)); });
  const std::lock_guard lock(impl_->mutex);
  impl_->server = std::move(made);
  return impl_->server->start("--bridge-listen");
}

base::Status Bridge::reload_certificates() {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->server) return base::ok();
  if (auto usable = look_at_certificates(impl_->options); !usable) return usable;
  return impl_->server->reload_certificates();
}

void Bridge::stop() {
  std::unique_ptr<platform::HttpServer> stopped;
  {
    const std::lock_guard lock(impl_->mutex);
    stopped = std::move(impl_->server);
  }
  if (stopped) stopped->stop();
}

}  // namespace bridge
