#include "scheduler/edge/scheduler.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "diego/locket_lock.hpp"
#include "mesos/zookeeper_lock.hpp"
#include "platform/clock.hpp"
#include "platform/log.hpp"
#include "scheduler/edge/print.hpp"

namespace edge {
namespace {

// An ACCEPT is long, and what waits to be sent is held in memory: beyond this nothing is launched.
constexpr std::size_t kAcceptBytesOpenMax = std::size_t{8} << 20U;
// Beyond this the stream is not read on: every update asks for an acknowledgement.
constexpr std::size_t kCallsOpenMax = 20'000;
// Nor while so many events wait: a quarter of a million answers come at once after a restart.
constexpr std::size_t kMessagesMax = 10'000;
// After so many at once, memory is given back when it has been quiet for a while: malloc keeps what it once had.
constexpr std::size_t kManyMessages = 1'000;
constexpr base::Duration kTrimAfter = std::chrono::seconds(1);
constexpr std::size_t kEpochLetters = 8;
// How long a launch waits for news of tasks that only the master knows of.
constexpr base::Duration kFenceMax = std::chrono::seconds(2);

mesos_client::TransportOptions transport_options(const Options& options, mesos_client::Codec codec) {
  mesos_client::TransportOptions transport;
  transport.codec = codec;
  transport.credentials.principal = options.mesos.principal;
  transport.credentials.secret = options.mesos.secret;
  transport.ca_file = options.mesos.ca_file;
  transport.merge_accepted = true;
  return transport;
}

engine::EngineConfig engine_config(const Options& options) {
  engine::EngineConfig config;
  config.core = options.core;
  config.core.fence_max = kFenceMax;
  config.core.tells_changes = true;
  config.core.strategy = options.strategy;
  config.core.weights = options.weights;
  config.with_lock = options.lock.used();
  return config;
}

platform::LogLevel level_of(engine::Level level) {
  switch (level) {
    case engine::Level::debug:
      return platform::LogLevel::debug;
    case engine::Level::info:
      return platform::LogLevel::info;
    case engine::Level::warning:
      return platform::LogLevel::warning;
    default:
      return platform::LogLevel::error;
  }
}

diego::LocketLockOptions locket_options(const LockOptions& lock) {
  diego::LocketLockOptions options;
  options.addresses = lock.lockets;
  options.owner = lock.owner;
  options.ca_file = lock.ca_file;
  options.cert_file = lock.cert_file;
  options.key_file = lock.key_file;
  return options;
}

// Host and process, for those who wait for the lock.
std::string who_we_are() {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  return std::string(host) + " " + std::to_string(getpid());
}

}  // namespace

Scheduler::Scheduler(const Options& options, std::unique_ptr<placement::Strategy> strategy, core::Store& store,
                     record::Tape* tape, OnLeading on_leading)
    : options_(options),
      on_leading_(std::move(on_leading)),
      translator_(options_),
      cells_(options_),
      auction_log_(options_.core.limits.starting_max,
                   [](platform::LogLevel level, const std::string& message, const platform::LogData& data) {
                     platform::log(level, "", message, data);
                   }),
      transport_(transport_options(options_, translator_.codec())),
      metrics_(DIEGO_MESOS_VERSION),
      store_(store, metrics_),
      engine_(engine_config(options_), tape == nullptr ? cells_ : tape->watch(cells_), std::move(strategy), translator_,
              *this, store_, base::Random(platform::random_seed()), tape),
      events_({.epoch = base::Random(platform::random_seed()).letters(kEpochLetters)}),
      started_(platform::now()) {}

Scheduler::~Scheduler() = default;

void Scheduler::stop() { mailbox_.post(StopNow{}); }

base::Status Scheduler::run() {
  mesos_client::DetectorOptions detection;
  detection.tls = !options_.mesos.ca_file.empty();
  auto detector = mesos_client::start_master_detector(
      "--master", options_.mesos.address, detection,
      [this](mesos_client::MasterReport report) { mailbox_.post(std::move(report)); });
  if (!detector) outcome_ = detector.error();
  if (detector && options_.lock.used()) outcome_ = start_lock();
  if (outcome_ && options_.core.with_bbs) {
    auto bbs = BbsDesk::open({options_.bbs.url, options_.bbs.ca_file, options_.bbs.cert_file, options_.bbs.key_file},
                             [this](BbsDesk::Answer answer) { mailbox_.post(std::move(answer)); });
    if (bbs) {
      bbs_ = *std::move(bbs);
    } else {
      outcome_ = bbs.error();
    }
  }
  if (outcome_) {
    sandboxes_ = std::make_unique<SandboxDesk>(options_.mesos,
                                               [this](core::SandboxRead answer) { mailbox_.post(std::move(answer)); });
    if (const auto& core = engine_.core(); core.policy() != core.usual_policy()) {
      platform::log_info("the policy in --state-dir is not what the flags say changed=" +
                         core::policy_changes_json(core.policy(), core.usual_policy()));
    }
    engine_.start(platform::now());
    if (lock_) lock_->campaign();
    loop();
  }
  engine_.leave();
  bbs_.reset();
  sandboxes_.reset();
  leaving_ = true;
  calls_.reset();
  stream_.reset();
  lock_.reset();  // After the last call is out.
  if (detector) detector->reset();
  // Jobs still in the mailbox are dropped with it: their askers see the promise broken.
  mailbox_.close();
  mailbox_.take(base::Duration{0});
  return outcome_;
}

base::Status Scheduler::start_lock() {
  const auto report = [this](base::LockReport said) { mailbox_.post(std::move(said)); };
  if (options_.lock.address) {
    auto lock = mesos_client::start_zookeeper_lock("--lock", {*options_.lock.address, who_we_are()}, report);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    return base::ok();
  }
  const auto start = [this](base::LeaderLock::Report to) {
    return diego::start_locket_lock("--lock", locket_options(options_.lock), std::move(to));
  };
  auto finder = FrameworkFinder::start(options_.mesos, options_.lock.cluster_name, start, report);
  if (!finder) return finder.error();
  finder_ = finder->get();
  lock_ = std::move(*finder);
  return base::ok();
}

void Scheduler::loop() {
  while (running_) {
    if (engine_.leading() && !std::exchange(led_, true)) {
      outcome_ = on_leading_();
      if (!outcome_) return;
    }
    auto messages = mailbox_.take(idle_for());
    // The mailbox is drained before anything is placed: a burst of auctions is one batch, and one commit.
    for (Message& message : messages) {
      std::visit([this](auto& one) { on(std::move(one)); }, message);
      if (!running_) return;  // Whoever waits for the rest is told that we stop.
    }
    const base::Time begun = platform::now();
    engine_.settle(begun, may_launch());
    metrics_.settled(platform::now() - begun);
    auction_log_.end_of_round();
    if (messages.size() >= kManyMessages) trim_at_ = platform::now() + kTrimAfter;
    if (trim_at_ && *trim_at_ <= platform::now()) {
      trim_at_.reset();
      malloc_trim(0);
    }
    if (engine_.ended()) {
      outcome_ = base::Error{engine_.ended()->where + " " + options_.mesos.master, engine_.ended()->text};
      return;
    }
  }
}

// Whether the core may launch. An answer wakes us when it may not.
bool Scheduler::may_launch() {
  wake_on_answer_ = false;
  for (;;) {
    const std::uint64_t answered = last_answered_;
    while (!accepts_open_.empty() && accepts_open_.front().first <= answered) {
      accept_bytes_open_ -= accepts_open_.front().second;
      accepts_open_.pop_front();
    }
    if (accept_bytes_open_ < kAcceptBytesOpenMax) return true;
    wake_on_answer_ = true;
    if (last_answered_ == answered) return false;  // Else it came before we asked to be woken.
  }
}

std::optional<base::Duration> Scheduler::idle_for() const {
  auto next = engine_.next_deadline();
  if (trim_at_ && (!next || *trim_at_ < *next)) next = trim_at_;
  if (!next) return std::nullopt;
  // Answers wake us while we may not launch; what else is due comes a little late then.
  constexpr base::Duration kMeanwhile = std::chrono::milliseconds(100);
  const base::Duration wait = std::max(*next - platform::now(), base::Duration{0});
  return wake_on_answer_ ? std::max(wait, kMeanwhile) : wait;
}

// ---- What threads say

void Scheduler::post(mesos_client::StreamReport report) {
  const std::uint64_t generation = report.generation;
  if (auto* head = std::get_if<mesos_client::StreamHead>(&report.what)) {
    mailbox_.post(StreamHead{generation, std::move(*head)});
  } else if (auto* record = std::get_if<mesos_client::StreamReport::Record>(&report.what)) {
    wait_for_room();
    mailbox_.post(StreamEvent{generation, translator_.read(record->bytes)});  // Decoded on the stream's thread.
  } else {
    mailbox_.post(StreamEnded{generation, std::get<mesos_client::StreamReport::Ended>(report.what).reason});
  }
}

// On the stream's thread. A master that sends faster than we decide, or than it takes our calls, has to wait.
void Scheduler::wait_for_room() {
  while ((calls_open_ > kCallsOpenMax || mailbox_.size() > kMessagesMax) && !leaving_)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// On the calls' thread. That all is well is counted here; the loop hears of the rest.
void Scheduler::post(mesos_client::CallResult result) {
  calls_open_ -= result.calls;
  metrics_.calls_answered(result.status, result.calls);
  last_answered_ = result.tag;
  const bool well = result.status >= 200 && result.status < 300;
  if (well) answered_well_ = true;
  if (!well || wake_on_answer_.exchange(false)) mailbox_.post(std::move(result));
}

void Scheduler::on(StreamHead message) { engine_.on_head(message.generation, message.head, platform::now()); }

void Scheduler::on(StreamEvent message) {
  engine_.on_record(message.generation, std::move(message.record), platform::now());
}

void Scheduler::on(StreamEnded message) {
  engine_.on_stream_ended(message.generation, message.reason, platform::now());
}

void Scheduler::on(mesos_client::CallResult message) {
  engine_.on_call_result(message.generation, message.tag, message.status,
                         message.status == 0 ? message.failure : message.body, answered_well_.exchange(false),
                         platform::now());
}

void Scheduler::on(mesos_client::MasterReport report) {
  if (auto* found = std::get_if<mesos_client::MasterDetected>(&report)) {
    platform::log_info("master detected " + found->who);
    if (finder_ != nullptr) finder_->masters(found->urls);
    engine_.on_masters(std::move(found->urls), platform::now());
  } else if (const auto* none = std::get_if<mesos_client::NoMaster>(&report)) {
    // A subscription that works is worth more than what is said of it.
    platform::log_warning("no master leads, keeping the one we know reason=\"" + none->reason + "\"");
    engine_.on_no_master(none->reason);
  } else {
    const auto& note = std::get<mesos_client::DetectorNote>(report);
    platform::log(note.trouble ? platform::LogLevel::warning : platform::LogLevel::info, note.text);
  }
}

void Scheduler::on(base::LockReport report) { engine_.on_lock(std::move(report), platform::now()); }

void Scheduler::on(const BbsDesk::Answer& answer) {
  std::visit([this](const auto& one) { engine_.on_bbs(one, platform::now()); }, answer);
}

void Scheduler::on(const core::SandboxRead& answer) { engine_.on_sandbox(answer, platform::now()); }

// ---- What the engine wants

void Scheduler::close_connections() {
  leaving_ = true;
  if (stream_) stream_->stop();
  calls_.reset();
  stream_.reset();
  leaving_ = false;
  calls_open_ = 0;
  accepts_open_.clear();  // All are answered or given up.
  accept_bytes_open_ = 0;
}

void Scheduler::open_stream(std::uint64_t generation, const std::string& url, std::string subscribe) {
  close_connections();
  stream_ = std::make_unique<mesos_client::StreamConnection>(
      transport_, url, std::move(subscribe), generation,
      [this](mesos_client::StreamReport report) { post(std::move(report)); });
}

void Scheduler::open_calls(std::uint64_t generation, const std::string& url, const std::string& stream_id) {
  calls_ = std::make_unique<mesos_client::CallConnection>(
      transport_, url, stream_id, generation, [this](mesos_client::CallResult result) { post(std::move(result)); });
}

bool Scheduler::send(std::uint64_t tag, std::string call, bool accept) {
  const std::size_t bytes = call.size();
  ++calls_open_;  // Before it can be answered.
  if (!calls_->send(tag, std::move(call))) {
    --calls_open_;
    return false;
  }
  if (accept) {
    accepts_open_.emplace_back(tag, bytes);
    accept_bytes_open_ += bytes;
  }
  return true;
}

void Scheduler::log(engine::Level level, const std::string& text) { platform::log(level_of(level), text); }

void Scheduler::refused(const core::Refusal& refusal, const std::string& text) {
  if (!platform::logs_lager()) return platform::log_warning(text);
  auction_log_.refused(refusal);
}

void Scheduler::changed(core::Changes changes) {
  metrics_.changed(changes);
  {
    const std::lock_guard lock(history_mutex_);
    history_.add(changes);
  }
  events_.publish(std::move(changes));
}

void Scheduler::saw(const core::Event& event) {
  metrics_.saw(event);
  if (platform::logs_lager()) {
    if (const auto* submitted = std::get_if<core::AuctionsSubmitted>(&event)) auction_log_.heard(*submitted);
  }
  if (platform::log_enabled(platform::LogLevel::debug)) platform::log_debug(print(event));
}

void Scheduler::saw(const core::Action& action) {
  metrics_.saw(action);
  if (platform::logs_lager()) {
    if (const auto* accept = std::get_if<core::Accept>(&action))
      auction_log_.placed(*accept, engine_.core().cell_id_on(accept->agent_id));
  }
  if (platform::log_enabled(platform::LogLevel::debug)) platform::log_debug(print(action));
}

// ---- The desk

template <class Answer>
std::optional<Answer> Scheduler::ask(std::function<void(std::function<void(Answer)>)> ask) {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  const bool posted = mailbox_.post(
      Job([promise, ask = std::move(ask)] { ask([promise](Answer value) { promise->set_value(std::move(value)); }); }));
  promise.reset();
  if (!posted) return std::nullopt;
  try {
    return answer.get();
  } catch (const std::future_error&) {  // The loop ended with the job in its mailbox, or the answer in the engine.
    return std::nullopt;
  }
}

base::Status Scheduler::submit(std::vector<core::Auction> auctions) {
  // The asker waits, so what is its own may be used.
  const auto answer = ask<base::Status>([this, &auctions](std::function<void(base::Status)> reply) {
    engine_.submit(std::move(auctions), std::move(reply), platform::now());
  });
  return answer ? *answer : base::Status(base::Error{"scheduler", "is stopping"});
}

std::vector<core::InstanceView> Scheduler::instances(const core::InstanceQuery& query) {
  using Views = std::vector<core::InstanceView>;
  return ask<Views>([this, &query](const std::function<void(Views)>& reply) { reply(engine_.core().instances(query)); })
      .value_or(Views{});
}

base::Result<std::vector<core::Key>> Scheduler::stop(const core::KeyPattern& pattern) {
  using Keys = base::Result<std::vector<core::Key>>;
  const auto answer = ask<Keys>(
      [this, &pattern](std::function<void(Keys)> reply) { engine_.stop(pattern, std::move(reply), platform::now()); });
  return answer ? *answer : Keys(base::Error{"scheduler", "is stopping"});
}

std::vector<core::CellView> Scheduler::cells(const core::CellQuery& query) {
  using Views = std::vector<core::CellView>;
  return ask<Views>([this, &query](const std::function<void(Views)>& reply) { reply(engine_.core().cells(query)); })
      .value_or(Views{});
}

std::vector<core::ZoneTotals> Scheduler::zones() {
  using Totals = std::vector<core::ZoneTotals>;
  return ask<Totals>([this](const std::function<void(Totals)>& reply) { reply(engine_.core().zones()); })
      .value_or(Totals{});
}

base::Result<bool> Scheduler::drain(const std::string& agent_id, bool wanted) {
  using Known = base::Result<bool>;
  const auto answer = ask<Known>([this, &agent_id, wanted](const std::function<void(Known)>& reply) {
    reply(engine_.drain(agent_id, wanted, platform::now()));
  });
  return answer ? *answer : Known(base::Error{"scheduler", "is stopping"});
}

base::Result<std::vector<core::ExplanationView>> Scheduler::explain(std::vector<core::Auction> auctions,
                                                                    std::size_t cells_max) {
  using Views = std::vector<core::ExplanationView>;
  auto views = ask<Views>([this, &auctions, cells_max](const std::function<void(Views)>& reply) {
    reply(engine_.core().explain(std::move(auctions), cells_max, platform::now()));
  });
  if (!views) return base::Error{"scheduler", "is stopping"};
  return *std::move(views);
}

std::optional<core::ExplanationView> Scheduler::explain(const core::Key& key, std::size_t cells_max) {
  using View = std::optional<core::ExplanationView>;
  return ask<View>([this, &key, cells_max](const std::function<void(View)>& reply) {
           reply(engine_.core().explain(key, cells_max, platform::now()));
         })
      .value_or(std::nullopt);
}

bridge::Desk::Rebalanced Scheduler::rebalance(const core::RebalanceOrder& order, bool dry_run) {
  auto answer = ask<Rebalanced>([this, &order, dry_run](const std::function<void(Rebalanced)>& reply) {
    if (dry_run) return reply(engine_.core().plan_rebalance(order, platform::now()));
    if (engine_.leading() && engine_.core().rebalances())
      return reply(RebalanceRefused{false, "a rebalance is under way"});
    auto planned = engine_.rebalance(order, platform::now());
    if (!planned) return reply(RebalanceRefused{true, planned.error().message()});
    reply(*std::move(planned));
  });
  return answer ? *std::move(answer) : RebalanceRefused{true, "scheduler: is stopping"};
}

std::optional<core::RebalanceView> Scheduler::rebalance() {
  using View = std::optional<core::RebalanceView>;
  return ask<View>([this](const std::function<void(View)>& reply) { reply(engine_.core().rebalance()); })
      .value_or(std::nullopt);
}

std::optional<core::RebalanceView> Scheduler::cancel_rebalance() {
  using View = std::optional<core::RebalanceView>;
  return ask<View>([this](const std::function<void(View)>& reply) { reply(engine_.cancel_rebalance(platform::now())); })
      .value_or(std::nullopt);
}

std::string Scheduler::policy() {
  return ask<std::string>([this](const std::function<void(std::string)>& reply) {
           const core::Core& core = engine_.core();
           reply("{\"policy\":" + core::policy_json(core.policy()) +
                 ",\"changed\":" + core::policy_changes_json(core.policy(), core.usual_policy()) + "}");
         })
      .value_or("{}");
}

std::optional<bridge::Desk::PolicyRefused> Scheduler::change_policy(const std::string& json) {
  using Outcome = std::optional<PolicyRefused>;
  const auto outcome = ask<Outcome>([this, &json](const std::function<void(Outcome)>& reply) {
    // What is wrong with it is told at once, and whatever else stands against it.
    const auto policy = core::merged(engine_.core().policy(), engine_.core().usual_policy(), json);
    if (!policy) return reply(PolicyRefused{false, policy.error().message()});
    // As with the flags. One that is in the state is taken, for flags may have changed since.
    if (policy->cells_max > 0 && policy->cells_min > policy->cells_max) {
      return reply(PolicyRefused{false, "cells_min: " + std::to_string(policy->cells_min) + " is more than cells_max " +
                                            std::to_string(policy->cells_max)});
    }
    engine_.change_policy(
        json,
        [reply](const base::Status& done) {
          reply(done ? Outcome{} : Outcome{PolicyRefused{true, done.error().message()}});
        },
        platform::now());
  });
  return outcome ? *outcome : PolicyRefused{true, "scheduler: is stopping"};
}

bridge::Desk::Overview Scheduler::overview() {
  Overview overview = ask<Overview>([this](const std::function<void(Overview)>& reply) {
                        Overview now;
                        now.figures = engine_.core().figures(platform::now());
                        now.health = engine_.health();
                        now.framework_id = engine_.core().framework_id();
                        now.strategy = engine_.core().policy().strategy;
                        reply(std::move(now));
                      }).value_or(Overview{});
  overview.version = DIEGO_MESOS_VERSION;
  overview.master = options_.mesos.master;
  overview.started = started_;
  return overview;
}

std::string Scheduler::history() {
  diego::GoWriter out;
  const std::lock_guard lock(history_mutex_);
  history_.write(out, platform::now());
  return out.take();
}

std::string Scheduler::metrics() {
  using Now = Metrics::Now;
  auto now = ask<Now>([this](const std::function<void(Now)>& reply) {
               reply({engine_.core().figures(platform::now()), engine_.leading(), engine_.health().subscribed});
             }).value_or(Now{});
  now.event_readers = events_.readers();
  return metrics_.text(now);
}

base::Result<platform::ServerResponse> Scheduler::events(const platform::ServerRequest& request) {
  return events_.open(request);
}

core::Health Scheduler::health() {
  return ask<core::Health>([this](const std::function<void(core::Health)>& reply) { reply(engine_.health()); })
      .value_or(core::Health{false, "stopping"});
}

}  // namespace edge
