// How a client gets its connection: name looked up, connected, TLS shaken hands on. Failures are told in the
// words of platform/http_client.hpp.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/http.hpp"
#include "platform/socket.hpp"
#include "platform/tls.hpp"

namespace platform {

struct ConnectOptions {
  Url url;
  std::string unix_socket;  // If set, connect there, without TLS.
  std::string server_name;  // https: whom the certificate must be for; empty: url's host.
  base::Duration connect_timeout{};
};

// Waits no longer than the time-out, and not when `stop` (a file descriptor) turns readable. Looking up the
// name is the system's and cannot be cut short.
base::Result<std::unique_ptr<Socket>> connect_socket(const ConnectOptions& options, TlsClient& tls, int stop);

}  // namespace platform
