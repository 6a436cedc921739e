"""diego-local and diego-scheduler as tests start them, and words to ask them with."""
import json
import os
import pwd
import re
import urllib.parse

import mesos_client
import web
from programs import Failed, expect, free_port, program, wait_for

ROOTFS = "preloaded:cflinuxfs4"
ENDED = ("stopped", "failed", "lost", "rejected")


def lrp(process_guid, indices, memory_mb=32, disk_mb=32, **more):
    return {"process_guid": process_guid, "domain": "tests", "indices": list(indices), "PlacementTags": None,
            "VolumeDrivers": None, "RootFs": ROOTFS, "MemoryMB": memory_mb, "DiskMB": disk_mb, "MaxPids": 64, **more}


def task(task_guid, memory_mb=32, disk_mb=32, **more):
    return {"TaskGuid": task_guid, "Domain": "tests", "PlacementTags": None, "VolumeDrivers": [], "RootFs": ROOTFS,
            "MemoryMB": memory_mb, "DiskMB": disk_mb, "MaxPids": 64, "state": "Invalid", "failed": False, **more}


def clean_environment():
    """Ours without what would steer the programs: their flags can come from the environment."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("DIEGO_MESOS_", "MESOS_", "LIBPROCESS_"))}


def key_of(item):
    """As Diego writes it."""
    return f"{item['process_guid']}.{item['index']}" if item["kind"] == "lrp" else item["task_guid"]


class LocalCluster:
    """A diego-local: master and agents on one port of 127.0.0.1."""

    def __init__(self, bench, agents=3, flags=(), name="diego-local"):
        self.port = free_port()
        self.master = f"127.0.0.1:{self.port}"
        self.agents = agents
        self.program = bench.start(
            name, [program("diego-local"), "--port", str(self.port), "--agents", str(agents),
                   "--work-dir", bench.path(f"{name}-work"), *flags], env=clean_environment())
        wait_for("diego-local ready", self._ready)

    def _ready(self):
        if not self.program.running():
            raise Failed("diego-local to run", f"exit {self.program.process.returncode}: {self.program.lines()[-1:]}")
        return re.search(r"master http://127\.0\.0\.1:\d+ agents \d+ ready", self.program.text())

    def tell(self, path):
        answer = web.request("POST", f"http://{self.master}{path}")
        expect(answer.status in (200, 202), f"POST {path} to be obeyed", f"{answer.status} {answer.body[:200]!r}")


def cell_command(task_duration="2s", rep=None):
    """What a cell runs in tests: the rep stand-in, its parameters from the executor's environment.
    `rep` is diego-local as the agents find it, if they are elsewhere."""
    return (f"exec {rep or program('diego-local')} rep --listen $REP_LISTEN --cell-id $CELL_ID --memory-mb $CELL_MEMORY_MB "
            f"--disk-mb $CELL_DISK_MB --zone \"$CELL_ZONE\" --task-duration {task_duration}")


class BbsStandIn:
    """A diego-local bbs: desires, rows and convergence, which asks a bridge. Wishes go in by its door."""

    def __init__(self, bench, bridge_port, name="diego-bbs", convergence="2s", flags=()):
        self.port, self.door_port = free_port(), free_port()
        self.url, self.door = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.door_port}"
        self.argv = [program("diego-local"), "bbs", "--listen", f"127.0.0.1:{self.port}", "--door",
                     f"127.0.0.1:{self.door_port}", "--auctioneer", f"http://127.0.0.1:{bridge_port}",
                     "--convergence", convergence, "--stale-unclaimed", convergence, *flags]
        self.program = bench.start(name, self.argv, env=clean_environment())
        wait_for("the BBS stand-in ready", lambda: " ready" in self.program.text())
        # What cells and the scheduler are told of it.
        self.rep_flags = f" --bbs-url {self.url} --bbs-door {self.door}"
        self.scheduler_flags = ["--bbs-url", self.url]

    def desire(self, process_guid, instances, memory_mb=32, **more):
        self._put(f"/desired/lrps/{process_guid}", {"instances": instances, "memory_mb": memory_mb, "disk_mb": 32, **more})

    def desire_task(self, task_guid, memory_mb=32, **more):
        self._put(f"/desired/tasks/{task_guid}", {"memory_mb": memory_mb, "disk_mb": 32, **more})

    def _put(self, path, wish):
        answer = web.request("PUT", self.door + path, json.dumps(wish).encode())
        expect(answer.status in (200, 201), f"PUT {path} to be taken", f"{answer.status} {answer.body[:200]!r}")

    def remove(self, process_guid):
        answer = web.request("DELETE", f"{self.door}/desired/lrps/{process_guid}")
        expect(answer.status in (200, 202, 204), "the desire to be removed", f"{answer.status} {answer.body[:200]!r}")

    def lrps(self):
        """Key -> its ordinary row."""
        rows = web.get_json(self.door + "/actual/lrps")["actual_lrps"]
        return {f"{row['process_guid']}.{row['index']}": row for row in rows if row["presence"] == "ORDINARY"}

    def tasks(self):
        return {row["task_guid"]: row for row in web.get_json(self.door + "/tasks")["tasks"]}

    def running(self, process_guid):
        return {key: row for key, row in self.lrps().items()
                if row["process_guid"] == process_guid and row["state"] == "RUNNING"}

    def wait_running(self, process_guid, count, seconds=20):
        return wait_for(f"{count} instances of {process_guid} RUNNING in the BBS",
                        lambda: (found := self.running(process_guid)) and len(found) == count and found, seconds)


class Scheduler:
    """A diego-scheduler on a master at host:port, or found by a zk:// or file:// URL. Its state directory outlives it, so that another
    may be started on the same one."""

    def __init__(self, bench, master, name="diego-scheduler", codec="json", strategy="spread", idle_timeout="2s",
                 task_duration="2s", state_dir=None, bridge_port=None, rep=None,
                 executor=None, user=None, flags=(), wait_ready=True, preexec=None, environment=None, bbs=None,
                 cell=None):
        """`cell`: the flags that describe it, in place of the rep stand-in as a bare process."""
        self.bridge_port = bridge_port or free_port()
        self.bridge = f"http://127.0.0.1:{self.bridge_port}"
        self.state_dir = state_dir or bench.path(f"{name}-state")
        self.master = master
        self.flags = ["--master", master if "://" in master else f"http://{master}", "--state-dir", str(self.state_dir),
                      "--user", user or own_user()]
        argv = [program("diego-scheduler"), *self.flags, "--bridge-listen", f"127.0.0.1:{self.bridge_port}",
                *(cell or self.stand_in(executor, cell_command(task_duration, rep) + (bbs.rep_flags if bbs else ""))),
                *(bbs.scheduler_flags if bbs else ()),
                "--cell-idle-timeout", idle_timeout, "--mesos-codec", codec, "--strategy", strategy, *flags]
        self.program = bench.start(name, argv, env={**clean_environment(), **(environment or {})}, preexec=preexec)
        self.bench = bench
        if wait_ready:
            self.wait_ready()

    @staticmethod
    def stand_in(executor, command):
        return ["--executor", executor or program("diego-executor"), "--cell-containerizer", "none",
                "--cell-command", command, "--cell-rep-url", "auto"]

    def wait_ready(self, seconds=15):
        def ready():
            if not self.program.running():
                raise Failed("diego-scheduler to run",
                             f"exit {self.program.process.returncode}: {self.program.lines()[-2:]}")
            return self.ready()
        wait_for("/readyz 200", ready, seconds)

    def ready(self):
        return web.get(self.bridge + "/readyz").status == 200

    def post_lrps(self, *items):
        return self._accepted("/v1/lrps", list(items))

    def post_tasks(self, *items):
        return self._accepted("/v1/tasks", list(items))

    def _accepted(self, path, items):
        answer = web.post_json(self.bridge + path, items)
        expect(answer.status == 202 and answer.body == b"{}", f"202 {{}} for POST {path}",
               f"{answer.status} {answer.body[:200]!r}")

    def instances(self):
        """Key -> item, over all pages."""
        found, after = {}, ""
        while after is not None:
            page = web.get_json(f"{self.bridge}/v1/instances?limit=10000" + (f"&after={after}" if after else ""))
            found.update({key_of(item): item for item in page["instances"]})
            after = page["next"] and urllib.parse.quote(page["next"], safe="")
        return found

    def states(self):
        return {key: item["state"] for key, item in self.instances().items()}

    def cells(self):
        return web.get_json(self.bridge + "/v1/cells")["cells"]

    def delete(self, path):
        return web.request("DELETE", self.bridge + path)

    def wait_states(self, wanted, seconds=20):
        """Until each key has its state, or one of the states of a tuple; the items then."""
        def reached():
            seen = self.instances()
            fits = all(k in seen and seen[k]["state"] in ((s,) if isinstance(s, str) else s) for k, s in wanted.items())
            return seen if fits else None
        try:
            return wait_for(f"instances {wanted}", reached, seconds)
        except Failed:
            raise Failed(f"instances {wanted} within {seconds:g} s", repr(self.states())) from None

    def framework_id(self):
        """As the master names it: the one whose info points at nothing but us."""
        found = [i for i, f in mesos_client.frameworks(self.master).items() if f.get("active", True)]
        expect(len(found) == 1, "one framework on the master", found)
        return found[0]

    def teardown(self):
        """Ends the framework on purpose, as an operator would."""
        ending = self.bench.start("teardown", [program("diego-scheduler"), "teardown", *self.flags],
                                  env=clean_environment())
        code = ending.wait(20)
        expect(code == 0, "diego-scheduler teardown to exit 0", f"{code}: {ending.lines()[-2:]}")


def own_user():
    """Agents that switch users want one that exists; tests run everything as themselves."""
    return pwd.getpwuid(os.getuid()).pw_name


def offers_held(master, framework_id):
    """Ids of offers the master says a framework holds."""
    entry = mesos_client.frameworks(master)[framework_id]
    return [o["id"]["value"] for o in entry.get("offers", [])]
