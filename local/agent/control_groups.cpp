#include "local/agent/control_groups.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

namespace local {

namespace fs = std::filesystem;

namespace {

// Not Mesos's name: an agent of this machine would take ours for its own and end them.
constexpr const char* kOurs = "diego-local";
constexpr const char* kControllers[] = {"freezer", "cpu", "memory"};  // Version 1.
constexpr int kEndRounds = 5000;                                      // Of a millisecond.

base::Status make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  // Another may have removed what was common just then.
  if (error) fs::create_directories(path, error);
  return error ? base::Status(base::Error{path, error.message()}) : base::ok();
}

base::Status write(const fs::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file ? base::ok() : base::Status(base::Error{path, "cannot be written"});
}

std::vector<fs::path> below(const fs::path& group) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(group, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) found.push_back(it->path());
  }
  return found;
}

// Processes cannot leave, but they may fork meanwhile: for a caller that tries again.
void kill_and_remove(const fs::path& group) {
  for (const fs::path& inner : below(group)) kill_and_remove(inner);
  std::ifstream processes(group / "cgroup.procs");
  for (int pid = 0; processes >> pid;) {
    if (pid > 1) ::kill(pid, SIGKILL);
  }
  std::error_code ignored;
  fs::remove(group, ignored);
}

// The kernel's own scale for what version 1 calls shares.
std::int64_t weight_of(std::int64_t shares) { return 1 + (shares - 2) * 9999 / 262142; }

}  // namespace

ControlGroups::ControlGroups(std::string root)
    : root_(std::move(root)), version_2_(fs::exists(fs::path(root_) / "cgroup.controllers")) {}

std::vector<std::string> ControlGroups::made_by_us(const std::string& container) const {
  if (version_2_) return {root_ + "/" + kOurs + "/" + container};
  std::vector<std::string> groups;
  for (const char* controller : kControllers)
    groups.push_back(fmt::format("{}/{}/{}/{}", root_, controller, kOurs, container));
  return groups;
}

base::Status ControlGroups::check() const {
  if (!version_2_) {
    for (const char* controller : kControllers) {
      const fs::path hierarchy = fs::path(root_) / controller;
      if (!fs::exists(hierarchy / "cgroup.procs")) return base::Error{hierarchy, "is no control group's hierarchy"};
    }
  }
  for (const std::string& group : made_by_us("")) {
    if (const auto made = make_directory(group); !made) return made;
  }
  return base::ok();
}

base::Result<std::vector<std::string>> ControlGroups::make(const std::string& container, ContainerLimits limits) const {
  std::vector<std::string> entrances;
  for (const std::string& group : made_by_us(container)) {
    // In version 2 a group whose controllers are for groups below it has no processes of its own.
    const std::string inner = version_2_ ? group + "/leaf" : group;
    if (const auto made = make_directory(inner); !made) return made.error();
    entrances.push_back(inner + "/cgroup.procs");
  }
  if (version_2_) {
    const std::string common = root_ + "/" + kOurs;
    for (const std::string& group : {root_, common, common + "/" + container}) {
      for (const char* controller : {"+cpu", "+memory", "+pids"})
        (void)write(group + "/cgroup.subtree_control", controller);  // A missing one shows when it is used.
    }
  }
  if (const auto limited = limit(container, limits); !limited) return limited.error();
  return entrances;
}

base::Status ControlGroups::limit(const std::string& container, ContainerLimits limits) const {
  const std::int64_t bytes = std::llround(limits.mem_mb * 1048576);
  const std::int64_t shares = std::max<std::int64_t>(2, std::llround(limits.cpus * 1024));
  const auto groups = made_by_us(container);
  const fs::path cpu = version_2_ ? groups.front() + "/cpu.weight" : groups[1] + "/cpu.shares";
  const fs::path memory = version_2_ ? groups.front() + "/memory.max" : groups[2] + "/memory.limit_in_bytes";
  if (const auto set = write(cpu, std::to_string(version_2_ ? weight_of(shares) : shares)); !set) return set;
  return bytes > 0 ? write(memory, std::to_string(bytes)) : base::ok();
}

base::Status ControlGroups::end(const std::string& container) const {
  std::vector<fs::path> groups = {fs::path(root_) / kOurs / container};
  if (!version_2_) {
    groups.clear();
    for (const fs::path& hierarchy : below(root_)) groups.push_back(hierarchy / kOurs / container);
  }
  for (int round = 0;; ++round) {
    std::string left;
    for (const fs::path& group : groups) {
      kill_and_remove(group);
      if (left.empty() && fs::exists(group)) left = group;
    }
    if (left.empty()) return base::ok();
    if (round == kEndRounds) return base::Error{left, "does not end"};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void ControlGroups::forget() const {
  std::error_code ignored;
  if (version_2_) {
    fs::remove(fs::path(root_) / kOurs, ignored);
    return;
  }
  for (const fs::path& hierarchy : below(root_)) fs::remove(hierarchy / kOurs, ignored);
}

}  // namespace local
