#include "test/simulation/agent_host.hpp"

#include <algorithm>
#include <utility>

#include "local/model/resources.hpp"
#include "mesos/v1/mesos.pb.h"
#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr int kSigkill = 9;

std::shared_ptr<mesos::v1::AgentInfo> agent_info(const Settings& settings, const std::string& zone, bool tagged) {
  auto info = std::make_shared<mesos::v1::AgentInfo>();
  const auto resources = local::parse_resources(
      "resources", "cpus:" + std::to_string(settings.agent_cpus_milli / 1000) +
                       ";mem:" + std::to_string(settings.agent_mem_mb) +
                       ";disk:" + std::to_string(settings.agent_disk_mb) + ";ports:[31000-31999]");
  for (const auto& resource : *resources) *info->add_resources() = resource;
  const auto attribute = [&info](std::string_view name, std::string_view value) {
    auto& added = *info->add_attributes();
    added.set_name(std::string(name));
    added.set_type(mesos::v1::Value::TEXT);
    added.mutable_text()->set_value(std::string(value));
  };
  attribute("zone", zone);
  if (tagged) attribute("placement_tags", kTag);
  return info;
}

}  // namespace

AgentHost::AgentHost(World& world, std::size_t index)
    : world_(world),
      index_(index),
      name_("agent-" + std::to_string(index)),
      zone_("z" + std::to_string(index % static_cast<std::size_t>(world.settings().zones) + 1)),
      tagged_(index < static_cast<std::size_t>(world.settings().tagged)) {
  local::AgentConfig config;
  config.ip = "10.0.0." + std::to_string(index + 1);
  config.hostname = name_;
  config.work_dir = "/var/lib/mesos";
  config.info = agent_info(world.settings(), zone_, tagged_);
  model_ = std::make_unique<local::AgentModel>(config, world.sim().fork());
}

AgentHost::~AgentHost() = default;

// ---- The agent's process

void AgentHost::start() {
  up_ = true;
  connect();
}

void AgentHost::connect() {
  if (!up_ || partitioned_ || link_ != 0) return;
  link_ = world_.master().connect(index_);
}

void AgentHost::disconnect(bool seen_at_once) {
  if (link_ != 0) world_.master().disconnect(std::exchange(link_, 0), seen_at_once);
}

void AgentHost::link_gone(local::AgentLink link) {
  if (link_ == link) link_ = 0;
}

void AgentHost::to_agent(local::AgentLink link, const local::ToAgent& message) {
  if (up_ && link == link_) feed(local::FromMaster{message});
}

void AgentHost::feed(const local::AgentEvent& event) {
  for (local::AgentAction& action : model_->handle(event, world_.now())) act(std::move(action));
}

void AgentHost::act(local::AgentAction action) {
  if (auto* said = std::get_if<local::SendToMaster>(&action)) {
    if (link_ != 0) world_.master().agent_says(link_, std::move(said->message));
  } else if (auto* reply = std::get_if<local::Reply>(&action)) {
    if (reply->streams && asking_) {
      asking_->head({reply->status, "", ""});
      streams_[reply->request] = asking_;
      asking_->on_closed = [this, id = reply->request] {
        if (streams_.erase(id) > 0) feed(local::StreamClosed{id});
      };
    }
    reply_ = std::move(*reply);
  } else if (auto* write = std::get_if<local::StreamWrite>(&action)) {
    if (const auto found = streams_.find(write->id); found != streams_.end())
      found->second->push(std::move(write->record));
  } else if (const auto* end = std::get_if<local::StreamEnd>(&action)) {
    const auto found = streams_.find(end->id);
    if (found == streams_.end()) return;
    found->second->finish();
    streams_.erase(found);
  } else if (const auto* start = std::get_if<local::StartContainer>(&action)) {
    start_container(*start);
  } else if (const auto* terminate = std::get_if<local::TerminateContainer>(&action)) {
    if (const auto found = cells_.find(terminate->container_id); found != cells_.end()) found->second->terminate();
  } else if (const auto* destroy = std::get_if<local::DestroyContainer>(&action)) {
    destroy_container(destroy->container_id);
  } else if (const auto* complaint = std::get_if<local::Complaint>(&action)) {
    world_.sim().tell(name_, "complains: " + complaint->text);
    world_.violation(name_ + " complains of an executor: " + complaint->text);
  } else if (const auto* ended = std::get_if<local::AgentEnded>(&action)) {
    world_.sim().tell(name_, "ends: " + ended->reason);
    up_ = false;
    abort_streams();
    disconnect(true);
  }
}

void AgentHost::abort_streams() {
  for (const auto& [id, stream] : std::exchange(streams_, {})) stream->abort();
  for (const auto& [id, cell] : cells_) cell->agent_gone();
}

