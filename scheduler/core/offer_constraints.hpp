// Of which agents work may use offers at all, by their attributes: what a master of Mesos 1.11 can be asked for.
// Pure. A condition never leaves out an agent that could do: it says what an agent without a cell of ours must have.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/actions.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/placement/types.hpp"

namespace core {

// Attributes, one set of which work with those constraints needs, beginning with the cells that the flags describe;
// nullopt: agents without any may do.
std::optional<std::vector<AttributeGroup>> attributes_needed(const placement::Constraints& constraints,
                                                             const Config& config);

// Whether an agent with these attributes (as Offer::attributes) is among those asked for.
bool has_one(const std::vector<AttributeGroup>& groups, const std::map<std::string, std::string>& attributes);

}  // namespace core
