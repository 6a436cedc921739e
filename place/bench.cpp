#include "place/bench.hpp"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "base/random.hpp"
#include "base/time.hpp"
#include "place/plan.hpp"
#include "platform/clock.hpp"

namespace place {
namespace {

constexpr std::size_t kExplains = 21;
constexpr std::int64_t kBigAppMemoryMb = 64;

double microseconds(base::Duration duration) { return base::to_seconds(duration) * 1e6; }

void one_more(const Workload& workload, placement::Cluster& cluster, Bench& bench) {
  base::Random random(1);
  Requests requests(workload);
  std::vector<double> placing, releasing;
  for (std::size_t i = 0; i < kOneMoreSamples; ++i) {
    placement::Request request = requests.of(random.below(workload.items.size()));
    if (i % 2 == 0 || !request.is_lrp) request.process = "one-more-" + std::to_string(i);
    const base::Time begun = platform::now();
    const placement::Outcome outcome = cluster.place(request);
    const base::Time placed = platform::now();
    placing.push_back(microseconds(placed - begun));
    const auto* placement = std::get_if<placement::Placement>(&outcome);
    if (placement == nullptr) {
      ++bench.one_more_refused;
      continue;
    }
    const base::Time releases = platform::now();
    cluster.release(placement->agent_id, request, true);
    releasing.push_back(microseconds(platform::now() - releases));
  }
  bench.one_more_us = percentiles(placing);
  bench.release_us = percentiles(releasing);
}

// Wishes no cell fulfils: stacks, drivers and tags that are nowhere.
std::vector<placement::ConstraintsPtr> impossible(const placement::Constraints& possible) {
  std::vector<placement::ConstraintsPtr> all;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "nowhere-" + std::to_string(i);
    placement::Constraints rootfs = possible, driver = possible, tag = possible;
    rootfs.rootfs = diego::RootFs{"preloaded", name};
    driver.volume_drivers.insert(name);
    tag.placement_tags.insert(name);
    for (auto& constraints : {rootfs, driver, tag}) {
      all.push_back(std::make_shared<const placement::Constraints>(constraints));
    }
  }
  return all;
}

placement::Amounts largest_room(const Workload& workload, const placement::Cluster& cluster) {
  placement::Amounts largest;
  for (const WorkloadCell& cell : workload.cells) largest = placement::larger(largest, cluster.find(cell.id)->room);
  return largest;
}

void unplaceable(const Workload& workload, placement::Cluster& cluster, Bench& bench) {
  const placement::Amounts most = largest_room(workload, cluster);
  const auto nowhere = impossible(*workload.constraints.front());
  std::vector<std::string> processes;
  for (int i = 0; i < 1000; ++i) processes.push_back("unplaceable-" + std::to_string(i));

  base::Random random(2);
  placement::Request request;
  const base::Time begun = platform::now();
  for (std::size_t i = 0; i < kUnplaceable; ++i) {
    request.is_lrp = i % 4 != 3;
    request.process = processes[i % processes.size()];
    request.needs = {.mem_mb = 64 + static_cast<std::int64_t>(random.below(2000)), .disk_mb = 1024, .containers = 1};
    request.constraints = workload.constraints[i % workload.constraints.size()];
    const std::int64_t beyond = 1 + static_cast<std::int64_t>(random.below(2000));
    const bool by_constraints = i % 2 == 0;
    if (by_constraints) request.constraints = nowhere[random.below(nowhere.size())];
    if (!by_constraints && i % 3 != 0) request.needs.mem_mb = most.mem_mb + beyond;
    if (!by_constraints && i % 3 != 1) request.needs.disk_mb = most.disk_mb + beyond;
    const placement::Outcome outcome = cluster.place(request);
    if (!std::holds_alternative<placement::Rejection>(outcome)) ++bench.unplaceable_placed;
  }
  bench.unplaceable_100k_s = base::to_seconds(platform::now() - begun);
}

void explain(const Workload& workload, const placement::Cluster& cluster, Bench& bench) {
  base::Random random(3);
  Requests requests(workload);
  std::vector<double> times;
  for (std::size_t i = 0; i < kExplains; ++i) {
    const placement::Request& request = requests.of(random.below(workload.items.size()));
    const base::Time begun = platform::now();
    const placement::Explanation explanation = cluster.explain(request);
    times.push_back(microseconds(platform::now() - begun) / 1e3);
    assert(explanation.cells.size() == workload.cells.size());
  }
  bench.explain_ms = median(std::move(times));
}

void big_app(const Workload& workload, placement::Cluster& cluster, Bench& bench) {
  placement::Request request = Requests(workload).of(0);
  request.is_lrp = true;
  request.process = "app-of-" + std::to_string(kBigApp);
  request.needs.mem_mb = kBigAppMemoryMb;
  std::vector<std::string_view> where;
  where.reserve(kBigApp);
  const base::Time begun = platform::now();
  for (std::size_t i = 0; i < kBigApp; ++i) {
    const placement::Outcome outcome = cluster.place(request);
    if (const auto* placed = std::get_if<placement::Placement>(&outcome)) where.push_back(placed->agent_id);
  }
  bench.app_of_10000_s = base::to_seconds(platform::now() - begun);
  bench.app_of_10000_placed = where.size();
  for (const std::string_view agent_id : where) cluster.release(agent_id, request, true);
}

}  // namespace

Percentiles percentiles(std::vector<double>& values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
  };
  return {.p50 = at(0.50), .p99 = at(0.99)};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Bench bench(const Workload& workload, placement::Cluster& cluster) {
  Bench bench;
  if (workload.items.empty()) return bench;
  one_more(workload, cluster, bench);
  explain(workload, cluster, bench);
  big_app(workload, cluster, bench);
  unplaceable(workload, cluster, bench);
  return bench;
}

}  // namespace place
