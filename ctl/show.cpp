#include "ctl/show.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ctl/words.hpp"

namespace ctl {
namespace {

// "3 running, 1 queued": what is not 0, in the order of the answer.
std::string counts(const Json& of) {
  std::string out;
  for (const diego::JsonMember& each : of.members) {
    const std::int64_t many = number(of, each.key);
    if (many != 0) out += (out.empty() ? "" : ", ") + fmt::format("{} {}", many, each.key);
  }
  return out.empty() ? "none" : out;
}

std::string share(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "";
  return fmt::format(" ({:.0f} %)", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

std::int64_t last_of(const Json& history, std::string_view name, std::size_t steps) {
  const std::vector<Json>& all = items(history, name);
  std::int64_t sum = 0;
  for (std::size_t at = all.size() - std::min(all.size(), steps); at < all.size(); ++at) {
    Json one;
    one.members.push_back({"n", all[at]});
    sum += number(one, "n");
  }
  return sum;
}

std::string lately(const Json& history) {
  constexpr std::int64_t kSeconds = 600;
  const std::int64_t step = number(history, "step_s");
  if (step <= 0) return "";
  const auto steps = static_cast<std::size_t>(std::max<std::int64_t>(1, kSeconds / step));
  return fmt::format("{} auctioned, {} launched, {} came to run, {} found no place in time, {} ended",
                     last_of(history, "auctions", steps), last_of(history, "launched", steps),
                     last_of(history, "running", steps), last_of(history, "unplaced", steps),
                     last_of(history, "ended", steps));
}

}  // namespace

std::string status_text(const Json& overview, const std::string& url, const Style& style) {
  Details out;
  const auto now = moment(text(overview, "now"));
  std::string who = fmt::format("{} at {}", text(overview, "version"), url);
  if (now) who += ", up " + age(text(overview, "started"), *now);
  if (const std::string strategy = text(overview, "strategy"); !strategy.empty()) who += ", strategy " + strategy;
  out.add("scheduler", who);
  const bool subscribed = yes(overview, "subscribed");
  const std::string detail = text(overview, "detail");
  const std::string words = subscribed ? "subscribed" : "not subscribed";
  out.add("mesos",
          detail.empty()              ? words
          : detail.starts_with(words) ? detail
                                      : words + ": " + detail,
          subscribed ? Ink::green : Ink::red);
  out.add("master", text(overview, "master"));
  out.add("framework", text(overview, "framework_id"));
  const Json& instances = member(overview, "instances");
  out.add("instances", counts(member(instances, "lrps")));
  out.add("tasks", counts(member(instances, "tasks")));
  if (const std::int64_t waits = number(overview, "oldest_waiting_ms"); waits > 0)
    out.add("oldest waits", age_of_millis(waits), Ink::yellow);
  out.add("cells", counts(member(overview, "cells")));
  std::string agents = std::to_string(number(overview, "agents"));
  if (const auto many = number(overview, "agents_leaving"); many > 0) agents += fmt::format(", {} being left", many);
  if (const auto many = number(overview, "agents_quarantined"); many > 0)
    agents += fmt::format(", {} quarantined", many);
  out.add("agents", agents + ", " + count(number(overview, "offers_held"), "offer") + " held");
  const auto add_use = [&](const char* name, const std::string& of, const char* unit) {
    const std::int64_t part = number(overview, of + (of == "containers" ? "_used" : "_used_mb"));
    const std::int64_t whole = number(overview, of + (of == "containers" ? "_total" : "_total_mb"));
    if (whole <= 0) return out.add(name, fmt::format("{}{} used", part, unit));
    out.add(name, fmt::format("[{}] {} of {}{}{}", bar(part, whole, 20), part, whole, unit, share(part, whole)),
            ink_of_share(part, whole));
  };
  add_use("memory", "memory", " MB");
  add_use("disk", "disk", " MB");
  add_use("containers", "containers", "");
  out.add("last 10 min", lately(member(overview, "history")));
  return out.text(style);
}

InstanceTable::InstanceTable(base::Time now)
    : now_(now),
      table_({{"INSTANCE", false, true},
              {"STATE"},
              {"FOR", true},
              {"CELL", false, true, true},
              {"AGENT", false, true, true},
              {"MEMORY", true},
              {"CPU", true},
              {"REASON", false, true}}) {}

void InstanceTable::add(const Json& instance) {
  const std::string state = text(instance, "state");
  const std::string host = text(instance, "agent_hostname");
  table_.row({key_of(instance),
              {state, ink_of_state(state)},
              age(text(instance, "since"), now_),
              text(instance, "cell_id"),
              host.empty() ? text(instance, "agent_id") : host,
              memory_of(instance),
              cpu_of(instance),
              {text(instance, "reason"), Ink::dim}});
}

std::string instance_text(const Json& instance, base::Time now, const Style& style) {
  Details out;
  const std::string state = text(instance, "state");
  out.add(text(instance, "kind") == "task" ? "task" : "instance", key_of(instance), Ink::bold);
  out.add("state",
          state + (age(text(instance, "since"), now).empty() ? "" : " for " + age(text(instance, "since"), now)),
          ink_of_state(state));
  out.add("reason", text(instance, "reason"));
  out.add("domain", text(instance, "domain"));
  out.add("cell", text(instance, "cell_id"));
  out.add("agent", text(instance, "agent_id"));
  out.add("host", text(instance, "agent_hostname"));
  out.add("mesos task", text(instance, "task_id"));
  out.add("launches", text(instance, "attempts"));
  out.add("memory", memory_of(instance));
  const Json& usage = member(instance, "usage");
  const std::int64_t disk = number(instance, "disk_mb");
  out.add("disk", is_object(usage) ? of_whole(number(usage, "disk_bytes") / (1 << 20), disk)
                                   : (disk > 0 ? fmt::format("{} MB", disk) : ""));
  if (const std::string cores = cpu_of(instance); !cores.empty())
    out.add("cpu", cores + " cores, measured " + age(text(usage, "measured"), now) + " ago");
  out.add("since", text(instance, "since"));
  out.add("accepted", text(instance, "accepted"));
  out.add("trace", text(instance, "trace_id"));
  return out.text(style);
}

std::string cells_text(const Json& cells, base::Time now, const Style& style) {
  Table table({{"CELL", false, true, true},
               {"STATE"},
               {"NOTE", false, true},
               {"FOR", true},
               {"AGENT", false, true, true},
               {"HOST", false, true},
               {"ZONE", false, true},
               {"MEMORY", true},
               {"USE", true},
               {"DISK", true},
               {"INSTANCES", true}});
  for (const Json& cell : items(cells, "cells")) {
    const std::string state = text(cell, "state");
    const std::int64_t used = number(cell, "memory_used_mb"), total = number(cell, "memory_total_mb");
    table.row({text(cell, "cell_id"),
               {state, ink_of_state(state)},
               {notes_on(cell), Ink::yellow},
               age(text(cell, "since"), now),
               text(cell, "agent_id"),
               text(cell, "agent_hostname"),
               text(cell, "zone"),
               of_whole(used, total),
               {total > 0 ? fmt::format("{:.0f} %", 100 * static_cast<double>(used) / static_cast<double>(total)) : "",
                ink_of_share(used, total)},
               of_whole(number(cell, "disk_used_mb"), number(cell, "disk_total_mb")),
               std::to_string(instances_on(cell))});
  }
  return table.empty() ? "no cells\n" : table.text(style);
}

std::string cell_text(const Json& cell, base::Time now, const Style& style) {
  Details out;
  const std::string state = text(cell, "state");
  const auto add_use = [&](const char* name, const std::string& of) {
    const std::int64_t part = number(cell, of + "_used_mb"), whole = number(cell, of + "_total_mb");
    out.add(name, of_whole(part, whole) + share(part, whole), ink_of_share(part, whole));
  };
  const std::string id = text(cell, "cell_id");
  out.add("cell", id.empty() ? "none" : id, Ink::bold);
  out.add("state", state + " for " + age(text(cell, "since"), now), ink_of_state(state));
  out.add("note", notes_on(cell), Ink::yellow);
  out.add("agent", text(cell, "agent_id"));
  out.add("host", text(cell, "agent_hostname"));
  out.add("zone", text(cell, "zone"));
  out.add("executor", text(cell, "executor_id"));
  add_use("memory", "memory");
  add_use("disk", "disk");
  out.add("cpus", fmt::format("{} milli", number(cell, "cpus_used_milli")));
  const Json& rep = member(cell, "rep");
  std::string containers = std::to_string(number(cell, "containers_used"));
  if (is_object(rep)) containers += fmt::format(" of {}", number(rep, "containers_total"));
  out.add("containers", containers);
  if (is_object(rep)) {
    out.add("rep",
            fmt::format("{}, {} MB memory and {} MB disk free, {} starting", text(rep, "state"),
                        number(rep, "memory_available_mb"), number(rep, "disk_available_mb"),
                        count(number(rep, "containers_starting"), "container")),
            ink_of_state(text(rep, "state")));
    out.add("rootfs", joined(rep, "rootfs"));
    out.add("tags", joined(rep, "placement_tags"));
    out.add("optional tags", joined(rep, "optional_placement_tags"));
    out.add("drivers", joined(rep, "volume_drivers"));
  }
  if (number(cell, "drifts") > 0) out.add("drifts", text(cell, "drifts"), Ink::yellow);
  std::string holds;
  for (const Json& key : items(cell, "instances")) holds += (holds.empty() ? "" : ", ") + key_of(key);
  out.add("holds", holds.empty() ? "nothing" : holds);
  return out.text(style);
}

std::vector<const Json*> cells_named(const Json& cells, const std::string& name) {
  std::vector<const Json*> found;
  // An id is of one; a host may have several agents, and a name may be that of one and the id of another.
  for (const char* const by : {"cell_id", "agent_id", "agent_hostname"}) {
    for (const Json& cell : items(cells, "cells")) {
      if (text(cell, by) == name) found.push_back(&cell);
    }
    if (!found.empty()) break;
  }
  return found;
}

std::string event_text(const Json& event, const Style& style) {
  const std::string kind = text(event, "event"), at = text(event, "at");
  const std::string last = kind.substr(std::min(kind.size(), kind.find('.') + 1));
  std::string out = inked(at.size() >= 23 ? printable(at.substr(11, 12)) : "            ", Ink::dim, style) + "  ";
  if (kind == "gap") {
    const std::string lost = text(event, "lost");
    const std::string words =
        (lost.empty() ? "events are missing: " : lost + " events are missing: ") + text(event, "reason");
    return out + inked(printable(words), Ink::yellow, style) + "\n";
  }
  const std::string shown = printable(kind);
  const std::size_t width = columns_of(shown);
  out += inked(shown, ink_of_state(last == "gone" ? "stopped" : last == "unplaced" ? "failed" : last), style);
  std::string rest;
  const auto add = [&rest](const std::string& words) {
    if (!words.empty()) rest += (rest.empty() ? "" : "  ") + printable(words);
  };
  add(key_of(event));
  const std::string cell = text(event, "cell_id"), agent = text(event, "agent_id");
  add(cell.empty() ? agent : cell);
  if (const std::int64_t waited = number(event, "waited_ms"); waited >= 10)
    add(fmt::format("after {:.2f} s", static_cast<double>(waited) / 1e3));
  add(text(event, "reason"));
  if (rest.empty()) return out + "\n";
  const std::size_t before = 14 + std::max<std::size_t>(width, 19) + 1;
  out += std::string(width < 19 ? 20 - width : 1, ' ');
  return out + (style.columns > before ? cut(rest, style.columns - before) : rest) + "\n";
}

}  // namespace ctl
