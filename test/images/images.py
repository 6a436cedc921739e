#!/usr/bin/env python3
"""The images on a Docker engine: they behave as the programs do outside, need no more than they say, and a cell's
container comes and goes without a trace. Started by test/images/run."""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "lib"))
import cases
import web
from cases import add_case, case
from cluster import LocalCluster, Scheduler, clean_environment, lrp, own_user
from programs import Failed, Skipped, bin_dir, expect, expect_equal, free_port, wait_for

TAG = f"test-{os.getpid()}"
SCHEDULER, CELL = f"diego-scheduler:{TAG}", f"diego-cell:{TAG}"
LABEL = f"diego-test={os.getpid()}"
SIZE_MAX_MB = {SCHEDULER: 120, CELL: 150}


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


def cell_flags(port, *more):
    return ["-e", "CELL_ID=cell-1", "-e", "CELL_MEMORY_MB=512", "-e", "CELL_DISK_MB=512", "-e", "CELL_ZONE=z1",
            "-e", f"REP_LISTEN=127.0.0.1:{port}", "-e", "MESOS_SANDBOX=/tmp", *more]


def processes(container):
    """What runs in it, by command line."""
    listing = docker("top", container.id, "-eo", "pid,args", check=False).stdout.splitlines()[1:]
    return {int(line.split(None, 1)[0]): line.split(None, 1)[1] for line in listing}


def build(binaries):
    def test(_bench):
        words = [ROOT / "images" / "build", "all", "--tag", TAG, *(["--binaries", binaries] if binaries else [])]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
        print(done.stderr, file=sys.stderr)
        expect(done.returncode == 0, "images/build to go well", done.stderr.strip()[-400:])
        print("    " + done.stdout.strip().replace("\n", "; "), file=sys.stderr)
    return test


def size(image):
    def test(_bench):
        megabytes = int(docker("image", "inspect", "-f", "{{.Size}}", image).stdout) / 1e6
        expect(megabytes <= SIZE_MAX_MB[image], f"at most {SIZE_MAX_MB[image]} MB", f"{megabytes:.0f} MB")
    return test


def same_as_outside(image, program, words):
    def test(_bench):
        outside = bin_dir() / program
        if not outside.exists():
            raise Skipped(f"no {outside} to compare with")
        seen = in_image(image, *words, flags=["--entrypoint", f"/usr/bin/{program}"])
        wanted = subprocess.run([str(outside), *words], capture_output=True, text=True, check=False,
                                env=clean_environment())
        expect_equal((seen.returncode, seen.stdout, seen.stderr), (wanted.returncode, wanted.stdout, wanted.stderr),
                     f"{program} {' '.join(words)}")
    return test


def add_programs():
    for image, program, has_version in ((SCHEDULER, "diego-scheduler", True), (SCHEDULER, "diego-place", False),
                                        (CELL, "diego-executor", False), (CELL, "diego-cell", True),
                                        (CELL, "diego-local", False)):
        for words in (["--help"], ["--no-such-flag"], *([["--version"]] if has_version else [])):
            add_case(f"{program} {words[0]} is in the image what it is outside", same_as_outside(image, program, words))


def labels(image):
    return json.loads(docker("image", "inspect", "-f", "{{json .Config.Labels}}", image).stdout)


def add_contents(image, name):
    def test(_bench):
        seen = labels(image)
        for key in ("title", "description", "licenses", "version", "revision", "base.name", "base.digest"):
            expect(seen.get(f"org.opencontainers.image.{key}"), f"a label {key}", seen)
        listing = in_image(image, "/usr/share/doc/diego-mesos/sbom.txt", flags=["--entrypoint", "/bin/cat"]).stdout
        for word in (f"/usr/bin/{name} ", "libssl3 ", "tini ", "libc6 "):
            expect(any(line.startswith(word) for line in listing.splitlines()), f"{word}in the listing", listing[:200])
    add_case(f"the image of {name} says what it is and what is in it", test)


