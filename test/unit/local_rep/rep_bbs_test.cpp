// What a rep asks and tells its BBS, and what it does with the answers.
#include <catch2/catch.hpp>

#include "diego/bbs.pb.h"
#include "local/rep/rep_bbs_client.hpp"
#include "local/rep/rep_model.hpp"

using namespace std::chrono_literals;
using local::RepBbsAnswer;
using local::RepBbsCall;
using local::RepModel;
using Kind = RepBbsCall::Kind;
using Outcome = RepBbsAnswer::Outcome;

namespace {

const char* name_of(Kind kind) {
  constexpr const char* kNames[] = {"claim",
                                    "start",
                                    "crash",
                                    "remove",
                                    "evacuate_claimed",
                                    "evacuate_running",
                                    "evacuate_stopped",
                                    "evacuate_crashed",
                                    "start_task",
                                    "complete_task"};
  return kNames[static_cast<std::size_t>(kind)];
}

using Lines = std::vector<std::string>;

// A rep that asks a BBS, and verbs.
struct Rig {
  Rig() : model(config(), base::Random(1)) {}
  static local::RepConfig config() {
    local::RepConfig out;
    out.cell_id = "cell-a";
    out.start_delay = 1s;
    out.task_duration = 2s;
    out.crash_delay = 200ms;
    out.end_delay = 200ms;
    out.bbs = true;
    return out;
  }
  base::Time at(base::Duration since_start) const { return base::Time(since_start); }

  // Gives it one LRP, whose instance guid it returns.
  std::string give_lrp(const std::string& guid = "app", base::Duration now = 0s) {
    diego::Lrp lrp;
    lrp.process_guid = guid;
    lrp.domain = "cf-apps";
    lrp.constraint.rootfs = "preloaded:cflinuxfs4";
    diego::Work work;
    work.lrps = {lrp};
    REQUIRE(model.work(work, at(now), "a-trace")->empty());
    return model.state(at(now)).lrps.back().instance_guid;
  }
  void give_task(const std::string& guid = "t") {
    diego::Task task;
    task.task_guid = guid;
    task.constraint.rootfs = "preloaded:cflinuxfs4";
    diego::Work work;
    work.tasks = {task};
    REQUIRE(model.work(work, at(0s))->empty());
  }
  void answer(Kind kind, const std::string& container, Outcome outcome, base::Duration now, bool keep = true) {
    model.bbs_answered({kind, container, outcome, keep}, at(now));
  }
  // An LRP that runs since `now` + 1 s.
  std::string run_lrp(const std::string& guid = "app") {
    const std::string instance = give_lrp(guid);
    answer(Kind::claim, instance, Outcome::done, 0s);
    model.tick(at(1s));
    model.take_calls();
    return instance;
  }
  // The calls made by `now`.
  Lines calls(base::Duration now) {
    model.tick(at(now));
    Lines out;
    for (const RepBbsCall& call : model.take_calls())
      out.push_back(std::string(name_of(call.kind)) + (call.reason.empty() ? "" : ": " + call.reason));
    return out;
  }
  Lines states(base::Duration now) {
    Lines out;
    for (const diego::Lrp& lrp : model.state(at(now)).lrps) out.push_back(lrp.state);
    for (const diego::Task& task : model.state(at(now)).tasks) out.push_back(task.state);
    return out;
  }

  RepModel model;
};

}  // namespace

TEST_CASE("an LRP is claimed before it starts, and said to run", "[rep]") {
  Rig rig;
  const std::string instance = rig.give_lrp();
  const auto asked = rig.model.take_calls();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0] == RepBbsCall{Kind::claim, instance, "app", "cf-apps", 0, false, "", "a-trace"});
  CHECK(rig.states(20s) == Lines{"CLAIMED"});
  rig.answer(Kind::claim, instance, Outcome::done, 20s);
  CHECK(rig.states(20999ms) == Lines{"CLAIMED"});
  CHECK(rig.calls(20999ms).empty());
  CHECK(rig.calls(21s) == Lines{"start"});
  CHECK(rig.states(21s) == Lines{"RUNNING"});
}

TEST_CASE("what another cell has claimed is dropped", "[rep]") {
  Rig rig;
  const std::string instance = rig.give_lrp();
  rig.answer(Kind::claim, instance, Outcome::cannot_be_claimed, 1s);
  CHECK(rig.states(1s).empty());
}

