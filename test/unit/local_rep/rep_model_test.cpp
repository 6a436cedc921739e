#include <catch2/catch.hpp>

#include "local/rep/rep_model.hpp"

using namespace std::chrono_literals;
using local::RepConfig;
using local::RepModel;

namespace {

diego::Lrp an_lrp(std::string guid, std::int32_t memory_mb = 128, std::int32_t index = 0) {
  diego::Lrp lrp;
  lrp.process_guid = std::move(guid);
  lrp.index = index;
  lrp.domain = "cf-apps";
  lrp.constraint.rootfs = "preloaded:cflinuxfs4";
  lrp.resource = {memory_mb, 512, 100};
  return lrp;
}

diego::Task a_task(std::string guid, std::int32_t memory_mb = 128) {
  diego::Task task;
  task.task_guid = std::move(guid);
  task.constraint.rootfs = "preloaded:cflinuxfs4";
  task.resource = {memory_mb, 256, 100};
  return task;
}

// A rep with a gigabyte, and verbs.
struct Rig {
  explicit Rig(RepConfig config = standard()) : model(std::move(config), base::Random(1)) {}
  static RepConfig standard() {
    RepConfig config;
    config.cell_id = "cell-a";
    config.memory_mb = 1024;
    config.disk_mb = 8192;
    config.containers = 10;
    config.start_delay = 1s;
    config.task_duration = 2s;
    config.crash_delay = 200ms;
    config.end_delay = 200ms;
    return config;
  }
  base::Time at(base::Duration since_start) const { return base::Time(since_start); }
  diego::Work post(std::vector<diego::Lrp> lrps, std::vector<diego::Task> tasks = {}, base::Duration now = 0s) {
    diego::Work work;
    work.lrps = std::move(lrps);
    work.tasks = std::move(tasks);
    return *model.work(work, at(now));
  }
  diego::CellState state(base::Duration now) { return model.state(at(now)); }
  std::vector<std::string> lrp_states(base::Duration now) {
    std::vector<std::string> out;
    for (const diego::Lrp& lrp : state(now).lrps) out.push_back(lrp.state);
    return out;
  }
  RepModel model;
};

using States = std::vector<std::string>;

std::vector<std::string> guids(const diego::Slice<diego::Lrp>& lrps) {
  std::vector<std::string> out;
  for (const diego::Lrp& lrp : lrps) out.push_back(lrp.process_guid);
  return out;
}

}  // namespace

TEST_CASE("an empty cell offers all it has", "[rep]") {
  RepConfig config = Rig::standard();
  config.stacks = {"cflinuxfs4:/path", "windows"};
  config.volume_drivers = {"nfsv3driver"};
  config.placement_tags = {"iso-a"};
  Rig rig(config);
  const diego::CellState state = rig.state(0s);
  CHECK(state.cell_id == "cell-a");
  CHECK(state.available == diego::CellResources{1024, 8192, 10});
  CHECK(state.total == state.available);
  CHECK(state.rootfs_providers.at("preloaded").set == std::set<std::string>{"cflinuxfs4", "windows"});
  CHECK(state.rootfs_providers.at("docker").kind == diego::RootFsProvider::Kind::arbitrary);
  CHECK(state.volume_drivers == diego::Slice<std::string>{"nfsv3driver"});
  CHECK(state.placement_tags == diego::Slice<std::string>{"iso-a"});
  CHECK_FALSE(state.lrps.null());
  CHECK_FALSE(rig.model.next_deadline());
}

TEST_CASE("an LRP is claimed, runs after the start delay, and stays", "[rep]") {
  Rig rig;
  CHECK(rig.post({an_lrp("app")}).empty());
  const diego::CellState claimed = rig.state(999ms);
  REQUIRE(claimed.lrps.size() == 1);
  CHECK(claimed.lrps[0].state == "CLAIMED");
  CHECK(claimed.lrps[0].instance_guid.size() == 28);
  CHECK(claimed.lrps[0].constraint.rootfs.empty());
  CHECK(claimed.starting_container_count == 1);
  CHECK(claimed.available == diego::CellResources{896, 7680, 9});
  CHECK(rig.model.next_deadline() == rig.at(1s));
  CHECK(rig.lrp_states(1s) == States{"RUNNING"});
  CHECK(rig.state(1h).starting_container_count == 0);
  CHECK(rig.lrp_states(1000h) == States{"RUNNING"});
}

