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

import engine
import stories
from engine import CELL, SCHEDULER, TAG, Container, answers, docker, in_image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "lib"))
import cases
from cases import add_case, case
from cluster import clean_environment
from programs import Skipped, bin_dir, expect, expect_equal, free_port, wait_for

SIZE_MAX_MB = {SCHEDULER: 120, CELL: 150}


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
    for image, program, has_version in ((SCHEDULER, "diego-scheduler", True), (SCHEDULER, "diego-ctl", True),
                                        (SCHEDULER, "diego-place", False),
                                        (CELL, "diego-executor", False), (CELL, "diego-cell", True),
                                        (CELL, "diego-local", False)):
        for words in (["--help"], ["--no-such-flag"], *([["--version"]] if has_version else [])):
            add_case(f"{program} {words[0]} is in the image what it is outside", same_as_outside(image, program, words))


def add_image(image, name):
    def size(_bench):
        megabytes = int(docker("image", "inspect", "-f", "{{.Size}}", image).stdout) / 1e6
        expect(megabytes <= SIZE_MAX_MB[image], f"at most {SIZE_MAX_MB[image]} MB", f"{megabytes:.0f} MB")

    def contents(_bench):
        labels = json.loads(docker("image", "inspect", "-f", "{{json .Config.Labels}}", image).stdout)
        for key in ("title", "description", "licenses", "version", "revision", "base.name", "base.digest"):
            expect(labels.get(f"org.opencontainers.image.{key}"), f"a label {key}", labels)
        listing = in_image(image, "/usr/share/doc/diego-mesos/sbom.txt", flags=["--entrypoint", "/bin/cat"]).stdout
        for word in (f"/usr/bin/{name} ", "libssl3 ", "tini ", "libc6 "):
            expect(any(line.startswith(word) for line in listing.splitlines()), f"{word}in the listing", listing[:200])

    add_case(f"the image {name} is at most {SIZE_MAX_MB[image]} MB", size)
    add_case(f"the image {name} says what it is and what is in it", contents)


@case("the scheduler runs as nobody, on a read-only root, without capabilities, and is healthy")
def _(bench):
    port = free_port()
    container = Container(bench, SCHEDULER, "--master", f"http://127.0.0.1:{free_port()}", "--cell-image", "x",
                          "--bridge-listen", f"127.0.0.1:{port}",
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


def add_packages_check(binaries):
    """Of images/build, with programs by name only."""
    def test(bench):
        folder = bench.path("packages")
        for name in ("rep", "gdn", "dadoo", "init"):
            program = folder / name / "bin" / name
            program.parent.mkdir(parents=True)
            program.write_text("#!/bin/sh\n[ \"$1\" = -v ] && echo 1.2 beta\n")  # As gdn is asked.
            program.chmod(0o755)
        tag = f"{TAG}-packages"
        words = [str(ROOT / "images" / "build"), "cell", "--tag", tag, "--packages", str(folder),
                 *(["--binaries", binaries] if binaries else [])]
        bench.on_close(lambda: docker("rmi", f"diego-cell:{tag}", check=False))
        refused = subprocess.run(words, capture_output=True, text=True, check=False)
        expect(refused.returncode == 2 and "nothing named nstar in it" in refused.stderr, "nstar to be missed",
               refused.stderr[-300:])
        (folder / "gdn" / "bin" / "nstar").write_text("#!/bin/sh\n")
        (folder / "gdn" / "bin" / "nstar").chmod(0o755)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        expect_equal(done.returncode, 0, f"exit code of images/build ({done.stderr[-300:]})")
        listing = in_image(f"diego-cell:{tag}", "/usr/share/doc/diego-mesos/sbom.txt", flags=["--entrypoint", "/bin/cat"])
        expect("/var/vcap/packages/gdn/bin/gdn 1.2_beta sha256:" in listing.stdout, "gdn's version in the listing",
               listing.stdout[-400:])
    add_case("Diego's packages are checked when the image is built, and listed in it", test)


# Garden's networks would be the machine's: it is told that there are none.
NO_NETWORK = """#!/bin/sh
case " $* " in
  *" --action up "*) echo '{"properties":{"garden.network.container-ip":"127.0.0.1","garden.network.host-ip":"127.0.0.1"}}' ;;
  *) echo '{}' ;;
esac
"""


def run_or_skip(*words):
    try:
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Skipped(f"there is no {words[0]}") from None
    if done.returncode != 0:
        raise Skipped(f"{words[0]}: {done.stderr.strip()}")


def xfs_folder(bench):
    """A cell's data, with grootfs's store on an XFS. No quota: not all kernels have it, and no image is made here."""
    file, store = bench.path("xfs"), bench.path("data") / "grootfs" / "store"
    store.mkdir(parents=True)
    with open(file, "wb") as out:
        out.truncate(2 << 30)
    run_or_skip("mkfs.xfs", "-q", file)
    run_or_skip("mount", "-o", "loop", file, store)
    bench.on_close(lambda: subprocess.run(["umount", str(store)], check=False))
    return bench.path("data")


def add_garden(binaries, packages):
    """Garden of CELL_PACKAGES. Without a BBS the rep gives up, so that is as far as a cell gets here."""
    def test(bench):
        if not packages:
            raise Skipped("no CELL_PACKAGES")
        tag = f"{TAG}-garden"
        words = [str(ROOT / "images" / "build"), "cell", "--tag", tag, "--packages", packages,
                 *(["--binaries", binaries] if binaries else [])]
        bench.on_close(lambda: docker("rmi", f"diego-cell:{tag}", check=False))
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        expect_equal(done.returncode, 0, f"exit code of images/build ({done.stderr[-300:]})")
        certificates = bench.path("certs")
        certificates.mkdir()
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=rep",
                               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{certificates}/key", "-out",
                               f"{certificates}/cert"], capture_output=True, text=True, check=False)
        expect_equal(made.returncode, 0, f"exit code of openssl ({made.stderr[-200:]})")
        bench.path("net").write_text(NO_NETWORK)
        bench.path("net").chmod(0o755)
        variables = {"REP_CA": "/certs/cert", "REP_CERT": "/certs/cert", "REP_KEY": "/certs/key", "PREFLIGHT": "warn",
                     "GARDEN_NETWORK_PLUGIN": "/net", "BBS_URL": "https://127.0.0.1:1", "LOCKET_ADDRESS": "127.0.0.1:1"}
        container = Container(
            bench, f"diego-cell:{tag}", "diego-cell", flags=[
                *cell_flags(free_port(), "-e", f"REP_ADMIN_LISTEN=127.0.0.1:{free_port()}"), *GARDEN_RIGHTS,
                *(word for name, value in variables.items() for word in ("-e", f"DIEGO_MESOS_{name}={value}")),
                "-v", f"{xfs_folder(bench)}:/var/vcap/data", "-v", f"{certificates}:/certs:ro",
                "-v", f"{bench.path('net')}:/net:ro"])
        wait_for("garden", lambda: "up process=garden" in container.log() or not container.running(), 30)
        expect("up process=garden" in container.log(), "garden to come up", container.log()[-800:])
        container.kill("TERM")
        expect_equal(container.wait(30), 0, "exit code")
        expect("ended process=garden: exited with status 0" in container.log(), "garden to end well", container.log()[-500:])
    add_case("Diego's garden comes up with the rights that the documentation names, and ends", test)


