"""A file system that can be filled: a tmpfs of its own where we may mount one."""
import os
import subprocess

from programs import Skipped


class SmallDisk:
    def __init__(self, bench, megabytes):
        if os.geteuid() != 0:
            raise Skipped("needs root to mount a tmpfs of its own")
        self.path = bench.path("disk")
        self.path.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(self.path))
        self.filler = self.path / "filler"

    @staticmethod
    def _mount(*words):
        done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skipped(f"cannot mount: {done.stderr.strip()}")

    def fill(self):
        with open(self.filler, "ab", buffering=0) as out:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        out.write(b"x" * size)
                except OSError:
                    continue

    def free(self):
        self.filler.unlink()

    def read_only(self):
        self._mount("-o", "remount,ro", str(self.path))

    def unmount(self):
        # Lazy: a failed case may leave the scheduler with files open in it for a moment.
        subprocess.run(["umount", "-l", str(self.path)], check=False)


def with_small_disk(megabytes=8):
    def wrap(function):
        def run(bench):
            disk = SmallDisk(bench, megabytes)
            try:
                function(bench, disk)
            finally:
                for one in bench.programs:
                    one.kill()
                disk.unmount()
        return run
    return wrap