TEST_CASE("a task runs for its time, is shown completed, and goes", "[rep]") {
  Rig rig;
  CHECK(rig.post({}, {a_task("t")}).empty());
  const auto task_at = [&](base::Duration now) { return rig.state(now).tasks; };
  CHECK(task_at(0s)[0].state == "Running");
  CHECK(task_at(2999ms)[0].state == "Running");
  CHECK(task_at(3s)[0].state == "Completed");
  CHECK_FALSE(task_at(3s)[0].failed);
  CHECK(rig.state(3100ms).available.memory_mb == 896);
  CHECK(task_at(3200ms).empty());
  CHECK(rig.state(3200ms).available.memory_mb == 1024);
}

TEST_CASE("one late look and many early ones agree", "[rep]") {
  Rig early, late;
  for (Rig* rig : {&early, &late}) rig->post({an_lrp("app"), an_lrp("app-CRASHME")}, {a_task("t")});
  const base::Duration then = GENERATE(1100ms, 1250ms, 3100ms, 5s);
  CAPTURE(then.count());
  for (base::Duration now = 0ms; now < then; now += 10ms) early.state(now);
  CHECK(early.state(then) == late.state(then));
}

TEST_CASE("a stopped LRP is shown shut down and goes", "[rep]") {
  Rig rig;
  rig.post({an_lrp("app")});
  const std::string guid = rig.state(2s).lrps[0].instance_guid;
  CHECK_FALSE(rig.model.stop_lrp("app", "nosuch", rig.at(2s)));
  CHECK_FALSE(rig.model.stop_lrp("other", guid, rig.at(2s)));
  CHECK(rig.model.stop_lrp("app", guid, rig.at(2s)));
  CHECK(rig.lrp_states(2s) == States{"SHUTDOWN"});
  CHECK(rig.model.next_deadline() == rig.at(2200ms));
  CHECK(rig.lrp_states(2200ms).empty());
  CHECK_FALSE(rig.model.stop_lrp("app", guid, rig.at(3s)));
}

TEST_CASE("what crashes has run, is shown crashed, and goes", "[rep]") {
  Rig rig;
  rig.post({an_lrp("app-CRASHME")}, {a_task("task-CRASHME")});
  CHECK(rig.lrp_states(1s) == States{"RUNNING"});
  CHECK(rig.lrp_states(1200ms) == States{"CRASHED"});
  const diego::Task task = rig.state(1200ms).tasks.at(0);
  CHECK(task.state == "Completed");
  CHECK(task.failed);
  CHECK(rig.lrp_states(1400ms).empty());
}

TEST_CASE("a task is cancelled at once, an unknown one ignored", "[rep]") {
  Rig rig;
  rig.post({}, {a_task("t"), a_task("u")});
  rig.model.cancel_task("t", rig.at(1s));
  rig.model.cancel_task("nosuch", rig.at(1s));
  REQUIRE(rig.state(1s).tasks.size() == 1);
  CHECK(rig.state(1s).tasks[0].task_guid == "u");
}

TEST_CASE("bigger LRPs are taken first, what does not fit is handed back", "[rep]") {
  Rig rig;
  const auto refused =
      rig.post({an_lrp("small", 100), an_lrp("big", 900), an_lrp("middle", 200), an_lrp("huge", 2000)});
  CHECK(guids(refused.lrps) == std::vector<std::string>{"huge", "middle"});
  CHECK(guids(rig.state(0s).lrps) == std::vector<std::string>{"big", "small"});
}

TEST_CASE("memory, disk, containers and root file system each refuse", "[rep]") {
  RepConfig config = Rig::standard();
  config.containers = 1;
  Rig rig(config);
  auto disk = an_lrp("disk");
  disk.resource.disk_mb = 9000;
  auto stack = an_lrp("stack");
  stack.constraint.rootfs = "preloaded:windows";
  auto none = an_lrp("none");
  none.constraint.rootfs = "";
  CHECK(guids(rig.post({an_lrp("memory", 1025), disk, stack, none}).lrps) ==
        std::vector<std::string>{"memory", "disk", "stack", "none"});
  CHECK(rig.post({an_lrp("fits", 1024)}).empty());
  CHECK(guids(rig.post({an_lrp("second", 0)}).lrps) == std::vector<std::string>{"second"});
  CHECK(rig.post({}, {a_task("t", 0)}).tasks.size() == 1);
}

