#include "cell/edge/probes.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <thread>

#include "base/text.hpp"
#include "cell/edge/checker.hpp"
#include "cell/edge/engine.hpp"
#include "cell/edge/files.hpp"
#include "platform/clock.hpp"
#include "platform/http.hpp"
#include "platform/mailbox.hpp"

namespace cell {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kPatience = 2s;
constexpr base::Duration kLookEvery = 20ms;
constexpr const char* kEngineSocket = "/var/run/docker.sock";

std::string text_of(const std::string& path) {
  const auto text = read_text(path, path);
  return text ? *text : std::string();
}

std::vector<std::string> lines_of(const std::string& path) { return base::split_list(text_of(path), '\n'); }

std::string word_after(const std::string& text, const std::string& key) {
  const auto at = text.find(key);
  if (at == std::string::npos) return "";
  const auto end = text.find('\n', at);
  return std::string(base::trim(std::string_view(text).substr(at + key.size(), end - at - key.size())));
}

void look_at_status(Host& host) {
  const std::string status = text_of("/proc/self/status");
  const std::string hex = word_after(status, "CapEff:");
  std::from_chars(hex.data(), hex.data() + hex.size(), host.capabilities, 16);
  host.seccomp = word_after(status, "Seccomp:") == "2";
}

// One line of /proc/self/mountinfo: id parent device root point options [optional]... - type source super-options
struct Mount {
  std::string point, options, type, super_options;
};

std::vector<Mount> mounts() {
  std::vector<Mount> out;
  for (const std::string& line : lines_of("/proc/self/mountinfo")) {
    std::istringstream words(line);
    std::string skipped, word;
    Mount mount;
    words >> skipped >> skipped >> skipped >> skipped >> mount.point >> mount.options;
    while (words >> word && word != "-") {
    }
    words >> mount.type >> skipped >> mount.super_options;
    out.push_back(std::move(mount));
  }
  return out;
}

bool below(const std::string& path, const std::string& folder) {
  return path == folder || folder == "/" || path.starts_with(folder + "/");
}

void look_at_mounts(const std::string& store, Host& host) {
  host.cgroups_writable = true;
  std::size_t longest = 0;
  for (const Mount& mount : mounts()) {
    const bool read_only = mount.options == "ro" || mount.options.starts_with("ro,");
    if (below(mount.point, "/sys/fs/cgroup")) {
      host.cgroups = true;
      if (read_only) host.cgroups_writable = false;
    }
    // binfmt_misc is mounted there by itself; what hides files is a tmpfs, /dev/null or a read-only part of proc.
    if (mount.point.starts_with("/proc/") && (read_only || mount.type == "tmpfs" || mount.type == "devtmpfs"))
      host.masked_paths = true;
    if (below(store, mount.point) && mount.point.size() >= longest) {
      longest = mount.point.size();
      host.store_type = mount.type;
      host.store_has_quota = ("," + mount.super_options + ",").find("prjquota") != std::string::npos;
    }
  }
}

void look_at_limits(Host& host) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) host.open_files_max = files.rlim_max;
  if (std::getenv("MESOS_EXECUTOR_ID") != nullptr) return;  // That of memory rises with each task.
  for (const char* const path : {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"}) {
    const std::string text = text_of(path);
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
    // Version 1 says "no limit" with a number that no machine has.
    if (error == std::errc{} && bytes < (std::uint64_t{1} << 60U)) host.memory_limit_mb = bytes >> 20U;
  }
}

bool has_default_route() {
  for (const std::string& line : lines_of("/proc/net/route")) {
    std::istringstream words(line);
    std::string interface, destination;
    words >> interface >> destination;
    if (destination == "00000000") return true;
  }
  return false;
}

std::map<std::string, std::string> dial_all(const Config& config, const Stopped& stopped) {
  const auto dial = [](const std::string& address) { return [address] { return check_tcp(address); }; };
  std::map<std::string, Question> questions = {{"locket", dial(config.locket_address)}};
  if (const auto url = platform::parse_url("--bbs-url", config.bbs_url))
    questions["bbs"] = dial(platform::HostPort{url->host, url->port}.text());
  return ask_all(questions, kPatience, stopped);
}

}  // namespace

std::map<std::string, std::string> ask_all(const std::map<std::string, Question>& questions, base::Duration limit,
                                           const Stopped& stopped) {
  struct Answer {
    std::string who;
    base::Status status;
  };
  const auto answers = std::make_shared<platform::Mailbox<Answer>>();
  std::map<std::string, std::string> failed;
  for (const auto& [who, question] : questions) {
    failed[who] = "no answer within " + std::to_string(base::to_millis(limit)) + " ms";
    // Left alone: where a name server is silent libc takes 10 s for a name, and nothing hurries it.
    std::thread([answers, name = who, ask = question] { answers->post({name, ask()}); }).detach();
  }
  const base::Time end = platform::now() + limit;
  for (std::size_t heard = 0; heard < questions.size() && platform::now() < end && !stopped();) {
    for (const Answer& answer : answers->take(std::min(kLookEvery, end - platform::now()))) {
      ++heard;
      failed.erase(answer.who);
      if (!answer.status) failed[answer.who] = answer.status.error().text;
    }
  }
  return failed;
}

Host look_at_host(const Config& config, const Packages& packages, const Stopped& stopped) {
  Host host;
  look_at_status(host);
  look_at_mounts(config.data + "/grootfs/store", host);
  look_at_limits(host);
  for (const std::string& line : lines_of("/proc/filesystems"))
    host.file_systems.insert(std::string(base::trim(std::string_view(line).substr(line.rfind('\t') + 1))));
  for (const char* const name : {"fuse", "loop-control", "loop0"}) {
    if (::access((std::string("/dev/") + name).c_str(), F_OK) == 0) host.devices.insert(name);
  }
  // Both are there once xfs is loaded, the second one where it was built with quotas.
  host.xfs_lacks_quota = ::access("/proc/fs/xfs/stat", F_OK) == 0 && ::access("/proc/fs/xfs/xqmstat", F_OK) != 0;
  host.default_route = has_default_route();
  host.sandbox_writable = ::access(config.sandbox.c_str(), W_OK | X_OK) == 0;
  for (const std::string& file : files_needed(config, packages)) {
    if (::access(file.c_str(), R_OK) != 0) host.missing_files.insert(file);
  }
  host.engine = look_at_engine(kEngineSocket);
  if (packages.has_rep()) host.unreachable = dial_all(config, stopped);
  return host;
}

}  // namespace cell
