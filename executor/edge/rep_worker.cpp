#include "executor/edge/rep_worker.hpp"

#include <cassert>

namespace executor {
namespace {

std::optional<std::string> error_of(const base::Status& status) {
  if (status) return std::nullopt;
  return status.error().message();
}

}  // namespace

RepWorker::RepWorker(std::unique_ptr<diego::RepClient> client, std::function<void(Event)> post)
    : client_(std::move(client)), post_(std::move(post)), thread_([this] { run(); }) {}

RepWorker::~RepWorker() {
  orders_.close();
  client_->stop();
  thread_.join();
}

void RepWorker::run() {
  while (!orders_.closed()) {
    for (const Action& action : orders_.take(std::nullopt)) {
      if (orders_.closed()) return;
      post_(carry_out(action));
    }
  }
}

Event RepWorker::carry_out(const Action& action) {
  if (std::holds_alternative<PollState>(action)) {
    auto state = client_->state();
    if (!state) return RepFailed{state.error().message()};
    return RepAnswered{*std::move(state)};
  }
  if (std::holds_alternative<PollMetrics>(action)) {
    auto metrics = client_->container_metrics();
    if (!metrics) return MetricsAnswered{{}, metrics.error().message()};
    return MetricsAnswered{*std::move(metrics), std::nullopt};
  }
  if (const auto* post = std::get_if<PostWork>(&action)) {
    auto refused = client_->work(post->work, post->trace_id);
    if (!refused) return WorkAnswered{{}, refused.error().message()};
    return WorkAnswered{*std::move(refused), std::nullopt};
  }
  if (const auto* stop = std::get_if<StopLrp>(&action)) {
    return StopAnswered{stop->task_id,
                        error_of(client_->stop_lrp(stop->process_guid, stop->instance_guid, stop->trace_id))};
  }
  if (const auto* cancel = std::get_if<CancelTask>(&action)) {
    return StopAnswered{cancel->task_id, error_of(client_->cancel_task(cancel->task_guid, cancel->trace_id))};
  }
  assert(std::holds_alternative<Evacuate>(action));
  return EvacuateAnswered{error_of(client_->evacuate())};
}

}  // namespace executor
