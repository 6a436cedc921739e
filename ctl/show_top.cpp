#include <fmt/format.h>

#include <algorithm>

#include "ctl/show.hpp"
#include "ctl/words.hpp"

namespace ctl {
namespace {

std::int64_t used(const Json& instance, const std::string& sort) {
  return number(member(instance, "usage"), sort == "cpu" ? "cpus_milli" : "memory_bytes");
}

std::vector<const Json*> sorted(const std::vector<Json>& all, auto before) {
  std::vector<const Json*> out;
  out.reserve(all.size());
  for (const Json& one : all) out.push_back(&one);
  std::stable_sort(out.begin(), out.end(), [&](const Json* a, const Json* b) { return before(*a, *b); });
  return out;
}

std::string summary(const TopShown& shown, const Style& style) {
  const Json& overview = shown.overview;
  const auto many = [&](const Json& of, std::string_view state) { return number(of, state); };
  const Json& lrps = member(member(overview, "instances"), "lrps");
  const Json& tasks = member(member(overview, "instances"), "tasks");
  const std::int64_t waiting = many(lrps, "queued") + many(tasks, "queued");
  std::string out = inked("diego-ctl top", Ink::bold, style) + "  " + printable(shown.url) + "  " +
                    printable(text(overview, "now").substr(0, 19)) + "  ";
  out +=
      yes(overview, "subscribed") ? inked("subscribed", Ink::green, style) : inked("not subscribed", Ink::red, style);
  out += fmt::format(
      "\n{} running, {} starting, ", many(lrps, "running") + many(tasks, "running"),
      many(lrps, "launching") + many(lrps, "starting") + many(tasks, "launching") + many(tasks, "starting"));
  out += inked(fmt::format("{} waiting", waiting), waiting > 0 ? Ink::yellow : Ink::plain, style);
  if (const auto waits = number(overview, "oldest_waiting_ms"); waits > 0) out += " (for " + age_of_millis(waits) + ")";
  const std::int64_t part = number(overview, "memory_used_mb"), whole = number(overview, "memory_total_mb");
  out += fmt::format("; memory [{}] {}", inked(bar(part, whole, 20), ink_of_share(part, whole), style),
                     of_whole(part, whole));
  return out + "\n";
}

std::string bar_of(std::int64_t part, std::int64_t whole) { return whole > 0 ? bar(part, whole, 10) : ""; }

std::string cells_part(const TopShown& shown, std::size_t rows_max, const Style& style) {
  Table table({{"CELL", false, true, true},
               {"STATE"},
               {"HOST", false, true},
               {"ZONE", false, true},
               {"CPUS", true},
               {"MEMORY", true},
               {"", false},
               {"DISK", true},
               {"INSTANCES", true},
               {"NOTE", false, true}});
  const std::vector<Json>& all = items(shown.cells, "cells");
  const auto share = [](const Json& cell) {
    const double whole = static_cast<double>(std::max<std::int64_t>(1, number(cell, "memory_total_mb")));
    return static_cast<double>(number(cell, "memory_used_mb")) / whole;
  };
  for (const Json *const each : sorted(all, [&](const Json&a, const Json&b) { return share(a) > share(b); })) {
    if (table.size() == rows_max) break;
    const Json& cell = *each;
    const std::string id = text(cell, "cell_id"), state = text(cell, "state"), host = text(cell, "agent_hostname");
    const std::int64_t part = number(cell, "memory_used_mb"), whole = number(cell, "memory_total_mb");
    table.row({id.empty() ? "(none)" : id,
               {state, ink_of_state(state)},
               host.empty() ? text(cell, "agent_id") : host,
               text(cell, "zone"),
               fmt::format("{:.2f}", static_cast<double>(number(cell, "cpus_used_milli")) / 1e3),
               of_whole(part, whole),
               {bar_of(part, whole), ink_of_share(part, whole)},
               of_whole(number(cell, "disk_used_mb"), number(cell, "disk_total_mb")),
               std::to_string(instances_on(cell)),
               {notes_on(cell), Ink::yellow}});
  }
  if (table.empty()) return "no cells\n";
  std::string out = table.text(style);
  if (all.size() > table.size())
    out += inked(fmt::format("... and {} more\n", all.size() - table.size()), Ink::dim, style);
  return out;
}

std::string instances_part(const TopShown& shown, std::size_t rows_max, const Style& style) {
  Table table({{"INSTANCE", false, true},
               {"STATE"},
               {"FOR", true},
               {"CPU", true},
               {"MEMORY", true},
               {"", false},
               {"CELL", false, true, true}});
  const std::vector<Json>& all = items(shown.instances, "instances");
  const auto before = [&](const Json& a, const Json& b) { return used(a, shown.sort) > used(b, shown.sort); };
  for (const Json* const each : sorted(all, before)) {
    if (table.size() == rows_max) break;
    const Json& instance = *each;
    const std::string state = text(instance, "state");
    const std::int64_t part = number(member(instance, "usage"), "memory_bytes") / (1 << 20);
    const std::int64_t whole = is_object(member(instance, "usage")) ? number(instance, "memory_mb") : 0;
    table.row({key_of(instance),
               {state, ink_of_state(state)},
               age(text(instance, "since"), shown.now),
               cpu_of(instance),
               memory_of(instance),
               {bar_of(part, whole), ink_of_share(part, whole)},
               text(instance, "cell_id")});
  }
  if (table.empty()) return "nothing runs\n";
  std::string out = table.text(style);
  std::string more;
  if (all.size() > table.size()) more = fmt::format("... and {} more", all.size() - table.size());
  if (!text(shown.instances, "next").empty())
    more += fmt::format("{}of the first {} only", more.empty() ? "... " : ", ", all.size());
  return more.empty() ? out : out + inked(more + "\n", Ink::dim, style);
}

}  // namespace

std::string top_text(const TopShown& shown, std::size_t lines, const Style& style) {
  // Two of the summary, two blanks, two headings, two lines of what is left out.
  constexpr std::size_t kFrame = 8;
  constexpr auto kAll = static_cast<std::size_t>(-1);
  std::size_t cells = kAll, instances = kAll;
  if (lines > 0) {
    const std::size_t rows = std::max<std::size_t>(lines, kFrame + 2) - kFrame;
    cells = std::min(items(shown.cells, "cells").size(), std::max<std::size_t>(1, rows / 2));
    instances = rows - std::min(rows, std::max<std::size_t>(cells, 1));
    if (const std::size_t wanted = std::max<std::size_t>(1, items(shown.instances, "instances").size());
        instances > wanted) {
      cells += instances - wanted;
      instances = wanted;
    }
  }
  return summary(shown, style) + "\n" + cells_part(shown, cells, style) + "\n" +
         instances_part(shown, instances, style);
}

}  // namespace ctl
