// --cell-containerizer host: the command by which an executor that is no container itself runs its cell's, with the
// agent's docker CLI.
#pragma once

#include <string>

#include "scheduler/edge/cell_options.hpp"

namespace edge {

// For /bin/sh in the sandbox, with the variables that an executor gives its cell's command. It removes what another
// cell has left on this agent, then is `docker run` itself: TERM goes to the container, whose end is its own. The
// container is below the executor's control group, so that Mesos's limits hold for it and it ends with the executor;
// where the executor has none of its own, one line on stderr says so. Where docker does not answer or cannot do that:
// one line on stderr, status 69.
std::string host_command(const CellOptions& cell);

// One word for a shell, whatever it holds.
std::string shell_quote(const std::string& text);

}  // namespace edge