@case("the scheduler runs as nobody, on a read-only root, without capabilities, and is healthy")
def _(bench):
    port = free_port()
    container = Container(bench, SCHEDULER, "--master", f"http://127.0.0.1:{free_port()}", "--executor", "/x",
                          "--cell-command", "true", "--bridge-listen", f"127.0.0.1:{port}",
                          flags=["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
                                 "--health-interval", "1s"])
    wait_for("/healthz 200", lambda: answers(f"http://127.0.0.1:{port}/healthz"))
    users = {line.split()[0] for line in docker("top", container.id, "-eo", "uid,pid,args").stdout.splitlines()[1:]}
    expect_equal(users, {"10001"}, "users of its processes")
    wait_for("the engine to find it healthy", lambda: container.inspect("{{.State.Health.Status}}") == "healthy", 20)
    expect_equal(docker("diff", container.id).stdout, "", "what it changed in its root")
    container.kill("TERM")
    expect_equal(container.wait(10), 0, "exit code after SIGTERM")


@case("an unhealthy scheduler is found to be so")
def _(bench):
    container = Container(bench, SCHEDULER, "600", flags=["--entrypoint", "/bin/sleep", "--health-interval", "1s",
                                                          "--health-retries", "1", "--health-start-period", "0s"])
    wait_for("the engine to find it unhealthy", lambda: container.inspect("{{.State.Health.Status}}") == "unhealthy", 20)


@case("diego-place is in the scheduler's image")
def _(_bench):
    done = in_image(SCHEDULER, "/nothing", flags=["--entrypoint", "/usr/bin/diego-place"])
    expect(done.returncode == 2 and "/nothing" in done.stderr, "it to look for the workload", done.stderr)


@case("the cell's preflight says that there are no packages of Diego's, and that a cell would run")
def _(_bench):
    done = in_image(CELL, "diego-cell", "preflight", flags=cell_flags(1))
    expect(re.search(r"^warn +Diego's packages", done.stdout, re.M), "a line about the packages", done.stdout)
    expect_equal(done.returncode, 0, "its exit code")


def fake_packages(bench):
    """Diego's programs by name only: enough for whoever looks whether they are there."""
    for package, name in (("rep", "rep"), ("guardian", "gdn"), ("guardian", "dadoo"), ("grootfs", "grootfs")):
        path = bench.path("packages") / package / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
    (bench.path("packages") / "cflinuxfs4").mkdir()
    (bench.path("packages") / "cflinuxfs4" / "rootfs.tar").write_text("")
    for name in ("ca", "cert", "key"):
        (bench.path("packages") / name).write_text("")
    packages = "/var/vcap/packages"
    return ["-v", f"{bench.path('packages')}:{packages}:ro",
            *(word for name in ("ca", "cert", "key") for word in ("-e", f"DIEGO_MESOS_REP_{name.upper()}={packages}/{name}")),
            "-e", "DIEGO_MESOS_BBS_URL=https://127.0.0.1:1", "-e", "DIEGO_MESOS_LOCKET_ADDRESS=127.0.0.1:1"]


@case("with Diego's packages the preflight names what a plain container lacks, and nothing is started")
def _(bench):
    flags = [*cell_flags(1), *fake_packages(bench)]
    plain = in_image(CELL, "diego-cell", "preflight", flags=flags)
    for what in ("capability SYS_ADMIN", "capability SYS_PTRACE", "/proc and /sys unmasked", "/dev/fuse"):
        expect(re.search(f"^MISSING +{what}", plain.stdout, re.M), f"{what} to be missing", plain.stdout)
    expect(re.search(r"^warn +bbs at .*connection refused", plain.stdout, re.M), "the BBS to be out of reach", plain.stdout)
    expect_equal(plain.returncode, 1, "its exit code")
    expect(len(plain.stdout.splitlines()) < 50, "one screen", plain.stdout)
    refused = in_image(CELL, "diego-cell", "run", flags=flags)
    expect(refused.returncode == 69 and "the host lacks capability SYS_ADMIN" in refused.stderr, "status 69 and why",
           f"{refused.returncode} {refused.stderr[:300]}")


