#include "rig.hpp"

namespace record {
namespace {

std::optional<Difference> repeat(const std::vector<Frame>& frames) {
  const auto& beginning = std::get<Beginning>(frames.front().input);
  Player player(beginning, *placement::make_strategy(beginning.config.strategy, beginning.config.weights));
  for (const Frame& frame : frames) {
    if (auto found = difference(frame.answer, player.play(frame), print_kind)) return found;
  }
  return std::nullopt;
}

std::string all_bytes(const Rig& rig) {
  std::string all;
  for (const std::string& bytes : rig.output.segments) all += bytes;
  return all;
}

TEST_CASE("what was recorded is decided again", "[record]") {
  Rig rig;
  rig.app_of_three();
  const auto frames = rig.frames();
  REQUIRE(rig.agent_of.size() == 3);
  CHECK_FALSE(repeat(frames));
}

TEST_CASE("the first decision that differs is named, expected and got", "[record]") {
  Rig rig;
  rig.app_of_three();
  auto frames = rig.frames();
  for (Frame& frame : frames) {
    auto* offers = std::get_if<core::OffersArrived>(&frame.input);
    if (offers != nullptr && offers->offers[0].agent_id == "a1") offers->offers[0].agent_id = "a0";
  }
  const auto found = repeat(frames);
  REQUIRE(found);
  CHECK(found->expected.find("a1") != std::string::npos);
  CHECK(found->got.find("a0") != std::string::npos);
}

TEST_CASE("what describes a cell to Mesos is not in a recording, and is the same where it was", "[record]") {
  Rig rig;
  rig.app_of_three();
  const std::string executor = rig.executors.at("a1");
  rig.happen(core::CellSaidHello{"a1", executor, "cell", executor + "|hunter2"});
  rig.happen(core::CellSaidHello{"a2", "another", "cell", ""});
  CHECK(all_bytes(rig).find("hunter2") == std::string::npos);

  std::map<std::string, std::string> opened, said;
  for (const Frame& frame : rig.frames()) {
    for (const Opened& cell : frame.opened) opened[cell.executor_id] = cell.stand_in;
    if (const auto* hello = std::get_if<core::CellSaidHello>(&frame.input))
      said[hello->executor_id] = hello->executor_info;
  }
  CHECK(opened.size() == 3);
  CHECK(said.at(executor) == opened.at(executor));
  CHECK(said.at("another").empty());
  CHECK_FALSE(repeat(rig.frames()));
}

TEST_CASE("measurements, on which no decision hangs, are not written", "[record]") {
  Rig rig;
  rig.app_of_three();
  const std::size_t before = rig.frames().size();
  core::Actions none = rig.core.handle(core::CellMeasured{"a1", rig.executors.at("a1"), {{"t", 1, 2, 3}}, 0}, rig.now);
  rig.tape.heard(core::CellMeasured{"a1", rig.executors.at("a1"), {{"t", 1, 2, 3}}, 0}, rig.now, none);
  CHECK(rig.frames().size() == before);
}

TEST_CASE("every segment says what the core was made of, and what a store held", "[record]") {
  Rig rig("spread", 1);
  rig.app_of_three();
  REQUIRE(rig.output.segments.size() > 2);
  CHECK_FALSE(repeat(rig.frames()));
  std::size_t number = 0;
  for (const std::string& bytes : rig.output.segments) {
    auto segment = Segment::open("segment", bytes);
    REQUIRE(segment);
    CHECK(segment->preamble().life == "life");
    CHECK(segment->preamble().segment == number);
    auto frame = segment->next();
    CHECK(std::holds_alternative<Beginning>((*frame)->input));
    if (number++ == 0) continue;
    frame = segment->next();
    const auto& snapshot = std::get<Snapshot>((*frame)->input);
    CHECK(snapshot.complete);
    CHECK(snapshot.connected);
    CHECK(snapshot.framework_id == "F");
    for (const core::InstanceRow& row : snapshot.rows) CHECK(row.guid == "app");
    if (number == rig.output.segments.size()) CHECK(snapshot.rows.size() == 3);
  }
}

TEST_CASE("a snapshot of too many instances, or bytes, says that it is none", "[record]") {
  const auto [rows_max, bytes_max] = GENERATE(table<std::size_t, std::size_t>({{2, 1 << 20}, {100, 100}}));
  Rig rig("spread", 1, rows_max, bytes_max);
  rig.app_of_three();
  auto segment = Segment::open("segment", rig.output.segments.back());
  REQUIRE(segment);
  REQUIRE(segment->next());
  const auto frame = segment->next();
  CHECK_FALSE(std::get<Snapshot>((*frame)->input).complete);
  CHECK(std::get<Snapshot>((*frame)->input).rows.empty());
}

TEST_CASE("a snapshot does not count as what fills its segment", "[record]") {
  Rig rig("spread", 600);  // With what the core was made of a snapshot alone has more.
  rig.app_of_three();
  const std::size_t before = rig.output.segments.size();
  REQUIRE(before > 1);
  rig.tape.rests(rig.core, rig.now);
  rig.tape.rests(rig.core, rig.now);
  CHECK(rig.output.segments.size() <= before + 1);
}

TEST_CASE("a core that starts from a snapshot knows what was there", "[record]") {
  Rig rig("spread", 1);
  rig.app_of_three();
  auto segment = Segment::open("segment", rig.output.segments.back());
  REQUIRE(segment);
  const auto beginning = segment->next();
  const auto snapshot = segment->next();
  WhatIf other(std::get<Beginning>((*beginning)->input), *placement::make_strategy("spread"));
  other.start_from(std::get<Snapshot>((*snapshot)->input), (*snapshot)->at);
  for (const auto& [task, agent] : rig.agent_of) {
    REQUIRE(other.now().find(task) != nullptr);
    CHECK(other.now().find(task)->agent_id == agent);
  }
}

TEST_CASE("a policy that an operator changed is decided by again, and stands in every segment after that", "[record]") {
  Rig rig("spread", 1);
  rig.app_of_three();
  rig.change_policy(R"({"strategy":"binpack"})");
  for (std::int32_t index = 3; index < 6; ++index) rig.lrp("app", index);
  rig.pass(1s);
  rig.happen(core::OffersArrived{{rig.offer_of("a1", 3000), rig.offer_of("a2", 2000), rig.offer_of("a3", 3000)}});
  rig.pass(2s);
  auto frames = rig.frames();
  CHECK_FALSE(repeat(frames));
  std::map<bool, std::set<std::string>> policies;  // By whether it was changed before.
  bool is_changed = false;
  for (const Frame& frame : frames) {
    is_changed = is_changed || std::holds_alternative<core::PolicyChanged>(frame.input);
    if (const auto* snapshot = std::get_if<Snapshot>(&frame.input)) policies[is_changed].insert(snapshot->policy);
  }
  CHECK(policies[false] == std::set<std::string>{""});
  CHECK(policies[true] == std::set<std::string>{R"({"strategy":"binpack"})"});
  std::erase_if(frames, [](const Frame& one) { return std::holds_alternative<core::PolicyChanged>(one.input); });
  CHECK(repeat(frames));
}

TEST_CASE("once its output has ended a tape does nothing", "[record]") {
  Rig rig;
  rig.output.ended = true;
  const auto before = rig.output.segments;
  rig.app_of_three();
  CHECK(rig.output.segments == before);
}

}  // namespace
}  // namespace record
