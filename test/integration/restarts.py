#!/usr/bin/env python3
"""What survives when one of the parts is killed."""
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import expect, expect_equal, stays, wait_for

RUNNING = {f"app.{i}": "running" for i in range(3)}


def identity(items):
    """What must not change while an instance lives on."""
    return {key: (item["agent_id"], item["cell_id"], item["task_id"]) for key, item in items.items()}


def live_tasks(cluster, framework):
    return {i for i, state in mesos_client.tasks_of(cluster.master, framework).items() if state == "TASK_RUNNING"}


def running_app(bench, cluster_flags=(), **more):
    cluster = LocalCluster(bench, flags=cluster_flags)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s", **more)
    scheduler.post_lrps(lrp("app", range(3)))
    items = scheduler.wait_states(RUNNING)
    return cluster, scheduler, {k: items[k] for k in RUNNING}


def again(bench, cluster, first, name="diego-scheduler-again", **more):
    return Scheduler(bench, cluster.master, name=name, idle_timeout="30s", state_dir=first.state_dir,
                     bridge_port=first.bridge_port, **more)


def known_again(scheduler, before):
    """A cell's name comes with its executor's hello, a moment after its instances."""
    scheduler.wait_states(RUNNING)
    wait_for(f"the instances and cells as before: {identity(before)}",
             lambda: identity({k: i for k, i in scheduler.instances().items() if k in RUNNING}) == identity(before))


def kill_and_return(bench, codec):
    cluster, scheduler, before = running_app(bench, codec=codec)
    framework = scheduler.framework_id()
    tasks = live_tasks(cluster, framework)
    expect_equal(len(tasks), 3, "tasks running on the master")

    scheduler.program.process.send_signal(signal.SIGKILL)
    scheduler.program.process.wait()
    expect_equal(live_tasks(cluster, framework), tasks, "tasks running without a scheduler")

    returned = again(bench, cluster, scheduler, codec=codec)
    expect_equal(returned.framework_id(), framework, "framework id after the restart")
    known_again(returned, before)
    stays("the same tasks running", lambda: live_tasks(cluster, framework) == tasks, 2)

    # It knows them well enough to place beside them and to stop them.
    returned.post_lrps(lrp("app", [3]))
    returned.wait_states({**RUNNING, "app.3": "running"})
    expect_equal(returned.delete("/v1/lrps/app/0").status, 202, "DELETE of an instance from before")
    returned.wait_states({"app.0": "stopped", "app.1": "running", "app.2": "running", "app.3": "running"})
    expect_equal(len(live_tasks(cluster, framework)), 3, "tasks running on the master at the end")


@case("instances survive a kill -9 of the scheduler, which knows them again (json)")
def _(bench):
    kill_and_return(bench, "json")


@case("instances survive a kill -9 of the scheduler, which knows them again (protobuf)")
def _(bench):
    kill_and_return(bench, "protobuf")


@case("a scheduler stopped with SIGTERM leaves its cells running and exits 0")
def _(bench):
    cluster, scheduler, before = running_app(bench)
    framework = scheduler.framework_id()
    tasks = live_tasks(cluster, framework)
    expect_equal(scheduler.program.stop(), 0, "exit code after SIGTERM")
    stays("the tasks running", lambda: live_tasks(cluster, framework) == tasks, 1.5)
    known_again(again(bench, cluster, scheduler), before)


@case("a kill -9 in the middle of launches, again and again: no task runs that the scheduler does not know, none twice")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = first = Scheduler(bench, cluster.master, idle_timeout="30s")
    for turn in range(5):
        scheduler.post_lrps(lrp(f"app{turn}", range(2), memory_mb=16, disk_mb=16))
        scheduler.program.process.send_signal(signal.SIGKILL)  # At once: wherever the launches are by now.
        scheduler.program.process.wait()
        scheduler = again(bench, cluster, first, name=f"diego-scheduler-{turn}")
        # As Diego's BBS does at its convergence: asks again, also for what may be running by now.
        scheduler.post_lrps(*[lrp(f"app{n}", range(2), memory_mb=16, disk_mb=16) for n in range(turn + 1)])
    wanted = {f"app{turn}.{i}": "running" for turn in range(5) for i in range(2)}
    items = scheduler.wait_states(wanted, 30)
    framework = scheduler.framework_id()

    def agreed():
        return live_tasks(cluster, framework) == {i["task_id"] for i in scheduler.instances().values()
                                                  if i["state"] == "running"}
    expect_equal(set(items), set(wanted), "instances")
    wait_for("the master's tasks to be the scheduler's instances", agreed, 20)
    stays("the master's tasks to be the scheduler's instances", agreed, 2)


@case("instances survive a restart of their agent")
def _(bench):
    cluster, scheduler, before = running_app(bench)
    framework = scheduler.framework_id()
    tasks = live_tasks(cluster, framework)
    for agent in range(3):
        cluster.tell(f"/local/agents/{agent}/restart")
    wait_for("three agents on the master", lambda: len(mesos_client.agents(cluster.master)) == 3, 15)
    stays("the same instances running", lambda: identity(
        {k: i for k, i in scheduler.instances().items() if i["state"] == "running"}) == identity(before), 3)
    expect_equal(live_tasks(cluster, framework), tasks, "tasks running on the master")

    # The executors came back to their agents: they still obey.
    expect_equal(scheduler.delete("/v1/lrps/app/1").status, 202, "DELETE of an instance")
    scheduler.wait_states({"app.1": "stopped"})
    scheduler.post_lrps(lrp("more", range(3)))
    scheduler.wait_states({f"more.{i}": "running" for i in range(3)})


@case("a Task that ends while its agent is away is known to have ended")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s", task_duration="3s")
    scheduler.post_tasks(task("job"))
    scheduler.wait_states({"job": "running"})
    cluster.tell("/local/agents/0/kill")
    cluster.tell("/local/agents/0/start")
    scheduler.wait_states({"job": "stopped"}, 25)


@case("instances survive a restart of the master")
def _(bench):
    cluster, scheduler, before = running_app(bench)
    cluster.tell("/local/master/restart")
    wait_for("three agents on the master", lambda: len(mesos_client.agents(cluster.master)) == 3, 20)
    scheduler.wait_ready(30)
    known_again(scheduler, before)
    scheduler.post_lrps(lrp("more", range(3)))
    scheduler.wait_states({**RUNNING, **{f"more.{i}": "running" for i in range(3)}}, 30)


@case("instances of an agent that is gone run elsewhere")
def _(bench):
    cluster, scheduler, before = running_app(bench, cluster_flags=["--agent-unreachable-after", "4s"])
    lost = before["app.0"]["agent_id"]
    index = sorted(mesos_client.agents(cluster.master)).index(lost)
    cluster.tell(f"/local/agents/{index}/kill")
    def moved():
        now = scheduler.instances()
        item = now["app.0"]
        return item["state"] == "running" and item["agent_id"] != lost
    wait_for("app.0 running on another agent", moved, 40, every=0.1)
    after = scheduler.wait_states(RUNNING)
    expect(all(identity(after)[k] == identity(before)[k] for k in ("app.1", "app.2")), "the others left alone",
           (identity(after), identity(before)))


if __name__ == "__main__":
    main(__doc__)
