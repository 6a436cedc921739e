#include "test/simulation/master_host.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using MesosCall = mesos::v1::scheduler::Call;

constexpr Latency kAgentLatency{200us, 3ms};

// What may get lost on a link that stays: each is said again by who wants it done.
template <class... Lossy, class Message>
bool any_of(const Message& message) {
  return (std::holds_alternative<Lossy>(message) || ...);
}
bool may_be_lost(const local::FromAgent& message) {
  return any_of<local::ForwardStatus, local::ExecutorMessage>(message);
}
bool may_be_lost(const local::ToAgent& message) {
  return any_of<local::AckStatus, local::KillTask, local::ShutdownExecutor, local::FrameworkMessage>(message);
}
bool may_come_twice(const local::FromAgent& message) { return any_of<local::ForwardStatus>(message); }
bool may_come_twice(const local::ToAgent& message) { return any_of<local::AckStatus, local::KillTask>(message); }

// Messages with one name keep their order also where others overtake them: an agent says the next of a
// task only after the one before was acknowledged, over one connection.
std::string name_of(const local::FromAgent& message) {
  const auto* const status = std::get_if<local::ForwardStatus>(&message);
  return status == nullptr ? "" : status->status->task_id().value();
}
std::string name_of(const local::ToAgent&) { return ""; }

std::string origin(const std::string& url) {  // "//host:port"
  const auto slashes = url.find("//");
  return url.substr(slashes, url.find('/', slashes + 2) - slashes);
}

}  // namespace

MasterHost::MasterHost(World& world) : world_(world) { start(0); }
MasterHost::~MasterHost() = default;

const local::MasterState* MasterHost::state() const { return model_ ? &model_->state() : nullptr; }

std::string MasterHost::url(int address) const {
  return "http://master-" + std::to_string(address) + ":5050/api/v1/scheduler";
}

std::vector<std::string> MasterHost::urls() const {
  if (world_.settings().detector) {
    if (!model_) return {};
    return {leader_url()};
  }
  std::vector<std::string> all;
  for (int address = 0; address < world_.settings().master_addresses; ++address) all.push_back(url(address));
  return all;
}

void MasterHost::start(int address) {
  leader_ = address;
  ++term_;
  local::MasterConfig config;
  config.hostname = "master-" + std::to_string(address);
  config.agent_unreachable_after = kAgentUnreachableAfter;
  model_ = std::make_unique<local::Master>(config, world_.sim().fork(), world_.now());
  world_.sim().tell("master", "leads at " + leader_url() + ", id " + model_->id());
}

void MasterHost::fail_over(Duration gap) {
  if (!model_) return;
  auto& sim = world_.sim();
  sim.fault("master_failover");
  for (const auto& [id, stream] : streams_) stream->abort();
  streams_.clear();
  model_.reset();
  for (const auto& [link, what] : std::exchange(links_, {})) world_.agents()[what.agent]->link_gone(link);
  sim.after(gap, [this] {
    start(static_cast<int>(world_.sim().below(static_cast<std::uint64_t>(world_.settings().master_addresses))));
    for (const auto& agent : world_.agents()) {
      // How long an agent takes to notice, and its random backoff.
      world_.sim().after(world_.sim().between(10ms, 12s), [one = agent.get()] { one->connect(); });
    }
    for (const auto& scheduler : world_.schedulers()) scheduler->masters_changed();
  });
}

void MasterHost::rescind_one() {
  if (!model_ || model_->state().offers_.empty()) return;
  const auto& offers = model_->state().offers_;
  auto chosen = offers.begin();
  std::advance(chosen, static_cast<long>(world_.sim().below(offers.size())));
  world_.sim().fault("rescind", chosen->first);
  perform(model_->rescind_offer(chosen->first, world_.now()));
}

