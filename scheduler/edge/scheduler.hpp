// The shell around the engine: threads post to its mailbox, one loop tells the engine and waits. Also
// the desk behind the bridge.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "auctionrunner_bridge/desk.hpp"
#include "auctionrunner_bridge/event_hub.hpp"
#include "auctionrunner_bridge/history.hpp"
#include "base/leader_lock.hpp"
#include "mesos/http_transport.hpp"
#include "mesos/master_detector.hpp"
#include "platform/mailbox.hpp"
#include "scheduler/edge/auction_log.hpp"
#include "scheduler/edge/bbs_desk.hpp"
#include "scheduler/edge/framework_finder.hpp"
#include "scheduler/edge/metrics.hpp"
#include "scheduler/edge/options.hpp"
#include "scheduler/edge/sandbox_desk.hpp"
#include "scheduler/edge/translate.hpp"
#include "scheduler/engine/engine.hpp"
#include "scheduler/record/tape.hpp"

namespace edge {

class Scheduler final : public bridge::Desk, private engine::World {
 public:
  // Called on the loop's thread when it leads for the first time: the moment to listen. An error ends run().
  using OnLeading = std::function<base::Status()>;

  // `store` and `tape` must outlive the scheduler; what the store holds goes into recovery() before run(). `tape`
  // writes down what is decided; may be null.
  Scheduler(const Options& options, std::unique_ptr<placement::Strategy> strategy, core::Store& store,
            record::Tape* tape, OnLeading on_leading);
  ~Scheduler() override;

  core::Recovery& recovery() { return engine_.recovery(); }

  // Campaigns for the lock if there is one, subscribes and runs until stop(). Leaves cells running: it
  // never tears the framework down. An error says why the master refused us before we were ever
  // subscribed: a configuration error.
  base::Status run();

  // From any thread.
  void stop();

  // The desk: from any thread; each waits for the loop, submit() and stop() for what they change to be
  // durable besides.
  base::Status submit(std::vector<core::Auction> auctions) override;
  std::vector<core::InstanceView> instances(const core::InstanceQuery& query) override;
  base::Result<std::vector<core::Key>> stop(const core::KeyPattern& pattern) override;
  std::vector<core::CellView> cells(const core::CellQuery& query) override;
  std::vector<core::ZoneTotals> zones() override;
  base::Result<bool> drain(const std::string& agent_id, bool wanted) override;
  base::Result<std::vector<core::ExplanationView>> explain(std::vector<core::Auction> auctions,
                                                           std::size_t cells_max) override;
  std::optional<core::ExplanationView> explain(const core::Key& key, std::size_t cells_max) override;
  Rebalanced rebalance(const core::RebalanceOrder& order, bool dry_run) override;
  std::optional<core::RebalanceView> rebalance() override;
  std::optional<core::RebalanceView> cancel_rebalance() override;
  std::string policy() override;
  std::optional<PolicyRefused> change_policy(const std::string& json) override;
  core::Health health() override;
  Overview overview() override;
  std::string history() override;
  std::string metrics() override;
  base::Result<platform::ServerResponse> events(const platform::ServerRequest& request) override;

 private:
  struct StreamHead {
    std::uint64_t generation;
    mesos_client::StreamHead head;
  };
  struct StreamEvent {
    std::uint64_t generation;
    engine::StreamRecord record;
  };
  struct StreamEnded {
    std::uint64_t generation;
    std::string reason;
  };
  using Job = std::function<void()>;  // On the loop's thread.
  struct StopNow {};
  using Message =
      std::variant<StreamHead, StreamEvent, StreamEnded, mesos_client::CallResult, mesos_client::MasterReport,
                   base::LockReport, BbsDesk::Answer, core::SandboxRead, Job, StopNow>;

  void on(StreamHead message);
  void on(StreamEvent message);
  void on(StreamEnded message);
  void on(mesos_client::CallResult message);
  void on(mesos_client::MasterReport report);
  void on(base::LockReport report);
  void on(const BbsDesk::Answer& answer);
  void on(const core::SandboxRead& answer);
  void on(const Job& job) { job(); }
  void on(StopNow) { running_ = false; }

  // Runs `ask` on the loop, which must lead to a call of what it is given; that answer. nullopt once the
  // loop has ended.
  template <class Answer>
  std::optional<Answer> ask(std::function<void(std::function<void(Answer)>)> ask);

  // engine::World, on the loop's thread.
  void open_stream(std::uint64_t generation, const std::string& url, std::string subscribe) override;
  void open_calls(std::uint64_t generation, const std::string& url, const std::string& stream_id) override;
  void close_connections() override;
  bool send(std::uint64_t tag, std::string call, bool accept) override;
  void share(std::string text) override { lock_->share(std::move(text)); }
  void resign() override { lock_->resign(); }
  bool lock_held() const override { return lock_->held(); }
  void call_bbs(const core::Report& report) override { bbs_->call(report); }
  void call_bbs(const core::ReadRows& question) override { bbs_->call(question); }
  void read_sandbox(const core::ReadSandbox& question) override { sandboxes_->ask(question); }
  void log(engine::Level level, const std::string& text) override;
  void refused(const core::Refusal& refusal, const std::string& text) override;
  void saw(const core::Event& event) override;
  void saw(const core::Action& action) override;
  void changed(core::Changes changes) override;

  base::Status start_lock();
  void loop();
  std::optional<base::Duration> idle_for() const;
  bool may_launch();
  void post(mesos_client::StreamReport report);
  void post(mesos_client::CallResult result);
  void wait_for_room();

  const Options options_;
  const OnLeading on_leading_;
  const Translator translator_;
  const ExecutorCells cells_;
  AuctionLog auction_log_;
  mesos_client::TransportOptions transport_;
  Metrics metrics_;
  MeasuredStore store_;
  engine::Engine engine_;
  bridge::EventHub events_;
  std::mutex history_mutex_;
  bridge::History history_;
  const base::Time started_;

  platform::Mailbox<Message> mailbox_;
  std::unique_ptr<base::LeaderLock> lock_;
  std::unique_ptr<BbsDesk> bbs_;  // Null without --bbs-url.
  std::unique_ptr<SandboxDesk> sandboxes_;
  FrameworkFinder* finder_ = nullptr;  // The lock, if it is one in Locket.
  std::unique_ptr<mesos_client::StreamConnection> stream_;
  std::unique_ptr<mesos_client::CallConnection> calls_;
  std::deque<std::pair<std::uint64_t, std::size_t>> accepts_open_;  // Tag and bytes of those without an answer.
  std::size_t accept_bytes_open_ = 0;

  // Shared with the threads of the connections.
  std::atomic<std::size_t> calls_open_ = 0;       // Without an answer.
  std::atomic<std::uint64_t> last_answered_ = 0;  // The tag; answers come in order.
  std::atomic<bool> answered_well_ = false;       // Any since that was last looked at.
  std::atomic<bool> wake_on_answer_ = false;
  std::optional<base::Time> trim_at_;  // When unused memory is given back.
  std::atomic<bool> leaving_ = false;  // The stream is being abandoned.

  bool led_ = false;  // Ever.
  base::Status outcome_ = base::ok();
  bool running_ = true;
};

}  // namespace edge
