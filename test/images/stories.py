"""Cells that come and go: diego-local, the scheduler's image, and the cell's image by docker and by host."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import engine
from engine import CELL, LABEL, SCHEDULER, Container, answers, docker

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import cases
from cluster import LocalCluster, Scheduler, lrp, own_user
from programs import bin_dir, command_line, descendants, expect, expect_equal, free_port, wait_for


def containers():
    return docker("ps", "-q", "--no-trunc", "--filter", f"label={LABEL}").stdout.split()


class World:
    """diego-local and the scheduler's image, with cells of the cell's image."""

    def __init__(self, bench, local_flags, scheduler_flags):
        self.bench = bench
        self.cluster = LocalCluster(bench, agents=1, flags=["--executor-shutdown-grace", "10s", *local_flags])
        port = free_port()
        self.scheduler = Container(
            bench, SCHEDULER, "--master", f"http://{self.cluster.master}", "--user", own_user(), "--cell-image", CELL,
            "--cell-privileged=false", "--cell-docker-parameter", f"label={LABEL}", "--cell-rep-url", "auto",
            "--cell-idle-timeout", "2s", "--bridge-listen", f"127.0.0.1:{port}", *scheduler_flags)
        bench.on_close(lambda: [docker("rm", "-f", "-v", left, check=False) for left in containers()])
        # The words of test/lib's Scheduler, around one that runs elsewhere.
        self.asked = Scheduler.__new__(Scheduler)
        self.asked.bridge, self.asked.master = f"http://127.0.0.1:{port}", self.cluster.master
        wait_for("/readyz 200", lambda: answers(self.asked.bridge + "/readyz"))

    def cells(self):
        return [one for one in containers() if one != self.scheduler.id]

    def cell(self):
        found = self.cells()
        expect(len(found) == 1, "one container of a cell", found)
        return found[0]

    def executors(self):
        """Those that are processes of the agent itself."""
        below = descendants(self.cluster.program.process.pid)
        return [pid for pid in below if command_line(pid).split(" ")[0].endswith("diego-executor")]

    def wait_running(self, *keys):
        return self.asked.wait_states({key: "running" for key in keys}, 20)

    def wait_elsewhere(self, before):
        """Until the instances that ran in `before` run in other cells than there."""
        ran = {key: item["cell_id"] for key, item in before.items() if item["state"] == "running"}
        def again():
            seen = self.asked.instances()
            return all(seen[key]["state"] == "running" and seen[key]["cell_id"] != cell for key, cell in ran.items())
        wait_for("its instances in another cell", again, 20)


def docker_world(bench):
    """The agent runs the ExecutorInfo with the docker CLI as Mesos does."""
    return World(bench, ["--containerizer", "docker", "--docker", shutil.which("docker"), "--docker-socket",
                         engine.socket_path()], [])


def host_world(*local_flags, fetched=""):
    """The executor is a process of the agent, and runs its cell's container itself."""
    def make(bench):
        return World(bench, ["--executor-environment", f"DOCKER_HOST=unix://{engine.socket_path()}",
                             "--executor-environment", f"PATH={os.environ['PATH']}", *local_flags],
                     ["--cell-containerizer", "host", "--executor", f"{fetched}{bin_dir()}/diego-executor"])
    return make


def start_an_app(world):
    begun = time.monotonic()
    world.asked.post_lrps(lrp("app", [0]))
    world.wait_running("app.0")
    took = time.monotonic() - begun
    sandbox = next(world.bench.dir.rglob("cell.stderr")).parent
    expect((sandbox / "rep.stderr.log").exists(), "the rep's log in the sandbox", sorted(p.name for p in sandbox.iterdir()))
    expect(took <= 5, "an instance running within 5 s", f"{took:.1f} s")
    print(f"    cold start: {took:.2f} s from POST to RUNNING", file=sys.stderr)


