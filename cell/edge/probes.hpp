// Looks at the machine for the preflight.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cell/core/preflight.hpp"

namespace cell {

// Whether to stop waiting; asked some fifty times a second.
using Stopped = std::function<bool()>;

// BBS and Locket are dialled, for two seconds at most, where there is a rep that needs them.
Host look_at_host(const Config& config, const Packages& packages, const Stopped& stopped);

// Asks all beside each other, each on a thread of its own, and returns who failed with why; who has not answered by
// then is one of them. A question may go on for as long as it likes: nobody waits for it, so it owns what it needs.
using Question = std::function<base::Status()>;
std::map<std::string, std::string> ask_all(const std::map<std::string, Question>& questions, base::Duration limit,
                                           const Stopped& stopped);

}  // namespace cell
