// Shows what a master detector or a leader lock reports, one line each with the milliseconds since the
// start of the machine (so that the lines of two probes compare):
//   zk-probe detect MASTER [SESSION-MS]       MASTER as for --master
//   zk-probe lock ZK-URL WHO [SESSION-MS]     reads "share TEXT", "resign", "campaign", "held" on stdin
// Ends when stdin does. SIGSTOP, SIGKILL: as they come.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>

#include "mesos/master_detector.hpp"
#include "mesos/zookeeper_lock.hpp"
#include "platform/log.hpp"

namespace {

void say(const std::string& line) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::string text = fmt::format("{} {}\n", now.tv_sec * 1000 + now.tv_nsec / 1'000'000, line);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

struct Line {
  void operator()(const mesos_client::MasterDetected& report) const {
    std::string urls;
    for (const std::string& url : report.urls) urls += (urls.empty() ? "" : ",") + url;
    say("detected " + urls + " " + report.who);
  }
  void operator()(const mesos_client::NoMaster& report) const { say("nobody " + report.reason); }
  void operator()(const mesos_client::DetectorNote& report) const {
    say((report.trouble ? "trouble " : "note ") + report.text);
  }
  void operator()(const base::LockAcquired& report) const { say("acquired " + report.shared); }
  void operator()(const base::LockLost& report) const { say("lost " + report.reason); }
  void operator()(const base::LockHeldByOther& report) const { say("other " + report.who); }
  void operator()(const base::ShareStored& report) const { say("stored " + report.value); }
  void operator()(const base::ShareRefused& report) const { say("refused " + report.reason); }
  void operator()(const base::LockNote& report) const { say((report.trouble ? "trouble " : "note ") + report.text); }
};

int fail(const base::Error& error) {
  std::fprintf(stderr, "zk-probe: %s\n", error.message().c_str());
  return 2;
}

int detect(const std::string& master, base::Duration session) {
  const auto address = mesos_client::parse_master("--master", master);
  if (!address) return fail(address.error());
  mesos_client::DetectorOptions options;
  options.zookeeper_session_timeout = session;
  options.file_poll = std::chrono::milliseconds(100);
  const auto detector = mesos_client::start_master_detector(
      "--master", *address, options, [](const mesos_client::MasterReport& report) { std::visit(Line{}, report); });
  if (!detector) return fail(detector.error());
  for (std::string line; std::getline(std::cin, line);) {
  }
  return 0;
}

int lock(const std::string& url, const std::string& who, base::Duration session) {
  const auto address = mesos_client::parse_zookeeper("--lock", url);
  if (!address) return fail(address.error());
  const auto made = mesos_client::start_zookeeper_lock(
      "--lock", {*address, who, session}, [](const base::LockReport& report) { std::visit(Line{}, report); });
  if (!made) return fail(made.error());
  base::LeaderLock& held = **made;
  held.campaign();
  for (std::string line; std::getline(std::cin, line);) {
    if (line.starts_with("share ")) held.share(line.substr(6));
    if (line == "resign") held.resign();
    if (line == "campaign") held.campaign();
    if (line == "held") say(held.held() ? "held yes" : "held no");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const int words = what == "lock" ? 4 : 3;
  if ((what != "lock" && what != "detect") || argc < words) return fail({"", "detect MASTER or lock ZK-URL WHO"});
  platform::start_log("zk-probe", platform::LogLevel::warning);
  const auto session = std::chrono::milliseconds(argc > words ? std::atoi(argv[words]) : 10'000);
  return what == "lock" ? lock(argv[2], argv[3], session) : detect(argv[2], session);
}
