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

#include "mesos/v1/agent/agent.pb.h"

namespace local {

using mesos::v1::agent::Call;
using mesos::v1::agent::Response;

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kReadBytesMax = std::int64_t{4} << 20U;
constexpr std::uint64_t kReadFileBytesMax = 16 * 4096;

platform::ServerResponse response_of(HttpAnswer answer) {
  return {answer.status, std::move(answer.headers), std::move(answer.body), nullptr};
}

platform::ServerResponse plain(int status, std::string text) {
  return response_of(text_answer(status, std::move(text)));
}

platform::ServerResponse json(const rapidjson::StringBuffer& buffer) {
  return response_of(json_answer(buffer.GetString()));
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

std::string bytes_of(const fs::path& file, std::int64_t offset, std::int64_t length) {
  std::string bytes(static_cast<std::size_t>(length), '\0');
  std::ifstream in(file, std::ios::binary);
  in.seekg(offset);
  in.read(bytes.data(), length);
  bytes.resize(static_cast<std::size_t>(std::max<std::int64_t>(in.gcount(), 0)));
  return bytes;
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
  if (path.empty()) return plain(400, "Expecting 'path=value' in query.\n");
  const auto folder = resolve(work_dir, path);
  std::error_code error;
  if (!folder || !fs::is_directory(*folder, error)) return plain(404, "");
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
  return json(buffer);
}

platform::ServerResponse read_files(const std::string& work_dir, const std::map<std::string, std::string>& query) {
  const std::string path = value_of(query, "path");
  if (path.empty()) return plain(400, "Expecting 'path=value' in query.\n");
  const auto file = resolve(work_dir, path);
  std::error_code error;
  if (!file) return plain(404, "");
  if (fs::is_directory(*file, error)) return plain(400, "Cannot read from a directory.\n");
  const auto size = static_cast<std::int64_t>(fs::file_size(*file, error));
  if (error) return plain(404, "");

  std::int64_t offset = number(value_of(query, "offset"), -1);
  std::string bytes;
  if (offset < 0 || offset >= size) {
    offset = size;
  } else {
    std::int64_t length = number(value_of(query, "length"), kReadBytesMax);
    if (length < 0) length = kReadBytesMax;
    length = std::min({length, kReadBytesMax, size - offset});
    bytes = bytes_of(*file, offset, length);
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("data");
  writer.String(bytes.c_str(), static_cast<rapidjson::SizeType>(bytes.size()));
  writer.Key("offset");
  writer.Int64(offset);
  writer.EndObject();
  return json(buffer);
}

namespace {

// Texts and statuses as Mesos's files/files.cpp and slave/http.cpp have them.
HttpAnswer read_file(const std::string& work_dir, const Call::ReadFile& call, Codec format) {
  const auto file = resolve(work_dir, call.path());
  std::error_code error;
  if (!file) return text_answer(404, "");
  if (fs::is_directory(*file, error)) return text_answer(400, "Cannot read a directory.\n");
  const std::uintmax_t size = fs::file_size(*file, error);
  if (error) return text_answer(404, "");
  Response response;
  response.set_type(Response::READ_FILE);
  auto& read = *response.mutable_read_file();
  read.set_size(size);
  read.set_data("");
  if (call.offset() < size) {
    const std::uint64_t wanted = call.has_length() ? call.length() : size;
    const std::uint64_t length = std::min({wanted, size - call.offset(), kReadFileBytesMax});
    read.set_data(bytes_of(*file, static_cast<std::int64_t>(call.offset()), static_cast<std::int64_t>(length)));
  }
  return {.status = 200,
          .headers = {{"Content-Type", std::string(mesos_client::content_type(format))}},
          .body = mesos_client::encode(format, response, mesos_client::JsonFields::set_and_defaults)};
}

}  // namespace

platform::ServerResponse agent_operator_api(const std::string& work_dir, const HttpRequest& request) {
  const BodyFormat body = body_format(request);
  if (!body.format) return response_of(body.refusal);
  Call call;
  if (const base::Status decoded = mesos_client::decode(*body.format, request.body, call); !decoded)
    return plain(400, decoded.error().message());
  if (!call.has_type()) return plain(400, "Failed to validate agent::Call: Expecting 'type' to be present");
  if (call.type() != Call::READ_FILE) return plain(501, "501 Not Implemented.");
  if (!call.has_read_file()) return plain(400, "Failed to validate agent::Call: Expecting 'read_file' to be present");
  const auto format = answer_format(request);
  if (!format) return response_of(not_acceptable());
  return response_of(read_file(work_dir, call.read_file(), *format));
}

}  // namespace local
