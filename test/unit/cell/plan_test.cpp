#include "cell/core/plan.hpp"

#include <rapidjson/document.h>
#include <rapidjson/writer.h>

#include <catch2/catch.hpp>

using namespace cell;

namespace {

Config config_of(std::vector<std::string> rootfs = {}) {
  Config config;
  config.cell_id = "cell-1";
  config.zone = "z1";
  config.memory_mb = 4096;
  config.disk_mb = 8192;
  config.rootfs = std::move(rootfs);
  config.sandbox = "/sb";
  config.rep_listen = "127.0.0.1:1801";
  config.rep_admin_listen = "127.0.0.1:1800";
  config.rep = {.cert = "/c/rep.crt", .key = "/c/rep.key", .ca = "/c/ca.crt"};
  config.log_agent = {.cert = "/c/agent.crt", .key = "/c/agent.key", .ca = "/c/agent-ca.crt"};
  return config;
}

Packages diego() {
  Packages packages;
  for (const char* const name : {"rep", "gdn", "dadoo", "grootfs", "tardis", "newuidmap", "forwarder-agent"})
    packages.programs[name] = std::string("/p/") + name;
  packages.rootfs = {"cflinuxfs4:/p/cflinuxfs4/rootfs.tar"};
  packages.healthcheck = "/p/healthcheck";
  return packages;
}

std::vector<std::string> names(const Plan& plan) {
  std::vector<std::string> out;
  for (const Process& process : plan.processes) out.push_back(process.name);
  return out;
}

std::vector<std::string> stop_names(const Plan& plan) {
  std::vector<std::string> out;
  for (const std::size_t index : plan.stop_order) out.push_back(plan.processes[index].name);
  return out;
}

const Process& find(const Plan& plan, const std::string& name) {
  for (const Process& process : plan.processes) {
    if (process.name == name) return process;
  }
  FAIL("no process " + name);
  std::abort();
}

bool has(const Process& process, const std::string& flag, const std::string& value) {
  for (std::size_t i = 0; i + 1 < process.argv.size(); ++i) {
    if (process.argv[i] == flag && process.argv[i + 1] == value) return true;
  }
  return false;
}

// "cell_id" -> "\"cell-1\"": every member of rep.json as JSON.
std::map<std::string, std::string> rep_json(const Plan& plan) {
  REQUIRE(plan.files.at(0).path == "/sb/rep.json");
  rapidjson::Document document;
  document.Parse(plan.files.at(0).text.c_str());
  REQUIRE(document.IsObject());
  std::map<std::string, std::string> out;
  auto member = document.MemberBegin();
  for (rapidjson::SizeType i = 0; i < document.MemberCount(); ++i, ++member) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    member->value.Accept(writer);
    out[member->name.GetString()] = text.GetString();
  }
  return out;
}

Job job(const std::string& name, Job::Stage stage, Job::Restart restart = Job::Restart::always) {
  return {.name = name, .command = "run " + name, .restart = restart, .stage = stage};
}

}  // namespace

TEST_CASE("a cell of Diego's packages starts from the log agent to the rep, and stops from the rep to the log agent",
          "[cell]") {
  const auto plan = make_plan(config_of(), diego(),
                              {job("silk", Job::Stage::before_garden), job("emitter", Job::Stage::after_rep),
                               job("dns", Job::Stage::before_rep)},
                              "");
  REQUIRE(plan);
  CHECK(names(*plan) == std::vector<std::string>{"log-agent", "silk", "mounts", "store-unprivileged",
                                                 "store-privileged", "garden", "dns", "rep", "emitter"});
  CHECK(stop_names(*plan) == std::vector<std::string>{"rep", "emitter", "dns", "garden", "store-privileged",
                                                      "store-unprivileged", "mounts", "silk", "log-agent"});
  CHECK(find(*plan, "garden").exit_code == 70);
  CHECK(find(*plan, "rep").exit_code == 71);
  CHECK(find(*plan, "log-agent").at_end == Process::AtEnd::restart);
  CHECK_FALSE(find(*plan, "log-agent").needed);
  CHECK(find(*plan, "log-agent").environment.at("AGENT_PORT") == "3458");
  CHECK(find(*plan, "log-agent").environment.at("AGENT_KEY_FILE_PATH") == "/c/agent.key");
}

