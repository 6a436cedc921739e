#include <catch2/catch.hpp>

#include "test/unit/local_bbs/rig.hpp"

using namespace local;
using namespace local::bbs_test;
using State = TaskRow::State;

namespace {

void desire(Rig& rig, const std::string& guid, base::Duration now = 0s) {
  CHECK_FALSE(rig.model.desire_task(a_task(guid), "definition", "trace", at(now)));
}

}  // namespace

TEST_CASE("a desired Task is pending and auctioned", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  const BbsOrders orders = rig.model.take_orders();
  REQUIRE(orders.size() == 1);
  const auto& post = std::get<PostTaskAuctions>(orders[0]);
  CHECK(post.trace_id == "trace");
  CHECK(
      diego::write_task_starts(post.starts) ==
      R"([{"TaskGuid":"t","Domain":"cf-tasks","PlacementTags":null,"VolumeDrivers":[],)"
      R"("RootFs":"preloaded:cflinuxfs4","MemoryMB":64,"DiskMB":256,"MaxPids":100,"state":"Invalid","failed":false}])");
  CHECK(rig.task("t").state == State::pending);
  CHECK(type_of(rig.model.desire_task(a_task("t"), "", "", at(1s))) == Type::resource_exists);
}

TEST_CASE("a Task starts once, and again only on the same cell", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  const auto start = [&](const char* cell) { return rig.model.start_task("t", cell, at(1s)); };
  CHECK(start("cell-a") == BbsModel::TaskStarted{std::nullopt, true});
  CHECK(start("cell-a") == BbsModel::TaskStarted{std::nullopt, false});
  CHECK(start("cell-b").refusal ==
        BbsError{Type::invalid_state_transition, "Cannot transition from Running to Running"});
  CHECK(type_of(rig.model.start_task("nosuch", "cell-a", at(1s)).refusal) == Type::resource_not_found);
}

TEST_CASE("a Task is completed by the cell that runs it", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  const auto complete = [&](const char* cell) {
    return rig.model.complete_task("t", cell, true, "exit 1", "result", at(2s));
  };
  CHECK(complete("cell-a") == BbsError{Type::invalid_state_transition, "Cannot transition from Pending to Completed"});
  rig.model.start_task("t", "cell-a", at(1s));
  CHECK(complete("cell-b") == BbsError{Type::running_on_different_cell, "Running on cell cell-a not cell-b"});
  CHECK_FALSE(complete("cell-a"));
  CHECK(rig.task("t").state == State::completed);
  CHECK(rig.task("t").failed);
  CHECK(rig.task("t").failure_reason == "exit 1");
  CHECK(rig.task("t").result == "result");
  CHECK(rig.task("t").cell_id.empty());
  CHECK(rig.task("t").first_completed == at(2s));
}

TEST_CASE("three rejections leave a Task pending, the fourth fails it", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  for (int count = 1; count <= 3; ++count) {
    CHECK_FALSE(rig.model.reject_task("t", "insufficient resources", at(1s)));
    CHECK(rig.task("t").state == State::pending);
    CHECK(rig.task("t").rejection_count == count);
    CHECK(rig.task("t").rejection_reason == "insufficient resources");
  }
  CHECK_FALSE(rig.model.reject_task("t", "at last", at(2s)));
  CHECK(rig.task("t").state == State::completed);
  CHECK(rig.task("t").rejection_count == 4);
  CHECK(rig.task("t").failure_reason == "at last");
  CHECK(rig.model.reject_task("t", "late", at(3s)) ==
        BbsError{Type::invalid_request, "the request received is invalid"});
}

TEST_CASE("a running Task that is rejected is pending again", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  rig.model.start_task("t", "cell-a", at(1s));
  CHECK_FALSE(rig.model.reject_task("t", "no container", at(2s)));
  CHECK(rig.task("t").state == State::pending);
  CHECK(rig.model.start_task("t", "cell-b", at(3s)).should_start);
}

TEST_CASE("cancelling fails a Task and tells the rep that has it", "[bbs]") {
  Rig rig;
  for (const char* guid : {"pending", "running", "elsewhere"}) desire(rig, guid);
  rig.model.start_task("running", "cell-a", at(1s));
  rig.model.start_task("elsewhere", "cell-gone", at(1s));
  rig.orders();
  for (const char* guid : {"pending", "running", "elsewhere"}) {
    CHECK_FALSE(rig.model.cancel_task(guid, "", at(2s)));
    CHECK(rig.task(guid).failure_reason == "task was cancelled");
  }
  CHECK(rig.orders() == Lines{"cancel running at http://cell-a"});
  CHECK(rig.model.cancel_task("running", "", at(3s)) ==
        BbsError{Type::invalid_state_transition, "Cannot transition from Completed to Completed"});
}

TEST_CASE("a Task is deleted once somebody has taken its result", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  CHECK(type_of(rig.model.resolve_task("t", at(1s))) == Type::invalid_state_transition);
  CHECK(type_of(rig.model.delete_task("t")) == Type::invalid_state_transition);
  rig.model.cancel_task("t", "", at(1s));
  CHECK_FALSE(rig.model.resolve_task("t", at(2s)));
  CHECK_FALSE(rig.model.delete_task("t"));
  CHECK(rig.model.tasks().empty());
}

// ---- Convergence

TEST_CASE("every pending Task is auctioned in each pass, in one post", "[bbs]") {
  Rig rig;
  desire(rig, "a");
  desire(rig, "b", 1s);
  desire(rig, "running");
  rig.model.start_task("running", "cell-a", at(1s));
  rig.orders();
  rig.converge(1s);
  CHECK(rig.orders() == Lines{"tasks a b"});
}

TEST_CASE("a Task that nobody started for half an hour fails", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  rig.converge(30min);
  CHECK(rig.task("t").state == State::pending);
  rig.orders();
  rig.converge(30min + 1s);
  CHECK(rig.task("t").state == State::completed);
  CHECK(rig.task("t").failure_reason == "not started within time limit");
  CHECK(rig.orders().empty());
}

TEST_CASE("a Task whose cell has gone fails", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  rig.cell("cell-b", 10s);
  rig.model.start_task("t", "cell-b", at(1s));
  rig.converge(9s);
  CHECK(rig.task("t").state == State::running);
  rig.converge(10s);
  CHECK(rig.task("t").state == State::completed);
  CHECK(rig.task("t").failure_reason == "cell disappeared before completion");
}

TEST_CASE("ended Tasks are forgotten after two minutes, resolving ones offered again after 30 s", "[bbs]") {
  Rig rig;
  desire(rig, "t");
  rig.model.cancel_task("t", "", at(0s));
  rig.model.resolve_task("t", at(1s));
  rig.converge(31s);
  CHECK(rig.task("t").state == State::resolving);
  rig.converge(32s);
  CHECK(rig.task("t").state == State::completed);
  rig.converge(120s);
  CHECK(rig.model.tasks().size() == 1);
  rig.converge(121s);
  CHECK(rig.model.tasks().empty());
}
