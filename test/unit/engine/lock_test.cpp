// Leadership: who acts, and what is believed of what another leader did.
#include "rig.hpp"

namespace engine {
namespace {

using Said = std::vector<std::string>;

// Until it leads; the text that stands beside the lock then.
std::string take(Rig& rig, const std::string& shared) {
  rig.engine.on_lock(base::LockAcquired{shared}, rig.now);
  rig.settle();
  const auto wanted = rig.with("share ");
  if (wanted.empty()) return shared;
  const std::string text = wanted.back().substr(6);
  rig.engine.on_lock(base::ShareStored{text}, rig.now);
  rig.said.clear();
  return text;
}

}  // namespace

TEST_CASE("who waits for the lock does not subscribe and accepts nothing", "[lock]") {
  Rig rig(true);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  rig.pass(1h);
  CHECK(rig.said.empty());
  CHECK_FALSE(rig.engine.leading());
  rig.engine.on_lock(base::LockHeldByOther{"host 17"}, rig.now);
  CHECK(rig.engine.health().detail == "waiting for the lock, which host 17 holds");
  rig.post("p");
  CHECK(rig.with("answer p").front().find("does not lead") != std::string::npos);
}

TEST_CASE("the first leader subscribes as new, and acts when its framework id stands beside the lock", "[lock]") {
  Rig rig(true);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  rig.engine.on_lock(base::LockAcquired{""}, rig.now);
  rig.settle();
  REQUIRE(rig.with("share - ").size() == 1);
  CHECK(rig.with("SUBSCRIBE").empty());
  const std::string identity = rig.with("share").front().substr(8);
  CHECK(rig.store.contents.texts.at("leader") == identity);  // Durable before it is shared.
  rig.engine.on_lock(base::ShareStored{"- " + identity}, rig.now);
  CHECK(rig.with("SUBSCRIBE") == Said{"SUBSCRIBE  at http://m1/api/v1/scheduler"});
  CHECK(rig.wire.subscribed_leader == identity);  // For the next one, where nothing stands beside the lock.
  rig.post("p");
  rig.subscribed();
  rig.offer("a1");
  rig.settle();
  CHECK(rig.with("share F ") == Said{"share F " + identity});
  CHECK(rig.with("ACCEPT").empty());
  rig.engine.on_lock(base::ShareStored{"F " + identity}, rig.now);
  rig.settle();
  CHECK(rig.with("ACCEPT").size() == 1);
}

TEST_CASE("a standby takes the framework over under its id", "[lock]") {
  Rig rig(true);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  rig.engine.on_lock(base::LockAcquired{"F somebody"}, rig.now);
  rig.settle();
  const std::string text = rig.with("share").front().substr(6);
  CHECK(text.starts_with("F "));
  rig.engine.on_lock(base::ShareStored{text}, rig.now);
  CHECK(rig.with("SUBSCRIBE") == Said{"SUBSCRIBE F at http://m1/api/v1/scheduler"});
  rig.subscribed();
  rig.settle();
  CHECK(rig.store.contents.texts.at("framework_id") == "F");
}

TEST_CASE("who was the last leader itself believes its own records; after another only what Mesos confirms", "[lock]") {
  const bool another_led = GENERATE(false, true);
  core::MemoryStore store;
  std::string task, shared;
  {
    Rig rig(true, &store);
    rig.engine.start(rig.now);
    rig.masters();
    rig.settle();
    take(rig, "");
    rig.subscribed();
    rig.settle();
    shared = rig.with("share").back().substr(6);
    rig.engine.on_lock(base::ShareStored{shared}, rig.now);
    rig.run_one("p");
    task = rig.task("p");
  }
  Rig rig(true, &store, 2);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  take(rig, another_led ? "F somebody" : shared);
  rig.subscribed();
  rig.settle();
  rig.happen(core::StatusArrived{
      {task, core::TaskState::gone, core::StatusReason::reconciliation, "", "", "", "a1", "", false}});
  rig.settle();
  CHECK(rig.store.row("p")->state == (another_led ? core::State::lost : core::State::queued));
}

TEST_CASE("who loses the lock stops at once, tears nothing down, and takes its turn again", "[lock]") {
  Rig rig(true);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  take(rig, "F somebody");
  rig.subscribed();
  rig.settle();
  rig.run_one("old");
  rig.post("p");
  rig.offer("a1");
  rig.engine.on_lock(base::LockLost{"session expired"}, rig.now);
  CHECK(rig.with("answer p").front().find("does not lead") != std::string::npos);
  CHECK(rig.with("close").size() == 1);
  rig.settle();
  rig.pass(1h);
  CHECK(rig.with("ACCEPT").empty());
  CHECK(rig.with("KILL").empty());
  CHECK(rig.with("SUBSCRIBE").empty());
  CHECK_FALSE(rig.engine.health().subscribed);
  CHECK(rig.task("old") != "");

  rig.said.clear();
  rig.engine.on_lock(base::LockAcquired{"F another"}, rig.now);
  rig.settle();
  rig.engine.on_lock(base::ShareStored{rig.with("share").front().substr(6)}, rig.now);
  CHECK(rig.with("SUBSCRIBE F").size() == 1);
}

TEST_CASE("nothing is launched on a lease that is over, even before the lock says so", "[lock]") {
  Rig rig(true);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  take(rig, "F somebody");
  rig.subscribed();
  rig.settle();
  rig.post("p");
  rig.offer("a1");
  rig.held = false;  // The process slept.
  rig.settle();
  CHECK(rig.with("ACCEPT").empty());
  CHECK_FALSE(rig.engine.leading());
  rig.engine.on_lock(base::LockLost{"session expired"}, rig.now);
  rig.settle();
  CHECK(rig.with("resign").empty());
}

TEST_CASE("a takeover within the lock's rules is waited out, one without is given way to", "[lock]") {
  Rig rig(true);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  take(rig, "F somebody");
  rig.subscribed();
  rig.settle();
  rig.said.clear();
  SECTION("our lease is over: the next leader acts") {
    rig.held = false;
    rig.error("Framework failed over");
    rig.engine.on_lock(base::LockLost{"session expired"}, rig.now);
    CHECK(rig.with("resign").empty());
    rig.engine.on_lock(base::LockAcquired{"F another"}, rig.now);
    rig.settle();
    CHECK(rig.with("share F ").size() == 1);
  }
  SECTION("the lock is ours: somebody acts without it") {
    rig.error("Framework failed over");
    CHECK(rig.with("resign").size() == 1);
    rig.engine.on_lock(base::LockLost{"resigned"}, rig.now);
    rig.settle();
    rig.pass(1h);
    CHECK(rig.with("SUBSCRIBE").empty());
    CHECK(rig.engine.health().detail == "Framework failed over");
  }
}

TEST_CASE("who cannot write beside the lock does not lead", "[lock]") {
  Rig rig(true);
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  rig.engine.on_lock(base::LockAcquired{""}, rig.now);
  rig.settle();
  rig.engine.on_lock(base::ShareRefused{"somebody else wrote"}, rig.now);
  CHECK(rig.with("resign").size() == 1);
  CHECK(rig.with("SUBSCRIBE").empty());
  CHECK(rig.errors.size() == 1);
}

TEST_CASE("a state that cannot be saved is not led with", "[lock]") {
  Rig rig(true);
  rig.store.trouble = "is full";
  rig.engine.start(rig.now);
  rig.masters();
  rig.settle();
  rig.engine.on_lock(base::LockAcquired{""}, rig.now);
  rig.settle();
  CHECK(rig.with("share").empty());
  rig.store.trouble.clear();
  rig.pass(2s);
  CHECK(rig.with("share - ").size() == 1);
}

}  // namespace engine
