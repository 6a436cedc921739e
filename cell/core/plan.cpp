#include "cell/core/plan.hpp"

#include <algorithm>
#include <csignal>
#include <set>

#include "cell/core/garden.hpp"
#include "cell/core/rep_json.hpp"

namespace cell {
namespace {

using namespace std::chrono_literals;

std::vector<Process::StopStep> gently(base::Duration wait) { return {{SIGTERM, wait}}; }

base::Result<Process> rep_of(const Config& config, const std::string& json_path) {
  if (!config.rep.complete())
    return base::Error{"--rep-ca, --rep-cert, --rep-key", "are needed: Diego's rep speaks mutual TLS alone"};
  Process rep;
  rep.name = "rep";
  rep.argv = {"", "-config=" + json_path};
  const auto admin = parse_listen("--rep-admin-listen", config.rep_admin_listen);
  if (!admin) return admin.error();
  // The rep insists on a certificate for this address.
  rep.check = {.kind = Check::Kind::http,
               .target = "https://127.0.0.1:" + admin->port + "/ping",
               .certificates = config.rep,
               .failures_max = 0};
  return rep;
}

Process stand_in_of(const Config& config) {
  Process rep;
  rep.name = "rep";
  rep.argv = {config.stand_in, "rep",
              "--listen",      config.rep_listen,
              "--cell-id",     config.cell_id,
              "--memory-mb",   std::to_string(config.memory_mb),
              "--disk-mb",     std::to_string(config.disk_mb),
              "--containers",  std::to_string(config.containers_max),
              "--zone",        config.zone};
  const auto repeat = [&](const char* flag, const std::vector<std::string>& values) {
    for (const std::string& value : values) rep.argv.insert(rep.argv.end(), {flag, value});
  };
  repeat("--stack", config.rootfs);
  repeat("--placement-tag", config.placement_tags);
  repeat("--optional-placement-tag", config.optional_placement_tags);
  const bool tls = config.rep.complete();
  if (tls) {
    rep.argv.insert(rep.argv.end(),
                    {"--tls-cert", config.rep.cert, "--tls-key", config.rep.key, "--tls-ca", config.rep.ca});
  }
  rep.check = {.kind = Check::Kind::http,
               .target = (tls ? "https://" : "http://") + config.rep_listen + "/ping",
               .certificates = tls ? config.rep : Certificates{},
               .failures_max = 0};
  return rep;
}

base::Result<Process> consul_of(const Config& config, const Packages& packages) {
  const std::string program = packages.program("consul");
  if (program.empty())
    return base::Error{"--consul-config " + config.consul_config, "there is no program consul in " + config.packages};
  Process consul;
  consul.name = "consul";
  consul.argv = {program, "agent", "-config-dir=" + config.consul_config, "-data-dir=" + config.data + "/consul"};
  // 500 while it knows of no server.
  consul.check = {.kind = Check::Kind::http, .target = "http://" + config.consul_http + "/v1/status/leader"};
  consul.start_limit = config.consul_start;
  consul.at_end = Process::AtEnd::restart;
  consul.stop = gently(5s);
  return consul;
}

std::optional<Process> log_agent_of(const Config& config, const Packages& packages) {
  const std::string program = packages.program("forwarder-agent");
  if (program.empty() || !config.log_agent.complete()) return std::nullopt;
  Process agent;
  agent.name = "log-agent";
  agent.argv = {program};
  agent.environment = {{"AGENT_PORT", std::to_string(config.log_agent_port)}};
  for (const std::string prefix : {"AGENT_", "METRICS_"}) {
    agent.environment[prefix + "CA_FILE_PATH"] = config.log_agent.ca;
    agent.environment[prefix + "CERT_FILE_PATH"] = config.log_agent.cert;
    agent.environment[prefix + "KEY_FILE_PATH"] = config.log_agent.key;
  }
  agent.environment["METRICS_SERVER_NAME"] = "metron";
  for (const std::string& text : config.log_agent_env)
    agent.environment[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  agent.check = {.kind = Check::Kind::tcp, .target = "127.0.0.1:" + std::to_string(config.log_agent_port)};
  agent.start_limit = config.log_agent_start;
  agent.needed = false;
  agent.at_end = Process::AtEnd::restart;
  agent.stop = gently(5s);
  return agent;
}

Check check_of(const Job& job) {
  if (!job.health_url.empty()) return {.kind = Check::Kind::http, .target = job.health_url};
  if (!job.health_tcp.empty()) return {.kind = Check::Kind::tcp, .target = job.health_tcp};
  if (!job.health_command.empty()) return {.kind = Check::Kind::command, .target = job.health_command};
  return {};
}

Process process_of(const Job& job) {
  Process process;
  process.name = job.name;
  process.argv = {"/bin/sh", "-c", job.command};
  process.check = check_of(job);
  process.start_limit = std::chrono::seconds(job.start_timeout_s);
  process.once = job.restart == Job::Restart::once;
  process.needed = job.needed;
  switch (job.restart) {
    case Job::Restart::always:
      process.at_end = Process::AtEnd::restart;
      break;
    case Job::Restart::cell:
      process.at_end = Process::AtEnd::end_cell;
      break;
    case Job::Restart::never:
    case Job::Restart::once:
      process.at_end = Process::AtEnd::leave;
      break;
  }
  process.stop = gently(5s);
  return process;
}

base::Status check_names(const std::vector<Process>& processes) {
  std::set<std::string> names;
  for (const Process& process : processes) {
    if (!names.insert(process.name).second)
      return base::Error{process.name, "is the name of two processes; a job's is its file's without leading digits"};
  }
  return base::ok();
}

// The rep, then the rest from the last to the first.
std::vector<std::size_t> stop_order(const std::vector<Process>& processes) {
  std::vector<std::size_t> order;
  for (std::size_t i = processes.size(); i-- > 0;) order.push_back(i);
  std::stable_partition(order.begin(), order.end(), [&](std::size_t i) { return processes[i].name == "rep"; });
  return order;
}

base::Status add_diego(const Config& config, const Packages& packages, const std::string& rep_template, Plan& plan,
                       std::vector<Process>& garden, std::optional<Process>& rep) {
  if (packages.program("gdn").empty())
    return base::Error{config.packages, "has a rep but no gdn; both are Diego's packages (CELL_PACKAGES)"};
  const auto stacks = packages.offered(config);
  if (!stacks) return stacks.error();
  if (stacks->empty())
    return base::Error{config.packages, "has no <stack>/rootfs.tar, and there is no --rootfs stack:path"};
  const std::string json_path = config.sandbox + "/rep.json";
  auto json = render_rep_json(config, packages, *stacks, rep_template);
  if (!json) return json.error();
  auto process = rep_of(config, json_path);
  if (!process) return process.error();
  rep = *std::move(process);
  rep->argv[0] = packages.program("rep");
  plan.files.push_back({json_path, *std::move(json)});
  const std::string shared = config.data + "/rep/shared/garden";
  plan.directories = {config.data + "/garden/depot", config.data + "/garden/bin", config.data + "/grootfs/store",
                      config.data + "/rep/tmp",      config.data + "/voldrivers", shared + "/download_cache",
                      shared + "/instance_identity", shared + "/trusted_certs",   shared + "/proxy_config"};
  garden = garden_processes(config, packages);
  for (File& file : garden_files(config, packages)) plan.files.push_back(std::move(file));
  return base::ok();
}

}  // namespace

std::string Packages::program(const std::string& name) const {
  const auto found = programs.find(name);
  return found == programs.end() ? std::string() : found->second;
}

base::Result<std::vector<std::string>> Packages::offered(const Config& config) const {
  if (config.rootfs.empty()) return rootfs;
  std::vector<std::string> all;
  for (const std::string& text : config.rootfs) {
    const auto stack = parse_stack(text);
    if (!stack) return stack.error();
    const auto found = std::find_if(rootfs.begin(), rootfs.end(),
                                    [&stack](const std::string& one) { return one.starts_with(stack->name + ":"); });
    if (stack->path.empty() && found == rootfs.end())
      return base::Error{"--rootfs " + text,
                         "names no path, and there is no " + text + "/rootfs.tar in " + config.packages};
    all.push_back(stack->path.empty() ? *found : text);
  }
  return all;
}

base::Result<Plan> make_plan(const Config& config, const Packages& packages, const std::vector<Job>& jobs,
                             const std::string& rep_template) {
  Plan plan;
  plan.cell = "cell=" + config.cell_id + " zone=" + config.zone + " memory_mb=" + std::to_string(config.memory_mb) +
              " disk_mb=" + std::to_string(config.disk_mb) +
              " rep=" + (packages.has_rep() ? packages.program("rep") : config.stand_in + " (a stand-in)");
  std::vector<Process> garden;
  std::optional<Process> rep;
  if (packages.has_rep()) {
    if (const auto added = add_diego(config, packages, rep_template, plan, garden, rep); !added) return added.error();
  } else {
    rep = stand_in_of(config);
  }
  rep->start_limit = config.rep_start;
  rep->exit_code = kRepEnded;
  rep->may_finish = true;  // As it does when it has been evacuated.
  rep->stop = gently(config.rep_stop);

  const auto add_jobs = [&](Job::Stage stage) {
    for (const Job& job : jobs) {
      if (job.stage == stage) plan.processes.push_back(process_of(job));
    }
  };
  // Names of what the others look for are Consul's to find.
  if (!config.consul_config.empty()) {
    auto consul = consul_of(config, packages);
    if (!consul) return consul.error();
    plan.directories.push_back(config.data + "/consul");
    plan.processes.push_back(*std::move(consul));
  }
  if (auto agent = log_agent_of(config, packages)) plan.processes.push_back(*std::move(agent));
  add_jobs(Job::Stage::before_garden);
  plan.processes.insert(plan.processes.end(), garden.begin(), garden.end());
  add_jobs(Job::Stage::before_rep);
  plan.processes.push_back(*std::move(rep));
  add_jobs(Job::Stage::after_rep);
  if (const auto fine = check_names(plan.processes); !fine) return fine.error();
  plan.stop_order = stop_order(plan.processes);
  return plan;
}

}  // namespace cell
