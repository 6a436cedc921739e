// Endpoints and the order in which a request is checked (Mesos: master/http.cpp).
#include <array>

#include "base/text.hpp"
#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {

using mesos::v1::scheduler::Call;

HttpAnswer MasterState::handle(const HttpRequest& request, StreamId stream) {
  if (claims_to_be_libprocess(request)) return not_found();
  const std::optional<std::string> path = path_in_process(request.path, "master");
  if (!path) return not_found();
  if (*path == "redirect") {
    return {.status = 307, .headers = {{"Location", "//" + config_.hostname + ":" + std::to_string(config_.port)}}};
  }
  if (*path == "health") return {.status = 200};

  const bool scheduler = under(*path, "api/v1/scheduler");
  const bool operators = !scheduler && under(*path, "api/v1");
  std::optional<std::string> principal;
  if (!config_.credentials.empty() && *path != "version") {
    const auto given = basic_credentials(request);
    const auto known = given ? config_.credentials.find(given->first) : config_.credentials.end();
    if (known == config_.credentials.end() || known->second != given->second) {
      return unauthorized(scheduler   ? "mesos-master-scheduler"
                          : operators ? "mesos-master-readwrite"
                                      : "mesos-master-readonly");
    }
    principal = given->first;
  }
  if (scheduler) return scheduler_endpoint(request, stream, principal);
  if (operators) return operator_endpoint(request);
  return legacy_endpoint(*path);
}

