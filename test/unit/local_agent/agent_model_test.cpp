#include <catch2/catch.hpp>

#include "agent_rig.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"

using namespace std::chrono_literals;
using local::AgentRig;
using local::Lines;

TEST_CASE("the first task of an executor starts it, and its tasks wait until it subscribes", "[agent]") {
  AgentRig rig;
  CHECK(rig.run("ex", {"t1"}) == Lines{"start ex"});
  CHECK(rig.run("ex", {"t2"}, false).empty());
  CHECK(rig.run("ex", {"g1", "g2"}, false).empty());
  CHECK(rig.started("ex").empty());
  CHECK(rig.subscribe("ex") == Lines{"200", "SUBSCRIBED", "LAUNCH t1", "LAUNCH t2", "LAUNCH_GROUP g1 g2"});
  CHECK(rig.last_reply.headers ==
        std::vector<std::pair<std::string, std::string>>{{"Content-Type", "application/json"}});
  CHECK(rig.run("ex", {"t3"}, false) == Lines{"LAUNCH t3"});
}

TEST_CASE("a sandbox has Mesos's path", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  const local::StartContainer& start = rig.container("ex");
  CHECK(start.sandbox == "/work/slaves/A/frameworks/F/executors/ex/runs/" + start.container_id);
  CHECK(start.latest_link == "/work/slaves/A/frameworks/F/executors/ex/runs/latest");
  CHECK(start.environment.at("MESOS_SANDBOX") == start.sandbox);
}

