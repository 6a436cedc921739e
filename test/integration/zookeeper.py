#!/usr/bin/env python3
"""Finding the leading master by --master zk:// and file://, and the leader lock, against a real
ZooKeeper server. The probe prints what the detector or the lock reports, with the machine's time.
With MESOS_MASTER=/path/to/mesos-master also against real masters."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import add_case, case, main
from cluster import LocalCluster, Scheduler, lrp
from programs import Failed, bin_dir, expect, expect_equal, free_port, stays, wait_for
from zookeeper import EPHEMERAL_SEQUENTIAL, Wire, ZooKeeper, ZooKeeperError

SESSION_MS = 2000
LOCK_SESSION_MS = 4000
SLACK_S = 3.0  # For a busy machine, where a figure is not what is tested.
SEQUENTIAL = 2
NO_AUTH = -102


class Probe:
    """The lines of a probe: (milliseconds, word, rest)."""

    def __init__(self, bench, *words):
        path = bin_dir().parent / "test/integration/zk-probe"
        expect(path.exists(), f"{path} to be built")
        self.errors = open(bench.path(f"probe-{len(bench.programs)}-{words[0]}-{time.monotonic_ns()}.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen([path, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, bufsize=1)
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()
        bench.on_close(self.kill)

    def _read(self):
        for line in self.process.stdout:
            when, word, rest = (line.rstrip("\n") + "  ").split(" ", 2)
            self.lines.append((int(when), word, rest.strip()))
            self.errors.write(line)
            self.errors.flush()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self, signum=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signum)
        self.process.wait()

    def close(self):
        """The orderly end; how long it took."""
        begun = time.monotonic()
        self.process.stdin.close()
        expect_equal(self.process.wait(20), 0, "the probe's exit code")
        return time.monotonic() - begun

    def count(self, *words):
        return sum(1 for _, word, _ in self.lines if word in words)

    def next(self, word, text="", after=0, seconds=15.0):
        """The first line from index `after` on with this word and text; its index and the line."""
        def found():
            for index, line in enumerate(self.lines[after:], after):
                if line[1] == word and text in line[2]:
                    return index, line
            return None
        try:
            return wait_for(f"the probe to say '{word} ...{text}...'", found, seconds)
        except Failed:
            raise Failed(f"'{word} ...{text}...' from the probe within {seconds:g} s", self.lines[after:]) from None


def master(port, ip="127.0.0.1"):
    """What a master writes (Mesos: master contender)."""
    number = int.from_bytes(bytes(map(int, ip.split("."))), "little")
    return json.dumps({
        "address": {"hostname": "m.example", "ip": ip, "port": port}, "capabilities": [{"type": "AGENT_UPDATE"}],
        "hostname": "m.example", "id": f"id-{port}", "ip": number, "pid": f"master@{ip}:{port}", "port": port,
        "version": "1.11.0"}, separators=(",", ":"))


def stand(client, port, flags=EPHEMERAL_SEQUENTIAL):
    return client.create("/mesos/json.info_", master(port), flags)


def url(port):
    return f"http://127.0.0.1:{port}/api/v1/scheduler"


def detect(bench, zookeeper, path="/mesos", credentials=""):
    return Probe(bench, "detect", f"zk://{credentials}{zookeeper.address}{path}", SESSION_MS)


# ---- Detection

@case("zk: the leader is found, and followed when it changes")
def _(bench):
    zookeeper = ZooKeeper(bench)
    first, second, third = (zookeeper.client() for _ in range(3))
    first.create("/mesos")
    first.create("/mesos/log_replicas")
    stand(first, 5051)
    second_node = stand(second, 5052)
    probe = detect(bench, zookeeper)
    at, _ = probe.next("detected", url(5051) + " 127.0.0.1:5051 hostname=m.example master=id-5051 version=1.11.0")
    second.delete(second_node)  # A follower: nobody's business.
    stand(third, 5053)
    first.close()
    at, _ = probe.next("detected", url(5053), at + 1)
    third.drop()  # As if killed: its node goes with its session.
    probe.next("nobody", "no master stands", at + 1)
    expect_equal([word for _, word, _ in probe.lines], ["detected", "detected", "nobody"], "all that was said")
    expect(probe.close() < SLACK_S, "the detector to stop at once")


@case("zk: masters that come after us are found, though their node is missing at first")
def _(bench):
    zookeeper = ZooKeeper(bench)
    probe = detect(bench, zookeeper, "/a/mesos")
    at, _ = probe.next("nobody", "ZooKeeper has no /a/mesos")
    client = zookeeper.client()
    client.create("/a")
    client.create("/a/mesos")
    at, _ = probe.next("nobody", "no master stands", at + 1)
    client.create("/a/mesos/json.info_", master(5051), EPHEMERAL_SEQUENTIAL)
    at, _ = probe.next("detected", url(5051), at + 1)
    # The same leader after a pause is news again.
    client.delete("/a/mesos/json.info_0000000000")
    at, _ = probe.next("nobody", "", at + 1)
    client.create("/a/mesos/json.info_", master(5051), EPHEMERAL_SEQUENTIAL)
    probe.next("detected", url(5051), at + 1)


@case("zk: an entry that makes no sense is one line, and the next leader is found")
def _(bench):
    zookeeper = ZooKeeper(bench)
    client = zookeeper.client()
    client.create("/mesos")
    garbage = client.create("/mesos/json.info_", b"\x0a\x04\xffmaster@1.2.3.4:5", EPHEMERAL_SEQUENTIAL)
    probe = detect(bench, zookeeper)
    at, _ = probe.next("nobody", "/mesos/json.info_0000000000: is not a MasterInfo")
    stand(client, 5052)
    client.delete(garbage)
    probe.next("detected", url(5052), at + 1)
    expect_equal(probe.count("nobody"), 1, "lines about the entry")


@case("zk: with the server dead, the last leader stays believed; then changes are followed again")
def _(bench):
    zookeeper = ZooKeeper(bench)
    client = zookeeper.client()
    client.create("/mesos")
    old = stand(client, 5051, SEQUENTIAL)
    probe = detect(bench, zookeeper)
    at, _ = probe.next("detected", url(5051))
    zookeeper.kill()
    at, line = probe.next("trouble", "out of reach", at + 1)
    expect("the last known master stays believed" in line[2], "the log to say what is believed", line)
    stays("no word about who leads", lambda: probe.count("detected", "nobody") == 1, 3 * SESSION_MS / 1000)
    expect_equal(probe.count("trouble"), 1, "warnings, with sessions given up meanwhile")
    zookeeper.start()
    at, _ = probe.next("note", "answers again", at + 1, 30)
    stays("the same leader to be no news", lambda: probe.count("detected", "nobody") == 1, 1)
    client = zookeeper.client()
    stand(client, 5052, SEQUENTIAL)
    client.delete(old)
    probe.next("detected", url(5052), at + 1)


@case("zk: a server that comes back without its data does not hold us for ever")
def _(bench):
    zookeeper = ZooKeeper(bench)
    client = zookeeper.client()
    client.create("/mesos")
    for _ in range(20):
        client.set("/mesos", b"x")  # So that the new server's count is behind what we have seen.
    stand(client, 5051)
    probe = detect(bench, zookeeper)
    at, _ = probe.next("detected", url(5051))
    zookeeper.kill()
    zookeeper.wipe()
    zookeeper.start()
    at, _ = probe.next("nobody", "ZooKeeper has no /mesos", at + 1, 30)
    client = zookeeper.client()
    client.create("/mesos")
    stand(client, 5052)
    probe.next("detected", url(5052), at + 1)


@case("zk: a session that ends while the server hangs is replaced")
def _(bench):
    zookeeper = ZooKeeper(bench)
    client = zookeeper.client(timeout_ms=30000)
    client.create("/mesos")
    stand(client, 5051)
    probe = detect(bench, zookeeper)
    at, _ = probe.next("detected", url(5051))
    os.kill(zookeeper.program.pid, signal.SIGSTOP)
    try:
        at, _ = probe.next("trouble", "out of reach", at + 1)
        stays("no word about who leads", lambda: probe.count("detected", "nobody") == 1, 2.5 * SESSION_MS / 1000)
        took = probe.close()
    finally:
        os.kill(zookeeper.program.pid, signal.SIGCONT)
    expect(took < 6, "the detector to stop within 6 s while the server hangs", took)
    wait_for("the server to answer", zookeeper.serves)
    probe = detect(bench, zookeeper)
    at, _ = probe.next("detected", url(5051))
    os.kill(zookeeper.program.pid, signal.SIGSTOP)
    probe.next("trouble", "out of reach", at + 1)
    time.sleep(2 * SESSION_MS / 1000)
    os.kill(zookeeper.program.pid, signal.SIGCONT)
    at, _ = probe.next("note", "answers again", at + 1)
    stand(client, 5052)
    client.delete("/mesos/json.info_0000000000")
    probe.next("detected", url(5052), at + 1)


@case("zk: a server that starts after us is found")
def _(bench):
    zookeeper = ZooKeeper(bench)
    client = zookeeper.client()
    client.create("/mesos")
    stand(client, 5051, SEQUENTIAL)
    zookeeper.kill()
    probe = detect(bench, zookeeper)
    at, line = probe.next("trouble", "out of reach")
    expect("no master is known" in line[2], "the log to say that none is known", line)
    zookeeper.start()
    probe.next("detected", url(5051), at + 1, 30)


@case("zk: user and password open what is closed to others, and no log shows them")
def _(bench):
    zookeeper = ZooKeeper(bench)
    owner = zookeeper.client(auth="mesos:hunter2")
    owner.create("/mesos", acls=[(31, "auth", "")])
    owner.create("/mesos/json.info_", master(5051), EPHEMERAL_SEQUENTIAL, acls=[(31, "auth", "")])
    probe = detect(bench, zookeeper, credentials="mesos:hunter2@")
    probe.next("detected", url(5051))
    for credentials in ("", "mesos:hunter3@"):
        stranger = detect(bench, zookeeper, credentials=credentials)
        stranger.next("nobody", "listing /mesos: not authenticated")
        expect("hunter" not in str(stranger.lines), "no password in a line", stranger.lines)
    expect("hunter" not in str(probe.lines), "no password in a line", probe.lines)


@case("zk: a server whose name does not resolve does not keep us from the others")
def _(bench):
    zookeeper = ZooKeeper(bench)
    client = zookeeper.client()
    client.create("/mesos")
    stand(client, 5051)
    probe = Probe(bench, "detect", f"zk://nowhere.invalid:1,{zookeeper.address}/mesos", SESSION_MS)
    probe.next("detected", url(5051), seconds=30)
    lost = Probe(bench, "detect", "zk://nowhere.invalid:2181/mesos", SESSION_MS)
    lost.next("trouble", "out of reach", seconds=30)
    stays("the probe to run", lambda: lost.process.poll() is None, 0.5)


@case("file: what the file names is followed, and kept when the file is gone")
def _(bench):
    zookeeper = ZooKeeper(bench)
    client = zookeeper.client()
    client.create("/mesos")
    stand(client, 5052)
    file = bench.path("masters")

    def write(text):
        file.with_suffix(".new").write_text(text, encoding="utf-8")
        file.with_suffix(".new").rename(file)

    write("127.0.0.1:5051\n")
    probe = Probe(bench, "detect", f"file://{file}", SESSION_MS)
    at, _ = probe.next("detected", url(5051))
    write(" 127.0.0.1:5051")
    write(f"zk://{zookeeper.address}/mesos\n")
    at, _ = probe.next("detected", url(5052), at + 1)
    file.unlink()
    at, _ = probe.next("trouble", "No such file", at + 1)
    write("nonsense:x")
    at, _ = probe.next("trouble", "'x' is not a port", at + 1)
    first, second = free_port(), free_port()
    write(f"http://127.0.0.1:{first},127.0.0.1:{second}")
    at, _ = probe.next("detected", url(first) + "," + url(second), at + 1)
    probe.next("note", "can be read again", at)
    expect_equal(probe.count("detected", "nobody"), 3, "reports about who leads")
    for text, why in (("", "is empty"), ("file:///x", "names a file again")):
        write(text)
        bad = subprocess.run([probe.process.args[0], "detect", f"file://{file}"], capture_output=True, text=True,
                             timeout=20, check=False, stdin=subprocess.DEVNULL)
        expect_equal((bad.returncode, bad.stderr), (2, f"zk-probe: {file}: {why}" + bad.stderr.partition(why)[2]), "the refusal")


# ---- The lock

def contend(bench, port, who, credentials="", session_ms=LOCK_SESSION_MS):
    return Probe(bench, "lock", f"zk://{credentials}127.0.0.1:{port}/diego/test", who, session_ms)


@case("lock: one leads, the other waits; when the first is killed the second leads within the session's timeout")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1")
    one.next("acquired")
    two = contend(bench, zookeeper.port, "host-2")
    two.next("other", "host-1")
    stays("the second to wait", lambda: two.count("acquired") == 0, 1)
    begun = time.monotonic()
    one.kill()
    two.next("acquired", seconds=LOCK_SESSION_MS / 1000 + SLACK_S)
    print(f"    taken over in {time.monotonic() - begun:.1f} s, session {LOCK_SESSION_MS / 1000} s", file=sys.stderr)
    names = zookeeper.client().children("/diego/test")
    expect(all(not name.rpartition("_")[2].isdigit() for name in names), "no name that Mesos takes for a master", names)


@case("lock: who stops or resigns hands over at once")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1", session_ms=30000)
    one.next("acquired")
    two = contend(bench, zookeeper.port, "host-2", session_ms=30000)
    two.next("other", "host-1")
    one.say("resign")
    at, _ = one.next("lost", "resigned")
    lead, _ = two.next("acquired")
    one.say("campaign")
    one.next("other", "host-2", at + 1)
    two.close()
    one.next("acquired", "", at + 1)
    one.say("held")
    at, _ = one.next("held", "yes")
    one.say("resign")
    one.next("lost", "resigned", at)
    one.say("held")
    one.next("held", "no")
    expect_equal(lead, 1, "what came before host-2 led")


@case("lock: cut off from ZooKeeper, the leader stops before another leads, and waits behind it after")
def _(bench):
    zookeeper = ZooKeeper(bench)
    wire = Wire(bench, zookeeper.port)
    one = contend(bench, wire.port, "host-1")
    one.next("acquired")
    two = contend(bench, zookeeper.port, "host-2")
    two.next("other", "host-1")
    wire.freeze()
    at, (lost_ms, _, _) = one.next("lost", seconds=LOCK_SESSION_MS / 1000 + SLACK_S)
    _, (acquired_ms, _, _) = two.next("acquired", seconds=LOCK_SESSION_MS / 1000 + SLACK_S)
    print(f"    {acquired_ms - lost_ms} ms without a leader", file=sys.stderr)
    expect(lost_ms < acquired_ms, "the first to stop before the second leads", (lost_ms, acquired_ms))
    one.say("held")
    one.next("held", "no", at)
    wire.thaw()
    one.next("other", "host-2", at + 1)
    expect_equal(two.count("lost"), 0, "disturbance of the second")


@case("lock: a short silence costs nothing")
def _(bench):
    zookeeper = ZooKeeper(bench)
    wire = Wire(bench, zookeeper.port)
    one = contend(bench, wire.port, "host-1", session_ms=12000)
    one.next("acquired")
    wire.freeze()
    time.sleep(4)
    wire.thaw()
    stays("the leader to lead on", lambda: one.count("lost") == 0, 8)
    one.say("held")
    one.next("held", "yes")


@case("lock: a server restarted within the lease costs nothing, one that hangs longer the lead")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1", session_ms=40000)
    one.next("acquired")
    zookeeper.kill()
    at, _ = one.next("trouble", "out of reach")
    zookeeper.start()
    one.next("note", "answers again", at + 1, 30)
    stays("the leader to lead on", lambda: one.count("lost") == 0, 1)
    one.close()

    two = contend(bench, zookeeper.port, "host-2")
    at, _ = two.next("acquired")
    os.kill(zookeeper.program.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        at, _ = two.next("lost", "", at + 1, seconds=LOCK_SESSION_MS / 1000 + SLACK_S)
        print(f"    lost after {time.monotonic() - stopped:.1f} s, session {LOCK_SESSION_MS / 1000} s", file=sys.stderr)
        time.sleep(1.5 * LOCK_SESSION_MS / 1000)
    finally:
        os.kill(zookeeper.program.pid, signal.SIGCONT)
    two.next("acquired", "", at + 1)


@case("lock: a ZooKeeper without its data means lost, then a new campaign")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1")
    at, _ = one.next("acquired")
    one.say("share framework-1")
    one.next("stored", "framework-1")
    zookeeper.kill()
    zookeeper.wipe()
    zookeeper.start()
    at, _ = one.next("lost", "", at + 1, 30)
    _, line = one.next("acquired", "", at + 1, 30)
    expect_equal(line[2], "", "the framework id after the data was lost")


@case("lock: a leader that was stopped meanwhile learns that it leads no more")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1")
    at, _ = one.next("acquired")
    two = contend(bench, zookeeper.port, "host-2")
    two.next("other", "host-1")
    one.process.send_signal(signal.SIGSTOP)
    two.next("acquired", seconds=LOCK_SESSION_MS / 1000 + SLACK_S)
    one.process.send_signal(signal.SIGCONT)
    at, _ = one.next("lost", "", at + 1)
    one.next("other", "host-2", at + 1)


@case("lock: the framework id goes with the lock")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1")
    _, line = one.next("acquired")
    expect_equal(line[2], "", "the id at first")
    two = contend(bench, zookeeper.port, "host-2")
    two.next("other", "host-1")
    two.say("share stolen")
    two.next("refused", "do not hold the lock")
    for value in ("framework-1", "framework-2"):
        one.say(f"share {value}")
        one.next("stored", value)
    one.kill()
    at, _ = two.next("acquired", "framework-2", seconds=LOCK_SESSION_MS / 1000 + SLACK_S)
    # Somebody who writes without the lock: two clusters under one name.
    zookeeper.client().set("/diego/test/framework-id", "foreign")
    two.say("share framework-3")
    two.next("refused", "somebody else wrote", at + 1)
    expect_equal(zookeeper.client().get("/diego/test/framework-id"), b"foreign", "what was kept")


@case("lock: an entry taken away by hand ends the lead, and the campaign goes on")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1")
    at, _ = one.next("acquired")
    client = zookeeper.client()
    client.delete("/diego/test/" + client.children("/diego/test")[0])
    at, _ = one.next("lost", "our entry in ZooKeeper is gone", at + 1)
    one.next("acquired", "", at + 1)


@case("lock: with user and password nobody else changes anything, and those without are told")
def _(bench):
    zookeeper = ZooKeeper(bench)
    one = contend(bench, zookeeper.port, "host-1", "diego:hunter2@")
    one.next("acquired")
    one.say("share framework-1")
    one.next("stored", "framework-1")
    stranger = zookeeper.client()
    expect_equal(stranger.get("/diego/test/framework-id"), b"framework-1", "what everybody may read")
    for attempt in (lambda: stranger.set("/diego/test/framework-id", "x"), lambda: stranger.create("/diego/test/contender-x"),
                    lambda: stranger.delete("/diego/test/" + stranger.children("/diego/test")[0])):
        try:
            attempt()
            raise Failed("a stranger to be refused", "it was not")
        except ZooKeeperError as refusal:
            expect_equal(refusal.code, NO_AUTH, "the refusal")
    expect_equal(sorted(perms for perms, _, _ in stranger.acl("/diego/test")), [1, 31], "the rights on the node")
    two = contend(bench, zookeeper.port, "host-2")
    two.next("trouble", "standing at /diego/test: not authenticated")
    three = contend(bench, zookeeper.port, "host-3", "diego:hunter2@")
    three.next("other", "host-1")
    expect("hunter" not in str(one.lines + two.lines + three.lines), "no password in a line")


# ---- The scheduler itself

def runs(scheduler, guid):
    scheduler.post_lrps(lrp(guid, [0]))
    wait_for(f"{guid}.0 to run", lambda: scheduler.states().get(f"{guid}.0") == "running", 20)


@case("scheduler: the leader in ZooKeeper is found and followed, and placing goes on without ZooKeeper")
def _(bench):
    zookeeper = ZooKeeper(bench)
    first = LocalCluster(bench, agents=1, name="diego-local-1")
    second = LocalCluster(bench, agents=1, name="diego-local-2")
    client = zookeeper.client()
    client.create("/mesos")
    scheduler = Scheduler(bench, f"zk://{zookeeper.address}/mesos", wait_ready=False)
    wait_for("/readyz 503 while nobody leads", lambda: web.get(scheduler.bridge + "/readyz").status == 503)
    node = stand(client, first.port, SEQUENTIAL)  # It stays when its session ends.
    scheduler.wait_ready()
    runs(scheduler, "with")
    zookeeper.kill()
    wait_for("a warning that ZooKeeper is out of reach", lambda: "ZooKeeper" in scheduler.program.text().split("detected")[-1])
    runs(scheduler, "without")
    zookeeper.start()
    client = zookeeper.client()
    client.delete(node)
    stand(client, second.port, SEQUENTIAL)
    wait_for("the second master to be subscribed at", lambda: f"subscribed url=http://127.0.0.1:{second.port}" in scheduler.program.text(), 30)


@case("scheduler: a file that names another master moves it there")
def _(bench):
    first = LocalCluster(bench, agents=1, name="diego-local-1")
    second = LocalCluster(bench, agents=1, name="diego-local-2")
    path = bench.path("master")
    path.write_text(f"http://{first.master}\n")
    scheduler = Scheduler(bench, f"file://{path}")
    runs(scheduler, "here")
    path.write_text(f"http://{second.master}\n")
    wait_for("the second master to be subscribed at", lambda: f"subscribed url=http://127.0.0.1:{second.port}" in scheduler.program.text(), 30)


# ---- Real masters

def real_masters(bench):
    zookeeper = ZooKeeper(bench)
    where = f"zk://{zookeeper.address}/mesos"
    ports = [free_port(), free_port()]

    def start(port):
        return bench.start(f"mesos-master-{port}", [
            os.environ["MESOS_MASTER"], "--ip=127.0.0.1", "--hostname=localhost", f"--port={port}", f"--zk={where}",
            "--quorum=1", "--registry=in_memory", f"--work_dir={bench.path(f'master-{port}')}"])

    probe = Probe(bench, "detect", where, SESSION_MS)
    one = start(ports[0])
    at, line = probe.next("detected", url(ports[0]), seconds=60)
    expect("hostname=localhost master=" in line[2] and "version=1." in line[2], "the master's name and version", line)
    client = zookeeper.client()
    entry = [name for name in client.children("/mesos") if name.startswith("json.info_")][0]
    print("    " + client.get("/mesos/" + entry).decode(), file=sys.stderr)
    start(ports[1])
    wait_for("the second master to stand", lambda: len(client.children("/mesos")) >= 2, 60)
    begun = time.monotonic()
    one.kill()
    probe.next("detected", url(ports[1]), at + 1, 60)
    print(f"    found {time.monotonic() - begun:.1f} s after the first was killed", file=sys.stderr)


if "MESOS_MASTER" in os.environ:
    add_case("zk: real masters are found, and followed when the leader is killed", real_masters)

main(__doc__)
