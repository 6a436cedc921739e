#!/usr/bin/env python3
"""An agent is emptied without a gap, a warm cell waits for work, cells of an old configuration give way."""
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp
from programs import expect, expect_equal, wait_for


def drain(scheduler, agent, method="POST"):
    return web.request(method, f"{scheduler.bridge}/v1/cells/{agent}/drain")


def running_of(cluster, framework, guid):
    """Task ids of that app which run, by index; as the master sees it."""
    found = {}
    for task_id, state in mesos_client.tasks_of(cluster.master, framework).items():
        if state == "TASK_RUNNING" and task_id.startswith(guid + "."):
            found.setdefault(task_id.split(".")[1], []).append(task_id)
    return found


def cells_with(scheduler, **wanted):
    return [c for c in scheduler.cells() if all(c[k] == v for k, v in wanted.items())]


@case("a drained agent's instances run elsewhere before they end here, and its cell goes")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, strategy="binpack", idle_timeout="60s")
    scheduler.post_lrps(lrp("app", range(4)))
    states = {f"app.{i}": "running" for i in range(4)}
    before = scheduler.wait_states(states)
    expect_equal(len({i["agent_id"] for i in before.values()}), 1, "agents in use")
    agent, cell = before["app.0"]["agent_id"], before["app.0"]["cell_id"]
    framework = scheduler.framework_id()

    answer = drain(scheduler, agent)
    expect_equal((answer.status, answer.body), (202, b'{"agent_id":"%s","draining":true}' % agent.encode()), "POST drain")
    fewest, until = 4, time.monotonic() + 30
    while cells_with(scheduler, agent_id=agent, cell_id=cell):
        running = running_of(cluster, framework, "app")
        fewest = min(fewest, len(running))
        expect(all(len(ids) <= 2 for ids in running.values()), "two attempts of an instance at most", running)
        expect(time.monotonic() < until, "the cell to go within 30 s", scheduler.cells())
    expect_equal(fewest, 4, "instances running at any time")
    after = scheduler.wait_states(states)
    expect(all(i["agent_id"] != agent for i in after.values()), f"nothing on {agent}", after)
    expect(all(len(ids) == 1 for ids in running_of(cluster, framework, "app").values()), "one attempt each", "more")
    wait_for("the executor is gone from the master",
             lambda: len(mesos_client.executors_of(cluster.master, framework)) == len(cells_with(scheduler, state="up")))
    expect_equal([c["draining"] for c in scheduler.cells() if c["agent_id"] == agent], ["operator"], "draining")

    # The drain lasts until it is taken back.
    other = after["app.0"]["agent_id"]
    expect_equal(drain(scheduler, other).status, 202, "POST drain of the other")
    wait_for("the app on the third agent", lambda: {i["agent_id"] for i in scheduler.wait_states(states).values()}
             .isdisjoint({agent, other}), 30)
    expect_equal(drain(scheduler, agent, "DELETE").status, 202, "DELETE drain")
    third = scheduler.wait_states(states)["app.0"]["agent_id"]
    expect_equal(drain(scheduler, third).status, 202, "POST drain of the third")
    wait_for("the app back on the first agent",
             lambda: {i["agent_id"] for i in scheduler.wait_states(states).values()} == {agent}, 30)
    expect_equal(drain(scheduler, "no-such-agent").status, 404, "POST drain of an unknown agent")


@case("a warm cell is there before work is, and work goes to it")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, strategy="binpack", idle_timeout="1s", flags=["--cells-min", "1"])
    cell = wait_for("a warm cell", lambda: cells_with(scheduler, state="idle"), 20)[0]
    framework = scheduler.framework_id()
    wait_for("no task on the master", lambda: not mesos_client.tasks_of(cluster.master, framework))
    time.sleep(2)  # Longer than the idle timeout.
    expect_equal([c["cell_id"] for c in scheduler.cells()], [cell["cell_id"]], "cells")
    scheduler.post_lrps(lrp("app", [0]))
    expect_equal(scheduler.wait_states({"app.0": "running"})["app.0"]["cell_id"], cell["cell_id"], "the cell of app.0")


@case("after a change of configuration cells are replaced one by one, without a gap")
def _(bench):
    cluster = LocalCluster(bench)
    first = Scheduler(bench, cluster.master, idle_timeout="60s", strategy="spread")
    first.post_lrps(lrp("app", range(2)))
    states = {f"app.{i}": "running" for i in range(2)}
    old = {i["cell_id"] for i in first.wait_states(states).values()}
    expect_equal(len(old), 2, "cells")
    framework = first.framework_id()
    first.program.process.send_signal(signal.SIGTERM)
    first.program.process.wait()

    second = Scheduler(bench, cluster.master, name="diego-scheduler-new", idle_timeout="60s", strategy="spread",
                       state_dir=first.state_dir, bridge_port=first.bridge_port, flags=["--cell-env", "NEW=1"])
    fewest, until = 2, time.monotonic() + 60
    while True:
        fewest = min(fewest, len(running_of(cluster, framework, "app")))
        cells = second.cells()
        expect(len([c for c in cells if c["draining"] == "roll"]) <= 1, "one at a time", cells)
        if cells and not any(c["outdated"] for c in cells):
            break
        expect(time.monotonic() < until, "no outdated cell within 60 s", cells)
    expect_equal(fewest, 2, "instances running at any time")
    after = second.wait_states(states)
    expect(old.isdisjoint({i["cell_id"] for i in after.values()}), "only new cells", after)
    wait_for("one attempt each", lambda: [len(i) for i in running_of(cluster, framework, "app").values()] == [1, 1])


if __name__ == "__main__":
    main(__doc__)
