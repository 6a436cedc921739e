#include "cell/core/rep_json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>

namespace cell {
namespace {

// Members in the order of their first setting; a later setting replaces.
class Object {
 public:
  Object() : document_(rapidjson::kObjectType) {}

  base::Status read(const std::string& where, const std::string& text) {
    rapidjson::Document given;
    given.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    if (given.HasParseError()) return base::Error{where, "is no JSON"};
    if (!given.IsObject()) return base::Error{where, "is no JSON object"};
    // Counted: RapidJSON's iterators cannot be compared without a doubt in C++20.
    auto member = given.MemberBegin();
    for (rapidjson::SizeType i = 0; i < given.MemberCount(); ++i, ++member)
      set(member->name.GetString(), rapidjson::Value(member->value, document_.GetAllocator()));
    return base::ok();
  }

  void set(const char* key, const std::string& value) { set(key, text(value)); }
  void set(const char* key, const char* value) { set(key, std::string(value)); }
  void set(const char* key, std::int64_t value) { set(key, rapidjson::Value(value)); }
  void set(const char* key, int value) { set(key, rapidjson::Value(value)); }
  void set(const char* key, bool value) { set(key, rapidjson::Value(value)); }
  void set(const char* key, const std::vector<std::string>& values) {
    rapidjson::Value list(rapidjson::kArrayType);
    for (const std::string& value : values) list.PushBack(text(value), document_.GetAllocator());
    set(key, std::move(list));
  }
  void set(const char* key, Object inner) { set(key, rapidjson::Value(inner.document_, document_.GetAllocator())); }

  std::string print() const {
    rapidjson::StringBuffer out;
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(out);
    writer.SetIndent(' ', 2);
    document_.Accept(writer);
    return std::string(out.GetString(), out.GetSize()) + "\n";
  }

 private:
  rapidjson::Value text(const std::string& value) {
    return {value.data(), static_cast<rapidjson::SizeType>(value.size()), document_.GetAllocator()};
  }
  void set(const char* key, rapidjson::Value value) {
    if (document_.HasMember(key)) {
      document_[key] = std::move(value);
    } else {
      document_.AddMember(rapidjson::Value(key, document_.GetAllocator()), std::move(value), document_.GetAllocator());
    }
  }

