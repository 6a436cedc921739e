#include "local/agent/agent_server.hpp"

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <thread>

#include "local/agent/agent_files.hpp"
#include "local/agent/containers.hpp"
#include "local/agent/executor_api.hpp"
#include "platform/clock.hpp"
#include "platform/http_server.hpp"
#include "platform/log.hpp"
#include "platform/mailbox.hpp"

namespace local {

using platform::ServerRequest;
using platform::ServerResponse;

// Everything below `loop` belongs to the loop thread unless it says otherwise.
struct AgentServer::Impl {
  using Job = std::function<void()>;
  using Answer = std::shared_ptr<std::promise<ServerResponse>>;

  Impl(AgentServerOptions options_in, MasterLink& link_in)
      : options(std::move(options_in)),
        master(link_in),
        model(options.agent, base::Random(platform::random_seed())),
        containers([this](AgentEvent event) { jobs.post([this, what = std::move(event)] { feed(what); }); },
                   options.agent.cgroup_root) {}

  // ---- any thread ----

  ServerResponse serve(const ServerRequest& request);
  void run_and_wait(const std::function<void()>& job);
  base::Status listen();

  // ---- the loop ----

  void loop();
  void feed(const AgentEvent& event);
  void act(AgentAction action);
  void act_on(SendToMaster& action);
  void act_on(Reply& action);
  void act_on(StreamWrite& action);
  void act_on(StreamEnd& action);
  void act_on(StartContainer& action) { containers.ask(std::move(action)); }
  void act_on(UpdateContainer& action) { containers.ask(std::move(action)); }
  void act_on(TerminateContainer& action) { containers.ask(std::move(action)); }
  void act_on(DestroyContainer& action) { containers.ask(std::move(action)); }
  void act_on(Complaint& action) { platform::log_warning("agent: " + action.text); }
  void act_on(AgentEnded& action);
  void connect();
  void disconnect();
  void abort_streams();

  AgentServerOptions options;
  MasterLink& master;
  platform::Mailbox<Job> jobs;
  std::atomic<std::uint64_t> next_request{1};
  std::atomic<int> port{0};
  std::atomic<bool> ended{false};

  AgentModel model;
  bool serving = false;  // Between start and kill.
  std::optional<AgentLink> link;
  std::uint64_t life = 0;  // Messages to an earlier life of the agent are dropped.
  std::map<std::uint64_t, Answer> waiting;
  std::map<std::uint64_t, std::shared_ptr<platform::StreamBody>> streams;
  std::promise<void>* on_end = nullptr;

