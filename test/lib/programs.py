"""Starting, watching and ending the programs a test needs.

Only processes started here are ever signalled, by their id. The test process makes itself the
reaper of orphans, so whatever its programs leave behind becomes its child: nothing can hide.
"""
import collections
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PR_SET_CHILD_SUBREAPER = 36
LOG_TAIL_LINES = 25
SANDBOXES_SHOWN = 3  # Of executors: the youngest.
# How much longer everything may take than on an idle machine with plain programs: sanitized ones are slow.
SLOW = float(os.environ.get("DIEGO_MESOS_SLOW", "1"))


class Failed(Exception):
    """What was expected and what was seen instead."""

    def __init__(self, expected, seen=None):
        super().__init__(expected if seen is None else f"expected {expected}; seen {seen}")


class Skipped(Exception):
    """The case cannot run here; the text says why."""


def expect(condition, expected, seen=None):
    if not condition:
        raise Failed(expected, seen)


def expect_equal(seen, expected, what):
    if seen != expected:
        raise Failed(f"{what}: {expected!r}", repr(seen))


def bin_dir():
    return pathlib.Path(os.environ.get("DIEGO_MESOS_BIN", ROOT / "build" / "bin")).resolve()


def program(name):
    path = bin_dir() / name
    if not path.exists():
        raise Failed(f"{path} to be built")
    return str(path)


def wait_for(what, probe, seconds=15.0, every=0.02):
    """Polls until `probe` returns something true and returns it; a probe that raises OSError or
    KeyError counts as not yet. At the deadline fails with what was seen last."""
    deadline = time.monotonic() + seconds * SLOW
    last = None
    while True:
        try:
            last = probe()
            if last:
                return last
        except (OSError, KeyError, ValueError) as problem:
            last = f"{type(problem).__name__}: {problem}"
        if time.monotonic() > deadline:
            raise Failed(f"{what} within {seconds:g} s", repr(last))
        time.sleep(every)


def stays(what, probe, seconds, every=0.05):
    """The opposite: `probe` must hold all the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = probe()
        if not seen:
            raise Failed(f"{what} for {seconds:g} s", repr(seen))
        time.sleep(every)


_given_out = set()


def free_port():
    """A port nobody listens on now, never the same one twice. It lies below the range of which the
    kernel gives out ports for outgoing connections, so that no client can take it meanwhile."""
    start = 10240 + (os.getpid() * 37) % 20000
    for step in range(22000):
        port = 10240 + (start - 10240 + step) % 22000
        if port in _given_out:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_out.add(port)
        return port
    raise Failed("a free port on 127.0.0.1")


def listens(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


def _table():
    """pid -> (parent, state) of every process that can be seen."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = pathlib.Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        found[int(entry)] = (int(parent), state)
    return found


def descendants(root=None):
    """Every living process below `root` (default: this one), zombies left out."""
    table = _table()
    children = collections.defaultdict(list)
    for pid, (parent, _) in table.items():
        children[parent].append(pid)
    found, queue = [], [root or os.getpid()]
    while queue:
        for child in children[queue.pop()]:
            queue.append(child)
            if table[child][1] != "Z":
                found.append(child)
    return found


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Program:
    """A child in a session of its own, its output in a file."""

    def __init__(self, name, argv, log, env=None, cwd=None, preexec=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = pathlib.Path(log)
        self.port = None

        def prepare():
            # What runs the tests in the background of a script ignores it, and a shell never traps what it came ignored with.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if preexec:
                preexec()

        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=cwd,
                env=env, start_new_session=True, preexec_fn=prepare)
        self.pid = self.process.pid

    def running(self):
        return self.process.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def lines(self):
        return self.text().splitlines()

    def wait(self, seconds):
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} to end within {seconds:g} s", "still running") from None

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()

    def stop(self, seconds=20):
        """SIGTERM, and its exit code; SIGKILL and a failure if it does not go."""
        if self.running():
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} to end within {seconds:g} s of SIGTERM", "had to be killed") from None


class Bench:
    """The place a case works at: a scratch directory, the programs it started, things to close.
    As a context it ends them in reverse order and then everything they left."""

    def __init__(self, name):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # A test that is told to end (by `timeout`, say) still ends what it started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"diego-{name}-"))
        self.programs = []
        self.closers = []

    def start(self, name, argv, **more):
        started = Program(name, argv, self.dir / f"{name}.log", **more)
        self.programs.append(started)
        return started

    def path(self, name):
        return self.dir / name

    def on_close(self, closer):
        self.closers.append(closer)

    def leftovers(self):
        known = {p.pid for p in self.programs if p.running()}
        return [pid for pid in descendants() if pid not in known and not self._below(pid, known)]

    @staticmethod
    def _below(pid, known):
        table = _table()
        while pid in table:
            if pid in known:
                return True
            pid = table[pid][0]
        return False

    def tails(self):
        """The end of every log, for the reader of a failure."""
        out = []
        sandboxes = sorted(self.dir.rglob("stderr"), key=lambda f: f.stat().st_mtime)[-SANDBOXES_SHOWN:]
        for log in [*sorted(self.dir.glob("*.log")), *sandboxes]:
            lines = log.read_text(errors="replace").splitlines()
            out.append(f"--- {log.relative_to(self.dir)} (last {min(LOG_TAIL_LINES, len(lines))} of {len(lines)} lines)")
            out += lines[-LOG_TAIL_LINES:]
        return "\n".join(out)

    def close(self):
        for closer in reversed(self.closers):
            closer()
        for running in reversed(self.programs):
            try:
                running.stop()
            except Failed as problem:
                print(f"note: {problem}", file=sys.stderr)
        for signum in (signal.SIGTERM, signal.SIGKILL):
            for pid in descendants():
                try:
                    os.kill(pid, signum)
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + 3
            while descendants() and time.monotonic() < deadline:
                self.reap()
                time.sleep(0.02)
        self.reap()
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def reap():
        """Collects the orphans that ended; programs of ours have been waited for already."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
