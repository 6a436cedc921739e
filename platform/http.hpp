// HTTP values shared by our server and client; httplib.h itself is included only by
// platform/http_client.cpp.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace platform {

// In order of appearance; names compare without case.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of `name`, or nullptr.
const std::string* find_header(const Headers& headers, std::string_view name);

// `http://host:port/path` cut into parts. IPv6 hosts are written in brackets and kept without them.
struct Url {
  std::string scheme = "http";  // "http" or "https".
  std::string host;
  int port = 0;      // The scheme's default where the text has none.
  std::string path;  // "" or starting with '/'; with the query, if any.

  std::string origin() const;  // scheme://host:port
  bool operator==(const Url&) const = default;
};

// `where` names the flag or field for the error line.
base::Result<Url> parse_url(std::string_view where, std::string_view text);

// "127.0.0.1:9016", "[::1]:9016"; port 0 is allowed and means any free port.
struct HostPort {
  std::string host;
  int port = 0;
  std::string text() const;
  bool operator==(const HostPort&) const = default;
};
base::Result<HostPort> parse_host_port(std::string_view where, std::string_view text);

}  // namespace platform
