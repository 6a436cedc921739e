#include "test/simulation/story.hpp"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

#include "platform/flags.hpp"
#include "test/simulation/invariants.hpp"
#include "test/simulation/story_teller.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 15min;  // Of `until`.

// Thrown by a command that makes no sense; caught by play().
struct Wrong {
  std::string text;
};

using Words = std::vector<std::string>;

Words words_of(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) throw Wrong{"'" + text + "' is not a number"};
  return value;
}

Duration duration(const std::string& text) {
  const auto read = platform::parse_duration("", text);
  if (!read) throw Wrong{"'" + text + "' is not a duration"};
  return *read;
}

// "agent-1" and the like.
std::size_t part(const std::string& text, const std::string& kind, std::size_t count) {
  if (!text.starts_with(kind + "-")) throw Wrong{"'" + text + "' is no " + kind};
  const auto index = static_cast<std::size_t>(number(text.substr(kind.size() + 1)));
  if (index >= count) throw Wrong{"there is no " + text};
  return index;
}

core::KeyPattern pattern_of(const std::string& name, const Bbs& bbs) {
  for (const auto& [key, wanted] : bbs.wanted()) {
    if (core::to_string(key) == name) {
      core::KeyPattern pattern{key.kind, key.guid, std::nullopt};
      if (key.kind == core::Kind::lrp) pattern.index = key.index;
      return pattern;
    }
    if (key.guid == name) return {key.kind, key.guid, std::nullopt};
  }
  throw Wrong{"nobody asked for " + name};
}

Settings plain_settings() {
  Settings settings;
  settings.agents = 2;
  settings.converge = false;
  settings.task_duration = 5s;
  settings.cell_idle_timeout = 60s;
  settings.instances = settings.tasks = 0;
  return settings;
}

class Story {
 public:
  void set(const Words& words) {
    const std::string& what = words.front();
    const auto more = [&](std::size_t count) {
      if (words.size() != count + 1) throw Wrong{what + " wants " + std::to_string(count) + " words"};
    };
    if (what == "flags") {
      settings_.scheduler_flags.insert(settings_.scheduler_flags.end(), words.begin() + 1, words.end());
    } else if (what == "agents") {
      if (words.size() == 4 && words[3] == "MiB")
        settings_.agent_mem_mb = number(words[2]);
      else
        more(1);
      settings_.agents = static_cast<int>(number(words[1]));
    } else if (what == "bbs") {
      more(0);
      settings_.bbs = settings_.converge = true;
    } else if (what == "zones") {
      more(1);
      settings_.zones = static_cast<int>(number(words[1]));
    } else if (what == "schedulers") {
      more(1);
      settings_.schedulers = static_cast<int>(number(words[1]));
    } else if (what == "masters") {
      more(1);
      settings_.master_addresses = static_cast<int>(number(words[1]));
    } else if (what == "tasks-last") {
      more(1);
      settings_.task_duration = duration(words[1]);
    } else if (what == "starts-take") {
      more(1);
      settings_.start_delay = duration(words[1]);
    } else {
      throw Wrong{"no such setting: " + what};
    }
  }

  // The lines that tell of it.
  Words carry_out(const Words& words) {
    begin();
    command(words);
    look();
    return teller_.take();
  }

  const World* world() const { return world_.get(); }

 private:
  void begin() {
    if (world_) return;
    WorldOptions options;
    options.seed = 1;
    options.faults = false;
    options.transcript = &teller_.transcript();
    options.told = settings_;
    world_ = std::make_unique<World>(options);
    rules_ = std::make_unique<Invariants>(*world_);
    world_->begin();
  }

  void look() { teller_.look(*world_); }

  // Looks after every step; until `done`, if it is given.
  bool run(Duration how_long, const std::function<bool()>& done = {}) {
    struct Looker final : Checker {
      explicit Looker(Story& told) : story(told) {}
      void after_step() override {
        story.look();
        story.rules_->after_step();
      }
      std::optional<std::string> unsettled() override { return std::nullopt; }
      void at_end() override {}
      Story& story;
    } looker(*this);
    constexpr Duration kLookEvery = 10ms;
    const Time end = world_->now() + how_long;
    while (world_->now() < end) {
      if (done && done()) return true;
      const Time next = done ? std::min(end, world_->now() + kLookEvery) : end;
      if (!world_->run_until(next, looker)) throw Wrong{"a rule is broken: " + world_->violations().front().text};
    }
    return done && done();
  }

  void until(Duration how_long, const std::string& what, const std::function<bool()>& done) {
    if (!run(how_long, done)) throw Wrong{"it never comes that " + what};
  }

