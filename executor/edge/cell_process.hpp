// The cell's command: a process group of its own, watched by a thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "platform/child_process.hpp"
#include "platform/mailbox.hpp"

namespace executor {

class CellProcess {
 public:
  // `ended` is called once, on the watching thread, with how it ended.
  static base::Result<std::unique_ptr<CellProcess>> start(const platform::Command& command,
                                                          std::function<void(std::string how)> ended);
  ~CellProcess();  // Kills what is left of the group.
  CellProcess(const CellProcess&) = delete;
  CellProcess& operator=(const CellProcess&) = delete;

  // SIGTERM to the group, SIGKILL after `grace`. Returns at once; `ended` follows.
  void stop(base::Duration grace) { stops_.post(grace); }

 private:
  CellProcess(platform::ChildProcess child, std::function<void(std::string how)> ended);
  void watch();

  platform::ChildProcess child_;
  std::function<void(std::string how)> ended_;
  platform::Mailbox<base::Duration> stops_;
  std::thread thread_;
};

// A TCP port on 127.0.0.1 that nothing listens on at this moment.
base::Result<int> free_loopback_port();

}  // namespace executor
