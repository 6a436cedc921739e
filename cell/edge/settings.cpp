#include "cell/edge/settings.hpp"

#include "platform/flags.hpp"
#include "platform/http.hpp"

namespace cell {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 40;
constexpr base::Duration kLeast = std::chrono::milliseconds(1);

base::Status both_or_none(const std::string& flag, const Certificates& files) {
  if (files.cert.empty() == files.key.empty()) return base::ok();
  return base::Error{flag + "-cert", "needs " + flag + "-key and the reverse"};
}

}  // namespace

void declare(platform::Flags& parser, Options& options) {
  Config& config = options.config;
  parser.group("The cell");
  parser.add("cell-id", config.cell_id, "the cell's id, one DNS label; default $CELL_ID");
  parser.add("zone", config.zone, "the cell's zone; default $CELL_ZONE");
  parser.add("memory-mb", config.memory_mb, "memory that instances may have, MiB; 0: $CELL_MEMORY_MB", 0, kMost);
  parser.add("disk-mb", config.disk_mb, "disk that instances may have, MiB; 0: $CELL_DISK_MB", 0, kMost);
  parser.add("max-containers", config.containers_max, "containers that garden allows, one of them for its health check",
             2, 1'000'000);
  parser.add("rootfs", config.rootfs,
             "stack:path of a root file system, or the STACK of one in --packages; repeatable; default: every "
             "STACK/rootfs.tar in --packages");
  parser.add("placement-tag", config.placement_tags, "placement tag that work must carry");
  parser.add("optional-placement-tag", config.optional_placement_tags, "placement tag that work may carry");

  parser.group("Where things are");
  parser.add("packages", config.packages, "directory of Diego's packages; without a rep in it the stand-in runs");
  parser.add("data", config.data, "directory of garden's and the rep's data: a volume");
  parser.add("jobs", config.jobs, "directory of the operator's own processes, NAME.toml");
  parser.add("sandbox", config.sandbox, "directory of logs and rendered files; default $MESOS_SANDBOX");
  parser.add("stand-in", config.stand_in, "the program whose `rep` is the stand-in");

  parser.group("The rep");
  parser.add("rep-listen", config.rep_listen, "host:port of its network listener; default $REP_LISTEN");
  parser.add("rep-admin-listen", config.rep_admin_listen,
             "host:port of its admin listener; default $REP_ADMIN_LISTEN, else 127.0.0.1:1800");
  parser.add("rep-ca", config.rep.ca, "CA file of rep, BBS and Locket");
  parser.add("rep-cert", config.rep.cert, "the rep's certificate, file; it must be for 127.0.0.1, too");
  parser.add("rep-key", config.rep.key, "its key, file");
  parser.add("rep-config", config.rep_config, "JSON file laid under the rendered rep.json");
  parser.add("advertise-domain", config.advertise_domain, "domain in which the cell's id is the rep's name");
  parser.add("bbs-url", config.bbs_url, "URL of the BBS");
  parser.add("locket-address", config.locket_address, "host:port of Locket");

  parser.group("Garden");
  parser.add("store-mb", config.store_mb, "size of grootfs's store in a file, MiB; 0: DATA/grootfs/store is on XFS", 0,
             kMost);
  parser.add("disk-limits", config.disk_limits,
             "whether apps' disk limits are set; without, grootfs's store needs no quotas, and any app may fill it");
  parser.add("garden-network-plugin", config.network_plugin,
             "program that makes containers' networks; default: garden");
  parser.add("garden-arg", config.garden_args, "further argument of gdn");

  parser.group("Consul");
  parser.add("consul-config", config.consul_config,
             "directory of its agent's configuration; the agent starts first; without it none is started");
  parser.add("consul-http", config.consul_http, "host:port on which that configuration has its API, for the check");

  parser.group("The log agent");
  parser.add("log-agent-port", config.log_agent_port, "its port on 127.0.0.1", 1, 65535);
  parser.add("log-agent-ca", config.log_agent.ca, "CA file of the log agent; without these three none is started");
  parser.add("log-agent-cert", config.log_agent.cert, "its certificate, file");
  parser.add("log-agent-key", config.log_agent.key, "its key, file");
  parser.add("log-agent-env", config.log_agent_env, "NAME=VALUE for it");

  parser.group("Patience");
  parser.add("consul-start", config.consul_start, "Consul's agent may take to find a server", kLeast);
  parser.add("log-agent-start", config.log_agent_start, "the log agent may take to come up", kLeast);
  parser.add("garden-start", config.garden_start, "garden may take to come up", kLeast);
  parser.add("rep-start", config.rep_start, "the rep may take to come up", kLeast);
  parser.add("rep-stop", config.rep_stop, "the rep may take to end before it is killed", kLeast);
  parser.add("garden-stop", config.garden_stop, "garden may take to end before it is killed", kLeast);

  parser.group("This program");
  parser.add_choice("preflight", options.preflight, {"enforce", "warn", "off"},
                    "whether what the host lacks keeps `run` from starting");
  parser.add("log-file-mb", options.log_file_mb,
             "size at which a log is moved to NAME.1 and begun anew, MiB; what NAME.1 held is lost", 1, 1 << 20);
  parser.add_choice("log-level", options.log_level, {"debug", "info", "warning", "error"},
                    "least level that is logged");
  parser.add_choice("log-format", options.log_form.format, {"text", "lager"},
                    "lager: JSON lines as Diego's programs write them");
  parser.add_choice("log-time-format", options.log_form.time_format, {"unix-epoch", "rfc3339"}, "of the lager format");
  parser.check([&config]() -> base::Status {
    if (const auto fine = both_or_none("--rep", config.rep); !fine) return fine;
    if (const auto fine = both_or_none("--log-agent", config.log_agent); !fine) return fine;
    if (const auto url = platform::parse_url("--bbs-url", config.bbs_url); !url) return url.error();
    return base::ok();
  });
}

}  // namespace cell
