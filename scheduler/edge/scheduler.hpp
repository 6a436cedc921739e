// The loop that owns the core: threads post to its mailbox, it alone handles events and carries
// actions out. Also the desk behind the bridge.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "auctionrunner_bridge/desk.hpp"
#include "mesos/http_transport.hpp"
#include "mesos/master_detector.hpp"
#include "mesos/session.hpp"
#include "platform/mailbox.hpp"
#include "scheduler/core/core.hpp"
#include "scheduler/edge/options.hpp"
#include "scheduler/edge/state_dir.hpp"
#include "scheduler/edge/translate.hpp"

namespace edge {

class Scheduler final : public bridge::Desk {
 public:
  // `state` must outlive the scheduler; `framework_id` is what it holds, "" for none.
  Scheduler(const Options& options, std::unique_ptr<placement::Strategy> strategy, StateDir& state,
            std::string framework_id);
  ~Scheduler() override;

  // Subscribes and runs until stop(). Leaves cells running: it never tears the framework down. An
  // error says why the master refused us before we were ever subscribed: a configuration error.
  base::Status run();

  // From any thread.
  void stop();

  // The desk: from any thread; each waits for the loop, which does nothing slow.
  base::Status submit(std::vector<core::Auction> auctions) override;
  std::vector<core::InstanceView> instances(const core::InstanceQuery& query) override;
  std::vector<core::Key> stop(const core::KeyPattern& pattern) override;
  std::vector<core::CellView> cells() override;
  core::Health health() override;

 private:
  struct StreamHead {
    std::uint64_t generation;
    mesos_client::StreamHead head;
  };
  struct StreamEvent {
    std::uint64_t generation;
    StreamRecord record;
  };
  struct StreamEnded {
    std::uint64_t generation;
    std::string reason;
  };
  using Job = std::function<void()>;  // On the loop's thread.
  struct StopNow {};
  using Message = std::variant<StreamHead, StreamEvent, StreamEnded, mesos_client::CallResult,
                               mesos_client::MasterReport, Job, StopNow>;

  void on(StreamHead message);
  void on(StreamEvent message);
  void on(StreamEnded message);
  void on(mesos_client::CallResult message);
  void on(mesos_client::MasterReport report);
  void on(const Job& job) { job(); }
  void on(StopNow) { running_ = false; }

  // Runs `ask` on the loop and returns its answer; nullopt once the loop has ended.
  template <class Answer>
  std::optional<Answer> ask(std::function<Answer()> ask);

  void handle(const core::Event& event);
  void carry_out(const core::Actions& actions);
  void carry_out(const mesos_client::SessionActions& actions);
  void on_session(const mesos_client::Connect& action);
  void on_session(const mesos_client::Disconnect& action);
  void on_session(const mesos_client::Subscribed& action);
  void on_session(const mesos_client::Lost& action);
  void on_session(const mesos_client::GivenUp& action);
  void on_session(const mesos_client::Warn& action);
  void subscribe_again(const std::string& reason);
  void tick();
  std::optional<base::Duration> idle_for() const;
  bool may_launch();
  void send(const core::Action& action, std::string call);
  void abandon_connections();
  void post(mesos_client::StreamReport report);
  void post(mesos_client::CallResult result);
  void wait_for_calls();

  const Options options_;
  StateDir& state_;
  const Translator translator_;
  const ExecutorCells cells_;
  base::Random random_;
  core::Core core_;
  mesos_client::Session session_;
  mesos_client::TransportOptions transport_;

  platform::Mailbox<Message> mailbox_;
  std::unique_ptr<mesos_client::StreamConnection> stream_;
  std::unique_ptr<mesos_client::CallConnection> calls_;
  std::uint64_t calls_sent_ = 0;
  std::deque<std::pair<std::uint64_t, std::size_t>> accepts_open_;  // Tag and bytes of those without an answer.
  std::size_t accept_bytes_open_ = 0;

  // Shared with the threads of the connections.
  std::atomic<std::size_t> calls_open_ = 0;       // Without an answer.
  std::atomic<std::uint64_t> last_answered_ = 0;  // The tag; answers come in order.
  std::atomic<bool> answered_well_ = false;       // Any since that was last looked at.
  std::atomic<bool> wake_on_answer_ = false;
  std::atomic<bool> leaving_ = false;  // The stream is being abandoned.

  bool subscribed_suppressed_ = false;  // What the last SUBSCRIBE asked for.
  bool ever_subscribed_ = false;
  std::optional<base::Time> restart_at_;  // After a refusal, or a call without an answer.
  std::string restart_reason_;
  int call_failures_in_row_ = 0;
  bool passive_ = false;                       // Another scheduler has the framework: final.
  std::string detail_ = "not subscribed yet";  // For /readyz.
  base::Status outcome_ = base::ok();
  bool running_ = true;
};

}  // namespace edge
