// The scheduler's core alone, without wire: offers of many agents, auctions in batches, and a STARTING
// and a RUNNING for each instance. Tells its story on stderr and ends with one JSON object on stdout.
//
//   bench-core [--agents N] [--instances M] [--strategy S] [--batch B]

#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "scheduler/core/core.hpp"

namespace {

using namespace std::chrono_literals;

struct Arguments {
  int agents = 10'000;
  int instances = 250'000;
  int batch = 1000;
  std::string strategy = "binpack";
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--agents") arguments.agents = std::atoi(argv[i + 1]);
    if (name == "--instances") arguments.instances = std::atoi(argv[i + 1]);
    if (name == "--batch") arguments.batch = std::atoi(argv[i + 1]);
    if (name == "--strategy") arguments.strategy = argv[i + 1];
  }
  return arguments;
}

// VmRSS or VmHWM in MiB.
double resident_mb(const char* what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(what)) return std::atof(line.c_str() + std::strlen(what) + 1) / 1024;
  }
  return 0;
}

class Cells final : public core::CellFactory {
 public:
  std::string executor_info(const core::CellSpec& spec) const override { return spec.executor_id + body_; }
  std::string fingerprint() const override { return "f00dcafe"; }

 private:
  const std::string body_ = std::string(700, 'e');
};

// Wall time and events of one phase.
struct Phase {
  std::chrono::nanoseconds spent{};
  std::size_t events = 0;
  double ns_per_event() const {
    return events == 0 ? 0 : static_cast<double>(spent.count()) / static_cast<double>(events);
  }
};

class World {
 public:
  explicit World(const Arguments& arguments)
      : arguments_(arguments),
        core_(config(), cells_, std::move(*placement::make_strategy(arguments.strategy)), base::Random(1)) {}

