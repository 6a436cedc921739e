// The rep behind an executor: what it does, how slowly, and when it does not tell the truth.
#include <algorithm>
#include <utility>

#include "test/simulation/cell.hpp"
#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration kClientTimeout = 10s;  // Of the executor's requests.

}  // namespace

void Cell::start_rep(const executor::StartCell& start) {
  auto& sim = world_.sim();
  local::RepConfig config;
  config.cell_id = flags_.cell_id;
  config.memory_mb = start.mem_mb;
  config.disk_mb = start.disk_mb;
  config.zone = flags_.cell_zone.empty() ? zone_ : flags_.cell_zone;
  if (agent_.tagged()) config.placement_tags = {std::string(kTag)};
  config.task_duration = world_.settings().task_duration;
  config.start_delay = world_.settings().start_delay;
  rep_ = std::make_unique<local::RepModel>(config, sim.fork());
  ++rep_life_;
  rep_up_at_ = world_.now() + sim.between(20ms, 2s);
  look_at_rep();
}

void Cell::end_rep() {
  rep_.reset();
  rep_state_.reset();
  rep_next_.reset();
  rep_orders_.clear();
  rep_busy_ = false;
  ++rep_life_;
}

void Cell::stop_rep(Duration grace) {
  auto& sim = world_.sim();
  sim.after(std::min(grace, sim.between(1ms, 700ms)), [this] {
    end_rep();
    in_process([this] { handle(executor::CellEnded{"ended when it was told to"}); });
  });
}

void Cell::rep_dies() {
  if (!alive_ || !rep_) return;
  world_.sim().fault("rep_death", name_);
  fail_orders("connection reset");
  end_rep();
  in_process([this] { handle(executor::CellEnded{"exited with status 1"}); });
}

void Cell::rep_hangs(Duration how_long) {
  if (!alive_ || !rep_) return;
  world_.sim().fault("rep_hang", name_);
  rep_hangs_until_ = world_.now() + how_long;
}

// Whoever asked gets an answer, each exactly once.
void Cell::fail_orders(const std::string& why) {
  for (const executor::Action& action : std::exchange(rep_orders_, {}))
    in_process([this, answer = failed(action, why)] { handle(answer); });
}

executor::Event Cell::failed(const executor::Action& action, const std::string& why) {
  if (std::holds_alternative<executor::PollState>(action)) return executor::RepFailed{why};
  if (std::holds_alternative<executor::PollMetrics>(action)) return executor::MetricsAnswered{{}, why};
  if (std::holds_alternative<executor::PostWork>(action)) return executor::WorkAnswered{{}, why};
  if (const auto* stop = std::get_if<executor::StopLrp>(&action)) return executor::StopAnswered{stop->task_id, why};
  if (const auto* cancel = std::get_if<executor::CancelTask>(&action))
    return executor::StopAnswered{cancel->task_id, why};
  return executor::EvacuateAnswered{why};
}

void Cell::order_rep(const executor::Action& action) {
  rep_orders_.push_back(action);
  serve_rep();
}

// One request after the other.
void Cell::serve_rep() {
  if (rep_busy_ || rep_orders_.empty() || !alive_) return;
  rep_busy_ = true;
  auto& sim = world_.sim();
  Duration takes = sim.between(200us, 4ms);
  if (sim.one_in(world_.rates().rep_slow)) {
    sim.fault("rep_slow", name_);
    takes += sim.between(100ms, 8s);
  }
  if (world_.now() < rep_hangs_until_) takes += rep_hangs_until_ - world_.now();
  const bool too_long = takes > kClientTimeout;
  sim.after(std::min(takes, kClientTimeout), [this, too_long, life = rep_life_] {
    if (!alive_ || life != rep_life_ || rep_orders_.empty()) return;
    rep_busy_ = false;
    const executor::Action action = std::move(rep_orders_.front());
    rep_orders_.pop_front();
    const bool here = rep_ && world_.now() >= rep_up_at_ && !too_long;
    const executor::Event answer =
        here ? rep_answers(action) : failed(action, too_long ? "no answer within 10 s" : "connection refused");
    in_process([this, answer] { handle(answer); });
    serve_rep();
  });
}

