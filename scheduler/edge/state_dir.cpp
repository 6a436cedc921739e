#include "scheduler/edge/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.hpp"

namespace edge {
namespace {

constexpr const char* kFrameworkId = "framework_id";

base::Error failed(const std::string& path, int error) { return {"--state-dir " + path, std::strerror(error)}; }

// Closes on every way out.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

base::Result<StateDir> StateDir::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return base::Error{"--state-dir " + path, error.message()};
  const std::string lock = path + "/lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failed(path, errno);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    close(fd);
    if (why == EWOULDBLOCK) return base::Error{"--state-dir " + path, "is in use by another diego-scheduler"};
    return failed(path, why);
  }
  StateDir dir(path, fd);
  if (auto probed = dir.probe(); !probed) return probed.error();
  return dir;
}

StateDir::~StateDir() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

base::Result<std::optional<std::string>> StateDir::old_framework_id() const {
  const std::string name = path_ + "/" + kFrameworkId;
  if (!std::filesystem::exists(name)) return std::optional<std::string>{};
  std::ifstream file(name);
  std::stringstream text;
  if (file) text << file.rdbuf();
  std::string id(base::trim(text.str()));
  // Mesos: an id is 1 to 255 bytes without control characters and slashes.
  const bool fit = !id.empty() && id.size() <= 255 && id.find_first_of("/\\\n\r\t ") == std::string::npos;
  if (!file || !fit)
    return base::Error{name, "holds no framework id; restore it, or remove it to start as a new framework"};
  return std::optional(std::move(id));
}

base::Status StateDir::forget_old_framework_id() {
  if (::unlink((path_ + "/" + kFrameworkId).c_str()) != 0 && errno != ENOENT) return failed(path_, errno);
  return sync_directory();
}

base::Status StateDir::probe() const {
  const std::string name = path_ + "/probe";
  const File file(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const bool written = file.fd() >= 0 && write_all(file.fd(), std::string(64 * 1024, '.')) && fsync(file.fd()) == 0;
  const int why = errno;
  ::unlink(name.c_str());
  if (!written) return failed(path_, why);
  return base::ok();
}

base::Status StateDir::sync_directory() const {
  const File directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd() < 0 || fsync(directory.fd()) != 0) return failed(path_, errno);
  return base::ok();
}

}  // namespace edge
