// Finds the strategy that --strategy names: one of ours, or one in a shared object.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "scheduler/placement/strategy.hpp"

namespace plugin {

// Where a module's strategy tells of what went wrong in it, a line at a time without a line's end.
using Tell = void (*)(std::string_view line);
void tell_stderr(std::string_view line);

// Without a '/' a built-in one (placement::make_strategy, which alone reads `options`). Otherwise
// PATH or PATH:TEXT: the shared object at PATH, whose strategy is made with TEXT. PATH ends at the
// first ':'. Its code stays in the process for good. What cannot be used (no such file, no shared
// object, not a module, built for another version or by another compiler, nothing made) is an error
// of one line that names --strategy and the path. `tell` must be callable while the strategy lives.
base::Result<std::unique_ptr<placement::Strategy>> load_strategy(const std::string& name_or_path,
                                                                 const placement::StrategyOptions& options = {},
                                                                 Tell tell = tell_stderr);

}  // namespace plugin
