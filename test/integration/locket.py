#!/usr/bin/env python3
"""Two schedulers and Diego's own lock in a Locket (the stand-in): who acts, how the next one finds the
framework, and that nothing that runs is touched."""
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, own_user
from locket import Certificates, Locket, Way
from programs import expect, expect_equal, listens, stays, wait_for

TTL_S = 15.0      # Of the lock, in Locket.
PATIENCE_S = 10.0  # Without an answer of it.
SLACK_S = 4.0     # For a busy machine, where a figure is not what is tested.


def scheduler(bench, cluster, name, lock, flags=(), cluster_name="west", **more):
    return Scheduler(bench, cluster.master, name=name, strategy="binpack", idle_timeout="60s", wait_ready=False,
                     flags=["--lock", f"locket://{lock}", "--cluster-name", cluster_name, *flags], **more)


def waits_behind(program):
    return "waiting for the lock, which" in program.text()


class Pair:
    """A cluster, a Locket, a leader, and a standby that waits behind it."""

    def __init__(self, bench):
        self.bench = bench
        self.locket = Locket(bench)
        self.cluster = LocalCluster(bench, agents=2)
        self.leader = scheduler(bench, self.cluster, "leader", self.locket.address)
        self.leader.wait_ready()
        self.standby = scheduler(bench, self.cluster, "standby", self.locket.address)
        wait_for("the standby to wait behind the leader", lambda: waits_behind(self.standby.program))

    def run(self, one, guid, indices=range(3)):
        one.post_lrps(lrp(guid, indices))
        one.wait_states({f"{guid}.{i}": "running" for i in indices})
        return self.live()

    def live(self):
        """The framework, and the ids of the tasks that run."""
        frameworks = mesos_client.frameworks(self.cluster.master)
        expect_equal(len(frameworks), 1, "frameworks on the master")
        one = next(iter(frameworks))
        return one, {i for i, state in mesos_client.tasks_of(self.cluster.master, one).items() if state == "TASK_RUNNING"}


@case("who waits for the lock neither listens nor subscribes")
def _(bench):
    pair = Pair(bench)
    expect(listens(pair.leader.bridge_port), "the leader to listen")
    expect(not listens(pair.standby.bridge_port), "the standby not to listen")
    expect("subscribing" not in pair.standby.program.text(), "the standby not to subscribe")


@case("the leader is killed: the standby finds its framework by the label, and places on the cells that are there")
def _(bench):
    pair = Pair(bench)
    framework, before = pair.run(pair.leader, "app")
    killed = time.monotonic()
    pair.leader.program.process.send_signal(signal.SIGKILL)
    pair.leader.program.process.wait()
    pair.standby.wait_ready(TTL_S + SLACK_S)
    took = time.monotonic() - killed
    print(f"  the standby led {took:.1f} s after the leader was killed", file=sys.stderr)
    pair.standby.post_lrps(lrp("more", [0]))
    pair.standby.wait_states({"more.0": "running"})
    now, after = pair.live()
    expect_equal(now, framework, "the framework")
    expect(before < after and len(after) == 4, "the instances of before and one more", (before, after))
    expect("another scheduler led before" in pair.standby.program.text(), "it to know that another led")


@case("a leader that leaves hands over at once, and has its turn again later")
def _(bench):
    pair = Pair(bench)
    before = pair.run(pair.leader, "app")
    begun = time.monotonic()
    pair.leader.program.stop()
    pair.standby.wait_ready(SLACK_S + 3)
    took = time.monotonic() - begun
    expect(took < 3 + SLACK_S, f"the standby to lead within {3 + SLACK_S:g} s", f"{took:.1f} s")
    wait_for("its instances to be adopted", lambda: len(pair.standby.states()) == 3)
    returned = scheduler(bench, pair.cluster, "returned", pair.locket.address, state_dir=pair.leader.state_dir)
    wait_for("it to wait for its turn", lambda: waits_behind(returned.program))
    pair.standby.program.stop()
    returned.wait_ready(SLACK_S + 3)
    expect_equal(pair.live(), before, "the framework and the tasks that run")


@case("with an owner's name of its own a scheduler that was killed leads again at once")
def _(bench):
    locket = Locket(bench)
    cluster = LocalCluster(bench, agents=1)
    one = scheduler(bench, cluster, "one", locket.address, ["--lock-owner", "vm-1"])
    one.wait_ready()
    one.program.process.send_signal(signal.SIGKILL)
    one.program.process.wait()
    again = scheduler(bench, cluster, "again", locket.address, ["--lock-owner", "vm-1"], state_dir=one.state_dir)
    begun = time.monotonic()
    again.wait_ready()
    took = time.monotonic() - begun
    expect(took < TTL_S / 2, f"it to lead within {TTL_S / 2:g} s", f"{took:.1f} s")
    expect("another scheduler led before" not in again.program.text(), "it to know that nobody else led")


