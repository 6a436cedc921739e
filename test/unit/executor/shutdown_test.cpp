#include "rig.hpp"

using namespace rig;

TEST_CASE("SHUTDOWN of an empty cell stops it at once and exits", "[executor]") {
  Rig rig;
  rig.up();
  CHECK(rig.give(ShutdownRequested{}) == Lines{"stop cell 10000"});
  CHECK(rig.give(CellEnded{"exited with status 0"}) == Lines{"exit 0: the agent shut the executor down"});
  CHECK(rig.give(ClockTicked{}).empty());
}

TEST_CASE("SHUTDOWN may be the first event", "[executor]") {
  Rig rig;
  CHECK(rig.give(ShutdownRequested{}) == Lines{"exit 0: the agent shut the executor down"});
}

TEST_CASE("SHUTDOWN with work evacuates, and ends early when the work is gone", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1").running("b.0.x", "b", "i2");
  CHECK(rig.give(ShutdownRequested{}) == Lines{"evacuate"});
  rig.evacuating_ = true;
  CHECK(rig.tick(1s).empty());
  CHECK(rig.state({rig.shown_[0]}) == Lines{"KILLED b.0.x: the agent shut the executor down"});
  CHECK(rig.tick(5s).empty());
  CHECK(rig.state() == Lines{"KILLED a.0.x: the agent shut the executor down", "stop cell 10000"});
  CHECK(rig.give(CellEnded{"exited with status 0"}).empty());
  CHECK(rig.acknowledge_all() == Lines{"exit 0: the agent shut the executor down"});
}

TEST_CASE("work that does not leave is killed ten seconds before the grace period ends", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.give(ShutdownRequested{});
  CHECK(rig.core_.next_deadline() <= rig.now_ + 20s);
  CHECK(rig.tick(19999ms).empty());
  CHECK(rig.tick(1ms) == Lines{"KILLED a.0.x: the agent shut the executor down", "stop cell 6666"});
  CHECK(rig.give(CellEnded{"was killed"}).empty());
  CHECK(rig.tick(8s).empty());
  CHECK(rig.tick(1s) == Lines{"exit 0: the agent shut the executor down"});  // Never acknowledged, but bounded.
}

TEST_CASE("a grace period that is too short for evacuation stops the cell at once", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  CHECK(rig.give(Terminated{}) == Lines{"KILLED a.0.x: the executor was told to terminate", "stop cell 3333"});
}

TEST_CASE("what is not with the rep yet is killed at SHUTDOWN, what comes later refused", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.launch("b.0.x", lrp("b"));
  CHECK(rig.give(ShutdownRequested{}) ==
        Lines{"KILLED b.0.x: killed before the rep had it: the agent shut the executor down", "evacuate"});
  CHECK(rig.launch("c.0.x", lrp("c")) == Lines{"FAILED c.0.x: the cell is shutting down"});
}

TEST_CASE("the end of the session ends the cell at once, with nobody to tell", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.give(StreamLost{});
  CHECK(rig.give(SessionEnded{"the agent is gone"}) == Lines{"stop cell 3333"});
  CHECK(rig.give(CellEnded{"was killed"}) == Lines{"exit 1: the agent is gone"});
}

TEST_CASE("a drain evacuates, refuses work, and ends with the rep", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  CHECK(rig.give(DrainRequested{}) == Lines{"evacuate"});
  CHECK(rig.give(DrainRequested{}).empty());
  CHECK(rig.launch("b.0.x", lrp("b")) == Lines{"FAILED b.0.x: the cell is evacuating"});
  rig.evacuating_ = true;
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "CRASHED")}).empty());
  CHECK(rig.state() == Lines{"FINISHED a.0.x: evacuated"});
  CHECK(rig.give(CellEnded{"exited with status 0"}).empty());
  CHECK(rig.acknowledge_all() == Lines{"exit 0: the cell's command exited with status 0 after evacuation"});
}

TEST_CASE("an evacuation that the rep did not take is asked for again", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.give(DrainRequested{});
  rig.give(EvacuateAnswered{"connection refused"});
  rig.state(rig.shown_);
  CHECK(rig.tick(999ms).empty());
  CHECK(rig.tick(1ms) == Lines{"evacuate"});
}

TEST_CASE("why an evacuation is not taken is logged once, however often it is asked for", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.give(DrainRequested{});
  const auto refused = [&rig](const std::string& why) { return rig.give(EvacuateAnswered{why}, true); };
  const std::string said = "log: evacuation was not taken, and is asked for each second: ";
  CHECK(refused("connection refused") == Lines{said + "connection refused"});
  CHECK(refused("connection refused").empty());
  CHECK(refused("503") == Lines{said + "503"});
  CHECK(refused("connection refused") == Lines{said + "connection refused"});
}

TEST_CASE("a drained rep without a command of ours ends by falling silent", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.give(DrainRequested{});
  rig.tick();
  rig.give(RepFailed{"connection refused"});
  CHECK(rig.tick(30s) == Lines{"KILLED a.0.x: the cell was evacuated", "stop cell 3333"});
}
