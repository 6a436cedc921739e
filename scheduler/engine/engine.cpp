#include "scheduler/engine/engine.hpp"

#include <algorithm>

namespace engine {
namespace {

// Beside a store that cannot be written nothing is sent; beyond this it is not kept either.
constexpr std::size_t kPendingMax = 200'000;
constexpr std::size_t kIdentityLetters = 16;
constexpr std::string_view kNoFramework = "-";

// A call's tag tells whether what we believe hangs on it: our offers, the wish for them, all that is told
// of tasks before anything is launched.
std::uint64_t call_tag(std::uint64_t number, const core::Action& action) {
  const bool matters = std::holds_alternative<core::Accept>(action) || std::holds_alternative<core::Decline>(action) ||
                       std::holds_alternative<core::Revive>(action) || std::holds_alternative<core::Suppress>(action) ||
                       std::holds_alternative<core::Reconcile>(action);
  return number * 2 + (matters ? 1 : 0);
}

mesos_client::SessionConfig at_start(mesos_client::SessionConfig session) {
  session.give_up_when_refused = true;  // At start a refusal is a configuration error; later we decide here.
  return session;
}

}  // namespace

Engine::Engine(EngineConfig config, const core::CellFactory& cells, std::unique_ptr<placement::Strategy> strategy,
               const Wire& wire, World& world, core::Store& store, base::Random random, core::Witness* witness)
    : config_(std::move(config)),
      wire_(wire),
      world_(world),
      store_(store),
      random_(random),
      witness_(witness),
      core_seed_(random_.next()),
      core_(config_.core, cells, std::move(strategy), base::Random(core_seed_)),
      session_(at_start(config_.session)) {
  if (witness_ != nullptr) witness_->begins(config_.core, cells.fingerprint(), core_seed_);
}

void Engine::text(std::string_view name, std::string_view value) {
  if (name == core::kFrameworkText) remember_framework(std::string(value), {});
  if (name == core::kLeaderText) identity_ = value;
  if (name == core::kPolicyText && !value.empty()) {
    witness(core::PolicyRestored{value}, {});
    if (const auto taken = core_.restore_policy(value); !taken)
      log(Level::warning, "the policy in the store is passed over, that of the flags holds " + taken.error().message());
  }
  if (!core::BbsCalls::is_report(name)) return;
  witness(core::ReportRestored{name, value}, {});
  if (const auto taken = core_.restore_report(name, value); !taken)
    log(Level::warning, "a report in the store is passed over " + taken.error().message());
}

base::Status Engine::wish(std::uint64_t id, std::string_view text) {
  witness(core::WishRestored{id, text}, {});
  return core_.restore_wish(id, text);
}

void Engine::missing_wish(std::uint64_t id) {
  witness(core::WishReserved{id}, {});
  core_.reserve_wish(id);
}

base::Status Engine::instance(const core::InstanceRow& row) {
  witness(core::InstanceRestored{row}, {});
  return core_.restore(row);
}

void Engine::start(base::Time now) {
  core_.recovered(now);
  witness(core::Recovered{}, now);
  if (!config_.with_lock) return lead(now);
  role_ = Role::waiting;
  detail_ = "waiting for the lock";
  if (!identity_.empty()) return;
  identity_ = random_.letters(kIdentityLetters);
  identity_changed_ = true;
}

core::Health Engine::health() const {
  if (store_retry_at_) return {false, store_trouble_};
  return {leading() && session_.subscribed(), detail_};
}

std::optional<base::Error> Engine::refusal() const {
  if (role_ == Role::passive) return base::Error{"scheduler", "is passive: another one has taken the framework over"};
  if (!leading()) return base::Error{"scheduler", "does not lead: " + detail_};
  if (store_retry_at_) return base::Error{"state store", store_trouble_};
  return std::nullopt;
}

// ---- Leadership

void Engine::lead(base::Time now) {
  role_ = Role::leading;
  detail_ = "not subscribed yet";
  carry_out(session_.start(now), now);
}

// Nothing of ours is torn down: the cells run on, for whoever leads next.
void Engine::step_down(Role role, const std::string& reason, base::Time now) {
  if (role_ != Role::leading && role_ != Role::taking) return;
  role_ = role;
  shared_.reset();
  sharing_.reset();
  restart_at_.reset();
  carry_out(session_.stop(now, reason), now);
  pending_.clear();
  bbs_calls_.clear();  // Whoever leads next asks for itself.
  sandboxes_.clear();
  withdraw_unsaved(now);
  detail_ = reason;
  answer_all(base::Error{"scheduler", "does not lead: " + reason});
}

// What stands beside the lock: the framework, and whose store was the last to know all about it.
std::string Engine::our_text() const {
  return (core_.framework_id().empty() ? std::string(kNoFramework) : core_.framework_id()) + " " + identity_;
}

void Engine::share_our_text() {
  if (sharing_ || shared_ == our_text()) return;
  sharing_ = our_text();
  world_.share(*sharing_);
}

bool Engine::may_act() const { return leading() && (!config_.with_lock || shared_ == our_text()); }

void Engine::on_lock(base::LockReport report, base::Time now) {
  std::visit([this, now](const auto& one) { on_report(one, now); }, report);
}

void Engine::on_report(const base::LockAcquired& report, base::Time now) {
  if (role_ != Role::waiting) return;
  role_ = Role::taking;
  detail_ = "taking the lead";
  shared_ = report.shared;
  const auto space = report.shared.find(' ');
  std::string framework = report.shared.substr(0, space);
  if (framework == kNoFramework) framework.clear();
  const bool another_led = space != std::string::npos && report.shared.substr(space + 1) != identity_;
  log(Level::info, "the lock is ours framework=" + (framework.empty() ? "new" : framework) +
                       (another_led ? ", another scheduler led before" : ""));
  handle(core::LeadershipTaken{another_led}, now);
  if (!framework.empty()) {
    if (!core_.framework_id().empty() && core_.framework_id() != framework)
      handle(core::FrameworkRemoved{"the lock names another framework"}, now);
    remember_framework(framework, now);
  }
  // Ours is written there only when it is durable here.
  if (!identity_changed_) share_our_text();
  if (shared_ == our_text()) lead(now);
}

void Engine::on_report(const base::LockLost& report, base::Time now) {
  if (role_ != Role::leading && role_ != Role::taking) return;
  log(Level::warning, "the lock is lost, acting no more reason=\"" + report.reason + "\"");
  step_down(Role::waiting, "the lock is lost: " + report.reason, now);
}

void Engine::on_report(const base::LockHeldByOther& report, base::Time) {
  if (role_ != Role::waiting) return;
  detail_ = "waiting for the lock, which " + report.who + " holds";
  log(Level::info, detail_);
}

void Engine::on_report(const base::ShareStored& report, base::Time now) {
  if (!sharing_ || *sharing_ != report.value) return;
  sharing_.reset();
  shared_ = report.value;
  if (role_ == Role::taking) {
    lead(now);
  } else {
    share_our_text();  // The framework id may have become another meanwhile.
  }
}

void Engine::on_report(const base::ShareRefused& report, base::Time now) {
  if (role_ != Role::leading && role_ != Role::taking) return;
  log(Level::error,
      "the framework id cannot be written beside the lock, leading no more reason=\"" + report.reason + "\"");
  step_down(Role::passive, "the framework id could not be written beside the lock: " + report.reason, now);
  world_.resign();
}

void Engine::on_report(const base::LockNote& report, base::Time) {
  log(report.trouble ? Level::warning : Level::info, report.text);
}

// ---- What the stream and the calls say

void Engine::on_masters(std::vector<std::string> urls, base::Time now) {
  carry_out(session_.masters_changed(std::move(urls), now), now);
}

void Engine::on_no_master(const std::string& reason) {
  if (leading() && !session_.subscribed()) detail_ = reason;
}

void Engine::on_head(std::uint64_t generation, const mesos_client::StreamHead& head, base::Time now) {
  carry_out(session_.on_head(generation, head, now, random_), now);
}

void Engine::on_record(std::uint64_t generation, StreamRecord record, base::Time now) {
  carry_out(session_.on_event(generation, record.session, now, random_), now);
  // The session has the first word: an event of an abandoned stream, or of one that was just given
  // up, means nothing.
  const bool current = session_.subscribed() && generation == session_.generation();
  if (!current || !record.core) return;
  if (auto* subscribed = std::get_if<core::Subscribed>(&*record.core)) subscribed->suppressed = subscribed_suppressed_;
  handle(*record.core, now);
  if (config_.with_lock) share_our_text();
}

void Engine::on_stream_ended(std::uint64_t generation, const std::string& reason, base::Time now) {
  carry_out(session_.on_stream_ended(generation, reason, now, random_), now);
}

void Engine::on_call_result(std::uint64_t generation, std::uint64_t tag, int status, const std::string& text,
                            bool answered_well, base::Time now) {
  if (answered_well) call_failures_in_row_ = 0;
  if ((status >= 200 && status < 300) || generation != session_.generation()) return;
  if (status == 0) return subscribe_again("a call was not answered: " + text, now);
  if (tag == constraints_tag_ && !mesos_client::ends_session(status, text)) {
    handle(core::ConstraintsRefused{text}, now);
    // What it took before would leave out who is asked now; a SUBSCRIBE takes it back.
    if (constraints_sent_ > 1) subscribe_again("offer constraints were refused, and earlier ones hold", now);
    return;
  }
  log(Level::warning, "the master refused a call status=" + std::to_string(status) + " text=\"" + text + "\"");
  carry_out(session_.on_call_refused(generation, status, text, now, random_), now);
  if (matters(tag)) subscribe_again("a call about offers or tasks was refused", now);
}

// What became of a call is unknown, or not what the core believes. A new subscription voids whatever
// may still be on its way (the stream id changes) and every offer, says anew what is suppressed, and
// reconciliation tells the rest; nothing is ever sent twice.
void Engine::subscribe_again(const std::string& reason, base::Time now) {
  if (!session_.subscribed() || restart_at_) return;
  log(Level::warning, reason + ", subscribing again");
  restart_reason_ = reason;
  // None for a first failure; a master that takes subscriptions and no calls must not make us spin.
  constexpr base::Duration kFirst = std::chrono::milliseconds(500);
  const int failed_before = call_failures_in_row_++;
  const auto pause = failed_before == 0 ? base::Duration{0} : kFirst * (1 << std::min(failed_before - 1, 5));
  restart_at_ = now + std::min(pause, config_.retry_refused);
}

// ---- The session's actions

void Engine::carry_out(const mesos_client::SessionActions& actions, base::Time now) {
  for (const auto& action : actions) std::visit([this, now](const auto& one) { on_session(one, now); }, action);
}

void Engine::on_session(const mesos_client::Connect& action, base::Time now) {
  restart_at_.reset();
  calls_open_ = false;
  subscribed_suppressed_ = core_.wants_suppressed(now);
  log(Level::info, "subscribing url=" + action.url +
                       " framework=" + (core_.framework_id().empty() ? "new" : core_.framework_id()) +
                       " suppressed=" + (subscribed_suppressed_ ? "true" : "false"));
  world_.open_stream(action.generation, action.url,
                     wire_.subscribe(core_.framework_id(), leader_label(), subscribed_suppressed_));
}

void Engine::on_session(const mesos_client::Disconnect&, base::Time) {
  calls_open_ = false;
  world_.close_connections();
}

void Engine::on_session(const mesos_client::Subscribed& action, base::Time) {
  ever_subscribed_ = true;
  calls_open_ = true;
  detail_ = "subscribed to " + action.url;
  log(Level::info, "subscribed url=" + action.url);
  world_.open_calls(action.generation, action.url, action.stream_id);
}

void Engine::on_session(const mesos_client::Lost& action, base::Time now) {
  detail_ = "not subscribed: " + action.reason;
  log(Level::warning, "subscription lost reason=\"" + action.reason + "\"");
  handle(core::Disconnected{action.reason}, now);
}

void Engine::on_session(const mesos_client::GivenUp& action, base::Time now) {
  detail_ = action.reason;
  switch (action.cause) {
    case mesos_client::GivenUp::Cause::removed: {
      const bool was_new = core_.framework_id().empty();   // Then something is odd with the master: do not spin.
      handle(core::FrameworkRemoved{action.reason}, now);  // Forgets the id.
      restart_reason_ = "as a new framework";
      restart_at_ = now + (was_new ? config_.retry_refused : base::Duration{0});
      break;
    }
    case mesos_client::GivenUp::Cause::failed_over: {
      // Whoever leads now has taken the lock before: we are about to hear of it, and wait for our turn.
      const bool in_turn = config_.with_lock && !world_.lock_held();
      // Else two schedulers would take the framework from each other for ever.
      log(Level::error, std::string("another scheduler has taken this framework over, ") +
                            (in_turn ? "waiting for the lock" : "staying passive") + " text=\"" + action.reason + "\"");
      step_down(in_turn ? Role::waiting : Role::passive, action.reason, now);
      if (config_.with_lock && !in_turn) world_.resign();
      break;
    }
    default:
      if (ever_subscribed_) {
        log(Level::error, "the master refuses us, trying again in 15 s reason=\"" + action.reason + "\"");
        restart_reason_ = "trying again";
        restart_at_ = now + config_.retry_refused;
      } else {
        ended_ = base::Error{"--master", action.reason};
      }
  }
}

void Engine::on_session(const mesos_client::Warn& action, base::Time) { log(Level::warning, action.text); }

// ---- Questions from outside

void Engine::submit(std::vector<core::Auction> auctions, std::function<void(base::Status)> answer, base::Time now) {
  if (auto refused = refusal()) return answer(*std::move(refused));
  if (auto admitted = core_.admits(auctions.size()); !admitted) return answer(admitted);
  handle(core::AuctionsSubmitted{std::move(auctions)}, now);
  answers_.push_back(std::move(answer));
}

void Engine::stop(const core::KeyPattern& pattern, std::function<void(base::Result<Keys>)> answer, base::Time now) {
  if (auto refused = refusal()) return answer(*std::move(refused));
  Keys keys = core_.matching(pattern);
  handle(core::StopRequested{pattern}, now);
  answers_.push_back([answer = std::move(answer), keys = std::move(keys)](const base::Status& saved) {
    answer(saved ? base::Result<Keys>(keys) : base::Result<Keys>(saved.error()));
  });
}

void Engine::change_policy(std::string_view json, std::function<void(base::Status)> answer, base::Time now) {
  if (auto refused = refusal()) return answer(*std::move(refused));
  const auto policy = core::merged(core_.policy(), core_.usual_policy(), json);
  if (!policy) return answer(policy.error());
  handle(core::PolicyChanged{*policy}, now);
  answers_.push_back(std::move(answer));
}

base::Result<bool> Engine::drain(const std::string& agent_id, bool wanted, base::Time now) {
  if (auto refused = refusal()) return *std::move(refused);
  if (!core_.knows_agent(agent_id) && !core_.drains(agent_id)) return false;
  if (wanted) {
    handle(core::DrainRequested{agent_id}, now);
  } else {
    handle(core::DrainCancelled{agent_id}, now);
  }
  return true;
}

base::Result<core::RebalanceView> Engine::rebalance(const core::RebalanceOrder& order, base::Time now) {
  if (auto refused = refusal()) return *std::move(refused);
  handle(core::RebalanceRequested{order}, now);
  return *core_.rebalance();
}

std::optional<core::RebalanceView> Engine::cancel_rebalance(base::Time now) {
  if (!core_.rebalances()) return std::nullopt;
  handle(core::RebalanceCancelled{}, now);
  return core_.rebalance();
}

// ---- The order of things

void Engine::handle(const core::Event& event, base::Time now) {
  world_.saw(event);
  core::Actions actions = core_.handle(event, now);
  if (witness_ != nullptr) witness_->heard(event, now, actions);
  keep(std::move(actions));
}

void Engine::remember_framework(const std::string& id, base::Time now) {
  core_.remember_framework(id);
  witness(core::FrameworkRemembered{id}, now);
}

void Engine::withdraw_unsaved(base::Time now) {
  core_.withdraw_unsaved(now);
  witness(core::UnsavedWithdrawn{}, now);
}

void Engine::keep(core::Actions actions) {
  for (core::Action& action : actions) {
    if (const auto* note = std::get_if<core::Note>(&action)) {
      if (note->refusal) {
        world_.refused(*note->refusal, note->text);
      } else {
        log(note->warning ? Level::warning : Level::info, note->text);
      }
    } else if (auto* report = std::get_if<core::Report>(&action)) {
      bbs_calls_.emplace_back(std::move(*report));
    } else if (auto* question = std::get_if<core::ReadRows>(&action)) {
      bbs_calls_.emplace_back(std::move(*question));
    } else if (auto* sandbox = std::get_if<core::ReadSandbox>(&action)) {
      sandboxes_.push_back(std::move(*sandbox));
    } else if (calls_open_) {  // Between subscriptions: what the core believes is settled after the next one.
      pending_.push_back({session_.generation(), std::move(action)});
    }
  }
}

void Engine::settle(base::Time now, bool may_launch) {
  if (witness_ != nullptr) witness_->rests(core_, now);
  if (const auto due = session_.next_deadline(); due && *due <= now) carry_out(session_.on_tick(now, random_), now);
  if (restart_at_ && *restart_at_ <= now) {
    restart_at_.reset();
    carry_out(session_.restart(now, restart_reason_), now);
  }
  // What the core asks is not sent yet, however long ago it was asked.
  if (store_retry_at_ && *store_retry_at_ <= now) {
    core_.nothing_was_sent(now);
    witness(core::NothingWasSent{}, now);
  }
  if (may_act()) {
    const bool launches = may_launch && !store_retry_at_;
    core::Actions actions = core_.settle(now, launches);
    witness(core::Settled{launches}, now, actions);
    keep(std::move(actions));
  }
  if (!commit(now)) return;
  if (core::Changes changes = core_.take_changes(); !changes.empty()) world_.changed(std::move(changes));
  send_all(now);
  answer_all(base::ok());
  if (role_ == Role::taking) share_our_text();
}

// False: the store does not take it, so nothing may follow from it.
bool Engine::commit(base::Time now) {
  if (store_retry_at_ && now < *store_retry_at_) return false;
  if (store_retry_at_ || core_.has_changes() || identity_changed_) {
    const base::Status saved = store_.commit([this](core::Journal& journal) {
      if (identity_changed_) journal.text(core::kLeaderText, identity_);
      core_.write_changes(journal);
    });
    if (!saved) {
      if (store_trouble_ != saved.error().message())
        log(Level::error, "the state cannot be saved, nothing is accepted or launched until it can reason=\"" +
                              saved.error().message() + "\"");
      store_trouble_ = saved.error().message();
      store_retry_at_ = now + config_.store_retry;
      withdraw_unsaved(now);
      answer_all(base::Error{"state store", store_trouble_});
      if (pending_.size() > kPendingMax) {
        pending_.clear();
        subscribe_again("too much waits for the state to be saved", now);
      }
      return false;
    }
    core_.changes_saved();
    witness(core::ChangesSaved{}, now);
    identity_changed_ = false;
  }
  if (store_retry_at_) log(Level::info, "the state can be saved again");
  store_retry_at_.reset();
  store_trouble_.clear();
  return true;
}

void Engine::send_all(base::Time now) {
  for (const auto& call : std::exchange(bbs_calls_, {})) {
    std::visit(
        [this](const auto& one) {
          world_.saw(core::Action(one));
          world_.call_bbs(one);
        },
        call);
  }
  for (const core::ReadSandbox& sandbox : std::exchange(sandboxes_, {})) {
    world_.saw(core::Action(sandbox));
    world_.read_sandbox(sandbox);
  }
  std::vector<Pending> pending = std::exchange(pending_, {});
  for (Pending& one : pending) {
    if (!calls_open_ || one.generation != session_.generation()) continue;
    const bool accept = std::holds_alternative<core::Accept>(one.action);
    if (accept && config_.with_lock && !world_.lock_held()) {
      // This process slept over the end of its lease.
      log(Level::warning, "the lock's lease is over, acting no more");
      return step_down(Role::waiting, "the lock's lease is over", now);
    }
    world_.saw(one.action);
    const auto* constrain = std::get_if<core::ConstrainOffers>(&one.action);
    auto call = constrain != nullptr ? wire_.constrain(core_.framework_id(), leader_label(), *constrain)
                                     : wire_.call(core_.framework_id(), one.action);
    if (!call) continue;
    const std::uint64_t tag = call_tag(++calls_sent_, one.action);
    if (constrain != nullptr) {
      if (constraints_generation_ != session_.generation()) constraints_sent_ = 0;
      constraints_generation_ = session_.generation();
      ++constraints_sent_;
      constraints_tag_ = tag;
    }
    if (!world_.send(tag, std::move(*call), accept)) return subscribe_again("too many calls wait to be sent", now);
  }
}

void Engine::answer_all(const base::Status& status) {
  for (const auto& answer : std::exchange(answers_, {})) answer(status);
}

std::optional<base::Time> Engine::next_deadline() const {
  std::optional<base::Time> next;
  const auto consider = [&next](const std::optional<base::Time>& at) {
    if (at && (!next || *at < *next)) next = at;
  };
  consider(session_.next_deadline());
  consider(restart_at_);
  consider(store_retry_at_);
  if (identity_changed_ || !answers_.empty() || !pending_.empty() || !bbs_calls_.empty() || !sandboxes_.empty() ||
      core_.has_changes()) {
    consider(store_retry_at_ ? store_retry_at_ : base::Time{});
  }
  // What the core wants to do at once it may not before the store works.
  if (may_act()) consider(store_retry_at_ ? store_retry_at_ : core_.next_deadline());
  return next;
}

}  // namespace engine