def start_more(world, memory_mb=256):
    world.asked.post_lrps(lrp("more", [0], memory_mb=memory_mb))
    world.wait_running("more.0")


def memory_rises(world):
    def limit():
        return int(docker("inspect", "-f", "{{.HostConfig.Memory}}", world.cell()).stdout) >> 20
    before = limit()
    # Beyond twice the first limit, which is docker's bound of memory and swap unless it is told another.
    more = before + 256
    start_more(world, more)
    wait_for(f"{more} MiB more for the container", lambda: limit() == before + more)


def dies(name):
    def test(world):
        container, before = world.cell(), world.asked.instances()
        listing = docker("top", container, "-eo", "pid,args").stdout.splitlines()[1:]
        os.kill(next(int(line.split()[0]) for line in listing if line.split()[1].endswith(name)), 9)
        wait_for("its container's end", lambda: container not in containers(), 15)
        world.wait_elsewhere(before)
        world.cell()
    return test


def restart_loses_all(world):
    container, before = world.cell(), world.asked.instances()
    begun = time.monotonic()
    world.cluster.tell("/local/agents/0/restart?down_ms=200")
    wait_for("its container's end", lambda: container not in containers(), 15)
    world.wait_elsewhere(before)
    print(f"    {time.monotonic() - begun:.2f} s from the restart to all instances RUNNING again", file=sys.stderr)


def restart_changes_nothing(world):
    def seen():
        return world.cell(), world.executors(), {key: (item["state"], item["cell_id"], item["since"])
                                                 for key, item in world.asked.instances().items()}
    before = seen()
    world.cluster.tell("/local/agents/0/restart?down_ms=200")
    # It takes work again, so it has found its agent again.
    world.asked.post_lrps(lrp("after", [0]))
    world.wait_running("after.0")
    container, executors, instances = seen()
    instances.pop("after.0")
    expect_equal((container, executors, instances), before, "container, executor and instances")
    world.asked.delete("/v1/lrps/after/0")
    world.asked.wait_states({"after.0": "stopped"})


def groups_of(world):
    """Where the cell's container is, in the hierarchy of memory."""
    parent = docker("inspect", "-f", "{{.HostConfig.CgroupParent}}", world.cell()).stdout.strip()
    hierarchy = pathlib.Path("/sys/fs/cgroup/memory")
    return (hierarchy if hierarchy.exists() else hierarchy.parent) / parent.lstrip("/")


def group_rises(world):
    group = groups_of(world)
    expect(any(group.glob(f"*{world.cell()}*")), "the container below the executor's group", list(group.iterdir()))
    run = re.search(r"/runs/([^/]*)/", str(next(world.bench.dir.rglob("cell.stderr")).resolve()))[1]
    expect_equal(group.name, run, "the group's name")
    def limit():
        files = [group / name for name in ("memory.limit_in_bytes", "memory.max")]
        return int(next(file for file in files if file.exists()).read_text()) >> 20
    before = limit()
    start_more(world)
    wait_for("256 MiB more for the group", lambda: limit() == before + 256)


def executor_dies(world):
    container, before = world.cell(), world.asked.instances()
    os.kill(world.executors()[0], 9)
    begun = time.monotonic()
    wait_for("its container's end", lambda: container not in containers(), 15)
    took = time.monotonic() - begun
    world.wait_elsewhere(before)
    expect_equal(len(world.cells()), 1, "containers of cells")
    print(f"    the container ended {took:.2f} s after its executor", file=sys.stderr)
    return container


def executor_dies_in_its_group(world):
    group = groups_of(world)
    executor_dies(world)
    expect_equal([str(left) for left in pathlib.Path("/sys/fs/cgroup").glob(f"*/diego-local/{group.name}")] +
                 [str(left) for left in (group,) if left.exists()], [], "groups that are left")


