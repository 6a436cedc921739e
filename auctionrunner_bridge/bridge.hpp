// The HTTP endpoint that Diego's BBS, operators and diego-ctl talk to, in front of a Desk.
#pragma once

#include <memory>
#include <string>

#include "auctionrunner_bridge/desk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/http.hpp"

namespace bridge {

struct BridgeOptions {
  platform::HostPort listen{"127.0.0.1", 9016};
  std::string cert_file, key_file;  // Both: TLS (1.2 and up).
  std::string ca_file;              // With them: clients must show a certificate signed by it.
  std::string token_file;           // Its trimmed content is the bearer token; empty: none is asked for.
  // Bounds, as those of platform::ServerOptions.
  std::size_t threads = 64;
  std::size_t connections_max = 1024;
  std::size_t streams_max = 256;
  std::size_t body_bytes_max = std::size_t{16} << 20U;
  std::size_t header_bytes_max = 64 * 1024;
  base::Duration request_timeout = std::chrono::seconds(10);  // Its read_timeout.
};

class Bridge {
 public:
  // `desk` must outlive the bridge.
  Bridge(BridgeOptions options, Desk& desk);
  ~Bridge();  // As stop().
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // Reads the files, binds and serves; the port in use. Errors name the flag: a busy port, an
  // unusable certificate, an empty token file. May be called again after stop().
  base::Result<int> start();

  // Reads certificate, key and authority again: connections that are open go on, later ones meet the new ones. An
  // error names flag and file, and those read before stay in use. From any thread; ok() while nothing is served.
  base::Status reload_certificates();

  // Answers what is under way, closes the listener and joins its threads. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bridge
