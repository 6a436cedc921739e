#include "rig.hpp"

using namespace rig;

TEST_CASE("an LRP starts once the rep has taken it and runs once /state says so", "[executor]") {
  Rig rig;
  rig.up();
  CHECK(rig.launch("a.0.x", lrp("a")).empty());
  CHECK(rig.tick() == Lines{"post a.0"});
  CHECK(rig.taken() == Lines{"STARTING a.0.x"});
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "CLAIMED")}).empty());
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "RUNNING")}) == Lines{"RUNNING a.0.x"});
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "RUNNING")}).empty());
  CHECK(rig.state() == Lines{gone("a.0.x")});
  CHECK(rig.state().empty());
}

TEST_CASE("how an LRP ended shows in its last update", "[executor]") {
  const auto [last, expected] = GENERATE(table<std::string, std::string>({
      {"RUNNING", gone("a.0.x")},
      {"SHUTDOWN", gone("a.0.x")},
      {"CRASHED", "FAILED a.0.x: crashed"},
  }));
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.state({Rig::at(lrp("a"), "i1", last)});
  CHECK(rig.state() == Lines{expected});
}

TEST_CASE("a Task ends when /state says Completed, or shows it no more", "[executor]") {
  const auto [shown, expected] = GENERATE(table<std::vector<diego::Task>, std::string>({
      {std::vector{Rig::at(task("t"), "Completed")}, "FINISHED t.x"},
      {std::vector{Rig::at(task("t"), "Completed", true)}, "FAILED t.x: the task failed"},
      {std::vector<diego::Task>{}, "FINISHED t.x"},
  }));
  Rig rig;
  rig.up();
  rig.launch("t.x", task("t"));
  rig.tick();
  rig.taken();
  CHECK(rig.state({}, {Rig::at(task("t"), "Running")}) == Lines{"RUNNING t.x"});
  CHECK(rig.state({}, shown) == Lines{expected});
  CHECK(rig.state({}, shown).empty());
}

TEST_CASE("what the rep refuses fails with a reason, the rest starts", "[executor]") {
  Rig rig;
  rig.up();
  auto wrong = lrp("wrong");
  wrong.constraint.rootfs = "preloaded:windows";
  rig.launch("a.0.x", lrp("a"));
  rig.launch("b.0.x", lrp("b"));
  rig.launch("wrong.0.x", wrong);
  rig.launch("t.x", task("t"));
  rig.tick();
  CHECK(
      rig.refused({lrp("b"), wrong}, {task("t")}) ==
      Lines{
          "STARTING a.0.x",
          "FAILED b.0.x: the rep refused it: it needs 64 MiB of memory and 100 MiB of disk, and the cell last had 100 "
          "MiB, "
          "200 MiB and room for 3 containers",
          "FAILED wrong.0.x: the rep refused it: found no compatible cell for required rootfs",
          "FAILED t.x: the rep refused it: it needs 32 MiB of memory and 0 MiB of disk, and the cell last had 100 MiB, "
          "200 MiB and room for 3 containers"});
}

TEST_CASE("/state is read before work is posted again, for the rep may have taken it", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.launch("b.0.x", lrp("b"));
  rig.tick();
  const int polls = rig.polls_;
  CHECK(rig.give(WorkAnswered{{}, "no answer within 10 s"}).empty());
  CHECK(rig.tick(4ms).empty());
  CHECK(rig.polls_ == polls + 1);
  CHECK(rig.tick().empty());
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "CLAIMED")}) == Lines{"STARTING a.0.x"});
  CHECK(rig.tick(199ms).empty());
  CHECK(rig.tick(1ms) == Lines{"post b.0"});
}

TEST_CASE("the more changes at a time, the less often /state is asked for", "[executor]") {
  Rig rig;
  rig.up();
  const auto gap = [&] { return base::to_millis(*rig.core_.next_deadline() - rig.now_); };
  const auto launch = [&rig](int first, int count) {
    for (int i = first; i < first + count; ++i) {
      const std::string guid = "a" + std::to_string(i);
      rig.launch(guid + ".0.x", lrp(guid.c_str()));
    }
    rig.tick();
  };
  launch(0, 11);
  rig.taken();
  rig.state();
  CHECK(gap() == 40);
  // Work that is taken meanwhile does not hasten it.
  launch(11, 10);
  const int before = rig.polls_;
  rig.taken();
  CHECK(rig.polls_ == before);
  CHECK(gap() == 80);
  rig.tick(80ms);
  CHECK(rig.polls_ == before + 1);
  launch(21, 80);
  rig.taken();
  rig.state();
  CHECK(gap() == 250);
}

TEST_CASE("work that the rep never takes fails after three posts, waiting longer each time", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  CHECK(rig.tick() == Lines{"post a.0"});
  rig.give(WorkAnswered{{}, "the rep answered 500"});
  rig.state();
  CHECK(rig.tick(200ms) == Lines{"post a.0"});
  rig.give(WorkAnswered{{}, "the rep answered 500"});
  rig.state();
  CHECK(rig.tick(399ms).empty());
  CHECK(rig.tick(1ms) == Lines{"post a.0"});
  rig.give(WorkAnswered{{}, "the rep answered 500"});
  CHECK(rig.state() == Lines{"FAILED a.0.x: the rep did not take it: the rep answered 500"});
}

