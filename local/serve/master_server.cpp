#include "local/serve/master_server.hpp"

#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "platform/clock.hpp"
#include "platform/http_server.hpp"
#include "platform/log.hpp"
#include "platform/mailbox.hpp"

namespace local {
namespace {

using platform::ServerRequest;
using platform::ServerResponse;

struct Asked {
  HttpRequest request;
  std::shared_ptr<std::promise<ServerResponse>> answer;
};
struct StreamGone {
  StreamId stream;
};
struct LinkUp {
  AgentLink link;
};
struct LinkDown {
  AgentLink link;
};
struct AgentSaid {
  AgentLink link;
  FromAgent message;
};
struct MasterDied {
  base::Duration agents_after;
};
using Input = std::variant<Asked, StreamGone, LinkUp, LinkDown, AgentSaid, MasterDied>;

HttpRequest to_model(const ServerRequest& request) {
  const std::size_t mark = request.target.find('?');
  return {.method = request.method,
          .path = request.path,
          .query = mark == std::string::npos ? "" : request.target.substr(mark + 1),
          .headers = request.headers,
          .body = request.body};
}

ServerResponse going_away() {
  return {.status = 503,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
          .body = "No leader elected",
          .stream = nullptr};
}

}  // namespace

struct MasterServer::Impl {
  explicit Impl(MasterServerOptions given) : options(std::move(given)) {}

  ServerResponse serve(const ServerRequest& request) {
    if (options.local_requests && (request.path == "/local" || request.path.rfind("/local/", 0) == 0))
      return options.local_requests(request);
    auto answer = std::make_shared<std::promise<ServerResponse>>();
    std::future<ServerResponse> pending = answer->get_future();
    if (!mailbox.post(Asked{to_model(request), std::move(answer)})) return going_away();
    return pending.get();
  }

  void run() {
    while (!mailbox.closed()) {
      const base::Duration wait = std::max(base::Duration{0}, next_deadline() - platform::now());
      for (Input& input : mailbox.take(wait)) {
        std::visit([this](auto& one) { on(one); }, input);
      }
      const base::Time now = platform::now();
      if (model->next_deadline() <= now) perform(model->tick(now));
      if (agents_told_at && *agents_told_at <= now) announce_to_all();
    }
    for (Input& input : mailbox.take(base::Duration{0})) {  // Nobody may wait for an answer for ever.
      if (auto* asked = std::get_if<Asked>(&input)) asked->answer->set_value(going_away());
    }
  }

  base::Time next_deadline() const {
    return agents_told_at ? std::min(*agents_told_at, model->next_deadline()) : model->next_deadline();
  }

  void on(Asked& asked) {
    const StreamId id = ++last_stream;
    Master::HttpResult result = model->http(asked.request, id, platform::now());
    ServerResponse response{.status = result.answer.status,
                            .headers = std::move(result.answer.headers),
                            .body = std::move(result.answer.body),
                            .stream = nullptr};
    if (result.answer.stream) {
      response.stream = std::make_shared<platform::StreamBody>();
      response.stream->on_closed([this, id] { mailbox.post(StreamGone{id}); });
      streams[id] = response.stream;
    }
    perform(std::move(result.actions));
    asked.answer->set_value(std::move(response));
  }

  void on(StreamGone& gone) {
    if (streams.erase(gone.stream) > 0) perform(model->stream_closed(gone.stream, platform::now()));
  }
  void on(LinkUp& up) {
    if (!agents_told_at) deliver(up.link, MasterAppeared{});
  }
  void on(LinkDown& down) { perform(model->agent_lost(down.link, platform::now())); }
  void on(AgentSaid& said) { perform(model->agent_says(said.link, said.message, platform::now())); }

  void on(MasterDied& died) {
    for (auto& [id, stream] : streams) stream->abort();
    streams.clear();
    model = std::make_unique<Master>(options.master, base::Random(platform::random_seed()), platform::now());
    platform::log_info("master restarted id=" + model->id());
    agents_told_at = platform::now() + died.agents_after;
  }

  void announce_to_all() {
    agents_told_at.reset();
    std::vector<AgentLink> all;
    {
      const std::lock_guard lock(links_mutex);
      for (const auto& [link, deliver_to] : links) all.push_back(link);
    }
    for (const AgentLink link : all) deliver(link, MasterAppeared{});
  }

  void perform(MasterActions actions) {
    for (MasterAction& action : actions) {
      if (auto* record = std::get_if<SendRecord>(&action)) {
        if (const auto found = streams.find(record->stream); found != streams.end())
          found->second->push(std::move(record->bytes));
      } else if (auto* close = std::get_if<CloseStream>(&action)) {
        const auto found = streams.find(close->stream);
        if (found == streams.end()) continue;
        found->second->finish();
        streams.erase(found);
      } else if (auto* tell = std::get_if<TellAgent>(&action)) {
        deliver(tell->link, std::move(tell->message));
      }
    }
  }

  void deliver(AgentLink link, ToAgent message) {
    const std::lock_guard lock(links_mutex);
    if (const auto found = links.find(link); found != links.end()) found->second(std::move(message));
  }

  MasterServerOptions options;
  platform::Mailbox<Input> mailbox;
  std::unique_ptr<platform::HttpServer> http;
  std::unique_ptr<Master> model;  // The loop's, like all below up to the links.
  std::map<StreamId, std::shared_ptr<platform::StreamBody>> streams;
  StreamId last_stream = 0;
  std::optional<base::Time> agents_told_at;  // Agents have yet to notice a restart.
  std::thread loop;

  std::mutex links_mutex;
  std::map<AgentLink, std::function<void(ToAgent)>> links;
  AgentLink last_link = 0;
};

MasterServer::MasterServer(MasterServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
MasterServer::~MasterServer() { stop(); }

base::Result<int> MasterServer::start(std::string_view where) {
  platform::ServerOptions http;
  http.listen = impl_->options.listen;
  http.threads = impl_->options.http_threads;
  http.body_bytes_max = std::size_t{64} << 20U;
  http.header_bytes_max = 80 * 1024;  // Mesos's parser stops there.
  http.idle_timeout = std::chrono::minutes(10);
  impl_->http = std::make_unique<platform::HttpServer>(
      http, [impl = impl_.get()](const ServerRequest& request) { return impl->serve(request); });
  const base::Result<int> port = impl_->http->start(where);
  if (!port) return port.error();
  impl_->options.master.port = *port;
  impl_->model =
      std::make_unique<Master>(impl_->options.master, base::Random(platform::random_seed()), platform::now());
  impl_->loop = std::thread([impl = impl_.get()] { impl->run(); });
  return *port;
}

void MasterServer::stop() {
  impl_->mailbox.close();
  if (impl_->loop.joinable()) impl_->loop.join();
  if (impl_->http) impl_->http->stop();
  impl_->http.reset();
}

void MasterServer::restart(base::Duration agents_after) { impl_->mailbox.post(MasterDied{agents_after}); }

AgentLink MasterServer::connect(std::function<void(ToAgent)> deliver) {
  AgentLink link = 0;
  {
    const std::lock_guard lock(impl_->links_mutex);
    link = ++impl_->last_link;
    impl_->links[link] = std::move(deliver);
  }
  impl_->mailbox.post(LinkUp{link});
  return link;
}

void MasterServer::send(AgentLink link, FromAgent message) { impl_->mailbox.post(AgentSaid{link, std::move(message)}); }

void MasterServer::disconnect(AgentLink link) {
  {
    const std::lock_guard lock(impl_->links_mutex);
    impl_->links.erase(link);
  }
  impl_->mailbox.post(LinkDown{link});
}

}  // namespace local
