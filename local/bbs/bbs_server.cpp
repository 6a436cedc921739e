#include "local/bbs/bbs_server.hpp"

#include <signal.h>

#include <condition_variable>
#include <cstdio>
#include <limits>
#include <mutex>
#include <thread>

#include "base/text.hpp"
#include "local/bbs/bbs_api.hpp"
#include "local/bbs/bbs_door.hpp"
#include "platform/clock.hpp"
#include "platform/http_server.hpp"
#include "platform/log.hpp"

namespace local {
namespace {

using platform::ServerRequest;
using platform::ServerResponse;

// As Go's router says it.
ServerResponse go_error(int status, std::string_view text) {
  return ServerResponse{
      .status = status,
      .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
      .body = std::string(text) + "\n"};
}

std::string trace_of(const ServerRequest& request) {
  const std::string* const given = platform::find_header(request.headers, "X-Vcap-Request-Id");
  return given == nullptr ? "" : *given;
}

std::string hex(const std::string& bytes) {
  std::string text = base::uuid_text(bytes);
  std::erase(text, '-');
  return text;
}

DoorRequest door_request(const ServerRequest& request) {
  DoorRequest out{request.method, {}, request.query, request.body, trace_of(request)};
  for (const std::string& part : base::split_list(request.path, '/'))
    out.path.push_back(base::percent_decode(part).value_or(part));
  return out;
}

}  // namespace

void add_bbs_flags(platform::Flags& flags, BbsOptions& options) {
  using std::chrono::milliseconds;
  flags.group("BBS");
  flags.add("listen", options.listen, "host:port of the BBS's API; port 0 is any free one");
  flags.add("tls-cert", options.tls_cert, "certificate of the API, a PEM file");
  flags.add("tls-key", options.tls_key, "its key");
  flags.add("tls-ca", options.tls_ca, "who signs the certificates that clients of the API must show");
  flags.add("door", options.door, "host:port of the HTTP/JSON door for people, without TLS; port 0 is any free one");
  flags.add("presence-ttl", options.presence_ttl, "how long a cell is there after it said so", milliseconds(1));
  flags.group("Auctions");
  flags.add("auctioneer", options.orders.auctioneer, "http(s)://host:port that auctions are posted to");
  flags.add("client-cert", options.orders.cert_file, "our certificate for auctioneer and reps, a PEM file");
  flags.add("client-key", options.orders.key_file, "its key");
  flags.add("client-ca", options.orders.ca_file, "who signs the certificates of auctioneer and reps");
  flags.add("convergence", options.convergence, "between two passes", milliseconds(1));
  flags.add("stale-unclaimed", options.model.stale_unclaimed, "an unclaimed instance is auctioned again after");
  flags.add("crash-backoff", options.model.crash_backoff,
            "pause before the restart after the third crash; doubles with each, up to 32 times this");
  flags.add("expire-pending-task", options.model.expire_pending_task, "a Task not started by then fails");
  flags.add("expire-completed-task", options.model.expire_completed_task, "a Task that has ended is deleted after");
  flags.group("Other");
  flags.add_choice("log-level", options.log_level, {"debug", "info", "warning", "error"}, "of the log on stderr");
  flags.check([&options]() -> base::Status {
    const auto listen = platform::parse_host_port("--listen", options.listen);
    if (!listen) return listen.error();
    const auto door = platform::parse_host_port("--door", options.door);
    if (!door) return door.error();
    if (options.tls_cert.empty() != options.tls_key.empty())
      return base::Error{"--tls-cert", "goes with --tls-key, and that with it"};
    if (options.tls_cert.empty() && !options.tls_ca.empty()) return base::Error{"--tls-ca", "needs --tls-cert"};
    return base::ok();
  });
}

struct BbsServer::Impl {
  explicit Impl(BbsOptions given)
      : options(std::move(given)),
        random(platform::random_seed()),
        model(options.model, base::Random(platform::random_seed())) {}

  ServerResponse serve_api(const ServerRequest& request);
  ServerResponse serve_door(const ServerRequest& request);
  base::Status listen(std::unique_ptr<platform::HttpServer>& server, const char* flag, const std::string& address,
                      bool is_door, std::string& url);
  void converge_often();

  const BbsOptions options;
  std::mutex mutex;  // Of the model and what follows here.
  base::Random random;
  BbsModel model;
  bool ending = false;
  std::condition_variable ends;