# As docs/running.md has them, for garden without networks of its own.
GARDEN_RIGHTS = ["--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined",
                 "--security-opt", "systempaths=unconfined", "--device", "/dev/fuse", "--device-cgroup-rule", "c 10:200 rwm"]


@case("the cell's preflight says that there are no packages of Diego's, and that a cell would run")
def _(_bench):
    done = in_image(CELL, "diego-cell", "preflight", flags=cell_flags(1))
    expect(re.search(r"^warn +Diego's packages", done.stdout, re.M), "a line about the packages", done.stdout)
    expect_equal(done.returncode, 0, "its exit code")


@case("the preflight that is given the engine's socket looks at the engine, too")
def _(_bench):
    done = in_image(CELL, "diego-cell", "preflight", flags=[*cell_flags(1), "-v", f"{engine.socket_path()}:/var/run/docker.sock"])
    level = "ok" if engine.cgroup_driver() == "cgroupfs" else "warn"
    expect(re.search(f"^{level} +Docker's cgroup driver cgroupfs", done.stdout, re.M), "a line about its driver", done.stdout)
    version = docker("version", "-f", "{{.Server.APIVersion}}").stdout.strip()
    expect(f" Docker's API {version} for Mesos" in done.stdout, "a line about its API", done.stdout)


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


def main():
    binaries = None
    if "--binaries" in sys.argv:
        at = sys.argv.index("--binaries")
        binaries = sys.argv[at + 1]
        del sys.argv[at:at + 2]
        os.environ.setdefault("DIEGO_MESOS_BIN", binaries)
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    # For the cases that want them; the others are about images without.
    packages = os.environ.pop("CELL_PACKAGES", "")
    try:
        if not cases.run_one("the images are built", build(binaries)):
            sys.exit(1)
        for image, name in ((SCHEDULER, "diego-scheduler"), (CELL, "diego-cell")):
            add_image(image, name)
        add_programs()
        add_packages_check(binaries)
        add_garden(binaries, packages)
        try:
            cases.main(__doc__)
        except SystemExit as ended:
            good = not ended.code
        else:
            good = True
        good = stories.run_stories(words) and good
        sys.exit(0 if good else 1)
    finally:
        docker("rmi", SCHEDULER, CELL, check=False)


if __name__ == "__main__":
    main()
