#include "test/simulation/bbs_rows.hpp"

#include <algorithm>
#include <limits>

#include "diego/bbs.pb.h"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStale = 30s;    // An unclaimed row is auctioned again after it.
constexpr int kRestartsAtOnce = 3;  // Crashes from this one on wait for convergence.
constexpr Duration kCrashBackoff = 30s;
constexpr int kRejectionsMax = 3;  // The next one is final.

core::Key key_of(const diego::Lrp& lrp) { return {core::Kind::lrp, lrp.process_guid, lrp.index}; }

template <class Message>
diego::BbsReply reply(const Message& message) {
  return {200, std::string(diego::kBbsContentType), "", message.SerializeAsString()};
}

template <class Message>
diego::BbsReply failed(models::Error::Type type, const std::string& text) {
  Message message;
  message.mutable_error()->set_type(type);
  message.mutable_error()->set_message(text);
  return reply(message);
}

const char* name_of(BbsRows::State state) {
  switch (state) {
    case BbsRows::State::unclaimed:
      return "UNCLAIMED";
    case BbsRows::State::claimed:
      return "CLAIMED";
    case BbsRows::State::running:
      return "RUNNING";
    default:
      return "CRASHED";
  }
}

void fill(models::ActualLRP& lrp, const core::Key& key, const std::string& domain) {
  lrp.mutable_key()->set_process_guid(key.guid);
  lrp.mutable_key()->set_index(key.index);
  lrp.mutable_key()->set_domain(domain);
}

void fill(models::ActualLRPInstanceKey& instance, const BbsRows::Holder& holder) {
  instance.set_instance_guid(holder.instance_guid);
  instance.set_cell_id(holder.cell_id);
}

}  // namespace

