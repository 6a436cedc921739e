// What the auction simulation of Cloud Foundry's auction repository asserts of Diego, asserted of the
// `diego` strategy: cells of 100 MB memory, 100 MB disk and 100 containers in two zones by turns.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "base/random.hpp"
#include "rig.hpp"

namespace {

using namespace placement_test;
using placement::Cell;
using placement::Request;

struct Start {
  Request request;
  int index = 0;
};

class Auction {
 public:
  explicit Auction(int cells, placement::StrategyOptions options = {})
      : cluster_(placement::make_diego(options)), cells_(cells) {
    for (int number = 0; number < cells; ++number) {
      Cell one = cell(name(number), "Z" + std::to_string(number % 2), 100, true);
      one.index = number;
      one.room = one.last_room = one.total = {100, 100, 100'000, 100};
      one.volume_drivers = {"my-driver"};
      cluster_.upsert(one);
    }
  }

  // Instances that were there before and are running.
  void hold(int number, int instances) {
    const Cell was = *cluster_.find(name(number));
    const placement::Amounts left = was.room - placement::Amounts{instances, instances, 0, instances};
    cluster_.set_room(name(number), left, left);
    for (int one = 0; one < instances; ++one) {
      const std::string process = "old " + std::to_string(number) + " " + std::to_string(one);
      cluster_.occupy(name(number), {true, process, false});
    }
  }

  // Diego's order: LRPs of index 0, Tasks, the other LRPs; each by index, then the larger first.
  void run(std::vector<Start> batch) {
    const auto turn = [](const Start& start) { return !start.request.is_lrp ? 1 : start.index == 0 ? 0 : 2; };
    std::stable_sort(batch.begin(), batch.end(), [&turn](const Start& a, const Start& b) {
      if (turn(a) != turn(b)) return turn(a) < turn(b);
      if (a.index != b.index) return a.index < b.index;
      return a.request.needs.mem_mb > b.request.needs.mem_mb;
    });
    for (const Start& start : batch) {
      const auto outcome = cluster_.place(start.request);
      const auto* placed = std::get_if<placement::Placement>(&outcome);
      const std::string key = start.request.process + " " + std::to_string(start.index);
      order_.push_back(key);
      if (placed != nullptr) {
        where_[key] = placed->agent_id;
        ++won_[std::string(placed->agent_id)];
      } else {
        failed_[key] = std::get<placement::Rejection>(outcome).text;
      }
    }
  }

  int won(int number) const {
    const auto found = won_.find(name(number));
    return found == won_.end() ? 0 : found->second;
  }
  int won_in_zone(int zone) const {
    int sum = 0;
    for (int number = zone; number < cells_; number += 2) sum += won(number);
    return sum;
  }
  // How far the worst cell that won something is from the mean of those that did.
  double unevenness() const {
    double sum = 0;
    for (const auto& [agent, count] : won_) sum += count;
    const double mean = sum / static_cast<double>(won_.size());
    double worst = 0;
    for (const auto& [agent, count] : won_) worst = std::max(worst, std::abs(count - mean));
    return worst;
  }
  const std::map<std::string, std::string>& where() const { return where_; }
  const std::map<std::string, std::string>& failed() const { return failed_; }
  const std::vector<std::string>& order() const { return order_; }
  std::size_t winners() const { return won_.size(); }
  const placement::Cluster& cluster() const { return cluster_; }

 private:
  static std::string name(int number) { return "REP-" + std::to_string(number + 1); }

  placement::Cluster cluster_;
  int cells_;
  std::map<std::string, int> won_;
  std::map<std::string, std::string> where_, failed_;
  std::vector<std::string> order_;
};

Start start(const std::string& process, int index, std::int64_t mem_mb) { return {lrp(process, mem_mb), index}; }

std::vector<Start> unique(const std::string& name, int count, std::int64_t mem_mb) {
  std::vector<Start> batch;
  for (int at = 0; at < count; ++at) batch.push_back(start(name + " " + std::to_string(at), at, mem_mb));
  return batch;
}
std::vector<Start> instances(const std::string& process, int count, std::int64_t mem_mb) {
  std::vector<Start> batch;
  for (int at = 0; at < count; ++at) batch.push_back(start(process, at, mem_mb));
  return batch;
}
void append(std::vector<Start>& all, const std::vector<Start>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

using Sizes = std::pair<int, int>;  // Instances, cells.

}  // namespace

TEST_CASE("small cold starts are spread evenly", "[scenarios]") {
  const auto [count, cells] = GENERATE(values<Sizes>({{8, 4}, {40, 10}, {200, 20}, {800, 40}}));
  CAPTURE(count, cells);
  Auction auction(cells);
  auction.run(unique("app", count, 1));
  CHECK(auction.failed().empty());
  CHECK(auction.unevenness() <= 1);
  CHECK(auction.winners() == static_cast<std::size_t>(cells));
}

TEST_CASE("first fit favors the cells with the lower index, in every zone alike", "[scenarios]") {
  const double weight = GENERATE(0.25, 0.5, 0.75);
  const auto [count, cells] = GENERATE(values<Sizes>({{8, 4}, {40, 10}, {200, 20}, {800, 40}}));
  CAPTURE(weight, count, cells);
  Auction auction(cells, {weight, 0.5});
  auction.run(unique("app", count, 1));
  CHECK(auction.failed().empty());
  for (int number = 0; number + 2 < cells; ++number) CHECK(auction.won(number) >= auction.won(number + 2));
  if (cells > 4) CHECK(auction.won(0) > auction.won(cells - 2));  // Not just level.
  const double mean = count / 2.0;
  CHECK(std::abs(auction.won_in_zone(0) - mean) <= 1);
  CHECK(std::abs(auction.won_in_zone(1) - mean) <= 1);
}

TEST_CASE("first fit still spreads the instances of one process evenly", "[scenarios]") {
  const double weight = GENERATE(0.25, 0.5, 0.75);
  const auto [count, cells] = GENERATE(values<Sizes>({{8, 4}, {40, 10}, {200, 20}, {800, 40}}));
  CAPTURE(weight, count, cells);
  Auction auction(cells, {weight, 0.5});
  auction.run(instances("yellow", count, 1));
  CHECK(auction.failed().empty());
  CHECK(auction.unevenness() <= 1);
}

TEST_CASE("large cold starts of mixed sizes are spread evenly", "[scenarios]") {
  const int k = GENERATE(1, 4);
  const std::uint64_t seed = GENERATE(as<std::uint64_t>{}, 1, 2, 3);
  CAPTURE(k, seed);
  base::Random random(seed);
  std::vector<Start> batch;
  for (const auto& [size, number] : {std::pair{1, 1800 * k}, std::pair{2, 200 * k}, std::pair{4, 50 * k}}) {
    const std::string group = std::to_string(size) + " MB";
    append(batch, unique(group, number / 2, size));
    for (int at = number / 2; at < number; ++at)
      batch.push_back(start(group + " shared " + std::to_string(random.below(4)), at, size));
  }
  for (std::size_t left = batch.size(); left > 1; --left) std::swap(batch[left - 1], batch[random.below(left)]);
  Auction auction(25 * k);
  auction.run(batch);
  CHECK(auction.failed().empty());
  CHECK(auction.unevenness() <= 10);
}

TEST_CASE("a deploy does not flood the cells that came back empty", "[scenarios]") {
  const auto [empty, count] = GENERATE(values<Sizes>({{5, 500}, {1, 100}}));
  CAPTURE(empty, count);
  Auction auction(100);
  for (int number = 0; number < 100 - empty; ++number) auction.hold(number, 50);
  auction.run(unique("app", count, 1));
  CHECK(auction.failed().empty());
  CHECK(auction.unevenness() <= 1);
}

TEST_CASE("zones share the instances of a process, however loaded their cells are", "[scenarios]") {
  Auction auction(3);
  auction.hold(1, 50);
  auction.run(instances("red", 40, 1));
  CHECK(auction.won_in_zone(0) == 20);
  CHECK(auction.won_in_zone(1) == 20);
}

TEST_CASE("one app's instances are spread evenly over cells that are nearly full: the Watters demo", "[scenarios]") {
  const auto [cells, count] = GENERATE(values<Sizes>({{10, 80}, {30, 200}, {100, 400}}));
  const std::uint64_t seed = GENERATE(as<std::uint64_t>{}, 1, 2, 3);
  CAPTURE(cells, count, seed);
  base::Random random(seed);
  Auction auction(cells);
  for (int number = 0; number < cells; ++number) auction.hold(number, 78 + static_cast<int>(random.below(3)));
  auction.run(instances("red", count, 1));
  CHECK(auction.failed().empty());
  CHECK(auction.unevenness() <= 1);
}

TEST_CASE("when memory is low the first instances are placed before any second one", "[scenarios]") {
  Auction auction(1);
  std::vector<Start> batch;
  for (int at = 0; at < 80; ++at) batch.push_back(start("pebble " + std::to_string(at), 0, 1));
  append(batch, instances("red", 2, 50));
  auction.run(batch);
  CHECK(auction.where().size() == 51);
  CHECK(auction.failed().size() == 31);
  CHECK(auction.where().count("red 0") == 1);
  CHECK(auction.failed().at("red 1") == "insufficient resources: memory");
  CHECK(auction.cluster().find("REP-1")->room.containers == 49);
}

// The rules of Diego's unit specs that are placement's or the order of a batch.

TEST_CASE("a batch goes first LRPs, then Tasks, then further LRPs, the larger first", "[scenarios]") {
  std::vector<Start> batch{start("a", 1, 30), start("b", 0, 10), start("c", 0, 20),
                           start("d", 1, 40), {task(10), 0},     {task(50), 0}};
  batch[4].request.process = "small task";
  batch[5].request.process = "large task";
  Auction auction(4);
  auction.run(batch);
  CHECK(auction.order() == std::vector<std::string>{"c 0", "b 0", "large task 0", "small task 0", "d 1", "a 1"});
  CHECK(auction.failed().empty());
}

TEST_CASE("zones level in instances are all scored before one wins", "[scenarios]") {
  Auction auction(4);
  auction.hold(0, 10);
  auction.hold(1, 5);
  auction.hold(2, 10);
  auction.run(instances("red", 1, 1));
  CHECK(auction.where().at("red 0") == "REP-4");
}

TEST_CASE("a placed instance counts at once: starting, memory, disk and a container", "[scenarios]") {
  Auction auction(1);
  auction.run(instances("red", 3, 10));
  const Cell after = *auction.cluster().find("REP-1");
  CHECK(after.starting == 3);
  CHECK(after.room == placement::Amounts{70, 97, 100'000 - 300, 97});
}

TEST_CASE("no room: what is short on every cell tried is named, and only that", "[scenarios]") {
  Auction none(2);
  none.run({start("big", 0, 101)});
  CHECK(none.failed().at("big 0") == "insufficient resources: memory");

  Auction crowded(2);
  crowded.hold(0, 100);
  crowded.hold(1, 99);
  crowded.run({start("two", 0, 2)});
  CHECK(crowded.failed().at("two 0") == "insufficient resources: memory");

  Auction full(2);
  full.hold(0, 100);
  full.hold(1, 100);
  full.run({start("one", 0, 1)});
  CHECK(full.failed().at("one 0") == "insufficient resources: containers, disk, memory");
}
