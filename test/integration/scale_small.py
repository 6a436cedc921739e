#!/usr/bin/env python3
"""The bench of the whole scheduler in small: everything posted runs, each status is acknowledged once,
and its master model sees no broken rule; and the model does see those that are broken."""
import base64
import json
import pathlib
import re
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import add_case, case, main
from programs import ROOT, Failed, bin_dir, expect, expect_equal

SCALE = ROOT / "test" / "bench" / "scale"
AGENTS, INSTANCES = 50, 1000
DEADLINE_S = 60


def scale(*flags):
    """(exit code, what the last line of stdout says, stderr)"""
    done = subprocess.run([SCALE, *flags], capture_output=True, text=True, timeout=DEADLINE_S + 30, check=False)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else None, done.stderr


def everything_runs(codec, strategy):
    def check(_bench):
        code, told, story = scale("--agents", str(AGENTS), "--instances", str(INSTANCES), "--codec", codec,
                                  "--strategy", strategy, "--limit-s", str(DEADLINE_S))
        print(story, file=sys.stderr)
        expect_equal(code, 0, "exit code")
        expect_equal((told["agents"], told["instances"], told["codec"], told["strategy"]),
                     (AGENTS, INSTANCES, codec, strategy), "what was measured")
        expect_equal((told["running_acknowledged"], told["unacknowledged"], told["violations"]), (INSTANCES, 0, 0),
                     "running and acknowledged, unacknowledged, violations")
        expect_equal(told["calls"]["ACKNOWLEDGE"] - told["updates_resent"], 2 * INSTANCES,
                     "acknowledgements: STARTING and RUNNING of each")
        expect_equal(told["subscriptions"], 1, "subscriptions")
        for name in ("posting", "placing", "running"):
            expect(told["phases"][name]["seconds"] > 0 and told["phases"][name]["scheduler_cpu_s"] > 0,
                   f"the time and processor time of {name}", told["phases"])
        expect(told["seconds_to_running"] == told["phases"]["running"]["seconds"], "the total to be the last phase's",
               told["seconds_to_running"])
        expect(told["scheduler_peak_rss_mb"] > 5, "the scheduler's peak memory", told["scheduler_peak_rss_mb"])
    return check


for a_codec, a_strategy in (("json", "binpack"), ("protobuf", "spread")):
    add_case(f"{INSTANCES} instances on {AGENTS} agents all run, by {a_strategy} in {a_codec}",
             everything_runs(a_codec, a_strategy))


@case("what does not fit makes the bench end at its limit with exit 1")
def _(_bench):
    code, told, story = scale("--agents", "1", "--instances", str(INSTANCES), "--limit-s", "3")
    expect_equal(code, 1, "exit code")
    expect(not told["complete"] and told["seconds_to_running"] is None, "an unfinished run to say so", told)
    expect(0 < told["running_acknowledged"] < INSTANCES, "some to run", told["running_acknowledged"])
    expect(f"all {INSTANCES} instances to run within 3 s" in story, "the reason in the story", story[-500:])


# ---- The model against a scheduler that breaks the rules

