#include "local/model/http_api.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace local {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProtobuf = "application/x-protobuf";

struct MediaRange {
  std::string type;
  bool refused = false;
};

std::vector<MediaRange> media_ranges(std::string_view accept) {
  std::vector<MediaRange> ranges;
  for (const std::string& item : base::split_list(accept)) {
    MediaRange range;
    const std::vector<std::string> parts = base::split_list(item, ';');
    if (parts.empty()) continue;
    range.type = parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parts[i] == "q=0" || parts[i] == "q=0.0") range.refused = true;
    }
    ranges.push_back(std::move(range));
  }
  return ranges;
}

// An exact entry decides; else "type/*", else "*/*".
bool allows(const std::vector<MediaRange>& ranges, std::string_view type) {
  for (const std::string_view pattern : {type, std::string_view("application/*"), std::string_view("*/*")}) {
    const auto found =
        std::find_if(ranges.begin(), ranges.end(), [&](const MediaRange& range) { return range.type == pattern; });
    if (found != ranges.end()) return !found->refused;
  }
  return false;
}

}  // namespace

const std::string* find_header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (base::equal_ignoring_case(key, name)) return &value;
  }
  return nullptr;
}

HttpAnswer text_answer(int status, std::string text) {
  HttpAnswer answer{.status = status};
  if (!text.empty()) answer.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  answer.body = std::move(text);
  return answer;
}

HttpAnswer json_answer(std::string body) {
  return {.status = 200, .headers = {{"Content-Type", std::string(kJson)}}, .body = std::move(body)};
}

HttpAnswer method_not_allowed(std::string_view received) {
  HttpAnswer answer = text_answer(
      405, "405 Method Not Allowed. Expecting one of { 'POST' }, but received '" + std::string(received) + "'.");
  answer.headers.insert(answer.headers.begin(), {"Allow", "POST"});
  return answer;
}

HttpAnswer not_found() { return text_answer(404, "404 Not Found."); }

HttpAnswer unauthorized(std::string_view realm) {
  HttpAnswer answer = text_answer(401, "401 Unauthorized.");
  answer.headers.insert(answer.headers.begin(), {"WWW-Authenticate", "Basic realm=\"" + std::string(realm) + "\""});
  return answer;
}

HttpAnswer not_acceptable() {
  return text_answer(406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
}

BodyFormat body_format(const HttpRequest& request) {
  if (request.method != "POST") return {std::nullopt, method_not_allowed(request.method)};
  const std::string* type = find_header(request, "Content-Type");
  if (type == nullptr) return {std::nullopt, text_answer(400, "Expecting 'Content-Type' to be present")};
  if (*type == kJson) return {Codec::json, {}};
  if (*type == kProtobuf) return {Codec::protobuf, {}};
  return {std::nullopt, text_answer(415, "Expecting 'Content-Type' of application/json or application/x-protobuf")};
}

std::optional<Codec> answer_format(const HttpRequest& request) {
  const std::string* accept = find_header(request, "Accept");
  if (accept == nullptr) return Codec::json;
  const std::vector<MediaRange> ranges = media_ranges(*accept);
  if (ranges.empty()) return Codec::json;
  if (allows(ranges, kJson)) return Codec::json;
  if (allows(ranges, kProtobuf)) return Codec::protobuf;
  return std::nullopt;
}

std::optional<std::string> path_in_process(std::string_view path, std::string_view delegate) {
  if (path.find("/..") != std::string_view::npos) return std::nullopt;
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::optional<std::string> first = base::percent_decode(path.substr(0, slash));
  if (first == delegate) return std::string(path.substr(std::min(slash + 1, path.size())));
  return std::string(path);
}

bool under(std::string_view path, std::string_view prefix) {
  return path.substr(0, prefix.size()) == prefix && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool claims_to_be_libprocess(const HttpRequest& request) {
  if (find_header(request, "Libprocess-From") != nullptr) return true;
  const std::string* agent = find_header(request, "User-Agent");
  return agent != nullptr && agent->rfind("libprocess/", 0) == 0;
}

std::optional<std::pair<std::string, std::string>> basic_credentials(const HttpRequest& request) {
  constexpr std::string_view kScheme = "Basic ";
  const std::string* value = find_header(request, "Authorization");
  if (value == nullptr || value->rfind(kScheme, 0) != 0) return std::nullopt;
  const std::string_view encoded = std::string_view(*value).substr(kScheme.size());
  if (encoded.empty() || encoded.find(' ') != std::string_view::npos) return std::nullopt;
  const std::optional<std::string> decoded = base::base64_decode(encoded);
  if (!decoded) return std::nullopt;
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos || decoded->find(':', colon + 1) != std::string::npos) return std::nullopt;
  return std::pair{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

bool valid_uuid(std::string_view bytes) {
  if (bytes.size() != 16) return false;
  const unsigned version = static_cast<unsigned char>(bytes[6]) >> 4U;
  return version >= 1 && version <= 5;
}

std::optional<std::string> invalid_id(std::string_view id) {
  const auto quoted = [&] { return "'" + std::string(id) + "'"; };
  if (id.empty()) return "ID must not be empty";
  if (id.size() > 255) return "ID must not be greater than 255 characters";
  if (id == "." || id == "..") return quoted() + " is disallowed";
  const bool bad = std::any_of(id.begin(), id.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || c == '/' || c == '\\';
  });
  if (bad) return quoted() + " contains invalid characters";
  return std::nullopt;
}

}  // namespace local
