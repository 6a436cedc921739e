#include <algorithm>

#include "scheduler/core/core.hpp"

namespace core {
namespace {

std::vector<std::string> list(const std::set<std::string>& words) { return {words.begin(), words.end()}; }

std::optional<RepView> rep_of(const CellRecord& cell) {
  if (!cell.report) return std::nullopt;
  const CellReported& report = *cell.report;
  RepView view;
  view.state = !report.rep_answers      ? "silent"
               : report.evacuating      ? "evacuating"
               : !report.garden_healthy ? "unhealthy"
                                        : "up";
  const placement::Amounts left = report.available.value_or(placement::Amounts{});
  view.memory_available_mb = left.mem_mb;
  view.disk_available_mb = left.disk_mb;
  view.containers_total = report.total.containers;
  view.containers_available = left.containers;
  view.containers_starting = report.starting;
  view.proxy_memory_mb = report.proxy_mem_mb;
  for (const auto& [scheme, provider] : report.rootfs) {
    if (provider.kind == diego::RootFsProvider::Kind::arbitrary) view.rootfs.push_back(scheme + ":*");
    for (const std::string& path : provider.set) view.rootfs.push_back(scheme + ":" + path);
  }
  view.placement_tags = list(report.placement_tags);
  view.optional_placement_tags = list(report.optional_placement_tags);
  view.volume_drivers = list(report.volume_drivers);
  return view;
}

std::optional<Usage> usage_of(const CellRecord& cell, const Item& item) {
  const auto found =
      std::lower_bound(cell.usage.begin(), cell.usage.end(), item.attempt,
                       [](const AttemptUsage& usage, const auto& letters) { return usage.attempt < letters; });
  if (found == cell.usage.end() || found->attempt != item.attempt) return std::nullopt;
  return Usage{found->cpus_milli, found->memory_bytes, found->disk_bytes, cell.measured_at};
}

CellState state_of(const CellRecord& cell) {
  return cell.stopping       ? CellState::stopping
         : !cell.heard       ? CellState::starting
         : cell.live.empty() ? CellState::idle
                             : CellState::up;
}

CellState state_of(const AgentRecord& agent) { return agent.cell ? state_of(*agent.cell) : CellState::none; }

bool is_well(const CellReported& report) { return report.rep_answers && !report.evacuating && report.garden_healthy; }

bool is_shown(const AgentRecord& agent) { return agent.cell || agent.leaving || agent.quarantined_until; }

bool mentions(const AgentRecord& agent, const std::string& part) {
  const auto in = [&part](const std::string& text) { return text.find(part) != std::string::npos; };
  if (in(agent.id) || in(agent.hostname)) return true;
  if (!agent.cell) return false;
  if (in(agent.cell->cell_id)) return true;
  return std::any_of(agent.cell->live.begin(), agent.cell->live.end(),
                     [&in](const Item* item) { return in(item->process->guid); });
}

ChangeKind change_to(State state) {
  static_assert(static_cast<int>(State::rejected) == 8);
  static constexpr ChangeKind kKinds[] = {
      ChangeKind::instance_queued,  ChangeKind::instance_launching, ChangeKind::instance_starting,
      ChangeKind::instance_running, ChangeKind::instance_stopping,  ChangeKind::instance_stopped,
      ChangeKind::instance_failed,  ChangeKind::instance_lost,      ChangeKind::instance_rejected};
  return kKinds[static_cast<std::size_t>(state)];
}

}  // namespace

// That it has come to its state.
void Core::tell(const Item& item) {
  if (!config_.tells_changes) return;
  const std::string reason = item.reason();
  Change change{.kind = change_to(item.state), .at = now_, .key = KeyView(item.kind(), item.process->guid, item.index)};
  change.reason = reason;
  if (item.trace != nullptr) change.trace_id = *item.trace;
  if (!item.has_run && (item.state == State::launching || item.state == State::running))
    change.waited = now_ - item.accepted;
  if (item.state != State::queued && item.agent != nullptr) {
    change.agent_id = item.agent->id;
    if (const CellRecord* cell = cell_of(item)) change.cell_id = cell->cell_id;
  }
  changes_.add(change);
}

void Core::tell_unplaced(const Item& item, std::string_view reason) {
  if (!config_.tells_changes) return;
  Change change{.kind = ChangeKind::instance_unplaced,
                .at = now_,
                .key = KeyView(item.kind(), item.process->guid, item.index),
                .reason = reason,
                .waited = now_ - item.accepted};
  if (item.trace != nullptr) change.trace_id = *item.trace;
  changes_.add(change);
}

void Core::tell(ChangeKind kind, std::string_view reason) {
  if (config_.tells_changes) changes_.add({.kind = kind, .at = now_, .reason = reason});
}

void Core::tell(ChangeKind kind, const AgentRecord& agent, std::string_view reason) {
  if (!config_.tells_changes) return;
  Change change{.kind = kind, .at = now_, .agent_id = agent.id, .reason = reason};
  if (agent.cell) change.cell_id = agent.cell->cell_id;
  changes_.add(change);
}

// Why it waits, failed or ended.
std::string Core::reason_of(const Item& item) const {
  if (item.waits == Waits::awaiting) return "waiting for an offer of agent " + item.agent->id;
  if (item.waits == Waits::checking) return "the BBS is asked whether it is still wanted";
  const std::string& refused = Queue::reason_of_group(item);
  if (refused.empty() || item.failures == 0 || item.reason().empty()) return refused.empty() ? item.reason() : refused;
  return refused + "; its last launch failed: " + item.reason();
}

// Placement knows only that it does not.
std::string Core::why_no_work(const AgentRecord& agent, base::Time now) const {
  if (agent.lost) return "its agent is unreachable";
  if (const auto& leaving = agent.leaving) {
    return leaving->by_operator   ? "its agent is drained"
           : leaving->by_mesos    ? "an operator of Mesos drains its agent"
           : leaving->maintenance ? "maintenance of its agent is planned"
           : leaving->rolls       ? "it is outdated, and being replaced"
                                  : "a rebalance empties it";
  }
  if (agent.quarantined_until) {
    const auto left = std::max(*agent.quarantined_until - now, base::Duration{0});
    return "its agent is in quarantine for another " + std::to_string(base::to_millis(left) / 1000) + " s";
  }
  if (!agent.cell) return "no more cells may start now (--cells-max, --cells-starting-max)";
  if (agent.cell->stopping) return "it is told to go";
  if (agent.cell->executor_info.empty()) return "its executor has not said yet who it is";
  const auto& report = agent.cell->report;
  if (report && !report->rep_answers) return "its rep does not answer";
  if (report && !report->garden_healthy) return "its garden is unhealthy";
  return report && report->evacuating ? "its rep evacuates" : "";
}

// Of one that runs: where its next attempt is, if it is to move.
std::string Core::reason_of_move(const Item& item) const {
  const Item* twin = twin_of(item);
  if (twin == nullptr || twin->state == State::stopping) return item.reason();
  if (config_.with_bbs && twin->state == State::running)
    return "its last attempt still runs on agent " + twin->agent->id;
  if (twin->state != State::queued)
    return (config_.with_bbs ? "starts anew on agent " : "moves to agent ") + twin->agent->id;
  const std::string waits = reason_of(*twin);
  return (config_.with_bbs ? "is auctioned again" : "is to move") + (waits.empty() ? "" : ": " + waits);
}

std::vector<InstanceView> Core::instances(const InstanceQuery& query) const {
  std::vector<InstanceView> views;
  const auto show = [&](const Item& item) {
    if (query.state && item.state != *query.state) return true;
    if (query.process_guid && item.process->guid != *query.process_guid) return true;
    if (views.size() == query.limit) return false;
    InstanceView view;
    view.key = item.key();
    view.state = item.state;
    view.domain = item.wish->domain;
    view.memory_mb = item.wish->resource.memory_mb;
    view.disk_mb = item.wish->resource.disk_mb;
    view.task_id = item.task_id();
    view.attempts = item.attempts;
    view.since = item.since;
    view.accepted = item.accepted;
    view.reason = reason_of(item);
    if (item.state == State::running && !twins_.empty()) view.reason = reason_of_move(item);
    if (item.trace != nullptr) view.trace_id = *item.trace;
    if (item.state != State::queued && item.agent != nullptr) {
      view.agent_id = item.agent->id;
      if (const AgentPtr agent = agent_of(item)) view.agent_hostname = agent->hostname;
      if (const CellRecord* cell = cell_of(item)) {
        view.cell_id = cell->cell_id;
        if (item.live()) view.usage = usage_of(*cell, item);
      }
    }
    views.push_back(std::move(view));
    return true;
  };
  if (query.process_guid) {
    for (const Kind kind : {Kind::lrp, Kind::task}) {
      for (const Key& key : items_.matching({kind, *query.process_guid, {}})) {
        if ((!query.after || *query.after < key) && !show(*items_.find(key))) return views;
      }
    }
  } else {
    items_.walk(query.after ? &*query.after : nullptr, show);
  }
  return views;
}

Figures Core::figures(base::Time now) const {
  Figures figures;
  items_.walk([&](const Item& item) {
    ++figures.instances[static_cast<std::size_t>(item.kind())][static_cast<std::size_t>(item.state)];
    if (item.state == State::queued) figures.oldest_waiting = std::max(figures.oldest_waiting, now - item.accepted);
  });
  figures.agents = static_cast<std::int64_t>(agents_.size());
  for (const auto& [id, agent] : agents_) {
    if (agent->quarantined_until) ++figures.agents_quarantined;
    if (agent->leaving) ++figures.agents_leaving;
    if (!agent->cell) continue;
    ++figures.cells[static_cast<std::size_t>(state_of(*agent->cell))];
    figures.total += agent->total;
    figures.used += agent->cell->charged;
    figures.used.containers += static_cast<std::int64_t>(agent->cell->live.size()) - agent->cell->charged.containers;
  }
  figures.offers_held = static_cast<std::int64_t>(offers_.size());
  figures.offer_seconds = offer_seconds_ + static_cast<double>(offers_.size()) * base::to_seconds(now - now_);
  figures.unanswered = static_cast<std::int64_t>(unanswered_.size());
  figures.reports_waiting = static_cast<std::int64_t>(bbs_.reports());
  return figures;
}

std::string Core::cell_id_on(std::string_view agent_id) const {
  const AgentPtr agent = find_agent(agent_id);
  return agent == nullptr || !agent->cell ? "" : agent->cell->cell_id;
}

bool Core::bears(const AgentRecord& agent, CellMark mark) const {
  switch (mark) {
    case CellMark::draining:
      return agent.leaving.has_value();
    case CellMark::quarantined:
      return agent.quarantined_until.has_value();
    case CellMark::outdated:
      return agent.cell && is_outdated(*agent.cell);
    case CellMark::unwell:
      return agent.cell && agent.cell->report && !is_well(*agent.cell->report);
    default:
      static_assert(static_cast<int>(CellMark::none) == static_cast<int>(CellState::none));
      return static_cast<int>(state_of(agent)) == static_cast<int>(mark);
  }
}

CellView Core::view_of(const AgentRecord& agent) const {
  CellView view;
  view.agent_id = agent.id;
  view.agent_hostname = agent.hostname;
  view.zone = agent.zone;
  view.memory_total_mb = agent.total.mem_mb;
  view.disk_total_mb = agent.total.disk_mb;
  view.quarantined_until = agent.quarantined_until;
  if (const auto& leaving = agent.leaving) {
    view.draining = leaving->by_operator   ? "operator"
                    : leaving->by_mesos    ? "mesos"
                    : leaving->maintenance ? "maintenance"
                    : leaving->rolls       ? "roll"
                                           : "rebalance";
  }
  view.state = state_of(agent);
  if (!agent.cell) return view;
  const CellRecord& cell = *agent.cell;
  view.cell_id = cell.cell_id;
  view.executor_id = *cell.executor_id;
  view.since = cell.since;
  view.memory_used_mb = cell.charged.mem_mb;
  view.disk_used_mb = cell.charged.disk_mb;
  view.cpus_used_milli = cell.charged.cpus_milli;
  view.containers_used = static_cast<std::int64_t>(cell.live.size());
  view.outdated = is_outdated(cell);
  view.rep = rep_of(cell);
  view.drifts = cell.drifts;
  view.usage_dropped = cell.usage_dropped;
  for (const Item* item : cell.live.sorted())
    view.instances.push_back({item->key(), item->state, item->charged.mem_mb});
  return view;
}

std::vector<CellView> Core::cells(const CellQuery& query) const {
  std::vector<const AgentRecord*> agents;
  for (const auto& [id, agent] : agents_) {
    if (!is_shown(*agent) || (!query.after.empty() && id <= query.after)) continue;
    if (query.zone && agent->zone != *query.zone) continue;
    if (query.mark && !bears(*agent, *query.mark)) continue;
    if (query.match.empty() || mentions(*agent, query.match)) agents.push_back(agent.get());
  }
  const auto shown = static_cast<std::ptrdiff_t>(std::min(query.limit, agents.size()));
  std::partial_sort(agents.begin(), agents.begin() + shown, agents.end(), ById{});
  std::vector<CellView> views;
  views.reserve(static_cast<std::size_t>(shown));
  for (auto agent = agents.begin(); agent != agents.begin() + shown; ++agent) views.push_back(view_of(**agent));
  return views;
}

std::vector<ZoneTotals> Core::zones() const {
  std::map<std::string_view, ZoneTotals> zones;
  for (const auto& [id, agent] : agents_) {
    if (!is_shown(*agent)) continue;
    ZoneTotals& zone = zones[agent->zone];
    ++zone.cells;
    for (std::size_t mark = 0; mark < kCellMarks; ++mark)
      if (bears(*agent, static_cast<CellMark>(mark))) ++zone.marks[mark];
    if (!agent->cell) continue;
    const placement::Amounts &total = agent->total, &used = agent->cell->charged;
    zone.instances += static_cast<std::int64_t>(agent->cell->live.size());
    zone.memory_total_mb += total.mem_mb;
    zone.memory_used_mb += used.mem_mb;
    zone.disk_total_mb += total.disk_mb;
    zone.disk_used_mb += used.disk_mb;
    if (total.mem_mb <= 0) continue;
    constexpr auto kTenths = static_cast<std::int64_t>(ZoneTotals::kFills);
    ++zone.fills[static_cast<std::size_t>(
        std::clamp<std::int64_t>(used.mem_mb * kTenths / total.mem_mb, 0, kTenths - 1))];
  }
  std::vector<ZoneTotals> totals;
  for (auto& [name, zone] : zones) {
    zone.zone = name;
    totals.push_back(std::move(zone));
  }
  return totals;
}

}  // namespace core
