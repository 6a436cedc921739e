// diego-scheduler's flags, checked, in the shapes that the rooms below want.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "mesos/master_address.hpp"
#include "platform/flags.hpp"
#include "platform/http.hpp"
#include "platform/log.hpp"
#include "platform/tls_files.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/edge/cell_options.hpp"
#include "scheduler/edge/lock_options.hpp"
#include "scheduler/placement/strategy.hpp"

namespace edge {

struct MesosOptions {
  std::string master = "127.0.0.1:5050";
  std::string codec = "json";
  std::string principal, secret_file, ca_file;
  std::string role = "diego";
  std::string framework_name = "Diego";
  std::string user = "root";  // As whom agents run executors; must exist there.
  base::Duration failover_timeout = std::chrono::hours(24 * 7);

  std::string secret;                   // Read from secret_file.
  mesos_client::MasterAddress address;  // What `master` says; in `master` a password is made out then.
};

struct BridgeFlags {
  std::string listen = "127.0.0.1:9016";
  std::string cert_file, key_file, ca_file, token_file;
  bool insecure = false;
  std::int64_t connections_max = 1024, streams_max = 256, body_max_mb = 16, header_max_kb = 64;
  base::Duration request_timeout = std::chrono::seconds(10);

  platform::HostPort address;
};

// Diego's BBS.
struct BbsOptions {
  std::string url;  // Empty: none.
  std::string ca_file, cert_file, key_file;
};

struct Options {
  Options() { core.offer_linger = std::chrono::milliseconds(100); }

  MesosOptions mesos;
  CellOptions cell;
  BridgeFlags bridge;
  LockOptions lock;
  BbsOptions bbs;
  core::Config core;
  std::string strategy = "binpack";
  placement::StrategyOptions weights;
  std::int64_t queue_max = 500'000;
  std::int64_t launch_attempts = 5;
  std::string state_dir;
  std::string record_dir;  // Empty: nothing is recorded.
  std::int64_t record_max_mb = 256;
  std::string log_level = "info";
  platform::LogForm log_form{.source = "auctioneer"};  // As whom operators know it.
};

// Declares the flags; `options` must outlive parsing.
void add_flags(platform::Flags& flags, Options& options);

// The certificates, keys and authorities that the flags name.
std::vector<platform::TlsFiles> tls_files(const Options& options);

// Checks what CLI parsing cannot, reads the secret and token files, fills the derived fields.
base::Status finish(Options& options);

}  // namespace edge
