#!/usr/bin/env python3
"""docs/placement-modules.md is true: its files compile, its commands run and print what it shows, and the
scheduler places work with its example. In the page `<!-- file: NAME -->`, `<!-- run -->` (or `run: exit N`)
and `<!-- prints -->` stand before the blocks that this reads."""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import case, main
from cluster import LocalCluster, Scheduler, clean_environment, lrp
from programs import ROOT, bin_dir, expect, expect_equal, program

PAGE = ROOT / "docs" / "placement-modules.md"
MARKED = re.compile(r"^<!-- (file|run|prints)(?:: ([^>]*?))? -->\n```\w*\n(.*?)^```$", re.M | re.S)
FILES_LEAST, RUNS_LEAST = 3, 6  # A page whose marks are lost would prove nothing.


def blocks():
    """(kind, argument, text) of the marked blocks, in order."""
    return [(found[1], found[2] or "", found[3]) for found in MARKED.finditer(PAGE.read_text())]


def shell(bench, command):
    env = {**os.environ, "REPO": str(ROOT), "PATH": f"{bin_dir()}:{os.environ['PATH']}"}
    return subprocess.run(["sh", "-ec", command], cwd=bench.dir, env=env, capture_output=True, text=True, timeout=120,
                          check=False)


def write_files(bench):
    for kind, name, text in blocks():
        if kind == "file":
            bench.path(name).write_text(text)


def build(bench, name):
    """The module of one source of the page, by the page's own command."""
    write_files(bench)
    command = next(line for kind, _, text in blocks() if kind == "run"
                   for line in text.splitlines() if line.startswith("g++ ") and f" {name}.cpp " in line)
    done = shell(bench, command)
    expect_equal((done.returncode, done.stderr), (0, ""), command)
    return str(bench.path(f"{name}.so"))


@case("the page's marks are where this test looks for them")
def _(_bench):
    kinds = [kind for kind, _, _ in blocks()]
    expect(kinds.count("file") >= FILES_LEAST and kinds.count("run") >= RUNS_LEAST, "the page's blocks", kinds)
    expect_equal(len(blocks()), PAGE.read_text().count("\n<!-- "), "marks that stand before a block")


@case("the page's commands print what the page shows")
def _(bench):
    write_files(bench)
    told = blocks()
    for at, (kind, argument, text) in enumerate(told):
        if kind != "run":
            continue
        done = shell(bench, text)
        code = int(argument.removeprefix("exit ")) if argument else 0
        expect_equal(done.returncode, code, f"exit code of `{text.strip()}` ({done.stderr.strip()})")
        if at + 1 < len(told) and told[at + 1][0] == "prints":
            # Errors are on stderr, plans on stdout; a plan comes with its story beside it.
            expect_equal(done.stderr if code else done.stdout, told[at + 1][2], f"what `{text.strip()}` prints")


@case("the page's modules compile under our own warnings")
def _(bench):
    write_files(bench)
    for name in ("disk_reserve", "most_disk"):
        done = shell(bench, "g++ -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
                            f" -I \"$REPO\" {name}.cpp")
        expect_equal((done.returncode, done.stderr), (0, ""), name)


@case("a scheduler places work as the page's module says")
def _(bench):
    module = build(bench, "disk_reserve")
    cluster = LocalCluster(bench, agents=2)
    scheduler = Scheduler(bench, cluster.master, strategy=f"{module}:100", idle_timeout="30s")
    scheduler.post_lrps(lrp("one", [0]))
    scheduler.wait_states({"one.0": "running"})
    # The one cell that is up has room, but a container; the other agent has none. binpack would stay.
    scheduler.post_lrps(lrp("two", [0]))
    items = scheduler.wait_states({"one.0": "running", "two.0": "running"})
    expect_equal(len({item["agent_id"] for item in items.values()}), 2, "agents in use")


def refused(bench, strategy):
    """What a scheduler says that must not start: (exit code, lines)."""
    started = bench.start("diego-scheduler", [
        program("diego-scheduler"), "--master", "http://127.0.0.1:1", "--bridge-listen", "127.0.0.1:0", "--state-dir",
        bench.path("state"), "--executor", program("diego-executor"), "--cell-containerizer", "none", "--cell-command",
        "exec true", "--strategy", strategy], env=clean_environment())
    code, lines = started.wait(10), started.lines()
    started.log.unlink()
    return code, lines


@case("a scheduler refuses a module that is not there, with one line and exit 2")
def _(bench):
    code, lines = refused(bench, "/nonexistent/my.so")
    expect_equal((code, lines), (2, ["diego-scheduler: --strategy /nonexistent/my.so: No such file or directory"]),
                 "outcome")


@case("a scheduler refuses what is no module, with one line and exit 2")
def _(bench):
    for wrong, says in ((str(PAGE), "cannot be loaded: "), (program("diego-place"), "cannot be loaded: "),
                        (str(ROOT), "is not a file")):
        code, lines = refused(bench, wrong)
        expect_equal(code, 2, "exit code")
        expect(len(lines) == 1 and lines[0].startswith(f"diego-scheduler: --strategy {wrong}: {says}"),
               f"one line that says '{says}'", lines)


@case("a scheduler refuses options that its module refuses, with one line and exit 2")
def _(bench):
    module = build(bench, "disk_reserve")
    code, lines = refused(bench, f"{module}:lots")
    expect_equal((code, lines), (2, [f"diego-scheduler: --strategy {module}: the reserve is a number of MiB, not \"lots\""]),
                 "outcome")


if __name__ == "__main__":
    main(__doc__)