  const engine::Engine* acting() const {
    for (const auto& host : world_->schedulers()) {
      if (host->acting()) return host->engine();
    }
    return nullptr;
  }

  bool all_are(const std::string& name, const std::string& state) const {
    const engine::Engine* engine = acting();
    if (engine == nullptr) return false;
    const core::KeyPattern pattern = pattern_of(name, world_->bbs());
    bool any = false;
    for (const auto& one : engine->core().instances({})) {
      if (!pattern.matches(one.key)) continue;
      any = true;
      if (core::to_string(one.state) != state) return false;
    }
    return any;
  }

  std::size_t cells() const {
    std::size_t count = 0;
    for (const auto& agent : world_->agents()) count += agent->alive_cells().size();
    return count;
  }

  AgentHost& agent(const std::string& name) { return *world_->agents()[part(name, "agent", world_->agents().size())]; }
  SchedulerHost& scheduler(const std::string& name) {
    if (name == "leader") {
      for (const auto& host : world_->schedulers()) {
        if (host->acting()) return *host;
      }
      throw Wrong{"nobody leads"};
    }
    return *world_->schedulers()[part(name, "scheduler", world_->schedulers().size())];
  }
  Cell& cell_on(const std::string& name) {
    for (Cell* cell : agent(name).alive_cells()) {
      if (cell->alive()) return *cell;
    }
    throw Wrong{name + " has no cell"};
  }

  static core::Auction auction(core::Kind kind, const std::string& guid, std::int64_t index, std::int64_t mem_mb) {
    core::Auction auction;
    auction.key = {kind, guid, static_cast<std::int32_t>(index)};
    auction.domain = kind == core::Kind::lrp ? "cf-apps" : "cf-tasks";
    auction.constraint.rootfs = "preloaded:cflinuxfs4";
    const auto mib = static_cast<std::int32_t>(mem_mb);
    auction.resource = {mib, mib, 0};
    return auction;
  }

  // `post web 0-2 256`
  void post(const std::string& guid, const std::string& indices, std::int64_t mem_mb) {
    const auto dash = indices.find('-');
    const std::int64_t first = number(indices.substr(0, dash));
    const std::int64_t last = dash == std::string::npos ? first : number(indices.substr(dash + 1));
    std::vector<core::Auction> auctions;
    for (std::int64_t index = first; index <= last; ++index)
      auctions.push_back(auction(core::Kind::lrp, guid, index, mem_mb));
    world_->bbs().ask(auctions);
  }

