#include "local/rep/rep_server.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "base/text.hpp"
#include "diego/rep.hpp"
#include "platform/clock.hpp"
#include "platform/log.hpp"

namespace local {
namespace {

using platform::ServerRequest;
using platform::ServerResponse;

// What Go's server says a body without a declared type is.
constexpr const char* kSniffedText = "text/plain; charset=utf-8";

ServerResponse empty(int status) { return ServerResponse{.status = status}; }

// As Go's JSON encoder writes it, with a newline.
ServerResponse encoded(std::string json) {
  return ServerResponse{.status = 200, .headers = {{"Content-Type", kSniffedText}}, .body = std::move(json) + "\n"};
}

ServerResponse go_error(int status, std::string_view text) {
  return ServerResponse{.status = status,
                        .headers = {{"Content-Type", kSniffedText}, {"X-Content-Type-Options", "nosniff"}},
                        .body = std::string(text) + "\n"};
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view raw = path.substr(0, end);
    parts.push_back(base::percent_decode(raw).value_or(std::string(raw)));
    path.remove_prefix(end);
  }
  return parts;
}

ServerResponse take_work(const ServerRequest& request, RepModel& model, base::Time now) {
  const auto work = diego::parse_work(request.body);
  if (!work) return empty(400);
  const std::string* const trace = platform::find_header(request.headers, "X-Vcap-Request-Id");
  const auto refused = model.work(*work, now, trace == nullptr ? "" : *trace);
  if (!refused) return empty(500);
  return encoded(diego::write_work(*refused));
}

// A route with fixed method: Go's router knows the path and refuses other methods.
struct Route {
  std::string_view method;
  ServerResponse (*reply)(const ServerRequest&, RepModel&, const std::vector<std::string>&, base::Time);
};

std::optional<Route> find_route(const std::vector<std::string>& parts) {
  const auto path_is = [&](std::initializer_list<std::string_view> wanted) {  // "" matches any one part.
    if (parts.size() != wanted.size()) return false;
    std::size_t i = 0;
    for (const std::string_view part : wanted) {
      const std::string& given = parts[i++];
      if (part.empty() ? given.empty() : given != part) return false;
    }
    return true;
  };
  using Parts = std::vector<std::string>;
  if (path_is({"ping"}))
    return Route{"GET", [](const ServerRequest&, RepModel&, const Parts&, base::Time) { return empty(200); }};
  if (path_is({"state"})) {
    return Route{"GET", [](const ServerRequest&, RepModel& model, const Parts&, base::Time now) {
                   return encoded(diego::write_cell_state(model.state(now)));
                 }};
  }
  if (path_is({"container_metrics"})) {
    return Route{"GET", [](const ServerRequest&, RepModel& model, const Parts&, base::Time now) {
                   return encoded(model.container_metrics(now));
                 }};
  }
  if (path_is({"work"})) {
    return Route{"POST", [](const ServerRequest& request, RepModel& model, const Parts&, base::Time now) {
                   return take_work(request, model, now);
                 }};
  }
  if (path_is({"evacuate"})) {
    return Route{"POST", [](const ServerRequest&, RepModel& model, const Parts&, base::Time now) {
                   model.evacuate(now);
                   return ServerResponse{.status = 202,
                                         .headers = {{"Content-Type", "application/json"}},
                                         .body = R"({"ping_path":"/ping"})"};
                 }};
  }
  if (path_is({"sim", "reset"})) {  // Only the simulation of Diego's own tests can reset.
    return Route{"POST", [](const ServerRequest&, RepModel&, const Parts&, base::Time) { return empty(500); }};
  }
  if (path_is({"v1", "lrps", "", "instances", "", "stop"})) {
    return Route{"POST", [](const ServerRequest&, RepModel& model, const Parts& path, base::Time now) {
                   return empty(model.stop_lrp(path[2], path[4], now) ? 202 : 500);
                 }};
  }
  if (path_is({"v1", "lrps", "", "instances", ""}) || path_is({"v2", "lrps", "", "instances", ""})) {
    return Route{"PUT", [](const ServerRequest&, RepModel& model, const Parts& path, base::Time now) {
                   return empty(model.update_lrp(path[2], path[4], now) ? 202 : 500);
                 }};
  }
  if (path_is({"v1", "tasks", "", "cancel"})) {
    return Route{"POST", [](const ServerRequest&, RepModel& model, const Parts& path, base::Time now) {
                   model.cancel_task(path[2], now);
                   return empty(202);
                 }};
  }
  return std::nullopt;
}

}  // namespace

