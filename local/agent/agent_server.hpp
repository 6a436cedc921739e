// The stand-in agent behind sockets: AgentModel, an HTTP server on its own port, real executor
// processes, and a link to the master in this process.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "local/agent/agent_model.hpp"
#include "local/serve/master_link.hpp"

namespace local {

struct AgentServerOptions {
  AgentConfig agent;              // `ip` is where it listens; `port` 0 is any free one, kept through restarts.
  std::size_t http_threads = 48;  // Each executor needs two at least: its stream and its calls.
};

// start, stop, kill and restart are called by one thread at a time. Executors die with this process.
class AgentServer {
 public:
  // `link` must outlive the server.
  AgentServer(AgentServerOptions options, MasterLink& link);
  ~AgentServer();  // As stop().
  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;

  // Listens and connects to the master; after kill() as the same agent, which then recovers. The
  // error names the address.
  base::Status start();

  // As SIGTERM, but with its executors: they are told to shut down, and what is left of them after
  // `grace` is killed. Final. The master sees a broken socket.
  void stop(base::Duration grace = std::chrono::seconds(2));

  // As SIGKILL: connections break, executors live on.
  void kill();

  // kill(), `down_for`, start().
  base::Status restart(base::Duration down_for = base::Duration{0});

  // As SIGUSR1: leaves the master and shuts its executors down.
  void leave();

  int port() const;
  std::string agent_id() const;  // Empty before the first registration.

  // True once the model has ended on its own: the master shut it down, or leave().
  bool ended() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace local