@case("each thing that the container is given is no longer missing")
def _(bench):
    flags = [*cell_flags(1), *fake_packages(bench), "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE",
             "--security-opt", "seccomp=unconfined", "--security-opt", "systempaths=unconfined"]
    given = in_image(CELL, "diego-cell", "preflight", flags=flags).stdout
    for what in ("capability SYS_ADMIN", "capability SYS_PTRACE", "/proc and /sys unmasked", "control groups writable",
                 "no seccomp filter"):
        expect(re.search(f"^ok +{what}$", given, re.M), f"{what} to be fine", given)


@case("render prints what would run, with the files that it would write, and no secret")
def _(bench):
    done = in_image(CELL, "diego-cell", "render", flags=[*cell_flags(1801), *fake_packages(bench)])
    expect_equal(done.returncode, 0, f"exit code ({done.stderr.strip()})")
    for text in ('"memory_mb": "512"', '"cell_id": "cell-1"', "process garden", "--max-containers 250", "process rep"):
        expect(text in done.stdout, f"{text} to be printed", done.stdout[:500])
    expect(done.stdout.rstrip().splitlines()[-1].startswith("stops in the order rep garden"), "the order of the end",
           done.stdout[-200:])


@case("a cell runs until SIGTERM, stops in order within 2 s, and leaves no process")
def _(bench):
    port = free_port()
    # The shell stays in the container, so that what diego-cell leaves behind would, too.
    script = ("diego-cell & cell=$!; trap 'kill -TERM $cell' USR1; wait $cell; wait $cell; echo GONE WITH $?; "
              "sleep 600")
    jobs = bench.path("jobs")
    jobs.mkdir()
    (jobs / "10-daemon.toml").write_text('command = "sleep 900 & sleep 900"\nstage = "before-rep"\n')
    container = Container(bench, CELL, "bash", "-c", script, flags=cell_flags(port, "-v", f"{jobs}:/etc/cf-mesos/jobs.d:ro"))
    wait_for("the rep's /ping", lambda: answers(f"http://127.0.0.1:{port}/ping"))
    expect(any("sleep 900" in line for line in processes(container).values()), "the job to run", processes(container))
    shell = next(pid for pid, line in processes(container).items() if line.startswith("bash -c"))
    begun = time.monotonic()
    os.kill(shell, 10)
    wait_for("the cell's end", lambda: "GONE WITH" in container.log(), 10)
    took = time.monotonic() - begun
    expect("GONE WITH 0" in container.log(), "exit code 0 of diego-cell", container.log()[-300:])
    left = [line for line in processes(container).values() if "sleep 900" in line or "diego-" in line.split()[0]]
    expect_equal(left, [], "processes that it left")
    expect(took <= 2, "its end within 2 s", f"{took:.1f} s")
    print(f"    ended {took:.2f} s after SIGTERM", file=sys.stderr)


@case("a dead rep ends the cell with status 71")
def _(bench):
    port = free_port()
    container = Container(bench, CELL, "diego-cell", flags=cell_flags(port))
    wait_for("the rep's /ping", lambda: answers(f"http://127.0.0.1:{port}/ping"))
    os.kill(next(pid for pid, line in processes(container).items() if line.startswith("diego-local rep")), 9)
    expect_equal(container.wait(10), 71, "exit code")
    expect("the cell ends: process=rep killed by signal 9" in container.log(), "the reason in its log", container.log())


@case("a cell that is not told how much it has does not start")
def _(_bench):
    done = in_image(CELL, "diego-cell", flags=["-e", "CELL_ID=c", "-e", "REP_LISTEN=127.0.0.1:1"])
    expect(done.returncode == 2 and "CELL_MEMORY_MB: is not set" in done.stderr, "status 2 and one line", done.stderr)


