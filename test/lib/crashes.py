"""Killing a scheduler under load, and seeing whether anything was lost or doubled: clients that post as
Diego's BBS does, a witness who watches the cluster, and the shim that picks the moment."""
import collections
import json
import os
import pathlib
import random
import subprocess
import threading
import time
import urllib.parse

import mesos_client
import web
from cluster import lrp, task
from programs import Failed, bin_dir, command_line, expect, wait_for

ENDED_TASKS = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE")
TAKEN_BY_REP = ("TASK_STARTING", "TASK_RUNNING")  # The executor says so of what the rep has taken.


def shim_path():
    """Built beside the programs: build/bin, build/test/integration."""
    path = bin_dir().parent / "test" / "integration" / "crash-shim.so"
    if not path.exists():
        raise Failed(f"{path} to be built")
    return str(path)


def shim(state_dir, at=None, fail=None, fail_while=None, count=None, log=None):
    """The environment that loads crash_shim.cpp; its head says what the words mean."""
    pathlib.Path(state_dir).mkdir(exist_ok=True)
    wanted = {"CRASH_DIR": state_dir, "CRASH_AT": at, "CRASH_FAIL": fail, "CRASH_FAIL_WHILE": fail_while,
              "CRASH_COUNT": count, "CRASH_LOG": log, "LD_PRELOAD": shim_path(),
              # A sanitizer wants to be the first library; it is enough that it is there.
              "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")}
    return {name: str(value) for name, value in wanted.items() if value is not None}


def read_counts(path):
    """Kind -> number of calls, as the shim counted them."""
    return {kind: int(n) for kind, n in (line.split() for line in pathlib.Path(path).read_text().splitlines())}


class Wanted:
    """What was asked of the scheduler for one key, and what it has answered."""

    def __init__(self, key, kind):
        self.key, self.kind = key, kind
        self.posts = []  # When, on the wall clock; each may have been taken although no answer came.
        self.accepted = None
        self.deletes, self.deleted = 0, None
        self.unknown = None  # A DELETE said that there is no such instance.


class Load:
    """Clients that post LRPs and Tasks under keys of their own and delete some of them; each request is
    repeated until it has its 202, for that is what was promised to be kept. Work comes by tickets."""

    def __init__(self, bridge, prefix, clients=4, seed=1, task_mem_mb=2):
        self.bridge = bridge
        self.wanted = {}
        self.answers = collections.Counter()  # Status, or "none", of POSTs.
        self.first_refusal = None
        self._prefix, self._mem_mb = prefix, task_mem_mb
        self._changed = threading.Condition()
        self._tickets, self._busy, self._number, self._over = 0, 0, 0, False
        self._threads = [threading.Thread(target=self._run, args=(random.Random(seed * 1000 + i),), daemon=True)
                         for i in range(clients)]
        for thread in self._threads:
            thread.start()

    def issue(self, tickets):
        with self._changed:
            self._tickets += tickets
            self._changed.notify_all()

    def idle(self):
        with self._changed:
            return self._tickets == 0 and self._busy == 0

    def close(self):
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(15)

    def _run(self, chance):
        while True:
            with self._changed:
                while not self._tickets and not self._over:
                    self._changed.wait()
                if self._over:
                    return
                self._tickets -= 1
                self._busy += 1
                self._number += 1
                number = self._number
            try:
                self._serve(number, chance)
            finally:
                with self._changed:
                    self._busy -= 1

    def _serve(self, number, chance):
        name = f"{self._prefix}-{number}"
        if chance.random() < 0.5:
            records = [self._new(f"{name}t", "task")]
            self._post("/v1/tasks", [task(f"{name}t", memory_mb=self._mem_mb, disk_mb=1)], records)
            return
        records = [self._new(f"{name}.{index}", "lrp") for index in range(2)]
        self._post("/v1/lrps", [lrp(name, range(2), memory_mb=self._mem_mb, disk_mb=1)], records)
        if chance.random() < 0.7:
            time.sleep(chance.uniform(0, 0.3))  # Queued, launching, starting or running by then.
            for record in records[:1 + chance.randrange(2)]:
                self._delete(record)

    def _new(self, key, kind):
        with self._changed:
            return self.wanted.setdefault(key, Wanted(key, kind))

    def _again(self):
        if self._over:
            return False
        time.sleep(0.02)
        return True

    def _post(self, path, items, records):
        while True:
            for record in records:
                record.posts.append(time.time())
            try:
                answer = web.post_json(self.bridge + path, items, timeout=20)
                status = answer.status
            except OSError:
                status = "none"
            with self._changed:
                self.answers[status] += 1
                if status not in (202, "none") and self.first_refusal is None:
                    self.first_refusal = f"{status} {answer.body[:300].decode(errors='replace')}"
            if status == 202:
                for record in records:
                    record.accepted = time.time()
                return
            if not self._again():
                return

    def _delete(self, record):
        guid, _, index = record.key.rpartition(".")
        while True:
            record.deletes += 1
            try:
                where = f"{self.bridge}/v1/lrps/{urllib.parse.quote(guid)}/{index}"
                status = web.request("DELETE", where, timeout=20).status
            except OSError:
                status = "none"
            if status == 404 and record.deletes == 1:
                record.unknown = time.time()  # It was accepted, nobody else has deleted it.
            if status in (202, 404):
                record.deleted = time.time()
                return
            if not self._again():
                return