TEST_CASE("Consul's agent is started first and stopped last where it is asked for, and only there", "[cell]") {
  Packages packages = diego();
  packages.programs["consul"] = "/p/consul";
  Config config = config_of();
  CHECK(names(*make_plan(config, packages, {}, "")).front() == "log-agent");
  config.consul_config = "/etc/consul.d";
  const auto plan = make_plan(config, packages, {}, "");
  REQUIRE(plan);
  CHECK(names(*plan).front() == "consul");
  CHECK(stop_names(*plan).back() == "consul");
  CHECK(plan->directories.back() == "/var/vcap/data/consul");
  const Process& consul = find(*plan, "consul");
  CHECK(consul.argv ==
        std::vector<std::string>{"/p/consul", "agent", "-config-dir=/etc/consul.d", "-data-dir=/var/vcap/data/consul"});
  CHECK(consul.check.target == "http://127.0.0.1:8500/v1/status/leader");
  CHECK(consul.needed);
  CHECK(consul.at_end == Process::AtEnd::restart);
  packages.programs.erase("consul");
  CHECK(make_plan(config, packages, {}, "").error().message() ==
        "--consul-config /etc/consul.d: there is no program consul in /var/vcap/packages");
}

TEST_CASE("garden is told explicitly what it would guess", "[cell]") {
  Config config = config_of();
  config.network_plugin = "/p/net";
  config.garden_args = {"--debug-bind-port", "17019"};
  const auto plan = make_plan(config, diego(), {}, "");
  const Process& garden = find(*plan, "garden");
  CHECK(has(garden, "--max-containers", "250"));
  CHECK(has(garden, "--bind-socket", "/var/vcap/data/garden/garden.sock"));
  CHECK(has(garden, "--dadoo-bin", "/p/dadoo"));
  // gdn has not known this flag since 2017.
  CHECK(std::count(garden.argv.begin(), garden.argv.end(), "--newuidmap-bin") == 0);
  CHECK(has(garden, "--runtime-plugin", "/usr/sbin/runc"));
  CHECK(has(garden, "--image-plugin", "/p/grootfs"));
  CHECK(has(garden, "--network-plugin", "/p/net"));
  CHECK(has(garden, "--debug-bind-port", "17019"));
  CHECK(garden.check.unix_socket == "/var/vcap/data/garden/garden.sock");
  CHECK(garden.stop.size() == 2);
}

TEST_CASE("grootfs keeps layers until they and the quotas come near to what the cell has", "[cell]") {
  const auto [disk_mb, bytes] = GENERATE(table<std::int64_t, std::string>({
      {102400, "91268055040"},  // Less 15 GiB.
      {20480, "10737418240"},   // A small one: half of it.
      {1, "1048576"},           // Never 0: that would mean at once.
  }));
  Config config = config_of();
  config.disk_mb = disk_mb;
  Packages packages = diego();
  packages.programs["newuidmap"] = "/p/newuidmap";
  const auto plan = make_plan(config, packages, {}, "");
  REQUIRE(plan->files.size() == 3);
  CHECK(plan->files[1] == File{"/sb/grootfs-unprivileged.yml",
                               "store: \"/var/vcap/data/grootfs/store/unprivileged\"\n"
                               "log_level: info\n"
                               "tardis_bin: \"/p/tardis\"\n"
                               "newuidmap_bin: \"/p/newuidmap\"\n"
                               "create:\n"
                               "  with_clean: true\n"
                               "  skip_layer_validation: true\n"
                               "clean:\n"
                               "  threshold_bytes: " +
                                   bytes + "\n"});
  CHECK(plan->files[2].path == "/sb/grootfs-privileged.yml");
}

TEST_CASE("without disk limits grootfs asks a tardis that sets none", "[cell]") {
  Config config = config_of();
  config.disk_limits = false;
  Packages packages = diego();
  const auto [tardis, program] =
      GENERATE(table<std::string, std::string>({{"/p/tardis", "/p/tardis"}, {"", "tardis"}}));
  packages.programs["tardis"] = tardis;
  const auto plan = make_plan(config, packages, {}, "");
  REQUIRE(plan->files.size() == 4);
  CHECK(plan->files[1] == File{"/sb/tardis-without-limits",
                               "#!/bin/sh\n"
                               "[ \"$1\" != limit ] || exit 0\n"
                               "exec \"" +
                                   program + "\" \"$@\"\n",
                               true});
  for (const std::size_t store : {2U, 3U})
    CHECK(plan->files[store].text.find("tardis_bin: \"/sb/tardis-without-limits\"\n") != std::string::npos);
}

TEST_CASE("without grootfs garden takes directories as root file systems", "[cell]") {
  Packages packages = diego();
  packages.programs.erase("grootfs");
  const auto plan = make_plan(config_of(), packages, {}, "");
  CHECK(names(*plan) == std::vector<std::string>{"log-agent", "mounts", "garden", "rep"});
  CHECK(std::count(find(*plan, "garden").argv.begin(), find(*plan, "garden").argv.end(), "--no-image-plugin") == 1);
  CHECK(plan->files.size() == 1);
}

