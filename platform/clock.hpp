// The one place that reads a clock. Monotonic: wall time at process start plus steady time since,
// so a jump of the machine's clock does not move deadlines.
#pragma once

#include "base/time.hpp"

namespace platform {

base::Time now();

// Seeds base::Random from the kernel.
std::uint64_t random_seed();

}  // namespace platform
