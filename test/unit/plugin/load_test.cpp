#include "scheduler/plugin/load.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "scheduler/placement/module.hpp"

namespace {

using placement::Candidate;
using placement::Cost;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::string path(const std::string& name) { return std::string(MODULES_DIR) + "/test-module-" + name + ".so"; }

std::vector<std::string> told;  // NOLINT
void tell(std::string_view line) { told.emplace_back(line); }

std::string refusal(const std::string& name_or_path) {
  const auto made = plugin::load_strategy(name_or_path);
  return made ? "made " + std::string((*made)->name()) : made.error().message();
}

placement::Request lrp(std::int64_t mem_mb) {
  placement::Request request;
  request.process = "p";
  request.needs = {mem_mb, 1, 1, 1};
  request.constraints = std::make_shared<const placement::Constraints>();
  return request;
}

Candidate candidate(std::string_view agent, std::int64_t mem_mb) {
  Candidate cell;
  cell.agent_id = agent;
  cell.room = {mem_mb, 1, 1, 1};
  return cell;
}

}  // namespace

TEST_CASE("a name without a slash is a strategy of ours, with its options", "[load]") {
  for (const auto& name : placement::strategy_names()) CHECK(refusal(name) == "made " + name);
  CHECK(refusal("best") == placement::make_strategy("best").error().message());
}

TEST_CASE("a module's strategy answers through the program", "[load]") {
  const auto made = plugin::load_strategy(path("good"));
  REQUIRE(made);
  const auto& strategy = **made;
  CHECK(strategy.name() == "good");
  CHECK(strategy.awaits_up_cells());
  CHECK(strategy.indexed() == nullptr);
  CHECK(strategy.cost(lrp(100), candidate("a", 300)) == Cost{placement::cost_of(200 / 3.0), 0, 0});
  CHECK(strategy.cost(lrp(100), candidate("a", 200)) < strategy.cost(lrp(100), candidate("a", 201)));
}

TEST_CASE("what stands behind the path reaches the strategy as its options", "[load]") {
  const auto made = plugin::load_strategy(path("good") + ":7");
  REQUIRE(made);
  CHECK((*made)->cost(lrp(100), candidate("a", 300)) == Cost{7, 0, 0});
}

TEST_CASE("two strategies of one module live side by side", "[load]") {
  auto first = plugin::load_strategy(path("good") + ":1");
  auto second = plugin::load_strategy(path("good") + ":2");
  REQUIRE((first && second));
  first->reset();
  CHECK((*second)->cost(lrp(1), candidate("a", 1)) == Cost{2, 0, 0});
}

TEST_CASE("a module may promise an order and be indexed", "[load]") {
  told.clear();
  const auto made = plugin::load_strategy(path("indexed"), {}, tell);
  REQUIRE(made);
  const auto* indexed = (*made)->indexed();
  REQUIRE(indexed != nullptr);
  CHECK(indexed->rank(true, candidate("a", 300)) == 300);
  CHECK(told.empty());
}

TEST_CASE("what a module throws about is the last choice and told of ever more rarely", "[load]") {
  told.clear();
  const auto made = plugin::load_strategy(path("thrower"), {}, tell);
  REQUIRE(made);
  CHECK((*made)->cost(lrp(1), candidate("a", 300)) == Cost{300, 0, 0});
  CHECK(told.empty());
  for (int i = 0; i < 5; ++i) CHECK((*made)->cost(lrp(1), candidate("bad", 300)) == Cost{kMost, kMost, kMost});
  const auto line = [](const std::string& what, int count) {
    return "--strategy " + path("thrower") + ": cost() threw: " + what + "; that cell comes last now (" +
           std::to_string(count) + " so far)";
  };
  CHECK(told == std::vector{line("no such agent", 1), line("no such agent", 2), line("no such agent", 4)});
  for (int i = 0; i < 3; ++i) CHECK((*made)->cost(lrp(1), candidate("odd", 300)) == Cost{kMost, kMost, kMost});
  CHECK(told.back() == line("something that is no std::exception", 8));
}

TEST_CASE("an indexed module that throws ranks last", "[load]") {
  told.clear();
  const auto made = plugin::load_strategy(path("indexed"), {}, tell);
  REQUIRE(made);
  CHECK((*made)->indexed()->rank(true, candidate("bad", 300)) == kMost);
  CHECK((*made)->cost(lrp(1), candidate("bad", 300)) == Cost{0, kMost, 0});  // Made of the rank: the order is kept.
  REQUIRE(told.size() == 2);
  CHECK(told[0].find("rank() threw: bad agent") != std::string::npos);
}

TEST_CASE("what cannot be used is one line that names --strategy and the path", "[load]") {
  const std::string text = std::string(MODULES_DIR) + "/no-object.so";
  std::FILE* file = std::fopen(text.c_str(), "w");
  REQUIRE(file != nullptr);
  std::fputs("This is a text and no shared object, long enough to have had a header.\n", file);
  std::fclose(file);

  struct Wrong {
    std::string what, says;
  };
  const auto [what, says] = GENERATE_COPY(values<Wrong>({
      {"/nonexistent/my.so", "No such file or directory"},
      {"./", "is not a file"},
      {text, "cannot be loaded: "},
      {path("no_symbol"), "is not a placement module: it has no symbol diego_placement_module"},
      {path("undefined"), "cannot be loaded: undefined symbol: "},
      {path("other_version"), "was built for version 99 of scheduler/placement/module.hpp, this program for version " +
                                  std::to_string(placement::kModuleInterface)},
      {path("other_compiler"), "was built with g++ 2.95, this program with " + std::string(placement::kModuleCompiler)},
      {path("other_shape"), "was built with other headers than this program (Request of "},
      {path("null_maker"), "made no strategy"},
      {path("throwing_maker"), "make() threw: not today"},
      {path("nameless"), "name() is empty"},
      {path("refuser"), "\"\" is no share"},
      {path("indexed") + ":7", "takes no options, but has \"7\""},
  }));
  const std::string told_so = refusal(what);
  CAPTURE(told_so);
  CHECK(told_so.starts_with("--strategy " + what.substr(0, what.find(':')) + ": " + says));
  CHECK(told_so.find('\n') == std::string::npos);
}

TEST_CASE("a constructor refuses options in its own words", "[load]") {
  CHECK(refusal(path("refuser") + ":lots") == "--strategy " + path("refuser") + ": \"lots\" is no share");
  CHECK(refusal(path("refuser") + ":odd") ==
        "--strategy " + path("refuser") + ": cannot be made: threw something that is no std::exception");
}
