#include <fmt/format.h>

#include "ctl/show.hpp"
#include "ctl/words.hpp"

namespace ctl {
namespace {

std::string permille(std::int64_t value) { return fmt::format("{}.{} %", value / 10, value % 10); }

// "3 -> 2", "3" where it stays so.
std::string change(const Json& of, const char* name, bool share = false) {
  const std::int64_t from = number(member(of, "before"), name), to = number(member(of, "after"), name);
  const auto shown = [share](std::int64_t value) { return share ? permille(value) : std::to_string(value); };
  return from == to ? shown(from) : shown(from) + " -> " + shown(to);
}

std::string name_of(const Json& place) {
  const std::string cell = text(place, "cell_id");
  return cell.empty() ? "agent " + text(place, "agent_id") : cell;
}

// "cell-1 (3), agent S4 (1)".
std::string targets(const Json& move) {
  std::vector<std::pair<std::string, std::int64_t>> counts;
  for (const Json& instance : items(move, "instances")) {
    const std::string to = name_of(member(instance, "to"));
    auto at = counts.begin();
    while (at != counts.end() && at->first != to) ++at;
    if (at == counts.end()) at = counts.emplace(at, to, 0);
    ++at->second;
  }
  constexpr std::size_t kShown = 4;
  std::string out;
  for (std::size_t i = 0; i < std::min(counts.size(), kShown); ++i)
    out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", counts[i].first, counts[i].second);
  if (counts.size() > kShown) out += fmt::format(" and {} more", counts.size() - kShown);
  return out;
}

std::string why(const Json& move) {
  const char* const named[][2] = {
      {"cells_with_work", "cells with work"}, {"cell_pairs", "pairs on one cell"}, {"zone_pairs", "pairs in one zone"}};
  std::string out;
  for (const auto& [name, words] : named) {
    if (number(member(move, "before"), name) == number(member(move, "after"), name)) continue;
    out += (out.empty() ? "" : "; ") + (words + (" " + change(move, name)));
  }
  if (!out.empty()) return out;
  return "memory uneven by " + change(move, "memory_unevenness_permille", true);
}

Ink ink_of(const std::string& state) {
  return state == "moved" ? Ink::green : state == "given_up" ? Ink::red : state == "skipped" ? Ink::yellow : Ink::blue;
}

}  // namespace

std::string move_text(const Json& move, const Style& style) {
  const std::string state = text(move, "state"), reason = text(move, "reason");
  return inked(state, ink_of(state), style) + " " +
         printable(name_of(move) + (reason.empty() ? " to " + targets(move) : ": " + reason));
}

std::string rebalance_text(const Json& rebalance, const Style& style) {
  Details out;
  const std::string state = text(rebalance, "state"), reason = text(rebalance, "reason");
  out.add("goal", text(rebalance, "goal"), Ink::bold);
  const std::string shown = state == "preview"     ? "preview, nothing comes of it"
                            : state == "under_way" ? "under way"
                                                   : state;
  out.add("state", shown + (reason.empty() ? "" : ": " + reason));
  const auto& moves = items(rebalance, "moves");
  out.add("moves",
          fmt::format("{}{}", moves.size(), yes(rebalance, "cut_short") ? ", not every cell was looked at" : ""));
  out.add("cells with work", change(rebalance, "cells_with_work"));
  out.add("pairs on one cell", change(rebalance, "cell_pairs"));
  out.add("pairs in one zone", change(rebalance, "zone_pairs"));
  out.add("memory uneven by", change(rebalance, "memory_unevenness_permille", true));
  std::string text_out = out.text(style);
  Table table({{"CELL", false, true},
               {"HOST", false, true},
               {"ZONE", false, true},
               {"STATE"},
               {"INSTANCES", true},
               {"MEMORY", true},
               {"TO", false, true},
               {"WHY", false, true}});
  for (const Json& move : moves) {
    const std::string its = text(move, "state"), because = text(move, "reason");
    table.row({name_of(move),
               text(move, "agent_hostname"),
               text(move, "zone"),
               {its, ink_of(its)},
               std::to_string(items(move, "instances").size()),
               fmt::format("{} MB", number(move, "memory_mb")),
               targets(move),
               {because.empty() ? why(move) : because, Ink::dim}});
  }
  if (!table.empty()) text_out += "\n" + table.text(style);
  Table stay({{"CELLS", true}, {"STAY BECAUSE", false, true}});
  for (const Json& one : items(rebalance, "stay")) stay.row({text(one, "cells"), {text(one, "reason"), Ink::dim}});
  if (!stay.empty()) text_out += "\n" + stay.text(style);
  return text_out;
}

}  // namespace ctl
