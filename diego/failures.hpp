// Why an auction failed, in Diego's exact words: Cloud Controller matches on their beginnings and
// shows them to users.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace diego {

inline constexpr std::string_view kCellMismatch = "found no compatible cell for required rootfs";
inline constexpr std::string_view kVolumeDriverMismatch = "found no compatible cell with required volume drivers";
inline constexpr std::string_view kCellCommunication = "unable to communicate to compatible cells";
inline constexpr std::string_view kExceededInflightCreation =
    "waiting to start instance: reached in-flight start limit";
inline constexpr std::string_view kInsufficientResources = "insufficient resources";

// `found no compatible cell with placement tags "a", "b" and "c"`, in the order given.
std::string placement_tag_mismatch(const std::vector<std::string>& tags);

// `insufficient resources: containers, disk, memory`: what is short on every eligible cell; without
// such a thing the bare constant.
std::string insufficient_resources(const std::set<std::string>& problems);

}  // namespace diego