class BadScheduler:
    """Speaks JSON to bench-scale-master by hand."""

    def __init__(self, bench):
        model = subprocess.Popen([bin_dir().parent / "test" / "bench" / "bench-scale-master", "--agents", "2",
                                  "--instances", "0", "--limit-s", "0.1"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.model = model
        bench.on_close(self.close)
        self.port = int(model.stdout.readline().split()[1])
        self.stream = self._connect()
        self._post(self.stream, {"type": "SUBSCRIBE", "subscribe": {"framework_info": {
            "user": "root", "name": "bad", "roles": ["*"]}}})
        head = self._read_until(self.stream, b"\r\n\r\n")
        self.stream_id = re.search(r"Mesos-Stream-Id: (\S+)", head.decode()).group(1)
        self.calls = self._connect()
        self.rest = b""
        subscribed = self.event("SUBSCRIBED")["subscribed"]
        self.framework = subscribed["framework_id"]
        self.offers = self.event("OFFERS")["offers"]["offers"]

    def _connect(self):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def _post(self, peer, call, headers=""):
        body = json.dumps(call)
        peer.sendall(f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}"
                     f"Content-Length: {len(body)}\r\n\r\n{body}".encode())

    @staticmethod
    def _read_until(peer, mark):
        data = b""
        while not data.endswith(mark):
            some = peer.recv(1)
            if not some:
                raise Failed("an answer", data)
            data += some
        return data

    def call(self, kind, **body):
        self._post(self.calls, {"type": kind, "framework_id": self.framework, **body},
                   f"Mesos-Stream-Id: {self.stream_id}\r\n")
        answer = self._read_until(self.calls, b"\r\n\r\n")
        expect(answer.startswith(b"HTTP/1.1 202 "), "202", answer)

    def event(self, kind):
        """The next event of this kind; the model puts each into a chunk of its own."""
        while True:
            size = int(self._read_until(self.stream, b"\r\n"), 16)
            chunk = b""
            while len(chunk) < size + 2:
                chunk += self.stream.recv(size + 2 - len(chunk))
            event = json.loads(chunk[chunk.index(b"\n") + 1:-2])
            if event["type"] == kind:
                return event

    def update(self):
        return self.event("UPDATE")["update"]["status"]

    def task(self, task_id, agent=0, mem=64.0, executor="cell-1", name="cell", executor_mem=512.0):
        def resources(mem_mb):
            return [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                    {"name": "mem", "type": "SCALAR", "scalar": {"value": mem_mb}}]
        return {"name": task_id, "task_id": {"value": task_id}, "agent_id": self.offers[agent]["agent_id"],
                "resources": resources(mem), "executor": {
                    "executor_id": {"value": executor}, "name": name, "resources": resources(executor_mem)}}

    def accept(self, *tasks, offers=(0,)):
        self.call("ACCEPT", accept={"offer_ids": [self.offers[i]["id"] for i in offers], "filters": {"refuse_seconds": 0},
                                    "operations": [{"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}]})

    def acknowledge(self, status, **other):
        self.call("ACKNOWLEDGE", acknowledge={"agent_id": status["agent_id"], "task_id": status["task_id"],
                                              "uuid": status["uuid"], **other})

    def violations(self):
        """What the model reports in the end."""
        self.model.stdin.write("go 1 0\n")
        self.model.stdin.flush()
        for line in self.model.stdout:
            if line.startswith("{"):
                return json.loads(line)["violations_by_kind"]
        raise Failed("the model's report")

    def close(self):
        for one in (self.stream, self.calls, self.model.stdin, self.model.stdout):
            one.close()
        self.model.wait(5)


@case("the model acknowledges in order: RUNNING comes after STARTING was acknowledged")
def _(bench):
    scheduler = BadScheduler(bench)
    scheduler.accept(scheduler.task("a.0.x"))
    starting = scheduler.update()
    expect_equal((starting["state"], starting["source"]), ("TASK_STARTING", "SOURCE_EXECUTOR"), "the first status")
    scheduler.acknowledge(starting)
    expect_equal(scheduler.update()["state"], "TASK_RUNNING", "the second status")
    expect_equal(scheduler.violations(), {}, "violations")


def broken(rule, how, state=None):
    def check(bench):
        scheduler = BadScheduler(bench)
        how(scheduler)
        if state is not None:
            while scheduler.update()["state"] != state:
                pass
        expect_equal(scheduler.violations(), {rule: 1}, "violations")
    return check


def too_much(scheduler):
    # The cell's 512 MiB are charged once, so that two halves fit and one MiB more does not.
    half = (65536 - 512) / 2
    scheduler.accept(scheduler.task("a.0.x", mem=half), scheduler.task("a.1.x", mem=half),
                     scheduler.task("a.2.x", mem=1.0))


def used_offer(scheduler):
    scheduler.accept(scheduler.task("a.0.x"))
    scheduler.accept(scheduler.task("a.1.x"))


def acknowledges_twice(scheduler):
    scheduler.accept(scheduler.task("a.0.x"))
    status = scheduler.update()
    scheduler.acknowledge(status)
    scheduler.acknowledge(status)


def acknowledges_another(scheduler):
    scheduler.accept(scheduler.task("a.0.x"), scheduler.task("a.1.x"))
    scheduler.acknowledge(scheduler.update(), task_id={"value": "a.1.x"})


def acknowledges_nothing(scheduler):
    scheduler.accept(scheduler.task("a.0.x"))
    scheduler.acknowledge(scheduler.update(), uuid=base64.b64encode(bytes(16)).decode())


for a_rule, a_state, what, act in (
        ("over_launch", "TASK_ERROR", "a launch beyond the offer", too_much),
        ("unknown_offer", "TASK_DROPPED", "an offer used twice", used_offer),
        ("duplicate_task_id", "TASK_ERROR", "a task id used twice",
         lambda s: s.accept(s.task("a.0.x"), s.task("a.0.x"))),
        ("double_launch", None, "a second attempt of what lives",
         lambda s: s.accept(s.task("a.0.x"), s.task("a.0.y"))),
        ("executor_mismatch", "TASK_ERROR", "another ExecutorInfo under the same id",
         lambda s: s.accept(s.task("a.0.x"), s.task("a.1.x", name="other"))),
        ("second_executor", None, "a second cell on an agent",
         lambda s: s.accept(s.task("a.0.x"), s.task("a.1.x", executor="cell-2"))),
        ("bad_launch", "TASK_ERROR", "a task for another agent", lambda s: s.accept(s.task("a.0.x", agent=1))),
        ("bad_acknowledgement", None, "an acknowledgement of a status that never was", acknowledges_nothing),
        ("bad_acknowledgement", None, "an acknowledgement for another task", acknowledges_another),
        ("acknowledged_twice", None, "a second acknowledgement", acknowledges_twice)):
    add_case(f"the model sees {what}", broken(a_rule, act, a_state))


if __name__ == "__main__":
    main(__doc__)
