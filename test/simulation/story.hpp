// A story: what an operator would ask ("what becomes of my apps when an agent dies?"), played in a world
// without chance faults, and told as it happens. transcripts/*.txt hold the stories; the test plays each
// and compares what is told with what stands there, so each is documentation that cannot go stale.
//
//   # Prose, and
//   agents 2                      settings, before anything happens (Story::set in story.cpp)
//
//   > post web 0-1 256            then commands, each
//     0.9  web.0  queued          followed by what is seen of it: told by play(), compared by the test.
//
// Times are virtual seconds. Names that chance gives (attempts, cells, ids) are numbered as they appear.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace simulation {

// Plays the story in `text`, whatever is told in it already, and returns it as it is told now. An error
// names the line that makes no sense, or the rule that was broken.
base::Result<std::string> play(const std::string& text);

}  // namespace simulation