ServerResponse answer_rep(const ServerRequest& request, RepModel& model, base::Time now) {
  const std::vector<std::string> parts = split_path(request.path == "*" ? "" : request.path);
  const auto route = find_route(parts);
  if (!route) return go_error(404, "404 page not found");
  if (request.method != route->method) {
    ServerResponse response = go_error(405, "Method Not Allowed");
    response.headers.emplace_back("Allow", route->method);
    return response;
  }
  return route->reply(request, model, parts, now);
}

void add_rep_flags(platform::Flags& flags, RepOptions& options) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  RepConfig& config = options.config;
  flags.group("Cell");
  flags.add("listen", options.listen, "host:port of the rep; port 0 is any free one");
  flags.add("cell-id", config.cell_id, "the cell's id");
  flags.add("cell-index", config.cell_index, "the cell's index", 0, kMost);
  flags.add("memory-mb", config.memory_mb, "memory of the cell, in MiB", 0, kMost);
  flags.add("disk-mb", config.disk_mb, "disk of the cell, in MiB", 0, kMost);
  flags.add("containers", config.containers, "containers the cell takes", 0, kMost);
  flags.add("proxy-memory-mb", config.proxy_memory_mb, "memory added to every LRP for its proxy, in MiB", 0, kMost);
  flags.add("zone", config.zone, "the cell's zone");
  flags.add("stack", config.stacks, "preloaded root file system, name[:path]");
  flags.add("docker", config.docker, "whether docker:// root file systems are taken");
  flags.add("volume-driver", config.volume_drivers, "volume driver");
  flags.add("placement-tag", config.placement_tags, "placement tag that work must carry");
  flags.add("optional-placement-tag", config.optional_placement_tags, "placement tag that work may carry");
  flags.group("Behaviour");
  flags.add("start-delay", config.start_delay, "time from accepted to running");
  flags.add("task-duration", config.task_duration, "time from a Task's start to its end");
  flags.add("end-delay", config.end_delay, "how long ended containers are still shown");
  flags.add("crash-delay", config.crash_delay, "time from running to crashed, for guids with CRASHME");
  flags.add("evacuation-timeout", config.evacuation_timeout, "longest evacuation");
  flags.group("BBS");
  flags.add("bbs-url", options.bbs.url,
            "http(s)://host:port of a BBS that is asked and told; none: work starts by itself");
  flags.add("bbs-door", options.bbs.door,
            "http://host:port of diego-local bbs's door, which is told that the cell is there");
  flags.add("bbs-interval", config.say_again, "a container's state is said again after", std::chrono::milliseconds(1));
  flags.add("bbs-interval-evacuating", config.say_again_evacuating, "the same while the cell evacuates",
            std::chrono::milliseconds(1));
  flags.group("TLS");
  flags.add("tls-cert", options.tls_cert, "the cell's certificate, a PEM file, for its listener and for the BBS");
  flags.add("tls-key", options.tls_key, "its key");
  flags.add("tls-ca", options.tls_ca, "who signs the certificates that clients must show, and that of the BBS");
  flags.check([&options]() -> base::Status {
    const auto listen = platform::parse_host_port("--listen", options.listen);
    if (!listen) return listen.error();
    if (options.tls_cert.empty() != options.tls_key.empty())
      return base::Error{"--tls-cert", "goes with --tls-key, and that with it"};
    if (options.bbs.url.empty() && !options.bbs.door.empty()) return base::Error{"--bbs-door", "needs --bbs-url"};
    return base::ok();
  });
}

struct RepServer::Impl {
  explicit Impl(RepOptions given) : options(std::move(given)) {}

  base::Status start_bbs();
  void pass_on();  // With the mutex held.
  void follow_time();

  RepOptions options;
  std::mutex mutex;
  std::unique_ptr<RepModel> model;
  std::unique_ptr<platform::HttpServer> server;

  // With a BBS.
  std::unique_ptr<RepBbsClient> bbs;
  std::condition_variable changed;
  bool ending = false;
  std::thread timer;
};

// Somebody must hear of what changes by itself, and of what requests have changed.
void RepServer::Impl::pass_on() {
  if (!bbs) return;
  for (RepBbsCall& call : model->take_calls()) bbs->call(std::move(call));
  changed.notify_one();
}

