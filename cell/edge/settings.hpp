// diego-cell's flags.
#pragma once

#include <string>

#include "cell/core/config.hpp"
#include "platform/log.hpp"

namespace platform {
class Flags;
}

namespace cell {

struct Options {
  Config config;
  std::string preflight = "enforce";
  std::string log_level = "info";
  platform::LogForm log_form;
  std::int64_t log_file_mb = 10;
};

// Registers them; `options` is filled by parsing.
void declare(platform::Flags& parser, Options& options);

}  // namespace cell
