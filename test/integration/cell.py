#!/usr/bin/env python3
"""diego-cell as a process: what starts beside the rep, what its end says, and what the scheduler's flags tell it."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, clean_environment, lrp
from programs import expect, expect_equal, free_port, program, wait_for

# Has no leader for the first three questions; says when it begins and ends.
CONSUL = """#!/usr/bin/env python3
import http.server, pathlib, signal, sys
folder = pathlib.Path(sys.argv[2].removeprefix("-config-dir="))
def say(word):
    with open(folder / "story", "a") as story:
        print(word, file=story)
def end(*_):
    say("ends")
    sys.exit(0)
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        self.send_response(200 if self.path == "/v1/status/leader" and Handler.asked > 3 else 500)
        self.end_headers()
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, end)
say("begins " + " ".join(sys.argv[1:]))
http.server.HTTPServer(("127.0.0.1", int((folder / "port").read_text())), Handler).serve_forever()
"""


def cell_of(bench, rep_port, *flags):
    environment = {**clean_environment(), "CELL_ID": "cell-1", "CELL_MEMORY_MB": "512", "CELL_DISK_MB": "512",
                   "REP_LISTEN": f"127.0.0.1:{rep_port}", "MESOS_SANDBOX": str(bench.dir)}
    return bench.start("diego-cell", [program("diego-cell"), "--packages", bench.path("packages"), "--data", bench.path("data"),
                                      "--jobs", bench.path("jobs"), "--stand-in", program("diego-local"), *flags],
                       env=environment)


def answers(url):
    try:
        return web.get(url).status == 200
    except OSError:
        return False


@case("Consul's agent is up before the rep starts, and ends after it")
def _(bench):
    consul = bench.path("packages") / "consul" / "bin" / "consul"
    consul.parent.mkdir(parents=True)
    consul.write_text(CONSUL)
    consul.chmod(0o755)
    config = bench.path("consul.d")
    config.mkdir()
    consul_port, rep_port = free_port(), free_port()
    (config / "port").write_text(str(consul_port))
    cell = cell_of(bench, rep_port, "--consul-config", config, "--consul-http", f"127.0.0.1:{consul_port}")
    wait_for("the rep's /ping", lambda: answers(f"http://127.0.0.1:{rep_port}/ping"))
    wait_for("the cell to be complete", lambda: "the cell is complete" in cell.text())
    expect_equal(cell.stop(), 0, "exit code")
    seen = re.findall(r"(up|ended) process=(\w+)", cell.text())
    expect_equal(seen, [("up", "consul"), ("up", "rep"), ("ended", "rep"), ("ended", "consul")], "what came up and ended")
    expect_equal((config / "story").read_text().splitlines(),
                 [f"begins agent -config-dir={config} -data-dir={bench.path('data')}/consul", "ends"], "Consul's story")


@case("Consul's agent that is asked for and not there is one line")
def _(bench):
    cell = cell_of(bench, free_port(), "--consul-config", bench.dir)
    expect_equal(cell.wait(10), 2, "exit code")
    expect_equal(cell.lines(), [f"diego-cell: --consul-config {bench.dir}: there is no program consul in "
                                f"{bench.path('packages')}"], "what it said")


@case("the end of a cell says what its process complained of last")
def _(bench):
    bench.path("jobs").mkdir()
    (bench.path("jobs") / "10-route-emitter.toml").write_text(
        'command = "echo starting >&2; echo no nats >&2; exit 3"\nrestart = "cell"\n')
    cell = cell_of(bench, free_port())
    expect_equal(cell.wait(20), 72, "exit code")
    expect('process=route-emitter exited with status 3 stderr="no nats"' in cell.text(), "why", cell.lines()[-5:])


@case("root file systems of the scheduler's flags are placed by before a cell is up, and offered by its rep")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    command = (f"exec {program('diego-cell')} --packages {bench.path('none')} --jobs {bench.path('none')} "
               f"--stand-in {program('diego-local')}")
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s", flags=[
        "--cell-command", command, "--cell-rootfs", "cflinuxfs4:/fs4.tar", "--cell-rootfs", "cflinuxfs3:/fs3.tar",
        "--cell-rootfs", "docker", "--placement-timeout", "500ms"])
    scheduler.post_lrps(lrp("windows", [0], RootFs="preloaded:windows"))
    wait_for("the refusal in Diego's words", lambda: "found no compatible cell for required rootfs" in
             scheduler.instances()["windows.0"]["reason"])
    expect_equal([cell["state"] for cell in scheduler.cells() if cell["state"] != "none"], [], "cells started for it")
    scheduler.post_lrps(lrp("four", [0]), lrp("three", [0], RootFs="preloaded:cflinuxfs3"),
                        lrp("image", [0], RootFs="docker:///alpine"))
    scheduler.wait_states({"four.0": "running", "three.0": "running", "image.0": "running"})
    rep = wait_for("the rep's word", lambda: scheduler.cells()[0]["rep"])
    stacks = {text.partition(":")[2] for text in rep["rootfs"] if text.startswith("preloaded:")}
    expect_equal(stacks, {"cflinuxfs4", "cflinuxfs3"}, "preloaded root file systems of the rep")
    expect(scheduler.instances()["windows.0"]["state"] == "queued", "the other to wait", scheduler.states())


if __name__ == "__main__":
    main(__doc__)
