#include "scheduler/record/recorded_files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "scheduler/record/rotating_files.hpp"

namespace record {
namespace fs = std::filesystem;

base::Result<std::vector<Life>> lives_in(const std::string& folder) {
  std::error_code error;
  std::map<std::string, std::map<std::uint64_t, std::string>> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path& path = entry.path();
    if (path.extension() != kSuffix) continue;
    const std::string stem = path.stem().string();
    const std::size_t dot = stem.rfind('.');
    std::uint64_t number = 0;
    if (dot == std::string::npos) continue;
    const auto [end, bad] = std::from_chars(stem.data() + dot + 1, stem.data() + stem.size(), number);
    if (bad != std::errc{} || end != stem.data() + stem.size()) continue;
    found[stem.substr(0, dot)][number] = path.string();
  }
  if (error) return base::Error{folder, error.message()};
  if (found.empty()) return base::Error{folder, "holds no recording"};
  std::vector<Life> lives;
  for (auto& [name, segments] : found) {
    Life life{name, {}, {}};
    for (auto& [number, path] : segments) {
      life.segments.push_back(number);
      life.paths.push_back(std::move(path));
    }
    lives.push_back(std::move(life));
  }
  return lives;
}

base::Result<std::string> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file && !file.eof()) return base::Error{path, "cannot be read"};
  return bytes;
}

}  // namespace record
