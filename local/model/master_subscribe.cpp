// The life of a framework: subscription, takeover, disconnection, removal, roles.
#include <algorithm>

#include "base/random.hpp"
#include "local/model/master_state.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {
namespace {

using mesos::v1::FrameworkInfo;
using mesos::v1::scheduler::Call;

template <class Request>
std::set<std::string> suppressed_in(const Request& request) {
  return {request.suppressed_roles().begin(), request.suppressed_roles().end()};
}

std::string four_digits(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

std::optional<std::string> forbidden_change(const FrameworkInfo& from, const FrameworkInfo& to) {
  const auto unsupported = [](const char* field, const std::string& old_value, const std::string& new_value) {
    return std::string("Updating 'FrameworkInfo.") + field + "' is unsupported; attempted to update from '" +
           old_value + "' to '" + new_value + "'";
  };
  const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
  if (from.principal() != to.principal()) return "Changing framework's principal is not allowed.";
  if (from.user() != to.user()) return unsupported("user", from.user(), to.user());
  if (from.checkpoint() != to.checkpoint())
    return unsupported("checkpoint", word(from.checkpoint()), word(to.checkpoint()));
  return std::nullopt;
}

}  // namespace

bool Framework::has_capability(int capability) const {
  return std::any_of(info->capabilities().begin(), info->capabilities().end(),
                     [capability](const auto& one) { return one.type() == capability; });
}

HttpAnswer MasterState::subscribe(const Call& call, StreamId stream, Codec format,
                                  const std::optional<std::string>& principal) {
  FrameworkInfo info = call.subscribe().framework_info();
  if (principal && !info.has_principal()) info.set_principal(*principal);
  const std::set<std::string> suppressed = suppressed_in(call.subscribe());
  const std::string stream_uuid = base::uuid_text(random_.uuid4());
  const HttpAnswer head{
      .status = 200,
      .headers = {{"Mesos-Stream-Id", stream_uuid}, {"Content-Type", std::string(mesos_client::content_type(format))}},
      .body = {},
      .stream = true};
  // Even a refusal comes as 200 and an event.
  const auto refuse = [&](const std::string& why) {
    send_error_and_close(stream, format, why);
    return head;
  };
  if (const auto why = invalid_framework(info)) return refuse(*why);
  if (const auto why = invalid_suppressed(info, suppressed)) return refuse(*why);
  const auto filter = offer_filter(info, call.subscribe().offer_constraints());
  if (!filter) return refuse(filter.error().message());
  if (completed_.contains(info.id().value())) return refuse("Framework has been removed");

  const auto known = frameworks_.find(info.id().value());
  if (known == frameworks_.end()) {
    Framework& framework = add_framework(info);
    framework.suppressed = suppressed;
    framework.offer_filter = *filter;
    connect(framework, stream, format, stream_uuid);
    allocate_at_once_ = true;
    if (info.has_id()) tell_all(UpdateFramework{framework.info});
    return head;
  }

  Framework& framework = known->second;
  if (framework.info->principal() != info.principal()) return refuse("Changing framework's principal is not allowed.");
  info.set_user(framework.info->user());  // Keeps its old values silently.
  info.set_checkpoint(framework.info->checkpoint());
  const std::optional<StreamId> old_stream = framework.stream;
  const Codec old_format = framework.format;
  take_back_all(framework);
  apply(framework, info, suppressed);
  framework.offer_filter = *filter;
  connect(framework, stream, format, stream_uuid);
  if (old_stream) send_error_and_close(*old_stream, old_format, "Framework failed over");
  tell_all(UpdateFramework{framework.info});
  return head;
}

HttpAnswer MasterState::update_framework(const Call& call) {
  Framework& framework = frameworks_.at(call.framework_id().value());
  const FrameworkInfo& info = call.update_framework().framework_info();
  const std::set<std::string> suppressed = suppressed_in(call.update_framework());
  if (const auto why = invalid_framework(info)) return text_answer(400, "Supplied FrameworkInfo is not valid: " + *why);
  if (const auto why = forbidden_change(*framework.info, info))
    return text_answer(400, "FrameworkInfo update is not valid: " + *why);
  if (const auto why = invalid_suppressed(info, suppressed))
    return text_answer(400, "'UpdateFramework' call is not valid: " + *why);
  const auto filter = offer_filter(info, call.update_framework().offer_constraints());
  if (!filter) return text_answer(400, "'UpdateFramework' call is not valid: " + filter.error().message());
  const std::set<std::string> roles = roles_of(info);
  std::vector<OfferId> homeless;
  for (const auto& [id, offer] : offers_) {
    if (offer.framework_id == framework.id && !roles.contains(offer.role)) homeless.push_back(id);
  }
  for (const OfferId& id : homeless) rescind(id);
  apply(framework, info, suppressed);
  framework.offer_filter = *filter;
  tell_all(UpdateFramework{framework.info});
  return {.status = 200};
}

void MasterState::connect(Framework& framework, StreamId stream, Codec format, const std::string& stream_uuid) {
  framework.stream = stream;
  framework.stream_uuid = stream_uuid;
  framework.format = format;
  framework.remove_at.reset();
  framework.recovered = false;
  framework.reregistered = now_;
  framework.next_heartbeat = now_ + config_.heartbeat_interval;

  mesos::v1::scheduler::Event subscribed;
  subscribed.set_type(mesos::v1::scheduler::Event::SUBSCRIBED);
  subscribed.mutable_subscribed()->mutable_framework_id()->set_value(framework.id);
  subscribed.mutable_subscribed()->set_heartbeat_interval_seconds(base::to_seconds(config_.heartbeat_interval));
  fill_master_info(*subscribed.mutable_subscribed()->mutable_master_info());
  send(framework, subscribed);
  mesos::v1::scheduler::Event beat;
  beat.set_type(mesos::v1::scheduler::Event::HEARTBEAT);
  send(framework, beat);
}

void MasterState::disconnect(Framework& framework) {
  framework.stream.reset();
  framework.stream_uuid.clear();
  framework.filters.clear();
  take_back_all(framework);
  const double timeout = framework.info->failover_timeout();
  if (timeout <= 0) {
    remove_framework(framework.id);
    return;
  }
  framework.remove_at = now_ + base::from_seconds(timeout);
}

void MasterState::stream_closed(StreamId stream) {
  for (auto& [id, framework] : frameworks_) {
    if (framework.stream == stream) {
      disconnect(framework);
      return;
    }
  }
}

Framework& MasterState::add_framework(const FrameworkInfo& info) {
  FrameworkInfo stored = info;
  if (!stored.has_id()) stored.mutable_id()->set_value(id_ + "-" + four_digits(next_framework_++));
  const FrameworkId id = stored.id().value();
  Framework& framework = frameworks_[id];
  framework.id = id;
  framework.registered = framework.reregistered = now_;
  framework.offer_filter = *OfferFilter::make({});
  apply(framework, stored, {});
  return framework;
}

void MasterState::apply(Framework& framework, const FrameworkInfo& info, const std::set<std::string>& suppressed) {
  // Roles that leave the suppressed set are revived: their filters go, offers come with the next batch.
  for (const std::string& role : framework.suppressed) {
    if (suppressed.contains(role)) continue;
    std::erase_if(framework.filters, [&role = role](const auto& filter) { return filter.first.first == role; });
  }
  framework.info = std::make_shared<FrameworkInfo>(info);
  framework.info->mutable_id()->set_value(framework.id);
  framework.roles = roles_of(info);
  framework.suppressed = suppressed;
}

void MasterState::revive(Framework& framework, const std::vector<std::string>& roles) {
  for (const std::string& role : roles) {
    if (invalid_role(role) || !framework.roles.contains(role)) return;  // One bad role drops the whole call.
  }
  const std::set<std::string> wanted =
      roles.empty() ? framework.roles : std::set<std::string>(roles.begin(), roles.end());
  for (const std::string& role : wanted) framework.suppressed.erase(role);
  std::erase_if(framework.filters, [&](const auto& filter) { return wanted.contains(filter.first.first); });
  allocate_at_once_ = true;
}

void MasterState::suppress(Framework& framework, const std::vector<std::string>& roles) {
  for (const std::string& role : roles) {
    if (invalid_role(role) || !framework.roles.contains(role)) return;
  }
  if (roles.empty()) {
    framework.suppressed = framework.roles;
  } else {
    framework.suppressed.insert(roles.begin(), roles.end());
  }
}

void MasterState::remove_framework(FrameworkId id) {
  const auto found = frameworks_.find(id);
  if (found == frameworks_.end()) return;
  Framework& framework = found->second;
  if (framework.stream) actions_.emplace_back(CloseStream{*framework.stream});
  take_back_all(framework);
  tell_all(ShutdownFramework{id});

  std::vector<std::string> task_ids;
  for (const auto& [task_id, task] : framework.tasks) task_ids.push_back(task_id);
  for (const std::string& task_id : task_ids) {
    // Killed inside the master; no update is sent.
    KnownTask& task = framework.tasks.at(task_id);
    if (!is_terminal(task.record->state())) task.record->set_state(mesos::v1::TASK_KILLED);
    complete(framework, task_id);
  }
  for (auto& [agent_id, agent] : agents_) {
    std::vector<std::pair<FrameworkId, std::string>> ended;
    for (const auto& [key, executor] : agent.executors) {
      if (key.first == id) ended.push_back(key);
    }
    for (const auto& key : ended) remove_executor(agent, key);
    std::erase_if(agent.kills_owed, [&](const TaskRef& task) { return task.framework_id == id; });
  }

  framework.stream.reset();
  framework.remove_at.reset();
  framework.unreachable_tasks.clear();
  completed_[id] = std::move(framework);
  frameworks_.erase(found);
  completed_order_.push_back(id);
  if (completed_order_.size() > config_.completed_frameworks_max) {
    completed_.erase(completed_order_.front());
    completed_order_.pop_front();
  }
}

}  // namespace local