@case("a Locket that is away for a while costs nothing; for longer, nobody acts and nothing that runs is touched")
def _(bench):
    pair = Pair(bench)
    before = pair.run(pair.leader, "app")
    pair.locket.program.process.send_signal(signal.SIGSTOP)
    wait_for("a line that says so", lambda: "Locket is out of reach" in pair.leader.program.text(), PATIENCE_S)
    pair.locket.program.process.send_signal(signal.SIGCONT)
    wait_for("a line that it is back", lambda: "Locket answers again" in pair.leader.program.text())
    expect("the lock is lost" not in pair.leader.program.text(), "the lock to be kept")
    pair.run(pair.leader, "meanwhile", [0])

    pair.locket.program.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    wait_for("the leader to stop acting", lambda: not pair.leader.ready(), PATIENCE_S + SLACK_S)
    took = time.monotonic() - begun
    expect(took < TTL_S, f"the leader to stop before {TTL_S:g} s", f"{took:.1f} s")
    answer = web.post_json(pair.leader.bridge + "/v1/lrps", [lrp("late", [0])])
    expect_equal(answer.status, 503, "an auction at who lost the lock")
    stays("the instances running", lambda: before[1] <= pair.live()[1], 2)
    pair.locket.program.process.send_signal(signal.SIGCONT)
    wait_for("one of the two to lead", lambda: [s for s in (pair.leader, pair.standby) if listens(s.bridge_port) and s.ready()],
             TTL_S + SLACK_S)
    expect_equal(pair.live()[0], before[0], "the framework")
    expect(before[1] <= pair.live()[1], "the instances to run on", pair.live())


@case("a connection that has gone dead is replaced in time")
def _(bench):
    locket = Locket(bench)
    way = Way(bench, locket.port)
    cluster = LocalCluster(bench, agents=1)
    one = scheduler(bench, cluster, "one", f"127.0.0.1:{way.port}")
    one.wait_ready()
    way.deaden()
    wait_for("a line that says so", lambda: "Locket is out of reach" in one.program.text(), PATIENCE_S)
    wait_for("a line that it is back", lambda: "Locket answers again" in one.program.text(), PATIENCE_S)
    expect("the lock is lost" not in one.program.text(), "the lock to be kept")
    expect(one.ready(), "it to lead")


@case("a Locket that comes later is found, and one of several is enough")
def _(bench):
    locket = Locket(bench)
    locket.program.kill()
    cluster = LocalCluster(bench, agents=1)
    one = scheduler(bench, cluster, "one", f"127.0.0.1:1,{locket.address}")
    wait_for("a line that says so", lambda: "Locket is out of reach" in one.program.text())
    stays("it to wait", lambda: "subscribing" not in one.program.text(), 1)
    locket.start()
    one.wait_ready()


@case("two frameworks with one label: nothing is done before one is torn down, then the other is taken over")
def _(bench):
    locket = Locket(bench)
    cluster = LocalCluster(bench, agents=1)
    labels = {"diego.cluster": "west", "diego.leader": "somebody"}
    kept, extra = (mesos_client.Framework(cluster.master, name, user=own_user(), role="diego", failover_timeout=3600.0, labels=labels)
                   for name in ("kept", "extra"))
    mesos_client.Framework(cluster.master, "other", labels={"diego.cluster": "east"})
    one = scheduler(bench, cluster, "one", locket.address)
    wait_for("a line that names them", lambda: f"several frameworks carry diego.cluster=west ({kept.id}, {extra.id})" in one.program.text())
    stays("it to wait", lambda: "subscribing" not in one.program.text(), 2)
    extra.close()
    one.wait_ready()
    expect(f"subscribing url=http://{cluster.master}/api/v1/scheduler framework={kept.id}" in one.program.text(),
           "it to take the other over")
    info = mesos_client.frameworks(cluster.master)[kept.id]["framework_info"]
    now = {label["key"]: label["value"] for label in info["labels"]["labels"]}
    expect(now["diego.cluster"] == "west" and now["diego.leader"] != "somebody", "its own name on the framework", now)


@case("with mutual TLS; without a certificate that the Locket knows, one line that says so")
def _(bench):
    tls = Certificates(bench)
    locket = Locket(bench, tls)
    cluster = LocalCluster(bench, agents=1)
    files = ["--lock-ca", tls.cert("ca"), "--lock-cert", tls.cert("client"), "--lock-key", tls.key("client")]
    one = scheduler(bench, cluster, "one", locket.address, files)
    one.wait_ready()
    for name, ca, own in (("stranger", "ca", "stranger"), ("wrong-ca", "stranger-ca", "client")):
        other = scheduler(bench, cluster, name, locket.address,
                          ["--lock-ca", tls.cert(ca), "--lock-cert", tls.cert(own), "--lock-key", tls.key(own)])
        wait_for("a line that says so", lambda o=other: "Locket is out of reach" in o.program.text())
        stays("it to wait", lambda o=other: "subscribing" not in o.program.text(), 2)
        lines = [line for line in other.program.lines() if "Locket" in line]
        expect(len(lines) == 1, "one line about it", lines)


@case("a lock that cannot be is refused in one line")
def _(bench):
    missing, tls = str(bench.path("missing.pem")), Certificates(bench)
    for name, flags, words in (
            ("address", ["--lock", "locket://x:y", "--cluster-name", "c"], ("--lock", "is not host:port")),
            ("cluster", ["--lock", "locket://127.0.0.1"], ("--cluster-name", "is needed")),
            ("open", ["--lock", "locket://10.0.0.1", "--cluster-name", "c"], ("--lock locket://10.0.0.1", "--lock-ca")),
            ("files", ["--lock", "locket://10.0.0.1", "--cluster-name", "c", "--lock-ca", missing, "--lock-cert",
                       tls.cert("client"), "--lock-key", tls.key("client")], ("--lock-ca " + missing, "cannot be read"))):
        one = Scheduler(bench, "127.0.0.1:1", name=f"bad-{name}", wait_ready=False, flags=flags)
        expect_equal(one.program.wait(10), 2, f"the exit code for {flags}")
        lines = [line for line in one.program.lines() if line.startswith("diego-scheduler: ")]
        expect(len(lines) == 1 and all(word in lines[0] for word in words), f"one line with {words}", lines)


if __name__ == "__main__":
    main(__doc__)