TEST_CASE("an update is answered, forwarded and acknowledged at once", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  rig.started("ex", 4711);
  rig.subscribe("ex");
  CHECK(rig.update("ex", "t1", "TASK_STARTING") == Lines{"202", "status t1 TASK_STARTING", "ACKNOWLEDGED t1"});
  CHECK(rig.last_status->agent_id().value() == "A");
  CHECK(rig.last_status->timestamp() == 1'700'000'000);
  CHECK(rig.last_status->container_status().container_id().value() == rig.container("ex").container_id);
  CHECK(rig.last_status->container_status().executor_pid() == 4711);
  CHECK(rig.last_status->container_status().network_infos(0).ip_addresses(0).ip_address() == "127.0.0.1");

  // One in flight; the master learns the newest state with the repetition.
  CHECK(rig.update("ex", "t1", "TASK_FINISHED") == Lines{"202", "ACKNOWLEDGED t1"});
  CHECK(rig.pass(10s) == Lines{"status t1 TASK_STARTING latest TASK_FINISHED"});
  CHECK(rig.ack("t1") == Lines{"status t1 TASK_FINISHED"});
  CHECK(rig.ack("t1").empty());
}

TEST_CASE("what becomes of updates that are odd", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");

  SECTION("for a task unknown here: passed on, never acknowledged") {
    CHECK(rig.update("ex", "who", "TASK_RUNNING") == Lines{"202", "status who TASK_RUNNING"});
    CHECK_FALSE(rig.last_status->has_container_status());
  }
  SECTION("with another agent's id: ignored") {
    CHECK(rig.update("ex", "t1", "TASK_FINISHED", R"(,"agent_id":{"value":"B"})") == Lines{"202"});
  }
  SECTION("after the terminal one: acknowledged, not passed on") {
    rig.update("ex", "t1", "TASK_FINISHED");
    CHECK(rig.update("ex", "t1", "TASK_FAILED") == Lines{"202", "ACKNOWLEDGED t1"});
  }
  SECTION("after the terminal one was acknowledged by the scheduler: the task is unknown by then") {
    rig.update("ex", "t1", "TASK_FINISHED");
    rig.ack("t1");
    CHECK(rig.update("ex", "t1", "TASK_FAILED") == Lines{"202", "status t1 TASK_FAILED"});
  }
  SECTION("once more the same: acknowledged again") {
    CHECK(rig.update("ex", "t1", "TASK_RUNNING") == Lines{"202", "ACKNOWLEDGED t1"});
  }
}

TEST_CASE("an update for a task still queued would crash a real agent", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  rig.feed(local::StreamClosed{rig.stream_of("ex")});
  rig.run("other", {"t2"});
  CHECK(rig.update("ex", "t2", "TASK_RUNNING") ==
        Lines{"202", "complaint executor ex sent an update for task t2 before it was launched",
              "status t2 TASK_RUNNING"});
}

TEST_CASE("messages go both ways, best effort", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  CHECK(rig.call("ex", R"("type":"MESSAGE","message":{"data":"aGVsbG8="})") == Lines{"202", "message ex hello"});
  CHECK(rig.master(local::FrameworkMessage{"F", "ex", "back"}) == Lines{"MESSAGE back"});
  CHECK(rig.master(local::FrameworkMessage{"F", "nobody", "back"}).empty());
  rig.feed(local::StreamClosed{rig.stream_of("ex")});
  CHECK(rig.master(local::FrameworkMessage{"F", "ex", "lost"}).empty());
}

TEST_CASE("who is not known or not subscribed is refused", "[agent]") {
  AgentRig rig;
  const std::string message = R"("type":"MESSAGE","message":{"data":"eA=="})";
  CHECK(rig.call("ex", message) == Lines{"400 Framework cannot be found"});
  rig.run("ex", {"t1"});
  CHECK(rig.call("who", message) == Lines{"400 Executor cannot be found"});
  CHECK(rig.call("ex", message) == Lines{"403 Executor is not subscribed"});
  CHECK(rig.call("who", R"("type":"HEARTBEAT")") == Lines{"202"});
  rig.subscribe("ex");
  CHECK(rig.call("ex", R"("type":"UNKNOWN")") == Lines{"501 501 Not Implemented."});
}

TEST_CASE("a second subscription replaces the first", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  CHECK(rig.subscribe("ex") == Lines{"stream ends", "200", "SUBSCRIBED"});
  CHECK(rig.kill("t1") == Lines{"KILL t1"});
}

TEST_CASE("a resubscription settles what was on its way", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"a"});
  rig.started("ex");
  rig.subscribe("ex");
  rig.run("ex", {"b"}, false);
  rig.feed(local::StreamClosed{rig.stream_of("ex")});
  CHECK(rig.run("ex", {"c"}, false).empty());  // This LAUNCH is lost.
  const std::string carried =
      R"({"unacknowledged_tasks":[{"name":"a","task_id":{"value":"a"},"agent_id":{"value":"A"}}],)"
      R"("unacknowledged_updates":[{"status":{"task_id":{"value":"b"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR","uuid":")" +
      rig.uuid_base64("b-running") + R"("}}]})";
  CHECK(rig.subscribe("ex", carried) ==
        Lines{"200", "SUBSCRIBED", "status b TASK_RUNNING", "ACKNOWLEDGED b",
              "status c TASK_DROPPED REASON_AGENT_RESTARTED \"Task launched during agent restart\""});
}

TEST_CASE("KILL before delivery", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  CHECK(rig.kill("t1") ==
        Lines{"status t1 TASK_KILLED REASON_TASK_KILLED_DURING_LAUNCH \"Killed before delivery to the executor\""});
  CHECK(rig.last_status->source() == mesos::v1::TaskStatus::SOURCE_AGENT);

  SECTION("an executor with nothing left to do is sent away") {
    rig.started("ex");
    CHECK(rig.subscribe("ex") == Lines{"200", "SHUTDOWN"});
    CHECK(rig.exited("ex", 0) == Lines{"destroy ex", "stream ends", "exited ex 0"});
  }
  SECTION("one with other tasks gets those") {
    rig.run("ex", {"t2"}, false);
    CHECK(rig.subscribe("ex") == Lines{"200", "SUBSCRIBED", "LAUNCH t2"});
  }
}

TEST_CASE("KILL of one queued task of a group kills the group", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"g1", "g2"});
  CHECK(rig.kill("g2") ==
        Lines{"status g1 TASK_KILLED REASON_TASK_KILLED_DURING_LAUNCH \"Killed before delivery to the executor\"",
              "status g2 TASK_KILLED REASON_TASK_KILLED_DURING_LAUNCH \"Killed before delivery to the executor\""});
}

