#!/usr/bin/env python3
"""kill -9 of diego-scheduler under load: at random moments, at its durable writes (before one, after it,
in the middle of it), at what it sends. Each time it is started again on the same --state-dir. In the end
every auction that got a 202 has run exactly once: none lost, none doubled.

  test/integration/crash.py [--cycles 60] [--seed N] [--master URL] [--codec json|protobuf]

60 cycles take about a minute. --master runs it against a Mesos that is there already (agents on this
machine, or with --executor and --rep as they find them).
"""
import argparse
import json
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
import web
from cases import add_case, case, main
from cluster import LocalCluster, Scheduler, lrp, task
from crashes import Load, Verdict, Wanted, Witness, die_by, judge, read_counts, shim, state_of_file
from programs import Failed, Skipped, expect, expect_equal, free_port, wait_for

AGENTS = 3
RESOURCES = "cpus:16;mem:8192;disk:16384;ports:[31000-31999]"
TASK_DURATION = "6s"  # Longer than a client takes to repeat its POST.
CYCLE_LIMIT_S = 8     # For a death that does not come by itself.
SETTLE_S = 60
NAME = f"diego-crash-{os.getpid()}"
FIRST_STARTS = 12


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=60, help="kills under load, of all sorts together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--master", help="a running master: http://HOST:PORT")
    parser.add_argument("--codec", choices=("json", "protobuf"), default="json")
    parser.add_argument("--executor", help="diego-executor as the agents find it: a path or a URI")
    parser.add_argument("--rep", help="diego-local as the agents find it")
    parser.add_argument("--user", help="whom the agents run cells as; you")
    chosen, rest = parser.parse_known_args()
    sys.argv[1:] = rest  # What is left is for the cases' own parser.
    return chosen


CHOSEN = options()


class World:
    """A cluster, a state directory and a load; schedulers come and die."""

    def __init__(self, bench, prefix, tickets_a_cycle=3):
        self.bench, self.tickets = bench, tickets_a_cycle
        self.cluster = None if CHOSEN.master else LocalCluster(bench, agents=AGENTS, flags=[
            "--resources", RESOURCES, "--allocation-interval", "200ms"])
        self.master = mesos_client.host_port(CHOSEN.master) if CHOSEN.master else self.cluster.master
        self.state_dir, self.port = bench.path("state"), free_port()
        first = self.start()
        self.framework = wait_for("our framework on the master", self._find)
        self.load = Load(first.bridge, f"{prefix}{os.getpid()}" if CHOSEN.master else prefix, seed=CHOSEN.seed)
        bench.on_close(self.load.close)
        self.witness = Witness(self.master, self.framework, self.load.wanted)
        bench.on_close(self.witness.close)
        # The cells come first: a cycle is shorter than their start.
        self.load.issue(self.tickets)
        wait_for("the first work to be accepted", self.load.idle)
        die_by(signal.SIGKILL, first.program)

    def _find(self):
        found = [i for i, f in mesos_client.frameworks(self.master).items() if f["framework_info"]["name"] == NAME]
        return found[0] if len(found) == 1 else None

    def start(self, environment=None, wait_ready=True):
        return Scheduler(self.bench, self.master, codec=CHOSEN.codec, state_dir=self.state_dir, bridge_port=self.port,
                         idle_timeout="600s", task_duration=TASK_DURATION, rep=CHOSEN.rep, executor=CHOSEN.executor,
                         user=CHOSEN.user, wait_ready=wait_ready, environment=environment, strategy="binpack",
                         flags=["--framework-name", NAME, "--instance-cpus-milli", "10"])

    def cycle_at(self, point):
        """Dies where the shim has it; work comes until it does. True: it got there within the limit."""
        scheduler = self.start(shim(self.state_dir, at=point), wait_ready=False)
        self.load.issue(self.tickets)
        process, deadline, idle_since = scheduler.program.process, time.monotonic() + CYCLE_LIMIT_S, None
        while process.poll() is None and time.monotonic() < deadline:
            now = time.monotonic()
            idle_since = (idle_since or now) if self.load.idle() else None
            if idle_since and now - idle_since > 0.1:
                self.load.issue(1)
            time.sleep(0.005)
        code = process.poll()
        expect(code in (None, -signal.SIGKILL), f"death at {point} by SIGKILL",
               f"exit {code}: {scheduler.program.lines()[-2:]}")
        die_by(signal.SIGKILL, scheduler.program)
        return code is not None

    def cycle_after(self, delay_s):
        scheduler = self.start(wait_ready=False)
        self.load.issue(self.tickets)
        time.sleep(delay_s)
        expect(scheduler.program.running(), "it to live until it is killed", scheduler.program.lines()[-2:])
        die_by(signal.SIGKILL, scheduler.program)

    def count_of_a_cycle(self):
        """Kind -> calls of one cycle that is not disturbed."""
        counts = self.bench.path("counts")
        scheduler = self.start(shim(self.state_dir, count=counts))
        self.load.issue(self.tickets)
        wait_for("the work of a cycle to be accepted", self.load.idle, 30)
        expect_equal(scheduler.program.stop(), 0, "exit code after SIGTERM")
        return read_counts(counts)

    def verdict(self, what, **more):
        """All that was promised runs once, with a scheduler that is left alone; and still does later."""
        last = self.start()
        wait_for("every request to have its 202", self.load.idle, SETTLE_S)
        judge(self.load, self.witness, SETTLE_S)
        time.sleep(1.5)  # What would be doubled late.
        found = judge(self.load, self.witness, SETTLE_S)
        expect_equal(state_of_file(self.state_dir), "ok", "SQLite's integrity check of the state file")
        told = {k: i["state"] for k, i in last.instances().items()}
        running = [k for k, w in self.load.wanted.items() if w.kind == "lrp" and w.deleted is None]
        wrong = {k: told.get(k) for k in running if told.get(k) != "running"}
        expect(not wrong, "the scheduler to say of its LRPs what the master says", dict(list(wrong.items())[:5]))
        print(json.dumps({"what": what, "seed": CHOSEN.seed, **more, **found}), flush=True)
        expect_equal(last.program.stop(), 0, "exit code after SIGTERM")
        if CHOSEN.master:
            last.teardown()


