// The BBS stand-in behind sockets: Diego's protobuf API on one port, the JSON door on another, convergence
// in between, and a client that carries out what follows. `diego-local bbs` runs one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "local/bbs/bbs_model.hpp"
#include "local/bbs/bbs_orders_client.hpp"
#include "platform/flags.hpp"

namespace local {

struct BbsOptions {
  std::string listen = "127.0.0.1:8889";
  std::string door = "127.0.0.1:8890";
  std::string tls_cert, tls_key, tls_ca;  // Of the API; the door has none.
  base::Duration convergence = std::chrono::seconds(30);
  base::Duration presence_ttl = std::chrono::seconds(15);
  BbsConfig model;
  BbsOrdersOptions orders;
  std::string log_level = "info";
};

// The flags of `diego-local bbs`; `options` must outlive the parsing.
void add_bbs_flags(platform::Flags& flags, BbsOptions& options);

class BbsServer {
 public:
  explicit BbsServer(BbsOptions options);
  ~BbsServer();  // As stop().
  BbsServer(const BbsServer&) = delete;
  BbsServer& operator=(const BbsServer&) = delete;

  // Errors name the flag they come from.
  base::Status start();
  void stop();

  // http(s)://host:port, once started.
  std::string api_url() const;
  std::string door_url() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Serves until SIGTERM or SIGINT; the process's exit code. To be called on the main thread before others
// start: signals are taken from all of them.
int run_bbs(const BbsOptions& options);

}  // namespace local
