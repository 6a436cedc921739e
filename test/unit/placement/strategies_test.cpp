// What the built-in strategies promise the index, and Diego's score against its formula.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "base/random.hpp"
#include "oracle.hpp"
#include "rig.hpp"

namespace {

using namespace placement_test;
using placement::Amounts;
using placement::Candidate;
using placement::Cost;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
  }
  bool coin() { return below(2) == 0; }

  Amounts total() {
    if (coin()) return {below(3) * 16, below(3) * 64, 1000, below(3) * 10};
    return {1 + below(300'000), 1 + below(900'000), 1 + below(64'000), 1 + below(500)};
  }
  placement::Request request() {
    auto request = coin() ? lrp("p", 0) : task(0);
    request.needs = coin() ? Amounts{below(20), below(20), 1, 1} : Amounts{below(9'000), below(9'000), below(900), 1};
    return request;
  }
  // Has room for the request; alike `model` in what makes ranks comparable.
  Candidate candidate(const Candidate& model, const placement::Request& request, bool same_total) {
    Candidate cell = model;
    if (!same_total) cell.total = total();
    cell.index = below(6);
    const Amounts spare =
        coin() ? Amounts{below(3), below(3), 0, below(3)} : Amounts{below(60'000), below(90'000), 0, below(90)};
    cell.room = placement::needs_on(request, cell.proxy_mem_mb) + spare;
    cell.starting = below(3);
    cell.lrps = below(5);
    cell.tasks = below(3);
    return cell;
  }

 private:
  base::Random random_;
};

int sign(const Cost& a, const Cost& b) { return a < b ? -1 : a == b ? 0 : 1; }
int sign(std::int64_t a, std::int64_t b) { return a < b ? -1 : a == b ? 0 : 1; }

std::unique_ptr<placement::Strategy> strategy_number(int number) {
  if (number == 0) return placement::make_binpack();
  if (number == 1) return placement::make_spread();
  if (number == 2) return placement::make_diego({});
  if (number == 3) return placement::make_diego({1.0, 0});
  return placement::make_diego({0.3, 0.7});
}

}  // namespace

