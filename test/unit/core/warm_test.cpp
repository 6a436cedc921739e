// Cells without work, and how many cells and launches there may be.
#include "rig.hpp"

namespace core {
namespace {

Config with(std::int64_t Config::*field, std::int64_t value) {
  Config config;
  config.*field = value;
  return config;
}

std::vector<std::string> boots(const Rig& rig) {
  std::vector<std::string> ids;
  for (const Accept& accept : rig.all<Accept>()) {
    for (const Launch& launch : accept.launches) {
      if (launch.task_id.starts_with("~cell.")) ids.push_back(launch.task_id);
    }
  }
  return ids;
}

struct Warm : Rig {
  explicit Warm(std::int64_t min = 1, Config config = {}) : Rig((config.cells_min = min, config)) {
    subscribe();
    pass(2s);
  }
  void booted(const std::string& agent, const std::string& boot) { status(boot, TaskState::finished, agent); }
};

}  // namespace

TEST_CASE("a missing warm cell is asked offers for, and started on the agent with most memory", "[warm]") {
  Warm rig;
  CHECK(rig.none<Suppress>());
  rig.happen(OffersArrived{{rig.make_offer("a1", 3000), rig.make_offer("a3", 4000), rig.make_offer("a2", 4000)}});
  const Accept accept = rig.only<Accept>();
  CHECK(accept.agent_id == "a2");
  REQUIRE(accept.launches.size() == 1);
  CHECK(accept.launches[0].element.empty());
  CHECK(sum(accept.launches[0].pieces) == placement::Amounts{0, 0, 10, 0});
  CHECK_FALSE(accept.executor_info.empty());
  CHECK(rig.all<Suppress>().size() == 1);  // Enough.
  CHECK(rig.core.cells().at(0).state == CellState::starting);
  rig.booted("a2", accept.launches[0].task_id);
  CHECK(rig.all<Acknowledge>().size() == 1);
  CHECK(rig.none<Kill>());
  CHECK(rig.core.cells().at(0).state == CellState::idle);
  rig.pass(1h);
  CHECK(rig.none<ShutdownExecutor>());  // It is kept.
  rig.done();
  rig.lrp("p", {0});
  rig.happen(OffersArrived{{rig.make_offer("a1", 3000), rig.make_offer("a2", 3000, {*rig.executor_of("a2")})}});
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("warm cells are not started while the cells of an earlier run may still be found", "[warm]") {
  Config config;
  config.cells_min = 1;
  Rig rig(config);
  rig.core.remember_framework("F");
  rig.subscribe();
  rig.offer("a1", 4000);
  CHECK(rig.none<Accept>());
  rig.offer("a2", 4000, {"diego-cell-f00d-x"});
  rig.pass(3s);
  CHECK(rig.none<Accept>());
}

TEST_CASE("idle cells above the minimum go, one stays", "[warm]") {
  Warm rig;
  rig.lrp("p", {0}, 3000);
  rig.lrp("q", {0}, 3000);
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000), rig.make_offer("a2", 4000)}});
  CHECK(boots(rig).empty());  // Work starts cells, too.
  for (const char* guid : {"p", "q"}) {
    rig.status(rig.task_id(guid, 0), TaskState::running, rig.view(guid, 0).agent_id);
    rig.status(rig.task_id(guid, 0), TaskState::finished, rig.view(guid, 0).agent_id);
  }
  rig.pass(61s);
  CHECK(rig.all<ShutdownExecutor>().size() == 1);
  rig.happen(ExecutorEnded{rig.only<ShutdownExecutor>().agent_id, rig.only<ShutdownExecutor>().executor_id, 0});
  rig.done();
  rig.pass(10min);
  CHECK(rig.none<ShutdownExecutor>());
  CHECK(rig.core.cells().size() == 1);
}

TEST_CASE("a warm cell that ends is replaced; one that does not boot is too, elsewhere once its agent is shunned",
          "[warm]") {
  Warm rig;
  rig.offer("a1", 4000);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(boots(rig).size() == 1);
    rig.status(boots(rig)[0], TaskState::failed, "a1", StatusReason::executor_ended, "no such image");
    for (const CellView& cell : rig.core.cells()) CHECK(cell.state == CellState::none);
    rig.pass(10s);
    rig.done();
    rig.offer("a1", 4000);
  }
  CHECK(rig.none<Accept>());
  REQUIRE(rig.core.cells().size() == 1);
  CHECK(rig.core.cells()[0].quarantined_until);
  rig.offer("a2", 3000);
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("a cell that says itself that it did not boot is told to go", "[warm]") {
  Warm rig;
  rig.offer("a1", 4000);
  rig.status(boots(rig).at(0), TaskState::failed, "a1", StatusReason::none, "the cell's rep did not come up");
  CHECK(rig.all<ShutdownExecutor>().size() == 1);
}