  std::unique_ptr<platform::HttpServer> http;  // Of the caller's thread.
  bool started_before = false;
  bool stopped = false;
  std::thread thread;
  Containers containers;  // Last: its threads report into the mailbox.
};

// ---- HTTP ----

ServerResponse AgentServer::Impl::serve(const ServerRequest& request) {
  const AgentRoute route = agent_route(request.path, options.agent.process);
  if (route == AgentRoute::files_browse) return browse_files(options.agent.work_dir, request.query);
  if (route == AgentRoute::files_read) return read_files(options.agent.work_dir, request.query);
  if (route == AgentRoute::operator_api) {
    return agent_operator_api(options.agent.work_dir,
                              {request.method, request.path, "", request.headers, request.body});
  }
  const auto answer = std::make_shared<std::promise<ServerResponse>>();
  std::future<ServerResponse> answered = answer->get_future();
  AgentRequest event{next_request++, request.method, request.path, request.headers, request.body};
  const bool posted = jobs.post([this, what = std::move(event), answer] {
    if (!serving) {
      answer->set_value({404, {{"Content-Type", "text/plain; charset=utf-8"}}, "404 Not Found.", nullptr});
      return;
    }
    waiting.emplace(what.id, answer);
    feed(what);
  });
  if (!posted) return {503, {}, "", nullptr};
  return answered.get();
}

base::Status AgentServer::Impl::listen() {
  platform::ServerOptions server;
  server.listen = {options.agent.ip, port != 0 ? port.load() : options.agent.port};
  server.threads = options.http_threads;
  server.idle_timeout = std::chrono::hours(1);  // Mesos does not close idle connections.
  auto next =
      std::make_unique<platform::HttpServer>(server, [this](const ServerRequest& request) { return serve(request); });
  const base::Result<int> bound = next->start("agent");
  if (!bound) return bound.error();
  port = *bound;
  http = std::move(next);
  return base::ok();
}

void AgentServer::Impl::run_and_wait(const std::function<void()>& job) {
  std::promise<void> done;
  if (!jobs.post([&] {
        job();
        done.set_value();
      })) {
    return;
  }
  done.get_future().wait();
}

// ---- the loop ----

void AgentServer::Impl::loop() {
  while (!jobs.closed()) {
    std::optional<base::Duration> wait;
    if (const auto deadline = model.next_deadline()) wait = std::max(base::Duration{0}, *deadline - platform::now());
    for (const Job& job : jobs.take(wait)) job();
    if (const auto deadline = model.next_deadline(); deadline && *deadline <= platform::now()) feed(AgentTicked{});
  }
}

void AgentServer::Impl::feed(const AgentEvent& event) {
  for (AgentAction& action : model.handle(event, platform::now())) act(std::move(action));
}

void AgentServer::Impl::act(AgentAction action) {
  std::visit([this](auto& one) { act_on(one); }, action);
}

void AgentServer::Impl::act_on(SendToMaster& action) {
  if (link) master.send(*link, std::move(action.message));
}

void AgentServer::Impl::act_on(Reply& action) {
  const auto found = waiting.find(action.request);
  if (found == waiting.end()) return;
  ServerResponse response{action.status, std::move(action.headers), std::move(action.body), nullptr};
  if (action.streams) {
    response.stream = std::make_shared<platform::StreamBody>();
    response.stream->on_closed([this, id = action.request] {
      jobs.post([this, id] {
        if (streams.erase(id) != 0) feed(StreamClosed{id});
      });
    });
    streams.emplace(action.request, response.stream);
  }
  found->second->set_value(std::move(response));
  waiting.erase(found);
}

void AgentServer::Impl::act_on(StreamWrite& action) {
  const auto found = streams.find(action.id);
  if (found != streams.end()) found->second->push(std::move(action.record));
}

void AgentServer::Impl::act_on(StreamEnd& action) {
  const auto found = streams.find(action.id);
  if (found == streams.end()) return;
  found->second->finish();
  streams.erase(found);
}

void AgentServer::Impl::act_on(AgentEnded& action) {
  platform::log_info("agent ended agent=" + model.agent_id() + " reason=\"" + action.reason + "\"");
  serving = false;
  ended = true;
  abort_streams();
  disconnect();
  if (on_end != nullptr) std::exchange(on_end, nullptr)->set_value();
}

void AgentServer::Impl::connect() {
  const std::uint64_t this_life = ++life;
  link = master.connect([this, this_life](ToAgent message) {
    jobs.post([this, this_life, what = FromMaster{std::move(message)}] {
      if (life == this_life && serving) feed(what);
    });
  });
}

void AgentServer::Impl::disconnect() {
  ++life;
  if (link) master.disconnect(*std::exchange(link, std::nullopt));
}

void AgentServer::Impl::abort_streams() {
  for (const auto& [id, stream] : std::exchange(streams, {})) stream->abort();
}

// ---- the life of the agent ----

AgentServer::AgentServer(AgentServerOptions options, MasterLink& link)
    : impl_(std::make_unique<Impl>(std::move(options), link)) {}

AgentServer::~AgentServer() { stop(); }

base::Status AgentServer::start() {
  if (impl_->stopped) return base::Error{"agent", "was stopped"};
  if (const base::Status bound = impl_->listen(); !bound) return bound;
  const bool again = std::exchange(impl_->started_before, true);
  if (!again) {
    impl_->model.set_port(impl_->port);
    impl_->thread = std::thread([impl = impl_.get()] { impl->loop(); });
  }
  impl_->run_and_wait([impl = impl_.get(), again] {
    impl->serving = true;
    if (again) impl->feed(Restarted{});
    impl->connect();
  });
  return base::ok();
}

void AgentServer::kill() {
  if (!impl_->http) return;
  impl_->run_and_wait([impl = impl_.get()] {
    impl->serving = false;
    impl->feed(Killed{});
    impl->abort_streams();
    impl->disconnect();
  });
  impl_->http->stop();
  impl_->http.reset();
}

base::Status AgentServer::restart(base::Duration down_for) {
  kill();
  std::this_thread::sleep_for(down_for);
  return start();
}

void AgentServer::leave() {
  if (impl_->http) impl_->run_and_wait([impl = impl_.get()] { impl->feed(LeaveRequested{}); });
}

void AgentServer::stop(base::Duration grace) {
  if (std::exchange(impl_->stopped, true)) return;
  if (impl_->http && !impl_->ended) {
    std::promise<void> ended;
    impl_->run_and_wait([impl = impl_.get(), &ended] {
      impl->disconnect();
      impl->on_end = &ended;
      impl->feed(FromMaster{ShutdownAgent{"stopped"}});
    });
    ended.get_future().wait_for(grace);
    impl_->run_and_wait([impl = impl_.get()] {
      impl->on_end = nullptr;
      impl->serving = false;
      impl->abort_streams();
    });
  }
  if (impl_->http) impl_->http->stop();
  impl_->containers.end();  // Whatever is left of them.
  impl_->jobs.close();
  if (impl_->thread.joinable()) impl_->thread.join();
}

int AgentServer::port() const { return impl_->port; }
bool AgentServer::ended() const { return impl_->ended; }

std::string AgentServer::agent_id() const {
  std::string id;
  if (impl_->thread.joinable()) impl_->run_and_wait([&] { id = impl_->model.agent_id(); });
  return id;
}

}  // namespace local
