// Control groups of an agent's containers, as Mesos's Linux launcher and its isolators cgroups/cpu and cgroups/mem make
// them: <hierarchy>/diego-local/<container> (Mesos: mesos/<container>), in version 2 with the processes in `leaf`
// below. What they start stays below, docker containers that have it as their parent too, and ends with it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "local/agent/agent_model.hpp"

namespace local {

// One thread at a time for each container.
class ControlGroups {
 public:
  // `root` is where they are mounted: one directory for each hierarchy (version 1), or the only one (version 2).
  explicit ControlGroups(std::string root);

  // Whether they can be made; the error says what cannot.
  base::Status check() const;

  // Makes a container's. A process enters by writing its id into each of the files returned.
  base::Result<std::vector<std::string>> make(const std::string& container, ContainerLimits limits) const;

  base::Status limit(const std::string& container, ContainerLimits limits) const;

  // Kills all that is in them and removes them, also in hierarchies where only docker has made them. The error names
  // the first that is still there after 5 s.
  base::Status end(const std::string& container) const;

  // What all containers have in common goes, where nobody has one any more.
  void forget() const;

 private:
  std::vector<std::string> made_by_us(const std::string& container) const;

  const std::string root_;
  const bool version_2_;
};

}  // namespace local
