#include "local/bbs/bbs_model.hpp"

namespace local {
namespace {

using State = TaskRow::State;
using Type = BbsError::Type;

BbsError transition(State from, State to) {
  return {Type::invalid_state_transition,
          std::string("Cannot transition from ") + name_of(from) + " to " + name_of(to)};
}

}  // namespace

TaskRow* BbsModel::task(const std::string& task_guid) {
  const auto found = tasks_.find(task_guid);
  return found == tasks_.end() ? nullptr : &found->second;
}

Refusal BbsModel::desire_task(const diego::TaskStart& wanted, const std::string& definition,
                              const std::string& trace_id, base::Time now) {
  TaskRow row;
  row.wanted = wanted;
  if (row.wanted.constraint.volume_drivers.null()) row.wanted.constraint.volume_drivers = std::vector<std::string>{};
  row.definition = definition;
  row.created = row.updated = now;
  const auto [at, inserted] = tasks_.emplace(wanted.task_guid, std::move(row));
  if (!inserted) return exists_already();
  orders_.emplace_back(PostTaskAuctions{{at->second.wanted}, trace_id});
  return std::nullopt;
}

BbsModel::TaskStarted BbsModel::start_task(const std::string& task_guid, const std::string& cell_id, base::Time now) {
  TaskRow* const row = task(task_guid);
  if (row == nullptr) return {not_found(), false};
  if (row->state == State::running && row->cell_id == cell_id) return {};
  if (row->state != State::pending) return {transition(row->state, State::running), false};
  row->state = State::running;
  row->updated = now;
  row->cell_id = cell_id;
  return {std::nullopt, true};
}

void BbsModel::complete(TaskRow& row, bool failed, std::string reason, std::string result, base::Time now) {
  row.state = State::completed;
  row.updated = row.first_completed = now;
  row.failed = failed;
  row.failure_reason = truncated(reason);
  row.result = std::move(result);
}

Refusal BbsModel::complete_task(const std::string& task_guid, const std::string& cell_id, bool failed,
                                const std::string& failure_reason, const std::string& result, base::Time now) {
  TaskRow* const row = task(task_guid);
  if (row == nullptr) return not_found();
  if (row->state == State::running && row->cell_id != cell_id)
    return BbsError{Type::running_on_different_cell, "Running on cell " + row->cell_id + " not " + cell_id};
  if (row->state != State::running) return transition(row->state, State::completed);
  complete(*row, failed, failure_reason, result, now);
  row->cell_id.clear();
  return std::nullopt;
}

Refusal BbsModel::reject_task(const std::string& task_guid, const std::string& reason, base::Time now) {
  TaskRow* const row = task(task_guid);
  if (row == nullptr) return not_found();
  if (row->state != State::pending && row->state != State::running)
    return BbsError{Type::invalid_request, "the request received is invalid"};
  const bool final = row->rejection_count >= config_.max_task_retries;
  ++row->rejection_count;
  row->rejection_reason = truncated(reason);
  row->state = State::pending;
  row->updated = now;
  if (final) {
    complete(*row, true, reason, "", now);
    row->cell_id.clear();
  }
  return std::nullopt;
}

Refusal BbsModel::cancel_task(const std::string& task_guid, const std::string& trace_id, base::Time now) {
  TaskRow* const row = task(task_guid);
  if (row == nullptr) return not_found();
  if (row->state != State::pending && row->state != State::running) return transition(row->state, State::completed);
  const std::string on = std::exchange(row->cell_id, "");
  complete(*row, true, "task was cancelled", "", now);
  if (const CellPresence* const where = cell(on, now))
    orders_.emplace_back(CancelTaskAtRep{where->rep_url, task_guid, trace_id});
  return std::nullopt;
}

Refusal BbsModel::resolve_task(const std::string& task_guid, base::Time now) {
  TaskRow* const row = task(task_guid);
  if (row == nullptr) return not_found();
  if (row->state != State::completed) return transition(row->state, State::resolving);
  row->state = State::resolving;
  row->updated = now;
  return std::nullopt;
}

Refusal BbsModel::delete_task(const std::string& task_guid) {
  const TaskRow* const row = task(task_guid);
  if (row == nullptr) return not_found();
  if (row->state != State::resolving) return transition(row->state, State::resolving);
  tasks_.erase(task_guid);
  return std::nullopt;
}

}  // namespace local
