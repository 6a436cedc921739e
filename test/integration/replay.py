#!/usr/bin/env python3
"""What a real scheduler records with --record, and what `diego-scheduler replay` makes of it."""
import os
import pathlib
import signal
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import case, main
from cluster import LocalCluster, Scheduler, clean_environment, lrp, task
from programs import expect, expect_equal, program, wait_for
from small_disk import with_small_disk

SAME, DIFFERENT, UNREADABLE, BEGINNING_LOST = range(4)
SECRET = "hunter2-is-no-secret"


def replay(folder, *flags, code=SAME):
    done = subprocess.run([program("diego-scheduler"), "replay", str(folder), *flags], capture_output=True, text=True,
                          timeout=120, check=False, env=clean_environment())
    expect_equal(done.returncode, code, f"exit code of replay {' '.join(flags)}: {done.stdout[-2000:]} {done.stderr}")
    return done.stdout.splitlines(), done.stderr.splitlines()


def files_of(folder):
    return sorted(folder.glob("*.rec"))


def busy(bench, folder, cluster, name, state_dir=None, strategy="spread", flags=(), **more):
    scheduler = Scheduler(bench, cluster.master, name=name, state_dir=state_dir, strategy=strategy, idle_timeout="30s",
                          flags=["--record", str(folder), "--cell-env", f"PASSWORD={SECRET}", *flags], **more)
    return scheduler


@case("a scheduler with LRPs and Tasks, killed and started again: every decision is repeated, and none of its secrets is in it")
def _(bench):
    folder = bench.path("record")
    cluster = LocalCluster(bench)
    first = busy(bench, folder, cluster, "first")
    first.post_lrps(lrp("app", range(6)), lrp("web", range(3), memory_mb=64))
    first.post_tasks(task("job"), task("other"))
    first.wait_states({**{f"app.{i}": "running" for i in range(6)}, **{f"web.{i}": "running" for i in range(3)},
                       "job": "stopped", "other": "stopped"}, 30)
    expect_equal(first.delete("/v1/lrps/web/1").status, 202, "DELETE of an instance")
    first.wait_states({"web.1": "stopped"})
    first.program.process.send_signal(signal.SIGKILL)
    first.program.process.wait()
    expect_equal(len(files_of(folder)), 1, "files of the first life")

    again = busy(bench, folder, cluster, "again", state_dir=first.state_dir, bridge_port=first.bridge_port)
    again.wait_states({f"app.{i}": "running" for i in range(6)})
    again.post_lrps(lrp("late", range(2)))
    again.wait_states({"late.0": "running", "late.1": "running"})
    replay(folder)  # While it is written.
    expect_equal(again.program.stop(), 0, "exit code after SIGTERM")

    lines, _ = replay(folder)
    lives = [line for line in lines if line.startswith("life ")]
    expect_equal(len(lives), 2, f"lives in {lines}")
    expect(all(line.endswith("all decided as they were") for line in lives), "both repeated", lines)
    for path in files_of(folder):
        expect_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, f"mode of {path.name}")
        expect(SECRET.encode() not in path.read_bytes(), "the cells' environment left out", path.name)


@case("another strategy: each auction's agent then and now, and with how many cells")
def _(bench):
    folder = bench.path("record")
    cluster = LocalCluster(bench)
    scheduler = busy(bench, folder, cluster, "diego-scheduler", strategy="binpack")
    scheduler.post_lrps(lrp("app", range(6)))
    scheduler.wait_states({f"app.{i}": "running" for i in range(6)})
    scheduler.program.stop()

    def figures(lines):
        rows = [line.split() for line in lines if line.startswith("  ")]
        return {" ".join(row[:-2]): row[-2:] for row in rows}
    lines, _ = replay(folder, "--strategy", "spread")
    found = figures(lines)
    expect_equal(found["placements"], ["6", "6"], f"placements then and now: {lines}")
    expect_equal(found["cells started"], ["1", "3"], f"cells then and now: {lines}")
    expect_equal(found["agents that got work"], ["1", "3"], f"agents then and now: {lines}")
    moved = [line for line in lines if " then, " in line and line.endswith(" now")]
    expect(len(moved) == 4 and all(line.strip().startswith("lrp app.") for line in moved), "four of six elsewhere", lines)
    own, _ = replay(folder, "--strategy", "binpack")
    expect(any("0 of 6 placements elsewhere" in line for line in own), "the policy of then to decide the same", own)
    limited, _ = replay(folder, "--strategy", "spread", "--policy", "cells-max=2")
    expect_equal(figures(limited)["cells started"], ["1", "2"], f"cells with at most two of them: {limited}")


