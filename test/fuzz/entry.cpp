// One target for libFuzzer: FUZZ_TARGET is its name.
#include <cstdint>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly that size, never null, so that a read past the end is seen.
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz::FUZZ_TARGET(bytes);
  return 0;
}
