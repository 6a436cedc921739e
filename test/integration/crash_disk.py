#!/usr/bin/env python3
"""A state directory that cannot be written, or not be read: nothing is promised that is not kept, what
runs is left alone, and it goes on by itself once it can."""
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
import web
from cases import add_case, case, main
from cluster import LocalCluster, Scheduler, clean_environment, lrp, task
from crashes import read_counts, shim, state_of_file
from programs import expect, expect_equal, program, stays, wait_for
from proxy import Proxy
from small_disk import with_small_disk

USAGE = 2
FULL_S = 2.5  # How long it stays full: longer than the scheduler waits between two tries.
SINGLE_FAILURES = 16


def names_the_store(text):
    return "state store" in text or "state.db" in text


def refused(scheduler, key, why):
    """An auction is answered 503 with one line that names the store and says why."""
    answer = web.post_json(scheduler.bridge + "/v1/lrps", [lrp(key, [0])])
    text = answer.body.decode(errors="replace")
    if answer.status != 503:
        return None
    expect(names_the_store(text) and why in text, f"a 503 that names the state store and '{why}'", text)
    expect(len(text.strip().splitlines()) == 1, "one line", text)
    return text


def live(cluster, framework):
    return {i for i, s in mesos_client.tasks_of(cluster.master, framework).items()
            if s in ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING")}


def cannot_write(bench, fail, restore, why, state_dir, environment=None):
    """The whole story of a store that takes nothing between `fail()` and `restore()`."""
    cluster = LocalCluster(bench, agents=2, flags=["--allocation-interval", "200ms"])
    proxy = Proxy(bench, cluster.master, acknowledgements=True)
    scheduler = Scheduler(bench, f"127.0.0.1:{proxy.port}", state_dir=state_dir, idle_timeout="60s", task_duration="2s",
                          environment=environment)
    scheduler.master = cluster.master
    framework = scheduler.framework_id()
    scheduler.post_lrps(lrp("before", range(3)))
    scheduler.wait_states({f"before.{i}": "running" for i in range(3)})
    running = live(cluster, framework)
    scheduler.post_tasks(task("ends"))  # While nothing can be saved.
    scheduler.wait_states({"ends": "running"})
    stays("the wire to be quiet", lambda: True, 0.3)

    failed = time.monotonic_ns()
    fail()
    wait_for("an auction to be refused", lambda: refused(scheduler, "refused", why), 5)
    wait_for("TASK_FINISHED of the Task", lambda: proxy.first("TASK_FINISHED", failed, "ends"), 15)
    stays("each auction to be refused", lambda: refused(scheduler, "refused", why), FULL_S, every=0.2)
    expect(scheduler.program.running(), "the scheduler to live", scheduler.program.lines()[-3:])
    expect_equal(live(cluster, framework) & running, running, "the tasks that ran before")
    for kind in ("ACKNOWLEDGE", "ACCEPT"):
        expect(not proxy.all(kind, failed), f"no {kind} while nothing can be saved", proxy.all(kind, failed))
    said = [line for line in scheduler.program.lines() if "state ca" in line]
    expect(len(said) == 1 and "cannot be saved" in said[0] and why in said[0],
           f"one line of the log for all of it, with '{why}'", said)

    restored = time.monotonic_ns()
    restore()
    wait_for("the log to say so", lambda: "the state can be saved again" in scheduler.program.text(), 5)
    wait_for("the acknowledgement of TASK_FINISHED",
             lambda: any("ends." in ids for _, ids in proxy.all("ACKNOWLEDGE", restored)), 5)
    wait_for("an auction to be accepted", lambda: web.post_json(
        scheduler.bridge + "/v1/lrps", [lrp("after", range(2))]).status == 202, 5)
    scheduler.wait_states({"after.0": "running", "after.1": "running", "ends": "stopped",
                           **{f"before.{i}": "running" for i in range(3)}})
    expect("refused.0" not in scheduler.states(), "what was refused to be unknown", scheduler.states())
    expect(running <= live(cluster, framework), "the tasks that ran before", live(cluster, framework))

    # And it is on the disk.
    before = scheduler.states()
    scheduler.program.kill()
    expect_equal(state_of_file(state_dir), "ok", "SQLite's integrity check")
    again = Scheduler(bench, cluster.master, name="diego-scheduler-again", state_dir=state_dir, idle_timeout="60s")
    again.wait_states(before)
    stays("the same tasks", lambda: running <= live(cluster, framework) and len(live(cluster, framework)) == 5, 1)


def failing_calls(error, kind, why):
    def check(bench):
        sign, state = bench.path("it-fails"), bench.path("state")
        cannot_write(bench, sign.touch, sign.unlink, why, state,
                     environment=shim(state, fail_while=f"{error}:{kind}:{sign}"))
    return check


for an_error, a_kind, a_text in (("ENOSPC", "write", "disk is full"), ("EIO", "sync", "nput/output error")):
    add_case(f"while each {a_kind} fails with {an_error} new work is refused by name, no status is acknowledged, "
             "what runs runs on, and it recovers", failing_calls(an_error, a_kind, a_text))


@case("a real disk that is full: new work is refused by name, no status is acknowledged, what runs runs on, and it recovers")
@with_small_disk(2)
def _(bench, disk):
    cannot_write(bench, disk.fill, disk.free, "disk is full", disk.path / "state")


@case("a single write or sync that fails, whichever it is, costs nothing: a 503 at most, or an honest refusal to start")
def _(bench):
    cluster = LocalCluster(bench, agents=1, flags=["--allocation-interval", "200ms"])
    counts = bench.path("counts")

    def start(name, **more):
        state = bench.path(f"state-{name}")
        return Scheduler(bench, cluster.master, name=f"diego-scheduler-{name}", state_dir=state, wait_ready=False,
                         idle_timeout="60s", environment=shim(state, **more))

    def runs(scheduler, key):
        def accepted():
            return scheduler.program.running() and web.post_json(
                scheduler.bridge + "/v1/lrps", [lrp(key, [0], memory_mb=1, disk_mb=1)]).status == 202
        wait_for("a 202", accepted)
        scheduler.wait_states({f"{key}.0": "running"})

    def end(scheduler):
        expect_equal(scheduler.program.stop(), 0, "exit code after SIGTERM")
        scheduler.teardown()  # Its cell makes room for the next one's.

    whole = start("whole", count=counts)
    runs(whole, "whole")
    end(whole)
    last = read_counts(counts)["durable"]
    expect(last > 5, "durable writes to be counted", last)
    chance = random.Random(1)
    for number in sorted(chance.sample(range(1, last + 1), min(last, SINGLE_FAILURES))):
        error = chance.choice(["ENOSPC", "EIO"])
        one = start(str(number), fail=f"{error}:durable:{number}:1")
        wait_for("readiness or an end", lambda one=one: not one.program.running() or one.ready())
        if one.program.running():
            runs(one, f"app-{number}")
        else:
            lines = one.program.lines()
            expect_equal(one.program.process.returncode, USAGE, f"exit code after {error} at {number}: {lines}")
            expect(len(lines) == 1 and str(one.state_dir) in lines[0], "one line that names the directory", lines)
            one = start(str(number))
            runs(one, f"app-{number}")
        expect_equal(state_of_file(one.state_dir), "ok", f"SQLite's integrity check after {error} at {number}")
        end(one)


# ---- What it finds at its start

def launch(bench, state_dir):
    """Runs it to its end: (code, lines)."""
    started = bench.start("diego-scheduler", [
        program("diego-scheduler"), "--master", "http://127.0.0.1:1", "--bridge-listen", "127.0.0.1:0",
        "--state-dir", str(state_dir), "--executor", program("diego-executor"), "--cell-containerizer", "none",
        "--cell-command", "exec true"], env=clean_environment())
    return started.wait(10), started.lines()


def used_state(bench):
    """A state directory with work in it that nobody uses any more."""
    cluster = LocalCluster(bench, agents=1, name="diego-local-before")
    scheduler = Scheduler(bench, cluster.master, name="diego-scheduler-before", state_dir=bench.path("state"))
    scheduler.post_lrps(*[lrp(f"big-{i}", range(20), memory_mb=1 << 20) for i in range(10)])
    expect_equal(scheduler.program.stop(), 0, "exit code after SIGTERM")
    # All of it into the database itself, so that there is something to spoil.
    with sqlite3.connect(scheduler.state_dir / "state.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    for path in scheduler.state_dir.glob("state.db-*"):
        path.unlink()
    return scheduler.state_dir


def garbage(state):
    (state / "state.db").write_bytes(bytes(random.Random(1).randbytes(8192)))


def newer(state):
    with sqlite3.connect(state / "state.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()


def of_another(state):
    (state / "state.db").unlink()
    with sqlite3.connect(state / "state.db") as database:
        database.execute("CREATE TABLE music(title)")
    database.close()


def cut(state):
    os.truncate(state / "state.db", (state / "state.db").stat().st_size // 2)


def scribbled(state):
    """Every page but the first has its head overwritten."""
    with open(state / "state.db", "r+b") as file:
        for page in range(1, (state / "state.db").stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)


def without_database(state):
    (state / "state.db").rename(state / "state.db-wal")


def a_directory(state):
    (state / "state.db").unlink()
    (state / "state.db").mkdir()


def refuses(spoil, word):
    def check(bench):
        state = used_state(bench)
        spoil(state)
        kept = {path.name: path.read_bytes() for path in state.glob("state.db*") if path.is_file()}
        code, lines = launch(bench, state)
        expect_equal(code, USAGE, f"exit code: {lines}")
        expect(len(lines) == 1 and "state.db" in lines[0] and word in lines[0], f"one line: state.db, '{word}'", lines)
        for name, content in kept.items():
            expect((state / name).read_bytes() == content, f"{name} left as it was")
    return check


for what, how, a_word in (
        ("of random bytes", garbage, "not a database"), ("cut in half", cut, "corrupt"),
        ("with spoiled pages", scribbled, "corrupt"), ("of a newer diego-scheduler", newer, "newer"),
        ("of another program", of_another, "another program"), ("lost, its log left", without_database, "is missing"),
        ("that is a directory", a_directory, "directory")):
    add_case(f"a state file {what} is one line that says so, exit {USAGE}, and nothing is thrown away", refuses(how, a_word))


@case(f"a state directory on a read-only file system is one line that says so, and exit {USAGE}")
@with_small_disk(2)
def _(bench, disk):
    there = disk.path / "state"
    shutil.copytree(used_state(bench), there)
    disk.read_only()
    code, lines = launch(bench, there)
    expect_equal(code, USAGE, f"exit code: {lines}")
    expect(len(lines) == 1 and str(there) in lines[0] and "ead-only" in lines[0],
           "one line: the directory, read-only", lines)


@case(f"a full disk under an existing state is one line that says so, and exit {USAGE}; with room it starts")
@with_small_disk(2)
def _(bench, disk):
    there = disk.path / "state"
    shutil.copytree(used_state(bench), there)
    disk.fill()
    code, lines = launch(bench, there)
    expect_equal(code, USAGE, f"exit code: {lines}")
    expect(len(lines) == 1 and str(there) in lines[0] and ("full" in lines[0] or "No space" in lines[0]),
           "one line: the directory, full", lines)
    disk.free()
    cluster = LocalCluster(bench, agents=1)
    again = Scheduler(bench, cluster.master, name="diego-scheduler-again", state_dir=there)
    expect_equal(len(again.instances()), 200, "instances known from the file")


if __name__ == "__main__":
    main(__doc__)
