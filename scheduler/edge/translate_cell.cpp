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

core::CellReported report_of(const cell::v1::State& state) {
  core::CellReported report;
  report.rep_answers = state.rep_answers();
  report.evacuating = state.evacuating();
  report.zone = state.zone();
  report.total = {state.total().memory_mb(), state.total().disk_mb(), 0, state.total().containers()};
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
  report.starting = state.starting_containers();
  for (const auto& work : state.work())
    report.work.push_back({work.task_id(), work.domain(), work.memory_mb(), work.disk_mb()});
  return report;
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
  if (!message.has_state()) return std::nullopt;
  core::CellReported report = report_of(message.state());
  report.agent_id = agent_id;
  report.executor_id = executor_id;
  return report;
}

}  // namespace edge
