// Messages from executors (schemas/cell.proto) as events of the core.
#pragma once

#include <optional>
#include <string>

#include "scheduler/core/events.hpp"

namespace edge {

// nullopt for what is not one of them.
std::optional<core::Event> cell_message(const std::string& agent_id, const std::string& executor_id,
                                        const std::string& data);

}  // namespace edge
