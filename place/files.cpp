#include "place/files.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace place {
namespace {

base::Error cannot(const std::string& path, const char* what, int number) {
  return base::Error{path, std::string("cannot be ") + what + ": " + std::strerror(number)};
}

}  // namespace

base::Result<Workload> load_workload(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return cannot(path, "read", errno);
  return read_workload(path, [&](char* buffer, std::size_t size) -> base::Result<std::size_t> {
    errno = 0;
    const std::size_t count = std::fread(buffer, 1, size, file.get());
    if (count == 0 && std::ferror(file.get()) != 0) return cannot(path, "read", errno);
    return count;
  });
}

base::Result<OutFile> OutFile::open(const std::string& path) {
  OutFile out;
  out.path_ = path;
  if (path == "-") return out;
  out.file_.reset(std::fopen(path.c_str(), "wb"));
  if (out.file_ == nullptr) return cannot(path, "written", errno);
  return out;
}

base::Status OutFile::write(const std::string& text) {
  std::FILE* const file = file_ ? file_.get() : stdout;
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
  if (!written) return cannot(path_, "written", errno);
  return base::ok();
}

// Not getrusage(): its figure outlives exec, and would be that of a large parent (Linux: exec_mmap).
double peak_rss_mb() {
  if (std::FILE* const status = std::fopen("/proc/self/status", "r"); status != nullptr) {
    char line[256];
    long kb = 0;
    while (kb == 0 && std::fgets(line, sizeof line, status) != nullptr) (void)std::sscanf(line, "VmHWM: %ld kB", &kb);
    std::fclose(status);
    if (kb > 0) return static_cast<double>(kb) / 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace place
