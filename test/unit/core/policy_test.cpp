// The policy: its JSON, and what a change of it does to a core at work.
#include "memory_store.hpp"
#include "rig.hpp"

using namespace core;

namespace {

Policy changed(const Policy& policy, const std::string& json) {
  const auto merged_policy = merged(policy, Policy{}, json);
  REQUIRE(merged_policy);
  return *merged_policy;
}

void change(Rig& rig, const std::string& json) {
  const auto policy = merged(rig.core.policy(), rig.core.usual_policy(), json);
  REQUIRE(policy);
  rig.happen(PolicyChanged{*policy});
}

std::string text_of(const MemoryStore& store) {
  const auto found = store.contents.texts.find(std::string(kPolicyText));
  return found == store.contents.texts.end() ? "" : found->second;
}

}  // namespace

TEST_CASE("a policy is merged member by member, and null is what the flags say", "[policy]") {
  Policy usual;
  usual.cells_min = 3;
  const auto one =
      merged(usual, usual, R"({"strategy":"spread","offer_wait_ms":20,"cells_min":7,"diego_starting_weight":0.5})");
  REQUIRE(one);
  CHECK(one->strategy == "spread");
  CHECK(one->offer_wait == base::Duration(20ms));
  CHECK(one->cells_min == 7);
  CHECK(one->weights.diego_starting_weight == 0.5);
  CHECK(policy_changes_json(*one, usual) ==
        R"({"strategy":"spread","diego_starting_weight":0.5,"offer_wait_ms":20,"cells_min":7})");
  const auto two = merged(*one, usual, R"({"cells_min":null,"strategy":null})");
  REQUIRE(two);
  CHECK(policy_changes_json(*two, usual) == R"({"diego_starting_weight":0.5,"offer_wait_ms":20})");
  CHECK(changed(Policy{}, policy_json(*one)) == *one);
  CHECK(policy_changes_json(usual, usual) == "{}");
}

TEST_CASE("what cannot be a policy is refused with the member's name", "[policy]") {
  const auto [json, text] = GENERATE(table<std::string, std::string>({
      {"[]", "policy: is not a JSON object"},
      {"{", "unexpected end of JSON input"},
      {R"({"cells":1})", "cells: is no part of the policy"},
      {R"({"strategy":"best"})", "strategy: is none of binpack, diego, spread"},
      {R"({"strategy":"/tmp/evil.so"})", "strategy: is none of binpack, diego, spread"},
      {R"({"strategy":1})", "strategy: is none of binpack, diego, spread"},
      {R"({"queue_max":0})", "queue_max: is not a whole number between 1 and 10000000"},
      {R"({"cells_max":1.5})", "cells_max: is not a whole number between 0 and 10000000"},
      {R"({"cells_max":"1"})", "cells_max: is not a whole number between 0 and 10000000"},
      {R"({"cells_max":-1})", "cells_max: is not a whole number between 0 and 10000000"},
      {R"({"cells_max":99e308})", "cells_max: is not a whole number between 0 and 10000000"},
      {R"({"launch_rate":1e-400})", "launch_rate: is not a whole number between 0 and 10000000"},
      {R"({"offer_hold_ms":1e99})", "offer_hold_ms: is not a whole number between 1 and 604800000"},
      {R"({"diego_bin_pack_weight":1.1})", "diego_bin_pack_weight: is not a number between 0.000000 and 1.000000"},
  }));
  const auto refused = merged(Policy{}, Policy{}, json);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message(), Catch::EndsWith(text));
}

TEST_CASE("another strategy decides from the next instance on, with all who are there in its counts", "[policy]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  rig.status(rig.task_id("p", 0), TaskState::running, "a1");
  rig.done();
  change(rig, R"({"strategy":"spread"})");
  CHECK(rig.core.policy().strategy == "spread");
  rig.lrp("wait", {0}, 9000);  // Offers are kept for it.
  rig.offer("a1", 3000);
  rig.offer("a2", 4000);
  rig.done();
  rig.lrp("p", {1});
  // Packing would have taken the cell that is up.
  CHECK(rig.only<Accept>().agent_id == "a2");
  CHECK(rig.core.explain(Key{Kind::lrp, "p", 0}, 20, rig.now)->zones.front().instances == 2);
}

TEST_CASE("what was decided but not launched is decided anew", "[policy]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.run_one();
  rig.lrp("q", {0}, 3000);  // Awaits an offer of a1.
  change(rig, R"({"strategy":"spread","cell_starting_max":5})");
  rig.offer("a2", 4000);
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("limits hold from the change on", "[policy]") {
  Rig rig;
  rig.subscribe_and_suppress();
  change(rig, R"({"starting_container_count_maximum":1,"queue_max":3})");
  rig.lrp("p", {0, 1, 2});
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().launches.size() == 1);
  CHECK_FALSE(rig.core.admits(2));
  change(rig, R"({"starting_container_count_maximum":null,"queue_max":null})");
  rig.offer("a1", 3000);
  CHECK(rig.all<Accept>().back().launches.size() == 2);
  CHECK(rig.core.admits(2));
}

TEST_CASE("fewer cells and shorter waits are looked at once", "[policy]") {
  Rig rig;
  rig.run_one();
  rig.status(rig.task_id("p", 0), TaskState::finished, "a1");
  rig.pass(2s);
  rig.done();
  change(rig, R"({"cell_idle_timeout_ms":1000})");
  CHECK(rig.only<ShutdownExecutor>().agent_id == "a1");

  Rig warm;
  warm.subscribe_and_suppress();
  change(warm, R"({"cells_min":1})");
  CHECK_FALSE(warm.none<Revive>());
  warm.offer("a1", 4000);
  CHECK(warm.only<Accept>().launches.size() == 1);
}

TEST_CASE("a changed policy is durable, and the flags' own is not stored", "[policy]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.core.changes_saved();
  change(rig, R"({"strategy":"diego","cells_max":4})");
  CHECK(rig.core.has_changes());
  MemoryStore store;
  REQUIRE(store.commit([&](Journal& journal) { rig.core.write_changes(journal); }));
  rig.core.changes_saved();
  CHECK_FALSE(rig.core.has_changes());
  CHECK(text_of(store) == R"({"strategy":"diego","cells_max":4})");

  Rig next;
  REQUIRE(next.core.restore_policy(text_of(store)));
  CHECK(next.core.policy() == rig.core.policy());
  CHECK_FALSE(next.core.has_changes());
  CHECK_FALSE(next.core.restore_policy(R"({"from_the_future":1})"));

  change(rig, R"({"strategy":null,"cells_max":null})");
  REQUIRE(store.commit([&](Journal& journal) { rig.core.write_changes(journal); }));
  CHECK(text_of(store).empty());
}

TEST_CASE("a policy that could not be saved does not hold", "[policy]") {
  Config config;
  config.tells_changes = true;
  Rig rig(config);
  rig.subscribe_and_suppress();
  rig.core.changes_saved();
  rig.core.take_changes();
  change(rig, R"({"strategy":"spread"})");
  change(rig, R"({"cells_max":2})");
  rig.core.withdraw_unsaved(rig.now);
  CHECK(rig.core.policy() == rig.core.usual_policy());
  CHECK(rig.core.take_changes().empty());
  CHECK_FALSE(rig.core.has_changes());
}
