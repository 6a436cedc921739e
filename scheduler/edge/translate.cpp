#include "scheduler/edge/translate.hpp"

#include <cctype>
#include <cstdlib>

#include "base/text.hpp"
#include "cell.pb.h"
#include "mesos/calls.hpp"
#include "mesos/events.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/edge/framework_finder.hpp"
#include "scheduler/edge/translate_cell.hpp"
#include "scheduler/edge/translate_resources.hpp"

namespace edge {
namespace {

using mesos::v1::TaskStatus;
using SchedulerEvent = mesos::v1::scheduler::Event;

core::TaskState state_of(mesos::v1::TaskState state) {
  switch (state) {
    case mesos::v1::TASK_STAGING:
      return core::TaskState::staging;
    case mesos::v1::TASK_STARTING:
      return core::TaskState::starting;
    case mesos::v1::TASK_RUNNING:
      return core::TaskState::running;
    case mesos::v1::TASK_KILLING:
      return core::TaskState::killing;
    case mesos::v1::TASK_FINISHED:
      return core::TaskState::finished;
    case mesos::v1::TASK_FAILED:
      return core::TaskState::failed;
    case mesos::v1::TASK_KILLED:
      return core::TaskState::killed;
    case mesos::v1::TASK_ERROR:
      return core::TaskState::error;
    case mesos::v1::TASK_DROPPED:
      return core::TaskState::dropped;
    case mesos::v1::TASK_GONE:
      return core::TaskState::gone;
    case mesos::v1::TASK_GONE_BY_OPERATOR:
      return core::TaskState::gone_by_operator;
    case mesos::v1::TASK_LOST:
      return core::TaskState::lost;
    case mesos::v1::TASK_UNREACHABLE:
      return core::TaskState::unreachable;
    case mesos::v1::TASK_UNKNOWN:
      return core::TaskState::unknown;
  }
  return core::TaskState::unknown;
}

core::StatusReason reason_of(const TaskStatus& status) {
  if (!status.has_reason()) return core::StatusReason::none;  // The zero value is what absence looks like.
  switch (status.reason()) {
    case TaskStatus::REASON_INVALID_OFFERS:
      return core::StatusReason::invalid_offers;
    case TaskStatus::REASON_EXECUTOR_TERMINATED:
    case TaskStatus::REASON_EXECUTOR_UNREGISTERED:
    case TaskStatus::REASON_EXECUTOR_REGISTRATION_TIMEOUT:
    case TaskStatus::REASON_EXECUTOR_REREGISTRATION_TIMEOUT:
    case TaskStatus::REASON_CONTAINER_LAUNCH_FAILED:
    case TaskStatus::REASON_CONTAINER_UPDATE_FAILED:
    case TaskStatus::REASON_CONTAINER_PREEMPTED:
    case TaskStatus::REASON_CONTAINER_LIMITATION:
    case TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY:
    case TaskStatus::REASON_CONTAINER_LIMITATION_DISK:
      return core::StatusReason::executor_ended;
    case TaskStatus::REASON_AGENT_DISCONNECTED:
    case TaskStatus::REASON_AGENT_REMOVED:
    case TaskStatus::REASON_AGENT_RESTARTED:
    case TaskStatus::REASON_AGENT_UNKNOWN:
    case TaskStatus::REASON_AGENT_REMOVED_BY_OPERATOR:
      return core::StatusReason::agent_lost;
    case TaskStatus::REASON_AGENT_DRAINING:
      return core::StatusReason::agent_draining;
    case TaskStatus::REASON_RECONCILIATION:
      return core::StatusReason::reconciliation;
    default:
      return core::StatusReason::other;
  }
}

core::Status status_of(const TaskStatus& status) {
  core::Status out;
  out.task_id = status.task_id().value();
  out.state = state_of(status.state());
  out.reason = reason_of(status);
  if (status.has_reason()) out.reason_name = TaskStatus::Reason_Name(status.reason());
  out.message = status.message();
  out.uuid = status.uuid();
  out.agent_id = status.agent_id().value();
  out.executor_id = status.executor_id().value();
  out.from_executor = status.has_source() && status.source() == TaskStatus::SOURCE_EXECUTOR;
  return out;
}

// Masters write http whatever their agents speak; where we trust a CA, nobody is spoken to without TLS, and
// certificates are for names.
std::string agent_url(const mesos::v1::URL& url, bool tls) {
  const mesos::v1::Address& address = url.address();
  const bool by_name = tls ? address.has_hostname() : !address.has_ip();
  std::string host = by_name ? address.hostname() : address.ip();
  if (host.empty()) return {};
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return (tls ? "https" : url.scheme()) + "://" + host + ":" + std::to_string(address.port()) + url.path();
}

// Mesos: offer constraints came with 1.11. Older masters would pass them over, or refuse the call.
bool takes_constraints(const std::string& version) {
  const auto numbers = base::split_list(version, '.');
  if (numbers.size() < 2) return false;
  const int major = std::atoi(numbers[0].c_str()), minor = std::atoi(numbers[1].c_str());
  return major > 1 || (major == 1 && minor >= 11);
}

// That a comma list has one of the words. A longer expression would be refused (Mesos:
// --offer_constraints_re2_max_program_size, 100): then that there is such a list at all.
std::optional<std::string> list_expression(const std::vector<std::string>& words) {
  constexpr std::size_t kBytesMax = 60;
  std::string any;
  for (const std::string& word : words) {
    if (!any.empty()) any += '|';
    for (const char c : word) {
      if (c <= ' ' || c > '~') return std::nullopt;
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') any += '\\';
      any += c;
    }
    if (any.size() > kBytesMax) return std::nullopt;
  }
  return R"((?:\C*,)?\s*(?:)" + any + R"()\s*(?:,\C*)?)";  // \C, a byte: a character costs more.
}

mesos::v1::scheduler::OfferConstraints::RoleConstraints role_constraints(
    const std::vector<core::AttributeGroup>& groups) {
  mesos::v1::scheduler::OfferConstraints::RoleConstraints out;
  for (const core::AttributeGroup& group : groups) {
    auto& constraints = *out.add_groups()->mutable_attribute_constraints();
    for (const core::AttributeNeed& need : group) {
      auto& constraint = *constraints.Add();
      constraint.mutable_selector()->set_attribute_name(need.attribute);
      if (auto expression = list_expression(need.words)) {
        constraint.mutable_predicate()->mutable_text_matches()->set_regex(*std::move(expression));
      } else {
        constraint.mutable_predicate()->mutable_exists();
      }
    }
  }
  return out;
}

std::optional<core::Event> core_event(const SchedulerEvent& event, const MesosOptions& mesos) {
  switch (event.type()) {
    case SchedulerEvent::SUBSCRIBED:
      return core::Subscribed{event.subscribed().framework_id().value(), false,
                              takes_constraints(event.subscribed().master_info().version())};
    case SchedulerEvent::OFFERS: {
      core::OffersArrived arrived;
      for (const auto& offer : event.offers().offers()) {
        arrived.offers.push_back(offer_of(offer, mesos.role));
        arrived.offers.back().url = agent_url(offer.url(), !mesos.ca_file.empty());
      }
      return arrived;
    }
    case SchedulerEvent::RESCIND:
      return core::OfferRescinded{event.rescind().offer_id().value()};
    case SchedulerEvent::UPDATE:
      return core::StatusArrived{status_of(event.update().status())};
    case SchedulerEvent::MESSAGE:
      return cell_message(event.message().agent_id().value(), event.message().executor_id().value(),
                          event.message().data());
    case SchedulerEvent::FAILURE: {
      const auto& failure = event.failure();
      if (!failure.has_executor_id()) return core::AgentLost{failure.agent_id().value()};
      return core::ExecutorEnded{failure.agent_id().value(), failure.executor_id().value(),
                                 failure.has_status() ? failure.status() : -1};
    }
    case SchedulerEvent::INVERSE_OFFERS: {
      core::InverseOffersArrived arrived;
      for (const auto& offer : event.inverse_offers().inverse_offers())
        arrived.offers.push_back({offer.id().value(), offer.agent_id().value()});
      return arrived;
    }
    case SchedulerEvent::RESCIND_INVERSE_OFFER:
      return core::InverseOfferRescinded{event.rescind_inverse_offer().inverse_offer_id().value()};
    default:
      return std::nullopt;
  }
}

std::vector<mesos_client::ReconciledTask> reconciled(const core::Reconcile& action) {
  std::vector<mesos_client::ReconciledTask> tasks;
  for (const auto& task : action.tasks) tasks.push_back({task.task_id, task.agent_id});
  return tasks;
}

std::string drain() {
  cell::v1::ToExecutor message;
  message.mutable_drain();
  return message.SerializeAsString();
}

std::string report_request() {
  cell::v1::ToExecutor message;
  message.mutable_report_request();
  return message.SerializeAsString();
}

void add_label(mesos::v1::FrameworkInfo& info, const char* key, const std::string& value) {
  auto& label = *info.mutable_labels()->add_labels();
  label.set_key(key);
  label.set_value(value);
}

}  // namespace

Translator::Translator(const Options& options)
    : mesos_(options.mesos),
      cluster_name_(options.lock.cluster_name),
      codec_(*mesos_client::parse_codec(options.mesos.codec)),
      launch_calls_(codec_) {}

engine::StreamRecord Translator::read(std::string_view record) const {
  const auto event = mesos_client::read_scheduler_event(codec_, record);
  if (!event) return {mesos_client::unreadable_event(event.error()), std::nullopt};
  return {mesos_client::stream_event(**event), core_event(**event, mesos_)};
}

mesos::v1::FrameworkInfo Translator::framework_info(const std::string& framework_id, const std::string& leader) const {
  mesos::v1::FrameworkInfo info;
  info.set_user(mesos_.user);
  info.set_name(mesos_.framework_name);
  if (!framework_id.empty()) info.mutable_id()->set_value(framework_id);
  info.set_failover_timeout(base::to_seconds(mesos_.failover_timeout));
  info.set_checkpoint(true);
  if (!mesos_.principal.empty()) info.set_principal(mesos_.principal);
  info.add_roles(mesos_.role);
  for (const auto capability :
       {mesos::v1::FrameworkInfo::Capability::MULTI_ROLE, mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE,
        mesos::v1::FrameworkInfo::Capability::TASK_KILLING_STATE,
        mesos::v1::FrameworkInfo::Capability::RESERVATION_REFINEMENT}) {
    info.add_capabilities()->set_type(capability);
  }
  if (!cluster_name_.empty()) add_label(info, kClusterLabel, cluster_name_);
  if (!cluster_name_.empty() && !leader.empty()) add_label(info, kLeaderLabel, leader);
  return info;
}

std::string Translator::subscribe(const std::string& framework_id, const std::string& leader, bool suppressed) const {
  std::vector<std::string> suppressed_roles;
  if (suppressed) suppressed_roles.push_back(mesos_.role);
  return mesos_client::encode(codec_,
                              mesos_client::subscribe_call(framework_info(framework_id, leader), suppressed_roles));
}

std::string Translator::constrain(const std::string& framework_id, const std::string& leader,
                                  const core::ConstrainOffers& action) const {
  mesos::v1::scheduler::OfferConstraints constraints;
  if (!action.any_of.empty()) (*constraints.mutable_role_constraints())[mesos_.role] = role_constraints(action.any_of);
  return mesos_client::encode(
      codec_, mesos_client::update_framework_call(framework_info(framework_id, leader), {}, constraints));
}

std::optional<std::string> Translator::call(const std::string& framework_id, const core::Action& action) const {
  const std::vector<std::string> roles{mesos_.role};
  const auto encode = [this](const mesos::v1::scheduler::Call& call) { return mesos_client::encode(codec_, call); };
  return std::visit(
      [&](const auto& one) -> std::optional<std::string> {
        using Action = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<Action, core::Accept>) {
          return launch_calls_.accept(framework_id, one);
        } else if constexpr (std::is_same_v<Action, core::Decline>) {
          return encode(mesos_client::decline_call(framework_id, one.offer_ids, one.refuse_for));
        } else if constexpr (std::is_same_v<Action, core::AcceptInverseOffers>) {
          return encode(
              mesos_client::accept_inverse_offers_call(framework_id, one.inverse_offer_ids, std::chrono::minutes(1)));
        } else if constexpr (std::is_same_v<Action, core::DeclineInverseOffers>) {
          return encode(
              mesos_client::decline_inverse_offers_call(framework_id, one.inverse_offer_ids, std::chrono::minutes(1)));
        } else if constexpr (std::is_same_v<Action, core::Revive>) {
          return encode(mesos_client::revive_call(framework_id, roles));
        } else if constexpr (std::is_same_v<Action, core::Suppress>) {
          return encode(mesos_client::suppress_call(framework_id, roles));
        } else if constexpr (std::is_same_v<Action, core::Acknowledge>) {
          return launch_calls_.acknowledge(framework_id, one);
        } else if constexpr (std::is_same_v<Action, core::Kill>) {
          return encode(mesos_client::kill_call(framework_id, one.task_id, one.agent_id));
        } else if constexpr (std::is_same_v<Action, core::Reconcile>) {
          return encode(mesos_client::reconcile_call(framework_id, reconciled(one)));
        } else if constexpr (std::is_same_v<Action, core::ShutdownExecutor>) {
          return encode(mesos_client::shutdown_call(framework_id, one.executor_id, one.agent_id));
        } else if constexpr (std::is_same_v<Action, core::RequestReport>) {
          return encode(mesos_client::message_call(framework_id, one.agent_id, one.executor_id, report_request()));
        } else if constexpr (std::is_same_v<Action, core::Evacuate>) {
          return encode(mesos_client::message_call(framework_id, one.agent_id, one.executor_id, drain()));
        } else {
          return std::nullopt;
        }
      },
      action);
}

}  // namespace edge