TEST_CASE("a claim without a clear answer is made again, and given up after a minute", "[rep]") {
  Rig rig;
  const std::string instance = rig.give_lrp();
  rig.calls(0s);
  rig.answer(Kind::claim, instance, GENERATE(Outcome::other_error, Outcome::not_found), 1s);
  CHECK(rig.calls(29s).empty());
  CHECK(rig.calls(30s) == Lines{"claim"});
  CHECK(rig.states(59s) == Lines{"CLAIMED"});
  CHECK(rig.states(60s).empty());
}

TEST_CASE("what runs is said every 30 s, and stopped where it runs elsewhere", "[rep]") {
  Rig rig;
  const std::string instance = rig.run_lrp();
  rig.answer(Kind::start, instance, Outcome::done, 1s);
  CHECK(rig.calls(30s).empty());
  CHECK(rig.calls(31s) == Lines{"start"});
  CHECK(rig.calls(61s) == Lines{"start"});
  rig.answer(Kind::start, instance, Outcome::cannot_be_started, 62s);
  CHECK(rig.states(62s) == Lines{"SHUTDOWN"});
  CHECK(rig.calls(62s) == Lines{"remove"});
  CHECK(rig.states(63s).empty());
}

TEST_CASE("what is stopped is removed, what crashes is told with its reason", "[rep]") {
  Rig rig;
  const std::string instance = rig.run_lrp();
  CHECK(rig.model.stop_lrp("app", instance, rig.at(2s)));
  CHECK(rig.calls(2s) == Lines{"remove"});
  const std::string crashing = rig.run_lrp("CRASHME");
  CHECK(rig.calls(3s) == Lines{"crash: Exited with status 1"});
}

TEST_CASE("a Task starts when the BBS has it running here, and its end is told once", "[rep]") {
  Rig rig;
  rig.give_task();
  CHECK(rig.calls(0s) == Lines{"start_task"});
  CHECK(rig.states(20s) == Lines{"Running"});
  rig.answer(Kind::start_task, "t", Outcome::done, 20s);
  CHECK(rig.calls(22s).empty());
  CHECK(rig.calls(23s) == Lines{"complete_task"});
  CHECK(rig.states(23s) == Lines{"Completed"});
  CHECK(rig.calls(100s).empty());
  CHECK(rig.states(100s).empty());
}

TEST_CASE("a Task that the BBS does not have pending is dropped", "[rep]") {
  Rig rig;
  rig.give_task();
  rig.answer(Kind::start_task, "t", GENERATE(Outcome::invalid_state_transition, Outcome::not_found), 1s);
  CHECK(rig.states(1s).empty());
}

TEST_CASE("a cancelled Task is not told", "[rep]") {
  Rig rig;
  rig.give_task();
  rig.calls(0s);
  rig.model.cancel_task("t", rig.at(1s));
  CHECK(rig.calls(100s).empty());
}

TEST_CASE("an evacuating cell gives back what is claimed and asks about what runs", "[rep]") {
  Rig rig;
  const std::string running = rig.run_lrp();
  rig.give_lrp("late", 1s);
  rig.calls(1s);
  rig.model.evacuate(rig.at(2s));
  CHECK(rig.calls(2s) == Lines{"evacuate_running", "evacuate_claimed"});
  CHECK(rig.states(2s) == Lines{"RUNNING"});
  rig.answer(Kind::evacuate_running, running, Outcome::done, 2s, true);
  CHECK(rig.calls(11s).empty());
  CHECK(rig.calls(12s) == Lines{"evacuate_running"});
  rig.answer(Kind::evacuate_running, running, Outcome::other_error, 12s, true);
  CHECK_FALSE(rig.model.finished(rig.at(12s)));
  rig.answer(Kind::evacuate_running, running, Outcome::done, 13s, false);
  CHECK(rig.model.finished(rig.at(13s)));
}

TEST_CASE("what ends on an evacuating cell says so", "[rep]") {
  Rig rig;
  const std::string instance = rig.run_lrp();
  rig.run_lrp("CRASHME");
  rig.model.evacuate(rig.at(1s));
  rig.calls(1s);
  CHECK(rig.calls(1200ms) == Lines{"evacuate_crashed: Exited with status 1"});
  CHECK(rig.model.stop_lrp("app", instance, rig.at(2s)));
  CHECK(rig.calls(2s) == Lines{"evacuate_stopped"});
}