  rapidjson::Document document_;
};

// What Diego's release writes where nobody says otherwise; a rep without some of them does not start.
void set_defaults(Object& rep, const Config& config) {
  rep.set("communication_timeout", "10s");
  rep.set("lock_ttl", "15s");
  rep.set("lock_retry_interval", "5s");
  rep.set("locket_client_keepalive_time", 10);
  rep.set("locket_client_keepalive_timeout", 22);
  rep.set("polling_interval", "30s");
  rep.set("evacuation_polling_interval", "10s");
  rep.set("evacuation_timeout", "600s");
  rep.set("report_interval", "1m");
  rep.set("session_name", "rep");
  rep.set("log_level", "info");
  rep.set("debug_address", "127.0.0.1:17008");

  rep.set("container_owner_name", "executor");
  rep.set("healthcheck_container_owner_name", "executor-health-check");
  rep.set("container_inode_limit", 200000);
  rep.set("container_max_cpu_shares", 1024);
  rep.set("reserved_expiration_time", "1m");
  rep.set("container_reap_interval", "1m");
  rep.set("container_metrics_report_interval", "15s");
  rep.set("graceful_shutdown_interval", "10s");
  rep.set("healthy_monitoring_interval", "30s");
  rep.set("unhealthy_monitoring_interval", "2s");
  rep.set("declarative_healthcheck_default_timeout", "1s");
  rep.set("garden_healthcheck_interval", "10m");
  rep.set("garden_healthcheck_timeout", "10m");
  rep.set("garden_healthcheck_emission_interval", "30s");
  rep.set("garden_healthcheck_command_retry_pause", "1s");
  rep.set("garden_healthcheck_process_path", "/bin/sh");
  rep.set("garden_healthcheck_process_args", std::vector<std::string>{"-c", "ls > /tmp/test"});
  rep.set("garden_healthcheck_process_user", "vcap");

  rep.set("create_work_pool_size", 32);
  rep.set("delete_work_pool_size", 32);
  rep.set("read_work_pool_size", 64);
  rep.set("metrics_work_pool_size", 8);
  rep.set("healthcheck_work_pool_size", 64);
  rep.set("max_concurrent_downloads", 5);
  rep.set("max_cache_size_in_bytes", std::int64_t{10'000'000'000});
  rep.set("supported_providers", std::vector<std::string>{"docker"});
  rep.set("enable_unproxied_port_mappings", true);
  rep.set("proxy_memory_allocation_mb", 32);
  rep.set("envoy_config_reload_duration", "5s");
  rep.set("envoy_drain_timeout", "15m");
  rep.set("instance_identity_validity_period", "24h");
  rep.set("cache_path", config.data + "/rep/shared/garden/download_cache");
  rep.set("temp_dir", config.data + "/rep/tmp");
  rep.set("container_proxy_config_path", config.data + "/rep/shared/garden/proxy_config");
  rep.set("volman_driver_paths", config.data + "/voldrivers");
  rep.set("container_proxy_path", config.packages + "/proxy");
}

void set_certificates(Object& rep, const Config& config) {
  const Certificates& own = config.rep;
  if (!own.ca.empty()) {
    rep.set("ca_cert_file", own.ca);
    rep.set("locket_ca_cert_file", own.ca);
  }
  if (own.cert.empty()) return;
  rep.set("cert_file", own.cert);
  rep.set("key_file", own.key);
  rep.set("locket_client_cert_file", own.cert);
  rep.set("locket_client_key_file", own.key);
}

Object loggregator(const Config& config) {
  Object out;
  // Without a log agent's certificates the rep starts without looking for an agent.
  out.set("loggregator_use_v2_api", config.log_agent.complete());
  if (!config.log_agent.complete()) return out;
  out.set("loggregator_api_port", config.log_agent_port);
  out.set("loggregator_ca_path", config.log_agent.ca);
  out.set("loggregator_cert_path", config.log_agent.cert);
  out.set("loggregator_key_path", config.log_agent.key);
  return out;
}

base::Status refuse_mesos_keys(const std::string& where, const std::string& text) {
  rapidjson::Document given;
  given.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (given.HasParseError() || !given.IsObject()) return base::ok();  // Said by read().
  for (const char* const key : {"cell_id", "memory_mb", "disk_mb"}) {
    if (given.HasMember(key)) return base::Error{where, std::string(key) + " is not its to set: Mesos decides it"};
  }
  return base::ok();
}

}  // namespace

base::Result<std::string> render_rep_json(const Config& config, const Packages& packages,
                                          const std::vector<std::string>& stacks, const std::string& rep_template) {
  Object rep;
  set_defaults(rep, config);
  set_certificates(rep, config);
  rep.set("advertise_domain", config.advertise_domain);
  rep.set("bbs_address", config.bbs_url);
  rep.set("locket_address", config.locket_address);
  rep.set("loggregator", loggregator(config));
  if (!packages.healthcheck.empty()) rep.set("declarative_healthcheck_path", packages.healthcheck);
  if (!rep_template.empty()) {
    const std::string where = "--rep-config " + config.rep_config;
    if (const auto fine = refuse_mesos_keys(where, rep_template); !fine) return fine.error();
    if (const auto read = rep.read(where, rep_template); !read) return read.error();
  }
  rep.set("cell_id", config.cell_id);
  rep.set("zone", config.zone);
  // Strings, as the rep reads them.
  rep.set("memory_mb", std::to_string(config.memory_mb));
  rep.set("disk_mb", std::to_string(config.disk_mb));
  const auto listen = parse_listen("--rep-listen", config.rep_listen);
  if (!listen) return listen.error();
  // The executor says where it will ask; BBS and auctioneer ask from elsewhere.
  const bool loopback = listen->host == "127.0.0.1" || listen->host == "localhost";
  rep.set("listen_addr", config.rep_admin_listen);
  rep.set("listen_addr_securable", (loopback ? "0.0.0.0" : listen->host) + ":" + listen->port);
  rep.set("garden_network", "unix");
  rep.set("garden_addr", config.data + "/garden/garden.sock");
  rep.set("preloaded_root_fs", stacks);
  if (!config.placement_tags.empty()) rep.set("placement_tags", config.placement_tags);
  if (!config.optional_placement_tags.empty()) rep.set("optional_placement_tags", config.optional_placement_tags);
  return rep.print();
}

}  // namespace cell