@case("a changed, a cut and a foreign file are each one line with the file and the offset")
def _(bench):
    folder = bench.path("record")
    cluster = LocalCluster(bench)
    scheduler = busy(bench, folder, cluster, "diego-scheduler")
    scheduler.post_lrps(lrp("app", range(2)))
    scheduler.wait_states({"app.0": "running", "app.1": "running"})
    scheduler.program.stop()
    path, = files_of(folder)
    good = path.read_bytes()

    path.write_bytes(good[:-3])
    lines, _ = replay(folder)
    expect(any(str(path) in line and "ends within a frame" in line for line in lines), "what is there repeated", lines)

    path.write_bytes(good[:-200] + bytes([good[-200] ^ 1]) + good[-199:])
    _, errors = replay(folder, code=UNREADABLE)
    expect(len(errors) == 1 and f"{path} at offset " in errors[0] and "damaged" in errors[0], "one line", errors)

    path.write_bytes(b"GIF89a" + good)
    _, errors = replay(folder, code=UNREADABLE)
    expect(len(errors) == 1 and f"{path} at offset 0: is no recording" in errors[0], "one line", errors)

    path.rename(path.with_name(path.name.replace(".000000.", ".000003.")))
    next(folder.glob("*.rec")).write_bytes(good)
    lines, _ = replay(folder, code=BEGINNING_LOST)
    expect(any("its beginning made room for the rest" in line for line in lines), "a line that says so", lines)


@case("a directory that cannot be used is one line that names it, and exit 2; so is one without recordings")
def _(bench):
    bench.path("file").write_text("")
    below = bench.path("file") / "below"
    started = bench.start("diego-scheduler", [
        program("diego-scheduler"), "--master", "http://127.0.0.1:1", "--bridge-listen", "127.0.0.1:0", "--state-dir",
        bench.path("state"), "--executor", program("diego-executor"), "--cell-containerizer", "none", "--cell-command",
        "exec true", "--record", below], env=clean_environment())
    expect_equal(started.wait(10), 2, "exit code")
    expect(len(started.lines()) == 1 and f"--record {below}" in started.lines()[0], "one line", started.lines())
    _, errors = replay(bench.path("nothing"), code=UNREADABLE)
    expect(len(errors) == 1 and "nothing" in errors[0], "one line", errors)
    bench.path("empty").mkdir()
    _, errors = replay(bench.path("empty"), code=UNREADABLE)
    expect(len(errors) == 1 and "holds no recording" in errors[0], "one line", errors)


@case("a full disk ends the recording with one warning, and scheduling goes on")
@with_small_disk(megabytes=2)
def _(bench, disk):
    cluster = LocalCluster(bench)
    scheduler = busy(bench, disk.path / "record", cluster, "diego-scheduler")
    scheduler.post_lrps(lrp("app", range(2)))
    scheduler.wait_states({"app.0": "running", "app.1": "running"})
    disk.fill()

    def warnings():
        return [line for line in scheduler.program.lines() if "recording ends" in line]
    for turn in range(20):  # It takes no room from what comes after.
        scheduler.post_lrps(*[lrp(f"more-{turn}-{i}", range(2), memory_mb=9_000_000) for i in range(4)])
        if warnings():
            break
    wait_for("a warning", warnings)
    scheduler.post_lrps(lrp("after", range(2)))
    scheduler.wait_states({"after.0": "running", "after.1": "running"}, 30)
    expect_equal(len(warnings()), 1, "warnings")
    expect_equal(scheduler.program.stop(), 0, "exit code after SIGTERM")
    replay(disk.path / "record")


if __name__ == "__main__":
    main(__doc__)
