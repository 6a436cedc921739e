// bench-placement: what a decision costs. --case NAME --count N does N operations on a small fixed cluster,
// always the same ones, and prints how long they took as JSON; test/bench/compare counts the instructions.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "scheduler/placement/cluster.hpp"
#include "scheduler/plugin/load.hpp"

namespace {

constexpr std::size_t kPerCell = 10;  // So many instances lie on a cell on average.
constexpr std::size_t kPerProcess = 25;
constexpr int kBadUsage = 2;

struct Options {
  std::string name;
  std::size_t count = 1000;
  std::size_t cells = 200;
  std::string module = SCAN_MODULE;
};

placement::Cell cell(std::size_t number) {
  placement::Cell cell;
  char id[16];
  std::snprintf(id, sizeof id, "agent-%06zu", number);
  cell.agent_id = id;
  cell.zone = "z" + std::to_string(number % 3);
  cell.index = static_cast<std::int64_t>(number);
  cell.up = number % 4 != 3;
  cell.total = {number % 5 == 0 ? 65'536 : 32'768, 262'144, 32'000, 250};
  cell.room = cell.last_room = cell.total;
  cell.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"cflinuxfs4"}};
  if (number % 8 == 0) cell.optional_placement_tags = {"gpu"};
  return cell;
}

placement::ConstraintsPtr constraints(std::set<std::string> tags) {
  placement::Constraints made;
  made.rootfs = diego::parse_rootfs("preloaded:cflinuxfs4");
  made.placement_tags = std::move(tags);
  return std::make_shared<const placement::Constraints>(std::move(made));
}

std::vector<placement::Request> requests(std::size_t count) {
  const auto plain = constraints({});
  const auto gpu = constraints({"gpu"});
  std::vector<placement::Request> made(count);
  for (std::size_t i = 0; i < made.size(); ++i) {
    const std::size_t process = i / kPerProcess;
    made[i].is_lrp = process % 10 != 9;
    made[i].process = (made[i].is_lrp ? "process-" : "task-") + std::to_string(made[i].is_lrp ? process : i);
    made[i].needs = {64 << (process % 5), 1024, 50, 1};
    made[i].constraints = process % 16 == 7 ? gpu : plain;
  }
  return made;
}

// What the operations of a case do; the result goes into the checksum.
class Bench {
 public:
  Bench(std::unique_ptr<placement::Strategy> strategy, std::size_t cells)
      : cluster_(std::move(strategy)), kept_(cells * kPerCell), requests_(requests(2 * kept_)) {
    for (std::size_t i = 0; i < cells; ++i) cluster_.upsert(cell(i));
    while (placed_.size() < kept_) place_next();
  }

  // One instance is placed, and one that was placed long ago leaves: the load stays.
  void place() {
    place_next();
    const auto [agent, request] = placed_.front();
    placed_.pop_front();
    cluster_.release(agent, *request, true);
  }

  // One leaves, and is told back in.
  void release() {
    const auto [agent, request] = placed_.front();
    placed_.pop_front();
    placed_.emplace_back(agent, request);
    const placement::Cell before = *cluster_.find(agent);
    cluster_.release(agent, *request, true);
    cluster_.occupy(agent, {request->is_lrp, request->process, true});
    cluster_.set_room(agent, before.room, before.last_room);
  }

  void reject() {
    placement::Request request = requests_[next_++ % requests_.size()];
    request.needs.mem_mb += 1'000'000;
    note(std::get<placement::Rejection>(cluster_.place(request)).text);
  }

  void explain() {
    const auto told = cluster_.explain(requests_[next_++ % requests_.size()]);
    note(told.cells.at(next_ % told.cells.size()).agent_id);
  }

  std::uint64_t checksum() const { return checksum_; }

 private:
  void place_next() {
    const placement::Request& request = requests_[next_++ % requests_.size()];
    const auto outcome = cluster_.place(request);
    const auto* placed = std::get_if<placement::Placement>(&outcome);
    if (placed == nullptr) {
      std::fprintf(stderr, "bench-placement: %s found no place\n", request.process.c_str());
      std::exit(1);
    }
    note(placed->agent_id);
    placed_.emplace_back(placed->agent_id, &request);
  }

  void note(std::string_view text) {  // FNV-1a
    for (const char c : text) checksum_ = (checksum_ ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }

  placement::Cluster cluster_;
  const std::size_t kept_;
  const std::vector<placement::Request> requests_;  // Asked for in turn, each gone before it comes again.
  std::deque<std::pair<std::string_view, const placement::Request*>> placed_;
  std::size_t next_ = 0;
  std::uint64_t checksum_ = 14695981039346656037U;
};

struct Case {
  const char* strategy;  // nullptr: the module.
  void (Bench::*operation)();
};

const std::map<std::string, Case> kCases{
    {"place_diego", {"diego", &Bench::place}},   {"place_binpack", {"binpack", &Bench::place}},
    {"place_spread", {"spread", &Bench::place}}, {"reject", {"diego", &Bench::reject}},
    {"explain", {"diego", &Bench::explain}},     {"release", {"diego", &Bench::release}},
    {"plugin_scan", {nullptr, &Bench::place}},
};

int usage() {
  std::fprintf(stderr, "bench-placement --case NAME [--count N] [--cells N] [--module PATH[:OPTIONS]]; cases:");
  for (const auto& [name, unused] : kCases) std::fprintf(stderr, " %s", name.c_str());
  std::fprintf(stderr, "\n");
  return kBadUsage;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const char* value = argv[i + 1];
    if (flag == "--case") {
      options.name = value;
    } else if (flag == "--module") {
      options.module = value;
    } else if (flag == "--count") {
      options.count = std::strtoul(value, nullptr, 10);
    } else if (flag == "--cells") {
      options.cells = std::strtoul(value, nullptr, 10);
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && options.cells > 0 && kCases.contains(options.name);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) return usage();
  const Case& chosen = kCases.at(options.name);
  auto strategy = plugin::load_strategy(chosen.strategy != nullptr ? chosen.strategy : options.module);
  if (!strategy) {
    std::fprintf(stderr, "bench-placement: %s\n", strategy.error().message().c_str());
    return kBadUsage;
  }
  const std::string strategy_name((*strategy)->name());
  Bench bench(std::move(*strategy), options.cells);

  const auto begun = std::chrono::steady_clock::now();
  const std::clock_t cpu_begun = std::clock();
  for (std::size_t i = 0; i < options.count; ++i) (bench.*chosen.operation)();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const double cpu_s = static_cast<double>(std::clock() - cpu_begun) / CLOCKS_PER_SEC;
  std::printf(
      "{\"case\":\"%s\",\"strategy\":\"%s\",\"cells\":%zu,\"count\":%zu,\"seconds\":%.6f,\"cpu_seconds\":%.6f,"
      "\"per_cpu_second\":%.0f,\"checksum\":\"%016llx\"}\n",
      options.name.c_str(), strategy_name.c_str(), options.cells, options.count, took.count(), cpu_s,
      static_cast<double>(options.count) / cpu_s, static_cast<unsigned long long>(bench.checksum()));
}