class Attempt:
    """One Mesos task as the master told of it."""

    def __init__(self, task_id):
        self.task_id = task_id
        self.state = None
        self.live = False
        self.statuses = {}  # State -> when it was first told, of those an executor sent.

    def taken(self):
        return any(state in self.statuses for state in TAKEN_BY_REP)

    def ended(self):
        return next((at for state, at in self.statuses.items() if state in ENDED_TASKS), None)


def reps():
    """Cell id -> host:port of the rep stand-ins that run on this machine."""
    found = {}
    for entry in os.listdir("/proc"):
        words = command_line(entry).split() if entry.isdigit() else []
        if "rep" in words and "--listen" in words and "--cell-id" in words:
            found[words[words.index("--cell-id") + 1]] = words[words.index("--listen") + 1]
    return found


class Witness:
    """Looks at the master's tasks and the reps' containers again and again; remembers every attempt it
    ever saw, and every key that had two that lived at the same time."""

    def __init__(self, master, framework, wanted, every_s=0.3):
        self.master, self.framework, self.wanted, self._every = master, framework, wanted, every_s
        self.attempts = {}  # Task id -> Attempt.
        self.doubled = []   # Texts.
        self.cells = {}     # Cell id -> host:port, of our cells.
        self.looks = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._over.set()
        self._thread.join(10)

    def _run(self):
        while not self._over.wait(self._every):
            try:
                self.look()
            except (OSError, ValueError):
                pass

    def look(self):
        told = mesos_client.operator(self.master, "GET_TASKS")
        with self._lock:
            self.looks += 1
            self.take(told)
        if self.looks % 4 == 1:
            self.cells = {cell: at for cell, at in reps().items() if cell not in self.cells or self.cells[cell] == at}
        for cell, at in list(self.cells.items()):
            try:
                state = web.get_json(f"http://{at}/state", timeout=5)
            except (OSError, ValueError):
                continue
            self._see_containers(cell, state)

    def take(self, told):
        """What GET_TASKS answered."""
        live = collections.defaultdict(list)
        for part, lives in (("completed_tasks", False), ("unreachable_tasks", True), ("tasks", True)):
            for one in told.get(part, []):
                task_id = one["task_id"]["value"]
                if one["framework_id"]["value"] != self.framework or task_id.startswith("~"):
                    continue
                attempt = self.attempts.setdefault(task_id, Attempt(task_id))
                attempt.state = one["state"]
                attempt.live = lives and one["state"] not in ENDED_TASKS
                for status in one.get("statuses", []):
                    if status.get("source") == "SOURCE_EXECUTOR":
                        attempt.statuses.setdefault(status["state"], status.get("timestamp", 0.0))
                if attempt.live:
                    live[key_of_task(task_id)].append(f"{task_id} {one['state']}")
        for key, several in live.items():
            if len(several) > 1:
                self.doubled.append(f"{key}: {' and '.join(several)} on the master")

    def _see_containers(self, cell, state):
        seen = collections.Counter(f"{one['process_guid']}.{one['index']}" for one in state.get("LRPs") or [])
        seen.update(one["TaskGuid"] for one in state.get("Tasks") or [])
        for key, count in seen.items():
            if count > 1 and key in self.wanted:
                with self._lock:
                    self.doubled.append(f"{key}: {count} containers in {cell}")

    def by_key(self):
        """Key -> its attempts."""
        found = collections.defaultdict(list)
        with self._lock:
            for attempt in self.attempts.values():
                found[key_of_task(attempt.task_id)].append(attempt)
        return found