TEST_CASE("KILL is passed on with its policy", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  CHECK(rig.kill("t1", 7s) == Lines{"KILL t1"});
  CHECK(
      rig.last_record ==
      "107\n"
      R"({"type":"KILL","kill":{"task_id":{"value":"t1"},"kill_policy":{"grace_period":{"nanoseconds":7000000000}}}})");
}

TEST_CASE("KILL of a task without an executor", "[agent]") {
  const bool aware = GENERATE(true, false);
  AgentRig rig({.partition_aware = aware});
  rig.running_task("ex", "t1");
  CHECK(rig.kill("t9") == Lines{std::string("status t9 ") + (aware ? "TASK_DROPPED" : "TASK_LOST") +
                                " REASON_EXECUTOR_TERMINATED \"Cannot find executor\""});
}

TEST_CASE("an executor that does not register is destroyed after a minute", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  rig.started("ex");
  CHECK(rig.pass(59s).empty());
  CHECK(rig.pass(1s) == Lines{"destroy ex"});
  CHECK(rig.exited("ex", 9) ==
        Lines{"destroy ex", "exited ex 9",
              "status t1 TASK_FAILED REASON_EXECUTOR_REGISTRATION_TIMEOUT \"Executor did not register within 1mins\""});
}

TEST_CASE("an executor's end fails its tasks, after its FAILURE", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  rig.run("ex", {"t2"}, false);
  rig.update("ex", "t2", "TASK_FINISHED");
  CHECK(rig.exited("ex", 768) == Lines{"destroy ex", "stream ends", "exited ex 768",
                                       "status t1 TASK_FAILED REASON_EXECUTOR_TERMINATED \"Executor terminated\""});
  CHECK(rig.last_status->executor_id().value() == "ex");
  CHECK_FALSE(rig.last_status->has_container_status());
}

TEST_CASE("a failed fetch fails the launch", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  const std::string container = rig.container("ex").container_id;
  CHECK(rig.feed(local::FetchFailed{container}) ==
        Lines{"exited ex 256",
              "status t1 TASK_FAILED REASON_CONTAINER_LAUNCH_FAILED \"Failed to launch container: Failed to fetch all "
              "URIs for container '" +
                  container + "': exited with status 1\""});
}

TEST_CASE("SHUTDOWN, then the grace period, then the end of the container", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  CHECK(rig.master(local::ShutdownExecutor{"F", "ex"}) == Lines{"SHUTDOWN"});
  CHECK(rig.kill("t1").empty());

  SECTION("updates still count, and an executor that ends in time is not killed") {
    CHECK(rig.update("ex", "t1", "TASK_KILLED") == Lines{"202", "status t1 TASK_KILLED", "ACKNOWLEDGED t1"});
    CHECK(rig.exited("ex", 0) == Lines{"destroy ex", "stream ends", "exited ex 0"});
    CHECK(rig.ack("t1").empty());
    CHECK(rig.pass(1h).empty());
  }
  SECTION("one that lingers is") {
    CHECK(rig.pass(4999ms).empty());
    CHECK(rig.pass(1ms) == Lines{"destroy ex"});
  }
  SECTION("and a late subscription gets SHUTDOWN again and no stream") {
    CHECK(rig.subscribe("ex") == Lines{"stream ends", "200", "SHUTDOWN", "stream ends"});
  }
  SECTION("what the master launches on it meanwhile is dropped") {
    CHECK(rig.run("ex", {"t2"}, false) ==
          Lines{"status t2 TASK_DROPPED REASON_EXECUTOR_TERMINATED \"Executor terminating\""});
  }
}

TEST_CASE("races between an executor's end and a launch", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  rig.exited("ex", 768);

  SECTION("the master still books it") {
    CHECK(rig.run("ex", {"t2"}, false) ==
          Lines{"status t2 TASK_DROPPED REASON_EXECUTOR_TERMINATED \"Executor terminated\""});
  }
  SECTION("the master wants it anew while an update waits") {
    CHECK(rig.run("ex", {"t2"}) == Lines{"exited ex -1",
                                         "status t2 TASK_DROPPED REASON_EXECUTOR_TERMINATED \"Master wants to launch "
                                         "executor, but one already exists\""});
  }
  SECTION("nothing is left of it") {
    rig.ack("t1");
    CHECK(rig.run("ex", {"t2"}, false) == Lines{"status t2 TASK_DROPPED REASON_EXECUTOR_TERMINATED \"No executor is "
                                                "expected to launch and there is none running\""});
    CHECK(rig.run("ex", {"t3"}) == Lines{"start ex"});
  }
}