def shares(cycles):
    """(random moments, durable writes, sends)"""
    return cycles - cycles * 7 // 12, cycles * 5 // 12, cycles * 2 // 12


def random_moments(bench):
    cycles = shares(CHOSEN.cycles)[0]
    chance, world = random.Random(CHOSEN.seed), World(bench, "any")
    for _ in range(cycles):
        # As often while it starts, which takes some tens of milliseconds, as while it works.
        world.cycle_after(chance.choice([chance.uniform(0, 0.12), chance.uniform(0.05, 0.9)]))
    world.verdict("random moments", cycles=cycles)


def spread_points(count, last, moments):
    """Up to `count` (call, moment), evenly over the calls 1..last, each moment in its turn; all there
    are where that is not more."""
    everything = [(n, m) for n in range(1, last + 1) for m in moments]
    if count >= len(everything):
        return everything
    step = last / count
    return [(1 + int(i * step), moments[i % len(moments)]) for i in range(count)]


def chosen_calls(kind, share, moments):
    def check(bench):
        world = World(bench, kind)
        last = max(world.count_of_a_cycle()[kind] for _ in range(2))
        expect(last >= 3, f"a cycle's {kind} calls to be counted", last)
        points = spread_points(shares(CHOSEN.cycles)[share], last, moments)
        random.Random(CHOSEN.seed).shuffle(points)
        reached = sum(world.cycle_at(f"{kind}:{number}:{moment}") for number, moment in points)
        world.verdict(f"{kind} calls", cycles=len(points), calls_of_a_cycle=last, reached=reached)
        expect(reached * 2 >= len(points), "most of the chosen calls to be reached", f"{reached} of {len(points)}")
    return check


add_case("killed at random moments under load: all that got a 202 runs once", random_moments)
add_case("killed before, after and within its durable writes under load: all that got a 202 runs once",
         chosen_calls("durable", 1, ("before", "torn", "after")))
add_case("killed before, after and within what it sends under load: all that got a 202 runs once",
         chosen_calls("send", 2, ("before", "torn", "after")))


