// What survives the process: told to a journal, taken back from one.
#include <algorithm>
#include <set>

#include "scheduler/core/core.hpp"
#include "scheduler/core/ids.hpp"

namespace core {
namespace {

std::string_view text_of(const TextPtr& text) { return text == nullptr ? std::string_view{} : *text; }

InstanceRow row_of(const Item& item) {
  InstanceRow row;
  row.id = item.row;
  row.kind = item.kind();
  row.guid = item.process->guid;
  row.index = item.index;
  row.wish = item.wish->id;
  row.trace_id = text_of(item.trace);
  row.auction_known = item.auction_known;
  row.accepted = item.accepted;
  row.state = item.state;
  row.since = item.since;
  if (item.attempt.front() != '\0') row.attempt = {item.attempt.data(), item.attempt.size()};
  row.attempts = item.attempts;
  row.failures = item.failures;
  row.queue_again = item.queue_again;
  row.successor = item.successor;
  row.stop_wanted = item.stop_wanted;
  row.reason = item.reason();
  row.ran = item.state == State::queued ? item.has_run : item.ran;
  if (item.state == State::queued) return row;  // What it has of an agent is a plan.
  if (item.agent != nullptr) row.agent_id = item.agent->id;
  row.executor_id = text_of(item.executor_id);
  row.charged = item.charged;
  row.heard = item.heard;
  row.started = item.started;
  return row;
}

std::string policy_text(const Policy& policy, const Policy& usual) {
  std::string changes = policy_changes_json(policy, usual);
  return changes == "{}" ? std::string() : changes;
}

bool is_attempt(std::string_view text) {
  return text.size() == kAttemptLetters &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

}  // namespace

// Whatever a row tells of it has changed.
void Core::mark(Item& item) {
  if (item.twin) return;
  if (item.row == 0) item.row = ++rows_;
  if (item.changed) return;
  item.changed = true;
  changed_.emplace_back(&item, item.row);
}

void Core::erase(Item& item) {
  if (item.saved) erased_rows_.push_back(item.row);
  items_.erase(item);
}

bool Core::has_changes() const {
  return framework_changed_ || policy_before_ || !changed_.empty() || !erased_rows_.empty() || bbs_.has_changes();
}

void Core::write_changes(Journal& journal) const {
  if (framework_changed_) journal.text(kFrameworkText, framework_id_);
  if (policy_before_) journal.text(kPolicyText, policy_text(config_, usual_));
  for (const std::uint32_t row : erased_rows_) journal.erase(row);
  bbs_.write_changes(journal);
  for (const auto& [item, row] : changed_) {
    if (item->row == row) journal.put(row_of(*item), *item->wish);
  }
}

void Core::write_all(Journal& journal) const {
  journal.text(kFrameworkText, framework_id_);
  journal.text(kPolicyText, policy_text(config_, usual_));
  items_.walk([&journal](const Item& item) {
    // What has not been marked yet has no row; it would get one with its first change.
    if (item.row != 0) journal.put(row_of(item), *item.wish);
  });
}

void Core::changes_saved() {
  framework_changed_ = false;
  policy_before_.reset();
  bbs_.changes_saved();
  erased_rows_.clear();
  for (const auto& [item, row] : changed_) {
    if (item->row != row) continue;
    item->changed = false;
    item->saved = true;
  }
  changed_.clear();
  if (changed_.capacity() > 16'384) changed_.shrink_to_fit();
}

void Core::withdraw_unsaved(base::Time now) {
  std::set<Key> withdrawn;
  for (const auto& [item, row] : changed_) {
    if (item->row != row || item->saved || item->state != State::queued) continue;
    withdrawn.insert(item->key());
    dequeue(*item);
    items_.erase(*item);
  }
  if (!withdrawn.empty() && !changes_.empty()) {
    changes_.erase_if([&withdrawn](const Change& change) {
      return change.key && withdrawn.contains({change.key->kind, std::string(change.key->guid), change.key->index});
    });
  }
  std::erase_if(changed_, [](const auto& one) { return one.first->row != one.second; });
  if (!policy_before_) return;
  apply(*std::exchange(policy_before_, std::nullopt), now);
  changes_.erase_if([](const Change& change) { return change.kind == ChangeKind::policy_changed; });
}

void Core::remember_framework(std::string id) {
  if (framework_id_ == id) return;
  framework_id_ = std::move(id);
  framework_changed_ = true;
}

base::Status Core::restore_wish(std::uint64_t id, std::string_view text) {
  auto wish = wishes_.restore(id, text);
  if (!wish) return wish.error();
  restored_wishes_[id] = std::move(*wish);
  return base::ok();
}

base::Status Core::restore(const InstanceRow& row) {
  rows_ = std::max(rows_, row.id);
  const Key key{row.kind, std::string(row.guid), row.index};
  const auto refuse = [&](std::string why) { return base::Error{to_string(key), std::move(why)}; };
  const auto wish = restored_wishes_.find(row.wish);
  if (wish == restored_wishes_.end()) return refuse("what it asks for is missing");
  if (const auto unfit = unfit_for_task_id(key)) return refuse(*unfit);
  if (items_.find(key) != nullptr) return refuse("is there twice");
  const bool live = row.state != State::queued && !is_ended(row.state);
  if (!row.attempt.empty() && !is_attempt(row.attempt)) return refuse("its attempt is not one");
  if (live && (row.attempt.empty() || row.agent_id.empty())) return refuse("it lives nowhere");

  Item& item = items_.add(key);
  item.row = row.id;
  item.saved = true;
  item.wish = wish->second;
  item.trace = wishes_.trace(std::string(row.trace_id));
  item.auction_known = row.auction_known;
  item.accepted = row.accepted;
  item.state = row.state;
  item.since = row.since;
  std::copy(row.attempt.begin(), row.attempt.end(), item.attempt.begin());
  item.attempts = row.attempts;
  item.failures = static_cast<std::uint16_t>(std::clamp(row.failures, 0, 0xffff));
  item.queue_again = row.queue_again;
  item.successor = row.successor;
  item.wanted_at = row.accepted;
  item.stop_wanted = row.stop_wanted;
  item.heard = row.heard;
  item.started = row.started;
  item.has_run = row.ran;
  item.ran = row.ran && item.state != State::queued;
  if (!row.reason.empty()) item.set_reason(std::string(row.reason));
  if (live) {
    restore_live(item, row);
  } else if (item.state == State::queued) {
    queue_.put_ready(item);
  } else {
    if (!row.agent_id.empty()) item.agent = agent(std::string(row.agent_id));
    ended_.emplace_back(item.since, items_.handle_of(item));
    ++ended_count_;
  }
  return base::ok();
}

// Its cell is taken to be there: if it is not, the answers about its instances say so.
void Core::restore_live(Item& item, const InstanceRow& row) {
  item.agent = agent(std::string(row.agent_id));
  item.charged = row.charged;
  if (row.executor_id.empty()) return;
  AgentRecord& record = *item.agent;
  if (!record.cell) {
    see_cell(record, std::string(row.executor_id), item.since);
    record.cell->heard = false;
  }
  CellRecord& cell = *record.cell;
  if (*cell.executor_id != row.executor_id) {
    item.executor_id = std::make_shared<const std::string>(row.executor_id);
    return;
  }
  item.executor_id = cell.executor_id;
  cell.heard = cell.heard || item.started;
  cell.since = std::min(cell.since, item.since);
  join_cell(item, record, false);
}

void Core::recovered(base::Time now) {
  restored_wishes_.clear();
  std::stable_sort(ended_.begin(), ended_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t queued = 0, live = 0;
  items_.walk([&](Item& item) {
    if (item.state == State::queued) {
      ++queued;
      item.since = std::min(item.since, now);  // The clock may have been set back.
      placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(item));
    }
    if (item.live()) ++live;
  });
  items_.walk([&](Item& item) { start_successor(item, now); });
  for (const auto& [id, agent] : agents_) {
    if (agent->cell) agent->cell->since = agent->cell->unheard_since = agent->cell->idle_since = now;
    refresh(*agent);
  }
  bbs_.calls_may_be_under_way(now);
  // "cell found", once for each, and at no time: one line says it, and an event for each.
  actions_.clear();
  changes_ = {};
  now_ = now;
  for (const AgentPtr& agent : agents_in_order()) {
    if (agent->cell) tell(ChangeKind::cell_found, *agent, "it is in the state of an earlier run");
  }
  if (queued + live + ended_count_ == 0) return;
  note("restored queued=" + std::to_string(queued) + " live=" + std::to_string(live) +
       " ended=" + std::to_string(ended_count_));
  placing_wanted_ = true;
}

}  // namespace core
