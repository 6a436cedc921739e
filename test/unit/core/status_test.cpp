#include "rig.hpp"

namespace core {
namespace {

struct Launched : Rig {
  explicit Launched(Config config = {}) : Rig(std::move(config)) {
    subscribe_and_suppress();
    lrp("p", {0});
    offer("a1", 4000);
    done();
    first = task_id("p", 0);
  }
  std::string first;
};

}  // namespace

TEST_CASE("every update with a uuid is acknowledged, whatever it is about", "[status]") {
  Launched rig;
  rig.status(rig.first, TaskState::starting, "a1");
  rig.status(rig.first, TaskState::starting, "a1");     // A duplicate: the earlier acknowledgement was lost.
  rig.status("x.0.abcd2345", TaskState::failed, "a9");  // Never ours to begin with.
  CHECK(rig.all<Acknowledge>().size() == 3);
  rig.done();
  rig.status(rig.first, TaskState::running, "a1", StatusReason::reconciliation, "", false);
  CHECK(rig.none<Acknowledge>());
  CHECK(rig.state("p", 0) == State::running);
}

TEST_CASE("what ends before its rep took it is launched again elsewhere under a new name", "[status]") {
  const TaskState state =
      GENERATE(TaskState::dropped, TaskState::error, TaskState::failed, TaskState::gone, TaskState::lost);
  Launched rig;
  rig.status(rig.first, state, "a1", StatusReason::invalid_offers, "no longer valid", false);
  CHECK(rig.state("p", 0) == State::queued);
  rig.pass(1s);
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000), rig.make_offer("a2", 4000)}});
  CHECK(rig.only<Accept>().agent_id == "a2");
  CHECK(rig.task_id("p", 0) != rig.first);
  CHECK(rig.view("p", 0).attempts == 2);
}

TEST_CASE("launches that keep failing end the instance after the allowed number", "[status]") {
  Config config;
  config.launch_attempts = 3;
  Launched rig(config);
  for (int i = 0; i < 3; ++i) {
    if (i > 0) {
      rig.pass(10s);
      rig.offer("a1", 4000);
    }
    rig.status(rig.task_id("p", 0), TaskState::failed, "a1", StatusReason::executor_ended, "no such image");
  }
  CHECK(rig.state("p", 0) == State::failed);
  CHECK(rig.view("p", 0).reason == "TASK_FAILED: no such image (3 launches failed)");
}

TEST_CASE("an executor that never came up is not launched on again", "[status]") {
  Launched rig;
  const auto executor = rig.executor_of("a1");
  rig.status(rig.first, TaskState::dropped, "a1", StatusReason::invalid_offers, "", false);
  CHECK(rig.executor_of("a1") == std::nullopt);
  rig.pass(1s);
  rig.offer("a1", 4000);
  CHECK(rig.executor_of("a1") != executor);
}

TEST_CASE("one bad task does not cost its neighbours their cell", "[status]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1});
  rig.offer("a1", 4000);
  const auto executor = rig.executor_of("a1");
  rig.status(rig.task_id("p", 0), TaskState::error, "a1", StatusReason::other, "bad", false);
  CHECK(rig.executor_of("a1") == executor);
}

TEST_CASE("a blind answer does not touch an attempt that got through", "[status]") {
  const auto [state, reason] = GENERATE(table<TaskState, StatusReason>(
      {{TaskState::dropped, StatusReason::invalid_offers}, {TaskState::error, StatusReason::other}}));
  Launched rig;
  rig.status(rig.first, TaskState::running, "a1");
  rig.status(rig.first, state, "a1", reason, "Task has duplicate ID", false);
  CHECK(rig.state("p", 0) == State::running);
}

TEST_CASE("an LRP that ends with its cell is queued again, a task is not", "[status]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0});
  rig.task("t");
  rig.offer("a1", 4000);
  const std::string lrp = rig.task_id("p", 0);
  const std::string task = rig.view(Key{Kind::task, "t", 0}).task_id;
  rig.status(lrp, TaskState::running, "a1");
  rig.status(task, TaskState::running, "a1");
  rig.happen(ExecutorEnded{"a1", *rig.executor_of("a1"), 9});
  rig.status(lrp, TaskState::failed, "a1", StatusReason::executor_ended, "Executor terminated");
  rig.status(task, TaskState::failed, "a1", StatusReason::executor_ended, "Executor terminated");
  CHECK(rig.state("p", 0) == State::queued);
  CHECK(rig.view(Key{Kind::task, "t", 0}).state == State::failed);
  CHECK(rig.core.cells().empty());
}