// ---- Containers

void AgentHost::start_container(const local::StartContainer& start) {
  auto& sim = world_.sim();
  sim.after(sim.between(5ms, 800ms), [this, start] {
    auto& running = world_.sim();
    if (machine_down_) return container_exited(start.container_id, kSigkill);
    if (!world_.quiet() && world_.rates().executor_crash > 0s && running.one_in(25)) {
      running.fault("fetch_failed", start.container_id);
      if (up_) return feed(local::FetchFailed{start.container_id});
      return container_exited(start.container_id, 1 << 8);
    }
    auto& cell = cells_[start.container_id];
    if (cell) return;
    cell = std::make_unique<Cell>(world_, *this, start.container_id, start.environment);
    alive_.push_back(cell.get());
    const local::ContainerStarted started{start.container_id, static_cast<int>(cells_.size()) + 1000};
    if (up_)
      feed(started);
    else
      missed_.push_back(started);
    if (destroyed_.contains(start.container_id)) return cell->kill("destroyed before it started");
    cell->start();
  });
}

void AgentHost::destroy_container(const std::string& container_id) {
  destroyed_.insert(container_id);
  // SIGKILL takes a moment.
  world_.sim().after(world_.sim().between(1ms, 50ms), [this, container_id] {
    if (const auto found = cells_.find(container_id); found != cells_.end())
      found->second->kill("destroyed by the agent");
  });
}

void AgentHost::container_exited(const std::string& container_id, int status) {
  std::erase_if(alive_, [](const Cell* cell) { return !cell->alive(); });
  world_.sim().after(world_.sim().between(1ms, 30ms), [this, container_id, status] {
    feed(local::ContainerExited{container_id, status});
  });
}

// ---- The executor API

local::AgentRequest AgentHost::request(const std::string& body, mesos_client::Codec codec) {
  const std::string type(mesos_client::content_type(codec));
  return {++last_request_, "POST", "/slave(1)/api/v1/executor", {{"Content-Type", type}, {"Accept", type}}, body};
}

void AgentHost::subscribe(const std::string& body, mesos_client::Codec codec, std::shared_ptr<Stream> stream) {
  if (!up_) return stream->abort();
  asking_ = stream;
  feed(request(body, codec));
  asking_.reset();
  if (!reply_) return stream->abort();
  const auto reply = std::exchange(reply_, std::nullopt);
  if (reply->streams) return;
  stream->head({reply->status, "", ""});
  stream->push(reply->body);
  stream->finish();
}

Calls::Answer AgentHost::call(const std::string& body, mesos_client::Codec codec) {
  if (!up_) return {0, "connection refused"};
  feed(request(body, codec));
  const auto reply = std::exchange(reply_, std::nullopt);
  if (!reply) return {0, "no answer"};
  return {reply->status, reply->body};
}

// ---- Faults

void AgentHost::break_link(Duration back_after) {
  if (link_ == 0) return;
  world_.sim().fault("agent_link_break", name_);
  disconnect(true);
  world_.sim().after(back_after, [this] { connect(); });
}

void AgentHost::partition(Duration how_long) {
  if (partitioned_ || !up_) return;
  world_.sim().fault("agent_partition", name_ + " for " + std::to_string(base::to_millis(how_long)) + " ms");
  partitioned_ = true;
  disconnect(world_.sim().one_in(3));
  world_.sim().after(how_long, [this] {
    partitioned_ = false;
    connect();
  });
}

void AgentHost::restart(Duration down_for) {
  if (!up_) return;
  world_.sim().fault("agent_restart", name_);
  go_down();
  world_.sim().after(down_for, [this] { come_back(); });
}

void AgentHost::machine_dies(Duration back_after) {
  if (!up_) return;
  world_.sim().fault("agent_death", name_);
  go_down();
  machine_down_ = true;
  for (const auto& [id, cell] : cells_) cell->kill("its machine died");
  world_.sim().after(back_after, [this] {
    machine_down_ = false;
    come_back();
  });
}

void AgentHost::go_down() {
  up_ = false;
  feed(local::Killed{});
  abort_streams();
  disconnect(world_.sim().one_in(2));
}

void AgentHost::come_back() {
  if (up_) return;
  up_ = true;
  world_.sim().tell(name_, "is back");
  feed(local::Restarted{});
  for (const local::AgentEvent& event : std::exchange(missed_, {})) feed(event);
  connect();
}

// ---- Time

std::optional<Time> AgentHost::next_deadline() const {
  if (!up_) return std::nullopt;
  return model_->next_deadline();
}

void AgentHost::run_due() {
  if (up_) feed(local::AgentTicked{});
}

}  // namespace simulation