def key_of_task(task_id):
    return task_id.rpartition(".")[0]


def runs_promised(record, runs):
    """How often it may have been started: once, and again for a POST that was repeated (the answer to
    the first was lost) after the run before had ended."""
    return 1 + sum(1 for run in runs if run.ended() is not None and record.posts[-1] > run.ended() - 0.5)


class Verdict:
    """What of the wanted is not as promised, by key; empty lists are what is hoped for."""

    def __init__(self, wanted, attempts):
        self.lost, self.doubled, self.waiting = [], [], []
        for key, record in wanted.items():
            self._judge(key, record, attempts.get(key, []))

    def _judge(self, key, record, attempts):
        live = [a for a in attempts if a.live]
        runs = [a for a in attempts if a.taken()]
        if record.accepted is None:
            self.waiting.append(f"{key}: no 202 yet")
        if record.unknown is not None:
            self.lost.append(f"{key}: accepted, and unknown to its DELETE")
        if len(live) > 1 or len(runs) > runs_promised(record, runs):
            self.doubled.append(f"{key}: " + ", ".join(f"{a.task_id} {a.state} {a.statuses}" for a in runs + live))
        if record.deleted is not None:
            if live:
                self.waiting.append(f"{key}: deleted, and {live[0].task_id} lives")
        elif record.kind == "lrp":
            if not live or live[0].state != "TASK_RUNNING":
                self.waiting.append(f"{key}: {[f'{a.task_id} {a.state}' for a in attempts] or 'never launched'}")
        elif not any(a.state == "TASK_FINISHED" for a in runs):
            self.waiting.append(f"{key}: {[f'{a.task_id} {a.state}' for a in attempts] or 'never launched'}")

    def good(self):
        return not (self.lost or self.doubled or self.waiting)


def judge(load, witness, seconds):
    """Waits until all is as promised, and holds it against what was seen on the way. Returns figures."""
    def settled():
        witness.look()
        return Verdict(load.wanted, witness.by_key()).good()
    try:
        wait_for("everything accepted to run once", settled, seconds, every=0.3)
    except Failed:
        pass  # The verdict says it better.
    verdict = Verdict(load.wanted, witness.by_key())
    found = {"keys": len(load.wanted), "lost": len(verdict.lost) + len(verdict.waiting),
             "doubled": len(set(verdict.doubled)) + len(set(witness.doubled)),
             "attempts": len(witness.attempts), "answers": {str(k): n for k, n in sorted(load.answers.items(), key=str)},
             "looks": witness.looks}
    if verdict.lost or verdict.waiting or verdict.doubled or witness.doubled:
        raise Failed(f"0 lost and 0 doubled of {found['keys']}", json.dumps({
            **found, "lost_first": (verdict.lost + verdict.waiting)[:5],
            "doubled_first": (verdict.doubled + witness.doubled)[:5], "refusal": load.first_refusal}))
    return found


def state_of_file(state_dir):
    """SQLite's own verdict on the store, read as a copy so that nothing of it is touched."""
    import shutil
    import sqlite3
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        for path in pathlib.Path(state_dir).glob("state.db*"):
            shutil.copy(path, folder)
        copy = pathlib.Path(folder, "state.db")
        expect(copy.exists(), "a state.db in the state directory", sorted(os.listdir(state_dir)))
        with sqlite3.connect(copy) as database:
            return database.execute("PRAGMA integrity_check").fetchone()[0]


def die_by(signal_number, program, seconds=10):
    """Sends it, if the program still runs, and waits for its end; its exit code as Popen tells it."""
    try:
        program.process.send_signal(signal_number)
    except ProcessLookupError:
        pass
    try:
        return program.process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"{program.name} to end within {seconds} s of signal {signal_number}") from None
