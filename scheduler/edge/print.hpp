// Events and actions as log lines; ids always under the same key: task= agent= offer= executor=.
#pragma once

#include <string>

#include "scheduler/core/actions.hpp"
#include "scheduler/core/events.hpp"

namespace edge {

std::string print(const core::Event& event);
std::string print(const core::Action& action);

}  // namespace edge
