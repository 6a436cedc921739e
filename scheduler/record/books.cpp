#include "scheduler/record/books.hpp"

#include <algorithm>

#include "scheduler/core/ids.hpp"

namespace record {

// ---- Decisions

void Books::opened(const Opened& cell) {
  cells_[cell.agent_id] = {cell.executor_id, cell.own};
  opened_.insert(cell.executor_id);
  cells_most_ = std::max(cells_most_, cells_.size());
}

void Books::accepted(const core::Accept& accept, base::Time at) {
  for (const std::string& id : accept.offer_ids) rescinded(id);
  for (const core::Launch& launch : accept.launches) {
    placement::Amounts amounts = core::sum(launch.pieces);
    const auto task = core::parse_task_id(launch.task_id);
    if (task) amounts.containers = 1;
    attempts_[launch.task_id] = {task ? task->key : launch.key, accept.agent_id, amounts, at};
    tasks_[accept.agent_id].insert(launch.task_id);
    if (!task) continue;  // It boots a cell.
    current_[task->key] = launch.task_id;
    const auto since = since_.find(task->key);
    const auto end = last_end_.find(task->key);
    const base::Time began = since != since_.end() ? since->second : end != last_end_.end() ? end->second : at;
    placings_[task->key].push_back({accept.agent_id, at, at - began});
    if (since != since_.end()) since_.erase(since);
  }
}

void Books::declined(const core::Decline& decline) {
  for (const std::string& id : decline.offer_ids) rescinded(id);
}

// ---- What happens

void Books::submitted(const core::Key& key, base::Time at) {
  if (!current(key)) since_.try_emplace(key, at);
}

void Books::restored(const core::InstanceRow& row, const placement::Amounts& cell_own) {
  const core::Key key{row.kind, std::string(row.guid), row.index};
  if (row.state == core::State::queued) since_[key] = row.accepted;
  if (row.state == core::State::queued || core::is_ended(row.state)) return;
  const std::string agent(row.agent_id);
  if (!row.executor_id.empty() && !cells_.contains(agent)) cells_[agent] = {std::string(row.executor_id), cell_own};
  cells_most_ = std::max(cells_most_, cells_.size());
  Attempt attempt{key, agent, row.charged, row.since};
  attempt.amounts.containers = 1;
  adopted(core::task_id(key, row.attempt), std::move(attempt));
}

void Books::adopted(const std::string& task_id, Attempt attempt) {
  current_[attempt.key] = task_id;
  tasks_[attempt.agent_id].insert(task_id);
  attempts_[task_id] = std::move(attempt);
}

void Books::offered(const core::Offer& offer) {
  offers_[offer.agent_id][offer.id] = core::sum(offer.pieces);
  agent_of_offer_[offer.id] = offer.agent_id;
}

void Books::rescinded(const std::string& offer_id) {
  const auto agent = agent_of_offer_.find(offer_id);
  if (agent == agent_of_offer_.end()) return;
  offers_[agent->second].erase(offer_id);
  agent_of_offer_.erase(agent);
}

void Books::ended(const std::string& task_id, base::Time at) {
  const auto attempt = attempts_.find(task_id);
  if (attempt == attempts_.end()) return;
  const core::Key& key = attempt->second.key;
  tasks_[attempt->second.agent_id].erase(task_id);
  if (const auto current = current_.find(key); current != current_.end() && current->second == task_id)
    current_.erase(current);
  last_end_[key] = at;
  attempts_.erase(attempt);
}

void Books::executor_ended(const std::string& agent_id, const std::string& executor_id) {
  const auto cell = cells_.find(agent_id);
  if (cell != cells_.end() && cell->second.executor_id == executor_id) cells_.erase(cell);
}

// ---- Looking

const Attempt* Books::find(const std::string& task_id) const {
  const auto found = attempts_.find(task_id);
  return found == attempts_.end() ? nullptr : &found->second;
}

std::optional<std::string> Books::current(const core::Key& key) const {
  const auto found = current_.find(key);
  return found == current_.end() ? std::nullopt : std::optional(found->second);
}

std::map<std::string, Attempt> Books::on_agent(const std::string& agent_id) const {
  std::map<std::string, Attempt> found;
  const auto tasks = tasks_.find(agent_id);
  if (tasks == tasks_.end()) return found;
  for (const std::string& task : tasks->second) found.emplace(task, attempts_.at(task));
  return found;
}

placement::Amounts Books::instances_on(const std::string& agent_id) const {
  placement::Amounts sum;
  const auto tasks = tasks_.find(agent_id);
  if (tasks == tasks_.end()) return sum;
  for (const std::string& task : tasks->second) sum += attempts_.at(task).amounts;
  return sum;
}

placement::Amounts Books::used_on(const std::string& agent_id) const {
  placement::Amounts sum = instances_on(agent_id);
  if (const auto cell = cells_.find(agent_id); cell != cells_.end()) sum += cell->second.own;
  return sum;
}

std::string Books::executor_on(const std::string& agent_id) const {
  const auto cell = cells_.find(agent_id);
  return cell == cells_.end() ? std::string() : cell->second.executor_id;
}

std::set<std::string> Books::offers_of(const std::string& agent_id) const {
  std::set<std::string> found;
  const auto offers = offers_.find(agent_id);
  if (offers == offers_.end()) return found;
  for (const auto& [id, amounts] : offers->second) found.insert(id);
  return found;
}

placement::Amounts Books::offered_on(const std::string& agent_id) const {
  placement::Amounts sum;
  const auto offers = offers_.find(agent_id);
  if (offers == offers_.end()) return sum;
  for (const auto& [id, amounts] : offers->second) sum += amounts;
  return sum;
}

std::size_t Books::waiting() const {
  return static_cast<std::size_t>(
      std::count_if(since_.begin(), since_.end(), [this](const auto& one) { return !placings_.contains(one.first); }));
}

}  // namespace record
