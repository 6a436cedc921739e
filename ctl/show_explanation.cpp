#include <fmt/format.h>

#include "ctl/show.hpp"
#include "ctl/words.hpp"

namespace ctl {
namespace {

// "memory 96415 MB, disk 3 MB": what is not 0 of amounts.
std::string amounts(const Json& of) {
  std::string out;
  const auto add = [&](const char* name, const char* member_name, const char* unit) {
    if (const std::int64_t many = number(of, member_name); many != 0)
      out += (out.empty() ? "" : ", ") + fmt::format("{} {}{}", name, many, unit);
  };
  add("memory", "memory_mb", " MB");
  add("disk", "disk_mb", " MB");
  add("cpu", "cpus_milli", " milli");
  add("containers", "containers", "");
  return out;
}

// "memory 95 to 120 MB".
std::string range(const Json& least, const Json& most) {
  std::string out;
  const auto add = [&](const char* name, const char* member_name, const char* unit) {
    const std::int64_t from = number(least, member_name), to = number(most, member_name);
    if (to == 0) return;
    out += (out.empty() ? "" : ", ") +
           (from == to ? fmt::format("{} {}{}", name, to, unit) : fmt::format("{} {} to {}{}", name, from, to, unit));
  };
  add("memory", "memory_mb", " MB");
  add("disk", "disk_mb", " MB");
  add("cpu", "cpus_milli", " milli");
  add("containers", "containers", "");
  return out;
}

// "cell c on agent a (host h, zone z)", "agent a (host h)".
std::string place_text(const Json& place) {
  const std::string cell = text(place, "cell_id"), host = text(place, "agent_hostname"), zone = text(place, "zone");
  std::string out = cell.empty() ? "" : "cell " + cell + " on ";
  out += "agent " + text(place, "agent_id");
  std::string more = host.empty() ? "" : "host " + host;
  if (!zone.empty()) more += (more.empty() ? "zone " : ", zone ") + zone;
  return more.empty() ? out : out + " (" + more + ")";
}

std::string verdict_of(const Json& explanation, Ink& ink) {
  const std::string outcome = text(explanation, "outcome");
  const Json& place = member(explanation, "place");
  const std::string starts = yes(explanation, "starts_cell") ? ", where a cell would start for it" : "";
  const bool runs = is_object(member(explanation, "runs_on"));
  ink = Ink::green;
  if (outcome == "placed")
    return (runs ? "if it had to leave its cell, it would go to " : "would go to ") + place_text(place) + starts;
  ink = Ink::yellow;
  if (outcome == "awaits_offer") {
    return (runs ? "if it had to leave its cell, it would fit, and wait for an offer of "
                 : "fits, and waits for an offer of ") +
           (is_object(place) ? place_text(place) + starts : "an agent");
  }
  ink = Ink::red;
  if (outcome != "refused") return outcome;
  return (runs ? "if it had to leave its cell, it would fit nowhere: " : "fits nowhere: ") +
         text(explanation, "refusal");
}

std::string fitting_table(const Json& cells, std::size_t cells_max, const Style& style) {
  Table table({{"FITS", false, true},
               {"CELL", false, true},
               {"HOST", false, true},
               {"ZONE", false, true},
               {"OF IT IN ZONE", true},
               {"COST", true}});
  for (const Json& one : items(cells, "fitting")) {
    if (table.size() == cells_max) break;
    const std::string cell = text(one, "cell_id");
    table.row({text(one, "agent_id"), cell.empty() ? "(one would start)" : cell, text(one, "agent_hostname"),
               text(one, "zone"), text(one, "zone_instances"), joined(one, "cost", " ")});
  }
  return table.empty() ? "" : "\n" + table.text(style);
}

std::string groups_table(const Json& cells, const Style& style) {
  constexpr std::size_t kGroups = 10;
  Table table({{"WHY NOT", false, true}, {"CELLS", true}, {"SHORT BY", false, true}, {"SUCH AS", false, true}});
  for (const Json& group : items(cells, "miss_groups")) {
    if (table.size() == kGroups) break;
    table.row({{joined(group, "reasons"), Ink::yellow},
               text(group, "cells"),
               {range(member(group, "short_by_min"), member(group, "short_by_max")), Ink::red},
               joined(group, "examples")});
  }
  return table.empty() ? "" : "\n" + table.text(style);
}

std::string misses_table(const Json& cells, std::size_t cells_max, const Style& style) {
  Table table({{"DOES NOT FIT", false, true}, {"CELL", false, true}, {"ZONE", false, true}, {"BECAUSE", false, true}});
  for (const Json& miss : items(cells, "misses")) {
    if (table.size() == cells_max) break;
    const std::string words = text(miss, "text");
    table.row({text(miss, "agent_id"),
               text(miss, "cell_id"),
               text(miss, "zone"),
               {words.empty() ? joined(miss, "reasons") : words, Ink::dim}});
  }
  return table.empty() ? "" : "\n" + table.text(style);
}

}  // namespace

bool is_refused(const Json& explanation) { return text(explanation, "outcome") == "refused"; }

std::string explanation_text(const Json& explanation, std::size_t cells_max, const Style& style) {
  Details out;
  out.add(text(explanation, "kind") == "task" ? "task" : "instance", key_of(explanation), Ink::bold);
  const std::string state = text(explanation, "state"), reason = text(explanation, "reason");
  if (!state.empty()) out.add("state", state + (reason.empty() ? "" : ": " + reason), ink_of_state(state));
  if (const Json& runs_on = member(explanation, "runs_on"); is_object(runs_on)) out.add("runs on", place_text(runs_on));
  out.add("needs", amounts(member(explanation, "needs")));
  out.add("held up by", joined(explanation, "held_up_by", "; "), Ink::yellow);
  Ink ink = Ink::plain;
  const std::string verdict = verdict_of(explanation, ink);
  out.add("verdict", verdict, ink);
  const Json& cells = member(explanation, "cells");
  if (!is_object(cells)) {
    out.add("cells", "as for the instance of this process before it");
    return out.text(style);
  }
  std::string fit = fmt::format("{} of {} fit", number(cells, "fit"), number(cells, "total"));
  std::string zones;
  for (const Json& zone : items(cells, "zones")) {
    const std::string name = text(zone, "zone");
    zones += fmt::format("{}{}: {} of {}, {} of it there", zones.empty() ? "" : "; ",
                         name.empty() ? "no zone" : "zone " + name, number(zone, "fit"), number(zone, "cells"),
                         number(zone, "instances"));
  }
  out.add("cells", zones.empty() ? fit : fit + " (" + zones + ")");
  return out.text(style) + fitting_table(cells, cells_max, style) + groups_table(cells, style) +
         misses_table(cells, cells_max, style);
}

}  // namespace ctl
