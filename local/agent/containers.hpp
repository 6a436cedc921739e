// The processes of an agent's containers: sandboxes, fetching, starting, and ending them with all
// they started. One worker thread does it in the order asked, so that the agent's loop never waits;
// what happens comes back as events on that thread and on one waiting thread per process.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "local/agent/agent_model.hpp"
#include "local/agent/control_groups.hpp"
#include "platform/mailbox.hpp"

namespace local {

// What one process of the machine shows in /proc that tells where it belongs.
struct ProcessEntry {
  int pid = 0, parent = 0, group = 0, session = 0;
  bool zombie = false;
};

// Every process of the container whose first process is (or was) `root`: its descendants, its group,
// sessions they lead, and whatever carries MESOS_SANDBOX=`sandbox` in its environment (those that
// were orphaned). Never this process.
std::vector<int> container_processes(int root, const std::string& sandbox);

class Containers {
 public:
  // `report` is called from several threads, with ContainerStarted, FetchFailed, ContainerExited and UpdateFailed;
  // it must only post. `cgroup_root` as AgentConfig's.
  Containers(std::function<void(AgentEvent)> report, const std::string& cgroup_root);
  ~Containers();  // As end().
  Containers(const Containers&) = delete;
  Containers& operator=(const Containers&) = delete;

  // Destroys every container and waits for that; later orders are dropped. Any one thread.
  void end();

  void ask(StartContainer order) { orders_.post(std::move(order)); }
  void ask(UpdateContainer order) { orders_.post(std::move(order)); }
  void ask(TerminateContainer order) { orders_.post(std::move(order)); }
  void ask(DestroyContainer order) { orders_.post(std::move(order)); }

 private:
  struct Exited {
    std::string container_id;
  };
  using Order = std::variant<StartContainer, UpdateContainer, TerminateContainer, DestroyContainer, Exited>;

  struct Process {
    int pid = 0;
    std::string sandbox;
    std::vector<std::string> remove;  // Of StartContainer.
    std::map<std::string, std::string> environment;
    bool grouped = false;  // It has control groups.
    bool exited = false;
    std::thread waiter;
  };

  void work();
  void carry_out(const StartContainer& order);
  void carry_out(const UpdateContainer& order);
  void carry_out(const TerminateContainer& order);
  void carry_out(const DestroyContainer& order);
  void carry_out(const Exited& order);
  void destroy(const std::string& id, Process& process);

  std::function<void(AgentEvent)> report_;
  const std::optional<ControlGroups> groups_;
  platform::Mailbox<Order> orders_;
  std::map<std::string, Process> processes_;  // Of the worker thread.
  std::thread worker_;
};

}  // namespace local
