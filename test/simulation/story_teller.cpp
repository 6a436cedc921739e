#include "test/simulation/story_teller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

namespace simulation {
namespace {

// What chance names, and what it is called instead. The order matters: a cell's name holds an attempt's letters.
struct Kind {
  const char* name;
  std::regex pattern;  // Its first group is the name, if it has one.
};
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"executor-", std::regex("diego-cell-[0-9a-f]+-([a-z2-7]{8})")},
      {"cell-", std::regex("cell-[0-9]+-[0-9]+-[0-9]+-[0-9]+-([a-z2-7]{8})")},
      {"boot-", std::regex("~cell\\.([a-z2-7]{8})\\b")},
      {"fence-", std::regex("~fence\\.([a-z2-7]{8})\\b")},
      {"#", std::regex("\\.([a-z2-7]{8})\\b")},
      {"master-id-", std::regex("\\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\\b")},
  };
  return all;
}

bool is_worth_telling(const std::string& who, const std::string& text) {
  if (who == "VIOLATION" || who == "lock") return true;
  if (who == "master") return text.starts_with("leads");
  if (who.starts_with("agent-")) return true;
  if (who.starts_with("bbs"))
    return text.find("is refused") != std::string::npos || text.find("wanted no more") != std::string::npos;
  if (who.starts_with("cell ")) return text.starts_with("ends");
  if (!who.starts_with("scheduler-")) return false;
  if (text.starts_with("<-")) return false;
  if (text.starts_with("->")) {
    static constexpr std::array kCalls = {"-> call ACCEPT ", "-> call ACCEPT_INVERSE", "-> call KILL",
                                          "-> call SHUTDOWN"};
    return std::any_of(kCalls.begin(), kCalls.end(), [&](const char* call) { return text.starts_with(call); });
  }
  return !text.starts_with("subscribes at");
}

}  // namespace

std::string StoryTeller::named(std::string text) {
  for (const Kind& kind : kinds()) {
    std::string done;
    std::smatch match;
    while (std::regex_search(text, match, kind.pattern)) {
      // An executor and its cell have the same letters, and so the same number.
      const std::string what = (kind.name == std::string("executor-") ? "cell-" : kind.name) + match[1].str();
      auto [found, fresh] = names_.try_emplace(what, "");
      if (fresh) found->second = std::to_string(++counts_[what.substr(0, what.size() - match[1].str().size())]);
      const char* dot = *kind.name == '#' ? "." : "";
      done += match.prefix().str() + dot + kind.name + found->second;
      text = match.suffix().str();
    }
    text = done + text;
  }
  return text;
}

void StoryTeller::say(const World& world, const std::string& text) {
  lines_.push_back(fmt::format("{:7.1f}  {}", base::to_seconds(world.elapsed()), named(text)));
}

// "    1.234567 who: text"
void StoryTeller::hear(const std::string& line) {
  constexpr std::size_t kTime = 12;
  const auto colon = line.find(": ", kTime);
  if (line.size() <= kTime || colon == std::string::npos) return;
  std::string who = line.substr(kTime + 1, colon - kTime - 1);
  std::string text = line.substr(colon + 2);
  if (!is_worth_telling(who, text)) return;
  if (text.starts_with("-> ")) text = text.substr(3);
  lines_.push_back(fmt::format("{:7.1f}  {}", std::stod(line.substr(0, kTime)), named(who + "  " + text)));
}

void StoryTeller::look(const World& world) {
  std::istringstream heard(transcript_.str());
  if (!heard.str().empty()) {
    transcript_.str("");
    for (std::string line; std::getline(heard, line);) hear(line);
  }
  std::uint64_t commits = 0;
  for (const auto& host : world.schedulers()) commits += host->store().commits();
  if (std::exchange(commits_, commits) == commits) return;
  for (const auto& host : world.schedulers()) {
    if (!host->up() || !host->engine()->leading()) continue;
    for (const core::InstanceView& one : host->engine()->core().instances({})) {
      std::string stands(core::to_string(one.state));
      if (!one.agent_id.empty()) {
        for (const auto& agent : world.agents()) {
          if (agent->agent_id() == one.agent_id) stands += " on agent-" + std::to_string(agent->index());
        }
      }
      if (!one.reason.empty()) stands += ": " + one.reason;
      std::string& told = instances_[{host->index(), one.key}];
      if (told == stands) continue;
      told = stands;
      say(world, core::to_string(one.key) + "  " + stands);
    }
  }
}

void StoryTeller::show(const World& world) {
  for (const auto& host : world.schedulers()) {
    const std::string who = "scheduler-" + std::to_string(host->index());
    if (!host->up()) {
      say(world, who + "  is down");
      continue;
    }
    const core::Health health = host->engine()->health();
    say(world, fmt::format("{}  {}: {}", who, health.subscribed ? "ready" : "not ready", health.detail));
    if (!host->engine()->leading()) continue;
    for (const core::InstanceView& one : host->engine()->core().instances({})) {
      say(world,
          fmt::format("  {}  {}{}{}", core::to_string(one.key), core::to_string(one.state),
                      one.cell_id.empty() ? "" : " in " + one.cell_id, one.reason.empty() ? "" : ": " + one.reason));
    }
    for (const core::CellView& cell : host->engine()->core().cells()) {
      if (cell.cell_id.empty() && cell.draining.empty() && !cell.quarantined_until) continue;
      say(world,
          fmt::format("  {} on {}  {}, {} of {} MiB{}{}{}", cell.cell_id.empty() ? "no cell" : cell.cell_id,
                      cell.agent_hostname, core::to_string(cell.state), cell.memory_used_mb, cell.memory_total_mb,
                      cell.outdated ? ", outdated" : "", cell.draining.empty() ? "" : ", draining: " + cell.draining,
                      cell.quarantined_until ? ", quarantined" : ""));
    }
  }
}

std::vector<std::string> StoryTeller::take() { return std::exchange(lines_, {}); }

}  // namespace simulation
