// A container on an agent: the executor (core and session, as executor/edge/loop.cpp drives them) and
// the rep behind it (local::RepModel).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "executor/core/core.hpp"
#include "executor/edge/settings.hpp"
#include "local/rep/rep_model.hpp"
#include "mesos/record_decoder.hpp"
#include "mesos/session.hpp"
#include "scheduler/core/work.hpp"
#include "test/simulation/pipes.hpp"

namespace mesos::v1 {
class TaskInfo;
}
namespace google::protobuf {
class Message;
}

namespace simulation {

class World;
class AgentHost;

// A task as its executor has it.
struct TaskHeld {
  Time arrived;
  std::string data;                          // TaskInfo.data.
  std::optional<executor::TaskState> state;  // The last one it said; nullopt: none yet.
  Time since;
  bool stop_wanted = false;  // KILL has arrived.
};

class Cell {
 public:
  Cell(World& world, AgentHost& agent, std::string container_id, const std::map<std::string, std::string>& environment);
  ~Cell();

  // ---- What anybody may look at
  const std::string& container_id() const { return container_id_; }
  const std::string& executor_id() const { return environment_.executor_id; }
  const std::string& framework_id() const { return environment_.framework_id; }
  const AgentHost& agent() const { return agent_; }
  const std::string& cell_id() const { return flags_.cell_id; }
  bool alive() const { return alive_; }
  Time started() const { return started_; }
  Time ended() const { return ended_; }                          // Meaningful once dead.
  const std::string& end_reason() const { return end_reason_; }  // "exit 0: ...", or the fault that ended it.
  bool exited_by_itself() const { return exited_; }  // The executor ended its process; false: it was killed.
  int exit_code() const { return exit_code_; }
  bool told_to_shut_down() const { return told_to_shut_down_; }  // SHUTDOWN, SIGTERM, or the end of its session.
  bool told_to_drain() const { return told_to_drain_; }
  const executor::Core& core() const { return core_; }
  // By task id; ended ones stay.
  const std::map<std::string, TaskHeld>& tasks() const { return tasks_; }
  // Truth of the rep: what its containers do; nullptr before the boot and after its end. The limits it
  // was told at boot are in total.
  const diego::CellState* rep() const { return rep_state_ ? &*rep_state_ : nullptr; }

  // ---- The agent's and the world's
  void start();
  void terminate();                   // SIGTERM.
  void kill(const std::string& why);  // SIGKILL: no more a word.
  void agent_gone();                  // Connections to the agent break.

  // Faults.
  void hang(Duration how_long);       // The executor.
  void rep_hangs(Duration how_long);  // Answers come that much later, or never.
  void rep_dies();
  void bbs_stops(const core::Key& key, const std::string& instance_guid);
  void cut_stream();
  void cut_calls();

  std::optional<Time> next_deadline() const;
  void run_due();

 private:
  void in_process(std::function<void()> what);
  void handle(const executor::Event& event);
  void settle();
  void settle_soon();
  void watch_idleness();
  void perform(const mesos_client::SessionActions& actions);
  void perform(const mesos_client::Connect& connect);
  void perform(const mesos_client::Disconnect& disconnect);
  void perform(const mesos_client::Subscribed& subscribed);
  void perform(const mesos_client::Lost& lost);
  void perform(const mesos_client::GivenUp& given_up);
  void perform(const mesos_client::Warn& warn);
  void perform(const executor::Action& action);
  void on_bytes(std::uint64_t generation, std::string_view bytes);
  void on_record(std::uint64_t generation, std::string_view record);
  void on_call_result(std::uint64_t generation, const Calls::Answer& answer);
  void call(const google::protobuf::Message& message);
  void note(const executor::Event& event);
  void note(const executor::Update& update);
  void start_rep(const executor::StartCell& start);
  void stop_rep(Duration grace);
  void end_rep();
  void fail_orders(const std::string& why);
  static executor::Event failed(const executor::Action& action, const std::string& why);
  void lie(diego::CellState& state);
  void order_rep(const executor::Action& action);
  void serve_rep();
  executor::Event rep_answers(const executor::Action& action);
  void look_at_rep();
  void settle_with_bbs();
  void exit(int code, const std::string& reason, bool by_itself);

  World& world_;
  AgentHost& agent_;
  const std::string container_id_;
  executor::AgentEnvironment environment_;
  executor::Flags flags_;
  mesos_client::Codec codec_;
  std::string name_, zone_;
  base::Random random_;
  executor::Core core_;
  mesos_client::Session session_;

  bool alive_ = true, exited_ = false, told_to_shut_down_ = false, told_to_drain_ = false;
  int exit_code_ = 0;
  Time started_, ended_;
  std::string end_reason_;
  Time hung_until_;
  std::deque<std::function<void()>> waiting_;  // While it hangs.
  bool settle_wanted_ = false;
  Time settled_;
  mutable std::optional<Time> deadline_;  // Of core and session, as last asked; nullopt: ask.
  std::map<std::string, TaskHeld> tasks_;
  std::map<std::string, std::string> task_infos_;  // Binary; until an update of theirs is acknowledged.
  std::optional<Time> idle_since_;                 // Mutant::idle_exit.

  std::shared_ptr<Stream> stream_;
  int stream_status_ = 0;
  std::string stream_refusal_;
  std::optional<mesos_client::RecordDecoder> decoder_;
  std::shared_ptr<Calls> calls_;
  std::uint64_t calls_made_ = 0;

  std::unique_ptr<local::RepModel> rep_;
  std::optional<diego::CellState> rep_state_;
  Time rep_up_at_, rep_hangs_until_;
  std::optional<Time> rep_next_;  // When it next changes by itself.
  std::deque<executor::Action> rep_orders_;
  bool rep_busy_ = false;
  std::uint64_t rep_life_ = 0;
};

}  // namespace simulation
