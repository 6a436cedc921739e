#include "scheduler/placement/filters.hpp"

#include <algorithm>

#include "diego/failures.hpp"

namespace placement {
namespace {

bool includes(const std::set<std::string>& all, const std::set<std::string>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

bool tags_match(const Request& request, const Cell& cell) {
  if (!includes(request.placement_tags, cell.placement_tags)) return false;
  return std::all_of(request.placement_tags.begin(), request.placement_tags.end(), [&cell](const std::string& tag) {
    return cell.placement_tags.contains(tag) || cell.optional_placement_tags.contains(tag);
  });
}

}  // namespace

Amounts needs_on(const Request& request, const Cell& cell) {
  Amounts needs = request.needs;
  if (request.is_lrp) needs.mem_mb += cell.proxy_mem_mb;
  return needs;
}

Mismatch mismatch(const Request& request, const Cell& cell) {
  if (!request.rootfs || !diego::matches(cell.rootfs, *request.rootfs)) return Mismatch::rootfs;
  if (!includes(cell.volume_drivers, request.volume_drivers)) return Mismatch::volume_drivers;
  if (!tags_match(request, cell)) return Mismatch::placement_tags;
  return Mismatch::none;
}

std::string mismatch_text(Mismatch mismatch, const Request& request) {
  switch (mismatch) {
    case Mismatch::none:
      break;
    case Mismatch::rootfs:
      return std::string(diego::kCellMismatch);
    case Mismatch::volume_drivers:
      return std::string(diego::kVolumeDriverMismatch);
    case Mismatch::placement_tags:
      return diego::placement_tag_mismatch({request.placement_tags.begin(), request.placement_tags.end()});
  }
  return {};
}

std::set<std::string> shortages(const Amounts& room, const Amounts& needs) {
  std::set<std::string> names;
  if (room.containers < needs.containers) names.insert("containers");
  if (room.cpus_milli < needs.cpus_milli) names.insert("cpu");
  if (room.disk_mb < needs.disk_mb) names.insert("disk");
  if (room.mem_mb < needs.mem_mb) names.insert("memory");
  return names;
}

}  // namespace placement
