// A host that runs one scheduler: the process (an engine), its connections, its store, and the clock
// it believes in. The counterpart of scheduler/edge over virtual sockets.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "mesos/record_decoder.hpp"
#include "scheduler/edge/bbs_call.hpp"
#include "scheduler/edge/options.hpp"
#include "scheduler/edge/translate.hpp"
#include "scheduler/engine/engine.hpp"
#include "test/simulation/pipes.hpp"
#include "test/simulation/recorded.hpp"
#include "test/simulation/store.hpp"

namespace simulation {

class World;

class SchedulerHost final : private engine::World {
 public:
  SchedulerHost(simulation::World& world, int index);
  ~SchedulerHost() override;

  // ---- What anybody may look at
  int index() const { return index_; }
  bool up() const { return engine_ != nullptr; }
  const engine::Engine* engine() const { return engine_.get(); }  // nullptr while it is down.
  const SimStore& store() const { return store_; }
  std::uint64_t life() const { return life_; }  // Of the process; grows with each start.
  bool paused() const;
  bool acting() const;  // Up, leading and subscribed.
  Time clock() const;   // What its process takes for now.
  // Of its lives, if the world is to be recorded.
  const std::vector<std::unique_ptr<RecordedLife>>& recorded() const { return recorded_; }
  bool believes_to_lead() const { return told_leading_; }  // Told LockAcquired, not LockLost since.

  // ---- The world
  void start();
  void crash(const std::string& where, std::optional<Duration> down = {});  // Else by chance.
  // Killed, and started again with these besides.
  void restart_with(const std::vector<std::string>& flags, std::optional<Duration> down = {});
  void pause(Duration how_long);  // The process is stopped (SIGSTOP, swapping); messages wait.
  void jump_clock(Duration ahead);
  void fail_commits_until(Time until) { commits_fail_until_ = until; }
  // After it is durable, before anything follows from it; the next commit is the first.
  void crash_at_commit(int number) { crash_at_commit_ = number; }
  void lock_report(base::LockReport report);
  void masters_changed();  // The detector's news.
  void cut_stream();
  void mute_stream();
  void cut_calls();

  // Of the bridge. `answer` may never be called: the process died.
  void submit(std::vector<core::Auction> auctions, std::function<void(base::Status)> answer);
  void stop(const core::KeyPattern& pattern, std::function<void(base::Result<engine::Engine::Keys>)> answer);
  void drain(const std::string& agent_id, bool wanted);
  void change_policy(const std::string& json);
  void rebalance(const core::RebalanceOrder& order);

  std::optional<Time> next_deadline() const;
  void run_due();

 private:
  // engine::World
  void open_stream(std::uint64_t generation, const std::string& url, std::string subscribe) override;
  void open_calls(std::uint64_t generation, const std::string& url, const std::string& stream_id) override;
  void close_connections() override;
  bool send(std::uint64_t tag, std::string call, bool accept) override;
  void share(std::string text) override;
  void resign() override;
  bool lock_held() const override;
  void call_bbs(const core::Report& report) override { call_bbs_with(report); }
  void call_bbs(const core::ReadRows& question) override { call_bbs_with(question); }
  void read_sandbox(const core::ReadSandbox& question) override;
  void log(engine::Level level, const std::string& text) override;
  void saw(const core::Event& event) override;
  void saw(const core::Action& action) override;

  // Runs `what` in the process, now or when its pause is over, unless it has died by then; then
  // settles soon.
  void in_process(std::function<void(engine::Engine&)> what);
  void guarded(const std::function<void()>& what);
  record::Tape* start_tape();
  void settle_soon();
  void settle();
  void on_bytes(std::uint64_t generation, std::string_view bytes);
  void on_stream_end(std::uint64_t generation, const std::string& reason);
  void call_bbs_with(edge::BbsCall call);
  void maybe_crash(std::uint64_t one_in, const char* where);

  simulation::World& world_;
  const int index_;
  const std::string name_;
  std::vector<std::string> flags_;
  edge::Options options_;                         // Of the process; of the next one once flags_ have changed.
  std::unique_ptr<edge::Translator> translator_;  // Of the process.
  std::unique_ptr<edge::ExecutorCells> cells_;
  SimStore store_;
  std::vector<std::unique_ptr<RecordedLife>> recorded_;
  std::unique_ptr<engine::Engine> engine_;

  std::uint64_t life_ = 0;
  Duration clock_ahead_{};
  Time paused_until_, busy_until_, commits_fail_until_;
  bool settle_wanted_ = false;
  int crash_at_commit_ = 0;
  bool told_leading_ = false;
  std::vector<std::function<void(engine::Engine&)>> waiting_;  // While it is paused.

  // The stream under way.
  std::shared_ptr<Stream> stream_;
  std::uint64_t stream_generation_ = 0;
  int stream_status_ = 0;
  std::string stream_refusal_;
  std::optional<mesos_client::RecordDecoder> decoder_;
  std::shared_ptr<Calls> calls_;
  std::set<std::string> sandboxes_read_;  // Of executors, in this term.
  bool answered_well_ = false;

  // Mutant::resend_accept.
  std::string last_accept_;
  std::uint64_t last_accept_tag_ = 0;
};

}  // namespace simulation
