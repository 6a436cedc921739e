// The executor's one thread: takes what arrives from the agent, the rep, the cell's process and
// signals, asks session and core what to do, and does it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "base/random.hpp"
#include "executor/core/core.hpp"
#include "executor/edge/cell_process.hpp"
#include "executor/edge/rep_worker.hpp"
#include "executor/edge/settings.hpp"
#include "mesos/http_transport.hpp"
#include "mesos/session.hpp"
#include "platform/mailbox.hpp"

namespace google::protobuf {
class Message;
}
namespace mesos::v1 {
class TaskInfo;
}

namespace executor {

class Loop {
 public:
  Loop(Flags flags, AgentEnvironment agent, std::map<std::string, std::string> environment);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until the core exits; the program's exit code. Nothing started here is left running.
  int run();

  // From any thread: SIGTERM has come.
  void terminate() { mailbox_.post(Event(Terminated{})); }

 private:
  using Message = std::variant<Event, mesos_client::StreamReport, mesos_client::CallResult>;

  void take(const Event& event) { handle(event); }
  void take(const mesos_client::StreamReport& report);
  void take(const mesos_client::CallResult& result);
  void take_record(std::uint64_t generation, const std::string& bytes);
  void handle(const Event& event);

  void perform(const mesos_client::SessionActions& actions);
  void perform(const mesos_client::Connect& connect);
  void perform(const mesos_client::Disconnect& disconnect);
  void perform(const mesos_client::Subscribed& subscribed);
  void perform(const mesos_client::Lost& lost);
  void perform(const mesos_client::GivenUp& given_up);
  void perform(const mesos_client::Warn& warn);

  void perform(const Action& action);
  void start_cell(const StartCell& start);
  void stop_cell(const StopCell& stop);
  void call(const google::protobuf::Message& message);

  mesos_client::TransportOptions transport_options() const;
  std::optional<base::Duration> wait() const;

  const Flags flags_;
  const AgentEnvironment agent_;
  const std::map<std::string, std::string> environment_;
  const mesos_client::Codec codec_;
  base::Random random_;
  Config config_;
  Core core_;
  mesos_client::Session session_;

  platform::Mailbox<Message> mailbox_;
  std::optional<Exit> exit_;
  std::string zone_;
  std::map<std::string, mesos::v1::TaskInfo> tasks_;  // Until an update of theirs is acknowledged.
  std::uint64_t calls_made_ = 0;

  // Last, so that their threads end before what they post to.
  std::unique_ptr<mesos_client::StreamConnection> stream_;
  std::unique_ptr<mesos_client::CallConnection> calls_;
  std::unique_ptr<RepWorker> rep_;
  std::unique_ptr<RepWorker> metrics_;  // A connection of their own: they are best effort, work is not.
  std::unique_ptr<CellProcess> cell_;
};

}  // namespace executor
