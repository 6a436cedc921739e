// What must survive a restart, as files in one directory that one scheduler owns at a time.
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

  // The framework id, if one was saved.
  base::Result<std::optional<std::string>> framework_id() const;

  // Durable when it returns: written aside, synced, renamed, directory synced.
  base::Status save_framework_id(const std::string& id);
  base::Status forget_framework_id();

 private:
  StateDir(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  base::Status write(const std::string& name, const std::string& text);
  base::Status sync_directory();

  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace edge
