// diego-local: a Mesos cluster on one machine, for demos and tests. See DIFFERENCES.md.
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "local/bbs/bbs_server.hpp"
#include "local/serve/cluster.hpp"
#include "platform/flags.hpp"
#include "platform/log.hpp"
#ifdef DIEGO_LOCAL_LOCKET
#include "local/locket/locket_server.hpp"
#endif
#ifdef DIEGO_LOCAL_REP
#include "local/rep/rep_server.hpp"
#endif

namespace {

void add_cluster_flags(platform::Flags& flags, local::ClusterOptions& options, std::string& log_level) {
  flags.group("Cluster");
  flags.add("port", options.port, "port of the master, 0 for any", 0, 65535);
  flags.add("agents", options.agents, "number of agents", 0, 10'000);
  flags.add("agent-ports", options.agent_port, "port of the first agent, the others count up; 0 for any", 0, 65535);
  flags.add("resources", options.resources,
            "of an agent, such as 'cpus:4;mem:4096;disk:8192;ports:[31000-31999]' (the default); repeatable: the i-th "
            "is for the i-th agent, the last for "
            "the rest");
  flags.add("attributes", options.attributes, "of an agent, such as 'zone:z1;rack:r1'; repeatable like --resources");
  flags.add("work-dir", options.work_dir, "directory of sandboxes; default: a temporary one, removed at the end");
  flags.add("credentials", options.credentials_file,
            "JSON file of principals and secrets, as mesos-master's; makes everybody authenticate");
  flags.group("Timing");
  flags.add("allocation-interval", options.allocation_interval, "between batches of offers",
            std::chrono::milliseconds(1));
  flags.add("agent-unreachable-after", options.agent_unreachable_after, "a lost agent's tasks become TASK_UNREACHABLE");
  flags.add("executor-registration-timeout", options.executor_registration_timeout,
            "an executor must subscribe within");
  flags.add("executor-reregistration-timeout", options.executor_reregistration_timeout,
            "after an agent's restart executors must be back within");
  flags.add("executor-shutdown-grace", options.executor_shutdown_grace,
            "between SHUTDOWN and SIGKILL, unless the executor says otherwise");
  flags.add("recovery-timeout", options.recovery_timeout, "told to executors: how long to wait for an agent");
  flags.group("Other");
  flags.add_choice("containerizer", options.containerizer, {"process", "docker"},
                   "docker: executors in DOCKER containers are run, by the docker CLI; process: only others");
  flags.add("docker", options.docker, "the docker CLI, with --containerizer docker");
  flags.add("docker-socket", options.docker_socket, "path of the docker engine's socket");
  flags.add_choice("isolation", options.isolation, {"posix", "cgroups"},
                   "cgroups: executors in control groups of their own (root), which limit and end all they start");
  flags.add("executor-environment", options.executor_environment, "NAME=VALUE for every executor; repeatable");
  flags.add_choice("log-level", log_level, {"debug", "info", "warning", "error"}, "of the log on stderr");
}

int run_cluster(const local::ClusterOptions& options) {
  local::Cluster cluster(options);
  if (const base::Status started = cluster.start(); !started) {
    std::fprintf(stderr, "diego-local: %s\n", started.error().message().c_str());
    return 2;
  }
  std::printf("diego-local: master http://%s:%d agents %lld ready\n", options.listen_ip.c_str(), cluster.master_port(),
              static_cast<long long>(options.agents));
  std::fflush(stdout);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  int received = 0;
  sigwait(&ends, &received);
  cluster.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  local::ClusterOptions options;
  std::string log_level = "warning";
  platform::Flags flags("diego-local", "A Mesos master and agents on one machine, for demos and tests.");
  add_cluster_flags(flags, options, log_level);
#ifdef DIEGO_LOCAL_REP
  local::RepOptions rep_options;
  local::add_rep_flags(flags.subcommand("rep", "A stand-in for Diego's rep."), rep_options);
#endif
  local::BbsOptions bbs_options;
  local::add_bbs_flags(flags.subcommand("bbs", "A stand-in for Diego's BBS."), bbs_options);
#ifdef DIEGO_LOCAL_LOCKET
  local::LocketOptions locket_options;
  local::add_locket_flags(flags.subcommand("locket", "A stand-in for Diego's Locket."), locket_options);
#endif
  const std::string subcommand = platform::parse_or_exit(flags, argc, argv);
#ifdef DIEGO_LOCAL_LOCKET
  if (subcommand == "locket") return local::run_locket(locket_options);
#endif
#ifdef DIEGO_LOCAL_REP
  if (subcommand == "rep") return local::run_rep(rep_options);
#endif
  if (subcommand == "bbs") return local::run_bbs(bbs_options);

  // Before any thread: every thread inherits it, and sigwait takes the signals.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const auto level = platform::parse_log_level("--log-level", log_level);
  platform::start_log("diego-local", level ? *level : platform::LogLevel::warning);
  return run_cluster(options);
}
