#include <algorithm>
#include <cassert>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {

constexpr base::Duration kLaunchBurst = std::chrono::seconds(1);

std::string dashed(std::string ip) {
  std::replace_if(
      ip.begin(), ip.end(), [](char c) { return c == '.' || c == ':'; }, '-');
  return ip;
}

}  // namespace

placement::Amounts needs_on(const Item& item, const AgentRecord& agent) {
  placement::Amounts needs = item.wish->needs;
  if (item.kind() == Kind::lrp) needs.mem_mb += agent.proxy_mem_mb;
  return needs;
}

void Core::fill_request(const Item& item) {
  request_.is_lrp = item.kind() == Kind::lrp;
  request_.process = item.process->guid;
  request_.needs = item.wish->needs;
  if (request_.constraints != item.wish->constraints) request_.constraints = item.wish->constraints;
  if (!request_.avoid.empty() || item.rare) request_.avoid = item.avoid();
}

// What it leaves behind where it moves from does not count: else a zone would seem to have one too many.
placement::Outcome Core::place_item(const Item& item, bool may_wait) {
  const Item* const left = item.twin ? items_.find(item.key()) : nullptr;
  const AgentPtr from = left != nullptr && left->in_cell ? agent_of(*left) : nullptr;
  if (from == nullptr || !from->leaving) return cluster_.place(request_, may_wait);
  const placement::Occupant occupant{true, left->process->guid, left->counts_as_starting};
  cluster_.vacate(from->id, occupant);
  placement::Outcome outcome = cluster_.place(request_, may_wait);
  cluster_.occupy(from->id, occupant);
  return outcome;
}

// Decides about what is ready, but not about more than one pass may; false: it wants to go on.
bool Core::place_some(base::Time now) {
  Queue::Pass pass(queue_);
  for (std::size_t decided = 0; decided < config_.placements_per_pass;) {
    if (!may_launch_one(now)) {  // It goes on when it may.
      launch_credit_at_ =
          launches_booked_until_ - kLaunchBurst + base::Duration(std::chrono::seconds(1)) / config_.launch_rate;
      return true;
    }
    Item* item = pass.next();
    if (item == nullptr) return true;
    fill_request(*item);
    const bool may_wait = !item->has_waited || now < item->until;
    placement::Outcome outcome = place_item(*item, may_wait);
    if (auto* refused = std::get_if<placement::Rejection>(&outcome)) {
      pass.refuse(*item, std::move(refused->text));
      continue;
    }
    ++decided;
    const auto* placed = std::get_if<placement::Placement>(&outcome);
    if (placed != nullptr && row_is_due(*item, now)) {
      cluster_.release(placed->agent_id, request_, true);
      read_row_of(*item);
      continue;
    }
    item->agent = find_agent(placed != nullptr ? placed->agent_id : std::get<placement::Awaited>(outcome).agent_id);
    if (placed != nullptr) {
      count_launch(now);
      plan(*item, *item->agent);
    } else {
      await(*item, *item->agent, now);
    }
  }
  return false;
}

void Core::plan(Item& item, AgentRecord& agent) {
  item.charged = needs_on(item, agent);
  item.counts_as_starting = true;
  queue_.plan(item);
  if (agent.planned.empty()) planned_.insert(&agent);
  agent.planned.add(item);
  agent.planned_charged += item.charged;
  agent.up = true;  // Placement says so, too.
  if (agent.planned.size() == 1) count_cell(agent);
  // The rest of the agent waits for its next offer.
  if (agent.planned.size() == config_.tasks_per_accept_max) refresh(agent);
}

// The caller refreshes the agent.
void Core::unplan(Item& item) {
  AgentRecord& agent = *item.agent;
  if (config_.launch_rate > 0) launches_booked_until_ -= base::Duration(std::chrono::seconds(1)) / config_.launch_rate;
  queue_.remove(item);
  agent.planned.remove(item);
  agent.planned_charged -= item.charged;
  if (agent.planned.empty()) planned_.erase(&agent);
  fill_request(item);
  cluster_.release(agent.id, request_, true);
  item.counts_as_starting = false;
  item.charged = {};
  item.agent.reset();
}

void Core::unplan_all(AgentRecord& agent) {
  if (agent.planned.empty()) return;
  while (!agent.planned.empty()) {
    Item& item = *agent.planned.back();
    unplan(item);
    queue_.put_ready(item);
  }
  try_again();
  refresh(agent);
}

// Placement has booked what it fits; so that no one else waits for the same, until the wait is over.
void Core::await(Item& item, AgentRecord& agent, base::Time now) {
  if (!item.has_waited) {
    item.has_waited = true;
    item.until = now + config_.offer_wait;
  }
  item.charged = needs_on(item, agent);
  agent.awaiting.add(item);
  agent.promised += item.charged;
  queue_.await(item);
}

