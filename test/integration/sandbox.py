#!/usr/bin/env python3
"""Why a cell did not come up, where Mesos only says that something exited: the line of its sandbox's stderr."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import expect, expect_equal, wait_for

ATTEMPTS = ["--launch-attempts", "2"]


def script(bench, name, *lines):
    path = bench.path(name)
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


def explained(scheduler, key, words):
    """The reason of an instance that has failed, once it has those words; the log has them in one line, too."""
    scheduler.wait_states({key: "failed"})
    reason = wait_for(f"{key} to have failed for {words!r}",
                      lambda: (found := scheduler.instances()[key]["reason"]) and words in found and found)
    told = [line for line in scheduler.program.lines() if f'the cell failed executor=' in line]
    expect(told and all(f'line="{words}' in line and " agent=" in line for line in told), "a warning that tells", told)
    return reason


def dies_early(bench, codec):
    cluster = LocalCluster(bench, agents=1)
    executor = script(bench, "executor", "echo starting", "echo 'no phase of the moon fits' >&2", "exit 3")
    scheduler = Scheduler(bench, cluster.master, codec=codec, executor=executor, flags=ATTEMPTS)
    scheduler.post_lrps(lrp("app", [0]))
    scheduler.post_tasks(task("job"))
    for key in ("app.0", "job"):
        reason = explained(scheduler, key, "no phase of the moon fits")
        expect(reason.endswith("; stderr: no phase of the moon fits"), "the line at the end of the reason", reason)
        expect(reason.startswith("TASK_FAILED: "), "what Mesos says before it", reason)
    shown = web.get_json(f"{scheduler.bridge}/v1/lrps/app/0")
    expect(shown["reason"].endswith("no phase of the moon fits"), "the bridge to show it", shown)


@case("an executor that ends before it subscribes is explained by its stderr (json)")
def _(bench):
    dies_early(bench, "json")


@case("an executor that ends before it subscribes is explained by its stderr (protobuf)")
def _(bench):
    dies_early(bench, "protobuf")


@case("a container that docker cannot start is explained by what docker says")
def _(bench):
    docker = script(bench, "docker", 'case "$*" in *" run "*) ;; *) exit 0;; esac', "seq 1 20000 >&2",
                    "echo 'docker: Error response from daemon: unable to apply caps: operation not permitted.' >&2",
                    "echo \"See 'docker run --help'.\" >&2", "exit 125")
    cluster = LocalCluster(bench, agents=1, flags=["--containerizer", "docker", "--docker", docker, "--docker-socket", "/x"])
    scheduler = Scheduler(bench, cluster.master, flags=ATTEMPTS,
                          cell=["--cell-containerizer", "docker", "--cell-image", "cell:1", "--cell-rep-url", "auto"])
    scheduler.post_lrps(lrp("app", [0]))
    reason = explained(scheduler, "app.0", "docker: Error response from daemon: unable to apply caps")
    expect_equal(reason, "TASK_FAILED: Failed to launch container: Container exited with status 125 (2 launches failed); "
                 "stderr: docker: Error response from daemon: unable to apply caps: operation not permitted.", "the reason")


@case("a cell's command that ends is explained by what it wrote")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, flags=ATTEMPTS,
                          cell=Scheduler.stand_in(None, "echo 'no fuse on this host' >&2; exit 69"))
    scheduler.post_lrps(lrp("app", [0]))
    reason = explained(scheduler, "app.0", "no fuse on this host")
    expect_equal(reason, "TASK_FAILED: the cell's command exited with status 69 (2 launches failed); "
                 "cell.stderr: no fuse on this host", "the reason")


@case("an executor that says nothing leaves the reason as it is, and a note")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, executor=script(bench, "executor", "exit 3"), flags=ATTEMPTS)
    scheduler.post_lrps(lrp("app", [0]))
    scheduler.wait_states({"app.0": "failed"})
    wait_for("a note", lambda: "the sandbox does not tell why the cell failed" in scheduler.program.text())
    expect("stderr" not in scheduler.instances()["app.0"]["reason"], "the reason as Mesos gave it",
           scheduler.instances()["app.0"]["reason"])


if __name__ == "__main__":
    main(__doc__)
