// Asks agents what stands in the sandbox of a cell that failed: READ_FILE of their operator API, on two threads, for
// an agent may be slow or gone. Whatever is asked is answered once, until the desk ends.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "scheduler/core/actions.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/edge/operator_api.hpp"

namespace edge {

// What a sandbox tells, by the files in it. Blocks for as long as `agents` allows, for each of up to four requests.
core::SandboxRead read_sandbox(OperatorApi& agents, const core::ReadSandbox& question);

class SandboxDesk {
 public:
  // `answer` is called on the desk's threads and must outlive it.
  SandboxDesk(const MesosOptions& mesos, std::function<void(core::SandboxRead)> answer);
  ~SandboxDesk();  // Breaks off what is under way.
  SandboxDesk(const SandboxDesk&) = delete;
  SandboxDesk& operator=(const SandboxDesk&) = delete;

  // From one thread. How many may wait is the core's to bound.
  void ask(core::ReadSandbox question);

 private:
  struct Clerk;
  std::vector<std::unique_ptr<Clerk>> clerks_;
  std::size_t next_ = 0;
};

}  // namespace edge
