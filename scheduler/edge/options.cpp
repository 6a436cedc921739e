#include "scheduler/edge/options.hpp"

#include <arpa/inet.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "base/text.hpp"
#include "diego/bbs_client.hpp"
#include "mesos/codec.hpp"
#include "scheduler/placement/strategy.hpp"

namespace edge {
namespace {

constexpr std::int64_t kMany = std::numeric_limits<std::int32_t>::max();

base::Result<std::string> read_trimmed(const std::string& flag, const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) return base::Error{flag + " " + path, "cannot be read or is empty"};
  std::string trimmed(base::trim(text.str()));
  if (trimmed.empty()) return base::Error{flag + " " + path, "is empty"};
  return trimmed;
}

// By an address of its own: a name that begins with 127. may stand for anything.
bool is_loopback(const std::string& host) {
  in_addr four{};
  in6_addr six{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return host.starts_with("127.");
  if (::inet_pton(AF_INET6, host.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return base::equal_ignoring_case(host, "localhost");
}

std::string strategies() {
  std::string names;
  for (const std::string& name : placement::strategy_names()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

base::Status finish_mesos(MesosOptions& mesos) {
  auto address = mesos_client::parse_master("--master", mesos.master);
  if (!address) return address.error();
  mesos.address = std::move(*address);
  mesos.master = mesos_client::without_password(mesos.master);
  if (mesos.principal.empty() != mesos.secret_file.empty()) {
    return base::Error{"--mesos-principal, --mesos-secret-file", "both are needed, or neither"};
  }
  if (mesos.secret_file.empty()) return base::ok();
  auto secret = read_trimmed("--mesos-secret-file", mesos.secret_file);
  if (!secret) return secret.error();
  if (secret->find(':') != std::string::npos) {
    return base::Error{"--mesos-secret-file " + mesos.secret_file,
                       "holds a ':', with which Mesos can never authenticate"};
  }
  mesos.secret = std::move(*secret);
  return base::ok();
}

base::Status finish_bridge(BridgeFlags& bridge) {
  auto address = platform::parse_host_port("--bridge-listen", bridge.listen);
  if (!address) return address.error();
  bridge.address = *address;
  if (bridge.cert_file.empty() != bridge.key_file.empty())
    return base::Error{"--bridge-cert, --bridge-key", "both are needed, or neither"};
  if (!bridge.ca_file.empty() && bridge.cert_file.empty())
    return base::Error{"--bridge-ca", "needs --bridge-cert and --bridge-key"};
  const bool guarded = !bridge.token_file.empty() || !bridge.ca_file.empty();
  if (!guarded && !bridge.insecure && !is_loopback(address->host)) {
    return base::Error{
        "--bridge-listen " + bridge.listen,
        "is open to others: give --bridge-ca (client certificates) or --bridge-token-file, or say --bridge-insecure"};
  }
  return base::ok();
}

base::Status finish_bbs(const BbsOptions& bbs, core::Config& core) {
  core.with_bbs = !bbs.url.empty();
  if (!core.with_bbs && !(bbs.ca_file + bbs.cert_file + bbs.key_file).empty())
    return base::Error{"--bbs-url", "is needed where --bbs-ca, --bbs-cert or --bbs-key is given"};
  if (bbs.cert_file.empty() != bbs.key_file.empty())
    return base::Error{"--bbs-cert and --bbs-key", "are needed together"};
  if (!core.with_bbs) return base::ok();
  const auto client = diego::BbsClient::create({bbs.url, bbs.ca_file, bbs.cert_file, bbs.key_file});
  return client ? base::ok() : base::Status(client.error());
}

void add_bridge_bounds(platform::Flags& flags, BridgeFlags& bridge) {
  flags.add("bridge-connections-max", bridge.connections_max,
            "connections open at once; beyond it those that are idle or too slow make room", 1, 1'000'000);
  flags.add("bridge-streams-max", bridge.streams_max, "event streams open at once; beyond it they are answered 503", 0,
            kMany);
  flags.add("bridge-body-max-mb", bridge.body_max_mb, "MiB of a body at most; beyond it 413", 1, 1024);
  flags.add("bridge-header-max-kb", bridge.header_max_kb, "KiB of headers at most; beyond it 431", 4, 1024);
  flags.add("bridge-request-timeout", bridge.request_timeout,
            "how long a client may take to send a request's head; a long body or answer gets more",
            std::chrono::milliseconds(100));
}

}  // namespace

std::vector<platform::TlsFiles> tls_files(const Options& options) {
  using platform::TlsFiles;
  return {
      {TlsFiles::For::server,
       {"--bridge-cert", options.bridge.cert_file},
       {"--bridge-key", options.bridge.key_file},
       {"--bridge-ca", options.bridge.ca_file}},
      {TlsFiles::For::client, {}, {}, {"--mesos-ca", options.mesos.ca_file}},
      {TlsFiles::For::client,
       {"--bbs-cert", options.bbs.cert_file},
       {"--bbs-key", options.bbs.key_file},
       {"--bbs-ca", options.bbs.ca_file}},
      {TlsFiles::For::client,
       {"--lock-cert", options.lock.cert_file},
       {"--lock-key", options.lock.key_file},
       {"--lock-ca", options.lock.ca_file}},
  };
}

void add_flags(platform::Flags& flags, Options& options) {
  MesosOptions& mesos = options.mesos;
  flags.group("Mesos");
  flags.add(
      "master", mesos.master,
      "the Mesos master: host:port, http(s)://a:5050,b:5050, zk://[user:pass@]h1:2181,h2:2181/mesos or file:///path");
  flags.add_choice("mesos-codec", mesos.codec, {"json", "protobuf"}, "encoding on the wire");
  flags.add("mesos-principal", mesos.principal, "name to authenticate with");
  flags.add("mesos-secret-file", mesos.secret_file, "file holding the secret of --mesos-principal");
  flags.add("mesos-ca", mesos.ca_file, "CA certificates to trust at an https master");
  flags.add("role", mesos.role, "Mesos role to ask offers for");
  flags.add("framework-name", mesos.framework_name, "name shown in Mesos");
  flags.add("user", mesos.user, "user as whom agents run the cells; must exist on them");
  flags.add("failover-timeout", mesos.failover_timeout, "how long Mesos keeps cells while no scheduler is subscribed",
            std::chrono::seconds(1));

  BridgeFlags& bridge = options.bridge;
  flags.group("Bridge");
  flags.add("bridge-listen", bridge.listen, "host:port to listen on; port 0: any free one");
  flags.add("bridge-cert", bridge.cert_file, "server certificate; with --bridge-key: TLS");
  flags.add("bridge-key", bridge.key_file, "its key");
  flags.add("bridge-ca", bridge.ca_file, "require client certificates of this CA");
  flags.add("bridge-token-file", bridge.token_file, "require the bearer token in this file");
  flags.add("bridge-insecure", bridge.insecure, "allow a listener that others reach without certificate or token");
  add_bridge_bounds(flags, bridge);

  core::Config& core = options.core;
  BbsOptions& bbs = options.bbs;
  flags.group("BBS");
  flags.add("bbs-url", bbs.url,
            "Diego's BBS, to report to and to ask: https://host:8889, several with commas; none: it is not asked, and "
            "instances that end with their cell are placed again");
  flags.add("bbs-ca", bbs.ca_file, "CA certificates to trust there");
  flags.add("bbs-cert", bbs.cert_file, "client certificate to show there");
  flags.add("bbs-key", bbs.key_file, "its key");
  flags.add("queue-expiry", core.queue_expiry,
            "waiting work that the BBS has not auctioned for so long is asked about, and dropped if it is not wanted",
            std::chrono::seconds(1));

  flags.group("Placement");
  flags.add("strategy", options.strategy, "which cell gets which work: " + strategies() + " or /path/to/module.so");
  flags.add("diego-bin-pack-weight", options.weights.diego_bin_pack_weight,
            "strategy diego: how much cells of low index are preferred", 0.0, 1.0);
  flags.add("diego-starting-weight", options.weights.diego_starting_weight,
            "strategy diego: what a container that starts weighs", 0.0, 1e6);
  flags.add("starting-container-count-maximum", core.limits.starting_max,
            "containers that may be starting in all cells together; 0: any number", 0, kMany);
  flags.add("cell-starting-max", core.limits.starting_per_cell_max,
            "containers that may be starting in one cell; 0: any number", 0, kMany);
  flags.add("launch-rate", core.launch_rate,
            "launches per second in all, a second's worth at most at once; 0: any number", 0, 1'000'000);
  flags.add("placement-timeout", core.placement_timeout, "after so long without a place an instance is reported");
  flags.add("launch-attempts", options.launch_attempts,
            "launches of one instance that may fail before its cell has taken it", 1, 1000);
  flags.add("offer-hold", core.offer_hold, "how long an offer may be held while work waits");
  flags.add("offer-linger", core.offer_linger, "how long offers are kept after the last work, for what may follow");
  flags.add("offer-wait", core.offer_wait,
            "how long work waits for a running cell's offer before a new cell is started");
  flags.add("queue-max", options.queue_max, "waiting instances; beyond it auctions are answered 503", 1, kMany);
  flags.add("instance-mem-floor-mb", core.instance_mem_floor_mb, "MiB charged for an instance without memory limit", 0,
            kMany);
  flags.add("instance-cpus-milli", core.instance_cpus_milli, "thousandths of a core charged per instance", 1, kMany);
  flags.add("cpus-milli-per-gib", core.cpus_milli_per_gib,
            "charge CPU by memory instead: thousandths of a core per GiB; 0: off", 0, kMany);

  add_cell_flags(flags, options.cell, core);

  flags.group("Process");
  add_lock_flags(flags, options.lock);
  flags.add("state-dir", options.state_dir, "directory for what must survive a restart; one scheduler each");
  flags.add(
      "record", options.record_dir,
      "directory for a recording of what is decided and from what, for `diego-scheduler replay`; none: no recording");
  flags.add("record-max-mb", options.record_max_mb, "MiB of recordings there at most; the oldest make room", 8,
            1'000'000);
  flags.add_choice("log-level", options.log_level, {"debug", "info", "warning", "error"}, "how much to log");
  flags.add_choice("log-format", options.log_form.format, {"text", "lager"},
                   "lager: JSON lines as Diego's programs write them");
  flags.add_choice("log-time-format", options.log_form.time_format, {"unix-epoch", "rfc3339"}, "of the lager format");
}

base::Status finish(Options& options) {
  if (options.state_dir.empty())
    return base::Error{"--state-dir", "is needed: a directory for what must survive a restart"};
  if (auto done = finish_bbs(options.bbs, options.core); !done) return done;
  options.core.queue_max = static_cast<std::size_t>(options.queue_max);
  options.core.launch_attempts = static_cast<int>(options.launch_attempts);
  if (auto done = finish_mesos(options.mesos); !done) return done;
  if (auto done = finish_lock(options.lock, options.mesos.address); !done) return done;
  if (auto done = finish_bridge(options.bridge); !done) return done;
  return finish_cell(options.cell, options.core);
}

}  // namespace edge
