// A master and its agents in one process: what `diego-local` is without a subcommand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace local {

struct ClusterOptions {
  std::string listen_ip = "127.0.0.1";
  std::int64_t port = 5050;  // 0: any free one.
  std::int64_t agents = 3;
  std::int64_t agent_port = 0;  // Of the first agent, the others count up; 0: any free ones.
  // The i-th is for the i-th agent, the last one for all further agents. As mesos-agent takes them.
  std::vector<std::string> resources, attributes;
  std::string work_dir;  // Empty: one of our own below the system's, removed at the end.
  base::Duration allocation_interval = std::chrono::seconds(1);
  base::Duration agent_unreachable_after = std::chrono::seconds(75);
  std::string credentials_file;                   // As mesos-master's --credentials; empty: no authentication.
  std::vector<std::string> executor_environment;  // K=V
  std::string containerizer = "process";          // docker: also executors in DOCKER containers.
  std::string isolation = "posix";                // cgroups: executors in control groups of their own.
  std::string docker = "/usr/bin/docker", docker_socket = "/var/run/docker.sock";
  base::Duration executor_registration_timeout = std::chrono::minutes(1);
  base::Duration executor_reregistration_timeout = std::chrono::seconds(2);
  base::Duration executor_shutdown_grace = std::chrono::seconds(5);
  base::Duration recovery_timeout = std::chrono::minutes(15);
};

// Every error names the flag it comes from.
class Cluster {
 public:
  explicit Cluster(ClusterOptions options);
  ~Cluster();  // As stop().
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Returns when the master serves and every agent has registered.
  base::Status start();

  // Ends agents with their executors, then the master. Idempotent.
  void stop();

  int master_port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace local