TEST_CASE("an accepted instance that /state never shows fails after a minute", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.tick();
  rig.taken();
  for (int i = 0; i < 6; ++i) {
    rig.state();
    CHECK(rig.tick(i == 5 ? 9999ms : 10s).empty());
  }
  rig.state();
  CHECK(rig.tick(1ms) == Lines{"FAILED a.0.x: the rep took it and never showed it in /state"});
}

TEST_CASE("two instances of one key are told apart by age, and a stranger's is nobody's", "[executor]") {
  Rig rig;
  rig.up();
  rig.state({Rig::at(lrp("a"), "stranger", "RUNNING")});
  rig.launch("a.0.old", lrp("a"));
  rig.tick();
  rig.taken();
  CHECK(rig.state({Rig::at(lrp("a"), "stranger", "RUNNING")}).empty());
  CHECK(rig.state({Rig::at(lrp("a"), "stranger", "RUNNING"), Rig::at(lrp("a"), "i1", "RUNNING")}) ==
        Lines{"RUNNING a.0.old"});
  rig.launch("a.0.new", lrp("a"));
  rig.tick();
  rig.taken();
  CHECK(rig.state({Rig::at(lrp("a"), "i2", "RUNNING"), Rig::at(lrp("a"), "i1", "RUNNING")}) ==
        Lines{"RUNNING a.0.new"});
  CHECK(rig.state({Rig::at(lrp("a"), "i2", "RUNNING")}) == Lines{gone("a.0.old")});
}

TEST_CASE("an LRP that a restarted rep no longer has failed, it did not finish", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.tick(2s);
  rig.give(RepFailed{"connection refused"});
  CHECK(rig.state() == Lines{"FAILED a.0.x: the rep was away and does not have it any more"});
}

TEST_CASE("a kill goes to the rep and ends as killed, even if it looks like a crash", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  CHECK(rig.kill("a.0.x") == Lines{"KILLING a.0.x", "stop a i1"});
  CHECK(rig.kill("a.0.x") == Lines{"stop a i1"});
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "CRASHED")}).empty());
  CHECK(rig.state() == Lines{"KILLED a.0.x"});
  CHECK(rig.kill("a.0.x").empty());
}

TEST_CASE("a kill without TASK_KILLING_STATE sends no TASK_KILLING", "[executor]") {
  Rig rig;
  rig.up(false).running("a.0.x", "a", "i1");
  CHECK(rig.kill("a.0.x") == Lines{"stop a i1"});
}

TEST_CASE("what is killed before the rep has it is never posted", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.launch("a.0.x", lrp("a"));
  CHECK(rig.kill("a.0.x") == Lines{"KILLED a.0.x: killed before the rep had it"});
  rig.state();
  CHECK(rig.tick().empty());
}

TEST_CASE("a kill while the post is under way takes effect when the instance can be named", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.launch("t.x", task("t"));
  rig.tick();
  CHECK(rig.kill("a.0.x").empty());
  CHECK(rig.kill("t.x").empty());
  CHECK(rig.taken() == Lines{"STARTING a.0.x", "KILLING a.0.x", "STARTING t.x", "KILLING t.x", "cancel t"});
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "CLAIMED")}, {Rig::at(task("t"), "Running")}) ==
        Lines{"stop a i1", "cancel t"});
  CHECK(rig.state() == Lines{"KILLED a.0.x", "KILLED t.x"});
}

TEST_CASE("a kill of an unknown task is only logged", "[executor]") {
  Rig rig;
  rig.up();
  CHECK(rig.give(KillRequested{"nosuch"}, true) == Lines{"log: kill of a task that is not here task=nosuch"});
}

TEST_CASE("a stop the rep did not take is asked for again", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.kill("a.0.x");
  rig.give(StopAnswered{"a.0.x", "the rep answered 500"});
  rig.state(rig.shown_);
  CHECK(rig.tick(999ms).empty());
  CHECK(rig.tick(1ms) == Lines{"stop a i1"});
}

TEST_CASE("data that is no work fails at once", "[executor]") {
  Rig rig;
  rig.up();
  CHECK(rig.give(TasksLaunched{{{.task_id = "a.0.x", .data = "{"}}}) ==
        Lines{"FAILED a.0.x: its data is no work for a rep: unexpected end of JSON input"});
}

TEST_CASE("/state is polled quickly while something changes and every 2 s otherwise", "[executor]") {
  Rig rig;
  rig.up();
  const auto gap = [&] { return base::to_millis(*rig.core_.next_deadline() - rig.now_); };
  rig.state();
  CHECK(gap() > 900);
  rig.launch("a.0.x", lrp("a"));
  rig.tick();
  const int before = rig.polls_;
  rig.taken();
  CHECK(rig.polls_ == before + 1);
  std::vector<std::int64_t> gaps;
  for (int i = 0; i < 7; ++i) {
    rig.state({Rig::at(lrp("a"), "i1", "CLAIMED")});
    gaps.push_back(gap());
    rig.tick(std::chrono::milliseconds(gaps.back()));
  }
  CHECK(gaps == std::vector<std::int64_t>{5, 5, 10, 20, 50, 100, 100});
  rig.state({Rig::at(lrp("a"), "i1", "RUNNING")});
  rig.tick();
  rig.now_ += 900ms;
  rig.tick();
  rig.tick(100ms);
  CHECK(gap() == 1000);
}
