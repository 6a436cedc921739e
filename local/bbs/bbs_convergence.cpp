// What the BBS repairs by itself. As in Diego everything is looked up first and then done, so that one
// pass does not act on what it has just changed; all LRP auctions of a pass go out in one POST, one
// element for each index, without a trace id.
#include <algorithm>

#include "local/bbs/bbs_model.hpp"

namespace local {
namespace {

using State = ActualLrp::State;

}  // namespace

void BbsModel::converge(base::Time now) {
  converge_lrps(now);
  converge_tasks(now);
}

// Unclaimed for too long, or crashed with the pause behind it.
std::vector<BbsModel::RowId> BbsModel::unstarted(base::Time now) const {
  std::vector<RowId> out;
  for (const auto& [id, lrp] : actual_) {
    if (id.presence != Presence::ordinary || !desired_.contains(id.process_guid)) continue;
    if ((lrp.state == State::unclaimed && now - lrp.since > config_.stale_unclaimed) ||
        (lrp.state == State::crashed && restarts(lrp.crash_count, lrp.since, now)))
      out.push_back(id);
  }
  return out;
}

std::vector<BbsModel::RowId> BbsModel::lost_with_their_cell(const std::set<std::string>& cells) const {
  std::vector<RowId> out;
  for (const auto& [id, lrp] : actual_) {
    if (id.presence == Presence::ordinary && lrp.on_a_cell() && !cells.contains(lrp.instance.cell_id) &&
        desired_.contains(id.process_guid))
      out.push_back(id);
  }
  return out;
}

// Indices without a row, rows without a wish. Surplus is only touched where the domain is fresh.
void BbsModel::count_instances(const std::set<std::string>& fresh, std::vector<Missing>& missing,
                               std::vector<LrpKey>& surplus) const {
  for (const auto& [guid, desired] : desired_) {
    std::set<std::int32_t> indices;
    for (const ActualLrp& lrp : actual_lrps({.process_guid = guid})) {
      if (lrp.presence == Presence::ordinary) indices.insert(lrp.key.index);
    }
    for (std::int32_t index = 0; index < desired.instances; ++index) {
      if (!indices.contains(index)) missing.push_back({&desired, index});
    }
    for (const std::int32_t index : indices) {
      if (index >= desired.instances && fresh.contains(desired.domain))
        surplus.push_back({guid, index, desired.domain});
    }
  }
  for (const auto& [id, lrp] : actual_) {
    if (id.presence == Presence::ordinary && !desired_.contains(id.process_guid) && fresh.contains(lrp.key.domain))
      surplus.push_back(lrp.key);
  }
}

// A suspect whose cell is back takes its place again; one that nobody wants goes. (One whose successor runs
// has gone with the successor's start.)
void BbsModel::settle_suspects(const std::set<std::string>& cells, const std::set<std::string>& fresh) {
  std::vector<ActualLrp> back, gone;
  for (const auto& [id, lrp] : actual_) {
    if (id.presence != Presence::suspect) continue;
    if (!desired_.contains(id.process_guid) && fresh.contains(lrp.key.domain)) {
      gone.push_back(lrp);
    } else if (cells.contains(lrp.instance.cell_id)) {
      back.push_back(lrp);
    }
  }
  for (ActualLrp& lrp : back) {
    erase(lrp.key, Presence::suspect);
    lrp.presence = Presence::ordinary;
    actual_[{lrp.key.process_guid, lrp.key.index, Presence::ordinary}] = lrp;
  }
  for (const ActualLrp& lrp : gone) erase(lrp.key, Presence::suspect);
}

void BbsModel::converge_lrps(base::Time now) {
  std::erase_if(domains_, [now](const auto& domain) { return domain.second <= now; });
  const std::set<std::string> cells = live_cells(now);
  std::erase_if(actual_, [&](const auto& entry) {
    return entry.first.presence == Presence::evacuating && !cells.contains(entry.second.instance.cell_id);
  });
  const std::vector<std::string> domains = fresh_domains(now);
  const std::set<std::string> fresh(domains.begin(), domains.end());

  const std::vector<RowId> waiting = unstarted(now);
  const std::vector<RowId> lost = lost_with_their_cell(cells);
  std::vector<Missing> missing;
  std::vector<LrpKey> surplus;
  count_instances(fresh, missing, surplus);

  PostLrpAuctions post;
  const auto ask = [&](const DesiredLrp& desired, std::int32_t index) {
    post.starts.push_back(lrp_start(desired, {index}));
  };
  for (const LrpKey& key : surplus) retire_lrp(key, "", now);
  for (const Missing& one : missing) {
    if (create_unclaimed({one.desired->process_guid, one.index, one.desired->domain}, now))
      ask(*one.desired, one.index);
  }
  for (const RowId& id : waiting) {
    unclaim(id.process_guid, id.index, now);  // Of those that crashed; the others are.
    ask(desired_.at(id.process_guid), id.index);
  }
  for (const RowId& id : lost) {
    if (row(id.process_guid, id.index, Presence::suspect) != nullptr) {
      unclaim(id.process_guid, id.index, now);  // The replacement of a suspect: auctioned when it is stale.
      continue;
    }
    const auto old = actual_.extract(id);
    ActualLrp suspect = old.mapped();
    suspect.presence = Presence::suspect;
    const LrpKey key = suspect.key;
    actual_[{id.process_guid, id.index, Presence::suspect}] = std::move(suspect);
    create_unclaimed(key, now);
    ask(desired_.at(id.process_guid), id.index);
  }
  settle_suspects(cells, fresh);
  if (!post.starts.empty()) orders_.emplace_back(std::move(post));
}

void BbsModel::converge_tasks(base::Time now) {
  const std::set<std::string> cells = live_cells(now);
  PostTaskAuctions post;
  for (auto& [guid, task] : tasks_) {
    if (task.state == TaskRow::State::pending) {
      if (now - task.created > config_.expire_pending_task) {
        complete(task, true, "not started within time limit", "", now);
      } else {
        post.starts.push_back(task.wanted);
      }
    } else if (task.state == TaskRow::State::running && !cells.contains(task.cell_id)) {
      complete(task, true, "cell disappeared before completion", "", now);
    } else if (task.state == TaskRow::State::resolving && now - task.updated > config_.kick_task) {
      task.state = TaskRow::State::completed;
    }
  }
  std::erase_if(tasks_, [&](const auto& entry) {
    const TaskRow& task = entry.second;
    return task.state == TaskRow::State::completed && now - task.first_completed > config_.expire_completed_task;
  });
  if (!post.starts.empty()) orders_.emplace_back(std::move(post));
}

}  // namespace local
