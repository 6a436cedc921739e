// The life of a cluster of 2,000 cells; the oracle follows it and is asked now and then.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "oracle.hpp"
#include "rig.hpp"

namespace {

using namespace placement_test;
using placement::Cell;
using placement::Request;

class Town {
 public:
  Town(std::unique_ptr<placement::Strategy> strategy, Rules rules, bool alike)
      : cluster_(std::move(strategy), placement::Limits{0, 6}), oracle_(std::move(rules), {0, 6}), alike_(alike) {
    for (int number = 0; number < 2'000; ++number) tell(number);
  }

  // One more thing happens; every 40th decision is held against the oracle's.
  void step(int at) {
    const auto what = random_.below(100);
    if (what < 72) return place(at % 40 == 0);
    if (what < 90) return release();
    if (what < 93) return lose(static_cast<int>(random_.below(2'000)));
    tell(static_cast<int>(random_.below(2'000)));
  }

  void compare_all() const {
    REQUIRE(cluster_.agent_ids() == oracle_.agent_ids());
    REQUIRE(cluster_.starting() == oracle_.starting());
    for (const auto& agent : oracle_.agent_ids()) {
      if (cluster_.find(agent) != oracle_.find(agent))
        FAIL(text(*cluster_.find(agent)) + "\n" + text(*oracle_.find(agent)));
      if (cluster_.tasks(agent) != oracle_.tasks(agent)) FAIL(agent);
      if (cluster_.instances(agent, "p0") != oracle_.instances(agent, "p0")) FAIL(agent);
    }
  }

  std::size_t placed() const { return placed_; }
  std::size_t compared() const { return compared_; }

 private:
  struct Inhabitant {
    std::string agent;
    Request request;
    bool starting = true;
  };

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
  }

  void tell(int number) {
    Cell one = cell("agent " + std::to_string(number), "z" + std::to_string(number % 3), 0, number % 4 != 0);
    one.total.mem_mb = alike_ ? 512 * (1 + number % 5) : 1'000 + below(3'000);
    one.total.disk_mb = 20'000;
    one.room = one.last_room = one.total;
    one.index = number / 3;
    one.takes_work = number % 50 != 7 || below(2) == 0;
    if (number % 10 == 1) one.placement_tags = {"iso"};
    if (number % 10 == 2) one.optional_placement_tags = {"iso"};
    if (number % 7 == 1) one.proxy_mem_mb = 32;
    cluster_.upsert(one);
    oracle_.upsert(one);
  }

  void lose(int number) {
    const std::string agent = "agent " + std::to_string(number);
    cluster_.remove(agent);
    oracle_.remove(agent);
    std::erase_if(there_, [&agent](const Inhabitant& one) { return one.agent == agent; });
  }

  // p0 has instances on most of the cells.
  Request request() {
    const auto process = below(3) == 0 ? 0 : below(600);
    auto request = below(8) == 0 ? task(1) : lrp("p" + std::to_string(process), 1);
    request.needs = {alike_ ? 64 * (1 + below(4)) : 1 + below(300), 1 + below(900), 10, 1};
    if (below(12) == 0) request.constraints = wants("preloaded:fs", {"iso"});
    return request;
  }

  void place(bool compare) {
    const Request wanted = request();
    const bool may_wait = below(2) == 0;
    const auto right = compare ? oracle_.answer(wanted, may_wait) : Oracle::Answer{};
    const auto outcome = cluster_.place(wanted, may_wait);
    if (compare && !right.allows(outcome)) FAIL("is    " + text(outcome) + "\nought " + text(right));
    if (compare) ++compared_;
    oracle_.book(wanted, outcome);
    if (const auto* placed = std::get_if<placement::Placement>(&outcome)) {
      ++placed_;
      there_.push_back({std::string(placed->agent_id), wanted});
      if (below(3) > 0) run(there_.back());
    }
  }

  void run(Inhabitant& one) {
    one.starting = false;
    cluster_.started(one.agent);
    oracle_.started(one.agent);
  }

  void release() {
    if (there_.empty()) return;
    std::swap(there_[random_.below(there_.size())], there_.back());
    const Inhabitant gone = there_.back();
    there_.pop_back();
    cluster_.release(gone.agent, gone.request, gone.starting);
    oracle_.release(gone.agent, gone.request, gone.starting);
  }

  base::Random random_{5};
  placement::Cluster cluster_;
  Oracle oracle_;
  bool alike_;
  std::vector<Inhabitant> there_;
  std::size_t placed_ = 0, compared_ = 0;
};

}  // namespace

TEST_CASE("20,000 steps among 2,000 cells", "[scale]") {
  const bool alike = GENERATE(true, false);
  const int which = GENERATE(0, 1, 2);
  CAPTURE(alike, which);
  Town town(which == 0   ? placement::make_binpack()
            : which == 1 ? placement::make_spread()
                         : placement::make_diego({0.01, 0.25}),
            which == 0   ? binpack_rules()
            : which == 1 ? spread_rules()
                         : diego_rules(0.01, 0.25),
            alike);
  for (int at = 0; at < 28'000; ++at) town.step(at);
  town.compare_all();
  CHECK(town.placed() > 15'000);
  CHECK(town.compared() > 400);
}

// Agent ids that come in falling order use up the numbers between their neighbours.
TEST_CASE("ties go to the smallest agent id after thousands have come in any order", "[scale]") {
  placement::Cluster c(placement::make_spread());
  for (int number = 9'999; number >= 8'000; --number) c.upsert(cell(std::to_string(number), "z", 100));
  for (int number = 1'000; number < 3'000; ++number) c.upsert(cell(std::to_string(number), "z", 100));
  for (int number = 7'999; number >= 3'000; number -= 2) c.upsert(cell(std::to_string(number), "z", 100));
  const auto ids = c.agent_ids();
  REQUIRE(std::is_sorted(ids.begin(), ids.end()));
  for (const auto& id : ids) {
    if (c.place(lrp("p", 100)) != on(id.c_str(), true)) FAIL("not " << id);
  }
  SUCCEED();
}

TEST_CASE("as many kinds of constraints as there are requests", "[scale]") {
  auto c = cluster("diego", {cell("a", "z", 100'000, true)});
  for (int at = 0; at < 10'000; ++at) {
    auto request = lrp("p" + std::to_string(at), 1);
    const bool fits = at % 3 == 0;
    request.constraints = fits ? wants("preloaded:fs") : wants("preloaded:fs", {std::to_string(at)});
    if (std::holds_alternative<placement::Placement>(c.preview(request)) != fits) FAIL(at);
  }
  SUCCEED();
}