def says_that_it_has_no_group(world):
    said = next(world.bench.dir.rglob("cell.stderr")).read_text()
    expect("no control group of the executor" in said, "a line about the missing control group", said[:300])
    expect_equal(docker("inspect", "-f", "{{.HostConfig.CgroupParent}}", world.cell()).stdout.strip(), "", "its parent")


def everything_goes(world):
    for key in [key for key, item in world.asked.instances().items() if item["state"] == "running"]:
        world.asked.delete("/v1/lrps/" + key.replace(".", "/"))
    wait_for("the idle cell's end", lambda: containers() == [world.scheduler.id], 20)
    wait_for("the executor's end", lambda: not world.executors(), 20)
    world.scheduler.kill("TERM")
    expect_equal(world.scheduler.wait(10), 0, "exit code of the scheduler")
    for name in ("mesos-", "diego-cell-"):
        left = docker("ps", "-aq", "--filter", f"label={LABEL}", "--filter", f"name={name}").stdout.split()
        expect_equal(left, [], "containers of cells that are left, ended or not")


def groups_go(world):
    everything_goes(world)
    world.cluster.program.stop()
    left = [str(one) for one in pathlib.Path("/sys/fs/cgroup").rglob("diego-local")]
    expect_equal(left, [], "control groups that are left")


IN_GROUPS = "cells by executors on the host: "
STORIES = {
    "cells by diego-local's docker: ": (docker_world, [
        ("an app runs within 5 s of its post", start_an_app),
        ("the container's memory rises with its instances", memory_rises),
        ("after kill -9 of the executor its instances run in another cell", dies("diego-executor")),
        ("after kill -9 of the rep, too", dies("diego-local")),
        ("a restart of the agent ends the cell, and its instances are placed again", restart_loses_all),
    ], ("idle cells go, and nothing is left", everything_goes)),
    IN_GROUPS: (host_world("--isolation", "cgroups"), [
        ("an app runs within 5 s of its post", start_an_app),
        ("the container is in the executor's control group, whose memory rises with the instances", group_rises),
        ("a restart of the agent changes nothing", restart_changes_nothing),
        ("after kill -9 of the executor its container ends with it", executor_dies_in_its_group),
        ("after kill -9 of the rep its instances run in another cell", dies("diego-local")),
    ], ("idle cells go, and nothing is left", groups_go)),
    "cells by executors on the host, without control groups: ": (host_world(fetched="file://"), [
        ("an app runs within 5 s of its post", start_an_app),
        ("the cell says that it has no limits", says_that_it_has_no_group),
        ("what a killed executor leaves is removed when the next cell starts", executor_dies),
    ], ("idle cells go, and nothing is left", everything_goes)),
}


def programs_run_here(folder):
    """diego-local and diego-executor run outside: those that are built, else the images', where the machine has what
    they are linked to."""
    if (bin_dir() / "diego-local").exists():
        return True
    made = docker("create", CELL).stdout.strip()
    for name in ("diego-local", "diego-executor"):
        docker("cp", f"{made}:/usr/bin/{name}", folder)
    docker("rm", made)
    os.environ["DIEGO_MESOS_BIN"] = folder
    return subprocess.run([f"{folder}/diego-local", "--help"], capture_output=True, check=False).returncode == 0


def run_stories(words):
    chosen = {prefix: story for prefix, story in STORIES.items() if not words or any(word in prefix for word in words)}
    with tempfile.TemporaryDirectory() as folder:
        if chosen and not programs_run_here(folder):
            print("SKIP cells: nothing is built, and the images' programs do not run on this machine", flush=True)
            return True
        return tell(chosen)


def tell(stories):
    good = True
    for prefix, (set_up, steps, finish) in stories.items():
        if prefix == IN_GROUPS and (os.geteuid() != 0 or engine.cgroup_driver() != "cgroupfs"):
            print(f"SKIP {prefix}they want root, and an engine with the cgroup driver cgroupfs", flush=True)
            continue
        good = cases.run_story(prefix, set_up, steps, finish) and good
    return good
