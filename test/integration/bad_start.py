#!/usr/bin/env python3
"""What diego-scheduler says and does when it cannot start as it was told, or cannot work yet."""
import os
import pathlib
import resource
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from fake_master import BadMaster, refuse_with
from cases import add_case, case, main
from cluster import LocalCluster, Scheduler, lrp
from programs import cpu_seconds, expect, expect_equal, free_port, listens, program, wait_for
from small_disk import with_small_disk

USAGE = 2  # A bad flag or a setting that cannot work.

# (what, flags, a word of the one line)
BAD_FLAGS = [
    ("an unknown flag", ["--nosuch"], "nosuch"),
    ("a flag without its value", ["--master"], "master"),
    ("a duration without a unit", ["--offer-hold", "5"], "offer-hold"),
    ("a number that is none", ["--cell-mem-mb", "much"], "cell-mem-mb"),
    ("a number below its range", ["--launch-attempts", "-1"], "launch-attempts"),
    ("an unknown codec", ["--mesos-codec", "xml"], "mesos-codec"),
    ("an unknown strategy", ["--strategy", "best"], "strategy"),
    ("an unknown containerizer", ["--cell-containerizer", "lxc"], "cell-containerizer"),
    ("an address that is none", ["--bridge-listen", "nonsense"], "bridge-listen"),
    ("a port out of range", ["--bridge-listen", "127.0.0.1:99999"], "bridge-listen"),
    ("a master that is no address", ["--master", "http://"], "master"),
    ("a config file that is not there", ["--config", "/nonexistent/diego.toml"], "/nonexistent/diego.toml"),
    ("a secret file that is not there", ["--mesos-principal", "p", "--mesos-secret-file", "/nonexistent/secret"],
     "/nonexistent/secret"),
    ("an open bridge without protection", ["--bridge-listen", "0.0.0.0:0"], "bridge-insecure"),
]


def launch(bench, *flags, env=None, preexec=None):
    """Runs it to its end: (code, lines). The flags come last, so they win where a flag may be given twice."""
    given = set(f for f in flags if f.startswith("--"))
    basis = {"--master": "http://127.0.0.1:1", "--bridge-listen": "127.0.0.1:0", "--state-dir": str(bench.path("state")),
             "--executor": program("diego-executor"), "--cell-containerizer": "none", "--cell-command": "exec true"}
    argv = [program("diego-scheduler")]
    for name, value in basis.items():
        if name not in given:
            argv += [name, value]
    started = bench.start("diego-scheduler", [*argv, *flags], env=env, preexec=preexec)
    return started.wait(10), started.lines()


def refuses(flags, word):
    def check(bench):
        code, lines = launch(bench, *flags)
        expect_equal(code, USAGE, "exit code")
        expect(len(lines) == 1 and word in lines[0], f"one line with '{word}'", lines)
    return check


for what, bad_flags, needle in BAD_FLAGS:
    add_case(f"{what} is one line and exit {USAGE}", refuses(bad_flags, needle))


@case("a bad value in the environment is one line that names it, and exit 2")
def _(bench):
    code, lines = launch(bench, env={**os.environ, "DIEGO_MESOS_OFFER_HOLD": "soon"})
    expect_equal(code, USAGE, "exit code")
    expect(len(lines) == 1 and ("offer-hold" in lines[0] or "OFFER_HOLD" in lines[0]), "one line that names it", lines)


@case("a busy port is one line that names it, and exit 2")
def _(bench):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, lines = launch(bench, "--bridge-listen", f"127.0.0.1:{port}")
    expect_equal(code, USAGE, "exit code")
    complaints = [line for line in lines if str(port) in line]
    expect(len(complaints) == 1 and "in use" in complaints[0], "one line: the port, in use", lines)


@case("a second scheduler on the same state directory is refused with one line")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    first = Scheduler(bench, cluster.master)
    code, lines = launch(bench, "--master", f"http://{cluster.master}", "--state-dir", str(first.state_dir))
    expect_equal(code, USAGE, "exit code")
    expect(any(str(first.state_dir) in line for line in lines), "a line that names the state directory", lines)
    expect(first.ready(), "the first one still ready")


@case("a state directory that cannot be made is one line that names it, and exit 2")
def _(bench):
    bench.path("file").write_text("")
    code, lines = launch(bench, "--state-dir", str(bench.path("file") / "below"))
    expect_equal(code, USAGE, "exit code")
    expect(len(lines) == 1 and "file/below" in lines[0], "one line that names it", lines)