TEST_CASE("an LRP that ran and crashed is not ours to restart", "[status]") {
  Launched rig;
  rig.status(rig.first, TaskState::running, "a1");
  rig.status(rig.first, TaskState::failed, "a1", StatusReason::none, "crashed");
  CHECK(rig.state("p", 0) == State::failed);
  CHECK(rig.view("p", 0).reason == "TASK_FAILED: crashed");
}

TEST_CASE("a finished task is stopped and its end acknowledged after it is recorded", "[status]") {
  Launched rig;
  rig.status(rig.first, TaskState::running, "a1");
  rig.status(rig.first, TaskState::finished, "a1");
  CHECK(rig.state("p", 0) == State::stopped);
  CHECK(rig.all<Acknowledge>().size() == 2);
}

TEST_CASE("an unreachable LRP gets a successor; once that runs, the old attempt is killed when it comes back",
          "[status]") {
  Launched rig;
  rig.status(rig.first, TaskState::running, "a1");
  rig.status(rig.first, TaskState::unreachable, "a1", StatusReason::agent_lost, "", false);
  CHECK(rig.state("p", 0) == State::queued);
  rig.offer("a2", 4000);
  REQUIRE(rig.only<Accept>().agent_id == "a2");
  rig.status(rig.task_id("p", 0), TaskState::running, "a2");
  rig.done();
  rig.status(rig.first, TaskState::running, "a1", StatusReason::other, "", false);
  CHECK(rig.only<Kill>() == Kill{"a1", rig.first});
}

TEST_CASE("a lost attempt that comes back before its successor was launched is taken back", "[status]") {
  Launched rig;
  rig.status(rig.first, TaskState::running, "a1");
  rig.status(rig.first, TaskState::unreachable, "a1", StatusReason::agent_lost, "", false);
  rig.status(rig.first, TaskState::running, "a1", StatusReason::other, "", false);
  CHECK(rig.state("p", 0) == State::running);
  CHECK(rig.none<Kill>());
  rig.offer("a2", 4000);
  CHECK(rig.none<Accept>());
}

TEST_CASE("TASK_UNKNOWN is asked again, not believed", "[status]") {
  Launched rig;
  rig.status(rig.first, TaskState::running, "a1");
  rig.status(rig.first, TaskState::unknown, "a1", StatusReason::reconciliation, "", false);
  CHECK(rig.state("p", 0) == State::running);
  CHECK(rig.only<Reconcile>().tasks == std::vector<Reconcile::Task>{{rig.first, "a1"}});
}

TEST_CASE("a launch without a word is asked about", "[status]") {
  Launched rig;
  rig.pass(29s);
  CHECK(rig.none<Reconcile>());
  rig.pass(2s);
  CHECK_FALSE(rig.none<Reconcile>());
  rig.status(rig.first, TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  CHECK(rig.state("p", 0) == State::queued);
}

TEST_CASE("a live task of a foreign name is killed", "[status]") {
  Rig rig;
  rig.subscribe();
  rig.status("someone-elses", TaskState::running, "a1");
  CHECK(rig.only<Kill>().task_id == "someone-elses");
}

TEST_CASE("an end without its cause waits for the agent's own update: it may have come with the cell", "[status]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  rig.status(task, TaskState::failed, "a1", StatusReason::reconciliation, "", false);
  CHECK(rig.state("p", 0) == State::running);
  CHECK(rig.none<Reconcile>());
  SECTION("it did") {
    rig.status(task, TaskState::failed, "a1", StatusReason::executor_ended);
    CHECK(rig.state("p", 0) == State::queued);
  }
  SECTION("it did not") {
    rig.status(task, TaskState::failed, "a1");
    CHECK(rig.state("p", 0) == State::failed);
  }
  SECTION("while none comes, the master is asked again") {
    rig.pass(15s);
    CHECK(rig.only<Reconcile>().tasks.front().task_id == task);
    CHECK(rig.state("p", 0) == State::running);
  }
  SECTION("a stop that was asked for needs no cause") {
    rig.happen(StopRequested{{Kind::lrp, "p", {}}});
    rig.status(task, TaskState::killed, "a1", StatusReason::reconciliation, "", false);
    CHECK(rig.state("p", 0) == State::stopped);
  }
}

}  // namespace core
