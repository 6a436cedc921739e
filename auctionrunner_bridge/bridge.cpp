#include "auctionrunner_bridge/bridge.hpp"

#include <fstream>
#include <iterator>

#include "auctionrunner_bridge/answer.hpp"
#include "base/text.hpp"
#include "platform/http_server.hpp"

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

}  // namespace

struct Bridge::Impl {
  BridgeOptions options;
  Desk& desk;
  Access access;
  std::unique_ptr<platform::HttpServer> server;
};

Bridge::Bridge(BridgeOptions options, Desk& desk) : impl_(new Impl{std::move(options), desk, {}, nullptr}) {}

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
  platform::ServerOptions server;
  server.listen = options.listen;
  server.threads = options.threads;
  server.queued_connections_max = options.queued_connections_max;
  server.body_bytes_max = options.body_bytes_max;
  server.idle_timeout = std::chrono::seconds(90);  // The BBS keeps idle connections for 90 s and reuses them.
  server.cert_file = options.cert_file;
  server.key_file = options.key_file;
  server.ca_file = options.ca_file;
  impl_->server = std::make_unique<platform::HttpServer>(
      std::move(server),
      [impl = impl_.get()](const platform::ServerRequest& request) {
        return answer(request, impl->desk, impl->access);
      },
      [](int status) { return error_response(status, refusal_text(status)); });
  return impl_->server->start("--bridge-listen");
}

void Bridge::stop() {
  if (impl_->server) impl_->server->stop();
  impl_->server.reset();
}

}  // namespace bridge
