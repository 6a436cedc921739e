// The Docker engine that would run cells here, for the preflight of who gives it the engine's socket.
#pragma once

#include <optional>
#include <string>

#include "cell/core/preflight.hpp"

namespace cell {

// Asks the engine at the unix socket `path`, some two seconds at most; nullopt where there is none that answers.
std::optional<Engine> look_at_engine(const std::string& path);

}  // namespace cell