TEST_CASE("the proxy's memory is charged to LRPs with a limit, not to tasks", "[rep]") {
  RepConfig config = Rig::standard();
  config.proxy_memory_mb = 32;
  Rig rig(config);
  CHECK(rig.post({an_lrp("exact", 1024)}).lrps.size() == 1);
  CHECK(rig.post({an_lrp("fits", 500), an_lrp("unlimited", 0)}, {a_task("t", 492)}).empty());
  const auto state = rig.state(0s);
  CHECK(state.lrps[0].resource.memory_mb == 532);
  CHECK(state.lrps[1].resource.memory_mb == 0);
  CHECK(state.available.memory_mb == 0);
  CHECK(state.proxy_memory_allocation_mb == 32);
}

TEST_CASE("the same task twice is refused, the same LRP twice is two containers", "[rep]") {
  Rig rig;
  CHECK(rig.post({an_lrp("app"), an_lrp("app")}, {a_task("t")}).empty());
  const auto refused = rig.post({}, {a_task("t")});
  CHECK(refused.tasks.size() == 1);
  CHECK(refused.lrps.null());
  const auto state = rig.state(0s);
  REQUIRE(state.lrps.size() == 2);
  CHECK(state.lrps[0].instance_guid != state.lrps[1].instance_guid);
}

TEST_CASE("FAILME is refused after everything else", "[rep]") {
  Rig rig;
  auto stack = an_lrp("stack");
  stack.constraint.rootfs = "preloaded:windows";
  const auto refused = rig.post({an_lrp("app-FAILME"), stack}, {a_task("task-FAILME"), a_task("t")});
  CHECK(guids(refused.lrps) == std::vector<std::string>{"stack", "app-FAILME"});
  REQUIRE(refused.tasks.size() == 1);
  CHECK(refused.tasks[0].task_guid == "task-FAILME");
}

TEST_CASE("work for another cell is not looked at", "[rep]") {
  Rig rig;
  diego::Work work;
  work.lrps = {an_lrp("app")};
  work.cell_id = "cell-b";
  CHECK_FALSE(rig.model.work(work, rig.at(0s)));
  CHECK(rig.state(0s).lrps.empty());
  work.cell_id = "cell-a";
  CHECK(rig.model.work(work, rig.at(0s))->empty());
}

TEST_CASE("an evacuating cell bounces work, keeps what runs, and ends when empty", "[rep]") {
  Rig rig;
  rig.post({an_lrp("old")}, {a_task("t")});
  rig.state(2s);
  rig.post({an_lrp("new")}, {}, 2s);
  rig.model.evacuate(rig.at(2s));
  const auto state = rig.state(2s);
  CHECK(state.evacuating);
  CHECK(guids(state.lrps) == std::vector<std::string>{"old"});
  diego::Work work;
  work.lrps = {an_lrp("late")};
  work.cell_id = "cell-a";
  CHECK(*rig.model.work(work, rig.at(2s)) == work);
  CHECK_FALSE(rig.model.finished(rig.at(100s)));
  CHECK(rig.model.stop_lrp("old", state.lrps[0].instance_guid, rig.at(100s)));
  CHECK_FALSE(rig.model.finished(rig.at(100s)));
  CHECK(rig.model.finished(rig.at(100s + 200ms)));
}

TEST_CASE("an evacuation ends at its timeout", "[rep]") {
  RepConfig config = Rig::standard();
  config.evacuation_timeout = 10s;
  Rig rig(config);
  rig.post({an_lrp("app")});
  rig.state(2s);
  rig.model.evacuate(rig.at(2s));
  rig.model.evacuate(rig.at(5s));
  CHECK(rig.model.next_deadline() == rig.at(12s));
  CHECK_FALSE(rig.model.finished(rig.at(11999ms)));
  CHECK(rig.model.finished(rig.at(12s)));
}

TEST_CASE("a rep that does not evacuate never ends by itself", "[rep]") {
  Rig rig;
  CHECK_FALSE(rig.model.finished(rig.at(1000h)));
}
