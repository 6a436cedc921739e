// The master model behind a socket, and the link to the agents in this process.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "local/model/master.hpp"
#include "local/serve/master_link.hpp"
#include "platform/http.hpp"

namespace platform {
struct ServerRequest;
struct ServerResponse;
}  // namespace platform

namespace local {

struct MasterServerOptions {
  MasterConfig master;  // Its port is what the listener got.
  platform::HostPort listen{"127.0.0.1", 5050};
  std::size_t http_threads = 96;  // A subscribed scheduler keeps one, each of its other connections another.

  // Requests below /local, which Mesos does not have; on a server thread. May be empty.
  std::function<platform::ServerResponse(const platform::ServerRequest&)> local_requests;
};

// The model runs on one thread of its own; HTTP threads hand it requests and wait for the answer.
class MasterServer final : public MasterLink {
 public:
  explicit MasterServer(MasterServerOptions options);
  ~MasterServer() override;  // As stop().
  MasterServer(const MasterServer&) = delete;
  MasterServer& operator=(const MasterServer&) = delete;

  // Binds and serves; the port. `where` names the flag for the error line.
  base::Result<int> start(std::string_view where);

  // Ends all streams and joins every thread. Agents are to be stopped before.
  void stop();

  // As kill and start of a master with --registry=in_memory: streams break without an end, nothing is
  // remembered, a new id. Agents notice after `agents_after`.
  void restart(base::Duration agents_after);

  AgentLink connect(std::function<void(ToAgent)> deliver) override;
  void send(AgentLink link, FromAgent message) override;
  void disconnect(AgentLink link) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace local