def executor_in_container(bench):
    """What Mesos's docker containerizer does with the ExecutorInfo, as a program for diego-local's agents."""
    path = bench.path("executor-in-container")
    path.write_text(f"""#!/bin/sh
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ DOCKER_HOST='{os.environ.get('DOCKER_HOST', '')}'
[ -n "$DOCKER_HOST" ] || unset DOCKER_HOST
variables=$(env | sed -n 's/^\\(MESOS_[A-Z_]*\\|DIEGO_MESOS_[A-Z_]*\\)=.*/-e \\1/p' | grep -v MESOS_SANDBOX)
exec docker run --rm --network host --label {LABEL} -v "$MESOS_SANDBOX:/mnt/mesos/sandbox" \\
  -e MESOS_SANDBOX=/mnt/mesos/sandbox $variables {CELL} diego-executor
""")
    path.chmod(0o755)
    return path


def containers():
    return docker("ps", "-q", "--filter", f"label={LABEL}").stdout.split()


@case("an app posted to the scheduler's image runs in a cell's container within 5 s, and both go without a trace")
def _(bench):
    cluster = LocalCluster(bench, agents=1, flags=["--executor-shutdown-grace", "10s"])
    port = free_port()
    scheduler = Container(bench, SCHEDULER, "--master", f"http://{cluster.master}", "--user", own_user(), "--executor",
                          executor_in_container(bench), "--cell-containerizer", "none", "--cell-command",
                          "exec diego-cell", "--cell-rep-url", "auto", "--cell-idle-timeout", "2s", "--bridge-listen",
                          f"127.0.0.1:{port}")
    bench.on_close(lambda: docker("rm", "-f", *containers(), check=False))
    bridge = f"http://127.0.0.1:{port}"
    wait_for("/readyz 200", lambda: answers(bridge + "/readyz"))
    # The words of test/lib's Scheduler, around one that runs elsewhere.
    asked = Scheduler.__new__(Scheduler)
    asked.bridge, asked.master = bridge, cluster.master
    begun = time.monotonic()
    asked.post_lrps(lrp("app", [0, 1]))
    asked.wait_states({"app.0": "running", "app.1": "running"}, 20)
    took = time.monotonic() - begun
    expect_equal(len(containers()), 2, "containers of the scheduler and of the cell")
    sandbox = next(bench.dir.rglob("cell.stderr")).parent
    expect((sandbox / "rep.stderr.log").exists(), "the rep's log in the sandbox", sorted(p.name for p in sandbox.iterdir()))
    for key in ("app/0", "app/1"):
        asked.delete(f"/v1/lrps/{key}")
    wait_for("the idle cell's end", lambda: containers() == [scheduler.id[:12]], 20)
    scheduler.kill("TERM")
    expect_equal(scheduler.wait(10), 0, "exit code of the scheduler")
    expect(took <= 5, "instances running within 5 s", f"{took:.1f} s")
    print(f"    cold start: {took:.2f} s from POST to RUNNING", file=sys.stderr)


def main():
    binaries = None
    if "--binaries" in sys.argv:
        at = sys.argv.index("--binaries")
        binaries = sys.argv[at + 1]
        del sys.argv[at:at + 2]
        os.environ.setdefault("DIEGO_MESOS_BIN", binaries)
    registered = list(cases._cases)
    cases._cases.clear()
    add_case("the images are built", build(binaries))
    for image, name in ((SCHEDULER, "scheduler"), (CELL, "cell")):
        add_case(f"the {name} image is at most {SIZE_MAX_MB[image]} MB", size(image))
        add_contents(image, f"diego-{'scheduler' if image == SCHEDULER else 'executor'}")
    add_programs()
    cases._cases.extend(registered)
    try:
        cases.main(__doc__)
    finally:
        docker("rmi", SCHEDULER, CELL, check=False)


if __name__ == "__main__":
    main()
