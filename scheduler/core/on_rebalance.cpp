// A rebalance under way: one cell at a time is left like an outdated one (on_drain.cpp), so nothing is killed for it
// before it runs elsewhere. Each move is decided anew when its turn comes. None of it is durable: it ends with this
// process and its lead.
#include "scheduler/core/core.hpp"

namespace core {
namespace {

// Without a master for so long, what was planned is of the past.
constexpr base::Duration kAwayMax = std::chrono::seconds(60);

std::string summary(const RebalanceView& plan) {
  const auto change = [](const char* what, std::int64_t from, std::int64_t to) {
    return std::string(" ") + what + "=" + std::to_string(from) + "->" + std::to_string(to);
  };
  return "goal=" + std::string(to_string(plan.goal)) + " moves=" + std::to_string(plan.moves.size()) +
         change("cells", plan.before.cells, plan.after.cells) +
         change("cell_pairs", plan.before.cell_pairs, plan.after.cell_pairs) +
         change("zone_pairs", plan.before.zone_pairs, plan.after.zone_pairs) +
         change("unevenness_permille", plan.before.unevenness_permille, plan.after.unevenness_permille);
}

}  // namespace

std::optional<RebalanceView> Core::rebalance() const {
  if (!rebalance_) return std::nullopt;
  return rebalance_->shown;
}

void Core::on(const RebalanceRequested& event, base::Time now) {
  if (rebalances()) return;
  rebalance_.emplace();
  rebalance_->shown = plan_rebalance(event.order, now);
  RebalanceView& shown = rebalance_->shown;
  shown.state = RebalanceState::under_way;
  if (shown.moves.empty()) return end_rebalance(shown.reason, now);
  const std::string text = summary(shown);
  note("rebalance is planned " + text);
  tell(ChangeKind::rebalance_planned, text);
  rebalance_at_ = now;
}

void Core::on(const RebalanceCancelled&, base::Time now) {
  if (rebalances()) end_rebalance("it was cancelled", now);
}

// One thing at a time: a rehearsal of 10,000 cells is no small one.
void Core::rebalance_some(base::Time now) {
  if (!rebalances()) return;
  RebalanceRun& run = *rebalance_;
  if (run.moving) mind_move(now);
  if (!rebalances()) return;
  if (run.away_since && now - *run.away_since >= kAwayMax)
    return end_rebalance("there has been no Mesos master for 60 s", now);
  const bool goes_on = !run.moving && connected_ && !fenced();
  if (goes_on && run.next == run.shown.moves.size()) return end_rebalance("all of it is done", now);
  if (goes_on) begin_move(run.shown.moves[run.next], now);
  rebalance_at_.reset();
  if (run.moving) rebalance_at_ = run.move_until;
  if (!run.moving && connected_ && !fenced()) rebalance_at_ = now;  // The one after it.
  if (!connected_ && run.away_since) rebalance_at_ = *run.away_since + kAwayMax;
}

void Core::begin_move(RebalanceMove& move, base::Time now) {
  const AgentPtr agent = find_agent(move.from.agent_id);
  if (agent == nullptr || !agent->cell || agent->cell->cell_id != move.from.cell_id)
    return end_move(MoveState::skipped, "its cell is gone");
  if (agent->cell->live.empty()) return end_move(MoveState::skipped, "it has no work any more");
  if (const char* why = keeps_its_work(*agent)) return end_move(MoveState::skipped, why);
  auto planned = plan_move(*agent, rebalance_->shown.goal);
  if (!planned) return end_move(MoveState::skipped, planned.error().text);
  move = *std::move(planned);
  move.state = MoveState::moving;
  rebalance_->moving = true;
  rebalance_->emptied = rebalance_->work_ended = false;
  rebalance_->move_until = now + config_.evacuation_timeout;
  note("a rebalance empties a cell cell=" + move.from.cell_id + " agent=" + agent->id +
       " instances=" + std::to_string(move.instances.size()));
  leave_agent(*agent, false, "a rebalance empties its cell", now).rebalances = true;
}

void Core::mind_move(base::Time now) {
  const AgentPtr agent = find_agent(rebalance_->shown.moves[rebalance_->next].from.agent_id);
  if (agent == nullptr || !agent->leaving || !agent->leaving->rebalances) {
    if (rebalance_->emptied) return end_move(MoveState::moved, "");
    return end_move(MoveState::given_up, agent == nullptr ? "its agent is lost" : "its cell ended by itself");
  }
  if (agent->lost) return give_up_move(*agent, "its agent is lost");
  if (now < rebalance_->move_until) return;
  give_up_move(*agent, "not all of its work found a place elsewhere within the evacuation timeout");
  end_rebalance("a cell could not be emptied in time", now);
}

// A rep that evacuates cannot be told otherwise: that cell goes when it is empty.
void Core::give_up_move(AgentRecord& agent, std::string reason) {
  const bool beyond_recall =
      config_.with_bbs && agent.cell && (agent.cell->stopping || agent.cell->evacuation_asked_at != base::Time{});
  if (beyond_recall) {
    reason += "; its rep evacuates on";
  } else {
    agent.leaving->rebalances = false;
    stay(agent);
  }
  end_move(MoveState::given_up, std::move(reason));
}

void Core::end_move(MoveState state, std::string reason) {
  RebalanceMove& move = rebalance_->shown.moves[rebalance_->next];
  ++rebalance_->next;
  rebalance_->moving = false;
  move.state = state;
  move.reason = std::move(reason);
  note("a rebalance's move has ended cell=" + move.from.cell_id + " agent=" + move.from.agent_id +
       " outcome=" + std::string(to_string(state)) + " reason=\"" + move.reason + "\"");
  if (!config_.tells_changes) return;
  changes_.add({.kind = state == MoveState::moved ? ChangeKind::rebalance_moved : ChangeKind::rebalance_skipped,
                .at = now_,
                .agent_id = move.from.agent_id,
                .cell_id = move.from.cell_id,
                .reason = move.reason});
}

void Core::end_rebalance(std::string reason, base::Time now) {
  RebalanceRun& run = *rebalance_;
  if (run.moving) {
    const AgentPtr agent = find_agent(run.shown.moves[run.next].from.agent_id);
    if (agent != nullptr && agent->leaving && agent->leaving->rebalances) {
      give_up_move(*agent, reason);
    } else {
      mind_move(now);
    }
  }
  for (; run.next < run.shown.moves.size(); ++run.next) {
    run.shown.moves[run.next].state = MoveState::skipped;
    run.shown.moves[run.next].reason = reason;
  }
  rebalance_at_.reset();
  run.shown.state = RebalanceState::ended;
  run.shown.reason = std::move(reason);
  run.shown.ended = now;
  note("rebalance has ended reason=\"" + run.shown.reason + "\"");
  tell(ChangeKind::rebalance_ended, run.shown.reason);
}

}  // namespace core
