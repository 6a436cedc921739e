// Reps of 2015: no cell_id, no instance guids, no states, no list of Tasks, no proxy, no 503.
#include "diego/rep.hpp"
#include "rig.hpp"

using namespace rig;

namespace {

// As such a rep writes it.
RepAnswered answer_of_2015(const std::string& lrps, int containers_left) {
  auto state = diego::parse_cell_state(
      R"({"RootFSProviders":{"docker":{"type":"arbitrary"},"preloaded":{"type":"fixed_set","set":{"fs":{}}}},)"
      R"("AvailableResources":{"MemoryMB":900,"DiskMB":1800,"Containers":)" +
      std::to_string(containers_left) +
      R"(},"TotalResources":{"MemoryMB":1000,"DiskMB":2000,"Containers":10},"LRPs":[)" + lrps +
      R"(],"Tasks":null,"Zone":"z1","Evacuating":false})");
  REQUIRE(state);
  return {*std::move(state)};
}

std::string lrp_of_2015(const std::string& guid, int index = 0) {
  return R"({"process_guid":")" + guid + R"(","index":)" + std::to_string(index) +
         R"(,"domain":"apps","MemoryMB":64,"DiskMB":100,"RootFs":""})";
}

}  // namespace

TEST_CASE("a rep that does not name its cell serves the cell it was started for", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.tick();
  CHECK(rig.give(answer_of_2015("", 10)).empty());
  CHECK(rig.give(ClockTicked{}, true) == Lines{"report"});
  const auto report = rig.last<SendReport>().report;
  CHECK(report.cell_id == "cell-1");
  CHECK(report.cell.zone == "z1");
  CHECK(report.cell.available == diego::CellResources{900, 1800, 10});
  CHECK(report.cell.proxy_memory_allocation_mb == 0);
  CHECK(report.cell.garden_healthy);
}

TEST_CASE("an old rep that runs already gets the cell id that its agent and executor make", "[executor]") {
  Rig rig;
  Config config;
  config.fallback_cell_id = "cell-10-0-0-1-x";
  rig.core_ = Core(config, base::Random(1));
  CHECK(rig.subscribe() == Lines{"hello ", "start cell 4096/8192"});
  rig.tick();
  CHECK(rig.give(answer_of_2015("", 10)) == Lines{"hello cell-10-0-0-1-x"});
}

TEST_CASE("an LRP without a state runs, and ends when it is shown no more", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.tick();
  rig.give(answer_of_2015("", 10));
  rig.launch("a.0.x", lrp("a"));
  rig.launch("a.1.x", lrp("a", 1));
  CHECK(rig.tick() == Lines{"post a.0 a.1"});
  CHECK(rig.taken() == Lines{"STARTING a.0.x", "STARTING a.1.x"});
  CHECK(rig.give(answer_of_2015(lrp_of_2015("a", 1), 8)) == Lines{"RUNNING a.1.x"});
  CHECK(rig.give(answer_of_2015(lrp_of_2015("a", 0) + "," + lrp_of_2015("a", 1), 8)) == Lines{"RUNNING a.0.x"});
  CHECK(rig.give(answer_of_2015(lrp_of_2015("a", 1) + "," + lrp_of_2015("a", 0), 8)).empty());
  CHECK(rig.give(answer_of_2015(lrp_of_2015("a", 1), 9)) == Lines{gone("a.0.x")});
  rig.tick(1s);
  CHECK(rig.last<SendReport>().report.work == std::vector<HeldWork>{{"a.1.x", "apps", 64, 100, "RUNNING"}});
}

TEST_CASE("two instances of a key on an old rep end one after the other", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.tick();
  rig.give(answer_of_2015("", 10));
  rig.launch("a.0.old", lrp("a"));
  rig.launch("a.0.new", lrp("a"));
  rig.tick();
  rig.taken();
  const std::string both = lrp_of_2015("a") + "," + lrp_of_2015("a");
  CHECK(rig.give(answer_of_2015(both, 8)) == Lines{"RUNNING a.0.old", "RUNNING a.0.new"});
  CHECK(rig.give(answer_of_2015(both, 8)).empty());
  CHECK(rig.give(answer_of_2015(lrp_of_2015("a"), 9)).size() == 1);
  CHECK(rig.give(answer_of_2015("", 10)).size() == 1);
}

TEST_CASE("an instance without a guid cannot be stopped, and that is said", "[executor]") {
  Rig rig;
  rig.subscribe(false);
  rig.tick();
  rig.give(answer_of_2015("", 10));
  rig.launch("a.0.x", lrp("a"));
  rig.tick();
  rig.taken();
  rig.give(answer_of_2015(lrp_of_2015("a"), 9));
  CHECK(rig.give(KillRequested{"a.0.x"}, true) ==
        Lines{"log: cannot be stopped, its rep names no instance guid task=a.0.x"});
  CHECK(rig.give(answer_of_2015("", 10)) == Lines{"KILLED a.0.x"});
}

TEST_CASE("Tasks that a rep does not list run until its containers are all free", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.tick();
  rig.give(answer_of_2015("", 10));
  rig.launch("a.0.x", lrp("a"));
  rig.launch("t.x", task("t"));
  rig.launch("u.x", task("u"));
  CHECK(rig.tick() == Lines{"post a.0 t u"});
  rig.taken();
  CHECK(rig.give(answer_of_2015(lrp_of_2015("a"), 7)) == Lines{"RUNNING a.0.x", "RUNNING t.x", "RUNNING u.x"});
  for (int i = 0; i < 4; ++i) {
    CHECK(rig.give(answer_of_2015(lrp_of_2015("a"), 8)).empty());  // One has ended; who knows which.
    CHECK(rig.tick(20s) == (i == 0 ? Lines{"poll metrics"} : Lines{}));
  }
  CHECK(rig.give(answer_of_2015(lrp_of_2015("a"), 9)) == Lines{"FINISHED t.x", "FINISHED u.x"});
}

TEST_CASE("a Task whose post had no answer is the old rep's if a container is", "[executor]") {
  const bool taken = GENERATE(true, false);
  Rig rig;
  rig.subscribe();
  rig.tick();
  rig.give(answer_of_2015("", 10));
  rig.launch("t.x", task("t"));
  rig.tick();
  rig.give(WorkAnswered{{}, "no answer within 10 s"});
  CHECK(rig.give(answer_of_2015("", taken ? 9 : 10)) == (taken ? Lines{"STARTING t.x", "RUNNING t.x"} : Lines{}));
  CHECK(rig.tick(200ms) == (taken ? Lines{} : Lines{"post t"}));
}
