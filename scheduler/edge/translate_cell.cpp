#include "scheduler/edge/translate_cell.hpp"

#include <algorithm>

#include "cell.pb.h"
#include "mesos/v1/mesos.pb.h"

namespace edge {
namespace {

template <class Strings>
std::set<std::string> set_of(const Strings& strings) {
  return {strings.begin(), strings.end()};
}

// What an impostor says must not overflow the sums it goes into.
std::int64_t sane(std::int64_t amount) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  return std::clamp(amount, -kMost, kMost);
}

placement::Amounts amounts_of(const cell::v1::Amounts& amounts) {
  return {sane(amounts.memory_mb()), sane(amounts.disk_mb()), 0, sane(amounts.containers())};
}

core::CellReported report_of(const cell::v1::State& state) {
  core::CellReported report;
  report.rep_answers = state.rep_answers();
  report.evacuating = state.evacuating();
  report.zone = state.zone();
  report.garden_healthy = !state.garden_unhealthy();
  report.total = amounts_of(state.total());
  if (state.has_available()) report.available = amounts_of(state.available());
  report.proxy_mem_mb = std::max<std::int64_t>(0, state.proxy_memory_mb());
  report.work_is_cut = state.work_is_cut();
  for (const auto& provider : state.rootfs_providers()) {
    auto& out = report.rootfs[provider.scheme()];
    out.kind = provider.arbitrary() ? diego::RootFsProvider::Kind::arbitrary : diego::RootFsProvider::Kind::fixed_set;
    out.set = set_of(provider.fixed_set());
  }
  report.placement_tags = set_of(state.placement_tags());
  report.optional_placement_tags = set_of(state.optional_placement_tags());
  report.volume_drivers = set_of(state.volume_drivers());
  report.starting = std::max<std::int64_t>(0, state.starting_containers());
  report.others_starting = std::max<std::int64_t>(0, state.others_starting());
  for (const auto& work : state.work()) {
    report.work.push_back({work.task_id(), work.domain(), work.memory_mb(), work.disk_mb(), !work.rep_state().empty()});
  }
  return report;
}

core::CellMeasured measured_of(const cell::v1::Metrics& metrics) {
  core::CellMeasured measured;
  measured.dropped = std::max<std::int64_t>(0, metrics.dropped());
  for (const auto& usage : metrics.usage()) {
    measured.usage.push_back({usage.task_id(), std::max<std::int64_t>(0, usage.cpus_milli()),
                              std::max<std::int64_t>(0, usage.memory_bytes()),
                              std::max<std::int64_t>(0, usage.disk_bytes())});
  }
  return measured;
}

// The agent and executor that the message came from.
template <class Event>
core::Event from(const std::string& agent_id, const std::string& executor_id, Event event) {
  event.agent_id = agent_id;
  event.executor_id = executor_id;
  return event;
}

}  // namespace

std::optional<core::Event> cell_message(const std::string& agent_id, const std::string& executor_id,
                                        const std::string& data) {
  cell::v1::ToScheduler message;
  if (!message.ParseFromString(data)) return std::nullopt;
  if (message.has_hello()) {
    // It goes back to Mesos with every launch on that cell.
    mesos::v1::ExecutorInfo info;
    if (!info.ParsePartialFromString(message.hello().executor_info()) || !info.IsInitialized()) return std::nullopt;
    return core::CellSaidHello{agent_id, executor_id, message.hello().cell_id(), message.hello().executor_info()};
  }
  if (message.has_state()) return from(agent_id, executor_id, report_of(message.state()));
  if (message.has_metrics()) return from(agent_id, executor_id, measured_of(message.metrics()));
  return std::nullopt;
}

}  // namespace edge
