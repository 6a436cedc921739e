#include "local/agent/agent_files.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

namespace local {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kReadBytesMax = std::int64_t{4} << 20U;

platform::ServerResponse text_answer(int status, std::string text) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(text), nullptr};
}

platform::ServerResponse json_answer(const rapidjson::StringBuffer& buffer) {
  return {200, {{"Content-Type", "application/json"}}, buffer.GetString(), nullptr};
}

// The file behind a path, if it is one of a sandbox of ours.
std::optional<fs::path> resolve(const std::string& work_dir, const std::string& path) {
  if (path.find("..") != std::string::npos) return std::nullopt;
  std::error_code error;
  if (path.starts_with("/frameworks/")) {
    for (fs::directory_iterator it(fs::path(work_dir) / "slaves", error), end; !error && it != end;
         it.increment(error)) {
      fs::path candidate = it->path() / path.substr(1);
      std::error_code missing;
      if (fs::exists(candidate, missing)) return candidate;
    }
    return std::nullopt;
  }
  if (path.starts_with(work_dir + "/slaves/") && fs::exists(path, error)) return path;
  return std::nullopt;
}

std::string value_of(const std::map<std::string, std::string>& query, const std::string& name) {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

std::int64_t number(const std::string& text, std::int64_t otherwise) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : otherwise;
}

std::string mode_text(const struct stat& about) {
  std::string text = S_ISDIR(about.st_mode) ? "d" : S_ISLNK(about.st_mode) ? "l" : "-";
  for (const unsigned shift : {6U, 3U, 0U}) {
    const unsigned bits = (about.st_mode >> shift) & 7U;
    text += (bits & 4U) != 0 ? 'r' : '-';
    text += (bits & 2U) != 0 ? 'w' : '-';
    text += (bits & 1U) != 0 ? 'x' : '-';
  }
  return text;
}

}  // namespace

platform::ServerResponse browse_files(const std::string& work_dir, const std::map<std::string, std::string>& query) {
  const std::string path = value_of(query, "path");
  if (path.empty()) return text_answer(400, "Expecting 'path=value' in query.\n");
  const auto folder = resolve(work_dir, path);
  std::error_code error;
  if (!folder || !fs::is_directory(*folder, error)) return text_answer(404, "");
  std::set<std::string> names;
  for (fs::directory_iterator it(*folder, error), end; !error && it != end; it.increment(error))
    names.insert(it->path().filename().string());

  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartArray();
  for (const std::string& name : names) {
    struct stat about {};
    if (::stat((*folder / name).c_str(), &about) != 0) continue;
    const std::string shown = path + "/" + name;
    writer.StartObject();
    writer.Key("gid");
    writer.String(std::to_string(about.st_gid).c_str());
    writer.Key("mode");
    writer.String(mode_text(about).c_str());
    writer.Key("mtime");
    writer.Double(static_cast<double>(about.st_mtime));
    writer.Key("nlink");
    writer.Uint64(about.st_nlink);
    writer.Key("path");
    writer.String(shown.c_str());
    writer.Key("size");
    writer.Int64(about.st_size);
    writer.Key("uid");
    writer.String(std::to_string(about.st_uid).c_str());
    writer.EndObject();
  }
  writer.EndArray();
  return json_answer(buffer);
}

platform::ServerResponse read_files(const std::string& work_dir, const std::map<std::string, std::string>& query) {
  const std::string path = value_of(query, "path");
  if (path.empty()) return text_answer(400, "Expecting 'path=value' in query.\n");
  const auto file = resolve(work_dir, path);
  std::error_code error;
  if (!file) return text_answer(404, "");
  if (fs::is_directory(*file, error)) return text_answer(400, "Cannot read from a directory.\n");
  const auto size = static_cast<std::int64_t>(fs::file_size(*file, error));
  if (error) return text_answer(404, "");

  std::int64_t offset = number(value_of(query, "offset"), -1);
  std::string bytes;
  if (offset < 0 || offset >= size) {
    offset = size;
  } else {
    std::int64_t length = number(value_of(query, "length"), kReadBytesMax);
    if (length < 0) length = kReadBytesMax;
    length = std::min({length, kReadBytesMax, size - offset});
    bytes.resize(static_cast<std::size_t>(length));
    std::ifstream in(*file, std::ios::binary);
    in.seekg(offset);
    in.read(bytes.data(), length);
    bytes.resize(static_cast<std::size_t>(std::max<std::int64_t>(in.gcount(), 0)));
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("data");
  writer.String(bytes.c_str(), static_cast<rapidjson::SizeType>(bytes.size()));
  writer.Key("offset");
  writer.Int64(offset);
  writer.EndObject();
  return json_answer(buffer);
}

}  // namespace local
