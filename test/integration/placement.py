#!/usr/bin/env python3
"""Which cells work lands on, end to end."""
import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import expect_equal, wait_for


def per_agent(items, guid):
    return sorted(collections.Counter(
        item["agent_id"] for key, item in items.items() if key.startswith(guid + ".")).values())


def keys(guid, count):
    return {f"{guid}.{i}": "running" for i in range(count)}


@case("spread puts the instances of an app on as many agents as there are")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, strategy="spread", idle_timeout="30s")
    scheduler.post_lrps(lrp("app", range(6)))
    expect_equal(per_agent(scheduler.wait_states(keys("app", 6)), "app"), [2, 2, 2], "instances per agent")


@case("binpack starts one cell where one has room for all")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, strategy="binpack", idle_timeout="30s")
    scheduler.post_lrps(lrp("app", [0]))
    scheduler.wait_states(keys("app", 1))
    scheduler.post_lrps(lrp("app", range(1, 4)), lrp("other", range(2)))
    items = scheduler.wait_states({**keys("app", 4), **keys("other", 2)})
    expect_equal(len({item["agent_id"] for item in items.values()}), 1, "agents in use")
    expect_equal(len(scheduler.cells()), 1, "cells")


@case("many small Tasks all run to their end on a small cluster")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, strategy="binpack", idle_timeout="30s", task_duration="100ms")
    scheduler.post_tasks(*[task(f"job{i}", memory_mb=16, disk_mb=8) for i in range(100)])
    scheduler.wait_states({f"job{i}": "stopped" for i in range(100)}, 60)
    framework = scheduler.framework_id()
    wait_for("no task left on the master", lambda: not mesos_client.tasks_of(cluster.master, framework))


@case("what does not fit waits with a reason, and runs when room appears")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s")
    total = sum(r["scalar"]["value"] for a in mesos_client.agents(cluster.master).values()
                for r in a["total_resources"] if r["name"] == "mem")
    most = int(total) - 512  # The cell takes its own share.
    scheduler.post_lrps(lrp("first", [0], memory_mb=most))
    scheduler.wait_states({"first.0": "running"})
    scheduler.post_lrps(lrp("second", [0], memory_mb=most))
    wait_for("a reason", lambda: scheduler.instances()["second.0"]["reason"], 10)
    expect_equal(scheduler.states()["second.0"], "queued", "state without room")
    expect_equal(scheduler.delete("/v1/lrps/first").status, 202, "DELETE /v1/lrps/first")
    scheduler.wait_states({"first.0": "stopped", "second.0": "running"}, 30)


@case("DELETE of what is queued cancels it")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master)
    scheduler.post_lrps(lrp("big", range(2), memory_mb=10_000_000))
    scheduler.wait_states({"big.0": "queued", "big.1": "queued"})
    expect_equal(scheduler.delete("/v1/lrps/big/1").status, 202, "DELETE")
    wait_for("big.1 no longer queued", lambda: scheduler.states().get("big.1", "stopped") == "stopped")
    expect_equal(scheduler.states()["big.0"], "queued", "the other one")


if __name__ == "__main__":
    main(__doc__)