  std::string api_url, door_url;
  std::unique_ptr<BbsOrdersClient> orders;
  std::unique_ptr<platform::HttpServer> api, door;
  std::thread convergence;
};

ServerResponse BbsServer::Impl::serve_api(const ServerRequest& request) {
  if (!is_bbs_route(request.path)) return go_error(404, "404 page not found");
  if (request.method != "POST") {
    ServerResponse refused = go_error(405, "Method Not Allowed");
    refused.headers.emplace_back("Allow", "POST");
    return refused;
  }
  std::unique_lock lock(mutex);
  std::string body = answer_bbs(request.path, request.body, trace_of(request), model, platform::now());
  BbsOrders follow = model.take_orders();
  lock.unlock();
  orders->carry_out(std::move(follow));
  return {.status = 200, .headers = {{"Content-Type", "application/x-protobuf"}}, .body = std::move(body)};
}

ServerResponse BbsServer::Impl::serve_door(const ServerRequest& request) {
  DoorRequest asked = door_request(request);
  std::unique_lock lock(mutex);
  if (asked.trace_id.empty()) asked.trace_id = hex(random.uuid4());
  DoorAnswer answer = answer_door(asked, options.presence_ttl, model, platform::now());
  BbsOrders follow = model.take_orders();
  lock.unlock();
  orders->carry_out(std::move(follow));
  ServerResponse response{
      .status = answer.status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(answer.body)};
  if (!answer.allow.empty()) response.headers.emplace_back("Allow", answer.allow);
  return response;
}

// The pause begins when a pass has ended, its auctions included.
void BbsServer::Impl::converge_often() {
  std::unique_lock lock(mutex);
  while (!ends.wait_for(lock, options.convergence, [this] { return ending; })) {
    model.converge(platform::now());
    BbsOrders follow = model.take_orders();
    lock.unlock();
    orders->carry_out(std::move(follow));
    lock.lock();
  }
}

base::Status BbsServer::Impl::listen(std::unique_ptr<platform::HttpServer>& server, const char* flag,
                                     const std::string& address, bool is_door, std::string& url) {
  const auto where = platform::parse_host_port(flag, address);
  if (!where) return where.error();
  platform::ServerOptions served;
  served.listen = *where;
  served.threads = 512;  // Each cell keeps a connection.
  served.body_bytes_max = std::size_t{64} << 20U;
  served.idle_timeout = std::chrono::minutes(1);
  if (!is_door) {
    served.cert_file = options.tls_cert;
    served.key_file = options.tls_key;
    served.ca_file = options.tls_ca;
  }
  server = std::make_unique<platform::HttpServer>(served, [this, is_door](const ServerRequest& request) {
    return is_door ? serve_door(request) : serve_api(request);
  });
  const auto port = server->start(flag);
  if (!port) return port.error();
  url = (served.cert_file.empty() ? "http://" : "https://") + platform::HostPort{where->host, *port}.text();
  return base::ok();
}

BbsServer::BbsServer(BbsOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

BbsServer::~BbsServer() { stop(); }

base::Status BbsServer::start() {
  Impl& impl = *impl_;
  auto orders = BbsOrdersClient::create(impl.options.orders);
  if (!orders) return orders.error();
  impl.orders = *std::move(orders);
  if (base::Status up = impl.listen(impl.api, "--listen", impl.options.listen, false, impl.api_url); !up) return up;
  if (base::Status up = impl.listen(impl.door, "--door", impl.options.door, true, impl.door_url); !up) return up;
  impl.convergence = std::thread([&impl] { impl.converge_often(); });
  return base::ok();
}

void BbsServer::stop() {
  Impl& impl = *impl_;
  {
    const std::lock_guard lock(impl.mutex);
    impl.ending = true;
  }
  impl.ends.notify_all();
  if (impl.orders) impl.orders->stop();  // Handlers and convergence may wait for it.
  if (impl.convergence.joinable()) impl.convergence.join();
  if (impl.door) impl.door->stop();
  if (impl.api) impl.api->stop();
}

std::string BbsServer::api_url() const { return impl_->api_url; }
std::string BbsServer::door_url() const { return impl_->door_url; }

int run_bbs(const BbsOptions& options) {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const auto level = platform::parse_log_level("--log-level", options.log_level);
  platform::start_log("diego-local", level ? *level : platform::LogLevel::info);

  BbsServer server(options);
  if (const base::Status started = server.start(); !started) {
    std::fprintf(stderr, "diego-local bbs: %s\n", started.error().message().c_str());
    return 2;
  }
  std::printf("diego-local: bbs %s door %s ready\n", server.api_url().c_str(), server.door_url().c_str());
  std::fflush(stdout);
  int received = 0;
  ::sigwait(&ends, &received);
  server.stop();
  return 0;
}

}  // namespace local