HttpAnswer MasterState::scheduler_endpoint(const HttpRequest& request, StreamId stream,
                                           const std::optional<std::string>& principal) {
  const BodyFormat body = body_format(request);
  if (!body.format) return body.refusal;
  Call call;
  if (const auto refusal = decode_body(request.body, *body.format, call)) return *refusal;
  if (const auto why = invalid_call(call, principal))
    return text_answer(400, "Failed to validate scheduler::Call: " + *why);

  const std::optional<Codec> format = answer_format(request);
  if ((call.type() == Call::SUBSCRIBE || call.type() == Call::RECONCILE_OPERATIONS) && !format) return not_acceptable();
  if (call.type() == Call::SUBSCRIBE) {
    if (find_header(request, "Mesos-Stream-Id") != nullptr) {
      return text_answer(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
    }
    return subscribe(call, stream, *format, principal);
  }
  if (const auto refusal = refuse_call(request, call, principal)) return *refusal;
  return perform(call);
}

std::optional<HttpAnswer> MasterState::refuse_call(const HttpRequest& request, const Call& call,
                                                   const std::optional<std::string>& principal) const {
  const auto found = frameworks_.find(call.framework_id().value());
  if (found == frameworks_.end()) return text_answer(400, "Framework cannot be found");
  const Framework& framework = found->second;
  if (principal && framework.info->has_principal() && *principal != framework.info->principal()) {
    return text_answer(400, "Authenticated principal '" + *principal + "' does not match principal '" +
                                framework.info->principal() + "' set in `FrameworkInfo`");
  }
  if (!framework.connected()) return text_answer(403, "Framework is not subscribed");
  const std::string* stream = find_header(request, "Mesos-Stream-Id");
  if (stream == nullptr) return text_answer(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
  if (*stream != framework.stream_uuid) {
    return text_answer(
        400, "The stream ID '" + *stream +
                 "' included in this request didn't match the stream ID currently associated with framework ID " +
                 framework.id);
  }
  return std::nullopt;
}

HttpAnswer MasterState::perform(const Call& call) {
  Framework& framework = frameworks_.at(call.framework_id().value());
  switch (call.type()) {
    case Call::TEARDOWN:
      remove_framework(framework.id);
      break;
    case Call::ACCEPT:
      accept(framework, call);
      break;
    case Call::DECLINE:
      decline(call);
      break;
    case Call::REVIVE:
      revive(framework, {call.revive().roles().begin(), call.revive().roles().end()});
      break;
    case Call::SUPPRESS:
      suppress(framework, {call.suppress().roles().begin(), call.suppress().roles().end()});
      break;
    case Call::KILL:
      kill(framework, call);
      break;
    case Call::SHUTDOWN:
      shutdown(framework, call);
      break;
    case Call::ACKNOWLEDGE:
      acknowledge(framework, call);
      break;
    case Call::RECONCILE:
      reconcile(framework, call);
      break;
    case Call::RECONCILE_OPERATIONS:
      reconcile_operations(framework, call);
      break;
    case Call::MESSAGE:
      message(framework, call);
      break;
    case Call::UPDATE_FRAMEWORK:
      return update_framework(call);
    case Call::REQUEST:
    case Call::ACCEPT_INVERSE_OFFERS:
    case Call::DECLINE_INVERSE_OFFERS:
    case Call::ACKNOWLEDGE_OPERATION_STATUS:
      break;  // No effect with the built-in allocator, without maintenance and without operations.
    case Call::SUBSCRIBE:
    case Call::UNKNOWN:
      return text_answer(501, "501 Not Implemented.");  // A real master aborts here.
  }
  return accepted();
}

// ---- the outside of the model

Master::Master(MasterConfig config, base::Random random, base::Time now)
    : state_(std::make_unique<MasterState>(std::move(config), std::move(random), now)) {}
Master::~Master() = default;

const std::string& Master::id() const { return state_->id_; }
base::Time Master::next_deadline() const { return state_->next_deadline(); }

namespace {

// One frame: set the time, do it, allocate if something asked for it, hand out what is to be done.
template <class Step>
MasterActions frame(MasterState& state, base::Time now, const Step& step) {
  state.now_ = now;
  step();
  if (state.allocate_at_once_) state.allocate();
  return std::exchange(state.actions_, {});
}

}  // namespace

Master::HttpResult Master::http(const HttpRequest& request, StreamId stream, base::Time now) {
  HttpResult result;
  result.actions = frame(*state_, now, [&] { result.answer = state_->handle(request, stream); });
  return result;
}

MasterActions Master::stream_closed(StreamId stream, base::Time now) {
  return frame(*state_, now, [&] { state_->stream_closed(stream); });
}

MasterActions Master::agent_says(AgentLink link, const FromAgent& message, base::Time now) {
  return frame(*state_, now, [&] { state_->agent_says(link, message); });
}

MasterActions Master::agent_lost(AgentLink link, base::Time now) {
  return frame(*state_, now, [&] { state_->agent_lost(link); });
}

MasterActions Master::rescind_offer(const std::string& offer_id, base::Time now) {
  return frame(*state_, now, [&, id = offer_id] { state_->rescind(id); });  // The caller's may live inside the offer.
}

MasterActions Master::tick(base::Time now) {
  return frame(*state_, now, [&] { state_->tick(); });
}

// ---- what every part uses

MasterState::MasterState(MasterConfig config, base::Random random, base::Time now)
    : config_(std::move(config)),
      random_(std::move(random)),
      id_(base::uuid_text(random_.uuid4())),
      now_(now),
      started_(now),
      next_batch_(now + config_.allocation_interval) {}

void MasterState::send(const Framework& framework, const mesos::v1::scheduler::Event& event) {
  if (framework.stream) actions_.emplace_back(SendRecord{*framework.stream, record_of(event, framework.format)});
}

void MasterState::send_error_and_close(StreamId stream, Codec format, const std::string& message) {
  mesos::v1::scheduler::Event event;
  event.set_type(mesos::v1::scheduler::Event::ERROR);
  event.mutable_error()->set_message(message);
  actions_.emplace_back(SendRecord{stream, record_of(event, format)});
  actions_.emplace_back(CloseStream{stream});
}

void MasterState::fill_master_info(mesos::v1::MasterInfo& info) const {
  std::uint32_t ip = 0;
  unsigned shift = 0;
  for (const std::string& part : base::split_list(config_.ip, '.')) {
    ip |= static_cast<std::uint32_t>(std::stoul(part)) << shift;  // Network order, read as a little-endian number.
    shift += 8;
  }
  info.set_id(id_);
  info.set_ip(ip);
  info.set_port(static_cast<std::uint32_t>(config_.port));
  info.set_pid("master@" + config_.ip + ":" + std::to_string(config_.port));
  info.set_hostname(config_.hostname);
  info.set_version("1.12.0");
  info.mutable_address()->set_hostname(config_.hostname);
  info.mutable_address()->set_ip(config_.ip);
  info.mutable_address()->set_port(config_.port);
  for (const auto type :
       {mesos::v1::MasterInfo::Capability::AGENT_UPDATE, mesos::v1::MasterInfo::Capability::AGENT_DRAINING,
        mesos::v1::MasterInfo::Capability::QUOTA_V2}) {
    info.add_capabilities()->set_type(type);
  }
}

void MasterState::tick() {
  for (auto& [id, framework] : frameworks_) {
    while (framework.connected() && framework.next_heartbeat <= now_) {
      mesos::v1::scheduler::Event beat;
      beat.set_type(mesos::v1::scheduler::Event::HEARTBEAT);
      send(framework, beat);
      framework.next_heartbeat += config_.heartbeat_interval;
    }
  }
  std::vector<FrameworkId> overdue;
  for (const auto& [id, framework] : frameworks_) {
    if (framework.remove_at && *framework.remove_at <= now_) overdue.push_back(id);
  }
  for (const FrameworkId& id : overdue) remove_framework(id);

  std::vector<AgentId> gone;
  for (const auto& [id, agent] : agents_) {
    if (agent.unreachable_at && *agent.unreachable_at <= now_) gone.push_back(id);
  }
  for (const AgentId& id : gone) mark_unreachable(id);

  if (next_batch_ <= now_) {
    allocate_at_once_ = true;
    while (next_batch_ <= now_) next_batch_ += config_.allocation_interval;
  }
}

base::Time MasterState::next_deadline() const {
  base::Time next = next_batch_;
  for (const auto& [id, framework] : frameworks_) {
    if (framework.connected()) next = std::min(next, framework.next_heartbeat);
    if (framework.remove_at) next = std::min(next, *framework.remove_at);
  }
  for (const auto& [id, agent] : agents_) {
    if (agent.unreachable_at) next = std::min(next, *agent.unreachable_at);
  }
  return next;
}

}  // namespace local
