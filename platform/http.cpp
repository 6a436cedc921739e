#include "platform/http.hpp"

#include <charconv>

#include "base/text.hpp"

namespace platform {
namespace {

bool printable(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c == '\x7f') return false;
  }
  return true;
}

// Digits only, 0 to 65535.
base::Result<int> parse_port(std::string_view where, std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || text[0] == '-' || error != std::errc{} || end != text.data() + text.size() || port > 65535) {
    return base::Error{std::string(where), "\"" + std::string(text) + "\" is not a port"};
  }
  return port;
}

struct Authority {
  std::string_view host;
  std::string_view port;  // Without the colon; data() is null where there is none.
};

// "host", "host:port", "[v6]", "[v6]:port".
base::Result<Authority> split_authority(std::string_view where, std::string_view text) {
  const auto bad = [&](const char* why) {
    return base::Error{std::string(where), "\"" + std::string(text) + "\" " + why};
  };
  Authority parts;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad("lacks the closing bracket of its IPv6 address");
    parts.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return bad("has something other than a port after its IPv6 address");
  } else {
    const std::size_t colon = text.find(':');
    parts.host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
    if (rest.size() > 1 && rest.find(':', 1) != std::string_view::npos)
      return bad("has an IPv6 address without brackets");
  }
  if (!rest.empty()) parts.port = rest.substr(1);
  if (!printable(parts.host) || parts.host.find_first_of("/@\\?#") != std::string_view::npos)
    return bad("has a bad host name");
  return parts;
}

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

}  // namespace

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (base::equal_ignoring_case(key, name)) return &value;
  }
  return nullptr;
}

std::string Url::origin() const { return scheme + "://" + bracketed(host) + ":" + std::to_string(port); }

base::Result<Url> parse_url(std::string_view where, std::string_view text) {
  const auto bad = [&](const char* why) {
    return base::Error{std::string(where), "\"" + std::string(text) + "\" " + why};
  };
  Url url;
  const std::size_t slashes = text.find("://");
  if (slashes == std::string_view::npos) return bad("is not http://host:port or https://host:port");
  url.scheme = base::lower(text.substr(0, slashes));
  if (url.scheme != "http" && url.scheme != "https") return bad("is neither http:// nor https://");
  const std::string_view rest = text.substr(slashes + 3);
  const std::size_t path_at = rest.find_first_of("/?#");
  const auto authority = split_authority(where, rest.substr(0, path_at));
  if (!authority) return authority.error();
  if (authority->host.empty()) return bad("names no host");
  url.host = std::string(authority->host);
  url.port = url.scheme == "https" ? 443 : 80;
  if (authority->port.data() != nullptr) {
    const auto port = parse_port(where, authority->port);
    if (!port) return port.error();
    if (*port == 0) return bad("has port 0");
    url.port = *port;
  }
  if (path_at != std::string_view::npos) {
    std::string_view path = rest.substr(path_at);
    path = path.substr(0, path.find('#'));
    if (!printable(path)) return bad("has a blank or control character in its path");
    url.path = path.starts_with('?') ? "/" + std::string(path) : std::string(path);
  }
  return url;
}

std::string HostPort::text() const { return bracketed(host) + ":" + std::to_string(port); }

base::Result<HostPort> parse_host_port(std::string_view where, std::string_view text) {
  const auto authority = split_authority(where, text);
  if (!authority) return authority.error();
  if (authority->host.empty() || authority->port.data() == nullptr) {
    return base::Error{std::string(where), "\"" + std::string(text) + "\" is not host:port"};
  }
  const auto port = parse_port(where, authority->port);
  if (!port) return port.error();
  return HostPort{std::string(authority->host), *port};
}

}  // namespace platform