TEST_CASE("cells alike rank as they cost, for every request", "[strategies][property]") {
  const int number = GENERATE(range(0, 5));
  const auto strategy = strategy_number(number);
  const auto* indexed = strategy->indexed();
  REQUIRE(indexed != nullptr);
  Draw draw(11);
  int different = 0;
  for (int at = 0; at < 20'000; ++at) {
    const auto request = draw.request();
    Candidate model;
    model.up = draw.coin();
    model.proxy_mem_mb = draw.below(2) * 32;
    model.total = draw.total();
    if (request.is_lrp) model.same_process = draw.below(4) * draw.below(2);  // The search needs it of own cells too.
    const Candidate a = draw.candidate(model, request, indexed->depends_on_total());
    const Candidate b = draw.candidate(model, request, indexed->depends_on_total());
    const bool as_lrp = request.is_lrp || !indexed->tasks_rank_apart();
    const int by_cost = sign(indexed->cost(request, a), indexed->cost(request, b));
    const int by_rank = sign(indexed->rank(as_lrp, a), indexed->rank(as_lrp, b));
    if (by_cost != 0) ++different;
    if (by_cost == by_rank) continue;
    CAPTURE(number, at, request.is_lrp, a.up, text(a.total).c_str(), text(a.room).c_str(), text(b.room).c_str());
    REQUIRE(by_cost == by_rank);
  }
  CHECK(different > 5'000);
}

TEST_CASE("more instances of the process on a cell never make it cost less", "[strategies][property]") {
  const auto strategy = strategy_number(GENERATE(range(0, 5)));
  Draw draw(12);
  for (int at = 0; at < 20'000; ++at) {
    auto request = draw.request();
    request.is_lrp = true;
    Candidate model;
    model.up = draw.coin();
    model.total = draw.total();
    Candidate own = draw.candidate(model, request, true);
    Candidate fewer = own;
    fewer.same_process = draw.below(3);
    own.same_process = fewer.same_process + 1 + draw.below(3);
    if (strategy->cost(request, own) < strategy->cost(request, fewer)) FAIL("case " << at);
  }
  SUCCEED();
}

TEST_CASE("a strategy that does not look at the index costs the same at any", "[strategies][property]") {
  const auto strategy = strategy_number(GENERATE(range(0, 5)));
  Draw draw(13);
  bool differs = false;
  for (int at = 0; at < 2'000; ++at) {
    const auto request = draw.request();
    Candidate one;
    one.total = draw.total();
    one = draw.candidate(one, request, true);
    one.index = 0;
    Candidate other = one;
    other.index = 3;
    differs = differs || strategy->cost(request, one) != strategy->cost(request, other);
  }
  CHECK(differs == strategy->indexed()->depends_on_index());
}

// (used memory + disk + containers, each after placing, as parts of the whole) / 3, and what Diego adds.
TEST_CASE("the diego strategy's cost is Diego's score", "[diego]") {
  const auto strategy = placement::make_diego({0.3, 0.7});
  Draw draw(14);
  for (int at = 0; at < 20'000; ++at) {
    const bool is_lrp = draw.coin();
    auto request = is_lrp ? lrp("p", draw.below(4'000)) : task(draw.below(4'000));
    Candidate cell;
    cell.up = true;
    cell.total = {4'000 + draw.below(60'000), 100 + draw.below(60'000), 1000, 1 + draw.below(250)};
    cell.room = {draw.below(cell.total.mem_mb + 1), draw.below(cell.total.disk_mb + 1), 1000,
                 draw.below(cell.total.containers + 1)};
    cell.proxy_mem_mb = 32 * draw.below(2);
    cell.index = draw.below(100);
    cell.starting = draw.below(10);
    cell.tasks = draw.below(4);
    cell.same_process = is_lrp ? draw.below(4) : 0;
    const auto part = [](std::int64_t total, std::int64_t room, std::int64_t need) {
      return 1 - static_cast<double>(room - need) / static_cast<double>(total);
    };
    const std::int64_t mem = request.needs.mem_mb + (is_lrp ? cell.proxy_mem_mb : 0);
    double score = (part(cell.total.mem_mb, cell.room.mem_mb, mem) + part(cell.total.disk_mb, cell.room.disk_mb, 1) +
                    part(cell.total.containers, cell.room.containers, 1)) /
                   3;
    score += static_cast<double>(cell.starting) * 0.7;
    score += static_cast<double>(is_lrp ? cell.same_process : cell.tasks) * 1000;
    if (is_lrp) score += static_cast<double>(cell.index) * 0.3;
    const Cost cost = strategy->cost(request, cell);
    REQUIRE(cost[0] == 0);
    REQUIRE(std::abs(std::ldexp(static_cast<double>(cost[1]), -40) - score) < 1e-6);
  }
}

TEST_CASE("a fraction as a cost keeps the order of fractions", "[strategies]") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  const std::vector<double> rising{-kInfinity, -1e300, -2.5,   -1.0,     -kTiny,
                                   0.0,        kTiny,  1e-300, 0.3,      std::nextafter(0.3, 1),
                                   1.0,        7e9,    1e300,  kInfinity};
  for (std::size_t at = 1; at < rising.size(); ++at) {
    CAPTURE(rising[at - 1], rising[at]);
    CHECK(placement::cost_of(rising[at - 1]) < placement::cost_of(rising[at]));
  }
  CHECK(placement::cost_of(-0.0) == placement::cost_of(0.0));
  CHECK(placement::cost_of(std::numeric_limits<double>::quiet_NaN()) > placement::cost_of(kInfinity));
  CHECK(placement::cost_of(-std::numeric_limits<double>::quiet_NaN()) > placement::cost_of(kInfinity));
}
