// The order in which things become durable and are sent, and what a store that fails means.
#include "rig.hpp"

namespace engine {

using Said = std::vector<std::string>;

TEST_CASE("an auction is answered once it is durable, an ACCEPT goes out after its intent is", "[engine]") {
  Rig rig;
  rig.up();
  const int before = rig.store.commits;
  rig.post("p");
  CHECK(rig.with("answer").empty());
  rig.settle();
  CHECK(rig.with("answer p") == Said{"answer p ok commits=" + std::to_string(before + 1)});
  CHECK(rig.store.row("p")->state == core::State::queued);
  rig.offer("a1");
  CHECK(rig.with("ACCEPT").empty());
  rig.settle();
  CHECK(rig.with("ACCEPT") == Said{"F ACCEPT p.0 commits=" + std::to_string(before + 2)});
  CHECK(rig.store.row("p")->state == core::State::launching);
}

TEST_CASE("a status is acknowledged after the state it confirms", "[engine]") {
  Rig rig;
  rig.up();
  rig.post("p");
  rig.settle();
  rig.offer("a1");
  rig.settle();
  rig.said.clear();
  const int before = rig.store.commits;
  rig.status(rig.task("p"), core::TaskState::starting);
  rig.status(rig.task("p"), core::TaskState::running);
  CHECK(rig.said.empty());
  rig.settle();
  const std::string acknowledged = "F ACKNOWLEDGE " + rig.task("p") + " commits=" + std::to_string(before + 1);
  CHECK(rig.with("ACKNOWLEDGE") == Said{acknowledged, acknowledged});  // One commit for both.
  CHECK(rig.store.row("p")->state == core::State::running);
}

TEST_CASE("where nothing changes nothing is committed", "[engine]") {
  Rig rig;
  rig.up();
  const int before = rig.store.asked;
  rig.offer("a1");
  rig.settle();
  rig.pass(30s);
  CHECK(rig.store.asked == before);
}

TEST_CASE("a framework id is durable before it is acted under", "[engine]") {
  Rig rig;
  rig.engine.start(rig.now);
  rig.masters();
  rig.post("p");
  rig.settle();
  rig.subscribed();
  rig.offer("a1");
  rig.settle();
  REQUIRE(rig.with("ACCEPT").size() == 1);
  CHECK(rig.store.contents.texts.at("framework_id") == "F");
}

TEST_CASE("while the state cannot be saved nothing is accepted, launched or acknowledged", "[engine]") {
  Rig rig;
  rig.up();
  rig.run_one("old");
  rig.store.trouble = "is full";
  rig.post("p");
  rig.status(rig.task("old"), core::TaskState::killed);
  rig.settle();
  CHECK(rig.with("answer p") ==
        Said{"answer p state store: disk: is full commits=" + std::to_string(rig.store.commits)});
  CHECK(rig.with("ACKNOWLEDGE").empty());
  CHECK(rig.task("p").empty());
  CHECK(rig.engine.core().instances({}).size() == 1);  // p is withdrawn.
  CHECK_FALSE(rig.engine.health().subscribed);
  CHECK(rig.engine.health().detail == "disk: is full");
  CHECK(rig.errors.size() == 1);

  // From now on it is refused before the core hears of it; nothing spins.
  rig.said.clear();
  rig.post("q");
  CHECK(rig.with("answer q").size() == 1);
  const int asked = rig.store.asked;
  rig.offer("a1");
  rig.settle();
  rig.pass(10s);
  CHECK(rig.store.asked - asked == 10);
  CHECK(rig.with("ACCEPT").empty());
  CHECK(rig.errors.size() == 1);

  rig.store.trouble.clear();
  rig.pass(1s);
  CHECK(rig.engine.health().subscribed);
  CHECK(rig.with("ACKNOWLEDGE").size() == 1);
  rig.post("q");
  rig.settle();
  CHECK(rig.with("answer q").back().find(" ok ") != std::string::npos);
}

TEST_CASE("a stop is answered once it is durable, and refused where it cannot be", "[engine]") {
  Rig rig;
  rig.up();
  rig.run_one("p");
  std::vector<std::string> answers;
  const auto stop = [&] {
    rig.engine.stop(
        {core::Kind::lrp, "p", {}},
        [&](const base::Result<Engine::Keys>& keys) {
          answers.push_back(keys ? std::to_string(keys->size()) : keys.error().message());
        },
        rig.now);
  };
  SECTION("durable") {
    stop();
    CHECK(answers.empty());
    rig.settle();
    CHECK(answers == Said{"1"});
    CHECK(rig.with("KILL").size() == 1);
    CHECK(rig.store.row("p")->stop_wanted);
  }
  SECTION("not to be saved") {
    rig.store.trouble = "is full";
    stop();
    rig.settle();
    CHECK(answers == Said{"state store: disk: is full"});
    CHECK(rig.with("KILL").empty());
    stop();
    CHECK(answers.size() == 2);
  }
}

TEST_CASE("calls of a subscription that ended before they were sent are not sent in the next", "[engine]") {
  Rig rig;
  rig.up();
  rig.post("p");
  rig.settle();
  rig.offer("a1");
  rig.status("q.0.aaaaaaaa", core::TaskState::killed);  // Asks for an ACKNOWLEDGE.
  rig.engine.on_stream_ended(rig.stream, "broke", rig.now);
  rig.said.clear();
  rig.settle();
  rig.pass(1s);
  rig.subscribed();
  rig.settle();
  CHECK(rig.with("ACKNOWLEDGE").empty());
  CHECK(rig.with("ACCEPT").empty());
}

TEST_CASE("a call without an answer means to subscribe again, at once and then ever later", "[engine]") {
  Rig rig;
  rig.up();
  const auto fail = [&] { rig.engine.on_call_result(rig.stream, 2, 0, "reset", false, rig.now); };
  fail();
  rig.settle();
  CHECK(rig.with("SUBSCRIBE").size() == 1);
  rig.subscribed();
  fail();
  rig.settle();
  CHECK(rig.with("SUBSCRIBE").size() == 1);
  rig.pass(500ms);
  CHECK(rig.with("SUBSCRIBE").size() == 2);
  rig.subscribed();
  rig.engine.on_call_result(rig.stream, 4, 202, "", true, rig.now);
  fail();
  rig.settle();
  CHECK(rig.with("SUBSCRIBE").size() == 3);
}

TEST_CASE("a full queue of calls means to subscribe again", "[engine]") {
  Rig rig;
  rig.up();
  rig.takes_calls = false;
  rig.post("p");
  rig.offer("a1");
  rig.settle();
  rig.settle();
  CHECK(rig.with("SUBSCRIBE").size() == 1);
}

TEST_CASE("another scheduler that takes the framework over is not fought", "[engine]") {
  Rig rig;
  rig.up();
  rig.error("Framework failed over");
  rig.settle();
  rig.pass(1h);
  CHECK(rig.with("SUBSCRIBE").empty());
  CHECK_FALSE(rig.engine.leading());
  CHECK_FALSE(rig.engine.health().subscribed);
  rig.post("p");
  CHECK(rig.with("answer p").front().find("is passive") != std::string::npos);
}

TEST_CASE("a framework that was removed is followed by a new one", "[engine]") {
  Rig rig;
  rig.up();
  rig.run_one("p");
  rig.error("Framework has been removed");
  rig.settle();
  CHECK(rig.with("SUBSCRIBE ") == Said{"SUBSCRIBE  at http://m1/api/v1/scheduler"});
  rig.subscribed("G");
  rig.settle();
  CHECK(rig.store.contents.texts.at("framework_id") == "G");
  CHECK(rig.store.row("p")->state == core::State::queued);
}

TEST_CASE("a refusal before anything worked ends it, later ones are tried again", "[engine]") {
  Rig rig;
  rig.engine.start(rig.now);
  rig.masters();
  SECTION("at start") {
    rig.engine.on_head(rig.stream, {401, "", ""}, rig.now);
    rig.engine.on_stream_ended(rig.stream, "", rig.now);
    REQUIRE(rig.engine.ended());
    CHECK(rig.engine.ended()->where == "--master");
  }
  SECTION("later") {
    rig.subscribed();
    rig.engine.on_stream_ended(rig.stream, "broke", rig.now);
    rig.pass(1s);
    rig.engine.on_head(rig.stream, {401, "", ""}, rig.now);
    rig.engine.on_stream_ended(rig.stream, "", rig.now);
    CHECK_FALSE(rig.engine.ended());
    rig.said.clear();
    rig.pass(16s);
    CHECK(rig.with("SUBSCRIBE").size() == 1);
  }
}

TEST_CASE("an agent is asked beside the master once it is durable why, and heard for as long as we lead", "[engine]") {
  Rig rig;
  rig.up();
  rig.post("p");
  rig.settle();
  rig.offer("a1");
  rig.settle();
  const std::string executor = rig.engine.core().cells().at(0).executor_id;
  rig.said.clear();
  rig.store.trouble = "disk full";
  rig.happen(core::StatusArrived{{rig.task("p"), core::TaskState::failed, core::StatusReason::executor_ended, "",
                                  "exited with status 3", "uuid-of-16-bytes", "a1", executor, false}});
  rig.settle();
  CHECK(rig.with("read ").empty());
  rig.store.trouble.clear();
  rig.pass(2s);
  CHECK(rig.with("read ") == Said{"read http://10.0.0.1:5051/slave(1)"});
  CHECK_FALSE(rig.with("ACKNOWLEDGE").empty());
  const bool leads = GENERATE(true, false);
  if (!leads) rig.error("Framework failed over");
  rig.engine.on_sandbox({"a1", executor, "stderr", "no such image", ""}, rig.now);
  rig.settle();
  const std::string told =
      leads ? "TASK_FAILED: exited with status 3; stderr: no such image" : "TASK_FAILED: exited with status 3";
  CHECK(rig.store.row("p")->reason == told);
}

TEST_CASE("who waits for an answer when it leaves is told", "[engine]") {
  Rig rig;
  rig.up();
  rig.post("p");
  rig.engine.leave();
  CHECK(rig.with("answer p").front().find("is stopping") != std::string::npos);
}

TEST_CASE("a master that refuses offer constraints is served on without them", "[engine]") {
  Rig rig;
  rig.up();
  core::AuctionsSubmitted tagged;
  tagged.auctions.emplace_back();
  tagged.auctions[0].key = {core::Kind::lrp, "p", 0};
  tagged.auctions[0].constraint.rootfs = "preloaded:fs";
  tagged.auctions[0].constraint.placement_tags = {"segment"};
  rig.engine.submit(
      tagged.auctions, [](const base::Status&) {}, rig.now);
  rig.settle();
  rig.pass(6s);
  REQUIRE(rig.with("UPDATE_FRAMEWORK").size() == 1);
  CHECK(rig.with("UPDATE_FRAMEWORK leader= groups=2").size() == 1);
  const std::uint64_t tag = rig.tags.back();
  SECTION("its refusal is nobody's business") {
    rig.engine.on_call_result(rig.stream, tag, 400, "'UpdateFramework' call is not valid: x", false, rig.now);
    rig.pass(60s);
    CHECK(rig.with("SUBSCRIBE").empty());
    CHECK(rig.with("UPDATE_FRAMEWORK").size() == 1);
  }
  SECTION("but what it took before holds, so that a new subscription takes it back") {
    core::AuctionsSubmitted other;
    other.auctions.emplace_back();
    other.auctions[0].key = {core::Kind::lrp, "q", 0};
    other.auctions[0].constraint.rootfs = "preloaded:fs";
    rig.engine.submit(
        other.auctions, [](const base::Status&) {}, rig.now);
    rig.settle();
    REQUIRE(rig.with("UPDATE_FRAMEWORK").size() == 2);
    rig.engine.on_call_result(rig.stream, rig.tags.back(), 403, "Not authorized", false, rig.now);
    rig.pass(1s);
    CHECK(rig.with("SUBSCRIBE").size() == 1);
  }
  SECTION("but that we are not subscribed is what it always is") {
    rig.engine.on_call_result(rig.stream, tag, 403, "Framework is not subscribed", false, rig.now);
    rig.pass(1s);
    CHECK(rig.with("SUBSCRIBE").size() == 1);
  }
}

}  // namespace engine
