#include "local/rep/rep_bbs_client.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "diego/bbs.pb.h"
#include "diego/json.hpp"
#include "platform/http_client.hpp"
#include "platform/log.hpp"

namespace local {
namespace {

using Kind = RepBbsCall::Kind;
using Outcome = RepBbsAnswer::Outcome;

template <class Request>
Request about(const RepBbsCall& call, const std::string& cell_id) {
  Request request;
  request.mutable_key()->set_process_guid(call.process_guid);
  request.mutable_key()->set_index(call.index);
  request.mutable_key()->set_domain(call.domain);
  request.mutable_instance_key()->set_instance_guid(call.container);
  request.mutable_instance_key()->set_cell_id(cell_id);
  return request;
}

// Nothing listens there: containers are made up.
template <class Request>
Request with_address(Request request) {
  request.mutable_net_info()->set_address("127.0.0.1");
  request.mutable_net_info()->set_instance_address("127.0.0.1");
  return request;
}

template <class Request>
Request with_error(Request request, const std::string& text) {
  request.set_error_message(text);
  return request;
}

template <class Request>
Request row(const RepBbsCall& call, const std::string& cell_id) {
  Request request;
  request.set_process_guid(call.process_guid);
  request.set_index(call.index);
  request.mutable_instance_key()->set_instance_guid(call.container);
  request.mutable_instance_key()->set_cell_id(cell_id);
  return request;
}

RepBbsRequest task_request(const RepBbsCall& call, const std::string& cell_id) {
  if (call.kind == Kind::start_task) {
    models::StartTaskRequest start;
    start.set_task_guid(call.container);
    start.set_cell_id(cell_id);
    return {"/v1/tasks/start", start.SerializeAsString()};
  }
  models::CompleteTaskRequest complete;
  complete.set_task_guid(call.container);
  complete.set_cell_id(cell_id);
  complete.set_failed(call.failed);
  complete.set_failure_reason(call.reason);
  return {"/v1/tasks/complete", complete.SerializeAsString()};
}

Outcome outcome_of(const models::Error& error) {
  switch (error.type()) {
    case models::Error::ActualLRPCannotBeClaimed:
      return Outcome::cannot_be_claimed;
    case models::Error::ActualLRPCannotBeStarted:
      return Outcome::cannot_be_started;
    case models::Error::InvalidStateTransition:
      return Outcome::invalid_state_transition;
    case models::Error::ResourceNotFound:
      return Outcome::not_found;
    default:
      return Outcome::other_error;
  }
}

void write_strings(diego::GoWriter& out, const char* name, const diego::Slice<std::string>& values) {
  out.key(name);
  out.begin_array();
  for (const std::string& value : values) out.string(value);
  out.end_array();
}

}  // namespace

RepBbsRequest request_of(const RepBbsCall& call, const std::string& cell_id) {
  using namespace models;
  const auto lrps = [](const char* verb, const auto& request) {
    return RepBbsRequest{std::string("/v1/actual_lrps/") + verb, request.SerializeAsString()};
  };
  switch (call.kind) {
    case Kind::claim:
      return lrps("claim", row<ClaimActualLRPRequest>(call, cell_id));
    case Kind::remove:
      return lrps("remove", row<RemoveActualLRPRequest>(call, cell_id));
    case Kind::start:
      return lrps("start.r1", with_address(about<StartActualLRPRequest>(call, cell_id)));
    case Kind::crash:
      return lrps("crash", with_error(about<CrashActualLRPRequest>(call, cell_id), call.reason));
    case Kind::evacuate_claimed:
      return lrps("evacuate_claimed", about<EvacuateClaimedActualLRPRequest>(call, cell_id));
    case Kind::evacuate_running:
      return lrps("evacuate_running.r1", with_address(about<EvacuateRunningActualLRPRequest>(call, cell_id)));
    case Kind::evacuate_stopped:
      return lrps("evacuate_stopped", about<EvacuateStoppedActualLRPRequest>(call, cell_id));
    case Kind::evacuate_crashed:
      return lrps("evacuate_crashed", with_error(about<EvacuateCrashedActualLRPRequest>(call, cell_id), call.reason));
    case Kind::start_task:
    case Kind::complete_task:
      break;
  }
  return task_request(call, cell_id);
}

// EvacuationResponse has what all answers have, an error in field 1, and what only it has in field 2.
RepBbsAnswer answer_of(const RepBbsCall& call, const std::string& body) {
  RepBbsAnswer answer{call.kind, call.container, Outcome::other_error, true};
  models::EvacuationResponse response;
  if (!response.ParseFromString(body)) return answer;
  answer.outcome = response.has_error() ? outcome_of(response.error()) : Outcome::done;
  answer.keep_container = response.keep_container();
  return answer;
}

std::string presence_json(const diego::CellState& state) {
  diego::GoWriter out;
  out.begin_object();
  out.member("cell_id", state.cell_id);
  out.member("rep_address", state.rep_url);
  out.member("rep_url", state.rep_url);
  out.member("zone", state.zone);
  out.key("capacity");
  out.begin_object();
  out.member("memory_mb", state.total.memory_mb);
  out.member("disk_mb", state.total.disk_mb);
  out.member("containers", state.total.containers);
  out.end_object();
  out.key("rootfs_provider_list");
  out.begin_array();
  for (const auto& [scheme, provider] : state.rootfs_providers) {
    out.begin_object();
    out.member("name", scheme);
    out.key("properties");
    out.begin_array();
    for (const std::string& stack : provider.set) out.string(stack);
    out.end_array();
    out.end_object();
  }
  out.end_array();
  write_strings(out, "placement_tags", state.placement_tags);
  write_strings(out, "optional_placement_tags", state.optional_placement_tags);
  out.end_object();
  return out.take();
}

// ---- The client

base::Result<std::unique_ptr<RepBbsClient>> RepBbsClient::create(RepBbsOptions options, std::string cell_id,
                                                                 std::string presence, Answered answered) {
  std::unique_ptr<RepBbsClient> client(
      new RepBbsClient(std::move(options), std::move(cell_id), std::move(presence), std::move(answered)));
  if (const base::Status connected = client->connect(); !connected) return connected.error();
  return client;
}

RepBbsClient::RepBbsClient(RepBbsOptions options, std::string cell_id, std::string presence, Answered answered)
    : options_(std::move(options)),
      cell_id_(std::move(cell_id)),
      presence_(std::move(presence)),
      answered_(std::move(answered)) {}

RepBbsClient::~RepBbsClient() {
  for (Worker& worker : workers_) worker.calls.close();
  for (Worker& worker : workers_) {
    if (worker.thread.joinable()) worker.thread.join();
  }
  leave();
}

base::Status RepBbsClient::connect() {
  const auto bbs = platform::parse_url("--bbs-url", options_.url);
  if (!bbs) return bbs.error();
  if (!options_.door.empty()) {
    const auto door = platform::parse_url("--bbs-door", options_.door);
    if (!door) return door.error();
    door_ = client_to(*door);
    say_presence("PUT");
    presence_thread_ = std::thread([this] { keep_presence(); });
  }
  for (Worker& worker : workers_) {
    worker.client = client_to(*bbs);
    worker.thread = std::thread([this, &worker] { work(worker); });
  }
  return base::ok();
}

std::unique_ptr<platform::HttpClient> RepBbsClient::client_to(const platform::Url& url) const {
  return std::make_unique<platform::HttpClient>(platform::ClientOptions{
      .origin = url, .ca_file = options_.ca_file, .cert_file = options_.cert_file, .key_file = options_.key_file});
}

void RepBbsClient::call(RepBbsCall call) {
  Worker& worker = workers_[std::hash<std::string>{}(call.container) % kWorkers];
  worker.calls.post(std::move(call));
}

void RepBbsClient::work(Worker& worker) {
  for (;;) {
    const auto calls = worker.calls.take(std::nullopt);
    if (calls.empty()) return;  // Closed, and nothing is left.
    for (const RepBbsCall& call : calls) {
      const RepBbsRequest request = request_of(call, cell_id_);
      const auto response = worker.client->send(
          {.method = "POST",
           .path = request.path,
           .headers = {{"Content-Type", "application/x-protobuf"}, {"X-Vcap-Request-Id", call.trace_id}},
           .body = request.body});
      RepBbsAnswer answer{call.kind, call.container, Outcome::other_error, true};
      if (!response) {
        platform::log_warning("POST " + request.path + ": " + response.error().text);
      } else if (response->status != 200) {
        platform::log_warning(fmt::format("POST {}: the BBS answered {}", request.path, response->status));
      } else {
        answer = answer_of(call, response->body);
      }
      answered_(answer);
    }
  }
}

// ---- The presence

void RepBbsClient::say_presence(const std::string& method) {
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(options_.presence_ttl).count();
  const auto response = door_->send({.method = method,
                                     .path = fmt::format("/cells/{}?ttl_s={}", base::percent_encode(cell_id_), ttl),
                                     .headers = {{"Content-Type", "application/json"}},
                                     .body = presence_});
  if (!response) platform::log_warning("presence: " + response.error().text);
  if (response && response->status >= 300)
    platform::log_warning(fmt::format("presence: the door answered {} {}", response->status, response->body));
}

void RepBbsClient::keep_presence() {
  std::unique_lock lock(mutex_);
  while (!ends_.wait_for(lock, options_.presence_interval, [this] { return ending_; })) say_presence("PUT");
}

void RepBbsClient::leave() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ending_, true) || door_ == nullptr) return;
  }
  ends_.notify_all();
  if (presence_thread_.joinable()) presence_thread_.join();
  say_presence("DELETE");
}

}  // namespace local
