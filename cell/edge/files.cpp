#include "cell/edge/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.hpp"

namespace cell {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> entries(const std::string& directory) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    out.push_back(at->path());
  std::sort(out.begin(), out.end());
  return out;
}

void find_programs(const fs::path& folder, Packages& packages) {
  for (const char* const name : kPrograms) {
    const fs::path path = folder / name;
    std::error_code error;
    if (fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0) packages.programs.emplace(name, path);
  }
}

base::Status write_file(const File& file) {
  const auto failed = [&] { return base::Error{file.path, std::strerror(errno)}; };
  const int fd = ::open(file.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file.program ? 0700 : 0600);
  if (fd < 0) return failed();
  const auto wrote = ::write(fd, file.text.data(), file.text.size());
  const bool whole = wrote == static_cast<ssize_t>(file.text.size());
  const base::Status status = whole ? base::ok() : base::Status(failed());
  ::close(fd);
  return status;
}

}  // namespace

Packages find_packages(const std::string& directory) {
  Packages packages;
  for (const fs::path& package : entries(directory)) {
    find_programs(package, packages);
    find_programs(package / "bin", packages);
    std::error_code error;
    if (fs::exists(package / "rootfs.tar", error))
      packages.rootfs.push_back(package.filename().string() + ":" + (package / "rootfs.tar").string());
    if (package.filename() == "healthcheck" && fs::exists(package / "healthcheck", error))
      packages.healthcheck = package;
  }
  return packages;
}

base::Result<std::vector<Job>> read_jobs(const std::string& directory) {
  std::vector<Job> jobs;
  for (const fs::path& path : entries(directory)) {
    if (path.extension() != ".toml") continue;
    const auto text = read_text(path, path);
    if (!text) return text.error();
    auto job = parse_job(path.string(), *text);
    if (!job) return job.error();
    jobs.push_back(*std::move(job));
  }
  return jobs;
}

base::Result<std::string> read_text(const std::string& where, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf() || file.peek() == EOF)) return base::Error{where, "cannot be read"};
  return text.str();
}

base::Status prepare(const Plan& plan) {
  for (const std::string& directory : plan.directories) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) return base::Error{directory, error.message()};
  }
  for (const File& file : plan.files) {
    if (const auto written = write_file(file); !written) return written;
  }
  return base::ok();
}

std::string last_words(const std::string& path, std::uint64_t from) {
  constexpr std::uint64_t kTail = 16384;
  constexpr std::size_t kLine = 300;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const auto size = static_cast<std::uint64_t>(file.tellg());
  if (size < from) from = 0;  // It was begun anew.
  file.seekg(static_cast<std::streamoff>(std::max(from, size - std::min(size, kTail))));
  std::string words;
  for (std::string line; std::getline(file, line);) {
    const bool panic = line.starts_with("panic: ") || line.starts_with("fatal error: ");
    // Below it stands only where it came from.
    if (!panic && (words.starts_with("panic: ") || words.starts_with("fatal error: "))) continue;
    if (const auto text = base::trim(line); !text.empty()) words = text.substr(0, kLine);
  }
  return words;
}

void bound_log(const std::string& path, std::uint64_t bytes_max) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size <= bytes_max) return;
  // Not renamed: its writers would follow it.
  fs::copy_file(path, path + ".1", fs::copy_options::overwrite_existing, error);
  fs::resize_file(path, 0, error);
}

}  // namespace cell
