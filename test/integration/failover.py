#!/usr/bin/env python3
"""Two schedulers and one lock in ZooKeeper: who acts, what the next one finds, and that nothing that
runs is touched."""
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import expect, expect_equal, listens, stays, wait_for
from zookeeper import ZooKeeper

SESSION_S = 10.0  # Of the lock, in diego-scheduler.
TAKEOVER_S = SESSION_S + 5
SLACK_S = 3.0  # For a busy machine, where a figure is not what is tested.


class Pair:
    """A cluster, a ZooKeeper, a leader, and a standby that waits behind it."""

    def __init__(self, bench):
        self.bench = bench
        self.zookeeper = ZooKeeper(bench)
        self.cluster = LocalCluster(bench, agents=2)
        self.leader = self.scheduler("leader")
        self.leader.wait_ready()
        self.standby = self.scheduler("standby")
        wait_for("the standby to wait behind the leader", lambda: "waiting for the lock, which" in self.standby.program.text())

    def scheduler(self, name, **more):
        return Scheduler(self.bench, self.cluster.master, name=name, strategy="binpack", idle_timeout="60s", wait_ready=False,
                         # However busy the machine, work waits for the cells that are there.
                         flags=["--lock", f"zk://{self.zookeeper.address}/diego/lock", "--offer-wait", "10s"], **more)

    def run(self, scheduler, guid, indices=range(3)):
        scheduler.post_lrps(lrp(guid, indices))
        scheduler.wait_states({f"{guid}.{i}": "running" for i in indices})
        # Answered once it is durable, and so is all before it: what is shown may be a commit ahead of a kill.
        expect_equal(web.request("PUT", scheduler.bridge + "/v1/policy", body='{"queue_max":null}').status, 200, "PUT /v1/policy")
        return self.live()

    def live(self):
        """Ids of the tasks that run, whoever launched them."""
        frameworks = mesos_client.frameworks(self.cluster.master)
        expect_equal(len(frameworks), 1, "frameworks on the master")
        return {i for i, state in mesos_client.tasks_of(self.cluster.master, next(iter(frameworks))).items()
                if state == "TASK_RUNNING"}

    def executors(self, scheduler):
        return {cell["executor_id"] for cell in scheduler.cells()}


@case("who waits for the lock does not listen")
def _(bench):
    pair = Pair(bench)
    expect(listens(pair.leader.bridge_port), "the leader to listen")
    expect(not listens(pair.standby.bridge_port), "the standby not to listen")
    expect("subscribing" not in pair.standby.program.text(), "the standby not to subscribe")


@case("the leader is killed: the standby takes the framework over, touches nothing, and places on the cells that are there")
def _(bench):
    pair = Pair(bench)
    before = pair.run(pair.leader, "app")
    cells = pair.executors(pair.leader)
    pair.leader.program.process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    pair.leader.program.process.wait()
    pair.standby.wait_ready(TAKEOVER_S + SLACK_S)
    pair.standby.post_lrps(lrp("more", [0]))
    pair.standby.wait_states({"more.0": "running"}, TAKEOVER_S + SLACK_S)
    took = time.monotonic() - killed
    expect(took < TAKEOVER_S + SLACK_S, f"work placed within {TAKEOVER_S + SLACK_S:g} s", f"{took:.1f} s")
    print(f"  the standby placed work {took:.1f} s after the leader was killed", file=sys.stderr)
    after = pair.live()
    expect(before < after and len(after) == 4, "the instances of before and one more", (before, after))
    wait_for("the standby to know all", lambda: pair.standby.states() == {**{f"app.{i}": "running" for i in range(3)}, "more.0": "running"})
    expect_equal(pair.executors(pair.standby), cells, "the cells")


@case("a leader that leaves hands over at once; what it had accepted comes back with it")
def _(bench):
    pair = Pair(bench)
    before = pair.run(pair.leader, "app")
    pair.leader.post_lrps(lrp("huge", [0], memory_mb=900_000))  # Waits for ever.
    pair.leader.program.stop()
    begun = time.monotonic()
    pair.standby.wait_ready(SLACK_S + 3)
    took = time.monotonic() - begun
    expect(took < 3 + SLACK_S, f"the standby to lead within {3 + SLACK_S:g} s", f"{took:.1f} s")
    wait_for("its instances to be adopted", lambda: set(pair.standby.states()) == {f"app.{i}" for i in range(3)})
    expect_equal(pair.live(), before, "the tasks that run")

    returned = pair.scheduler("returned", state_dir=pair.leader.state_dir)
    wait_for("it to wait for its turn", lambda: "waiting for the lock, which" in returned.program.text())
    pair.standby.program.stop()
    returned.wait_ready(SLACK_S + 3)
    wait_for("the queued work of before", lambda: returned.states().get("huge.0") == "queued")
    expect_equal(pair.live(), before, "the tasks that run")


