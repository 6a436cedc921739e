#!/usr/bin/env python3
"""What a cell's rep says of itself reaches those who ask the bridge, and placement."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import case, main
from cluster import LocalCluster, Scheduler, cell_command, lrp
from programs import expect, expect_equal, stays, wait_for


def rep_of(scheduler):
    return scheduler.cells()[0]["rep"]


@case("a cell shows what its rep has left, an instance what it uses")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="60s")
    scheduler.post_lrps(lrp("app", [0, 1], memory_mb=64))
    scheduler.wait_states({"app.0": "running", "app.1": "running"})
    wait_for("the rep with both", lambda: rep_of(scheduler)["containers_available"] == rep_of(scheduler)["containers_total"] - 2)
    cell = scheduler.cells()[0]
    expect_equal(cell["rep"]["state"], "up", "state of the rep")
    expect_equal(cell["rep"]["memory_available_mb"], cell["memory_total_mb"] - 128, "memory left")
    expect_equal(cell["rep"]["rootfs"], ["docker:*", "preloaded:cflinuxfs4", "preloaded+layer:cflinuxfs4"], "root file systems")
    expect_equal(cell["drifts"], 0, "drifts")
    used = wait_for("measurements", lambda: all(item["usage"] for item in scheduler.instances().values())
                    and scheduler.instances(), 30)
    for item in used.values():
        usage = {name: item["usage"][name] for name in ("cpus_milli", "memory_bytes", "disk_bytes")}
        expect_equal(usage, {"cpus_milli": 10, "memory_bytes": 32 << 20, "disk_bytes": 1 << 20}, f"use of {item['task_id']}")


@case("no more is placed on a cell than its rep has, whatever the offers hold; the rest waits with a reason")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    small = cell_command().replace("$CELL_MEMORY_MB", "200")
    scheduler = Scheduler(bench, cluster.master, idle_timeout="60s", flags=["--cell-command", small])
    scheduler.post_lrps(lrp("first", [0], memory_mb=64))
    scheduler.wait_states({"first.0": "running"})
    wait_for("the rep's word", lambda: rep_of(scheduler)["memory_available_mb"] == 136)
    scheduler.post_lrps(lrp("app", range(4), memory_mb=64))
    wait_for("two of four", lambda: sum(state == "running" for state in scheduler.states().values()) == 3)
    stays("the others to wait", lambda: sum(state == "queued" for state in scheduler.states().values()) == 2, 1.5)
    waiting = [item for item in scheduler.instances().values() if item["state"] == "queued"]
    for item in waiting:
        expect_equal(item["attempts"], 0, "launches of what waits")
        expect("memory" in item["reason"], "memory to be the reason", item["reason"])
    scheduler.delete("/v1/lrps/first")
    wait_for("one more to run", lambda: sum(state == "running" for state in scheduler.states().values()) == 3)


main(__doc__)
