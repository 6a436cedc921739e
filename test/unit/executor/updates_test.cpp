#include "rig.hpp"

using namespace rig;

TEST_CASE("updates are kept with their uuids until acknowledged and go with the next SUBSCRIBE", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.launch("b.0.x", lrp("b"));
  CHECK(rig.core_.unacknowledged_tasks() == std::vector<std::string>{"a.0.x", "b.0.x"});
  rig.tick();
  rig.taken();
  rig.state({Rig::at(lrp("a"), "i1", "RUNNING")});
  REQUIRE(rig.updates_.size() == 3);
  CHECK(rig.core_.unacknowledged_updates() == rig.updates_);

  rig.give(Acknowledged{"a.0.x", rig.updates_[0].uuid});
  CHECK(rig.core_.unacknowledged_tasks() == std::vector<std::string>{"b.0.x"});
  CHECK(rig.core_.unacknowledged_updates() == std::vector<Update>{rig.updates_[1], rig.updates_[2]});
  rig.give(Acknowledged{"a.0.x", rig.updates_[0].uuid});
  CHECK(rig.core_.unacknowledged_updates().size() == 2);
}

TEST_CASE("uuids are of version 4 and differ", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  REQUIRE(rig.updates_.size() == 2);
  for (const Update& update : rig.updates_) {
    REQUIRE(update.uuid.size() == 16);
    CHECK((static_cast<unsigned char>(update.uuid[6]) >> 4U) == 4);
  }
  CHECK(rig.updates_[0].uuid != rig.updates_[1].uuid);
  CHECK(rig.updates_[0].timestamp == rig.now_);
}

TEST_CASE("nothing is sent while the stream is lost; work goes on and is told afterwards", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.tick();
  rig.give(StreamLost{});
  CHECK(rig.taken().empty());
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "RUNNING")}).empty());
  const auto carried = rig.core_.carry_updates();
  REQUIRE(carried.size() == 2);
  CHECK(carried[0].state == TaskState::starting);
  CHECK(carried[1].state == TaskState::running);
  CHECK(rig.subscribe() == Lines{"hello cell-1"});
  CHECK(rig.state() == Lines{gone("a.0.x")});
}

TEST_CASE("what happens between a SUBSCRIBE and its answer is told after it", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.tick();
  rig.give(StreamLost{});
  CHECK(rig.core_.carry_updates().empty());
  CHECK(rig.taken().empty());
  CHECK(rig.subscribe() == Lines{"hello cell-1", "STARTING a.0.x"});
  CHECK(rig.state({Rig::at(lrp("a"), "i1", "RUNNING")}) == Lines{"RUNNING a.0.x"});
}

TEST_CASE("an acknowledged terminal update ends the memory of its task", "[executor]") {
  Rig rig;
  rig.up().running("a.0.x", "a", "i1");
  rig.state();
  rig.acknowledge_all();
  CHECK(rig.core_.unacknowledged_updates().empty());
  CHECK(rig.core_.unacknowledged_tasks().empty());
  CHECK(rig.kill("a.0.x").empty());
}

TEST_CASE("a launch that comes twice is posted once", "[executor]") {
  Rig rig;
  rig.up();
  rig.launch("a.0.x", lrp("a"));
  rig.launch("a.0.x", lrp("a"));
  CHECK(rig.tick() == Lines{"post a.0"});
}

TEST_CASE("a report goes out on change, at most once a second, and every minute", "[executor]") {
  Rig rig;
  rig.subscribe();
  rig.tick();
  rig.state();
  const auto reports = [&] {
    return std::count_if(rig.actions_.begin(), rig.actions_.end(),
                         [](const Action& a) { return std::holds_alternative<SendReport>(a); });
  };
  rig.tick();
  CHECK(reports() == 1);
  rig.launch("a.0.x", lrp("a"));
  rig.tick(999ms);
  CHECK(reports() == 1);
  rig.tick(1ms);
  CHECK(reports() == 2);
  const CellReport report = rig.last<SendReport>().report;
  CHECK(report.cell_id == "cell-1");
  CHECK(report.rep_answers);
  CHECK(report.cell.total.memory_mb == 1000);
  CHECK(report.work == std::vector<HeldWork>{{"a.0.x", "apps", 64, 100, ""}});
  for (int i = 0; i < 5; ++i) {
    rig.tick(10s);
    rig.state();
  }
  rig.taken();
  const auto before = reports();
  rig.tick(9s);
  CHECK(reports() == before);
  rig.tick(1s);
  CHECK(reports() == before + 1);
}

TEST_CASE("a scheduler that asks gets hello and report at once", "[executor]") {
  Rig rig;
  rig.up();
  rig.tick();
  CHECK(rig.give(ReportRequested{}, true) == Lines{"hello cell-1", "report"});
}
