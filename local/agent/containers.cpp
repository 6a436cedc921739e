#include "local/agent/containers.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "platform/child_process.hpp"
#include "platform/log.hpp"

namespace local {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kDockerLimit{30};

// ---- whose process is it ----

namespace {

std::optional<ProcessEntry> read_entry(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const std::size_t end_of_name = line.rfind(')');  // The name may hold anything.
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(end_of_name + 1));
  char state = '?';
  ProcessEntry entry;
  entry.pid = pid;
  rest >> state >> entry.parent >> entry.group >> entry.session;
  entry.zombie = state == 'Z' || state == 'X';
  if (!rest) return std::nullopt;
  return entry;
}

std::vector<ProcessEntry> all_processes() {
  std::vector<ProcessEntry> entries;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    if (const auto entry = read_entry(std::atoi(name.c_str()))) entries.push_back(*entry);
  }
  return entries;
}

bool carries(int pid, const std::string& variable) {
  std::ifstream file(fmt::format("/proc/{}/environ", pid), std::ios::binary);
  std::string one;
  while (std::getline(file, one, '\0')) {
    if (one == variable) return true;
  }
  return false;
}

}  // namespace

std::vector<int> container_processes(int root, const std::string& sandbox) {
  const std::string marker = "MESOS_SANDBOX=" + sandbox;
  const int self = ::getpid();
  const std::vector<ProcessEntry> entries = all_processes();
  std::set<int> members;
  bool grew = true;
  while (grew) {
    grew = false;
    for (const ProcessEntry& entry : entries) {
      if (entry.pid == self || entry.pid <= 1 || members.contains(entry.pid)) continue;
      if (entry.pid == root || entry.group == root || members.contains(entry.parent) ||
          members.contains(entry.session) || carries(entry.pid, marker)) {
        members.insert(entry.pid);
        grew = true;
      }
    }
  }
  std::vector<int> alive;
  for (const ProcessEntry& entry : entries) {
    if (members.contains(entry.pid) && !entry.zombie) alive.push_back(entry.pid);
  }
  return alive;
}

// ---- the worker ----

Containers::Containers(std::function<void(AgentEvent)> report, const std::string& cgroup_root)
    : report_(std::move(report)),
      groups_(cgroup_root.empty() ? std::nullopt : std::optional<ControlGroups>(cgroup_root)),
      worker_([this] { work(); }) {}

Containers::~Containers() { end(); }

void Containers::end() {
  orders_.close();
  if (worker_.joinable()) worker_.join();
}

void Containers::work() {
  for (;;) {
    const std::deque<Order> orders = orders_.take(std::nullopt);
    if (orders.empty()) break;
    for (const Order& order : orders) std::visit([this](const auto& one) { carry_out(one); }, order);
  }
  for (auto& [id, process] : processes_) {
    destroy(id, process);
    if (process.waiter.joinable()) process.waiter.join();
  }
  if (groups_) groups_->forget();
}

namespace {

void note(const StartContainer& order, const std::string& text) {
  std::ofstream(order.sandbox + "/stderr", std::ios::app) << text << '\n';
}

bool make_sandbox(const StartContainer& order) {
  std::error_code error;
  fs::create_directories(order.sandbox, error);
  if (error) return false;
  fs::remove(order.latest_link, error);
  fs::create_directory_symlink(order.sandbox, order.latest_link, error);
  std::ofstream(order.sandbox + "/stdout", std::ios::app);
  std::ofstream(order.sandbox + "/stderr", std::ios::app);
  return true;
}

bool fetch(const StartContainer& order) {
  if (order.fetch_fails) {
    note(order, "Failed to fetch: only absolute paths and file:// URIs are supported here");
    return false;
  }
  for (const Fetch& item : order.fetches) {
    const fs::path target = fs::path(order.sandbox) / item.name;
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    error.clear();
    fs::copy_file(item.source, target, fs::copy_options::overwrite_existing, error);
    if (!error && item.executable) {
      fs::permissions(target, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                      fs::perm_options::add, error);
    }
    if (error) {
      note(order, fmt::format("Failed to fetch '{}': {}", item.source, error.message()));
      return false;
    }
  }
  return true;
}

platform::Command command_of(const StartContainer& order) {
  std::string file = order.file;
  std::error_code error;
  if (!file.starts_with('/') && fs::exists(fs::path(order.sandbox) / file, error))
    file = (fs::path(order.sandbox) / file).string();
  platform::Command command;
  const std::string& argv0 = order.argv.front();
  if (argv0 == order.file || argv0 == fs::path(file).filename()) {
    command.argv = {file};
  } else {
    // platform::Command has one word for the file and for argv[0]; bash can tell them apart.
    command.argv = {"/bin/bash", "-c", "exec -a \"$0\" \"$@\"", argv0, file};
  }
  command.argv.insert(command.argv.end(), order.argv.begin() + 1, order.argv.end());
  command.environment = order.environment;
  command.directory = order.sandbox;
  command.stdout_file = order.sandbox + "/stdout";
  command.stderr_file = order.sandbox + "/stderr";
  command.die_with_parent = true;
  return command;
}

// The process itself enters, so that nothing it starts can be outside.
constexpr const char* kEnter = R"(while [ "$1" != -- ]; do echo $$ >"$1" || exit 1; shift; done; shift; exec "$@")";

void enter(const std::vector<std::string>& entrances, platform::Command& command) {
  std::vector<std::string> argv = {"/bin/sh", "-c", kEnter, "enter"};
  argv.insert(argv.end(), entrances.begin(), entrances.end());
  argv.emplace_back("--");
  argv.insert(argv.end(), command.argv.begin(), command.argv.end());
  command.argv = std::move(argv);
}

// The docker CLI for something short; whether it went well. What it says of a failure goes into the sandbox.
bool run_docker(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment,
                const std::string& sandbox) {
  platform::Command command;
  command.argv = argv;
  command.environment = environment;
  command.directory = sandbox;
  command.stdout_file = "/dev/null";
  command.stderr_file = sandbox + "/docker.stderr";
  command.die_with_parent = true;
  auto child = platform::ChildProcess::start(command);
  const auto status = child ? child->wait(kDockerLimit) : std::nullopt;
  if (!status) platform::log_warning("docker does not answer: " + argv[3]);
  return status == 0;
}

}  // namespace

