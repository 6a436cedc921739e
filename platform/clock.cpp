#include "platform/clock.hpp"

#include <chrono>
#include <random>

namespace platform {

base::Time now() {
  static const auto wall_start = std::chrono::system_clock::now().time_since_epoch();
  static const auto steady_start = std::chrono::steady_clock::now();
  return base::Time(std::chrono::duration_cast<base::Duration>(wall_start)) +
         std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - steady_start);
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace platform
