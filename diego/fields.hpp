// Fields that several of Diego's JSON objects share (Go embeds their structs). For this room only.
#pragma once

#include "diego/auction.hpp"
#include "diego/json.hpp"

namespace diego {

// True when `member` was one of the constraint's or the resource's fields.
inline bool read_needs(GoDecoder& decoder, const JsonMember& member, PlacementConstraint& constraint,
                       Resource& resource) {
  return decoder.field(member, "PlacementTags", constraint.placement_tags) ||
         decoder.field(member, "VolumeDrivers", constraint.volume_drivers) ||
         decoder.field(member, "RootFs", constraint.rootfs) || decoder.field(member, "MemoryMB", resource.memory_mb) ||
         decoder.field(member, "DiskMB", resource.disk_mb) || decoder.field(member, "MaxPids", resource.max_pids);
}

inline void write_needs(GoWriter& writer, const PlacementConstraint& constraint, const Resource& resource) {
  writer.member("PlacementTags", constraint.placement_tags);
  writer.member("VolumeDrivers", constraint.volume_drivers);
  writer.member("RootFs", constraint.rootfs);
  writer.member("MemoryMB", resource.memory_mb);
  writer.member("DiskMB", resource.disk_mb);
  writer.member("MaxPids", resource.max_pids);
}

// A field of Go's Task_State type: its own UnmarshalJSON refuses unknown names at once.
bool read_task_state(GoDecoder& decoder, const JsonMember& member, std::string& state);

}  // namespace diego
