#!/usr/bin/env python3
"""diego-local is faithful: what was asked of a real Mesos is asked of it, and the answers are compared,
ids and times aside. What differs on purpose is listed in on_purpose.txt, each with its line in
local/DIFFERENCES.md."""
import base64
import json
import os
import pathlib
import re
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "lib"), str(HERE)]
from cases import case, main
from exchange import Connection, Exchange, Stream, Tally, assemble, difference, encoded, header, normal
from programs import ROOT, Failed, Skipped, expect, program, wait_for

AGENTS = [("cpus:4;mem:2048;disk:4096;ports:[31000-31099, 32000-32010]", "zone:z1;rack:r1;slots:8;bays:[1-4]"),
          ("cpus:2;mem:1024;disk:2048;ports:[33000-33009]", "zone:z2;rack:r7")]  # As the recorded cluster's.
LATE_ACK = ("slow-ack", "TASK_STARTING")  # The recorder acknowledged this one by hand, after its repetition.


def captures(folder):
    root = pathlib.Path(os.environ.get("DIEGO_MESOS_CAPTURES", ROOT.parent / "shared" / "captures")) / "mesos" / folder
    if not root.is_dir():
        print(f"SKIPPED: no captures at {root}", file=sys.stderr, flush=True)
        raise Skipped(f"no captures at {root}; set DIEGO_MESOS_CAPTURES")
    return root


def purposes(folder):
    """name -> line of DIFFERENCES.md, of the exchanges of a folder."""
    text = (ROOT / "local" / "DIFFERENCES.md").read_text()
    found = {}
    for line in (HERE / "on_purpose.txt").read_text().splitlines():
        name, _, key = line.partition("  ")
        if not line or line.startswith("#") or not name.startswith(folder + "/"):
            continue
        expect(f"**{key.strip()}**" in text, f"a line **{key.strip()}** in local/DIFFERENCES.md for {name}")
        found[name] = key.strip()
    return found


class Cluster:
    def __init__(self, bench, agents=AGENTS, name="diego-local"):
        argv = [program("diego-local"), "--port", "0", "--agents", str(len(AGENTS)), "--allocation-interval", "100ms",
                "--work-dir", bench.path(f"{name}-work"), "--executor-environment", "PATH=/usr/bin:/bin",
                "--executor-environment", f"CAP_EXEC={HERE / 'executor.py'}", "--executor-environment", f"CAP_DIR={bench.dir}"]
        for resources, attributes in agents:
            argv += ["--resources", resources, "--attributes", attributes]
        self.process = bench.start(name, argv)
        ready = wait_for("the ready line", lambda: re.search(r"master http://127\.0\.0\.1:(\d+) agents 2 ready", self.process.text()), 60)
        self.port = int(ready[1])

    def ask(self, raw):
        connection = Connection(self.port)
        connection.send(raw)
        answer = connection.answer()
        if answer[2] is not None:
            connection.close()
            return answer, None
        return (answer[0], answer[1], b""), Stream(connection, answer[1])


class Names:
    """Recorded ids to live ones; learned from answers, put into requests."""

    def __init__(self):
        self.pairs = {}

    def learn(self, recorded, live):
        if recorded and live and recorded != live:
            self.pairs[recorded] = live

    def live(self, raw):
        for recorded in sorted(self.pairs, key=len, reverse=True):
            raw = raw.replace(recorded.encode(), self.pairs[recorded].encode())
        return raw


def subscribed_id(events):
    return next((e["subscribed"]["framework_id"]["value"] for e in events if e["type"] == "SUBSCRIBED"), None)


def stream_difference(exchange, stream, count):
    """The first `count` events of a stream, in order."""
    stream.wait(lambda: len(stream.events) >= count or stream.ended, 10)
    recorded, live = normal(exchange.events()[:count]), normal(stream.events[:count])
    for number, (expected, seen) in enumerate(zip(recorded, live), 1):
        if expected != seen:
            return f"event {number} is {json.dumps(seen)}, recorded {json.dumps(expected)}"
    return None if len(live) == len(recorded) else f"{len(live)} events, recorded {len(recorded)}: {[e['type'] for e in live]}"


def ends_as_recorded(exchange, stream):
    """A recorded end by the server must come here too."""
    if b"ended by the server with the last chunk" not in exchange.path.read_bytes():
        stream.close()
        return None
    if stream.wait(lambda: stream.ended, 10) and stream.ended == "last chunk":
        return None
    return f"the stream {'was ' + stream.ended if stream.ended else 'is still open'}, recorded: ended with the last chunk"