  static core::Config config() {
    core::Config config;
    config.cell_rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"cflinuxfs4"}};
    config.offer_linger = 100ms;
    return config;
  }

  void run() {
    timed("", 0, [&] { return core_.handle(core::Subscribed{"F", false}, now_); });
    for (int at = 0; at < arguments_.instances; at += arguments_.batch) {
      const int count = std::min(arguments_.batch, arguments_.instances - at);
      const core::Event submitted = auctions(at, count);
      timed("submit", static_cast<std::size_t>(count), [&] { return core_.handle(submitted, now_); });
      settle();
      if (at == 0) offer_all();
      now_ += 20ms;
    }
    for (int rounds = 0; launched_ < arguments_.instances && rounds < 1000; ++rounds) {
      now_ += 100ms;
      settle();
    }
    tell_heap("launched");
    statuses(core::TaskState::starting, "starting");
    statuses(core::TaskState::running, "running");
    tell_heap("running");
    const double running_mb = heap_mb();
    std::size_t view = 0;
    const auto before = std::chrono::steady_clock::now();
    view = core_.instances({}).size();
    const auto took = std::chrono::steady_clock::now() - before;
    std::printf("{\"agents\":%d,\"instances\":%d,\"launched\":%d,\"accepts\":%d,\"agents_used\":%zu", arguments_.agents,
                arguments_.instances, launched_, accepts_, used_.size());
    double total = 0;
    for (const auto& [name, phase] : phases_) {
      if (name.empty()) continue;
      std::fprintf(stderr, "%-10s %9zu events %8.0f ns each %8.3f s\n", name.c_str(), phase.events,
                   phase.ns_per_event(), static_cast<double>(phase.spent.count()) / 1e9);
      std::printf(",\"%s_ns\":%.0f", name.c_str(), phase.ns_per_event());
      total += static_cast<double>(phase.spent.count()) / 1e9;
    }
    std::printf(
        ",\"page_of_%zu_us\":%.0f,\"total_s\":%.3f,\"heap_mb\":%.1f,\"heap_bytes_per_instance\":%.0f,\"peak_rss_mb\":%."
        "1f}\n",
        view, static_cast<double>(took.count()) / 1e3, total, running_mb,
        (running_mb - agents_mb_) * 1048576 / arguments_.instances, resident_mb("VmHWM:"));
  }

 private:
  struct Agent {
    std::string id;
    std::int64_t mem_mb = 0;
    std::string executor;
  };

  template <class Do>
  void timed(const std::string& name, std::size_t events, Do act) {
    const auto begin = std::chrono::steady_clock::now();
    core::Actions actions = act();
    phases_[name].spent += std::chrono::steady_clock::now() - begin;
    phases_[name].events += events;
    for (core::Action& action : actions) mind(action);
  }
  void mind(core::Action& action) {
    if (auto* accept = std::get_if<core::Accept>(&action)) take(std::move(*accept));
    if (std::holds_alternative<core::Revive>(action)) {
      for (const int agent : std::exchange(filtered_, {})) again_.push_back(agent);
    }
    if (auto* decline = std::get_if<core::Decline>(&action)) {
      for (const std::string& id : decline->offer_ids)
        filtered_.push_back(offered_[static_cast<std::size_t>(std::atoi(id.c_str() + 38))]);
    }
  }
  void settle() {
    do {
      const int before = launched_;
      const auto begin = std::chrono::steady_clock::now();
      core::Actions actions = core_.settle(now_);
      const auto spent = std::chrono::steady_clock::now() - begin;
      for (core::Action& action : actions) mind(action);
      phases_["place"].spent += spent;
      phases_["place"].events += static_cast<std::size_t>(launched_ - before);
      longest_ = std::max(longest_, spent);
    } while (core_.next_deadline() && *core_.next_deadline() <= now_);
    // Mesos offers the rest again.
    if (again_.empty()) return;
    core::OffersArrived offers;
    for (const int agent : std::exchange(again_, {})) offers.offers.push_back(offer(agent));
    const std::size_t count = offers.offers.size();
    const core::Event event = std::move(offers);
    timed("offer", count, [&] { return core_.handle(event, now_); });
  }
  void take(core::Accept accept) {
    ++accepts_;
    Agent& agent = agents_[index_of(accept.agent_id)];
    agent.executor = accept.executor_info.substr(0, 28);
    for (const core::Launch& launch : accept.launches) {
      ++launched_;
      for (const core::Piece& piece : launch.pieces) {
        if (piece.dimension == core::Dimension::mem) agent.mem_mb -= piece.amount;
      }
      Launched task{number_of(launch.key), static_cast<std::int32_t>(index_of(accept.agent_id)), {}};
      std::copy(launch.task_id.end() - 8, launch.task_id.end(), task.attempt.begin());
      tasks_.push_back(task);
    }
    if (used_.emplace(accept.agent_id, true).second) agent.mem_mb -= 512;
    if (agent.mem_mb > 0) again_.push_back(static_cast<int>(index_of(accept.agent_id)));
  }
  std::size_t index_of(const std::string& id) const { return static_cast<std::size_t>(std::atoi(id.c_str() + 38)); }
  core::Offer offer(int number) {
    const Agent& agent = agents_[static_cast<std::size_t>(number)];
    core::Offer offer;
    offer.id = "0b1c2d3e-0000-4000-8000-0123456789ab-O" + std::to_string(offered_.size());
    offered_.push_back(number);
    offer.agent_id = agent.id;
    offer.hostname = "agent-" + std::to_string(number) + ".example.com";
    offer.ip = "10." + std::to_string(number / 65536) + "." + std::to_string(number / 256 % 256) + "." +
               std::to_string(number % 256);
    offer.attributes["zone"] = "z" + std::to_string(number % 3);
    offer.pieces = {{core::Dimension::cpus, 16'000, std::string(60, 'c')},
                    {core::Dimension::mem, agent.mem_mb, std::string(60, 'm')},
                    {core::Dimension::disk, 200'000, std::string(60, 'd')}};
    if (!agent.executor.empty()) offer.executor_ids.push_back(agent.executor);
    return offer;
  }
  void offer_all() {
    for (int number = 0; number < arguments_.agents; ++number) {
      char id[64];
      std::snprintf(id, sizeof id, "0b1c2d3e-0000-4000-8000-0123456789ab-S%d", number);
      agents_.push_back({id, 25 * 256 + 512, {}});
    }
    heap_before_ = mallinfo2().uordblks + mallinfo2().hblkhd - 1;
    for (int number = 0; number < arguments_.agents; number += 1000) {
      core::OffersArrived offers;
      for (int i = number; i < std::min(number + 1000, arguments_.agents); ++i) offers.offers.push_back(offer(i));
      const core::Event event = std::move(offers);
      timed("offer", 1000, [&] { return core_.handle(event, now_); });
    }
    tell_heap("offers");
    settle();
    tell_heap("agents");
    agents_mb_ = heap_mb();
  }
  core::Event auctions(int first, int count) {
    core::AuctionsSubmitted submitted;
    for (int i = first; i < first + count; ++i) {
      core::Auction auction;
      auction.key = key_of(i);
      auction.domain = "cf-apps";
      auction.constraint.rootfs = "preloaded:cflinuxfs4";
      auction.resource = {256, 1024, 1024};
      auction.trace_id = "11111111-2222-3333-4444-555555555555";
      submitted.auctions.push_back(std::move(auction));
    }
    return submitted;
  }
  void statuses(core::TaskState state, const std::string& name) {
    for (const Launched& task : tasks_) {
      const std::string& agent = agents_[static_cast<std::size_t>(task.agent)].id;
      core::Status status;
      status.task_id = core::task_id(key_of(task.instance), {task.attempt.data(), task.attempt.size()});
      status.state = state;
      status.uuid = "0123456789abcdef";
      status.agent_id = agent;
      status.executor_id = agents_[index_of(agent)].executor;
      status.from_executor = true;
      const core::Event event = core::StatusArrived{std::move(status)};
      timed(name, 1, [&] { return core_.handle(event, now_); });
      if (++settled_ % 100 == 0) timed("settle", 1, [&] { return core_.settle(now_); });
    }
  }
  static core::Key key_of(int instance) {
    char guid[80];
    const int app = instance / 5;
    std::snprintf(guid, sizeof guid, "%08x-5a5a-4b4b-8c8c-%012x-%08x-1d1d-4e4e-9f9f-%012x",
                  static_cast<unsigned>(app) * 2654435761U, app, app, app);
    return {core::Kind::lrp, guid, instance % 5};
  }
  static std::int32_t number_of(const core::Key& key) {
    return static_cast<std::int32_t>(std::strtol(key.guid.c_str() + 24, nullptr, 16)) * 5 + key.index;
  }
  // In use on the heap, of the core alone.
  double heap_mb() const {
    return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd - heap_before_ -
                               tasks_.capacity() * sizeof(Launched) - offered_.capacity() * 4 -
                               filtered_.capacity() * 4) /
           1048576.0;
  }
  void tell_heap(const char* when) const { std::fprintf(stderr, "heap %-14s %7.1f MiB\n", when, heap_mb()); }

  const Arguments arguments_;
  const Cells cells_;
  core::Core core_;
  base::Time now_{1h};
  std::vector<Agent> agents_;
  std::map<std::string, bool> used_;
  std::vector<int> again_;
  struct Launched {
    std::int32_t instance, agent;
    std::array<char, 8> attempt;
  };
  std::vector<Launched> tasks_;
  std::size_t heap_before_ = 0;
  std::map<std::string, Phase> phases_;
  std::chrono::nanoseconds longest_{};
  double agents_mb_ = 0;
  std::vector<int> filtered_;  // Declined.
  std::vector<int> offered_;   // Agents by offer number.
  int launched_ = 0, accepts_ = 0;
  std::size_t settled_ = 0;
};

}  // namespace

int main(int argc, char** argv) { World(parse(argc, argv)).run(); }
