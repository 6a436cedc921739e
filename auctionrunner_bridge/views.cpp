#include "auctionrunner_bridge/views.hpp"

#include <fmt/format.h>

#include <chrono>

#include "auctionrunner_bridge/write.hpp"

namespace bridge {
namespace {

void write_keys(diego::GoWriter& out, const std::vector<core::Key>& keys) {
  out.begin_array();
  for (const core::Key& key : keys) {
    out.begin_object();
    write_key_members(out, key);
    out.end_object();
  }
  out.end_array();
}

void write_instance(diego::GoWriter& out, const core::InstanceView& instance) {
  out.begin_object();
  write_key_members(out, instance.key);
  out.member("domain", instance.domain);
  out.member("state", core::to_string(instance.state));
  out.member("reason", instance.reason);
  out.member("agent_id", instance.agent_id);
  out.member("agent_hostname", instance.agent_hostname);
  out.member("cell_id", instance.cell_id);
  out.member("task_id", instance.task_id);
  out.member("attempts", std::int64_t{instance.attempts});
  out.member("memory_mb", instance.memory_mb);
  out.member("disk_mb", instance.disk_mb);
  out.member("since", timestamp(instance.since));
  out.member("accepted", timestamp(instance.accepted));
  out.member("trace_id", instance.trace_id);
  out.key("usage");
  if (instance.usage) {
    out.begin_object();
    out.member("cpus_milli", instance.usage->cpus_milli);
    out.member("memory_bytes", instance.usage->memory_bytes);
    out.member("disk_bytes", instance.usage->disk_bytes);
    out.member("measured", timestamp(instance.usage->measured));
    out.end_object();
  } else {
    out.null();
  }
  out.end_object();
}

void write_rep(diego::GoWriter& out, const core::RepView& rep) {
  out.begin_object();
  out.member("state", rep.state);
  out.member("memory_available_mb", rep.memory_available_mb);
  out.member("disk_available_mb", rep.disk_available_mb);
  out.member("containers_total", rep.containers_total);
  out.member("containers_available", rep.containers_available);
  out.member("containers_starting", rep.containers_starting);
  out.member("proxy_memory_mb", rep.proxy_memory_mb);
  write_words(out, "rootfs", rep.rootfs);
  write_words(out, "placement_tags", rep.placement_tags);
  write_words(out, "optional_placement_tags", rep.optional_placement_tags);
  write_words(out, "volume_drivers", rep.volume_drivers);
  out.end_object();
}

void write_cell(diego::GoWriter& out, const core::CellView& cell) {
  out.begin_object();
  out.member("cell_id", cell.cell_id);
  out.member("executor_id", cell.executor_id);
  out.member("agent_id", cell.agent_id);
  out.member("agent_hostname", cell.agent_hostname);
  out.member("state", core::to_string(cell.state));
  out.member("zone", cell.zone);
  out.member("memory_total_mb", cell.memory_total_mb);
  out.member("memory_used_mb", cell.memory_used_mb);
  out.member("disk_total_mb", cell.disk_total_mb);
  out.member("disk_used_mb", cell.disk_used_mb);
  out.member("cpus_used_milli", cell.cpus_used_milli);
  out.member("containers_used", cell.containers_used);
  out.key("since");
  if (cell.since != base::Time{}) {
    out.string(timestamp(cell.since));
  } else {
    out.null();
  }
  out.member("outdated", cell.outdated);
  out.member("draining", cell.draining);
  out.key("quarantined_until");
  if (cell.quarantined_until) {
    out.string(timestamp(*cell.quarantined_until));
  } else {
    out.null();
  }
  out.key("rep");
  if (cell.rep) {
    write_rep(out, *cell.rep);
  } else {
    out.null();
  }
  out.member("drifts", cell.drifts);
  out.member("usage_dropped", cell.usage_dropped);
  out.key("instances");
  out.begin_array();
  for (const core::CellInstance& instance : cell.instances) {
    out.begin_object();
    write_key_members(out, instance.key);
    out.member("state", core::to_string(instance.state));
    out.member("memory_mb", instance.memory_mb);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void write_zone(diego::GoWriter& out, const core::ZoneTotals& zone) {
  out.begin_object();
  out.member("zone", zone.zone);
  out.member("cells", zone.cells);
  for (std::size_t mark = 0; mark < core::kCellMarks; ++mark)
    out.member(core::to_string(static_cast<core::CellMark>(mark)), zone.marks[mark]);
  out.member("instances", zone.instances);
  out.member("memory_total_mb", zone.memory_total_mb);
  out.member("memory_used_mb", zone.memory_used_mb);
  out.member("disk_total_mb", zone.disk_total_mb);
  out.member("disk_used_mb", zone.disk_used_mb);
  out.key("memory_tenths");
  out.begin_array();
  for (const std::int64_t cells : zone.fills) out.number(cells);
  out.end_array();
  out.end_object();
}

}  // namespace

void write_key_members(diego::GoWriter& out, const core::KeyView& key) {
  if (key.kind == core::Kind::lrp) {
    out.member("kind", "lrp");
    out.member("process_guid", key.guid);
    out.member("index", key.index);
  } else {
    out.member("kind", "task");
    out.member("task_guid", key.guid);
  }
}

std::string overview_json(const Desk::Overview& overview, const std::string& history, base::Time now) {
  const core::Figures& figures = overview.figures;
  diego::GoWriter out;
  out.begin_object();
  out.member("version", overview.version);
  out.member("started", timestamp(overview.started));
  out.member("now", timestamp(now));
  out.member("subscribed", overview.health.subscribed);
  out.member("detail", overview.health.detail);
  out.member("master", overview.master);
  out.member("framework_id", overview.framework_id);
  out.member("strategy", overview.strategy);
  out.key("instances");
  out.begin_object();
  for (std::size_t kind = 0; kind < figures.instances.size(); ++kind) {
    out.key(kind == 0 ? "lrps" : "tasks");
    out.begin_object();
    for (std::size_t state = 0; state < figures.instances[kind].size(); ++state)
      out.member(core::to_string(static_cast<core::State>(state)), figures.instances[kind][state]);
    out.end_object();
  }
  out.end_object();
  out.member("oldest_waiting_ms", base::to_millis(figures.oldest_waiting));
  out.key("cells");
  out.begin_object();
  for (const core::CellState state :
       {core::CellState::starting, core::CellState::up, core::CellState::idle, core::CellState::stopping})
    out.member(core::to_string(state), figures.cells[static_cast<std::size_t>(state)]);
  out.end_object();
  out.member("memory_total_mb", figures.total.mem_mb);
  out.member("memory_used_mb", figures.used.mem_mb);
  out.member("disk_total_mb", figures.total.disk_mb);
  out.member("disk_used_mb", figures.used.disk_mb);
  out.member("containers_total", figures.total.containers);
  out.member("containers_used", figures.used.containers);
  out.member("agents", figures.agents);
  out.member("agents_quarantined", figures.agents_quarantined);
  out.member("agents_leaving", figures.agents_leaving);
  out.member("offers_held", figures.offers_held);
  out.key("history");
  out.raw(history);
  out.end_object();
  return out.take();
}

std::string timestamp(base::Time time) {
  using std::chrono::sys_days;
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto days = std::chrono::floor<std::chrono::days>(millis);
  const std::chrono::year_month_day date{sys_days{days}};
  const std::chrono::hh_mm_ss clock{millis - days};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::string instance_json(const core::InstanceView& instance) {
  diego::GoWriter out;
  write_instance(out, instance);
  return out.take();
}

std::string instances_json(const std::vector<core::InstanceView>& instances, bool full) {
  diego::GoWriter out;
  out.begin_object();
  out.key("instances");
  out.begin_array();
  for (const core::InstanceView& instance : instances) write_instance(out, instance);
  out.end_array();
  out.key("next");
  if (full && !instances.empty()) {
    out.string(core::cursor(instances.back().key));
  } else {
    out.null();
  }
  out.end_object();
  return out.take();
}

std::string stopping_json(const std::vector<core::Key>& keys) {
  diego::GoWriter out;
  out.begin_object();
  out.key("stopping");
  write_keys(out, keys);
  out.end_object();
  return out.take();
}

std::string cells_json(const std::vector<core::CellView>& cells, bool full) {
  diego::GoWriter out;
  out.begin_object();
  out.key("cells");
  out.begin_array();
  for (const core::CellView& cell : cells) write_cell(out, cell);
  out.end_array();
  out.key("next");
  if (full && !cells.empty()) {
    out.string(cells.back().agent_id);
  } else {
    out.null();
  }
  out.end_object();
  return out.take();
}

std::string zones_json(const std::vector<core::ZoneTotals>& zones) {
  diego::GoWriter out;
  out.begin_object();
  out.key("zones");
  out.begin_array();
  for (const core::ZoneTotals& zone : zones) write_zone(out, zone);
  out.end_array();
  out.end_object();
  return out.take();
}

}  // namespace bridge