void MasterHost::tear_down() {
  if (!model_) return;
  ++teardowns_;
  std::vector<std::string> ids;
  for (const auto& [id, framework] : model_->state().frameworks_) ids.push_back(id);
  for (const std::string& id : ids) {
    local::HttpRequest asked{"POST",
                             "/api/v1",
                             "",
                             {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
                             R"({"type":"TEARDOWN","teardown":{"framework_id":{"value":")" + id + R"("}}})"};
    perform(model_->http(asked, ++last_stream_, world_.now()).actions);
  }
}

// ---- The scheduler API

local::HttpRequest MasterHost::request(const std::string& body) const {
  const std::string type(mesos_client::content_type(world_.settings().codec));
  return {"POST", "/api/v1/scheduler", "", {{"Content-Type", type}, {"Accept", type}}, body};
}

void MasterHost::subscribe(const Asker& asker, const std::string& url, std::string body,
                           std::shared_ptr<Stream> stream) {
  last_subscribe_ = std::max(last_subscribe_, world_.now() + world_.sim().between(200us, 3ms));
  world_.sim().at(last_subscribe_,
                  [this, asker, url, what = std::move(body), stream] { serve(asker, url, what, stream); });
}

void MasterHost::serve(const Asker& asker, const std::string& url, const std::string& body,
                       const std::shared_ptr<Stream>& stream) {
  auto& sim = world_.sim();
  const auto refuse = [&](int status, const std::string& location, const std::string& text) {
    if (status == 0) return stream->abort();
    stream->head({status, "", location});
    stream->push(text);
    stream->finish();
  };
  if (!leads_at(url)) {
    // Another master redirects to the leader; one that died takes no connections.
    if (!model_) return sim.one_in(2) ? refuse(503, "", "No leader elected") : refuse(0, "", "");
    return refuse(307, origin(leader_url()) + "/api/v1/scheduler", "");
  }
  if (sim.one_in(world_.rates().refuse_subscribe)) {
    const int status = std::array{0, 307, 403, 503}[sim.below(4)];
    sim.fault("subscribe_answered_" + std::to_string(status));
    const int other = static_cast<int>(sim.below(static_cast<std::uint64_t>(world_.settings().master_addresses)));
    return refuse(status, status == 307 ? origin(this->url(other)) + "/api/v1/scheduler" : "",
                  status == 403 ? "Not allowed" : "");
  }
  auto call = std::make_shared<MesosCall>();
  const auto read = mesos_client::decode(world_.settings().codec, body, *call);
  if (!read) world_.violation("an unreadable SUBSCRIBE: " + read.error().message());
  const local::StreamId id = ++last_stream_;
  local::Master::HttpResult result = model_->http(request(body), id, world_.now());
  world_.add(CallSeen{world_.now(), asker.scheduler, asker.life, asker.generation, term_, call, result.answer.status});
  mesos_client::StreamHead head{result.answer.status, "", ""};
  for (const auto& [name, value] : result.answer.headers) {
    if (name == "Mesos-Stream-Id") head.stream_id = value;
    if (name == "Location") head.location = value;
  }
  stream->head(head);
  if (result.answer.stream) {
    streams_[id] = stream;
    stream->on_closed = [this, id, term = term_] {
      if (term != term_ || !model_ || streams_.erase(id) == 0) return;
      perform(model_->stream_closed(id, world_.now()));
    };
    if (!stream->open()) {  // The client was gone before the answer.
      sim.after(1ms, [stream] { stream->on_closed(); });
    }
  } else {
    stream->push(result.answer.body);
    stream->finish();
  }
  perform(std::move(result.actions));
}

Calls::Answer MasterHost::call(const Asker& asker, const std::string& url, const std::string& stream_id,
                               const std::string& body) {
  auto& sim = world_.sim();
  if (!leads_at(url)) {
    sim.fault("call_to_no_leader");
    return model_ ? Calls::Answer{307, ""} : Calls::Answer{503, "No leader elected"};
  }
  auto call = std::make_shared<MesosCall>();
  const auto read = mesos_client::decode(world_.settings().codec, body, *call);
  if (!read) world_.violation("an unreadable call: " + read.error().message());
  CallSeen seen{world_.now(), asker.scheduler, asker.life, asker.generation, term_, call, 0};
  if (sim.one_in(world_.rates().refuse_call)) {
    seen.status = std::array{307, 400, 403, 503}[sim.below(4)];
    seen.injected = true;
    sim.fault("call_answered_" + std::to_string(seen.status), MesosCall::Type_Name(call->type()));
    world_.add(seen);
    return {seen.status, "injected"};
  }
  std::string id = stream_id;
  if (sim.one_in(world_.rates().stale_stream_id)) {
    sim.fault("stale_stream_id", MesosCall::Type_Name(call->type()));
    id = base::uuid_text(sim.random().uuid4());
  }
  local::HttpRequest asked = request(body);
  asked.headers.emplace_back("Mesos-Stream-Id", id);
  local::Master::HttpResult result = model_->http(asked, ++last_stream_, world_.now());
  seen.status = result.answer.status;
  if (sim.told()) {
    sim.tell("master", MesosCall::Type_Name(call->type()) + " of scheduler-" + std::to_string(asker.scheduler) +
                           " answered " + std::to_string(seen.status) + " " + result.answer.body);
  }
  if (call->type() == MesosCall::UPDATE_FRAMEWORK) sim.fault("offer_constraints");
  if (seen.status == 400) sim.fault("call_refused_by_master", result.answer.body);
  world_.add(std::move(seen));
  perform(std::move(result.actions));
  return {result.answer.status, result.answer.body};
}

// ---- What the model wants

void MasterHost::perform(local::MasterActions actions) {
  for (local::MasterAction& action : actions) {
    if (auto* record = std::get_if<local::SendRecord>(&action)) {
      if (const auto found = streams_.find(record->stream); found != streams_.end())
        found->second->push(std::move(record->bytes));
    } else if (const auto* close = std::get_if<local::CloseStream>(&action)) {
      const auto found = streams_.find(close->stream);
      if (found == streams_.end()) continue;
      found->second->finish();
      streams_.erase(found);
    } else if (auto* tell = std::get_if<local::TellAgent>(&action)) {
      to_agent(tell->link, std::move(tell->message));
    }
  }
}

std::optional<Time> MasterHost::next_deadline() const {
  if (!model_) return std::nullopt;
  return model_->next_deadline();
}

void MasterHost::run_due() {
  if (model_) perform(model_->tick(world_.now()));
}

// ---- Links to agents

local::AgentLink MasterHost::connect(std::size_t agent) {
  if (!model_) return 0;
  const local::AgentLink link = ++last_link_;
  links_[link] = {agent, world_.now(), world_.now()};
  to_agent(link, local::MasterAppeared{});
  return link;
}

void MasterHost::disconnect(local::AgentLink link, bool seen_at_once) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  links_.erase(found);
  const Duration after = seen_at_once ? world_.sim().between(1ms, 50ms) : world_.sim().between(1s, 20s);
  world_.sim().after(after, [this, link, term = term_] {
    if (model_ && term == term_) perform(model_->agent_lost(link, world_.now()));
  });
}