TEST_CASE("rep.json says what Mesos gives the cell, and what a rep wants said", "[cell]") {
  Config config = config_of();
  config.placement_tags = {"isolated"};
  const auto plan = make_plan(config, diego(), {}, "");
  REQUIRE(plan);
  auto rep = rep_json(*plan);
  CHECK(rep["cell_id"] == R"("cell-1")");
  CHECK(rep["zone"] == R"("z1")");
  CHECK(rep["memory_mb"] == R"("4096")");
  CHECK(rep["disk_mb"] == R"("8192")");
  CHECK(rep["listen_addr"] == R"("127.0.0.1:1800")");
  CHECK(rep["listen_addr_securable"] == R"("0.0.0.0:1801")");
  CHECK(rep["garden_addr"] == R"("/var/vcap/data/garden/garden.sock")");
  CHECK(rep["preloaded_root_fs"] == R"(["cflinuxfs4:/p/cflinuxfs4/rootfs.tar"])");
  CHECK(rep["placement_tags"] == R"(["isolated"])");
  CHECK(rep["key_file"] == R"("/c/rep.key")");
  CHECK(rep["locket_client_key_file"] == R"("/c/rep.key")");
  CHECK(rep["loggregator"] == R"({"loggregator_use_v2_api":true,"loggregator_api_port":3458,)"
                              R"("loggregator_ca_path":"/c/agent-ca.crt","loggregator_cert_path":"/c/agent.crt",)"
                              R"("loggregator_key_path":"/c/agent.key"})");
  CHECK(rep["declarative_healthcheck_path"] == R"("/p/healthcheck")");
  // Without these a rep ends at once.
  for (const char* const key :
       {"healthy_monitoring_interval", "unhealthy_monitoring_interval", "garden_healthcheck_interval",
        "garden_healthcheck_process_user", "container_max_cpu_shares", "declarative_healthcheck_default_timeout"})
    CHECK(rep.count(key) == 1);
  const Process& process = find(*plan, "rep");
  CHECK(process.argv == std::vector<std::string>{"/p/rep", "-config=/sb/rep.json"});
  CHECK(process.check.target == "https://127.0.0.1:1800/ping");
  CHECK(process.check.certificates == config.rep);
}

TEST_CASE("the operator's rep.json lies between the defaults and what Mesos decides", "[cell]") {
  const auto plan =
      make_plan(config_of(), diego(), {},
                R"({"polling_interval":"5s","zone":"mine","bbs_address":"https://b:1","extra":{"a":[1]}})");
  REQUIRE(plan);
  auto rep = rep_json(*plan);
  CHECK(rep["polling_interval"] == R"("5s")");
  CHECK(rep["bbs_address"] == R"("https://b:1")");
  CHECK(rep["extra"] == R"({"a":[1]})");
  CHECK(rep["zone"] == R"("z1")");
}

TEST_CASE("a rep.json that cannot be laid under is an error", "[cell]") {
  Config config = config_of();
  config.rep_config = "f";
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {"{", "--rep-config f: is no JSON"},
      {"[]", "--rep-config f: is no JSON object"},
      {R"({"memory_mb":"auto"})", "--rep-config f: memory_mb is not its to set: Mesos decides it"},
      {R"({"cell_id":"x"})", "--rep-config f: cell_id is not its to set: Mesos decides it"},
  }));
  CHECK(make_plan(config, diego(), {}, text).error().message() == error);
}

TEST_CASE("without a log agent the rep is told not to look for one", "[cell]") {
  Config config = config_of();
  config.log_agent = {};
  const auto plan = make_plan(config, diego(), {}, "");
  CHECK(names(*plan).front() == "mounts");
  CHECK(rep_json(*plan)["loggregator"] == R"({"loggregator_use_v2_api":false})");
}

TEST_CASE("the rep gets every root file system: those with a path, and packages by their stack", "[cell]") {
  Packages packages = diego();
  packages.rootfs.emplace_back("cflinuxfs3:/p/cflinuxfs3/rootfs.tar");
  const auto preloaded = [&packages](std::vector<std::string> rootfs) {
    const auto plan = make_plan(config_of(std::move(rootfs)), packages, {}, "");
    return plan ? rep_json(*plan)["preloaded_root_fs"] : plan.error().message();
  };
  const std::string four = R"("cflinuxfs4:/p/cflinuxfs4/rootfs.tar")",
                    three = R"("cflinuxfs3:/p/cflinuxfs3/rootfs.tar")";
  CHECK(preloaded({}) == "[" + four + "," + three + "]");
  CHECK(preloaded({"cflinuxfs3", "own:/own"}) == "[" + three + R"(,"own:/own"])");
  CHECK(preloaded({"cflinuxfs4:/other"}) == R"(["cflinuxfs4:/other"])");
  CHECK(preloaded({"cflinuxfs"}) ==
        "--rootfs cflinuxfs: names no path, and there is no cflinuxfs/rootfs.tar in /var/vcap/packages");
}