def finish(tally, folder):
    print(f"{folder}: {tally.text()}", file=sys.stderr, flush=True)
    print(f"{folder}: {tally.text().splitlines()[0]}", flush=True)
    missing = [name for name in tally.purposes if name not in tally.on_purpose]
    expect(not tally.problems and not missing, f"{folder} as recorded", tally.problems[:5] or f"not seen: {missing}")


# ---- errors: every exchange on a connection of its own, in order


@case("every recorded error of the scheduler API is answered alike")
def _(bench):
    folder = captures("errors")
    cluster = Cluster(bench)
    tally, names, open_streams = Tally(purposes("errors")), Names(), []
    for path in sorted(folder.glob("*.txt")):
        exchange = Exchange(path)
        if "pipelined" in path.stem:
            tally.note(exchange.name, pipelined(cluster, exchange))
            continue
        answer, stream = cluster.ask(exchange.request_for(names))
        problem = difference(exchange.answer(), answer)
        if stream:
            recorded = exchange.events()
            stream.start()
            count = next((n for n, e in enumerate(recorded) if e["type"] == "OFFERS"), len(recorded))
            problem = problem or stream_difference(exchange, stream, count)
            names.learn(subscribed_id(recorded), subscribed_id(stream.events))
            names.learn(header(exchange.answer()[1], "Mesos-Stream-Id"), header(answer[1], "Mesos-Stream-Id"))
            if "subscribe-then-close" in path.stem:
                stream.close()
                framework = subscribed_id(stream.events)
                wait_for("the master to notice", lambda f=framework: disconnected(cluster, f))
            elif path.stem == "66-resubscribe":
                open_streams.append((exchange, stream, tally, problem))
                continue  # Compared when it has ended.
            else:
                problem = problem or ends_as_recorded(exchange, stream) if b"ERROR" in json.dumps(recorded).encode() else close(stream, problem)
        tally.note(exchange.name, problem)
    for exchange, stream, _, problem in open_streams:
        tally.note(exchange.name, problem or ends_as_recorded(exchange, stream))
    finish(tally, "errors")


def close(stream, problem):
    stream.close()
    return problem


