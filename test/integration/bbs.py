#!/usr/bin/env python3
"""diego-scheduler between a BBS and cells: what is desired runs, what finds no place is told, what ends is
the BBS's to restart. The BBS and the reps are the stand-ins of diego-local."""
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import case, main
from cluster import BbsStandIn, LocalCluster, Scheduler, lrp
from programs import expect, expect_equal, free_port, wait_for


def world(bench, agents=3, flags=(), cluster_flags=(), bbs_flags=(), **scheduler):
    """A cluster, a BBS and a scheduler that know each other."""
    cluster = LocalCluster(bench, agents=agents, flags=cluster_flags)
    port = free_port()
    bbs = BbsStandIn(bench, port, flags=bbs_flags)
    return cluster, bbs, Scheduler(bench, cluster.master, bridge_port=port, bbs=bbs, flags=flags, **scheduler)


@case("what is desired runs, is scaled, and is gone from here when the BBS wants it no more")
def _(bench):
    _, bbs, scheduler = world(bench, idle_timeout="60s")
    bbs.desire("app", 3)
    rows = bbs.wait_running("app", 3)
    ours = scheduler.wait_states({f"app.{i}": "running" for i in range(3)})
    expect_equal({key: ours[key]["cell_id"] for key in rows}, {key: row["cell_id"] for key, row in rows.items()}, "cells")
    bbs.desire("app", 5)
    bbs.wait_running("app", 5)
    bbs.desire("app", 1)
    bbs.wait_running("app", 1)
    scheduler.wait_states({f"app.{i}": "stopped" for i in range(1, 5)})
    bbs.remove("app")
    scheduler.wait_states({"app.0": "stopped"})
    bbs.desire_task("job")
    wait_for("the Task to be completed", lambda: bbs.tasks().get("job", {}).get("state") == "Completed")
    expect_equal(bbs.tasks()["job"]["failed"], False, "failed")


@case("while there is no agent at all the BBS is told that no cell can be reached")
def _(bench):
    cluster, bbs, scheduler = world(bench, agents=0, flags=["--placement-timeout", "3s"])
    begun = time.monotonic()
    bbs.desire("big", 1, memory_mb=3000)
    wait_for("the BBS to be told that no cell can be reached",
             lambda: bbs.lrps()["big.0"]["placement_error"] == "unable to communicate to compatible cells", 8)
    expect(time.monotonic() - begun < 8, "that within 8 s", time.monotonic() - begun)
    expect_equal(scheduler.states(), {"big.0": "queued"}, "states")


@case("an app too big for every agent is reported with what is short, and runs on an agent that is big enough")
def _(bench):
    _, bbs, scheduler = world(bench, agents=2, flags=["--placement-timeout", "3s"],
                              cluster_flags=["--resources", "cpus:4;mem:2048;disk:8192;ports:[31000-31999]"])
    begun = time.monotonic()
    bbs.desire("big", 2, memory_mb=1500)  # One is too many on an agent with its cell, beside which nothing else has room.
    bbs.desire("huge", 1, memory_mb=50000)
    wait_for("its placement error", lambda: bbs.lrps()["huge.0"]["placement_error"] == "insufficient resources: memory", 8)
    expect(time.monotonic() - begun < 8, "within --placement-timeout + 5 s", time.monotonic() - begun)
    expect_equal(scheduler.states()["huge.0"], "queued", "state here")
    bbs.wait_running("big", 2)
    bbs.desire("late", 1, memory_mb=1500)
    wait_for("its placement error", lambda: bbs.lrps()["late.0"]["placement_error"] == "insufficient resources: memory", 10)
    bbs.remove("big")
    bbs.wait_running("late", 1)
    expect_equal(bbs.lrps()["late.0"]["placement_error"], "", "placement error once it runs")


@case("a Task that fits nowhere is rejected once for each auction, and the fourth time fails")
def _(bench):
    _, bbs, _ = world(bench, flags=["--placement-timeout", "1s"])
    bbs.desire_task("huge", memory_mb=99999)
    counts = set()

    def ended():
        row = bbs.tasks()["huge"]
        counts.add(row["rejection_count"])
        return row["state"] == "Completed" and row
    row = wait_for("the Task to fail", ended, 40)
    expect_equal((row["failed"], row["failure_reason"]), (True, "insufficient resources: memory"), "its end")
    expect(counts >= {1, 2, 3}, "each rejection to be seen", counts)


@case("an instance that crashes is restarted at the BBS's word, not at ours")
def _(bench):
    _, bbs, scheduler = world(bench, bbs_flags=["--crash-backoff", "2s"])
    bbs.desire("CRASHME", 1)
    wait_for("three crashes", lambda: bbs.lrps()["CRASHME.0"]["crash_count"] >= 3, 30)
    expect(scheduler.instances()["CRASHME.0"]["attempts"] >= 1, "our attempts", scheduler.instances())


