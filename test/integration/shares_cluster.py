#!/usr/bin/env python3
"""The cluster is shared: what we do not need is offered to others."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, offers_held
from programs import expect, expect_equal, stays, wait_for


def second_framework(bench, cluster):
    framework = mesos_client.Framework(cluster.master, "neighbour")
    bench.on_close(framework.close)
    return framework


@case("with nothing waiting it holds no offer")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master)
    framework = scheduler.framework_id()
    wait_for("no offer held", lambda: not offers_held(cluster.master, framework), 10)
    # Two allocation intervals: were it not suppressed, the master would have offered again.
    stays("no offer held", lambda: not offers_held(cluster.master, framework), 2.5)


@case("a framework beside it is offered every agent while nothing runs")
def _(bench):
    cluster = LocalCluster(bench)
    Scheduler(bench, cluster.master)
    other = second_framework(bench, cluster)
    every = set(mesos_client.agents(cluster.master))
    wait_for("an offer of every agent", lambda: other.agents_offered() == every, 10)


@case("a framework beside it is offered every agent while cells run, and the whole of it after they end")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="1s")
    every = set(mesos_client.agents(cluster.master))
    totals = mesos_client.Framework(cluster.master, "before")
    wait_for("an offer of every agent", lambda: totals.agents_offered() == every, 10)
    whole = {agent: (totals.offered(agent, "mem"), totals.offered(agent, "cpus")) for agent in every}
    totals.close()

    scheduler.post_lrps(lrp("app", range(3)))
    items = scheduler.wait_states({f"app.{i}": "running" for i in range(3)})
    expect_equal({item["agent_id"] for item in items.values()}, every, "agents with a cell")

    other = second_framework(bench, cluster)
    wait_for("an offer of every agent while its cell runs", lambda: other.agents_offered() == every, 10)
    for agent in every:
        expect(0 < other.offered(agent, "mem") < whole[agent][0], f"part of {agent} offered",
               f"{other.offered(agent, 'mem')} of {whole[agent][0]} MB")
    framework = [i for i, f in mesos_client.frameworks(cluster.master).items() if i != other.id][0]
    expect_equal(offers_held(cluster.master, framework), [], "offers we hold while everything runs")

    expect_equal(scheduler.delete("/v1/lrps/app").status, 202, "DELETE /v1/lrps/app")
    wait_for("the cells to end", lambda: not mesos_client.executors_of(cluster.master, framework), 20)

    def whole_again():
        other.decline_all()  # What is held already is not offered again, and not in one piece.
        return wait_for("every agent offered whole again", lambda: all(
            (other.offered(a, "mem"), other.offered(a, "cpus")) == whole[a] for a in every), 4)
    wait_for("every agent offered whole again", lambda: tolerant(whole_again), 20)


def tolerant(probe):
    try:
        return probe()
    except Exception as problem:  # pylint: disable=broad-except
        raise OSError(problem) from problem


if __name__ == "__main__":
    main(__doc__)