  // A row of the table: the words of a command, with X for what it takes.
  struct Command {
    const char* form;
    std::function<void(const Words&)> carry_out;  // Gets what stands for the X.
  };
  std::vector<Command> commands() {
    return {
        {"run X", [this](const Words& x) { run(duration(x[0])); }},
        {"until X is X",
         [this](const Words& x) { until(kPatience, x[0] + " is " + x[1], [&] { return all_are(x[0], x[1]); }); }},
        {"until X cells run",
         [this](const Words& x) {
           const auto count = static_cast<std::size_t>(number(x[0]));
           until(kPatience, x[0] + " cells run", [&] { return cells() == count; });
         }},
        {"until a scheduler acts",
         [this](const Words&) { until(kPatience, "a scheduler acts", [this] { return acting() != nullptr; }); }},
        {"until nobody acts",
         [this](const Words&) { until(kPatience, "nobody acts", [this] { return acting() == nullptr; }); }},
        {"until all is settled",
         [this](const Words&) {
           until(kPatience, "all is settled: " + rules_->unsettled().value_or(""),
                 [this] { return !rules_->unsettled(); });
         }},
        {"show", [this](const Words&) { teller_.show(*world_); }},

        {"post X X X", [this](const Words& x) { post(x[0], x[1], number(x[2])); }},
        {"post the task X X",
         [this](const Words& x) { world_->bbs().ask({auction(core::Kind::task, x[0], 0, number(x[1]))}); }},
        {"stop X", [this](const Words& x) { world_->bbs().stop(pattern_of(x[0], world_->bbs())); }},
        {"converge", [this](const Words&) { world_->bbs().converge(); }},
        {"the BBS is away for X", [this](const Words& x) { world_->bbs().away_for(duration(x[0])); }},
        {"drain X", [this](const Words& x) { drain(x[0], true); }},
        {"undrain X", [this](const Words& x) { drain(x[0], false); }},
        {"rebalance X at most X", [this](const Words& x) { rebalance(x[0], number(x[1])); }},

        {"the master fails over after X", [this](const Words& x) { world_->master().fail_over(duration(x[0])); }},
        {"an offer is rescinded", [this](const Words&) { world_->master().rescind_one(); }},
        {"X is out of reach for X", [this](const Words& x) { agent(x[0]).partition(duration(x[1])); }},
        {"X restarts and is down for X", [this](const Words& x) { agent(x[0]).restart(duration(x[1])); }},
        {"the machine of X dies and is back after X",
         [this](const Words& x) { agent(x[0]).machine_dies(duration(x[1])); }},
        {"the executor on X is killed", [this](const Words& x) { cell_on(x[0]).kill("killed"); }},
        {"the executor on X hangs for X", [this](const Words& x) { cell_on(x[0]).hang(duration(x[1])); }},
        {"the rep on X dies", [this](const Words& x) { cell_on(x[0]).rep_dies(); }},
        {"the rep on X hangs for X", [this](const Words& x) { cell_on(x[0]).rep_hangs(duration(x[1])); }},
        {"X is killed and is back after X",
         [this](const Words& x) { scheduler(x[0]).crash("killed", duration(x[1])); }},
        {"X is killed at its commit X from here",
         [this](const Words& x) { scheduler(x[0]).crash_at_commit(static_cast<int>(number(x[1]))); }},
        {"X restarts with X X",
         [this](const Words& x) {
           scheduler(x[0]).restart_with({x[1], x[2]}, 1s);
         }},
        {"X hangs for X", [this](const Words& x) { scheduler(x[0]).pause(duration(x[1])); }},
        {"the disk of X is full for X",
         [this](const Words& x) { scheduler(x[0]).fail_commits_until(world_->now() + duration(x[1])); }},
        {"the calls of X are cut", [this](const Words& x) { scheduler(x[0]).cut_calls(); }},
        {"the stream of X is cut", [this](const Words& x) { scheduler(x[0]).cut_stream(); }},
        {"the stream of X falls silent", [this](const Words& x) { scheduler(x[0]).mute_stream(); }},
        {"X cannot reach ZooKeeper for X",
         [this](const Words& x) {
           world_->lock().cut_off(static_cast<int>(part(x[0], "scheduler", world_->schedulers().size())),
                                  duration(x[1]));
         }},
        {"the framework is torn down", [this](const Words&) { world_->master().tear_down(); }},
    };
  }

  void drain(const std::string& name, bool wanted) {
    const std::string& id = agent(name).agent_id();
    for (const auto& host : world_->schedulers()) {
      if (host->acting()) return host->drain(id, wanted);
    }
    throw Wrong{"nobody acts"};
  }

  void rebalance(const std::string& goal, std::int64_t moves) {
    core::RebalanceOrder order{core::parse_goal(goal), static_cast<std::size_t>(moves)};
    if (!order.goal) throw Wrong{"no goal is called " + goal};
    for (const auto& host : world_->schedulers()) {
      if (host->acting()) return host->rebalance(order);
    }
    throw Wrong{"nobody acts"};
  }

  void command(const Words& words) {
    for (const Command& one : commands()) {
      const Words form = words_of(one.form);
      if (form.size() != words.size()) continue;
      Words taken;
      bool fits = true;
      for (std::size_t i = 0; i < form.size() && fits; ++i) {
        if (form[i] == "X") {
          taken.push_back(words[i]);
        } else {
          fits = form[i] == words[i];
        }
      }
      if (fits) return one.carry_out(taken);
    }
    throw Wrong{"no such command"};
  }

  Settings settings_ = plain_settings();
  StoryTeller teller_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Invariants> rules_;
};

}  // namespace

base::Result<std::string> play(const std::string& text) {
  Story story;
  std::string told;
  std::istringstream in(text);
  int number = 0;
  bool begun = false;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const auto fail = [&](const std::string& why) {
      return base::Error{"line " + std::to_string(number) + ": " + line, why};
    };
    try {
      if (line.starts_with("> ")) {
        begun = true;
        told += line + "\n";
        for (const std::string& one : story.carry_out(words_of(line.substr(2)))) told += one + "\n";
      } else if (line.empty() || line.starts_with("#")) {
        told += line + "\n";
      } else if (!begun) {
        story.set(words_of(line));
        told += line + "\n";
      }  // Else it is what was told before.
    } catch (const Wrong& wrong) {
      return fail(wrong.text);
    } catch (const std::exception& wrong) {  // A flag of the scheduler, say.
      return fail(wrong.what());
    }
  }
  return told;
}

}  // namespace simulation
