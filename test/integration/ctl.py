#!/usr/bin/env python3
"""diego-ctl against a scheduler that serves: what each command says, its JSON and exit codes, and what it does when the
scheduler is away, restarts, asks for a token or speaks TLS."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import case, main
from certificates import Certificates
from cluster import LocalCluster, Scheduler, clean_environment, lrp, own_user, task
from programs import SLOW, Failed, Skipped, expect, expect_equal, free_port, program, wait_for

OK, NOT_SO, USAGE, NOT_PLACED, UNREACHABLE = range(5)
HUGE = 9_000_000  # MB: more than any cell has.
ESCAPE = "\x1b"


class Ctl:
    """Runs diego-ctl against one URL."""

    def __init__(self, url, **environment):
        self.environment = {**clean_environment(), "DIEGO_MESOS_URL": url, "TERM": "xterm", **environment}

    def run(self, *words, stdin=None, **environment):
        return subprocess.run([program("diego-ctl"), *map(str, words)], input=stdin, capture_output=True, timeout=60 * SLOW,
                              env={**self.environment, **environment}, check=False)

    def __call__(self, *words, code=OK, **how):
        """What it says on stdout, or on stderr where a failure is wanted: one line then."""
        done = self.run(*words, **how)
        said = f"{done.returncode}: {done.stdout[-300:]!r} {done.stderr[-300:]!r}"
        expect(done.returncode == code, f"diego-ctl {' '.join(map(str, words))}: exit {code}", said)
        if code in (NOT_SO, USAGE, UNREACHABLE):
            expect(done.stderr.startswith(b"diego-ctl: ") and done.stderr.count(b"\n") == 1, "one line on stderr", said)
            return done.stderr.decode()
        expect(done.stderr == b"", "nothing on stderr", said)
        return done.stdout.decode()

    def json(self, *words, **how):
        return json.loads(self(*words, "--json", **how))


def says(text, *parts):
    for part in parts:
        expect(part in text, f"'{part}' in what it says", text)


def world(bench, **more):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="60s", task_duration="60s", **more)
    return cluster, scheduler, Ctl(scheduler.bridge)


def running(bench):
    cluster, scheduler, ctl = world(bench)
    scheduler.post_lrps(lrp("app", range(3), memory_mb=128))
    scheduler.post_tasks(task("job"))
    return cluster, scheduler, ctl, scheduler.wait_states({**{f"app.{i}": "running" for i in range(3)}, "job": "running"})


@case("what looks, looks: in words, and with --json as the bridge has it")
def _(bench):
    cluster, scheduler, ctl, seen = running(bench)
    cell = seen["app.0"]["cell_id"]
    says(ctl("status"), "subscribed", "3 running", "strategy spread", scheduler.bridge)
    expect_equal(ctl.json("overview")["instances"]["lrps"]["running"], 3, "of the overview's JSON")

    table = ctl("instances").splitlines()
    expect_equal(len(table), 5, "lines of a heading, three instances and a Task")
    says(table[0], "INSTANCE", "STATE", "CELL")
    says(table[1], "app.0", "running", cell)
    expect_equal({i["state"] for i in ctl.json("ps")["instances"]}, {"running"}, "states in JSON")
    expect_equal(len(ctl("instances", "--process", "app", "--state=running").splitlines()), 4, "lines of a process")
    expect_equal(ctl("instances", "--state", "failed"), "no instances\n", "where there are none")
    expect_equal(ctl.json("instances", "--state", "failed"), {"instances": [], "next": None}, "likewise in JSON")

    expect_equal(len(ctl("lrp", "app").splitlines()), 4, "lines of the process")
    for words in (("app", "1"), ("app.1",), ("app/1",)):
        says(ctl("lrp", *words), "app.1", "running for", seen["app.1"]["task_id"])
        expect_equal(ctl.json("lrp", *words)["index"], 1, "index in JSON")
    says(ctl("task", "job"), "job", "running for")
    expect_equal(ctl.json("task", "job")["task_guid"], "job", "guid in JSON")

    says(ctl("cells"), "CELL", cell, "up", " MB")
    expect_equal(len(ctl.json("cells")["cells"]), len(scheduler.cells()), "cells in JSON")
    for name in (cell, seen["app.0"]["agent_id"]):
        says(ctl("cells", name), cell, "holds", "app.0")
        expect_equal(ctl.json("cell", name)["cell_id"], cell, "cell in JSON")

    says(ctl("top"), "4 running", cell, "app.2", "memory [")
    expect_equal(set(ctl.json("top")), {"overview", "cells", "instances"}, "parts of top's JSON")
    says(ctl("metrics"), "# TYPE diego_scheduler_")
    expect(all("diego_scheduler_cells" in line for line in ctl("metrics", "diego_scheduler_cells").splitlines()),
           "metrics of the prefix alone")
    expect_equal(json.loads(ctl("api", "/v1/instances?limit=1"))["next"] is None, False, "next of a page by api")
    says(ctl("--version"), "diego-ctl ")


@case("pages are put together")
def _(bench):
    _, scheduler, ctl = world(bench)
    scheduler.post_lrps(lrp("many", range(6000), memory_mb=HUGE))
    wait_for("6000 instances", lambda: len(ctl.json("instances")["instances"]) == 6000, 30)
    expect_equal(len(ctl("instances", "--process=many").splitlines()), 6001, "lines")
    says(ctl("why", "many", code=NOT_PLACED), "one of 6000 instances")


@case("an app too big for any cell: explain names the shortage, and exits 3")
def _(bench):
    _, scheduler, ctl, _ = running(bench)
    scheduler.post_lrps(lrp("big", [0, 1], memory_mb=HUGE))
    wait_for("it waits", lambda: scheduler.states().get("big.1") == "queued")
    for words in (("explain", "big"), ("why", "big.1"), ("explain", "big/1"), ("explain", "big", "1"), ("why", "lrp", "big", 0)):
        text = ctl(*words, code=NOT_PLACED)
        says(text, "fits nowhere: insufficient resources: ", "0 of 3 fit", "SHORT BY")
        short = re.search(r"memory (\d+)(?: to (\d+))? MB", text.partition("WHY NOT")[2])
        expect(short and HUGE - 10_000 < int(short.group(1)) <= HUGE, "how many MB are short", text)
    told = ctl.json("explain", "big", code=NOT_PLACED)
    expect_equal((told["outcome"], told["process_guid"], told["state"]), ("refused", "big", "queued"), "of the JSON")

    says(ctl("explain", "app.0"), "if it had to leave its cell, it would go to")
    says(ctl("explain", "task", "job"), "job", "runs on")
    body = bench.path("body.json")
    body.write_text(json.dumps([lrp("asked", [0], memory_mb=32), task("too-big", memory_mb=HUGE)]))
    text = ctl("explain", "--file", body, code=NOT_PLACED)
    says(text, "asked.0", "would go to", "too-big", "fits nowhere")
    text = ctl("explain", "--file=-", "--cells=1", stdin=json.dumps(lrp("asked", [0])).encode())
    expect_equal(len([line for line in text.partition("FITS")[2].splitlines() if line.strip()]), 2, "a heading and a cell")
    expect_equal([e["outcome"] for e in ctl.json("explain", "--file", body, code=NOT_PLACED)["explanations"]][1], "refused",
                 "outcomes in JSON")
    expect_equal(sorted(scheduler.states()), ["app.0", "app.1", "app.2", "big.0", "big.1", "job"], "nothing came of it")


@case("what is not known is exit 1, what is not said well exit 2, each in one line")
def _(bench):
    _, scheduler, ctl, _ = running(bench)
    for words in (("lrp", "nosuch"), ("lrp", "app", 9), ("lrp", "app.9"), ("task", "app"), ("explain", "nosuch"),
                  ("explain", "app.9"), ("stop", "nosuch"), ("stop", "app", 9), ("stop", "task", "nosuch"),
                  ("cells", "nosuch"), ("drain", "nosuch"), ("undrain", "nosuch"), ("metrics", "nosuch")):
        says(ctl(*words, code=NOT_SO), words[-1] if isinstance(words[-1], str) and len(words) < 3 else "no ")
    bad = bench.path("bad.json")
    bad.write_text("[{")
    invalid = bench.path("invalid.json")
    invalid.write_text(json.dumps([lrp("x", [])]))
    for words, part in ((("nosuch",), "nosuch"), ((), "--help"), (("lrp",), "GUID"), (("status", "x"), "x"),
                        (("instances", "--state=nosuch"), "--state"), (("watch", "--kind=nosuch"), "nosuch"),
                        (("explain",), "--file"), (("explain", "app", "--file", bad), "--file"), (("lrp", "app", "x"), "INDEX"),
                        (("start", bad), "not JSON"), (("start", "/nosuch"), "/nosuch"), (("start", invalid), "indices"),
                        (("explain", "--file", invalid), "indices"), (("status", "--url=nonsense"), "--url"),
                        (("status", "--token-file=/nosuch"), "--token-file"), (("status", "--ca=/nosuch", "--url=https://127.0.0.1:1"), ""),
                        (("metrics", "--json"), "--json"), (("api", "v1"), "PATH"), (("completion", "fish"), "fish"),
                        (("top", "--every=0s"), "--every"), (("stop", "a", "b", "c"), "one word too many")):
        code = UNREACHABLE if "https" in " ".join(map(str, words)) else USAGE
        says(ctl(*words, code=code), part)
    # A guid that may be several things is not guessed at.
    scheduler.post_lrps(lrp("app.1", [0]), lrp("job", [0]))
    wait_for("they are there", lambda: {"app.1.0", "job.0"} <= set(scheduler.states()))
    says(ctl("stop", "app.1", code=USAGE), "`lrp app.1` or `app 1`")
    says(ctl("explain", "job", code=USAGE), "`lrp job` or `task job`")
    says(ctl("explain", "app.1.0"), "app.1.0")


@case("auctions are started and work is stopped")
def _(bench):
    _, scheduler, ctl = world(bench)
    body = bench.path("body.json")
    body.write_text(json.dumps([lrp("app", range(2)), task("job"), lrp("big", [0], memory_mb=HUGE)]))
    text = ctl("start", body)
    says(text, "accepted: 2 process requests, 1 Task", "big.0 fits nowhere now: insufficient resources: ", "memory")
    scheduler.wait_states({"app.0": "running", "app.1": "running", "job": "running", "big.0": "queued"})
    expect_equal(ctl.json("start", "-", stdin=json.dumps(task("other")).encode()), {}, "the bridge's answer")
    scheduler.wait_states({"other": "running"})

    expect_equal(ctl("stop", "app.1"), "stopping app.1\n", "of an instance")
    expect_equal(ctl("stop", "job"), "stopping job\n", "of a Task")
    expect_equal(ctl.json("stop", "big")["stopping"], [{"kind": "lrp", "process_guid": "big", "index": 0}], "in JSON")
    scheduler.wait_states({"app.0": "running", "app.1": "stopped"})
    says(ctl("stop", "lrp", "app"), "stopping app.0\n")
    scheduler.wait_states({"app.0": "stopped"})


@case("a guid may hold anything, and the terminal sees none of it")
def _(bench):
    _, scheduler, ctl = world(bench)
    guid = f"a/b {ESCAPE}[31m\n?ü日\u202e"
    scheduler.post_lrps(lrp(guid, [0]))
    scheduler.wait_states({f"{guid}.0": "running"})
    shown = "a/b \\x1b[31m\\n?ü日\\u{202e}.0"
    for words in (("instances",), ("lrp", guid), ("lrp", guid, 0), ("explain", guid), ("top",), ("instances", "--process", guid)):
        text = ctl(*words)
        says(text, shown)
        expect(ESCAPE not in text and "\u202e" not in text, "no control characters", text)
    expect_equal(ctl.json("lrp", guid, 0)["process_guid"], guid, "the guid in JSON")
    says(ctl("lrp", guid + "x", code=NOT_SO), "no such instance")
    expect_equal(ctl("stop", guid, 0), f"stopping {shown}\n", "of that guid")


@case("drain --wait returns when the agent is empty, and undrain takes it back")
def _(bench):
    _, scheduler, ctl, seen = running(bench)
    busy = seen["job"]["agent_id"]
    key = [key for key in seen if seen[key]["agent_id"] != busy][0]
    agent, cell = seen[key]["agent_id"], seen[key]["cell_id"]
    text = ctl("drain", cell, "--wait")
    says(text, f"draining agent {agent}", "1 instance", "empty after")
    expect(not [c for c in scheduler.cells() if c["cell_id"] == cell], "the cell gone", scheduler.cells())
    says(ctl("cells"), "draining (operator)")
    after = scheduler.wait_states({key: "running"})
    expect(after[key]["agent_id"] != agent, "the instance elsewhere", after[key])
    says(ctl("undrain", agent), "may be used again")
    expect_equal([c["draining"] for c in scheduler.cells() if c["agent_id"] == agent and c["draining"]], [], "drains")
    # A Task runs on to its end: longer than we wait.
    done = ctl.run("drain", busy, "--wait", "--within=2s")
    expect_equal(done.returncode, NOT_SO, "exit code where it takes longer")
    says(done.stderr.decode(), f"agent {busy} is not empty within 2s", "instance")
    expect_equal(ctl.json("undrain", busy), {"agent_id": busy, "draining": False}, "the bridge's answer")


def watching(bench, ctl, *words, name="watch"):
    watch = bench.start(name, [program("diego-ctl"), "watch", *words], env=ctl.environment)
    time.sleep(0.5)
    return watch


@case("watch shows a start, goes on after the scheduler restarts, and tells of the gap")
def _(bench):
    cluster, scheduler, ctl = world(bench)
    everything, one = watching(bench, ctl), watching(bench, ctl, "--json", "--process=later", "--count=1", name="one")
    kinds = watching(bench, ctl, "--kind=instance.running", "--kind=cell", name="kinds")
    scheduler.post_lrps(lrp("app", [0]))
    line = wait_for("the start", lambda: [l for l in everything.lines() if "instance.running" in l and "app.0" in l])[0]
    says(line, scheduler.instances()["app.0"]["cell_id"], "after ")
    wait_for("the same on another", lambda: any("instance.running" in l for l in kinds.lines()))
    expect(not any("instance.queued" in l for l in kinds.lines()), "only its kinds", kinds.lines())

    scheduler.program.stop()
    wait_for("a word about it", lambda: any(l.startswith("diego-ctl: ") and "trying again" in l for l in everything.lines()))
    expect(everything.running() and one.running(), "both to go on", everything.lines()[-3:])
    again = Scheduler(bench, cluster.master, name="again", idle_timeout="60s", state_dir=scheduler.state_dir,
                      bridge_port=scheduler.bridge_port)
    wait_for("that it is back", lambda: any("connected again" in l for l in everything.lines()))
    wait_for("the gap", lambda: any("another scheduler process told of that event" in l for l in everything.lines()))
    again.post_lrps(lrp("later", [0]))
    wait_for("the start", lambda: any("instance.running" in l and "later.0" in l for l in everything.lines()))
    expect_equal(one.wait(10), OK, "exit code of the one with --count")
    # It had seen nothing, and knows all the same where it was.
    expect(any('"event":"gap"' in l for l in one.lines()), "the gap told to one that had seen no event", one.lines())
    event = json.loads([l for l in one.lines() if l.startswith("{") and '"gap"' not in l][0])
    expect_equal((event["event"], event["process_guid"]), ("instance.queued", "later"), "its event")

    # From an id on, and from what was before.
    first = json.loads(ctl("watch", "--json", "--after", event["id"], "--count=1"))
    expect_equal(int(first["id"].rpartition("-")[2]), int(event["id"].rpartition("-")[2]) + 1, "the number that follows")
    says(ctl("events", "--recent=1000", "--kind=instance.queued", "--process=later", "--count=1"), "later.0")
    says(ctl("watch", "--after=nonsense", code=USAGE), "nonsense")


@case("rebalance shows first what would move, moves it, and tells how that went")
def _(bench):
    _, scheduler, ctl = world(bench)  # Under spread: a cell for each.
    scheduler.post_lrps(*(lrp(name, [0], memory_mb=128) for name in "abc"))
    seen = scheduler.wait_states({f"{name}.0": "running" for name in "abc"})
    expect_equal(len({one["agent_id"] for one in seen.values()}), 3, "agents in use")
    says(ctl("rebalance", "status", code=NOT_SO), "there was no rebalance")
    says(ctl("rebalance", "cancel", code=NOT_SO), "no rebalance is under way")
    wait_for("that every agent was seen", lambda: "seen yet" not in ctl("rebalance", "--dry-run"))
    says(ctl("rebalance", "--dry-run"), "spread", "preview, nothing comes of it: no cell is worth emptying", "STAY BECAUSE")
    says(ctl("rebalance", "--goal=pack", "--dry-run"), "another cell would have to start for its work")
    expect_equal(web.request("PUT", scheduler.bridge + "/v1/policy", body='{"strategy":"binpack"}').status, 200, "PUT /v1/policy")
    plan = ctl.json("rebalance", "--dry-run")
    expect_equal((plan["goal"], plan["state"], len(plan["moves"])), ("pack", "preview", 2), "the plan")
    expect_equal(len(ctl.json("rebalance", "--dry-run", "--max-moves=1")["moves"]), 1, "moves of at most one")
    says(ctl("rebalance", "--dry-run"), "cells with work", "3 -> 1", "planned", plan["moves"][0]["cell_id"])
    text = ctl("rebalance", "--wait", "--within=60s")
    says(text, "under way", "moved " + plan["moves"][0]["cell_id"], "moved " + plan["moves"][1]["cell_id"],
         "ended: all of it is done")
    after = scheduler.wait_states({f"{name}.0": "running" for name in "abc"})
    expect_equal(len({one["cell_id"] for one in after.values()}), 1, "cells in use")
    says(ctl("rebalance", "status"), "ended: all of it is done", "moved")
    says(ctl("watch", "--recent=1000", "--kind=rebalance", "--count=3"), "rebalance.planned", "rebalance.moved")
    says(ctl("rebalance", "--wait"), "ended: no cell is worth emptying")
    says(ctl("rebalance", "nonsense", code=USAGE), "neither status nor cancel")
    says(ctl("rebalance", "--dry-run", "--wait", code=USAGE), "--wait")
    says(ctl("metrics", "diego_scheduler_rebalance"), 'diego_scheduler_rebalance_moves_total{outcome="moved"} 2')


@case("the policy is shown and changed, all of it or nothing, in the flags' words")
def _(bench):
    _, scheduler, ctl = world(bench)
    says(ctl("policy"), "NAME", "strategy", "spread", "offer-hold", "5s")
    says(ctl("policy", "--set=offer-hold=2s", "--set=strategy=binpack"), "2s", "binpack", "not as the flags say")
    changed = ctl.json("policy")["changed"]
    expect_equal(changed, {"strategy": "binpack", "offer_hold_ms": 2000}, "what differs from the flags")
    says(ctl("policy", "--set=offer-hold=default", "--set", "cells_max=3"), "5s", "cells-max")
    expect_equal(web.request("PUT", scheduler.bridge + "/v1/policy", body='{"cells_min":9}').body,
                 b'{"error":"cells_min: 9 is more than cells_max 3"}', "more cells at least than at most")
    expect_equal(ctl.json("policy")["changed"], {"strategy": "binpack", "cells_max": 3}, "what differs then")
    says(ctl("policy", "--set=nonsense=1", code=USAGE), '--set: "nonsense=1" names nothing of the policy')
    says(ctl("policy", "--set=offer-hold=long", code=USAGE), "is no duration")
    says(ctl("policy", "--set=cells-max=many", code=USAGE), "is no number")
    says(ctl("policy", "--set=cells-max", code=USAGE), "is not name=value")
    says(ctl("policy", "--set=cells-max=4", "--set=cells_max=5", code=USAGE), '"cells_max=5" sets what another one has set')
    says(ctl("policy", "--set=cells-max=9", "--set=strategy=worst", code=USAGE), "strategy")
    expect_equal(ctl.json("policy")["changed"], {"strategy": "binpack", "cells_max": 3}, "nothing of what was refused")
    says(ctl("watch", "--recent=100", "--kind=policy", "--count=2"), "policy.changed")


@case("nothing that answers, or no scheduler, is exit 4 and names the URL")
def _(bench):
    ctl = Ctl(f"http://127.0.0.1:{free_port()}")
    body = bench.path("body.json")
    body.write_text(json.dumps([lrp("app", [0])]))
    commands = [("status",), ("instances",), ("lrp", "a"), ("task", "a"), ("cells",), ("explain", "a"), ("explain", "--file", body),
                ("start", body), ("stop", "a"), ("drain", "a"), ("undrain", "a"), ("policy",), ("rebalance",), ("rebalance", "status"),
                ("watch",), ("top",), ("metrics",), ("api", "/v1/cells")]
    for words in commands:
        says(ctl(*words, code=UNREACHABLE), "http://127.0.0.1:", "connection refused (--url names the scheduler)")
    says(ctl("status", "--url=http://nosuch.invalid:9016", code=UNREACHABLE), "http://nosuch.invalid:9016: host name does not resolve")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for words in (("status",), ("top",)):
            says(ctl(*words, "--url", url, "--timeout=300ms", code=UNREACHABLE), f"{url}: no answer within 300ms")
    cluster = LocalCluster(bench)  # A Mesos master answers, too.
    for words in commands[:-1]:
        says(ctl(*words, f"--url=http://{cluster.master}", code=UNREACHABLE), "not as a diego-scheduler")


@case("over TLS, with a client's certificate and a token; not subscribed is exit 1")
def _(bench):
    made, port = Certificates(bench), free_port()
    token = bench.path("token")
    token.write_text("s3cret\n")
    scheduler = bench.start("diego-scheduler", [
        program("diego-scheduler"), "--master", "http://127.0.0.1:1", "--state-dir", bench.path("state"), "--user", own_user(),
        "--executor", program("diego-executor"), "--cell-containerizer", "none", "--cell-command", "exec true",
        "--bridge-listen", f"127.0.0.1:{port}", "--bridge-cert", made("server.pem"), "--bridge-key", made("server.key"),
        "--bridge-ca", made("ca.pem"), "--bridge-token-file", token], env=clean_environment())
    ctl = Ctl(f"https://127.0.0.1:{port}")
    ca, own, secret = ("--ca", made("ca.pem")), ("--cert", made("client.pem"), "--key", made("client.key")), ("--token-file", token)

    def serves():
        expect(scheduler.running(), "the scheduler to run", scheduler.lines()[-3:])
        return ctl.run("cells", *ca, *own, *secret).returncode == OK
    wait_for("it serves", serves)
    expect_equal(ctl("cells", *ca, *own, *secret), "no cells\n", "cells")
    says(ctl.run("status", *ca, *own, *secret).stdout.decode(), "not subscribed")
    expect_equal(ctl.run("status", *ca, *own, *secret).returncode, NOT_SO, "exit code where no master has subscribed it")
    says(ctl("cells", *ca, *own, "--server-name=auctioneer.service.cf.internal", *secret), "no cells")
    says(ctl("cells", *ca, *own, code=NOT_SO), "a bearer token is required (--token-file)")
    says(ctl("watch", *ca, *own, code=NOT_SO), "a bearer token is required (--token-file)")
    says(ctl("cells", *ca, *secret, code=UNREACHABLE), "TLS", "client certificate")
    says(ctl("cells", *own, *secret, code=UNREACHABLE), "TLS")
    says(ctl("cells", *ca, *own, *secret, "--server-name=other.test", code=UNREACHABLE), "TLS")
    says(ctl("cells", *secret, f"--url=http://127.0.0.1:{port}", code=UNREACHABLE), f"http://127.0.0.1:{port}")
    # A file of flags, so that one need not repeat them.
    config = bench.path("ctl.toml")
    config.write_text(f'url = "https://127.0.0.1:{port}"\nca = "{made("ca.pem")}"\ncert = "{made("client.pem")}"\n'
                      f'key = "{made("client.key")}"\ntoken-file = "{token}"\n')
    expect_equal(Ctl("", DIEGO_MESOS_CTL_CONFIG=str(config)).run("cells").returncode, USAGE, "an empty URL wins, and is refused")
    alone = {k: v for k, v in clean_environment().items()}
    done = subprocess.run([program("diego-ctl"), "cells", "--config", config], capture_output=True, env=alone, timeout=30, check=False)
    expect_equal((done.returncode, done.stdout), (OK, b"no cells\n"), "by a file of flags")


COMPLETE = r"""
set -eu
source /dev/stdin <<<"$SCRIPT"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_diego_ctl
printf '%s\n' "${COMPREPLY[@]}"
"""


@case("bash accepts the completion script, and completes commands, flags, their values and files")
def _(bench):
    ctl = Ctl("http://127.0.0.1:1")
    script = ctl("completion", "bash")
    done = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, check=False)
    expect_equal((done.returncode, done.stderr), (0, b""), "bash -n")
    (bench.dir / "body.json").write_text("[]")

    def completed(*words):
        done = subprocess.run(["bash", "-c", COMPLETE, "bash", "diego-ctl", *words], env={**os.environ, "SCRIPT": script},
                              cwd=bench.dir, capture_output=True, text=True, check=False)
        expect_equal((done.returncode, done.stderr), (0, ""), f"completing {words}")
        return set(done.stdout.split())

    every = completed("")
    for name in ("status", "instances", "lrp", "task", "cells", "explain", "why", "start", "stop", "drain", "undrain", "policy", "rebalance",
                 "watch", "top", "metrics", "completion"):
        expect(name in every, f"{name} among the commands", every)
        expect_equal(ctl.run(name, "--help").returncode, OK, f"{name} --help")
        expect({"--json", "--url", "--help"} <= completed(name, "--"), f"the program's flags after {name}", completed(name, "--"))
    expect_equal(completed("ex"), {"explain"}, "ex")
    expect_equal(completed("--url", "http://x", "ins"), {"instances"}, "a command after a flag with a value")
    expect_equal(completed("instances", "--state", "r"), {"running", "rejected"}, "--state r")
    expect_equal(completed("--color", "=", "a"), {"auto", "always"}, "--color=a, as readline cuts it")
    expect_equal(completed("watch", "--kind", "cell."), {f"cell.{w}" for w in ("starting", "up", "found", "stopping", "gone")}, "--kind")
    expect_equal(completed("drain", "--w"), {"--wait", "--within"}, "drain --w")
    expect_equal(completed("start", "bo"), {"body.json"}, "a file")
    expect_equal(completed("explain", "--file", "bo"), {"body.json"}, "a file of a flag")
    expect_equal(completed("completion", ""), {"bash", "zsh"}, "shells")
    expect_equal(completed("rebalance", ""), {"status", "cancel"}, "what may be said to a rebalance")
    expect_equal(completed("explain", "t"), {"task"}, "task or lrp")
    expect_equal(completed("lrp", "x", ""), set(), "what cannot be known")


@case("zsh accepts the completion script")
def _(_bench):
    if not shutil.which("zsh"):
        raise Skipped("zsh is not installed")
    script = Ctl("http://127.0.0.1:1")("completion", "zsh")
    done = subprocess.run(["zsh", "-n"], input=script.encode(), capture_output=True, check=False)
    expect_equal((done.returncode, done.stderr), (0, b""), "zsh -n")
    done = subprocess.run(["zsh", "-f", "-c", "autoload -Uz compinit; compinit -D -u; eval \"$SCRIPT\"; print $_comps[diego-ctl]"],
                          env={**os.environ, "SCRIPT": script}, capture_output=True, text=True, check=False)
    expect_equal((done.stdout.strip(), done.stderr), ("_diego_ctl", ""), "what completes diego-ctl")


class Terminal:
    """diego-ctl on a terminal of its own."""

    def __init__(self, bench, ctl, *words, columns=60, lines=20, **environment):
        self.master, inner = pty.openpty()
        bench.on_close(lambda: os.close(self.master))
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(inner)
        self.inner = inner
        self.process = subprocess.Popen([program("diego-ctl"), *words], stdin=inner, stdout=inner, stderr=inner,
                                        env={**ctl.environment, **environment}, start_new_session=True)
        self.seen = b""

    def read(self, until=None, seconds=15):
        deadline = time.monotonic() + seconds * SLOW
        while time.monotonic() < deadline and not (until and until in self.seen):
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
            elif self.process.poll() is not None:
                break
        if until and until not in self.seen:
            raise Failed(f"{until!r} on the terminal", self.seen[-500:])
        return self.seen.decode()

    def end(self):
        code = self.process.wait(10)
        self.read(seconds=0.3)
        return code


def width(line):
    return len(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line))


@case("on a terminal there are colours, unless NO_COLOR is set, and no line is too long")
def _(bench):
    _, _, ctl, _ = running(bench)
    for words in (("instances",), ("cells",), ("explain", "app.0")):
        terminal = Terminal(bench, ctl, *words, columns=60)
        text = terminal.read()
        expect_equal(terminal.end(), OK, "exit code")
        expect(ESCAPE + "[" in text, "colours", text)
        tabular = text.splitlines() if words[0] != "explain" else text.replace("\r", "").partition("\n\n")[2].splitlines()
        expect(all(width(line) <= 60 for line in tabular), "no line over 60 columns", [l for l in tabular if width(l) > 60])
    plain = Terminal(bench, ctl, "instances", NO_COLOR="1").read()
    expect(ESCAPE not in plain, "no colours with NO_COLOR", plain)
    expect(ESCAPE not in Terminal(bench, ctl, "cells", "--color=never").read(), "no colours with never")
    expect(ESCAPE + "[" in ctl("instances", "--color=always"), "colours in a pipe with always")
    expect(ESCAPE not in ctl("instances"), "none there by itself")


@case("top refreshes, sorts by keys, says when the scheduler is away, and puts the terminal back")
def _(bench):
    _, scheduler, ctl, _ = running(bench)
    top = Terminal(bench, ctl, "top", "--every=200ms", columns=90, lines=24)
    says(top.read(b"q ends"), "\x1b[?1049h", "app.2")
    scheduler.post_lrps(lrp("new", [0]))
    top.read(b"new.0")
    os.write(top.master, b"c")
    scheduler.program.process.send_signal(signal.SIGTERM)
    top.read(b"connection refused")
    os.write(top.master, b"q")
    expect_equal(top.end(), OK, "exit code of q")
    says(top.read(seconds=0.2), "\x1b[?1049l")
    expect_equal(termios.tcgetattr(top.inner), top.before, "how the terminal is set")


@case("a signal puts the terminal back, too")
def _(bench):
    _, _, ctl, _ = running(bench)
    top = Terminal(bench, ctl, "top")
    top.read(b"q ends")
    top.process.send_signal(signal.SIGTERM)
    expect_equal(top.end(), -signal.SIGTERM, "exit code of SIGTERM")
    says(top.seen.decode(), "\x1b[?1049l")
    expect_equal(termios.tcgetattr(top.inner), top.before, "how the terminal is set")


@case("a reader that goes away is no error")
def _(bench):
    _, scheduler, ctl = world(bench)
    scheduler.post_lrps(lrp("many", range(3000), memory_mb=HUGE))
    for words in ("instances", "instances --json"):
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {program('diego-ctl')} {words} | head -n 1 >/dev/null"],
                              env=ctl.environment, capture_output=True, timeout=60, check=False)
        expect_equal((done.returncode, done.stderr), (0, b""), words)
    full = subprocess.run(["bash", "-c", f"{program('diego-ctl')} cells >/dev/full"], env=ctl.environment, capture_output=True,
                          timeout=60, check=False)
    says(full.stderr.decode(), "diego-ctl: stdout: no space left on device")
    expect_equal(full.returncode, NOT_SO, "exit code where the disk is full")


if __name__ == "__main__":
    main(__doc__)
