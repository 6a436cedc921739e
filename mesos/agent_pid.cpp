#include "mesos/agent_pid.hpp"

#include <algorithm>
#include <charconv>

namespace mesos_client {
namespace {

// What a libprocess id is made of, and what may stand in a URL's path unescaped.
bool id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '(' || c == ')' ||
         c == '-' || c == '_' || c == '.' || c == '~';
}

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == ':' || c == '[' || c == ']' || c == '_';
}

}  // namespace

base::Result<std::string> parse_agent_pid(std::string_view pid, std::string_view scheme) {
  const auto bad = [pid](const char* why) {
    return base::Error{"MESOS_SLAVE_PID", "'" + std::string(pid) + "' is not ID@IP:PORT: " + why};
  };
  const std::size_t at = pid.find('@');
  if (at == std::string_view::npos) return bad("no '@'");
  const std::string_view id = pid.substr(0, at);
  const std::string_view address = pid.substr(at + 1);
  if (id.empty() || !std::all_of(id.begin(), id.end(), id_character)) return bad("bad id");

  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad("bad address");
  const std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  if (!std::all_of(host.begin(), host.end(), host_character)) return bad("bad address");
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535) return bad("bad port");

  std::string url(scheme);
  url.append("://").append(address).append("/").append(id).append("/api/v1/executor");
  return url;
}

}  // namespace mesos_client