TEST_CASE("without a BBS nobody is called", "[rep]") {
  local::RepConfig config = Rig::config();
  config.bbs = false;
  RepModel model(config, base::Random(1));
  diego::Work work;
  diego::Lrp lrp;
  lrp.constraint.rootfs = "preloaded:cflinuxfs4";
  work.lrps = {lrp};
  REQUIRE(model.work(work, base::Time{})->empty());
  model.evacuate(base::Time(5s));
  CHECK(model.take_calls().empty());
}

// ---- As bytes

TEST_CASE("calls are Diego's messages", "[rep]") {
  RepBbsCall call{Kind::claim, "i-1", "app", "cf-apps", 3, false, "", ""};
  models::ClaimActualLRPRequest claim;
  REQUIRE(claim.ParseFromString(request_of(call, "cell-a").body));
  CHECK(claim.ShortDebugString() ==
        R"(process_guid: "app" index: 3 instance_key { instance_guid: "i-1" cell_id: "cell-a" })");
  call.kind = Kind::start;
  models::StartActualLRPRequest start;
  REQUIRE(start.ParseFromString(request_of(call, "cell-a").body));
  CHECK(start.key().ShortDebugString() == R"(process_guid: "app" index: 3 domain: "cf-apps")");
  CHECK_FALSE(start.net_info().address().empty());
  call = {Kind::complete_task, "t", "", "", 0, true, "Exited with status 1", ""};
  models::CompleteTaskRequest complete;
  REQUIRE(complete.ParseFromString(request_of(call, "cell-a").body));
  CHECK(complete.ShortDebugString() ==
        R"(task_guid: "t" cell_id: "cell-a" failed: true failure_reason: "Exited with status 1")");
}

TEST_CASE("every call goes to a route of the BBS", "[rep]") {
  const auto [kind, path] = GENERATE(values<std::pair<Kind, const char*>>({
      {Kind::claim, "/v1/actual_lrps/claim"},
      {Kind::start, "/v1/actual_lrps/start.r1"},
      {Kind::crash, "/v1/actual_lrps/crash"},
      {Kind::remove, "/v1/actual_lrps/remove"},
      {Kind::evacuate_claimed, "/v1/actual_lrps/evacuate_claimed"},
      {Kind::evacuate_running, "/v1/actual_lrps/evacuate_running.r1"},
      {Kind::evacuate_stopped, "/v1/actual_lrps/evacuate_stopped"},
      {Kind::evacuate_crashed, "/v1/actual_lrps/evacuate_crashed"},
      {Kind::start_task, "/v1/tasks/start"},
      {Kind::complete_task, "/v1/tasks/complete"},
  }));
  RepBbsCall call;
  call.kind = kind;
  CHECK(request_of(call, "cell-a").path == path);
}

TEST_CASE("answers are read for what the rep acts on", "[rep]") {
  RepBbsCall call;
  call.container = "i-1";
  const auto outcome = [&call](models::Error::Type type) {
    models::ActualLRPLifecycleResponse response;
    response.mutable_error()->set_type(type);
    return answer_of(call, response.SerializeAsString()).outcome;
  };
  CHECK(answer_of(call, "").outcome == Outcome::done);
  CHECK(outcome(models::Error::ActualLRPCannotBeClaimed) == Outcome::cannot_be_claimed);
  CHECK(outcome(models::Error::ActualLRPCannotBeStarted) == Outcome::cannot_be_started);
  CHECK(outcome(models::Error::InvalidStateTransition) == Outcome::invalid_state_transition);
  CHECK(outcome(models::Error::ResourceNotFound) == Outcome::not_found);
  CHECK(outcome(models::Error::Deadlock) == Outcome::other_error);
  CHECK(answer_of(call, "garbage") == RepBbsAnswer{Kind::claim, "i-1", Outcome::other_error, true});
  call.kind = Kind::evacuate_running;
  CHECK(answer_of(call, "\x10\x01").keep_container);
  CHECK_FALSE(answer_of(call, "").keep_container);
}