const BbsRows::Row* BbsRows::find(const core::Key& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

void BbsRows::desire(const core::Key& key, const std::string& domain, Time now) {
  Row row;
  row.kind = key.kind;
  row.domain = domain;
  row.since = now;
  rows_.try_emplace(key, std::move(row));
}

std::vector<BbsRows::Holder> BbsRows::retire(const core::Key& key) {
  std::vector<Holder> holders;
  const auto found = rows_.find(key);
  if (found == rows_.end()) return holders;
  const Row& row = found->second;
  if (row.state == State::claimed || row.state == State::running) holders.push_back(row.holder);
  if (row.evacuating) holders.push_back(*row.evacuating);
  rows_.erase(found);
  return holders;
}

void BbsRows::unclaim(Row& row, Time now) {
  row.state = State::unclaimed;
  row.holder = {};
  row.since = now;
}

// True: it is to be auctioned at once.
bool BbsRows::crash(Row& row, Time now) {
  if (++row.crashes < kRestartsAtOnce) {
    unclaim(row, now);
    return true;
  }
  row.state = State::crashed;
  row.holder = {};
  row.since = now;
  return false;
}

BbsRows::Verdict BbsRows::see(const std::string& cell_id, const diego::CellState& state, Time now) {
  Verdict verdict;
  for (const diego::Lrp& lrp : state.lrps) see_lrp(cell_id, lrp, state.evacuating, verdict, now);
  for (const diego::Task& task : state.tasks) see_task(cell_id, task, verdict, now);
  see_gone(cell_id, state, verdict, now);
  return verdict;
}

void BbsRows::see_lrp(const std::string& cell_id, const diego::Lrp& lrp, bool leaves, Verdict& verdict, Time now) {
  const Holder holder{cell_id, lrp.instance_guid};
  const bool runs = lrp.state == "RUNNING";
  if (!runs && lrp.state != "CLAIMED") return;  // Ended: see_gone().
  const auto found = rows_.find(key_of(lrp));
  if (found == rows_.end()) return verdict.stop.push_back(lrp);
  Row& row = found->second;
  if (row.evacuating == holder) {
    // Until its replacement runs, or has crashed.
    if (row.state == State::running || row.state == State::crashed) {
      row.evacuating.reset();
      verdict.stop.push_back(lrp);
    }
    return;
  }
  const bool free = row.state == State::unclaimed;
  const bool claimed = row.state == State::claimed;
  if (free || (claimed && runs) || row.holder == holder) {
    if (free) row.since = now;
    row.state = runs ? State::running : State::claimed;
    row.holder = holder;
    row.text.clear();
    if (!leaves || !runs) return;
    row.evacuating = holder;
    unclaim(row, now);
    return verdict.auction.push_back(found->first);
  }
  verdict.stop.push_back(lrp);  // Somebody else has it.
}

void BbsRows::see_task(const std::string& cell_id, const diego::Task& task, Verdict& verdict, Time now) {
  const auto found = rows_.find({core::Kind::task, task.task_guid, 0});
  const bool completed = task.state == "Completed";
  if (found == rows_.end()) return completed ? void() : verdict.cancel.push_back(task.task_guid);
  Row& row = found->second;
  const Holder holder{cell_id, task.task_guid};
  if (row.state == State::unclaimed) {
    row.since = now;
    row.state = State::running;
    row.holder = holder;
  }
  if (row.state == State::running && row.holder == holder) {
    if (completed) row.state = State::completed;
    return;
  }
  if (!completed) verdict.cancel.push_back(task.task_guid);
}

// What the cell holds by the rows, and its rep has no more.
void BbsRows::see_gone(const std::string& cell_id, const diego::CellState& state, Verdict& verdict, Time now) {
  const auto has = [&state](const core::Key& key, const Holder& holder) {
    if (key.kind == core::Kind::task)
      return std::any_of(state.tasks.begin(), state.tasks.end(),
                         [&key](const diego::Task& task) { return task.task_guid == key.guid; });
    return std::any_of(state.lrps.begin(), state.lrps.end(), [&](const diego::Lrp& lrp) {
      return lrp.instance_guid == holder.instance_guid && (lrp.state == "RUNNING" || lrp.state == "CLAIMED");
    });
  };
  for (auto& [key, row] : rows_) {
    if (row.evacuating && row.evacuating->cell_id == cell_id && !has(key, *row.evacuating)) row.evacuating.reset();
    const bool held = row.state == State::claimed || row.state == State::running;
    if (!held || row.holder.cell_id != cell_id || has(key, row.holder)) continue;
    if (key.kind == core::Kind::task) {
      row.state = State::completed;
      row.failed = true;
    } else if (crash(row, now)) {
      verdict.auction.push_back(key);
    }
  }
}

std::vector<core::Key> BbsRows::converge(const std::vector<std::string>& cells, Time now) {
  const auto gone = [&cells](const Holder& holder) {
    return std::find(cells.begin(), cells.end(), holder.cell_id) == cells.end();
  };
  std::vector<core::Key> auctions;
  for (auto& [key, row] : rows_) {
    if (row.evacuating && gone(*row.evacuating)) row.evacuating.reset();
    if (key.kind == core::Kind::task) {
      if (row.state == State::unclaimed) auctions.push_back(key);
      if (row.state != State::running || !gone(row.holder)) continue;
      row.state = State::completed;
      row.failed = true;
      continue;
    }
    const bool held = row.state == State::claimed || row.state == State::running;
    const bool restarts =
        row.state == State::crashed && now - row.since >= kCrashBackoff * (1 << std::min(row.crashes - 3, 5));
    if ((held && gone(row.holder)) || restarts) {
      unclaim(row, now);
      auctions.push_back(key);
    } else if (row.state == State::unclaimed && now - row.since > kStale) {
      auctions.push_back(key);
    }
  }
  return auctions;
}

diego::BbsReply BbsRows::serve(const diego::BbsCall& call, Time now) {
  if (call.path == "/v1/actual_lrps/list") {
    models::ActualLRPsRequest request;
    if (!request.ParseFromString(call.body)) return {400, "text/plain", "", ""};
    models::ActualLRPsResponse response;
    const core::Key first{core::Kind::lrp, request.process_guid(), std::numeric_limits<std::int32_t>::min()};
    for (auto at = rows_.lower_bound(first); at != rows_.end(); ++at) {
      const auto& [key, row] = *at;
      if (key.kind != core::Kind::lrp || key.guid != request.process_guid()) break;
      if (row.evacuating) {
        models::ActualLRP& lrp = *response.add_actual_lrps();
        fill(lrp, key, row.domain);
        fill(*lrp.mutable_instance_key(), *row.evacuating);
        lrp.set_state("RUNNING");
        lrp.set_presence(models::ActualLRP::EVACUATING);
      }
      models::ActualLRP& lrp = *response.add_actual_lrps();
      fill(lrp, key, row.domain);
      fill(*lrp.mutable_instance_key(), row.holder);
      lrp.set_state(name_of(row.state));
      lrp.set_placement_error(row.text);
    }
    return reply(response);
  }
  if (call.path == "/v1/actual_lrps/fail") {
    models::FailActualLRPRequest request;
    if (!request.ParseFromString(call.body)) return {400, "text/plain", "", ""};
    const auto found = rows_.find({core::Kind::lrp, request.key().process_guid(), request.key().index()});
    if (found == rows_.end()) return reply(models::ActualLRPLifecycleResponse{});
    if (found->second.state != State::unclaimed)
      return failed<models::ActualLRPLifecycleResponse>(models::Error::ActualLRPCannotBeFailed,
                                                        "cannot fail actual LRP");
    found->second.text = request.error_message();
    found->second.since = now;
    return reply(models::ActualLRPLifecycleResponse{});
  }
  if (call.path == "/v1/tasks/get_by_task_guid.r3") {
    models::TaskByGuidRequest request;
    if (!request.ParseFromString(call.body)) return {400, "text/plain", "", ""};
    const Row* row = find({core::Kind::task, request.task_guid(), 0});
    if (row == nullptr) return failed<models::TaskResponse>(models::Error::ResourceNotFound, "the task is not there");
    models::TaskResponse response;
    models::Task& task = *response.mutable_task();
    task.set_task_guid(request.task_guid());
    task.set_domain(row->domain);
    task.set_state(row->state == State::unclaimed ? models::Task::Pending
                   : row->state == State::running ? models::Task::Running
                                                  : models::Task::Completed);
    task.set_cell_id(row->holder.cell_id);
    task.set_failed(row->failed);
    task.set_rejection_count(row->rejections);
    task.set_rejection_reason(row->text);
    return reply(response);
  }
  if (call.path == "/v1/tasks/reject") {
    models::RejectTaskRequest request;
    if (!request.ParseFromString(call.body)) return {400, "text/plain", "", ""};
    const auto found = rows_.find({core::Kind::task, request.task_guid(), 0});
    if (found == rows_.end())
      return failed<models::TaskLifecycleResponse>(models::Error::ResourceNotFound, "the task is not there");
    Row& row = found->second;
    if (row.state != State::unclaimed && row.state != State::running)
      return failed<models::TaskLifecycleResponse>(models::Error::InvalidStateTransition, "the task has ended");
    row.text = request.rejection_reason();
    if (row.rejections >= kRejectionsMax) {
      row.state = State::completed;
      row.failed = true;
    } else {
      unclaim(row, now);
    }
    ++row.rejections;
    return reply(models::TaskLifecycleResponse{});
  }
  return {404, "text/plain", "", "404 page not found"};
}

}  // namespace simulation
