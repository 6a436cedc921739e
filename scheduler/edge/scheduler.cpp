#include "scheduler/edge/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <thread>

#include "platform/clock.hpp"
#include "platform/log.hpp"
#include "scheduler/edge/print.hpp"

namespace edge {
namespace {

constexpr base::Duration kRetryRefused = std::chrono::seconds(15);

// An ACCEPT is long, and what waits to be sent is held in memory: beyond this nothing is launched.
constexpr std::size_t kAcceptBytesOpenMax = std::size_t{8} << 20U;
// Beyond this the stream is not read on: every update asks for an acknowledgement.
constexpr std::size_t kCallsOpenMax = 20'000;

// A call's tag tells whether the offers we believe in, or the wish for them, hang on it.
std::uint64_t call_tag(std::uint64_t number, const core::Action& action) {
  const bool offers = std::holds_alternative<core::Accept>(action) || std::holds_alternative<core::Decline>(action) ||
                      std::holds_alternative<core::Revive>(action) || std::holds_alternative<core::Suppress>(action);
  return number * 2 + (offers ? 1 : 0);
}
bool about_offers(std::uint64_t tag) { return tag % 2 == 1; }

// None for a first failure; a master that takes subscriptions and no calls must not make us spin.
base::Duration pause_before_restart(int failures_before) {
  if (failures_before == 0) return base::Duration{0};
  constexpr base::Duration kFirst = std::chrono::milliseconds(500);
  return std::min(kFirst * (1 << std::min(failures_before - 1, 5)), kRetryRefused);
}

mesos_client::SessionConfig session_config() {
  mesos_client::SessionConfig config;
  config.give_up_when_refused = true;  // At start a refusal is a configuration error; later we decide here.
  return config;
}

mesos_client::TransportOptions transport_options(const Options& options, mesos_client::Codec codec) {
  mesos_client::TransportOptions transport;
  transport.codec = codec;
  transport.credentials.principal = options.mesos.principal;
  transport.credentials.secret = options.mesos.secret;
  transport.ca_file = options.mesos.ca_file;
  transport.merge_accepted = true;
  return transport;
}

}  // namespace

Scheduler::Scheduler(const Options& options, std::unique_ptr<placement::Strategy> strategy, StateDir& state,
                     std::string framework_id)
    : options_(options),
      state_(state),
      translator_(options_),
      cells_(options_),
      random_(platform::random_seed()),
      core_(options_.core, cells_, std::move(strategy), base::Random(platform::random_seed())),
      session_(session_config()),
      transport_(transport_options(options_, translator_.codec())) {
  core_.remember_framework(std::move(framework_id));
}

Scheduler::~Scheduler() = default;

void Scheduler::stop() { mailbox_.post(StopNow{}); }

base::Status Scheduler::run() {
  carry_out(session_.start(platform::now()));  // Knows no master yet.
  mesos_client::DetectorOptions detection;
  detection.tls = !options_.mesos.ca_file.empty();
  auto detector = mesos_client::start_master_detector(
      "--master", options_.mesos.address, detection,
      [this](mesos_client::MasterReport report) { mailbox_.post(std::move(report)); });
  if (!detector) {
    mailbox_.close();  // Whoever asks already is told that we stop.
    mailbox_.take(base::Duration{0});
    return detector.error();
  }
  while (running_) {
    auto messages = mailbox_.take(idle_for());
    // The mailbox is drained before anything is placed: a burst of auctions is one batch.
    for (Message& message : messages) {
      std::visit([this](auto& one) { on(std::move(one)); }, message);
      if (!running_) break;  // Whoever waits for the rest is told that we stop.
    }
    if (!running_) break;
    tick();
    carry_out(core_.settle(platform::now(), may_launch()));
  }
  leaving_ = true;
  calls_.reset();
  stream_.reset();
  detector->reset();
  // Jobs still in the mailbox are dropped with it: their askers see the promise broken.
  mailbox_.close();
  mailbox_.take(base::Duration{0});
  return outcome_;
}

// Whether the core may settle, which may launch. An answer wakes us when it may not.
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
  constexpr base::Time kNever = base::Time::max();
  // Answers wake us while we may not launch; what else is due comes a little late then.
  constexpr base::Duration kMeanwhile = std::chrono::milliseconds(100);
  base::Time next = wake_on_answer_ ? platform::now() + kMeanwhile : core_.next_deadline().value_or(kNever);
  next = std::min({next, session_.next_deadline().value_or(kNever), restart_at_.value_or(kNever)});
  if (next == kNever) return std::nullopt;
  return std::max(next - platform::now(), base::Duration{0});
}

