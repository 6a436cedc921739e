// One log line per event and action; ids always under the same key.
#pragma once

#include <string>

#include "executor/core/events.hpp"

namespace executor {

std::string line_of(const Event& event);
std::string line_of(const Action& action);

// The X-Vcap-Request-Id it is done for; nullptr: for none.
const std::string* trace_of(const Event& event);
const std::string* trace_of(const Action& action);

}  // namespace executor
