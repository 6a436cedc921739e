"""The Docker engine as the tests ask it, and the images that they build."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from programs import Failed

TAG = f"test-{os.getpid()}"
SCHEDULER, CELL = f"diego-scheduler:{TAG}", f"diego-cell:{TAG}"
LABEL = f"diego-test={os.getpid()}"


def docker(*words, check=True, timeout=120, **more):
    done = subprocess.run(["docker", *map(str, words)], capture_output=True, text=True, timeout=timeout, check=False, **more)
    if check and done.returncode != 0:
        raise Failed(f"docker {' '.join(map(str, words[:3]))}... to go well", done.stderr.strip()[-400:])
    return done


def in_image(image, *words, flags=(), **more):
    """A container that ends by itself: its status, stdout and stderr."""
    return docker("run", "--rm", "--network", "host", "--label", LABEL, *flags, image, *words, check=False, **more)


class Container:
    """One that runs until it is told to end; removed with the bench."""

    def __init__(self, bench, image, *words, flags=()):
        self.id = docker("run", "-d", "--network", "host", "--label", LABEL, *flags, image, *words).stdout.strip()
        bench.on_close(lambda: docker("rm", "-f", "-v", self.id, check=False))

    def inspect(self, form):
        return docker("inspect", "-f", form, self.id).stdout.strip()

    def log(self):
        both = docker("logs", self.id)
        return both.stdout + both.stderr

    def running(self):
        return self.inspect("{{.State.Running}}") == "true"

    def kill(self, signal):
        docker("kill", "-s", signal, self.id)

    def wait(self, seconds):
        """Its exit code."""
        try:
            return int(docker("wait", self.id, timeout=seconds).stdout)
        except subprocess.TimeoutExpired:
            raise Failed(f"the container to end within {seconds} s", self.log()[-500:]) from None


def answers(url):
    try:
        return web.get(url).status == 200
    except OSError:
        return False


def socket_path():
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        raise Failed("an engine at a socket", host)
    return host[len("unix://"):]


def cgroup_driver():
    return docker("info", "-f", "{{.CgroupDriver}}").stdout.strip()