void Containers::carry_out(const StartContainer& order) {
  if (!make_sandbox(order) || !fetch(order)) {
    report_(FetchFailed{order.container_id});
    return;
  }
  const bool grouped = groups_ && order.limits;
  const auto failed = [&](const base::Error& error) {
    if (grouped) (void)groups_->end(order.container_id);
    note(order, "Failed to execute command: " + error.message());
    report_(ContainerStarted{order.container_id, 0});
    report_(ContainerExited{order.container_id, 1 << 8});
  };
  platform::Command command = command_of(order);
  if (grouped) {
    const auto entrances = groups_->make(order.container_id, *order.limits);
    if (!entrances) return failed(entrances.error());
    enter(*entrances, command);
  }
  auto child = platform::ChildProcess::start(command);
  if (!child) return failed(child.error());
  Process& process = processes_[order.container_id];
  process.pid = child->pid();
  process.sandbox = order.sandbox;
  process.remove = order.remove;
  process.environment = order.environment;
  process.grouped = grouped;
  report_(ContainerStarted{order.container_id, process.pid});
  process.waiter = std::thread([this, id = order.container_id, waited = std::move(*child)]() mutable {
    std::optional<int> status;
    while (!status) status = waited.wait(std::chrono::hours(1));
    report_(ContainerExited{id, *status});
    orders_.post(Exited{id});
  });
}

void Containers::carry_out(const UpdateContainer& order) {
  const auto found = processes_.find(order.container_id);
  if (found == processes_.end() || found->second.exited) return;
  const Process& process = found->second;
  const bool limited = process.grouped ? static_cast<bool>(groups_->limit(order.container_id, order.limits))
                                       : run_docker(order.argv, process.environment, process.sandbox);
  if (limited) return;
  report_(UpdateFailed{order.container_id, process.grouped ? "its control groups do not take its limits"
                                                           : "docker update failed, see docker.stderr in the sandbox"});
}

void Containers::carry_out(const TerminateContainer& order) {
  const auto found = processes_.find(order.container_id);
  if (found == processes_.end() || found->second.exited) return;
  ::kill(-found->second.pid, SIGTERM);
}

void Containers::carry_out(const DestroyContainer& order) {
  const auto found = processes_.find(order.container_id);
  if (found == processes_.end()) return;
  destroy(found->first, found->second);
}

// The entry may go once nothing is left to destroy.
void Containers::carry_out(const Exited& order) {
  const auto found = processes_.find(order.container_id);
  if (found == processes_.end()) return;
  found->second.exited = true;
  found->second.waiter.join();
  destroy(found->first, found->second);
  processes_.erase(found);
}

void Containers::destroy(const std::string& id, Process& process) {
  if (!process.remove.empty()) run_docker(process.remove, process.environment, process.sandbox);
  if (process.grouped) {
    if (const auto ended = groups_->end(id); !ended) platform::log_warning(ended.error().message());
  }
  // A process may fork while we look, and one in the middle of an exec shows no environment: look
  // until there is nobody, twice.
  int empty_rounds = 0;
  for (int round = 0; round < 100; ++round) {
    const std::vector<int> pids = container_processes(process.exited ? -1 : process.pid, process.sandbox);
    empty_rounds = pids.empty() ? empty_rounds + 1 : 0;
    if (empty_rounds == 2) return;
    for (const int pid : pids) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  platform::log_warning(fmt::format("container processes do not end pid={} sandbox={}", process.pid, process.sandbox));
}

}  // namespace local
