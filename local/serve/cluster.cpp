#include "local/serve/cluster.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/text.hpp"
#include "local/agent/agent_server.hpp"
#include "local/agent/control_groups.hpp"
#include "local/model/resources.hpp"
#include "local/serve/master_server.hpp"
#include "mesos/v1/mesos.pb.h"
#include "platform/clock.hpp"
#include "platform/http_server.hpp"

namespace local {
namespace {

using platform::ServerRequest;
using platform::ServerResponse;

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";
constexpr const char* kDefaultResources = "cpus:4;mem:4096;disk:8192;ports:[31000-31999]";

// {"credentials":[{"principal":"p","secret":"s"}]}
base::Result<std::map<std::string, std::string>> read_credentials(const std::string& file) {
  std::ifstream in(file);
  if (!in) return base::Error{"--credentials " + file, "cannot be read"};
  std::stringstream text;
  text << in.rdbuf();
  rapidjson::Document json;
  json.Parse(text.str().c_str());
  const auto malformed = [&] {
    return base::Error{"--credentials " + file, R"(is not {"credentials":[{"principal":..,"secret":..}]})"};
  };
  if (json.HasParseError() || !json.IsObject() || !json.HasMember("credentials") || !json["credentials"].IsArray())
    return malformed();
  std::map<std::string, std::string> credentials;
  for (const auto& item : json["credentials"].GetArray()) {
    if (!item.IsObject() || !item.HasMember("principal") || !item["principal"].IsString() ||
        !item.HasMember("secret") || !item["secret"].IsString()) {
      return malformed();
    }
    credentials[item["principal"].GetString()] = item["secret"].GetString();
  }
  if (credentials.empty()) return malformed();
  return credentials;
}

const std::string& nth(const std::vector<std::string>& list, std::size_t index) {
  return list[std::min(index, list.size() - 1)];
}

ServerResponse text(int status, std::string body) {
  return {.status = status,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
          .body = std::move(body),
          .stream = nullptr};
}

base::Duration millis_of(const ServerRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  std::int64_t value = 0;
  if (found != request.query.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return std::chrono::milliseconds(std::max<std::int64_t>(0, value));
}

}  // namespace

struct Cluster::Impl {
  explicit Impl(ClusterOptions given) : options(std::move(given)) {}

  base::Status make_work_dir();
  base::Result<AgentServerOptions> agent_options(std::size_t index) const;
  base::Status start_agents();
  ServerResponse control(const ServerRequest& request);
  ServerResponse control_agent(const ServerRequest& request, std::size_t index, const std::string& verb);
  ServerResponse agent_list();