@case("--help prints to stdout and exits 0, in every program; so does --version of diego-scheduler")
def _(bench):
    for argv in (["diego-scheduler", "--help"], ["diego-executor", "--help"], ["diego-local", "--help"],
                 ["diego-local", "rep", "--help"], ["diego-scheduler", "--version"]):
        done = subprocess.run([program(argv[0]), *argv[1:]], capture_output=True, text=True, timeout=10, check=False)
        expect(done.returncode == 0 and done.stdout.strip() and not done.stderr, f"{' '.join(argv)} on stdout, exit 0",
               (done.returncode, done.stdout[:100], done.stderr[:200]))
    text = subprocess.run([program("diego-scheduler"), "--help"], capture_output=True, text=True, check=False).stdout
    expect("--bridge-listen" in text and "127.0.0.1:9016" in text, "--help with flags and defaults", text[:300])


def not_spinning(scheduler, seconds=3.0, share=0.1):
    before, begun = cpu_seconds(scheduler.program.pid), time.monotonic()
    time.sleep(seconds)  # The measure itself.
    used = cpu_seconds(scheduler.program.pid) - before
    expect(used <= share * (time.monotonic() - begun), f"at most {share:.0%} of a processor", f"{used:.2f} s in {seconds} s")


def lines_with(scheduler, *words):
    return [line for line in scheduler.program.lines() if any(word in line for word in words)]


@case("an unreachable master: a clear line, not ready, no spin, and it connects when the master comes")
def _(bench):
    port = free_port()
    scheduler = Scheduler(bench, f"127.0.0.1:{port}", wait_ready=False)
    wait_for("the bridge", lambda: listens(scheduler.bridge_port))
    wait_for("a line that names the master", lambda: lines_with(scheduler, f"127.0.0.1:{port}"))
    expect_equal(web.get(scheduler.bridge + "/readyz").status, 503, "GET /readyz")
    expect_equal(web.get(scheduler.bridge + "/healthz").status, 200, "GET /healthz")
    scheduler.post_lrps(lrp("early", [0]))
    not_spinning(scheduler)
    expect(len(lines_with(scheduler, "refused")) <= 15, "a line per attempt, with backoff", scheduler.program.lines())
    expect(scheduler.program.running(), "it to keep trying")

    local = bench.start("diego-local", [program("diego-local"), "--port", str(port), "--agents", "1",
                                        "--work-dir", bench.path("local-work")])
    scheduler.wait_ready(40)
    scheduler.wait_states({"early.0": "running"})
    expect(local.running(), "diego-local running")


@case("a wrong secret: a clear line, not ready, no spin")
def _(bench):
    secret = bench.path("secret")
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    master = BadMaster(bench, free_port(), refuse_with(
        "401 Unauthorized", "401 Unauthorized.", b'WWW-Authenticate: Basic realm="mesos-master-scheduler"\r\n'))
    scheduler = Scheduler(bench, master.address, wait_ready=False,
                          flags=["--mesos-principal", "diego", "--mesos-secret-file", str(secret)])
    wait_for("an attempt to subscribe", master.subscribes)
    def said():
        return lines_with(scheduler, "401", "unauthori", "Unauthori")
    wait_for("a line that says so", said)
    expect(all("wrong" not in line for line in scheduler.program.lines()), "the secret never logged")
    # At the first subscription it is a configuration error.
    expect_equal(scheduler.program.wait(10), 2, "the exit code")


@case("the secret is sent as Basic credentials without its line end")
def _(bench):
    import base64
    seen = []
    def answer(request, peer):
        seen.append(request.headers.get("authorization"))
        return refuse_with("503 Service Unavailable", "No leader elected")(request, peer)
    secret = bench.path("secret")
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    master = BadMaster(bench, free_port(), answer)
    Scheduler(bench, master.address, wait_ready=False,
              flags=["--mesos-principal", "diego", "--mesos-secret-file", str(secret)])
    wait_for("an attempt to subscribe", lambda: seen)
    expect_equal(seen[0], "Basic " + base64.b64encode(b"diego:s3cret").decode(), "Authorization")


@case("a full disk under --state-dir at start is one line that names it, and exit 2")
@with_small_disk(1)
def _(bench, disk):
    disk.fill()
    code, lines = launch(bench, "--state-dir", str(disk.path / "state"))
    expect(code in (1, 2), "exit 2", f"{code}: {lines}")
    expect(len(lines) == 1 and str(disk.path) in lines[0], "one line that names it", lines)


@case("a state file that may not grow at all is one line, and no crash")
def _(bench):
    def small_files():
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # The log is a file too: read what it says through a pipe.
    done = subprocess.run(
        [program("diego-scheduler"), "--master", "http://127.0.0.1:1", "--bridge-listen", "127.0.0.1:0", "--state-dir",
         str(bench.path("state")), "--executor", program("diego-executor"), "--cell-containerizer", "none",
         "--cell-command", "exec true"], capture_output=True, text=True, timeout=10, check=False,
        preexec_fn=small_files)
    expect(done.returncode in (1, 2), "exit 2", f"{done.returncode}: {done.stderr[-300:]}")
    lines = (done.stdout + done.stderr).splitlines()
    expect(len(lines) == 1 and "state" in lines[0], "one line that names it", lines)


if __name__ == "__main__":
    main(__doc__)