@case("killed at any durable write of its first start, it starts again as if nothing had been, and keeps its 202s")
def _(bench):
    if CHOSEN.master:
        raise Skipped("done on diego-local only")
    cluster = LocalCluster(bench, agents=1, flags=["--allocation-interval", "200ms"])

    def start(number, wait_ready, **more):
        return Scheduler(bench, cluster.master, state_dir=bench.path(f"state-{number}"), wait_ready=wait_ready,
                         idle_timeout="600s", codec=CHOSEN.codec,
                         environment=shim(bench.path(f"state-{number}"), **more) if more else None)

    def post_until(scheduler, key):
        try:
            return web.post_json(scheduler.bridge + "/v1/lrps", [lrp(key, [0], memory_mb=1, disk_mb=1)]).status == 202
        except OSError:
            return not scheduler.program.running()

    whole = start(0, True, count=bench.path("counts"))
    whole.post_lrps(lrp("first-0", [0], memory_mb=1, disk_mb=1))
    whole.wait_states({"first-0.0": "running"})
    expect_equal(whole.program.stop(), 0, "exit code after SIGTERM")
    whole.teardown()
    last = read_counts(bench.path("counts"))["durable"]
    for number, moment in spread_points(max(FIRST_STARTS, CHOSEN.cycles // 5), last, ("before", "torn", "after")):
        name = f"{number}-{moment}"
        dying = start(name, False, at=f"durable:{number}:{moment}")
        wait_for("a 202 or its death", lambda dying=dying, name=name: post_until(dying, f"first-{name}"))
        try:
            dying.program.wait(1)
        except Failed:
            die_by(signal.SIGKILL, dying.program)
        expect_equal(dying.program.process.returncode, -signal.SIGKILL, f"death at durable write {name}")
        again = start(name, True)
        wait_for("a 202", lambda again=again, name=name: post_until(again, f"first-{name}"))
        again.wait_states({f"first-{name}.0": "running"})
        expect_equal(state_of_file(again.state_dir), "ok", f"SQLite's integrity check after a death at {name}")
        running = [t["task_id"]["value"] for t in mesos_client.operator(cluster.master, "GET_TASKS")["tasks"]
                   if t["state"] == "TASK_RUNNING" and t["task_id"]["value"].startswith(f"first-{name}.")]
        expect_equal(len(running), 1, f"tasks of the one instance after a death at {name}")
        again.program.kill()
        again.teardown()  # Its cell makes room for the next one's.


@case("a 202 is sent after what it promises has been synced to the disk")
def _(bench):
    if CHOSEN.master:
        raise Skipped("done on diego-local only")
    cluster = LocalCluster(bench, agents=1)
    log = bench.path("calls")
    state = bench.path("state")
    scheduler = Scheduler(bench, cluster.master, state_dir=state, environment=shim(state, log=log))
    posts = []
    for i in range(20):
        begun = time.monotonic_ns()
        # Memory that no agent has: nothing else has to be written for it.
        scheduler.post_tasks(task(f"big-{i}", memory_mb=1 << 20))
        posts.append((begun, time.monotonic_ns()))
        time.sleep(0.05)  # So that a sync belongs to one POST.
    calls = [line.split() for line in log.read_text().splitlines()]
    synced = [int(at) for at, kind, _ in calls if kind == "sync"]
    late = [i for i, (begun, ended) in enumerate(posts) if not any(begun < at < ended for at in synced)]
    expect(not late, "a sync between each POST and its 202", f"none for POSTs {late}, {len(synced)} syncs in all")


def told_task(task_id, *states):
    return {"task_id": {"value": task_id}, "framework_id": {"value": "f"}, "state": states[-1],
            "statuses": [{"state": s, "source": "SOURCE_EXECUTOR", "timestamp": 10.0 + i} for i, s in enumerate(states)]}


# (what, the master's live tasks, its completed ones, what the verdict has to name)
SEEN = [
    ("one running", [("a.0.x", "TASK_RUNNING")], [], None),
    ("a run after one that never started", [("a.0.x", "TASK_RUNNING")], [("a.0.y", "TASK_DROPPED")], None),
    ("two at once", [("a.0.x", "TASK_RUNNING"), ("a.0.y", "TASK_STAGING")], [], "doubled"),
    ("a run after a run", [("a.0.x", "TASK_RUNNING")], [("a.0.y", "TASK_RUNNING", "TASK_KILLED")], "doubled"),
    ("none", [], [], "waiting"),
    ("one that ended", [], [("a.0.x", "TASK_RUNNING", "TASK_FAILED")], "waiting"),
]


@case("what judges the others tells lost and doubled from well")
def _(_bench):
    for what, live, completed, expected in SEEN:
        record = Wanted("a.0", "lrp")
        record.posts, record.accepted = [1.0], 2.0
        witness = Witness("", "f", {"a.0": record}, every_s=3600)
        witness.take({"tasks": [told_task(*t) for t in live], "completed_tasks": [told_task(*t) for t in completed]})
        verdict = Verdict(witness.wanted, witness.by_key())
        witness.close()
        seen = next((name for name in ("lost", "doubled", "waiting") if getattr(verdict, name)), None)
        expect_equal(seen, expected, f"verdict about {what}")
        expect_equal(bool(witness.doubled), what == "two at once", f"two at once seen by the witness of {what}")


if __name__ == "__main__":
    main(__doc__)
