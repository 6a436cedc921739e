#include "scheduler/edge/print.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edge {
namespace {

std::string line(const core::AuctionsSubmitted& e) {
  return fmt::format("auctions submitted count={}", e.auctions.size());
}
std::string line(const core::StopRequested& e) {
  return fmt::format("stop requested guid={} index={}", e.pattern.guid,
                     e.pattern.index ? std::to_string(*e.pattern.index) : "all");
}
std::string line(const core::Subscribed& e) { return fmt::format("event SUBSCRIBED framework={}", e.framework_id); }
std::string line(const core::LeadershipTaken& e) { return fmt::format("leading another_led={}", e.another_led); }
std::string line(const core::Disconnected& e) { return fmt::format("disconnected reason=\"{}\"", e.reason); }
std::string line(const core::FrameworkRemoved& e) { return fmt::format("framework removed text=\"{}\"", e.text); }
std::string line(const core::OffersArrived& e) {
  std::string text = fmt::format("event OFFERS count={}", e.offers.size());
  for (const auto& offer : e.offers) text += fmt::format(" offer={} agent={}", offer.id, offer.agent_id);
  return text;
}
std::string line(const core::ConstraintsRefused& e) { return "offer constraints refused: " + e.text; }
std::string line(const core::OfferRescinded& e) { return fmt::format("event RESCIND offer={}", e.offer_id); }
std::string line(const core::InverseOffersArrived& e) {
  return fmt::format("event INVERSE_OFFERS count={}", e.offers.size());
}
std::string line(const core::InverseOfferRescinded& e) {
  return fmt::format("event RESCIND_INVERSE_OFFER inverse_offer={}", e.inverse_offer_id);
}
std::string line(const core::PolicyChanged& e) { return "policy changed " + core::policy_json(e.policy); }
std::string line(const core::DrainRequested& e) { return fmt::format("drain requested agent={}", e.agent_id); }
std::string line(const core::DrainCancelled& e) { return fmt::format("drain cancelled agent={}", e.agent_id); }
std::string line(const core::RebalanceRequested& e) {
  return fmt::format("rebalance requested goal={} max_moves={}", e.order.goal ? core::to_string(*e.order.goal) : "",
                     e.order.max_moves);
}
std::string line(const core::RebalanceCancelled&) { return "rebalance cancelled"; }
std::string line(const core::StatusArrived& e) {
  const core::Status& s = e.status;
  return fmt::format("event UPDATE task={} state={} agent={} executor={} reason={} message=\"{}\" uuid={}", s.task_id,
                     core::to_string(s.state), s.agent_id, s.executor_id, s.reason_name, s.message,
                     s.uuid.empty() ? "no" : "yes");
}
std::string line(const core::ExecutorEnded& e) {
  return fmt::format("event FAILURE agent={} executor={} status={}", e.agent_id, e.executor_id, e.wait_status);
}
std::string line(const core::AgentLost& e) { return fmt::format("event FAILURE agent={}", e.agent_id); }
std::string line(const core::CellSaidHello& e) {
  return fmt::format("event MESSAGE hello agent={} executor={} cell={}", e.agent_id, e.executor_id, e.cell_id);
}
std::string line(const core::CellReported& e) {
  return fmt::format("event MESSAGE state agent={} executor={} work={} rep_answers={}", e.agent_id, e.executor_id,
                     e.work.size(), e.rep_answers);
}
std::string line(const core::CellMeasured& e) {
  return fmt::format("event MESSAGE metrics agent={} executor={} instances={} dropped={}", e.agent_id, e.executor_id,
                     e.usage.size(), e.dropped);
}

std::string line(const core::ReportAnswered& e) {
  return fmt::format("bbs answered call={} report {}", e.call, e.failure ? "failed: " + e.failure->text : "taken");
}
std::string line(const core::RowsRead& e) {
  return fmt::format("bbs answered call={} rows={} task={} {}", e.call, e.lrps.size(), e.task.has_value(),
                     e.failure ? "failed: " + e.failure->text : "");
}

std::string line(const core::SandboxRead& e) {
  return fmt::format("sandbox read executor={} agent={} file={} line=\"{}\" failure=\"{}\"", e.executor_id, e.agent_id,
                     e.file, e.line, e.failure);
}

std::string line(const core::Accept& a) {
  std::string text = fmt::format("call ACCEPT agent={} offer={}", a.agent_id, fmt::join(a.offer_ids, ","));
  for (const auto& launch : a.launches) text += " task=" + launch.task_id;
  return text;
}
std::string line(const core::Decline& a) {
  return fmt::format("call DECLINE offer={} refuse_s={}", fmt::join(a.offer_ids, ","), base::to_seconds(a.refuse_for));
}
std::string line(const core::AcceptInverseOffers& a) {
  return fmt::format("call ACCEPT_INVERSE_OFFERS count={}", a.inverse_offer_ids.size());
}
std::string line(const core::DeclineInverseOffers& a) {
  return fmt::format("call DECLINE_INVERSE_OFFERS count={}", a.inverse_offer_ids.size());
}
std::string line(const core::Revive&) { return "call REVIVE"; }
std::string line(const core::Suppress&) { return "call SUPPRESS"; }
std::string line(const core::ConstrainOffers& a) {
  return fmt::format("call UPDATE_FRAMEWORK constraint_groups={}", a.any_of.size());
}
std::string line(const core::Acknowledge& a) {
  return fmt::format("call ACKNOWLEDGE task={} agent={}", a.task_id, a.agent_id);
}
std::string line(const core::Kill& a) { return fmt::format("call KILL task={} agent={}", a.task_id, a.agent_id); }
std::string line(const core::Reconcile& a) {
  return a.tasks.empty() ? std::string("call RECONCILE implicit")
                         : fmt::format("call RECONCILE count={}", a.tasks.size());
}
std::string line(const core::ShutdownExecutor& a) {
  return fmt::format("call SHUTDOWN executor={} agent={}", a.executor_id, a.agent_id);
}
std::string line(const core::RequestReport& a) {
  return fmt::format("call MESSAGE report request executor={} agent={}", a.executor_id, a.agent_id);
}
std::string line(const core::Evacuate& a) {
  return fmt::format("call MESSAGE drain executor={} agent={}", a.executor_id, a.agent_id);
}
std::string line(const core::Report& a) {
  return fmt::format("bbs report call={} instance={} reason=\"{}\"", a.call, core::to_string(a.key), a.text);
}
std::string line(const core::ReadRows& a) { return fmt::format("bbs question call={} guid={}", a.call, a.guid); }
std::string line(const core::ReadSandbox& a) {
  return fmt::format("sandbox question executor={} agent={} url={}", a.executor_id, a.agent_id, a.agent_url);
}
std::string line(const core::Note& a) { return a.text; }

}  // namespace

std::string print(const core::Event& event) {
  return std::visit([](const auto& one) { return line(one); }, event);
}
std::string print(const core::Action& action) {
  return std::visit([](const auto& one) { return line(one); }, action);
}

}  // namespace edge
