// Looks at the machine for the preflight.
#pragma once

#include "cell/core/preflight.hpp"

namespace cell {

// BBS and Locket are dialled, some two seconds each at most, where there is a rep that needs them.
Host look_at_host(const Config& config, const Packages& packages);

}  // namespace cell