def disconnected(cluster, framework):
    body = b'{"type":"GET_FRAMEWORKS"}'
    answer, _ = cluster.ask(b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    listed = json.loads(answer[2])["get_frameworks"]["frameworks"]
    return any(f["framework_info"]["id"]["value"] == framework and not f["connected"] for f in listed)


def pipelined(cluster, exchange):
    """The headings of this file are its own; requests first, then answers."""
    sections = [part.strip(b"\r\n") for part in re.split(rb"(?m)^=+ .*=+\r?\n", exchange.path.read_bytes())]
    requests = b"\r\n\r\n".join(p for p in sections if re.match(rb"POST|GET", p))
    connection = Connection(cluster.port)
    connection.send(requests + b"\r\n\r\n")
    seen = [connection.answer()[0] for _ in range(4)]
    connection.close()
    recorded = [int(code) for code in re.findall(rb"^HTTP/1\.1 (\d+)", exchange.path.read_bytes(), re.M)]
    return None if seen == recorded else f"answers {seen}, recorded {recorded}"


# ---- scheduler-json, scheduler-pb: one session, its calls in the recorded order, each after the events it followed


class Session:
    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.names, self.tally = Names(), Tally(purposes(folder.name))
        self.first = Exchange(folder / "01-subscribe.txt")
        self.recorded = self.first.events()
        self.offer_agent = {}  # Recorded offer -> recorded agent.
        for event in self.recorded:
            for offer in event.get("offers", {}).get("offers", []):
                self.offer_agent[offer["id"]["value"]] = offer["agent_id"]["value"]
        self.stream = self.calls = self.stream_id = self.framework = None
        self.offers, self.used = {}, {}  # Live offers in hand; recorded offer -> live offer.
        self.acks, self.missing = [], set()

    # -- what the recorder did by itself

    def watch(self, event):
        kind = event["type"]
        if kind == "OFFERS":
            for offer in event["offers"]["offers"]:
                self.offers[offer["id"]["value"]] = offer
        elif kind == "RESCIND":
            self.offers.pop(event["rescind"]["offer_id"]["value"], None)
        elif kind == "UPDATE":
            status = event["update"]["status"]
            late = (status["task_id"]["value"], status["state"]) == LATE_ACK
            if "uuid" in status and not late:
                self.acks.append(status)
            if status["task_id"]["value"] == "e9" and status["state"] == "TASK_RUNNING":
                os.kill(status["container_status"]["executor_pid"], signal.SIGKILL)

    def acknowledge(self):
        while self.acks:
            status = self.acks.pop(0)
            self.call({"type": "ACKNOWLEDGE", "acknowledge": {"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]}})

    def call(self, call):
        content_type, body = encoded({**call, "framework_id": {"value": self.framework}}, self.first.protobuf, "scheduler")
        head = (f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nMesos-Stream-Id: {self.stream_id}\r\n"
                f"Content-Length: {len(body)}").encode()
        self.calls.send(head + b"\r\n\r\n" + body)
        return self.calls.answer()

    def decline_all(self):
        ids = list(self.offers)
        self.offers.clear()
        self.call({"type": "DECLINE", "decline": {"offer_ids": [{"value": i} for i in ids], "filters": {"refuse_seconds": 0}}})

    def gather(self, agent, wanted):
        """One live offer with all that is free on an agent: what is in pieces is put back."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            self.acknowledge()
            here = [o for o in self.offers.values() if o["agent_id"]["value"] == agent]
            if len(here) == 1 and holds(here[0], wanted):
                return here[0]["id"]["value"]
            if here:
                self.decline_all()
            time.sleep(0.25)
        raise Failed(f"an offer of {agent} with {wanted}", here)

    # -- the recorded calls

    def subscribe(self):
        exchange = self.first
        answer, self.stream = self.cluster.ask(assemble(exchange.head, exchange.body))
        problem = difference(exchange.answer(), answer)
        self.stream_id = header(answer[1], "Mesos-Stream-Id")
        self.names.learn(header(exchange.answer()[1], "Mesos-Stream-Id"), self.stream_id)
        self.stream.watchers.append(self.watch)
        self.stream.start()
        self.tally.note(exchange.name, problem or stream_difference(exchange, self.stream, 3))
        self.framework = subscribed_id(self.stream.events)
        self.names.learn(subscribed_id(self.recorded), self.framework)
        agents = sorted({o["agent_id"]["value"] for o in self.offers.values()})
        for recorded, live in zip(sorted(set(self.offer_agent.values())), agents):
            self.names.learn(recorded, live)
        self.calls = Connection(self.cluster.port)

    def catch_up(self, count):
        """Waits for the live counterpart of the first `count` recorded events, offers aside."""
        wanted = {key: number for key, number in tallied(self.recorded[:count]).items() if key not in self.missing}
        def arrived():
            self.acknowledge()
            seen = tallied(self.stream.events)
            return all(seen.get(key, 0) >= number for key, number in wanted.items())
        try:
            wait_for("events", arrived, 40)  # An agent repeats after 10 s, then after 20 more.
        except Failed:
            seen = tallied(self.stream.events)
            late = [key for key, number in wanted.items() if seen.get(key, 0) < number]
            self.missing.update(late)  # Not waited for again.
            return late
        return []

    def play(self, exchange):
        call = exchange.json()
        if call and call["type"] == "ACCEPT":
            for recorded in (o["value"] for o in call["accept"].get("offer_ids", [])):
                if recorded not in self.used and recorded in self.offer_agent:
                    agent = self.names.pairs[self.offer_agent[recorded]]
                    live = self.gather(agent, 3 if agent.endswith("S0") else 1)
                    self.used[recorded] = live
                    self.names.learn(recorded, live)
            for recorded in (o["value"] for o in call["accept"].get("offer_ids", [])):
                self.offers.pop(self.used.get(recorded), None)
        if call and call["type"] == "UPDATE_FRAMEWORK":
            self.acknowledge()
            if "unsuppress" in exchange.name:
                self.decline_all()
        if exchange.streams:
            return self.play_subscription(exchange)
        if "late-duplicate" in exchange.name:
            self.learn_uuids()
        self.acknowledge()
        answer, _ = self.cluster.ask(exchange.request_for(self.names))
        if "unsuppress" in exchange.name:
            wait_for("an offer to the second role", lambda: any(o["allocation_info"]["role"] == "extra" for o in list(self.offers.values())), 30)
        return difference(exchange.answer(), answer)

    def learn_uuids(self):
        for recorded, live in zip(of_task(self.recorded, LATE_ACK[0]), of_task(self.stream.events, LATE_ACK[0])):
            self.names.learn(recorded.get("uuid"), live.get("uuid"))

    def play_subscription(self, exchange):
        answer, stream = self.cluster.ask(exchange.request_for(self.names))
        problem = difference(exchange.answer(), answer)
        stream.start()
        recorded = exchange.events()
        count = next((n for n, e in enumerate(recorded) if e["type"] == "OFFERS"), len(recorded))
        problem = problem or stream_difference(exchange, stream, count)
        if subscribed_id(recorded):
            self.stream_id = header(answer[1], "Mesos-Stream-Id")
            self.names.learn(header(exchange.answer()[1], "Mesos-Stream-Id"), self.stream_id)
            self.second = (exchange, stream, problem)
            return "later"
        return problem or ends_as_recorded(exchange, stream)


def holds(offer, cpus):
    return any(r["name"] == "cpus" and r["scalar"]["value"] >= cpus for r in offer["resources"])


def of_task(events, task):
    return [e["update"]["status"] for e in events if e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == task]


def event_key(event):
    kind = event["type"]
    if kind == "UPDATE":
        return f"UPDATE {event['update']['status']['task_id']['value']}"
    if kind == "UPDATE_OPERATION_STATUS":
        return f"{kind} {event['update_operation_status']['status']['operation_id']['value']}"
    return kind


def tallied(events):
    """How many of each kind that a session must bring: not offers (a matter of timing), not heartbeats,
    and not the one operation that the stand-in refuses."""
    counts = {}
    for event in events:
        key = event_key(event)
        if event["type"] not in ("OFFERS", "HEARTBEAT", "RESCIND", "ERROR"):
            counts[key] = counts.get(key, 0) + 1
    return counts


@case("a recorded scheduler session runs alike: every call and, task by task, every event")
def _(bench):
    run_session(bench, captures("scheduler-json"))


@case("the same session in protobuf runs alike, requests and streams")
def _(bench):
    run_session(bench, captures("scheduler-pb"))


def run_session(bench, folder):
    session = Session(Cluster(bench), folder)
    session.subscribe()
    played = 1
    steps = [json.loads(line) for line in (folder / "timeline.jsonl").read_text().splitlines()]
    for step in steps:
        if "call" not in step or step["call"] == "01-subscribe":
            continue
        before = [s["n"] for s in steps if s.get("stream") == "01-subscribe" and "n" in s and s["t"] < step["t"] - own_doing_s(s)]
        exchange = Exchange(folder / f"{step['call']}.txt")
        late = session.catch_up(max(before, default=0))
        problem = session.play(exchange)
        played += 1
        if problem != "later":
            session.tally.note(exchange.name, problem or (f"before it did not come: {late}" if late else None))
    exchange, stream, problem = session.second
    session.tally.note(exchange.name, problem or ends_as_recorded(exchange, stream))
    expect(session.stream.wait(lambda: session.stream.ended == "last chunk", 10), "the first stream to end when it was taken over")
    compare_events(session)
    expect(played == len(list(folder.glob("[0-9]*.txt"))), f"every file of {folder.name} to be played", played)
    finish(session.tally, folder.name)


def own_doing_s(event):
    """A call is noted when its answer was read, so what came just before may be its own doing: the
    master's word at once, an executor's not before it was asked."""
    return 0.003 if event.get("has_uuid") else 0.05


def compare_events(session):
    """Sequences that are settled whatever the timing: per task, per operation, and the kinds told once."""
    keys = []
    for event in session.recorded:
        key = event_key(event)
        if key not in keys and event["type"] not in ("HEARTBEAT", "OFFERS", "RESCIND"):
            keys.append(key)
    for key in keys:
        recorded = normal([e for e in session.recorded if event_key(e) == key])
        live = normal([e for e in session.stream.events if event_key(e) == key])
        if key in ("MESSAGE", "FAILURE"):
            recorded, live = sorted(recorded, key=json.dumps), sorted(live, key=json.dumps)
        problem = None
        for expected, seen in zip(recorded, live):
            if mask(expected) != mask(seen):
                problem = f"{json.dumps(seen)}, recorded {json.dumps(expected)}"
                break
        if problem is None and len(recorded) != len(live):
            problem = f"{len(live)} events, recorded {len(recorded)}: {json.dumps(live)}"
        session.tally.note(f"{session.folder.name}/events {key}", problem)
    for kind in ("OFFERS", "RESCIND"):  # One of each shape; which and when is a matter of timing.
        recorded = shapes(session.recorded, kind)
        live = shapes(session.stream.events, kind)
        session.tally.note(f"{session.folder.name}/events {kind}", None if recorded == live else f"shapes {live}, recorded {recorded}")


def mask(event):
    """The recording's local path stands where ours does."""
    return json.dumps(event, sort_keys=True)


def shape(value):
    """Key names and kinds of a JSON value, numbers and texts aside."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items() if k not in ("domain", "executor_ids", "reservations")}
    if isinstance(value, list):
        return sorted({json.dumps(shape(item), sort_keys=True) for item in value})
    return type(value).__name__ if not isinstance(value, (int, float)) else "number"


def shapes(events, kind):
    """The fullest shape seen of a kind."""
    found = sorted({json.dumps(shape(e), sort_keys=True) for e in events if e["type"] == kind}, key=len)
    return found[-1] if found else None


# ---- executor-json, executor-pb: the calls an executor of ours sends, against the agent


# The framework's name, its agent's attributes, the executors recorded under it.
EXECUTORS = {"executor-json": [("execs", "zone:z1;rack:r1", ["exec-bad-calls", "exec-terminal-twice"]),
                               ("capture", AGENTS[0][1], ["exec-1", "exec-group", "exec-s", "exec-3"])],
             "executor-pb": [("execs", "zone:z1;rack:r1", ["exec-bad-calls"]), ("capture", AGENTS[0][1], ["exec-1", "exec-group", "exec-s"])]}


class ExecutorWorld:
    """A scheduler that launches an executor which only waits: this process speaks for it."""

    def __init__(self, bench, cluster, name):
        self.bench, self.cluster = bench, cluster
        info = {"user": "root", "name": name, "roles": ["batch"], "failover_timeout": 60.0, "checkpoint": True, "capabilities": [
            {"type": t} for t in ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT", "REGION_AWARE")]}
        body = json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}).encode()
        answer, self.stream = cluster.ask(request_head("/api/v1/scheduler", body) + body)
        self.stream_id = header(answer[1], "Mesos-Stream-Id")
        self.offers = {}
        self.stream.watchers.append(self.watch)
        self.stream.start()
        wait_for("an offer of the first agent", self.first_offer)
        self.framework = subscribed_id(self.stream.events)

    def watch(self, event):
        for offer in event.get("offers", {}).get("offers", []):
            self.offers[offer["id"]["value"]] = offer
        self.offers.pop(event.get("rescind", {}).get("offer_id", {}).get("value"), None)

    def first_offer(self):
        return next((o for o in self.offers.values() if o["agent_id"]["value"].endswith("-S0") and holds(o, 1)), None)

    def call(self, call):
        body = json.dumps({**call, "framework_id": {"value": self.framework}}).encode()
        self.cluster.ask(request_head("/api/v1/scheduler", body, self.stream_id) + body)

    def acknowledge_all(self):
        for event in list(self.stream.events):
            status = event.get("update", {}).get("status", {})
            if "uuid" in status:
                self.call({"type": "ACKNOWLEDGE", "acknowledge": {
                    "agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]}})

    def launch(self, recorded_tasks, executor, group):
        offer = wait_for("an offer of the first agent", self.first_offer)
        self.offers.pop(offer["id"]["value"])
        waiting = {**executor, "command": {"value": "env > $CAP_DIR/$MESOS_EXECUTOR_ID.env; exec sleep 600"}}
        for key in ("framework_id",):
            waiting.pop(key, None)
        if group:
            waiting["framework_id"] = {"value": self.framework}
        tasks = [{**{k: v for k, v in t.items() if k not in ("executor",)}, "agent_id": offer["agent_id"]} for t in recorded_tasks]
        if group:
            operation = {"type": "LAUNCH_GROUP", "launch_group": {"executor": waiting, "task_group": {"tasks": tasks}}}
        else:
            operation = {"type": "LAUNCH", "launch": {"task_infos": [{**t, "executor": waiting} for t in tasks]}}
        self.call({"type": "ACCEPT", "accept": {"offer_ids": [offer["id"]], "operations": [operation], "filters": {"refuse_seconds": 0}}})
        env = self.bench.path(executor["executor_id"]["value"] + ".env")
        wait_for(f"{env.name} (the executor started)", lambda: "MESOS_SLAVE_PID" in env.read_text())
        return dict(line.split("=", 1) for line in env.read_text().splitlines() if "=" in line)


def request_head(path, body, stream_id=None):
    more = f"Mesos-Stream-Id: {stream_id}\r\n" if stream_id else ""
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/json\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n").encode()


def recorded_launches(events):
    """(tasks, executor, as a group?)"""
    tasks = [e["launch"]["task"] for e in events if e["type"] == "LAUNCH"]
    groups = [e["launch_group"]["task_group"]["tasks"] for e in events if e["type"] == "LAUNCH_GROUP"]
    executor = next(e["subscribed"]["executor_info"] for e in events if e["type"] == "SUBSCRIBED")
    return (groups[0], executor, True) if groups else (tasks, executor, False)


def without_command(value):
    """The executor's command is ours here."""
    if isinstance(value, dict):
        return {k: without_command(v) for k, v in value.items() if k not in ("command", "container_id", "executor")}
    return [without_command(item) for item in value] if isinstance(value, list) else value


def play_executor(world, folder, tally):
    exchanges = [Exchange(path) for path in sorted(folder.glob("[0-9]*.txt"))]
    recorded = exchanges[0].events()
    tasks, executor, group = recorded_launches(recorded)
    env = world.launch(tasks, executor, group)
    names = Names()
    names.learn(recorded[0]["subscribed"]["framework_info"]["id"]["value"], world.framework)
    port = int(env["MESOS_SLAVE_PID"].rpartition(":")[2])
    stream = None
    for exchange in exchanges:
        connection = Connection(port)
        connection.send(exchange.request_for(names))
        status, headers, body = connection.answer()
        problem = difference(exchange.answer(), (status, headers, body or b""))
        if body is None:
            stream = Stream(connection, headers, "executor").start()
            stream.wait(lambda s=stream, n=len(tasks): len(s.events) >= (2 if group else 1 + n), 10)
        else:
            connection.close()
        settle(world, exchange, recorded)
        tally.note(exchange.name, problem)
    compare_executor_events(recorded, stream, f"{folder.parent.name}/{folder.name}", tally)
    world.call({"type": "SHUTDOWN", "shutdown": {"executor_id": executor["executor_id"], "agent_id": {"value": env["MESOS_SLAVE_ID"]}}})
    ended = stream.wait(lambda: any(e["type"] == "SHUTDOWN" for e in stream.events), 10)
    tally.note(f"{folder.parent.name}/{folder.name}/events SHUTDOWN", None if ended else "no SHUTDOWN event")
    stream.close()


def settle(world, exchange, recorded):
    """An update that the agent took reaches the scheduler, which acknowledges it, before the next call:
    what the agent makes of the next one may depend on it."""
    uuid = ((exchange.json() or {}).get("update") or {}).get("status", {}).get("uuid")
    if not any(e["type"] == "ACKNOWLEDGED" and e["acknowledged"]["uuid"] == uuid for e in recorded):
        world.acknowledge_all()
        return

    def seen():
        world.acknowledge_all()
        return any(e.get("update", {}).get("status", {}).get("uuid") == uuid for e in list(world.stream.events))
    wait_for(f"{exchange.name} to reach the scheduler", seen)
    world.acknowledge_all()


def compare_executor_events(recorded, stream, name, tally):
    """What the agent must say whatever the scheduler does: who we are, our tasks, which updates it took."""
    for kind in ("SUBSCRIBED", "LAUNCH", "LAUNCH_GROUP", "ACKNOWLEDGED"):
        expected = [without_command(normal(e)) if kind != "ACKNOWLEDGED" else e for e in recorded if e["type"] == kind]
        if not expected:
            continue
        stream.wait(lambda k=kind, n=len(expected): sum(e["type"] == k for e in stream.events) >= n, 10)
        seen = [without_command(normal(e)) if kind != "ACKNOWLEDGED" else e for e in stream.events if e["type"] == kind]
        key = lambda item: json.dumps(item, sort_keys=True)
        same = sorted(seen, key=key) == sorted(expected, key=key)
        tally.note(f"{name}/events {kind}", None if same else f"{json.dumps(seen)}, recorded {json.dumps(expected)}")


@case("recorded executors are answered alike by the agent")
def _(bench):
    run_executors(bench, captures("executor-json"))


@case("recorded executors that speak protobuf are answered alike by the agent, requests and streams")
def _(bench):
    run_executors(bench, captures("executor-pb"))


def run_executors(bench, root):
    tally = Tally(purposes(root.name))
    for name, attributes, folders in EXECUTORS[root.name]:
        agents = [(AGENTS[0][0], attributes), AGENTS[1]]
        world = ExecutorWorld(bench, Cluster(bench, agents, f"diego-local-{name}"), name)
        for folder in folders:
            play_executor(world, root / folder, tally)
    finish(tally, root.name)


if __name__ == "__main__":
    main(__doc__)