  ClusterOptions options;
  std::filesystem::path work_dir;
  bool own_work_dir = false;
  int master_port = 0;
  std::unique_ptr<MasterServer> master;
  std::mutex agents_mutex;  // Held while one of them starts or stops.
  std::vector<std::unique_ptr<AgentServer>> agents;
};

base::Status Cluster::Impl::make_work_dir() {
  if (options.work_dir.empty()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "diego-local-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      return base::Error{"--work-dir", "no directory of our own can be made below " + pattern};
    work_dir = pattern;
    own_work_dir = true;
    return base::ok();
  }
  std::error_code failure;
  work_dir = std::filesystem::absolute(options.work_dir, failure);
  std::filesystem::create_directories(work_dir, failure);
  if (failure) return base::Error{"--work-dir " + options.work_dir, failure.message()};
  return base::ok();
}

base::Result<AgentServerOptions> Cluster::Impl::agent_options(std::size_t index) const {
  auto info = std::make_shared<mesos::v1::AgentInfo>();
  const auto resources =
      parse_resources("--resources", options.resources.empty() ? kDefaultResources : nth(options.resources, index));
  if (!resources) return resources.error();
  for (const auto& resource : *resources) *info->add_resources() = resource;
  if (!options.attributes.empty()) {
    const auto attributes = parse_attributes("--attributes", nth(options.attributes, index));
    if (!attributes) return attributes.error();
    for (const auto& attribute : *attributes) *info->add_attributes() = attribute;
  }
  info->set_hostname(options.listen_ip);
  AgentServerOptions agent;
  agent.agent.ip = options.listen_ip;
  agent.agent.hostname = options.listen_ip;
  agent.agent.port = options.agent_port == 0 ? 0 : static_cast<int>(options.agent_port) + static_cast<int>(index);
  agent.agent.work_dir = (work_dir / ("agent-" + std::to_string(index))).string();
  agent.agent.info = info;
  if (options.containerizer == "docker") {
    agent.agent.docker = options.docker;
    agent.agent.docker_socket = options.docker_socket;
  }
  if (options.isolation == "cgroups") agent.agent.cgroup_root = kCgroupRoot;
  agent.agent.executor_registration_timeout = options.executor_registration_timeout;
  agent.agent.executor_reregistration_timeout = options.executor_reregistration_timeout;
  agent.agent.executor_shutdown_grace = options.executor_shutdown_grace;
  agent.agent.recovery_timeout = options.recovery_timeout;
  for (const std::string& variable : options.executor_environment) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || equals == 0)
      return base::Error{"--executor-environment", "'" + variable + "' is not NAME=VALUE"};
    agent.agent.executor_environment[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  return agent;
}

base::Status Cluster::Impl::start_agents() {
  for (std::size_t index = 0; index < static_cast<std::size_t>(options.agents); ++index) {
    base::Result<AgentServerOptions> agent = agent_options(index);
    if (!agent) return agent.error();
    auto server = std::make_unique<AgentServer>(std::move(*agent), *master);
    if (base::Status started = server->start(); !started) return started;
    // One after the other, so that the i-th agent is <master>-S<i>.
    const base::Time limit = platform::now() + std::chrono::seconds(10);
    while (server->agent_id().empty()) {
      if (platform::now() > limit) return base::Error{"agent " + std::to_string(index), "did not register within 10 s"};
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::lock_guard lock(agents_mutex);
    agents.push_back(std::move(server));
  }
  return base::ok();
}

// ---- fault controls: POST /local/...

ServerResponse Cluster::Impl::control(const ServerRequest& request) {
  const std::vector<std::string> path = base::split_list(request.path, '/');
  if (request.method == "GET" && path.size() == 2 && path[1] == "agents") return agent_list();
  if (request.method != "POST") return text(405, "only POST, and GET /local/agents");
  if (path.size() == 3 && path[1] == "master" && path[2] == "restart") {
    master->restart(millis_of(request, "agents_after_ms"));
    return text(200, "");
  }
  if (path.size() == 4 && path[1] == "agents") {
    std::size_t index = 0;
    const auto [end, failure] = std::from_chars(path[2].data(), path[2].data() + path[2].size(), index);
    if (failure == std::errc{} && end == path[2].data() + path[2].size()) return control_agent(request, index, path[3]);
  }
  return text(404, "no such control; see local/DIFFERENCES.md");
}

ServerResponse Cluster::Impl::control_agent(const ServerRequest& request, std::size_t index, const std::string& verb) {
  const std::lock_guard lock(agents_mutex);
  if (index >= agents.size()) return text(404, "no agent " + std::to_string(index));
  AgentServer& agent = *agents[index];
  base::Status done = base::ok();
  if (verb == "restart") {
    done = agent.restart(millis_of(request, "down_ms"));
  } else if (verb == "kill") {
    agent.kill();
  } else if (verb == "start") {
    done = agent.start();
  } else if (verb == "leave") {
    agent.leave();
  } else {
    return text(404, "an agent can be told restart, kill, start, leave");
  }
  return done ? text(200, "") : text(500, done.error().message());
}

ServerResponse Cluster::Impl::agent_list() {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  json.StartObject();
  json.Key("agents");
  json.StartArray();
  const std::lock_guard lock(agents_mutex);
  for (const auto& agent : agents) {
    json.StartObject();
    json.Key("id");
    json.String(agent->agent_id().c_str());
    json.Key("port");
    json.Int(agent->port());
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return {
      .status = 200, .headers = {{"Content-Type", "application/json"}}, .body = buffer.GetString(), .stream = nullptr};
}

// ---- Cluster

Cluster::Cluster(ClusterOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Cluster::~Cluster() { stop(); }

base::Status Cluster::start() {
  Impl& impl = *impl_;
  if (impl.options.isolation == "cgroups") {
    if (const base::Status fine = ControlGroups(kCgroupRoot).check(); !fine)
      return base::Error{"--isolation cgroups", fine.error().message()};
  }
  if (base::Status made = impl.make_work_dir(); !made) return made;
  MasterServerOptions options;
  options.listen = {impl.options.listen_ip, static_cast<int>(impl.options.port)};
  options.master.ip = impl.options.listen_ip;
  options.master.hostname = impl.options.listen_ip;
  options.master.allocation_interval = impl.options.allocation_interval;
  options.master.agent_unreachable_after = impl.options.agent_unreachable_after;
  if (!impl.options.credentials_file.empty()) {
    auto credentials = read_credentials(impl.options.credentials_file);
    if (!credentials) return credentials.error();
    options.master.credentials = std::move(*credentials);
  }
  options.local_requests = [&impl](const ServerRequest& request) { return impl.control(request); };
  impl.master = std::make_unique<MasterServer>(std::move(options));
  const base::Result<int> port = impl.master->start("--port");
  if (!port) return port.error();
  impl.master_port = *port;
  return impl.start_agents();
}

void Cluster::stop() {
  Impl& impl = *impl_;
  {
    const std::lock_guard lock(impl.agents_mutex);
    std::vector<std::thread> stopping;
    for (auto& agent : impl.agents) stopping.emplace_back([&agent] { agent->stop(); });
    for (std::thread& one : stopping) one.join();
    impl.agents.clear();
  }
  if (impl.master) impl.master->stop();
  impl.master.reset();
  if (impl.own_work_dir) {
    std::error_code ignored;
    std::filesystem::remove_all(impl.work_dir, ignored);
    impl.own_work_dir = false;
  }
}

int Cluster::master_port() const { return impl_->master_port; }

}  // namespace local