TEST_CASE("without Diego's packages the stand-in is the rep", "[cell]") {
  Config config = config_of({"cflinuxfs4:/r"});
  config.rep = config.log_agent = {};
  config.optional_placement_tags = {"a", "b"};
  const auto plan = make_plan(config, Packages{}, {job("x", Job::Stage::before_garden)}, "");
  REQUIRE(plan);
  CHECK(names(*plan) == std::vector<std::string>{"x", "rep"});
  CHECK(plan->files.empty());
  CHECK(plan->directories.empty());
  const Process& rep = find(*plan, "rep");
  CHECK(rep.argv[0] == "diego-local");
  CHECK(has(rep, "--listen", "127.0.0.1:1801"));
  CHECK(has(rep, "--memory-mb", "4096"));
  CHECK(has(rep, "--stack", "cflinuxfs4:/r"));
  CHECK(has(rep, "--optional-placement-tag", "b"));
  CHECK(rep.check.target == "http://127.0.0.1:1801/ping");
}

TEST_CASE("with certificates the stand-in speaks TLS", "[cell]") {
  const auto plan = make_plan(config_of(), Packages{}, {}, "");
  CHECK(has(find(*plan, "rep"), "--tls-key", "/c/rep.key"));
  CHECK(find(*plan, "rep").check.target == "https://127.0.0.1:1801/ping");
}

TEST_CASE("what does not make a cell is said", "[cell]") {
  Config config = config_of();
  Packages packages = diego();
  std::vector<Job> jobs;
  std::string error;
  SECTION("a rep without garden") {
    packages.programs.erase("gdn");
    error = "/var/vcap/packages: has a rep but no gdn; both are Diego's packages (CELL_PACKAGES)";
  }
  SECTION("no root file system") {
    packages.rootfs.clear();
    error = "/var/vcap/packages: has no <stack>/rootfs.tar, and there is no --rootfs stack:path";
  }
  SECTION("no certificate") {
    config.rep.key = "";
    error = "--rep-ca, --rep-cert, --rep-key: are needed: Diego's rep speaks mutual TLS alone";
  }
  SECTION("two of one name") {
    jobs = {job("rep", Job::Stage::after_rep)};
    error = "rep: is the name of two processes; a job's is its file's without leading digits";
  }
  CHECK(make_plan(config, packages, jobs, "").error().message() == error);
}

TEST_CASE("a job's restart policy is what its end means", "[cell]") {
  using R = Job::Restart;
  const auto plan = make_plan(config_of(), Packages{},
                              {job("a", Job::Stage::after_rep, R::always), job("n", Job::Stage::after_rep, R::never),
                               job("o", Job::Stage::after_rep, R::once), job("c", Job::Stage::after_rep, R::cell)},
                              "");
  CHECK(find(*plan, "a").at_end == Process::AtEnd::restart);
  CHECK(find(*plan, "n").at_end == Process::AtEnd::leave);
  CHECK(find(*plan, "o").once);
  CHECK(find(*plan, "c").at_end == Process::AtEnd::end_cell);
  CHECK(find(*plan, "c").exit_code == 72);
}

TEST_CASE("the plan reads like what will happen", "[cell]") {
  Config config = config_of();
  config.rep = {};
  config.zone = "it's";
  const auto plan = make_plan(config, Packages{}, {job("x", Job::Stage::before_rep, Job::Restart::once)}, "");
  CHECK(describe(*plan) ==
        "cell=cell-1 zone=it's memory_mb=4096 disk_mb=8192 rep=diego-local (a stand-in)\n"
        "process x\n"
        "  /bin/sh -c 'run x'\n"
        "  ends well within 30 s, or it goes on without; runs once\n"
        "process rep\n"
        "  diego-local rep --listen 127.0.0.1:1801 --cell-id cell-1 --memory-mb 4096 --disk-mb 8192 --containers 250 "
        "--zone 'it'\\''s'\n"
        "  is up when GET http://127.0.0.1:1801/ping is 200 within 45 s; its end ends the cell with status 71\n"
        "stops in the order rep x\n");
}
