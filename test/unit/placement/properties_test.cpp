// Every decision held against the oracle's, over random lives of random clusters.
//   DIEGO_MESOS_CASES   how many in all; 100,000 where it is not set
//   DIEGO_MESOS_SEED    another seed than the usual one
//   DIEGO_MESOS_REPLAY  a file with a case as a failure printed it: that one alone is lived
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cases.hpp"

namespace {

using placement_test::Case;

std::string setting(const char* name, const char* usual) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : usual;
}

// An assertion in the code under test ends the program: say first with what.
const Case* lived = nullptr;
void tell_case(int) {
  if (lived != nullptr) std::cerr << "aborted while living\n" << *lived << std::flush;
  std::signal(SIGABRT, SIG_DFL);
}

std::optional<std::string> live(const Case& one) {
  lived = &one;
  auto wrong = placement_test::disagreement(one);
  lived = nullptr;
  return wrong;
}

// Own draws, as rapidcheck's are too slow for this many; its shrinking.
rc::Gen<Case> cases(int strategy) {
  return [strategy](rc::Random random, int size) {
    base::Random draws(random.next());
    return rc::shrinkable::shrinkRecur(placement_test::random_case(strategy, draws, size), [](const Case& one) {
      return rc::seq::fromContainer(placement_test::simpler(one));
    });
  };
}

rc::detail::TestParams params(int cases) {
  rc::detail::TestParams params;
  const std::string seed = setting("DIEGO_MESOS_SEED", "20261122");
  params.seed = std::stoull(seed);
  ::setenv("RC_PARAMS", ("seed=" + seed).c_str(), 0);  // Or rapidcheck draws one, and says so.
  params.maxSuccess = cases;
  return params;
}

std::string told(const rc::detail::TestResult& result) {
  std::ostringstream out;
  rc::detail::printResultMessage(result, out);
  return out.str();
}

}  // namespace

TEST_CASE("every decision is the one of a scan of all cells", "[property]") {
  const auto [name, strategy, percent] = GENERATE(table<std::string, int, int>({{"binpack", Case::binpack, 25},
                                                                                {"spread", Case::spread, 20},
                                                                                {"diego", Case::diego, 35},
                                                                                {"scanned", Case::scanned, 10},
                                                                                {"indexed", Case::indexed, 10}}));
  if (!setting("DIEGO_MESOS_REPLAY", "").empty()) return;
  const int all = std::stoi(setting("DIEGO_MESOS_CASES", "100000"));
  const auto usual = std::signal(SIGABRT, tell_case);
  const auto property = [which = strategy] {
    const Case one = *cases(which);
    if (const auto wrong = live(one)) RC_FAIL(*wrong);
  };
  const auto result =
      rc::detail::checkTestable(property, rc::detail::TestMetadata{name, name}, params(all / 100 * percent));
  std::signal(SIGABRT, usual);
  INFO("strategy " << name << ", seed " << params(0).seed << "\n" << told(result));
  CHECK(result.is<rc::detail::SuccessResult>());
}

TEST_CASE("a case from a file is lived alone", "[property]") {
  const std::string path = setting("DIEGO_MESOS_REPLAY", "");
  if (path.empty()) return;
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  const Case one = placement_test::read_case(content.str());
  REQUIRE_FALSE(one.commands.empty());
  INFO(one);
  CHECK(live(one).value_or("") == "");
}

// Cases that never come to a decision prove nothing of it.
TEST_CASE("the random cases come to every kind of decision", "[property]") {
  base::Random random(7);
  placement_test::Tally tally;
  for (int at = 0; at < 1500; ++at) {
    CHECK(placement_test::disagreement(placement_test::random_case(at % 5, random, at % 100), &tally).value_or("") ==
          "");
  }
  for (const char* kind :
       {"starts", "joins", "joins its own", "joins those to avoid", "awaits", "insufficient resources",
        "insufficient resources: memory", "insufficient resources: containers", "insufficient resources: disk, memory",
        "insufficient resources: containers, cpu, disk, memory", "unable to communicate to compatible cells",
        "waiting to start instance: reached in-flight start limit", "found no compatible cell for required rootfs",
        "found no compatible cell with required volume drivers", "found no compatible cell with no placement tags",
        "found no compatible cell with placement tag \"x\"",
        "found no compatible cell with placement tags \"x\" and \"y\"",
        "found no compatible cell with placement tags \"x\", \"y\" and \"z\""}) {
    CAPTURE(kind);
    CHECK(tally[kind] >= 5);
  }
}

TEST_CASE("a case survives being written and read", "[property]") {
  base::Random random(1);
  for (int strategy = Case::binpack; strategy <= Case::indexed; ++strategy) {
    std::ostringstream once;
    std::ostringstream twice;
    once << placement_test::random_case(strategy, random, 100);
    twice << placement_test::read_case(once.str());
    CHECK(once.str() == twice.str());
  }
}