executor::Event Cell::rep_answers(const executor::Action& action) {
  auto& sim = world_.sim();
  const auto& rates = world_.rates();
  const Time now = world_.now();
  const bool lost = sim.one_in(rates.rep_answer_lost);
  if (lost) sim.fault("rep_answer_lost", name_);
  executor::Event answer = failed(action, "connection reset");
  if (lost && sim.one_in(2)) return answer;  // Nor did the request arrive.
  if (std::holds_alternative<executor::PollState>(action)) {
    diego::CellState state = rep_->state(now);
    lie(state);
    answer = executor::RepAnswered{std::move(state)};
  } else if (std::holds_alternative<executor::PollMetrics>(action)) {
    answer = executor::MetricsAnswered{*diego::parse_container_metrics(rep_->container_metrics(now)), std::nullopt};
  } else if (const auto* post = std::get_if<executor::PostWork>(&action)) {
    if (sim.one_in(rates.rep_refuse)) {
      sim.fault("rep_refuses", name_);
      answer = executor::WorkAnswered{post->work, std::nullopt};
      std::get<executor::WorkAnswered>(answer).refused.cell_id.clear();
    } else if (const auto refused = rep_->work(post->work, now)) {
      answer = executor::WorkAnswered{*refused, std::nullopt};
    } else {
      answer = executor::WorkAnswered{{}, "the rep answered 500"};
    }
  } else if (const auto* stop = std::get_if<executor::StopLrp>(&action)) {
    const bool known = rep_->stop_lrp(stop->process_guid, stop->instance_guid, now);
    answer = executor::StopAnswered{stop->task_id, {}};
    if (!known) std::get<executor::StopAnswered>(answer).error = "the rep answered 500";
  } else if (const auto* cancel = std::get_if<executor::CancelTask>(&action)) {
    rep_->cancel_task(cancel->task_guid, now);
    answer = executor::StopAnswered{cancel->task_id, {}};
  } else {
    rep_->evacuate(now);
    answer = executor::EvacuateAnswered{};
  }
  look_at_rep();
  if (lost) return failed(action, "connection reset");
  return answer;
}

// Nothing that says an instance is gone which is there: then nobody could know better.
void Cell::lie(diego::CellState& state) {
  auto& sim = world_.sim();
  if (!sim.one_in(world_.rates().rep_lie)) return;
  sim.fault("rep_lies", name_);
  switch (sim.below(4)) {
    case 0:
      state.available = {};
      break;
    case 1:
      state.available.memory_mb = state.total.memory_mb * 2;
      state.available.containers = -1;
      break;
    case 2: {
      std::vector<diego::Lrp> lrps = state.lrps;
      for (diego::Lrp& lrp : lrps) {
        if (lrp.state == "RUNNING") lrp.state = "CLAIMED";
      }
      state.lrps = diego::Slice<diego::Lrp>(std::move(lrps));
      break;
    }
    default: {
      std::vector<diego::Lrp> lrps = state.lrps;
      diego::Lrp foreign;
      foreign.process_guid = "nobody-knows-it";
      foreign.instance_guid = "ghost";
      foreign.state = "RUNNING";
      lrps.push_back(foreign);
      state.lrps = diego::Slice<diego::Lrp>(std::move(lrps));
    }
  }
}

// The rep claims and starts at the BBS what it has, and gives up what the BBS has elsewhere.
void Cell::settle_with_bbs() {
  if (!world_.settings().bbs || !alive_) return;
  const auto verdict = world_.bbs().see(flags_.cell_id, *rep_state_);
  for (const diego::Lrp& lrp : verdict.stop) rep_->stop_lrp(lrp.process_guid, lrp.instance_guid, world_.now());
  for (const std::string& guid : verdict.cancel) rep_->cancel_task(guid, world_.now());
  if (verdict.stop.empty() && verdict.cancel.empty()) return;
  rep_state_ = rep_->state(world_.now());
}

void Cell::bbs_stops(const core::Key& key, const std::string& instance_guid) {
  if (!alive_ || !rep_) return;
  if (key.kind == core::Kind::task) {
    rep_->cancel_task(key.guid, world_.now());
  } else {
    rep_->stop_lrp(key.guid, instance_guid, world_.now());
  }
  look_at_rep();
}

// What is true of the rep now; and its own end after an evacuation.
void Cell::look_at_rep() {
  if (!rep_) return;
  rep_state_ = rep_->state(world_.now());
  settle_with_bbs();
  rep_next_ = rep_->next_deadline();
  for (const diego::Lrp& lrp : rep_state_->lrps) {
    if (lrp.state == "RUNNING" || lrp.state == "CLAIMED")
      world_.bbs().seen_running({core::Kind::lrp, lrp.process_guid, lrp.index});
  }
  for (const diego::Task& task : rep_state_->tasks) {
    const core::Key key{core::Kind::task, task.task_guid, 0};
    if (task.state == "Completed") {
      world_.bbs().seen_completed(key);
    } else {
      world_.bbs().seen_running(key);
    }
  }
  if (!rep_->finished(world_.now())) return;
  fail_orders("connection reset");
  end_rep();
  in_process([this] { handle(executor::CellEnded{"exited with status 0"}); });
}

}  // namespace simulation
