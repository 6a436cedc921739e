// Garden: what has to be in place before it, and the daemon itself.
#pragma once

#include <vector>

#include "cell/core/plan.hpp"

namespace cell {

// Control groups and shared mounts, the stores of root file systems, then gdn.
std::vector<Process> garden_processes(const Config& config, const Packages& packages);

// grootfs's configuration, one for each store.
std::vector<File> garden_files(const Config& config, const Packages& packages);

}  // namespace cell
