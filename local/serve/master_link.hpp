// How an agent in this process reaches the master: MasterServer offers it, AgentServer uses it.
#pragma once

#include <functional>

#include "local/model/messages.hpp"

namespace local {

class MasterLink {
 public:
  virtual ~MasterLink() = default;

  // Opens a link for one life of an agent. `deliver` is called on the master's thread, in order,
  // and must only post to the agent's own mailbox; MasterAppeared comes first, and again whenever
  // the master restarts. Not called any more once disconnect() has returned.
  virtual AgentLink connect(std::function<void(ToAgent)> deliver) = 0;

  // Any thread; posts and returns. Messages of one link arrive in order.
  virtual void send(AgentLink link, FromAgent message) = 0;

  // The agent's process is gone (killed or stopped): to the master a broken socket.
  virtual void disconnect(AgentLink link) = 0;
};

}  // namespace local
