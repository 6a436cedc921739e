// `diego-scheduler teardown`: ends the framework on purpose, with every cell and instance of it.
#pragma once

#include "base/result.hpp"
#include "scheduler/edge/options.hpp"

namespace edge {

// Tells the leading master to remove the framework whose id --state-dir holds, and forgets the id.
// The text says what was done; a scheduler that still runs is an error (it owns the directory).
base::Result<std::string> teardown(const Options& options);

}  // namespace edge
