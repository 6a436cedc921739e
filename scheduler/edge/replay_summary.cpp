#include "scheduler/edge/replay_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <set>

namespace edge {
namespace {

struct Figures {
  std::size_t placements = 0;
  std::set<std::string> agents;
  std::vector<base::Duration> waits;

  explicit Figures(const record::Books& books) {
    for (const auto& [key, placings] : books.placings()) {
      placements += placings.size();
      for (const record::Placing& one : placings) {
        agents.insert(one.agent_id);
        waits.push_back(one.waited);
      }
    }
    std::sort(waits.begin(), waits.end());
  }

  std::string wait_ms(double share) const {
    if (waits.empty()) return "-";
    const auto at = static_cast<std::size_t>(share * static_cast<double>(waits.size()));
    return fmt::format("{:.1f}", base::to_seconds(waits[std::min(at, waits.size() - 1)]) * 1e3);
  }
};

std::string row(const char* what, const std::string& then, const std::string& now) {
  return fmt::format("  {:<34} {:>12} {:>12}", what, then, now);
}
std::string row(const char* what, std::size_t then, std::size_t now) {
  return row(what, std::to_string(then), std::to_string(now));
}

std::string place(const std::vector<record::Placing>* placings, std::size_t index) {
  return placings != nullptr && index < placings->size() ? (*placings)[index].agent_id : "nowhere";
}

}  // namespace

std::string time_text(base::Time at) {
  const auto millis = base::to_millis(at.time_since_epoch());
  const std::time_t seconds = millis / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, millis % 1000);
}

void Comparison::begin(std::string life, std::string strategy_then, std::string strategy_now) {
  life_ = std::move(life);
  strategy_then_ = std::move(strategy_then);
  strategy_now_ = std::move(strategy_now);
}

void Comparison::started_from(std::size_t instances, bool complete) {
  start_ = complete ? fmt::format(
                          "its beginning made room for the rest: it starts as a scheduler would that finds {} "
                          "instances in its store",
                          instances)
                    : "its beginning made room for the rest: it starts without any instance, there were too many to "
                      "write them down";
}

void Comparison::add(const record::Books& then, const record::Books& now) {
  const Figures a(then), b(now);
  sums_ = {row("", strategy_then_ + " then", strategy_now_ + " now"),
           row("placements", a.placements, b.placements),
           row("auctions without a place at the end", then.waiting(), now.waiting()),
           row("agents that got work", a.agents.size(), b.agents.size()),
           row("cells started", then.cells_opened(), now.cells_opened()),
           row("cells at a time, at most", then.cells_most(), now.cells_most()),
           row("waited, ms, median", a.wait_ms(0.5), b.wait_ms(0.5)),
           row("waited, ms, 99 of 100", a.wait_ms(0.99), b.wait_ms(0.99)),
           row("waited, ms, at most", a.wait_ms(1), b.wait_ms(1))};
  std::set<core::Key> keys;
  for (const auto* books : {&then, &now}) {
    for (const auto& [key, placings] : books->placings()) keys.insert(key);
  }
  std::size_t all = 0;
  for (const core::Key& key : keys) {
    const auto find = [&key](const record::Books& books) {
      const auto found = books.placings().find(key);
      return found == books.placings().end() ? nullptr : &found->second;
    };
    const auto *of_then = find(then), *of_now = find(now);
    const std::size_t count =
        std::max(of_then == nullptr ? 0 : of_then->size(), of_now == nullptr ? 0 : of_now->size());
    for (std::size_t i = 0; i < count; ++i, ++all) {
      const std::string from = place(of_then, i), to = place(of_now, i);
      if (from == to) continue;
      elsewhere_.push_back(fmt::format("  {}{} {}: {} then, {} now", key.kind == core::Kind::task ? "task " : "lrp ",
                                       core::to_string(key), i == 0 ? "" : fmt::format("again ({})", i), from, to));
    }
  }
  sums_.push_back(fmt::format("  {} of {} placements elsewhere", elsewhere_.size(), all));
}

void Comparison::policy_changed(std::size_t times) {
  if (times == 0) return;
  sums_.push_back(fmt::format(
      "  the policy was changed then, {}: the first line has the strategies of the start; now it changed too, but for "
      "what --strategy and --policy say",
      times == 1 ? "once" : fmt::format("{} times", times)));
}

std::vector<std::string> Comparison::lines(std::size_t list_max) const {
  std::vector<std::string> lines{fmt::format("life {}{}", life_, start_.empty() ? "" : ", " + start_)};
  lines.insert(lines.end(), sums_.begin(), sums_.end());
  const std::size_t told = std::min(list_max, elsewhere_.size());
  lines.insert(lines.end(), elsewhere_.begin(), elsewhere_.begin() + static_cast<std::ptrdiff_t>(told));
  if (told < elsewhere_.size()) lines.push_back(fmt::format("  and {} more (--list)", elsewhere_.size() - told));
  return lines;
}

}  // namespace edge
