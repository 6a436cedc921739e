"""recording_proxy.py as a process of its own between a scheduler and its master."""
import pathlib
import subprocess
import sys
import threading

from programs import expect, free_port


class Proxy:
    """recording_proxy.py as a process; what it reports is kept as (ns, direction, kind, task ids)."""

    def __init__(self, bench, target, quiet=False, acknowledgements=False):
        self.port = free_port()
        self.seen = []
        host, _, port = target.rpartition(":")
        argv = [sys.executable, str(pathlib.Path(__file__).with_name("recording_proxy.py")), str(self.port), host, port]
        argv += ["--quiet"] * quiet + ["--acknowledgements"] * acknowledgements
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        bench.on_close(self.close)
        expect(self.process.stdout.readline() == "listening\n", "the proxy to listen")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            at, direction, kind, *ids = line.rstrip("\n").split(" ")
            self.seen.append((int(at), direction, kind, ids[0] if ids else ""))

    def first(self, kind, since, guid=None):
        """When `kind` passed first after `since`, for a task of `guid` if given."""
        for at, _, what, ids in reversed(self.seen):
            if at < since:
                break
            if what == kind and (guid is None or any(i.startswith(guid + ".") for i in ids.split(","))):
                return at
        return None

    def all(self, kind, since):
        """When each of `kind` passed after `since`, with its task ids."""
        return [(at, ids) for at, _, what, ids in list(self.seen) if what == kind and at >= since]

    def close(self):
        self.process.kill()
        self.process.wait()