void Scheduler::tick() {
  const base::Time now = platform::now();
  if (const auto due = session_.next_deadline(); due && *due <= now) carry_out(session_.on_tick(now, random_));
  if (restart_at_ && *restart_at_ <= now) {
    restart_at_.reset();
    carry_out(session_.restart(now, restart_reason_));
  }
}

// ---- What the stream and the calls say

void Scheduler::post(mesos_client::StreamReport report) {
  const std::uint64_t generation = report.generation;
  if (auto* head = std::get_if<mesos_client::StreamHead>(&report.what)) {
    mailbox_.post(StreamHead{generation, std::move(*head)});
  } else if (auto* record = std::get_if<mesos_client::StreamReport::Record>(&report.what)) {
    wait_for_calls();
    mailbox_.post(StreamEvent{generation, translator_.read(record->bytes)});  // Decoded on the stream's thread.
  } else {
    mailbox_.post(StreamEnded{generation, std::get<mesos_client::StreamReport::Ended>(report.what).reason});
  }
}

// On the stream's thread. A master that sends faster than it takes our calls has to wait.
void Scheduler::wait_for_calls() {
  while (calls_open_ > kCallsOpenMax && !leaving_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// On the calls' thread. That all is well is counted here; the loop hears of the rest.
void Scheduler::post(mesos_client::CallResult result) {
  calls_open_ -= result.calls;
  last_answered_ = result.tag;
  const bool well = result.status >= 200 && result.status < 300;
  if (well) answered_well_ = true;
  if (!well || wake_on_answer_.exchange(false)) mailbox_.post(std::move(result));
}

void Scheduler::on(StreamHead message) {
  carry_out(session_.on_head(message.generation, message.head, platform::now(), random_));
}

void Scheduler::on(StreamEvent message) {
  carry_out(session_.on_event(message.generation, message.record.session, platform::now(), random_));
  // The session has the first word: an event of an abandoned stream, or of one that was just given
  // up, means nothing.
  const bool current = session_.subscribed() && message.generation == session_.generation();
  if (!current || !message.record.core) return;
  if (auto* subscribed = std::get_if<core::Subscribed>(&*message.record.core))
    subscribed->suppressed = subscribed_suppressed_;
  handle(*message.record.core);
}

void Scheduler::on(StreamEnded message) {
  carry_out(session_.on_stream_ended(message.generation, message.reason, platform::now(), random_));
}

void Scheduler::on(mesos_client::CallResult message) {
  const bool answered_well = message.status >= 200 && message.status < 300;
  if (answered_well_.exchange(false)) call_failures_in_row_ = 0;
  if (answered_well || message.generation != session_.generation()) return;
  if (message.status == 0) return subscribe_again("a call was not answered: " + message.failure);
  platform::log_warning(fmt::format("the master refused a call status={} text=\"{}\"", message.status, message.body));
  carry_out(session_.on_call_refused(message.generation, message.status, message.body, platform::now(), random_));
  if (about_offers(message.tag)) subscribe_again("a call about offers was refused");
}

// What became of a call is unknown, or not what the core believes. A new subscription voids whatever
// may still be on its way (the stream id changes) and every offer, says anew what is suppressed, and
// reconciliation tells the rest; nothing is ever sent twice.
void Scheduler::subscribe_again(const std::string& reason) {
  if (!session_.subscribed() || restart_at_) return;
  platform::log_warning(reason + ", subscribing again");
  restart_reason_ = reason;
  restart_at_ = platform::now() + pause_before_restart(call_failures_in_row_++);
}

void Scheduler::on(mesos_client::MasterReport report) {
  if (auto* found = std::get_if<mesos_client::MasterDetected>(&report)) {
    platform::log_info("master detected " + found->who);
    carry_out(session_.masters_changed(std::move(found->urls), platform::now()));
  } else if (const auto* none = std::get_if<mesos_client::NoMaster>(&report)) {
    // A subscription that works is worth more than what is said of it.
    platform::log_warning("no master leads, keeping the one we know reason=\"" + none->reason + "\"");
    if (!session_.subscribed()) detail_ = none->reason;
  } else {
    const auto& note = std::get<mesos_client::DetectorNote>(report);
    platform::log(note.trouble ? platform::LogLevel::warning : platform::LogLevel::info, note.text);
  }
}

// ---- The session's actions

void Scheduler::carry_out(const mesos_client::SessionActions& actions) {
  for (const auto& action : actions) {
    std::visit([this](const auto& one) { on_session(one); }, action);
  }
}

void Scheduler::abandon_connections() {
  leaving_ = true;
  if (stream_) stream_->stop();
  calls_.reset();
  stream_.reset();
  leaving_ = false;
  calls_open_ = 0;
  accepts_open_.clear();  // All are answered or given up.
  accept_bytes_open_ = 0;
}

void Scheduler::on_session(const mesos_client::Connect& action) {
  restart_at_.reset();
  subscribed_suppressed_ = core_.wants_suppressed(platform::now());
  platform::log_info(fmt::format("subscribing url={} framework={} suppressed={}", action.url,
                                 core_.framework_id().empty() ? "new" : core_.framework_id(), subscribed_suppressed_));
  abandon_connections();
  stream_ = std::make_unique<mesos_client::StreamConnection>(
      transport_, action.url, translator_.subscribe(core_.framework_id(), subscribed_suppressed_), action.generation,
      [this](mesos_client::StreamReport report) { post(std::move(report)); });
}

void Scheduler::on_session(const mesos_client::Disconnect&) { abandon_connections(); }

void Scheduler::on_session(const mesos_client::Subscribed& action) {
  ever_subscribed_ = true;
  detail_ = "subscribed to " + action.url;
  platform::log_info("subscribed url=" + action.url);
  calls_ = std::make_unique<mesos_client::CallConnection>(
      transport_, action.url, action.stream_id, action.generation,
      [this](mesos_client::CallResult result) { post(std::move(result)); });
}

void Scheduler::on_session(const mesos_client::Lost& action) {
  detail_ = "not subscribed: " + action.reason;
  platform::log_warning("subscription lost reason=\"" + action.reason + "\"");
  handle(core::Disconnected{action.reason});
}

void Scheduler::on_session(const mesos_client::GivenUp& action) {
  detail_ = action.reason;
  switch (action.cause) {
    case mesos_client::GivenUp::Cause::removed: {
      const bool was_new = core_.framework_id().empty();  // Then something is odd with the master: do not spin.
      handle(core::FrameworkRemoved{action.reason});      // Forgets the id.
      restart_reason_ = "as a new framework";
      restart_at_ = platform::now() + (was_new ? kRetryRefused : base::Duration{0});
      break;
    }
    case mesos_client::GivenUp::Cause::failed_over:
      passive_ = true;
      restart_at_.reset();
      // Two schedulers would take the framework from each other for ever.
      platform::log_error("another scheduler has taken this framework over, staying passive text=\"" + action.reason +
                          "\"");
      break;
    default:
      if (ever_subscribed_) {
        platform::log_error("the master refuses us, trying again in 15 s reason=\"" + action.reason + "\"");
        restart_reason_ = "trying again";
        restart_at_ = platform::now() + kRetryRefused;
      } else {
        outcome_ = base::Error{"--master " + options_.mesos.master, action.reason};
        running_ = false;
      }
  }
}

void Scheduler::on_session(const mesos_client::Warn& action) { platform::log_warning(action.text); }

// ---- The core's actions

void Scheduler::handle(const core::Event& event) {
  if (platform::log_enabled(platform::LogLevel::debug)) platform::log_debug(print(event));
  carry_out(core_.handle(event, platform::now()));
}

void Scheduler::carry_out(const core::Actions& actions) {
  for (const core::Action& action : actions) {
    if (const auto* note = std::get_if<core::Note>(&action)) {
      platform::log(note->warning ? platform::LogLevel::warning : platform::LogLevel::info, note->text);
      continue;
    }
    if (platform::log_enabled(platform::LogLevel::debug)) platform::log_debug(print(action));
    if (const auto* save = std::get_if<core::SaveFramework>(&action)) {
      if (auto saved = state_.save_framework_id(save->framework_id); !saved) {
        // Without its id a restart would lose every cell: better not to start any.
        outcome_ = saved.error();
        running_ = false;
        return;
      }
      continue;
    }
    if (std::holds_alternative<core::ForgetFramework>(action)) {
      if (auto forgotten = state_.forget_framework_id(); !forgotten) platform::log_error(forgotten.error().message());
      continue;
    }
    if (!calls_) continue;  // Between subscriptions: what the core believes is settled after the next one.
    if (auto call = translator_.call(core_.framework_id(), action)) send(action, std::move(*call));
  }
}

void Scheduler::send(const core::Action& action, std::string call) {
  const std::uint64_t tag = call_tag(++calls_sent_, action);
  const std::size_t bytes = call.size();
  ++calls_open_;  // Before it can be answered.
  if (!calls_->send(tag, std::move(call))) {
    --calls_open_;
    return subscribe_again("too many calls wait to be sent");
  }
  if (!std::holds_alternative<core::Accept>(action)) return;
  accepts_open_.emplace_back(tag, bytes);
  accept_bytes_open_ += bytes;
}

// ---- The desk

template <class Answer>
std::optional<Answer> Scheduler::ask(std::function<Answer()> ask) {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  const bool posted = mailbox_.post(Job([promise, ask = std::move(ask)] { promise->set_value(ask()); }));
  promise.reset();
  if (!posted) return std::nullopt;
  try {
    return answer.get();
  } catch (const std::future_error&) {  // The loop ended with the job in its mailbox.
    return std::nullopt;
  }
}

base::Status Scheduler::submit(std::vector<core::Auction> auctions) {
  // The asker waits, so what is its own may be used.
  auto answer = ask<base::Status>([this, &auctions]() -> base::Status {
    if (passive_) return base::Error{"scheduler", "is passive: another one has taken the framework over"};
    if (auto admitted = core_.admits(auctions.size()); !admitted) return admitted;
    handle(core::AuctionsSubmitted{std::move(auctions)});
    return base::ok();
  });
  return answer ? *answer : base::Status(base::Error{"scheduler", "is stopping"});
}

std::vector<core::InstanceView> Scheduler::instances(const core::InstanceQuery& query) {
  return ask<std::vector<core::InstanceView>>([this, &query] { return core_.instances(query); })
      .value_or(std::vector<core::InstanceView>{});
}

std::vector<core::Key> Scheduler::stop(const core::KeyPattern& pattern) {
  return ask<std::vector<core::Key>>([this, &pattern] {
           auto keys = core_.matching(pattern);
           handle(core::StopRequested{pattern});
           return keys;
         })
      .value_or(std::vector<core::Key>{});
}

std::vector<core::CellView> Scheduler::cells() {
  return ask<std::vector<core::CellView>>([this] { return core_.cells(); }).value_or(std::vector<core::CellView>{});
}

core::Health Scheduler::health() {
  return ask<core::Health>([this] {
           return core::Health{session_.subscribed(), detail_};
         })
      .value_or(core::Health{false, "stopping"});
}

}  // namespace edge