void RepServer::Impl::follow_time() {
  std::unique_lock lock(mutex);
  while (!ending) {
    const auto deadline = model->next_deadline();
    const base::Duration wait = deadline ? *deadline - platform::now() : base::Duration(std::chrono::hours(1));
    // Never without a pause: the end of an evacuation stays due until the process ends.
    changed.wait_for(lock, std::max(wait, base::Duration(std::chrono::milliseconds(1))));
    model->tick(platform::now());
    for (RepBbsCall& call : model->take_calls()) bbs->call(std::move(call));
  }
}

base::Status RepServer::Impl::start_bbs() {
  if (options.bbs.url.empty()) return base::ok();
  RepBbsOptions given = options.bbs;
  given.ca_file = options.tls_ca;
  given.cert_file = options.tls_cert;
  given.key_file = options.tls_key;
  const diego::CellState state = model->state(platform::now());
  auto client = RepBbsClient::create(given, state.cell_id, presence_json(state), [this](const RepBbsAnswer& answer) {
    const std::lock_guard lock(mutex);
    model->bbs_answered(answer, platform::now());
    pass_on();
  });
  if (!client) return client.error();
  bbs = *std::move(client);
  timer = std::thread([this] { follow_time(); });
  return base::ok();
}

RepServer::RepServer(RepOptions options) : impl_(new Impl(std::move(options))) {}

RepServer::~RepServer() { stop(); }

base::Result<int> RepServer::start() {
  const auto listen = platform::parse_host_port("--listen", impl_->options.listen);
  if (!listen) return listen.error();
  platform::ServerOptions options;
  options.listen = *listen;
  options.cert_file = impl_->options.tls_cert;
  options.key_file = impl_->options.tls_key;
  if (!options.cert_file.empty()) options.ca_file = impl_->options.tls_ca;
  impl_->server = std::make_unique<platform::HttpServer>(options, [impl = impl_.get()](const ServerRequest& request) {
    const std::lock_guard lock(impl->mutex);
    ServerResponse response = answer_rep(request, *impl->model, platform::now());
    impl->pass_on();
    return response;
  });
  // Requests wait for the model, which is made once the port is known.
  const std::lock_guard lock(impl_->mutex);
  auto port = impl_->server->start("--listen");
  if (!port) return port.error();
  RepConfig config = impl_->options.config;
  config.rep_url =
      (options.cert_file.empty() ? "http://" : "https://") + platform::HostPort{listen->host, *port}.text();
  config.bbs = !impl_->options.bbs.url.empty();
  impl_->model = std::make_unique<RepModel>(std::move(config), base::Random(platform::random_seed()));
  if (const base::Status up = impl_->start_bbs(); !up) return up.error();
  return *port;
}

void RepServer::stop() {
  if (impl_->server) impl_->server->stop();
  impl_->server.reset();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->changed.notify_one();
  if (impl_->timer.joinable()) impl_->timer.join();
  std::unique_ptr<RepBbsClient> bbs;  // Its threads still report to us: it ends with the mutex free.
  {
    const std::lock_guard lock(impl_->mutex);
    bbs = std::move(impl_->bbs);
  }
}

bool RepServer::finished() {
  const std::lock_guard lock(impl_->mutex);
  const bool done = impl_->model && impl_->model->finished(platform::now());
  impl_->pass_on();
  return done;
}

void RepServer::leave() {
  if (impl_->bbs) impl_->bbs->leave();
}

int run_rep(const RepOptions& options) {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  RepServer server(options);
  const auto port = server.start();
  if (!port) {
    std::fprintf(stderr, "diego-local rep: %s\n", port.error().message().c_str());
    return 2;
  }
  platform::log_info("rep serves cell=" + options.config.cell_id + " port=" + std::to_string(*port));
  while (!server.finished()) {
    const timespec often{0, 50'000'000};
    const int signal = ::sigtimedwait(&ends, nullptr, &often);
    if (signal > 0) {
      platform::log_info("rep ends on signal " + std::to_string(signal));
      server.leave();
      std::fflush(nullptr);
      ::_exit(0);  // At once: what is under way on a connection is not waited for.
    }
  }
  platform::log_info("rep ends: evacuated cell=" + options.config.cell_id);
  server.stop();
  return 0;
}

}  // namespace local