TEST_CASE("a command task cannot take the id of a live executor", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  CHECK(rig.run_command("ex") == Lines{"status ex TASK_DROPPED REASON_TASK_INVALID \"Cannot reuse an already existing "
                                       "executor for a command task\""});
}

TEST_CASE("limits need isolators that are not here", "[agent]") {
  AgentRig rig;
  mesos::v1::TaskInfo task = local::command_task("t1", "true");
  (*task.mutable_limits())["cpus"].set_value(1);
  CHECK(rig.run_command(task) ==
        Lines{"status t1 TASK_DROPPED REASON_GC_ERROR \"CPU limits can only be set on tasks launched in Mesos "
              "containers when the agent has loaded the 'cgroups/cpu' isolator\""});
  CHECK_FALSE(rig.last_status->has_executor_id());
}

TEST_CASE("a removed framework's executors are shut down without a word", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  rig.run("ex", {"t2"}, false);
  rig.update("ex", "t2", "TASK_FINISHED");
  CHECK(rig.master(local::ShutdownFramework{"F"}) == Lines{"SHUTDOWN"});
  CHECK(rig.update("ex", "t1", "TASK_KILLED") == Lines{"202"});
  CHECK(rig.pass(5s) == Lines{"destroy ex"});
  CHECK(rig.exited("ex", 9) == Lines{"destroy ex", "stream ends", "exited ex 9"});
  CHECK(rig.call("ex", R"("type":"MESSAGE","message":{"data":"eA=="})") == Lines{"400 Framework cannot be found"});
  CHECK(rig.model.next_deadline() == std::nullopt);
}

TEST_CASE("a framework that resubscribes gets its pending updates at once", "[agent]") {
  AgentRig rig;
  rig.run("ex", {"t1"});
  rig.started("ex");
  rig.subscribe("ex");
  rig.update("ex", "t1", "TASK_STARTING");
  CHECK(rig.master(local::UpdateFramework{rig.framework}) == Lines{"status t1 TASK_STARTING"});
}

TEST_CASE("registering again tells the master everything, then resends", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  rig.run("ex", {"t2"}, false);
  rig.update("ex", "t2", "TASK_RUNNING");
  rig.run("other", {"t3"});
  rig.run_command("cmd");
  CHECK(rig.master(local::MasterAppeared{}) ==
        Lines{"register A cmd@=TASK_STAGING t1@ex=TASK_RUNNING t2@ex=TASK_RUNNING t3@other=TASK_STAGING +ex +other"});
  CHECK(rig.update("ex", "t1", "TASK_FINISHED") == Lines{"202", "ACKNOWLEDGED t1"});  // Without a master it waits.
  CHECK(rig.pass(30s).empty());
  CHECK(rig.master(local::RegisteredAck{"A", true, {}}) == Lines{"status t1 TASK_FINISHED", "status t2 TASK_RUNNING"});
}

TEST_CASE("tasks that the master expects and the agent does not know are dropped", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  rig.master(local::MasterAppeared{});
  CHECK(rig.master(local::RegisteredAck{"A", true, {{"F", "t1"}, {"F", "t2"}, {"G", "t3"}}}) ==
        Lines{"status t2 TASK_DROPPED REASON_RECONCILIATION \"Reconciliation: task unknown to the agent\"",
              "status t3 TASK_DROPPED REASON_RECONCILIATION \"Reconciliation: task unknown to the agent\""});
}

TEST_CASE("an agent that is sent away ends after its executors", "[agent]") {
  AgentRig rig;
  rig.running_task("ex", "t1");
  SECTION("by the master") {
    CHECK(rig.master(local::ShutdownAgent{"unknown"}) == Lines{"SHUTDOWN"});
    CHECK(rig.exited("ex", 0) == Lines{"destroy ex", "stream ends", "ended unknown"});
  }
  SECTION("on request") { CHECK(rig.feed(local::LeaveRequested{}) == Lines{"unregister", "SHUTDOWN"}); }
}