@case("20 instances desired while the scheduler is down run after its return")
def _(bench):
    cluster, bbs, scheduler = world(bench)
    bbs.desire("before", 2)
    bbs.wait_running("before", 2)
    was = {key: row["instance_guid"] for key, row in bbs.running("before").items()}
    scheduler.program.process.kill()
    scheduler.program.wait(5)
    bbs.desire("app", 20)
    time.sleep(5)
    expect_equal(len(bbs.running("app")), 0, "instances while it is down")
    begun = time.monotonic()
    Scheduler(bench, cluster.master, name="second", state_dir=scheduler.state_dir, bridge_port=scheduler.bridge_port, bbs=bbs)
    bbs.wait_running("app", 20, seconds=15)
    print(f"    20 instances {time.monotonic() - begun:.1f} s after the start", file=sys.stderr)
    expect_equal({key: row["instance_guid"] for key, row in bbs.running("before").items()}, was, "what ran before")


@case("a drained cell is evacuated: the BBS has its instances elsewhere before they end there")
def _(bench):
    _, bbs, scheduler = world(bench, strategy="binpack", idle_timeout="60s")
    bbs.desire("app", 3)
    bbs.wait_running("app", 3)
    agents = {i["agent_id"] for i in scheduler.instances().values()}
    expect_equal(len(agents), 1, "agents in use")
    agent = agents.pop()
    expect_equal(web.request("POST", f"{scheduler.bridge}/v1/cells/{agent}/drain").status, 202, "POST drain")
    fewest = 3

    def moved():
        nonlocal fewest
        rows = web.get_json(bbs.door + "/actual/lrps")["actual_lrps"]
        serving = {row["index"] for row in rows if row["process_guid"] == "app" and row["state"] == "RUNNING"}
        fewest = min(fewest, len(serving))
        seen = scheduler.instances()
        return all(i["agent_id"] != agent and i["state"] == "running" for i in seen.values())
    wait_for("the app elsewhere", moved, 40)
    expect_equal(fewest, 3, "instances that ran at any time")
    wait_for("the cell to go", lambda: all(c["agent_id"] != agent or c["state"] == "none" for c in scheduler.cells()), 30)


@case("a rebalance moves whole cells by the BBS's hand: its instances run elsewhere before they end there")
def _(bench):
    _, bbs, scheduler = world(bench, strategy="spread", idle_timeout="60s")
    apps = ("a", "b", "c")
    for app in apps:
        bbs.desire(app, 1)
        bbs.wait_running(app, 1)
    expect_equal(len({i["agent_id"] for i in scheduler.instances().values()}), 3, "agents in use")
    expect_equal(web.request("PUT", scheduler.bridge + "/v1/policy", body='{"strategy":"binpack"}').status, 200, "PUT /v1/policy")
    path = scheduler.bridge + "/v1/rebalance"

    def planned():
        plan = json.loads(web.request("POST", path + "?dry_run=1").body)
        return plan["moves"] and plan
    preview = wait_for("a plan", planned)
    expect_equal((len(preview["moves"]), preview["after"]["cells_with_work"]), (2, 1), "what the plan comes to")
    expect_equal(web.request("POST", path).status, 202, "POST /v1/rebalance")
    fewest = 3

    def ended():
        nonlocal fewest
        rows = web.get_json(bbs.door + "/actual/lrps")["actual_lrps"]
        fewest = min(fewest, len({row["process_guid"] for row in rows if row["state"] == "RUNNING"}))
        return (run := web.get_json(path))["state"] == "ended" and run
    run = wait_for("the rebalance to end", ended, 90)
    expect_equal([move["state"] for move in run["moves"]], ["moved", "moved"], run["reason"])
    expect_equal(fewest, 3, "apps that ran at any time")
    expect_equal(len({i["agent_id"] for i in scheduler.instances().values() if i["state"] == "running"}), 1, "agents in use then")


@case("while the BBS is away work goes on, and it is told afterwards")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    port = free_port()
    bbs = BbsStandIn(bench, port)
    scheduler = Scheduler(bench, cluster.master, bridge_port=port, bbs=bbs, flags=["--placement-timeout", "1s"])
    bbs.desire("huge", 1, memory_mb=99999)
    wait_for("it to be queued here", lambda: scheduler.states().get("huge.0") == "queued")
    bbs.program.process.send_signal(signal.SIGSTOP)
    try:
        scheduler.post_lrps(lrp("ours", [0]))
        scheduler.wait_states({"ours.0": ("launching", "starting", "running")})
    finally:
        bbs.program.process.send_signal(signal.SIGCONT)
    wait_for("its placement error", lambda: bbs.lrps()["huge.0"]["placement_error"] == "insufficient resources: memory", 30)


@case("flags about the BBS that make no sense are named at start")
def _(bench):
    cluster = LocalCluster(bench, agents=0)
    for flags, line in [(["--bbs-url", "ftp://bbs:1"], "--bbs-url"), (["--bbs-ca", "/x"], "--bbs-url"),
                        (["--bbs-url", "https://bbs:8889", "--bbs-cert", "/x"], "--bbs-cert and --bbs-key")]:
        scheduler = Scheduler(bench, cluster.master, name="wrong" + str(len(flags)), flags=flags, wait_ready=False)
        expect_equal(scheduler.program.wait(10), 2, f"the exit code with {flags}")
        expect(scheduler.program.lines()[-1].startswith(f"diego-scheduler: {line}"), f"a line that names {line}",
               scheduler.program.lines()[-1:])


if __name__ == "__main__":
    main()
