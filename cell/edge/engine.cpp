#include "cell/edge/engine.hpp"

#include <rapidjson/document.h>
#include <unistd.h>

#include "platform/http_client.hpp"

namespace cell {
namespace {

std::string member(const std::string& text, const char* name) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember(name)) return "";
  return document[name].IsString() ? document[name].GetString() : "";
}

}  // namespace

std::optional<Engine> look_at_engine(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  platform::ClientOptions options;
  options.origin = *platform::parse_url("engine", "http://docker");
  options.unix_socket = path;
  options.connect_timeout = options.read_timeout = options.answer_timeout = std::chrono::seconds(1);
  options.answer_bytes_max = 1U << 20U;
  platform::HttpClient client(options);
  const auto version = client.send({.path = "/version"});
  if (!version || version->status != 200) return std::nullopt;
  const auto info = client.send({.path = "/info"});
  if (!info || info->status != 200) return std::nullopt;
  return Engine{member(version->body, "ApiVersion"), member(info->body, "CgroupDriver")};
}

}  // namespace cell