// The item has left the queue.
void Core::end_promise(Item& item) {
  const AgentPtr agent = std::move(item.agent);
  item.agent.reset();
  agent->awaiting.remove(item);
  agent->promised -= item.charged;
  item.charged = {};
  refresh(*agent);
}

// The caller refreshes the agent.
void Core::end_promises(AgentRecord& agent) {
  if (agent.awaiting.empty()) return;
  while (!agent.awaiting.empty()) {
    Item& item = *agent.awaiting.back();
    queue_.remove(item);
    agent.awaiting.remove(item);
    item.charged = {};
    item.agent.reset();
    queue_.put_ready(item);
  }
  agent.promised = {};
  placing_wanted_ = true;
}

// --launch-rate: each launch books its share of a second, at most a second ahead.
bool Core::may_launch_one(base::Time now) const {
  if (config_.launch_rate <= 0) return true;
  return launches_booked_until_ + base::Duration(std::chrono::seconds(1)) / config_.launch_rate <= now + kLaunchBurst;
}

void Core::count_launch(base::Time now) {
  if (config_.launch_rate <= 0) return;
  launches_booked_until_ =
      std::max(launches_booked_until_, now) + base::Duration(std::chrono::seconds(1)) / config_.launch_rate;
}

void Core::launch_some(base::Time now) {
  for (std::size_t launched = 0; !planned_.empty() && launched < config_.placements_per_pass;) {
    AgentRecord& agent = **planned_.begin();
    launched += agent.planned.size();
    launch(agent, now);
  }
}

void Core::open_cell(AgentRecord& agent, std::vector<Piece>& pool, base::Time now) {
  const std::string run = random_.letters(kAttemptLetters);
  CellRecord cell;
  cell.executor_id = std::make_shared<const std::string>(cell_prefix_ + run);
  cell.cell_id = "cell-" + dashed(agent.ip.empty() ? agent.hostname : agent.ip) + "-" + run;
  cell.since = now;
  cell.idle_since = now;
  cell.executor_info = cell_factory_.executor_info(
      {*cell.executor_id, cell.cell_id, agent.id, agent.zone, carve(pool, config_.cell_own)});
  note("cell starts cell=" + cell.cell_id + " agent=" + agent.id + " host=" + agent.hostname);
  agent.cell = std::move(cell);
  tell(ChangeKind::cell_starting, agent, "");
}

// The offers of the agent go into the ACCEPT; what they hold is returned.
std::vector<Piece> Core::take_pool(AgentRecord& agent, Accept& accept) {
  const std::vector<HeldOffer> offers = offers_.take(agent.offers);
  assert(!offers.empty());  // Room comes from offers in hand alone.
  std::vector<Piece> pool;
  for (const HeldOffer& offer : offers) {
    accept.offer_ids.push_back(offer.id);
    pool.insert(pool.end(), offer.pieces.begin(), offer.pieces.end());
  }
  // Placement sees whole MiB and thousandths summed over the pool; the pieces are the same numbers.
  std::stable_sort(pool.begin(), pool.end(), [](const Piece& a, const Piece& b) { return a.reserved > b.reserved; });
  return pool;
}

void Core::launch(AgentRecord& agent, base::Time now) {
  Accept accept{agent.id, {}, {}, {}};
  std::vector<Piece> pool = take_pool(agent, accept);
  if (!agent.cell) open_cell(agent, pool, now);
  CellRecord& cell = *agent.cell;
  assert(!cell.stopping && !cell.executor_info.empty());
  accept.executor_info = cell.executor_info;
  accept.launches.reserve(agent.planned.size());
  const ItemList planned = std::exchange(agent.planned, {});
  agent.planned_charged = {};
  planned_.erase(&agent);
  for (Item* item : planned) {
    queue_.remove(*item);
    if (config_.with_bbs) {
      bbs_.withdraw(item->key());
      if (item->twin) successor_launched(*item);
    }
    const std::string attempt = random_.letters(kAttemptLetters);
    std::copy(attempt.begin(), attempt.end(), item->attempt.begin());
    item->executor_id = cell.executor_id;
    item->heard = item->started = item->ran = false;
    ++item->attempts;
    move_to(*item, State::launching, "", now);
    join_cell(*item, agent, true);
    silences_.arm(now + config_.launch_silence, items_.handle_of(*item));
    accept.launches.push_back(
        {item->task_id(), item->key(), item->wish->domain, item->trace == nullptr ? "" : *item->trace,
         element_of(*item->wish, item->kind(), item->process->guid, item->index), carve(pool, item->charged)});
  }
  std::erase_if(pool, [](const Piece& piece) { return piece.amount <= 0; });
  agent.last_offered = sum(pool);
  if (!pool.empty()) revive_wanted_ = true;
  act(std::move(accept));
  revive_interval_ = config_.revive_interval_min;
  refresh(agent);
}

}  // namespace core
