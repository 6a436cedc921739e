// Which cells to empty so that what runs is packed or spread better. Each candidate is emptied on trial, by the code
// that places in earnest and with what agents last had to offer, and its move is kept if things are better then;
// later moves see those before.
#include "scheduler/core/rebalance.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "scheduler/core/core.hpp"

namespace core {
namespace {

// Spreading: so many candidates are compared at a time.
constexpr std::size_t kTogether = 8;
// How much is tried for one plan, during which nothing else is decided: an instance placed is one, which takes a few
// microseconds, and one more for so many cells, or classes of them, as the strategy has to be asked about.
constexpr std::size_t kTrialsMax = 6'000;
constexpr std::size_t kCellTrials = 3;  // As many for each cell besides.
constexpr std::size_t kAskedMore = 300;
// A move is work. It is worth it if there are fewer pairs by a tenth of the instances moved,
constexpr std::size_t kInstancesPerPair = 10;
// or if the unevenness falls by a tenth of what the cell itself brings in.
constexpr double kShareGained = 0.1;

constexpr std::array<std::string_view, 2> kGoals = {"pack", "spread"};
constexpr std::array<std::string_view, 5> kMoveStates = {"planned", "moving", "moved", "skipped", "given_up"};
constexpr std::array<std::string_view, 3> kStates = {"preview", "under_way", "ended"};

}  // namespace

std::string_view to_string(Goal goal) { return kGoals[static_cast<std::size_t>(goal)]; }
std::string_view to_string(MoveState state) { return kMoveStates[static_cast<std::size_t>(state)]; }
std::string_view to_string(RebalanceState state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<Goal> parse_goal(std::string_view text) {
  const auto found = std::find(kGoals.begin(), kGoals.end(), text);
  if (found == kGoals.end()) return std::nullopt;
  return static_cast<Goal>(found - kGoals.begin());
}

class Core::Planner {
 public:
  Planner(const Core& core, Goal goal);

  void plan(RebalanceView& view);
  base::Result<RebalanceMove> one(const AgentRecord& agent);

 private:
  struct Standing {
    std::int64_t used_mb = 0, total_mb = 0;
    std::size_t instances = 0;
    bool receives = false;  // Of this plan's moves.
  };
  struct Landing {
    const Item* item;
    const AgentRecord* to;
    bool starts_cell;
  };
  // A cell emptied on trial, and what changes by it.
  struct Trial {
    const AgentRecord* from = nullptr;
    std::vector<Landing> landings;
    std::string why_not;  // Empty: it is worth it.
    placement::Crowding crowding;
    std::int64_t cells = -1;
    double squares = 0;
    std::int64_t pairs() const { return crowding.pairs(); }
  };

  std::vector<const AgentRecord*> candidates(RebalanceView& view);
  void pack(RebalanceView& view, const std::vector<const AgentRecord*>& cells);
  void spread(RebalanceView& view, const std::vector<const AgentRecord*>& cells);
  bool is_cut_short(RebalanceView& view) const;
  void move_if_worth(RebalanceView& view, const AgentRecord& agent);

  Trial empty(const AgentRecord& agent);
  void judge(Trial& trial);
  std::string_view worth(const Trial& trial) const;
  RebalanceMove keep(const Trial& trial);
  std::vector<const Item*>& items_on(const AgentRecord& agent);
  std::optional<std::string> place(const Item& item, Trial& trial);
  Balance balance() const;
  Standing& standing(const AgentRecord& agent) { return standing_[&agent]; }
  static double square(const Standing& standing, std::int64_t more_mb = 0);

  const Core& core_;
  const Goal goal_;
  const bool limits_starting_;
  const std::vector<AgentPtr> agents_;
  std::unordered_map<std::string_view, std::int64_t> strain_;
  placement::Crowding crowding_;
  placement::Cluster::Rehearsal rehearsal_;
  std::unordered_map<const AgentRecord*, Standing> standing_;               // Never iterated.
  std::unordered_map<const AgentRecord*, std::vector<const Item*>> items_;  // Of cells looked at. Likewise.
  std::int64_t used_mb_ = 0, total_mb_ = 0, cells_ = 0;
  double squares_ = 0;  // Of what is used, each by the size of its agent.
  placement::Request request_;
  const std::size_t trial_cost_;
  std::size_t trials_ = 0;
};

Core::Planner::Planner(const Core& core, Goal goal)
    : core_(core),
      goal_(goal),
      limits_starting_(core.config_.limits.starting_max > 0 || core.config_.limits.starting_per_cell_max > 0),
      agents_(core.agents_in_order()),
      crowding_(core.cluster_.crowding(goal == Goal::spread ? &strain_ : nullptr)),
      rehearsal_(core.cluster_),
      trial_cost_(1 + core.cluster_.asked_about() / kAskedMore) {
  standing_.reserve(agents_.size());
  for (const AgentPtr& agent : agents_) {
    if (agent->lost || agent->total.mem_mb <= 0 || (!agent->cell && !agent->takes_work)) continue;
    Standing& standing = standing_[agent.get()];
    standing.total_mb = agent->total.mem_mb;
    if (agent->cell) {
      standing.used_mb = agent->cell->charged.mem_mb;
      standing.instances = agent->cell->live.size();
    }
    used_mb_ += standing.used_mb;
    total_mb_ += standing.total_mb;
    squares_ += square(standing);
    if (standing.instances > 0) ++cells_;
  }
  rehearsal_.offer_all();
}

double Core::Planner::square(const Standing& standing, std::int64_t more_mb) {
  if (standing.total_mb <= 0) return 0;
  const auto used = static_cast<double>(standing.used_mb + more_mb);
  return used * used / static_cast<double>(standing.total_mb);
}

// The weights being sizes, the mean does not change by a move.
Balance Core::Planner::balance() const {
  Balance balance{cells_, crowding_.cell_pairs, crowding_.zone_pairs, 0};
  if (total_mb_ <= 0) return balance;
  const auto total = static_cast<double>(total_mb_);
  const double mean = static_cast<double>(used_mb_) / total;
  balance.unevenness_permille = std::llround(1000 * std::sqrt(std::max(squares_ / total - mean * mean, 0.0)));
  return balance;
}

std::vector<const Item*>& Core::Planner::items_on(const AgentRecord& agent) {
  const auto [found, fresh] = items_.try_emplace(&agent);
  std::vector<const Item*>& items = found->second;
  if (!fresh) return items;
  for (const Item* item : agent.cell->live.sorted()) items.push_back(item);
  // As the queue would have them.
  const auto rank = [](const Item* item) { return rank_of(item->kind(), item->index, item->wish->needs.mem_mb); };
  std::stable_sort(items.begin(), items.end(), [&](const Item* a, const Item* b) { return rank(a) < rank(b); });
  return items;
}

// Why it has no place.
std::optional<std::string> Core::Planner::place(const Item& item, Trial& trial) {
  trials_ += trial_cost_;
  rehearsal_.vacate(trial.from->id, {true, item.process->guid, false});
  request_.process = item.process->guid;
  request_.needs = item.wish->needs;
  request_.constraints = item.wish->constraints;
  const placement::Outcome outcome = rehearsal_.place(request_);
  const auto* placed = std::get_if<placement::Placement>(&outcome);
  if (placed == nullptr) {
    const auto* refused = std::get_if<placement::Rejection>(&outcome);
    return "its work fits nowhere else: " + (refused != nullptr ? refused->text : std::string());
  }
  trial.landings.push_back({&item, core_.find_agent(placed->agent_id).get(), placed->starts_cell});
  if (limits_starting_) rehearsal_.started(placed->agent_id, item.process->guid);
  if (goal_ == Goal::pack && placed->starts_cell) return "another cell would have to start for its work";
  return std::nullopt;
}

// The rehearsal goes on with it emptied.
Core::Planner::Trial Core::Planner::empty(const AgentRecord& agent) {
  Trial trial;
  trial.from = &agent;
  const placement::Crowding before = rehearsal_.change();
  trials_ += kCellTrials;
  rehearsal_.leave(agent.id);
  for (const Item* item : items_on(agent)) {
    auto misfit = place(*item, trial);
    if (!misfit) continue;
    trial.why_not = *std::move(misfit);
    return trial;
  }
  trial.crowding = {rehearsal_.change().cell_pairs - before.cell_pairs,
                    rehearsal_.change().zone_pairs - before.zone_pairs};
  judge(trial);
  return trial;
}

void Core::Planner::judge(Trial& trial) {
  std::map<const AgentRecord*, std::int64_t, ById> more_mb;
  for (const Landing& landing : trial.landings) more_mb[landing.to] += needs_on(*landing.item, *landing.to).mem_mb;
  const Standing& from = standing(*trial.from);
  trial.squares = -square(from);
  for (const auto& [agent, mb] : more_mb) {
    const Standing& to = standing(*agent);
    trial.squares += square(to, mb) - square(to);
    if (to.instances == 0) ++trial.cells;
  }
  trial.why_not = worth(trial);
}

std::string_view Core::Planner::worth(const Trial& trial) const {
  if (goal_ == Goal::pack) {
    if (trial.cells >= 0) return "as many cells would have work";
    if (trial.crowding.zone_pairs > 0) return "its work would be less balanced over the zones";
    return "";
  }
  const auto enough = static_cast<std::int64_t>(std::max<std::size_t>(1, trial.landings.size() / kInstancesPerPair));
  if (-trial.pairs() >= enough) return "";
  const double own = square(standing_.at(trial.from));
  if (trial.pairs() <= 0 && -trial.squares > kShareGained * own) return "";
  return trial.pairs() > 0 ? "its work would be more crowded" : "it would not be better, or not by enough";
}

// After empty(), with nothing undone since.
RebalanceMove Core::Planner::keep(const Trial& trial) {
  const AgentRecord& agent = *trial.from;
  Standing& from = standing(agent);
  RebalanceMove move;
  move.from = core_.place_view(agent.id);
  move.memory_mb = from.used_mb;
  move.before = balance();
  placement::Amounts room = core_.cluster_.find(agent.id)->last_room + agent.cell->charged;
  for (const Item* item : items_on(agent)) {
    if (item->agent.get() != &agent) room += needs_on(*item, agent);  // It would have come by an earlier move.
  }
  for (const Landing& landing : trial.landings) {
    RebalanceMove::Instance& instance = move.instances.emplace_back();
    instance.key = landing.item->key();
    instance.to = core_.place_view(landing.to->id);
    instance.memory_mb = needs_on(*landing.item, *landing.to).mem_mb;
    instance.starts_cell = landing.starts_cell;
    if (landing.starts_cell) instance.to.cell_id.clear();
    if (!limits_starting_) rehearsal_.started(landing.to->id, landing.item->process->guid);
    Standing& to = standing(*landing.to);
    to.used_mb += instance.memory_mb;
    to.receives = true;
    ++to.instances;
    if (landing.to->cell) items_on(*landing.to).push_back(landing.item);
    used_mb_ += instance.memory_mb;
  }
  rehearsal_.ended(agent.id, room);
  used_mb_ -= from.used_mb;
  from.used_mb = 0;
  from.instances = 0;
  items_on(agent).clear();
  cells_ += trial.cells;
  squares_ += trial.squares;
  crowding_.cell_pairs += trial.crowding.cell_pairs;
  crowding_.zone_pairs += trial.crowding.zone_pairs;
  move.after = balance();
  return move;
}

std::vector<const AgentRecord*> Core::Planner::candidates(RebalanceView& view) {
  std::vector<const AgentRecord*> cells;
  for (const AgentPtr& agent : agents_) {
    if (!agent->cell || agent->cell->live.empty()) continue;
    if (const char* why = core_.keeps_its_work(*agent)) {
      ++view.stay[why];
    } else {
      cells.push_back(agent.get());
    }
  }
  // Packing: those first that use least. Spreading: the most crowded, then the fullest.
  const auto cost = [this](const AgentRecord* agent) {
    const Standing& standing = standing_.at(agent);
    if (goal_ == Goal::pack) return std::pair{standing.used_mb, static_cast<std::int64_t>(standing.instances)};
    const auto strain = strain_.find(agent->id);
    return std::pair{strain == strain_.end() ? 0 : -strain->second, -1000 * standing.used_mb / standing.total_mb};
  };
  std::stable_sort(cells.begin(), cells.end(),
                   [&](const AgentRecord* a, const AgentRecord* b) { return cost(a) < cost(b); });
  return cells;
}

bool Core::Planner::is_cut_short(RebalanceView& view) const {
  view.cut_short = view.cut_short || trials_ >= kTrialsMax;
  return view.cut_short;
}

void Core::Planner::move_if_worth(RebalanceView& view, const AgentRecord& agent) {
  const std::size_t moment = rehearsal_.moment();
  const Trial trial = empty(agent);
  if (trial.why_not.empty()) {
    view.moves.push_back(keep(trial));
    return;
  }
  rehearsal_.back_to(moment);
  ++view.stay[trial.why_not];
}

void Core::Planner::pack(RebalanceView& view, const std::vector<const AgentRecord*>& cells) {
  const std::int64_t spare = core_.cells_usable_ - core_.config_.cells_min;
  for (const AgentRecord* agent : cells) {
    if (view.moves.size() == view.max_moves) return;
    if (core_.config_.cells_min > 0 && static_cast<std::int64_t>(view.moves.size()) >= spare) {
      ++view.stay["--cells-min keeps as many cells"];
      continue;
    }
    if (standing(*agent).receives) continue;  // Nothing moves twice, and it is fuller now.
    if (is_cut_short(view)) return;
    move_if_worth(view, *agent);
  }
}

// The best of a few first. What they look like after it is tried once more.
void Core::Planner::spread(RebalanceView& view, const std::vector<const AgentRecord*>& cells) {
  for (std::size_t begin = 0; begin < cells.size() && view.moves.size() < view.max_moves && !view.cut_short;
       begin += kTogether) {
    std::vector<Trial> worth_it;
    for (std::size_t at = begin; at < std::min(cells.size(), begin + kTogether) && !is_cut_short(view); ++at) {
      const std::size_t moment = rehearsal_.moment();
      Trial trial = empty(*cells[at]);
      rehearsal_.back_to(moment);
      if (trial.why_not.empty()) {
        worth_it.push_back(std::move(trial));
      } else {
        ++view.stay[trial.why_not];
      }
    }
    std::stable_sort(worth_it.begin(), worth_it.end(), [](const Trial& a, const Trial& b) {
      return std::pair(a.pairs(), a.squares) < std::pair(b.pairs(), b.squares);
    });
    for (const Trial& first : worth_it) {
      if (view.moves.size() == view.max_moves) return;
      move_if_worth(view, *first.from);
    }
  }
}

void Core::Planner::plan(RebalanceView& view) {
  view.before = balance();
  const std::vector<const AgentRecord*> cells = candidates(view);
  goal_ == Goal::pack ? pack(view, cells) : spread(view, cells);
  view.after = balance();
  if (!view.moves.empty()) return;
  view.reason = cells_ == 0      ? "no cell has work"
                : cells.empty()  ? "no cell with work may be emptied now"
                : view.cut_short ? "of the cells that were looked at none is worth emptying"
                                 : "no cell is worth emptying";
}

base::Result<RebalanceMove> Core::Planner::one(const AgentRecord& agent) {
  const Trial trial = empty(agent);
  if (!trial.why_not.empty()) return base::Error{"", trial.why_not};
  return keep(trial);
}

// Why its work is not to be moved now; nullptr: it may be. The cell has work.
const char* Core::keeps_its_work(const AgentRecord& agent) const {
  const CellRecord& cell = *agent.cell;
  if (agent.lost) return "its agent is lost";
  if (agent.leaving) return "its agent is left already";
  if (agent.quarantined_until) return "its agent is quarantined";
  if (is_outdated(cell) && config_.cells_roll_max > 0) return "it is outdated, and replaced in its turn";
  if (!cell.heard || cell.stopping || cell.executor_info.empty() || !cell.boot_task.empty()) return "it is not up";
  if (cell.report && (!cell.report->rep_answers || cell.report->evacuating || !cell.report->garden_healthy))
    return "its rep is not well";
  if (!agent.planned.empty()) return "work starts there";
  if (agent.total.mem_mb <= 0) return "nothing is known of its size";
  bool tasks = false, restless = false;
  for (const Item* item : cell.live) {
    tasks = tasks || item->kind() == Kind::task;
    restless = restless || item->twin || item->state != State::running || item->stop_wanted || !item->auction_known;
    if (!restless && !twins_.empty()) restless = twins_.contains(item->key());
    if (!restless && !strays_.empty()) restless = has_stray(item->key());
  }
  if (tasks) return "it has Tasks, which cannot move";
  return restless ? "not all of its instances just run" : nullptr;
}

RebalanceView Core::plan_rebalance(const RebalanceOrder& order, base::Time now) const {
  RebalanceView view;
  view.goal = order.goal.value_or(config_.strategy == "binpack" ? Goal::pack : Goal::spread);
  view.max_moves = std::min(order.max_moves, kMovesMax);
  view.planned = now;
  const bool all_seen = discovering_until_ && now >= *discovering_until_ && !fenced();
  if (!connected_ || !all_seen) {
    view.reason = connected_ ? "not every agent was seen yet since this scheduler leads"
                             : "not subscribed to a Mesos master: nothing can move";
    return view;
  }
  Planner(*this, view.goal).plan(view);
  return view;
}

// That cell's move alone, now that its turn has come; an error says why it is not worth it any more.
base::Result<RebalanceMove> Core::plan_move(const AgentRecord& agent, Goal goal) const {
  return Planner(*this, goal).one(agent);
}

}  // namespace core
