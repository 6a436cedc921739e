// The loop that owns the core: threads post to its mailbox, it alone handles events and carries
// actions out. Also the desk behind the bridge.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "auctionrunner_bridge/desk.hpp"
#include "mesos/http_transport.hpp"
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
  Scheduler(const Options& options, StateDir& state, std::string framework_id);
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
  using Message = std::variant<StreamHead, StreamEvent, StreamEnded, mesos_client::CallResult, Job, StopNow>;

  void on(StreamHead message);
  void on(StreamEvent message);
  void on(StreamEnded message);
  void on(mesos_client::CallResult message);
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
  void post(mesos_client::StreamReport report);

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
