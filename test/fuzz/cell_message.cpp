// Messages between executor and scheduler (schemas/cell.proto): what an executor sends reaches the
// core as it was meant, whatever an impostor sends does no harm, and what one codec carries the other
// carries, too.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>

#include "cell.pb.h"
#include "fuzz.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "scheduler/edge/translate_cell.hpp"

namespace {

using fuzz::require;

void check_hello(const core::CellSaidHello& hello, const cell::v1::ToScheduler& sent) {
  require(sent.has_hello() && hello.cell_id == sent.hello().cell_id(), "a hello says who it is");
  mesos::v1::ExecutorInfo info;
  require(info.ParseFromString(hello.executor_info), "its ExecutorInfo can go back to Mesos");
}

void check_report(const core::CellReported& report, const cell::v1::State& state) {
  require(report.rep_answers == state.rep_answers() && report.evacuating == state.evacuating() &&
              report.zone == state.zone() && report.work_is_cut == state.work_is_cut(),
          "a report says what the state says");
  // Beyond what any machine has it is cut, so that sums do not overflow.
  static constexpr std::int64_t kMost = std::int64_t{1} << 48;
  const auto same = [](std::int64_t ours, std::int64_t sent) { return ours == std::clamp(sent, -kMost, kMost); };
  require(
      same(report.total.mem_mb, state.total().memory_mb()) && same(report.total.containers, state.total().containers()),
      "its total is the rep's");
  require(report.proxy_mem_mb >= 0, "a proxy takes no memory away");
  require(report.work.size() == static_cast<std::size_t>(state.work_size()), "no work is lost");
  require(report.rootfs.size() <= static_cast<std::size_t>(state.rootfs_providers_size()), "no root is invented");
}

}  // namespace

void fuzz::cell_message(std::string_view bytes) {
  // The library would write a line for every string that is not UTF-8.
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(silenced);

  const std::string data(bytes);
  const auto event = edge::cell_message("agent", "executor", data);
  cell::v1::ToScheduler sent;
  const bool read = sent.ParseFromString(data);
  if (!event) {
    require(!read || (!sent.has_state() && !sent.has_metrics()), "state and metrics are always an event");
    return;
  }
  require(read, "what cannot be read is no event");

  const auto again = edge::cell_message("agent", "executor", sent.SerializeAsString());
  require(again && again->index() == event->index(), "written and read it is the same event");
  if (const auto* hello = std::get_if<core::CellSaidHello>(&*event)) {
    check_hello(*hello, sent);
    require(std::get<core::CellSaidHello>(*again).executor_info == hello->executor_info, "to the byte");
  } else if (const auto* measured = std::get_if<core::CellMeasured>(&*event)) {
    require(measured->usage.size() == static_cast<std::size_t>(sent.metrics().usage_size()), "no use is lost");
    require(measured->dropped >= 0, "nothing is dropped less than once");
    require(std::get<core::CellMeasured>(*again) == *measured, "to the last figure");
  } else {
    const auto& report = std::get<core::CellReported>(*event);
    check_report(report, sent.state());
    require(std::get<core::CellReported>(*again) == report, "to the last field");
  }
}
