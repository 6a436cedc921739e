// The Locket stand-in behind a socket: Diego's gRPC API, plain or with mutual TLS, its locks in memory.
// `diego-local locket` runs one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "platform/flags.hpp"

namespace local {

struct LocketCall {
  std::string method;
  std::string owner;  // "" for those who only ask.
  std::string uuid;   // Which Diego's clients send along.
};

struct LocketOptions {
  std::string listen = "127.0.0.1:8891";
  std::string ca_file, cert_file, key_file;  // All or none: clients show a certificate of this CA.

  // Called on the thread of each request before it is looked at; may block. For tests.
  std::function<void(const LocketCall&)> on_call;
};

// The flags of `diego-local locket`; `options` must outlive the parsing.
void add_locket_flags(platform::Flags& flags, LocketOptions& options);

class LocketServer {
 public:
  explicit LocketServer(LocketOptions options);
  ~LocketServer();
  LocketServer(const LocketServer&) = delete;
  LocketServer& operator=(const LocketServer&) = delete;

  // The port in use. Once more after stop(): as a Locket that is back, with the locks it had.
  base::Result<int> start();
  // Connections are cut.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Serves until SIGTERM or SIGINT; the process's exit code. To be called on the main thread before
// others start: signals are taken from all of them.
int run_locket(const LocketOptions& options);

}  // namespace local