@case("what another leader stopped is not raised again by the one who led before it")
def _(bench):
    pair = Pair(bench)
    pair.run(pair.leader, "app")
    pair.leader.program.process.send_signal(signal.SIGKILL)
    pair.leader.program.process.wait()
    pair.standby.wait_ready(TAKEOVER_S + SLACK_S)
    wait_for("its instances to be adopted", lambda: len(pair.standby.states()) == 3)
    expect_equal(pair.standby.delete("/v1/lrps/app").status, 202, "the stop")
    wait_for("all to have stopped", lambda: set(pair.standby.states().values()) == {"stopped"})
    pair.standby.program.stop()
    returned = pair.scheduler("returned", state_dir=pair.leader.state_dir)
    returned.wait_ready(TAKEOVER_S + SLACK_S)
    wait_for("it to learn that they are gone", lambda: set(returned.states().values()) == {"lost"})
    stays("nothing running", lambda: pair.live() == set(), 2)


@case("a leader that was stopped for longer than its lease acts no more when it goes on, and waits for its turn")
def _(bench):
    pair = Pair(bench)
    before = pair.run(pair.leader, "app")
    pair.leader.program.process.send_signal(signal.SIGSTOP)
    pair.standby.wait_ready(TAKEOVER_S + SLACK_S)
    pair.leader.program.process.send_signal(signal.SIGCONT)
    wait_for("the former leader to wait", lambda: web.get(pair.leader.bridge + "/readyz").status == 503)
    answer = web.post_json(pair.leader.bridge + "/v1/lrps", [lrp("late", [0])])
    expect_equal(answer.status, 503, "an auction at the former leader")
    stays("the new leader leading, the former one waiting",
          lambda: pair.standby.ready() and not pair.leader.ready(), 4)
    pair.run(pair.standby, "more", [0])
    pair.standby.program.stop()
    pair.leader.wait_ready(TAKEOVER_S + SLACK_S)
    expect(before < pair.live(), "the first instances to run on", pair.live())


@case("ZooKeeper is away for longer than the lease: nothing that runs is touched, nobody acts, then the leader goes on")
def _(bench):
    pair = Pair(bench)
    before = pair.run(pair.leader, "app")
    pair.zookeeper.kill()
    wait_for("the leader to stop acting", lambda: not pair.leader.ready(), SESSION_S + SLACK_S)
    expect("the lock is lost" in pair.leader.program.text(), "a line that says why", pair.leader.program.lines()[-3:])
    stays("the instances running", lambda: pair.live() == before, 3)
    pair.zookeeper.start()
    wait_for("one of the two to lead", lambda: [s for s in (pair.leader, pair.standby) if listens(s.bridge_port) and s.ready()],
             2 * TAKEOVER_S)
    acting = next(s for s in (pair.leader, pair.standby) if listens(s.bridge_port) and s.ready())
    acting.post_tasks(task("after"))
    acting.wait_states({"after": ("running", "stopped")})
    expect(before <= pair.live(), "the instances to run on", pair.live())


@case("a path that is Mesos's own, or a lock that is no zk:// address, is refused in one line")
def _(bench):
    for lock, why in (("zk://127.0.0.1:1/mesos", "is where the masters are"), ("redis://x", "zk://"), ("zk://h", "path")):
        scheduler = Scheduler(bench, "zk://127.0.0.1:1/mesos", name=f"bad-{len(lock)}", wait_ready=False, flags=["--lock", lock])
        expect_equal(scheduler.program.wait(10), 2, f"the exit code for {lock}")
        lines = scheduler.program.lines()
        expect(len(lines) == 1 and "--lock" in lines[0] and why in lines[0], f"one line about --lock with '{why}'", lines)


if __name__ == "__main__":
    main(__doc__)
