#include "diego/container_metrics.hpp"

#include <algorithm>

#include "diego/json.hpp"

namespace diego {
namespace {

constexpr double kCoresMax = 1e6;  // Beyond it is nonsense, and thousandths would not fit.

bool read_list(GoDecoder& decoder, const JsonMember& member, std::string_view name, std::string_view guid,
               std::string_view go_type, std::vector<ContainerUsage>& list) {
  if (!decoder.named(member, name)) return false;
  if (!decoder.array(member.value, "[]" + std::string(go_type))) return true;
  for (const JsonValue& item : member.value.items) {
    if (!decoder.object(item, go_type)) continue;
    ContainerUsage usage;
    double cores = 0;
    for (const JsonMember& part : item.members) {
      (void)(decoder.field(part, guid, usage.guid) || decoder.field(part, "cpu_usage_fraction", cores) ||
             decoder.field(part, "memory_usage_bytes", usage.memory_bytes) ||
             decoder.field(part, "disk_usage_bytes", usage.disk_bytes));
    }
    usage.cpus_milli = static_cast<std::int64_t>(std::clamp(cores, 0.0, kCoresMax) * 1000 + 0.5);
    usage.memory_bytes = std::max<std::int64_t>(usage.memory_bytes, 0);
    usage.disk_bytes = std::max<std::int64_t>(usage.disk_bytes, 0);
    if (!usage.guid.empty()) list.push_back(std::move(usage));
  }
  return true;
}

}  // namespace

base::Result<ContainerMetrics> parse_container_metrics(std::string_view body) {
  const auto document = parse_json(body);
  if (!document) return document.error();
  GoDecoder decoder("rep", "ContainerMetricsCollection");
  ContainerMetrics metrics;
  if (decoder.object(*document, "")) {
    for (const JsonMember& member : document->members) {
      (void)(decoder.field(member, "cell_id", metrics.cell_id) ||
             read_list(decoder, member, "lrps", "instance_guid", "rep.LRPMetric", metrics.lrps) ||
             read_list(decoder, member, "tasks", "task_guid", "rep.TaskMetric", metrics.tasks));
    }
  }
  if (auto error = decoder.error()) return *std::move(error);
  return metrics;
}

}  // namespace diego