// In order on one link, but for what a fault delays or repeats.
template <class Message, class Deliver>
void MasterHost::pass(local::AgentLink link, Time Link::*last, Message message, Deliver deliver) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  auto& sim = world_.sim();
  const auto& rates = world_.rates();
  if (may_be_lost(message) && sim.one_in(rates.drop)) return sim.fault("agent_message_dropped");
  Time& before = found->second.*last;
  before = std::max(before, sim.now() + sim.between(kAgentLatency.min, kAgentLatency.max));
  Time when = before;
  if (sim.one_in(rates.delay)) {
    when += sim.between(10ms, 5s);
    if (may_be_lost(message)) {
      sim.fault("agent_message_reordered");
    } else {
      before = when;  // The whole link waits.
      sim.fault("agent_message_delayed");
    }
  }
  const bool twice = may_come_twice(message) && sim.one_in(rates.duplicate);
  const Time again = when + (twice ? sim.between(0s, 8s) : 0s);
  if (const std::string name = name_of(message); !name.empty()) {
    Time& last_of_it = found->second.last_of[name];
    when = std::max(when, last_of_it);
    last_of_it = std::max(when, again);
  }
  const auto arrive = [this, link, what = std::make_shared<const Message>(std::move(message)), deliver] {
    if (links_.contains(link)) (this->*deliver)(link, *what);
  };
  sim.at(when, arrive);
  if (!twice) return;
  sim.fault("agent_message_duplicated");
  sim.at(std::max(when, again), arrive);
}

void MasterHost::agent_says(local::AgentLink link, local::FromAgent message) {
  pass(link, &Link::last_from, std::move(message), &MasterHost::deliver_from_agent);
}
void MasterHost::to_agent(local::AgentLink link, local::ToAgent message) {
  pass(link, &Link::last_to, std::move(message), &MasterHost::deliver_to_agent);
}

void MasterHost::deliver_from_agent(local::AgentLink link, const local::FromAgent& message) {
  if (model_) perform(model_->agent_says(link, message, world_.now()));
}

void MasterHost::deliver_to_agent(local::AgentLink link, const local::ToAgent& message) {
  world_.agents()[links_.at(link).agent]->to_agent(link, message);
}

}  // namespace simulation
