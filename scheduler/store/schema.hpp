// What the file looks like, and how one of an older version becomes one of this. Internal to this room.
#pragma once

#include <span>
#include <string>

#include "base/result.hpp"
#include "scheduler/store/database.hpp"

namespace store {

// In the header of our files (PRAGMA application_id): "dgms".
inline constexpr std::int64_t kApplicationId = 0x64676d73;

// steps()[n] is the SQL that makes a file of version n one of version n + 1; version 0 is an empty file.
// A step that has been released is never changed: a new version is a new step.
std::span<const std::string> steps();

// Sets up the connection and brings the file to version steps.size(), all steps in one transaction. Before
// it is sure that the file is one of ours, not newer and not damaged, nothing of it is changed.
base::Status prepare_file(const Database& database, std::span<const std::string> steps);

}  // namespace store
