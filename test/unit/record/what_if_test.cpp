#include "rig.hpp"

namespace record {
namespace {

void play(WhatIf& other, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) other.play(frame);
}

std::vector<std::string> agents_of(const Books& books) {
  std::vector<std::string> agents;
  for (const auto& [key, placings] : books.placings()) {
    for (const Placing& one : placings) agents.push_back(one.agent_id);
  }
  return agents;
}

TEST_CASE("the same policy decides the same in an open loop", "[record]") {
  Rig rig;
  rig.app_of_three();
  rig.lrp("app", 3);
  rig.offer("a1", 3388);
  rig.pass(2s);
  const auto frames = rig.frames();
  const auto& beginning = std::get<Beginning>(frames.front().input);
  WhatIf other(beginning, *placement::make_strategy("spread"));
  play(other, frames);
  CHECK(agents_of(other.then()) == std::vector<std::string>{"a1", "a2", "a3", "a1"});
  CHECK(agents_of(other.now()) == agents_of(other.then()));
  CHECK(other.now().cells_opened() == 3);
  CHECK(other.now().waiting() == 0);
}

TEST_CASE("another policy needs other cells, and its instances run there", "[record]") {
  Rig rig("spread");
  rig.app_of_three();
  const auto frames = rig.frames();
  WhatIf other(std::get<Beginning>(frames.front().input), *placement::make_strategy("binpack"));
  play(other, frames);
  CHECK(other.then().cells_opened() == 3);
  CHECK(other.now().cells_opened() < 3);
  CHECK(other.now().placings().size() == 3);
}

TEST_CASE("an offer holds what would be left: what was used then is free, what is used now is not", "[record]") {
  // Then on three agents, now on one: what that has left is 4000 less a cell and three instances.
  Rig rig("spread");
  rig.app_of_three();
  for (std::int32_t index = 0; index < 40; ++index) rig.lrp("more", index);
  for (const char* agent : {"a1", "a2", "a3"}) rig.offer(agent, 4000 - 512 - 100);
  rig.pass(3s);
  const auto frames = rig.frames();
  WhatIf other(std::get<Beginning>(frames.front().input), *placement::make_strategy("binpack"));
  play(other, frames);
  for (const char* agent : {"a1", "a2", "a3"}) {
    CAPTURE(agent);
    CHECK(other.now().used_on(agent).mem_mb <= 4000);
  }
  CHECK(other.now().placings().size() == 43);
}

TEST_CASE("what ended then ends now, wherever it is", "[record]") {
  Rig rig("spread");
  rig.app_of_three();
  for (const auto& [task, agent] : rig.agent_of) rig.status(task, core::TaskState::finished, agent);
  rig.pass(1s);
  const auto frames = rig.frames();
  WhatIf other(std::get<Beginning>(frames.front().input), *placement::make_strategy("binpack"));
  play(other, frames);
  for (const char* agent : {"a1", "a2", "a3"}) CHECK(other.now().instances_on(agent) == placement::Amounts{});
}

void binpack_is_asked_for(core::Policy& policy) { policy.strategy = "binpack"; }

TEST_CASE("what is asked for stays whatever an operator changed, and the rest changes as it did", "[record]") {
  Rig rig("binpack");
  rig.change_policy(R"({"strategy":"spread","queue_max":4})");
  rig.app_of_three();
  const auto frames = rig.frames();
  const auto& beginning = std::get<Beginning>(frames.front().input);
  SECTION("nothing that was changed") {
    WhatIf other(beginning, *placement::make_strategy("binpack"));
    play(other, frames);
    CHECK(agents_of(other.then()) == std::vector<std::string>{"a1", "a2", "a3"});
    CHECK(agents_of(other.now()) == agents_of(other.then()));
    CHECK(other.policy_changes() == 1);
  }
  SECTION("the strategy") {
    WhatIf other(beginning, *placement::make_strategy("binpack"), binpack_is_asked_for);
    play(other, frames);
    CHECK(other.now().cells_opened() == 1);
    CHECK(other.core().policy().strategy == "binpack");
    CHECK(other.core().policy().queue_max == 4);
  }
}

TEST_CASE("so it is with what was changed before the recording began", "[record]") {
  const Beginning beginning{base::Time{1000s}, 1, "f00d", Rig::config("binpack")};
  constexpr std::string_view kChanges = R"({"strategy":"spread","queue_max":4})";
  const bool asked = GENERATE(false, true);
  CAPTURE(asked);
  WhatIf other(beginning, *placement::make_strategy("binpack"), asked ? binpack_is_asked_for : WhatIf::Asked());
  SECTION("as its store had it") { other.play({core::PolicyRestored{kChanges}, base::Time{1000s}, {}, {}, 0}); }
  SECTION("as a snapshot has it") {
    Snapshot snapshot;
    snapshot.policy = kChanges;
    other.start_from(snapshot, base::Time{1000s});
  }
  CHECK(other.core().policy().strategy == (asked ? "binpack" : "spread"));
  CHECK(other.core().policy().queue_max == 4);
  CHECK(other.policy_changes() == 1);
}

TEST_CASE("a BBS's questions of now are answered by what it said then", "[record]") {
  core::Config config = Rig::config();
  config.with_bbs = true;
  Beginning beginning{base::Time{1000s}, 1, "f00d", config};
  WhatIf other(beginning, *placement::make_strategy("spread"));
  const auto at = [](int seconds) { return base::Time{1000s + std::chrono::seconds(seconds)}; };
  core::Auction auction;
  auction.key = {core::Kind::lrp, "app", 0};
  auction.constraint.rootfs = "preloaded:fs";
  auction.resource.memory_mb = 100;
  core::Offer offer;
  offer.id = "o";
  offer.agent_id = "a1";
  offer.pieces = {{core::Dimension::cpus, 4000, "", false},
                  {core::Dimension::mem, 4000, "", false},
                  {core::Dimension::disk, 9000, "", false}};
  const auto input = [](Input what, base::Time when) { return Frame{std::move(what), when, {}, {}, 0}; };
  other.play(input(core::Recovered{}, at(0)));
  other.play(input(core::Subscribed{"F", false}, at(0)));
  other.play(input(core::AuctionsSubmitted{{auction}}, at(0)));
  other.play(input(core::Settled{}, at(0)));
  // Ten seconds later its row is read before it is launched, by a question that nobody asked then.
  other.play(input(core::OffersArrived{{offer}}, at(10)));
  other.play(input(core::Settled{}, at(10)));
  other.play(input(core::Settled{}, at(11)));
  CHECK(other.now().placings().size() == 1);
}

}  // namespace
}  // namespace record
