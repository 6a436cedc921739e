// One log line per event and action; ids always under the same key.
#pragma once

#include <string>

#include "executor/core/events.hpp"

namespace executor {

std::string line_of(const Event& event);
std::string line_of(const Action& action);

}  // namespace executor
