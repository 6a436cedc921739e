#include "rig.hpp"

using namespace rig;

TEST_CASE("the cell is started once, with the agent's capacity less its own", "[executor]") {
  Rig rig({.cell_mem_mb = 512, .cell_disk_mb = 1024});
  CHECK(rig.tick().empty());
  CHECK(rig.subscribe() == Lines{"hello cell-1", "start cell 3584/7168"});
  rig.give(StreamLost{});
  CHECK(rig.subscribe() == Lines{"hello cell-1"});
}

TEST_CASE("the capacity told to the rep is capped and never negative", "[executor]") {
  CHECK(Rig({.cell_mem_mb = 512, .cell_max_mem_mb = 1000, .cell_max_disk_mb = 9000}).subscribe()[1] ==
        "start cell 1000/8192");
  CHECK(Rig({.cell_mem_mb = 5000, .cell_disk_mb = 9000}).subscribe()[1] == "start cell 0/0");
}

TEST_CASE("work that arrives while the cell boots goes to the rep in one request", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.tick();
  CHECK(rig.launch("a.0.x", lrp("a")).empty());
  rig.tick(10s);
  rig.launch("t.y", task("t"));
  CHECK(rig.tick(10s).empty());
  rig.state();
  CHECK(rig.tick() == Lines{"post a.0 t"});
  CHECK(rig.taken() == Lines{"STARTING a.0.x", "STARTING t.y"});
}

TEST_CASE("launches that arrive together are one request, and the next ones wait for its answer", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("b.0.x", lrp("b"));
  rig.launch("a.0.x", lrp("a"));
  CHECK(rig.tick() == Lines{"post b.0 a.0"});
  const PostWork post = rig.last<PostWork>();
  CHECK(post.work.cell_id == "cell-1");
  CHECK(post.trace_id == "trace");
  rig.launch("c.0.x", lrp("c"));
  CHECK(rig.tick().empty());
  rig.taken();
  CHECK(rig.tick() == Lines{"post c.0"});
}

TEST_CASE("a boot task is finished when the rep answers", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.give(TasksLaunched{{{.task_id = "~cell.x"}}});
  CHECK(rig.tick().empty());
  rig.state();
  CHECK(rig.tick() == Lines{"FINISHED ~cell.x: the cell is up"});
}

TEST_CASE("a rep that does not come up in time fails the work and the executor", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.launch("a.0.x", lrp("a"));
  rig.tick();
  rig.give(RepFailed{"connection refused"});
  CHECK(rig.tick(49s).empty());
  CHECK(rig.tick(1s) == Lines{"FAILED a.0.x: the cell's rep did not come up: connection refused", "stop cell 3333"});
  CHECK(rig.give(CellEnded{"was killed"}).empty());
  CHECK(rig.acknowledge_all() == Lines{"exit 1: the cell's rep did not come up: connection refused"});
  CHECK(rig.core_.done());
}

TEST_CASE("a rep that falls silent is given up after the timeout, not before", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.tick();
  rig.give(RepFailed{"no answer within 10 s"});
  CHECK(rig.tick(29s).empty());
  rig.state(rig.shown_);
  CHECK(rig.tick(29s) == Lines{"poll metrics"});
  rig.give(RepFailed{"no answer within 10 s"});
  CHECK(rig.tick(1s) == Lines{"FAILED a.0.x: the cell's rep does not answer: no answer within 10 s", "stop cell 3333"});
}

TEST_CASE("work is not posted while the rep does not answer", "[executor]") {
  Rig rig;
  rig.up();
  rig.tick(2s);
  rig.give(RepFailed{"connection refused"});
  rig.launch("a.0.x", lrp("a"));
  CHECK(rig.tick().empty());
  rig.state();
  CHECK(rig.tick() == Lines{"post a.0"});
}

TEST_CASE("the cell's command ending takes the work along", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  CHECK(rig.give(CellEnded{"exited with status 3"}) == Lines{"FAILED a.0.x: the cell's command exited with status 3"});
  CHECK(rig.updates_.back().with_cell);
  CHECK(rig.acknowledge_all() == Lines{"exit 1: the cell's command exited with status 3"});
}

TEST_CASE("an id the flags do not give is taken from the rep", "[executor]") {
  Core core(Config{}, base::Random(1));
  base::Time now{1s};
  core.handle(Subscribed{.executor_info = "info"}, now);
  bool told = false;
  for (const Action& action : core.handle(RepAnswered{{.cell_id = "cell-9"}}, now)) {
    told = told || action == Action(SendHello{"cell-9", "info"});
  }
  CHECK(told);
}
