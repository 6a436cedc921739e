// The directory of what must survive a restart, which one scheduler owns at a time. The state itself is
// a database in it (scheduler/store).
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace edge {

class StateDir {
 public:
  // Creates the directory if it is missing, takes its lock and proves that it can be written (a full
  // disk is found here and not at the first need). Errors name --state-dir and the reason.
  static base::Result<StateDir> open(const std::string& path);
  ~StateDir();
  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&&) = delete;

  // Before there was a database the framework id stood in a file of its own: that id, if there is one.
  base::Result<std::optional<std::string>> old_framework_id() const;
  // Once it stands in the database.
  base::Status forget_old_framework_id();

 private:
  StateDir(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  base::Status probe() const;
  base::Status sync_directory() const;

  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace edge
