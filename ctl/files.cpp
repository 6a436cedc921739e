#include "ctl/files.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "base/text.hpp"
#include "ctl/text.hpp"

namespace ctl {
namespace {

constexpr std::size_t kBytesMax = std::size_t{64} << 20U;

bool failed = false;

}  // namespace

base::Result<std::string> read_file(const std::string& path) {
  const auto close = [](std::FILE* file) {
    if (file != stdin) std::fclose(file);
  };
  const std::unique_ptr<std::FILE, decltype(close)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"), close);
  if (!file) return base::Error{path, base::lower(std::strerror(errno))};
  std::string content;
  std::array<char, 16384> some{};
  errno = 0;
  while (const std::size_t length = std::fread(some.data(), 1, some.size(), file.get())) {
    content.append(some.data(), length);
    if (content.size() > kBytesMax) return base::Error{path, "is longer than 64 MiB"};
  }
  if (std::ferror(file.get()) != 0) return base::Error{path, base::lower(std::strerror(errno))};
  return content;
}

bool print(const std::string& text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return true;
  if (errno != EPIPE && !std::exchange(failed, true))
    complain(std::string("stdout: ") + base::lower(std::strerror(errno)));
  return false;
}

bool stdout_failed() { return failed; }

void complain(const std::string& text) { std::fprintf(stderr, "diego-ctl: %s\n", printable(text).c_str()); }

}  // namespace ctl
