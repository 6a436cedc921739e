#include "local/locket/locket_server.hpp"

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>

#include "diego/locket.grpc.pb.h"
#include "local/locket/locket_model.hpp"
#include "platform/clock.hpp"
#include "platform/http.hpp"

namespace local {
namespace {

using grpc::Status;
using grpc::StatusCode;
using Outcome = LocketModel::Outcome;

// As Diego's words and codes have it.
Status status_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return Status::OK;
    case Outcome::collision:
      return {StatusCode::ALREADY_EXISTS, "lock-collision"};
    case Outcome::invalid_ttl:
      return {StatusCode::INVALID_ARGUMENT, "invalid-ttl"};
    case Outcome::invalid_owner:
      return {StatusCode::INVALID_ARGUMENT, "invalid-owner"};
    case Outcome::invalid_type:
      return {StatusCode::NOT_FOUND, "invalid-type"};
  }
  return {StatusCode::INTERNAL, ""};
}

LocketResource::Type type_of(models::TypeCode code) {
  if (code == models::LOCK) return LocketResource::Type::lock;
  if (code == models::PRESENCE) return LocketResource::Type::presence;
  return LocketResource::Type::unknown;
}

LocketResource resource_of(const models::Resource& message) {
  return {message.key(), message.owner(), message.value(), type_of(message.type_code())};
}

void write(const LocketResource& resource, models::Resource& message) {
  const bool lock = resource.type == LocketResource::Type::lock;
  message.set_key(resource.key);
  message.set_owner(resource.owner);
  message.set_value(resource.value);
  message.set_type(lock ? "lock" : "presence");
  message.set_type_code(lock ? models::LOCK : models::PRESENCE);
}

std::string uuid_of(const grpc::ServerContext& context) {
  const auto found = context.client_metadata().find("uuid");
  return found == context.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
}

class Service final : public models::Locket::Service {
 public:
  explicit Service(std::function<void(const LocketCall&)> on_call) : on_call_(std::move(on_call)) {}

  Status Lock(grpc::ServerContext* context, const models::LockRequest* request, models::LockResponse*) override {
    return with_model({"Lock", request->resource().owner(), uuid_of(*context)}, [&](LocketModel& model) {
      return status_of(model.lock(resource_of(request->resource()), request->ttl_in_seconds(), platform::now()));
    });
  }

  Status Release(grpc::ServerContext* context, const models::ReleaseRequest* request,
                 models::ReleaseResponse*) override {
    return with_model({"Release", request->resource().owner(), uuid_of(*context)}, [&](LocketModel& model) {
      return status_of(model.release(resource_of(request->resource()), platform::now()));
    });
  }

  Status Fetch(grpc::ServerContext* context, const models::FetchRequest* request,
               models::FetchResponse* response) override {
    return with_model({"Fetch", "", uuid_of(*context)}, [&](LocketModel& model) -> Status {
      const auto found = model.fetch(request->key(), platform::now());
      if (!found) return {StatusCode::NOT_FOUND, "resource-not-found"};
      write(*found, *response->mutable_resource());
      return Status::OK;
    });
  }

  Status FetchAll(grpc::ServerContext* context, const models::FetchAllRequest* request,
                  models::FetchAllResponse* response) override {
    return with_model({"FetchAll", "", uuid_of(*context)}, [&](LocketModel& model) {
      const LocketResource::Type type = type_of(request->type_code());
      if (type == LocketResource::Type::unknown) return status_of(Outcome::invalid_type);
      for (const LocketResource& one : model.fetch_all(type, platform::now())) write(one, *response->add_resources());
      return Status::OK;
    });
  }

 private:
  template <class Ask>
  Status with_model(const LocketCall& call, const Ask& ask) {
    if (on_call_) on_call_(call);
    const std::lock_guard lock(mutex_);
    return ask(model_);
  }

  const std::function<void(const LocketCall&)> on_call_;
  std::mutex mutex_;
  LocketModel model_;
};

base::Result<std::string> read_file(const char* flag, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || text.empty()) return base::Error{std::string(flag) + " " + path, "cannot be read or is empty"};
  return text;
}

base::Result<std::shared_ptr<grpc::ServerCredentials>> credentials(const LocketOptions& options) {
  if (options.ca_file.empty()) return grpc::InsecureServerCredentials();
  const auto ca = read_file("--ca", options.ca_file);
  const auto cert = read_file("--cert", options.cert_file);
  const auto key = read_file("--key", options.key_file);
  for (const auto* file : {&ca, &cert, &key}) {
    if (!*file) return file->error();
  }
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = *ca;
  tls.pem_key_cert_pairs.push_back({*key, *cert});
  return grpc::SslServerCredentials(tls);
}

}  // namespace

void add_locket_flags(platform::Flags& flags, LocketOptions& options) {
  flags.group("Locket");
  flags.add("listen", options.listen, "host:port of the Locket; port 0 is any free one");
  flags.add("ca", options.ca_file, "require client certificates of this CA; with --cert and --key: TLS");
  flags.add("cert", options.cert_file, "server certificate");
  flags.add("key", options.key_file, "its key");
  flags.check([&options]() -> base::Status {
    const auto listen = platform::parse_host_port("--listen", options.listen);
    if (!listen) return listen.error();
    const bool some = !options.ca_file.empty() || !options.cert_file.empty() || !options.key_file.empty();
    const bool all = !options.ca_file.empty() && !options.cert_file.empty() && !options.key_file.empty();
    if (some && !all) return base::Error{"--ca, --cert, --key", "all are needed, or none"};
    return base::ok();
  });
}

struct LocketServer::Impl {
  explicit Impl(LocketOptions given) : options(std::move(given)), service(options.on_call) {}
  LocketOptions options;
  Service service;
  std::unique_ptr<grpc::Server> server;
};

LocketServer::LocketServer(LocketOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

LocketServer::~LocketServer() { stop(); }

base::Result<int> LocketServer::start() {
  auto listen = platform::parse_host_port("--listen", impl_->options.listen);
  if (!listen) return listen.error();
  const auto secrets = credentials(impl_->options);
  if (!secrets) return secrets.error();
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(listen->text(), *secrets, &listen->port);
  builder.RegisterService(&impl_->service);
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr || listen->port == 0)
    return base::Error{"--listen " + impl_->options.listen,
                       "cannot be listened on, or the certificates cannot be used"};
  impl_->options.listen = listen->text();
  return listen->port;
}

void LocketServer::stop() {
  if (impl_->server == nullptr) return;
  impl_->server->Shutdown(std::chrono::system_clock::now());
  impl_->server.reset();
}

int run_locket(const LocketOptions& options) {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  LocketServer server(options);
  const auto port = server.start();
  if (!port) {
    std::fprintf(stderr, "diego-local locket: %s\n", port.error().message().c_str());
    return 2;
  }
  const auto listen = platform::parse_host_port("--listen", options.listen);
  std::printf("diego-local: locket %s ready\n", platform::HostPort{listen->host, *port}.text().c_str());
  std::fflush(stdout);
  int received = 0;
  ::sigwait(&ends, &received);
  server.stop();
  return 0;
}

}  // namespace local