TEST_CASE("a boot of which nothing is heard is asked about, and given up when it is unknown", "[warm]") {
  Warm rig;
  rig.offer("a1", 4000);
  const std::string boot = boots(rig).at(0);
  rig.done();
  rig.pass(31s);
  REQUIRE_FALSE(rig.none<Reconcile>());
  CHECK(rig.all<Reconcile>().front().tasks.at(0).task_id == boot);
  rig.status(boot, TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  CHECK(rig.core.cells().empty());
  rig.offer("a1", 4000);
  CHECK(boots(rig).size() == 1);
  CHECK(boots(rig).at(0) != boot);
}

TEST_CASE("a boot that is unknown after another led does not end its cell", "[warm]") {
  const bool another_led = GENERATE(true, false);
  Warm rig;
  rig.offer("a1", 4000);
  const std::string boot = boots(rig).at(0);
  rig.status(boot, TaskState::starting, "a1");
  rig.happen(LeadershipTaken{another_led});
  rig.status(boot, TaskState::gone, "a1", StatusReason::reconciliation, "", false);
  CHECK(rig.none<ShutdownExecutor>() == another_led);
}

TEST_CASE("boot tasks of an earlier run are acknowledged and left alone", "[warm]") {
  Rig rig;
  rig.subscribe();
  rig.done();
  rig.status("~cell.abcdefgh", TaskState::running, "a1");
  rig.status("~cell.abcdefgh", TaskState::finished, "a1");
  CHECK(rig.none<Kill>());
  CHECK(rig.all<Acknowledge>().size() == 2);
}

TEST_CASE("beyond --cells-max work only goes where a cell is", "[warm][caps]") {
  Rig rig(with(&Config::cells_max, 1), "spread");
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1}, 1000);
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000), rig.make_offer("a2", 4000)}});
  CHECK(rig.only<Accept>().agent_id == "a1");
  CHECK(rig.only<Accept>().launches.size() == 2);
  rig.lrp("q", {0}, 3000);
  rig.offer("a2", 4000);
  CHECK(rig.all<Accept>().size() == 1);
  CHECK(rig.view("q", 0).reason.starts_with("insufficient resources"));
  for (int i : {0, 1}) rig.status(rig.task_id("p", i), TaskState::running, "a1");
  rig.done();
  rig.happen(ExecutorEnded{"a1", *rig.executor_of("a1"), 9});
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("only so many cells come up at a time", "[warm][caps]") {
  Rig rig(with(&Config::cells_starting_max, 1), "spread");
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1}, 3000);
  rig.happen(OffersArrived{{rig.make_offer("a1", 4000), rig.make_offer("a2", 4000)}});
  CHECK(rig.only<Accept>().agent_id == "a1");
  rig.status(rig.task_id("p", 0), TaskState::starting, "a1");
  CHECK(rig.all<Accept>().size() == 2);
}

TEST_CASE("no more launches per second than allowed, a second's worth at once", "[warm][caps]") {
  Rig rig(with(&Config::launch_rate, 10));
  rig.subscribe_and_suppress();
  std::vector<std::int32_t> indices(35);
  for (int i = 0; i < 35; ++i) indices[static_cast<std::size_t>(i)] = i;
  rig.lrp("p", indices, 50);
  const auto launched = [&] {
    std::size_t count = 0;
    for (const Accept& accept : rig.all<Accept>()) count += accept.launches.size();
    return count;
  };
  const auto serve = [&](base::Duration duration) {
    const base::Time end = rig.now + duration;
    while (rig.now < end) {
      std::vector<std::string> executors;
      if (const auto executor = rig.executor_of("a1")) executors = {*executor};
      if (rig.all<Accept>().size() + rig.all<Decline>().size() == static_cast<std::size_t>(rig.offers_made)) {
        auto offer = rig.make_offer("a1", 9000, executors);
        offer.pieces[0].amount = 9000;
        rig.happen(OffersArrived{{offer}});
      }
      rig.pass(50ms);
    }
  };
  rig.offers_made = 0;
  serve(50ms);
  CHECK(launched() == 10);
  serve(1s);
  CHECK(launched() >= 19);
  CHECK(launched() <= 21);
  serve(2s);
  CHECK(launched() == 35);
}

}  // namespace core
