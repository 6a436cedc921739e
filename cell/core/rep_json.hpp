// The configuration file of Diego's rep.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cell/core/config.hpp"
#include "cell/core/plan.hpp"

namespace cell {

// `stacks` are the root file systems, as stack:path. Below what is the cell's own to say stand the keys of
// `rep_template`, a JSON object, and below these the defaults of Diego's release. The template may not set what Mesos
// decides: cell_id, memory_mb, disk_mb.
base::Result<std::string> render_rep_json(const Config& config, const Packages& packages,
                                          const std::vector<std::string>& stacks, const std::string& rep_template);

}  // namespace cell
