#!/usr/bin/env python3
"""The BBS stand-in with the rep stand-in: as part of a whole cluster, and with certificates."""
import http.server
import json
import pathlib
import re
import ssl
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import case, main
from cluster import BbsStandIn, LocalCluster, Scheduler, clean_environment, lrp
from programs import expect, expect_equal, free_port, program, wait_for


@case("auctions that reach nobody come again with convergence")
def _(bench):
    port = free_port()
    bbs = BbsStandIn(bench, port, convergence="1s")
    bbs.desire("app", 2)
    wait_for("a line that says so", lambda: "left to convergence: connection refused" in bbs.program.text())
    cluster = LocalCluster(bench)
    Scheduler(bench, cluster.master, bridge_port=port, bbs=bbs)
    bbs.wait_running("app", 2)


@case("a cell is at the BBS from its start to its end")
def _(bench):
    port = free_port()
    cluster = LocalCluster(bench, agents=1)
    bbs = BbsStandIn(bench, port)
    scheduler = Scheduler(bench, cluster.master, bridge_port=port, bbs=bbs, idle_timeout="1s")

    def cells():
        return {cell["cell_id"] for cell in web.get_json(bbs.door + "/cells")["cells"]}
    bbs.desire("app", 1)
    rows = bbs.wait_running("app", 1)
    expect_equal(cells(), {rows["app.0"]["cell_id"]}, "cells")
    bbs.remove("app")
    wait_for("the cell to end, and its presence with it", lambda: not cells(), 30)
    expect(not [cell for cell in scheduler.cells() if cell["state"] == "up"], "no cell up", scheduler.cells())


@case("a container that the BBS has running elsewhere is dropped by its cell")
def _(bench):
    port = free_port()
    cluster = LocalCluster(bench, agents=1)
    bbs = BbsStandIn(bench, port)
    Scheduler(bench, cluster.master, bridge_port=port, bbs=bbs, idle_timeout="60s")
    bbs.desire("app", 1)
    row = bbs.wait_running("app", 1)["app.0"]
    rep, = [cell["rep_url"] for cell in web.get_json(bbs.door + "/cells")["cells"]]
    work = {"LRPs": [dict(lrp("app", []), instance_guid="", index=0, state="")], "Tasks": None, "cell_id": row["cell_id"]}
    expect_equal(json.loads(web.post_json(rep + "/work", work).body), {"LRPs": None, "Tasks": None}, "what the rep refused")

    def held():
        return [one["instance_guid"] for one in web.get_json(rep + "/state")["LRPs"]]
    wait_for("the first container alone", lambda: held() == [row["instance_guid"]])


@case("a cancelled Task is ended by its cell")
def _(bench):
    port = free_port()
    cluster = LocalCluster(bench, agents=1)
    bbs = BbsStandIn(bench, port)
    scheduler = Scheduler(bench, cluster.master, bridge_port=port, bbs=bbs, idle_timeout="60s", task_duration="1h")
    bbs.desire_task("job")
    wait_for("the Task to run", lambda: bbs.tasks()["job"]["state"] == "Running")
    scheduler.wait_states({"job": "running"})
    expect_equal(web.request("DELETE", bbs.door + "/desired/tasks/job").status, 200, "DELETE")
    expect_equal(bbs.tasks()["job"]["failure_reason"], "task was cancelled", "why it failed")
    scheduler.wait_states({"job": ("stopped", "failed", "lost")})


# ---- Certificates

def certificates(folder):
    """An authority, and one certificate for servers and clients on 127.0.0.1, as a rep's is."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    folder.mkdir()
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "cell.key", "-out", "cell.csr", "-subj", "/CN=cell")
    (folder / "cell.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    openssl("x509", "-req", "-in", "cell.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "cell.ext", "-out", "cell.pem")
    return folder


class Auctioneer:
    """Takes auctions with mutual TLS, and gives each instance to one rep as Diego's auctioneer would."""

    def __init__(self, folder):
        self.server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_side.load_cert_chain(folder / "cell.pem", folder / "cell.key")
        self.server_side.load_verify_locations(folder / "ca.pem")
        self.server_side.verify_mode = ssl.CERT_REQUIRED
        self.client_side = ssl.create_default_context(cafile=folder / "ca.pem")
        self.client_side.load_cert_chain(folder / "cell.pem", folder / "cell.key")
        self.rep, self.cell, outer = None, None, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                starts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if outer.rep and self.path == "/v1/lrps":
                    outer.give(starts)
                self.send_response(202)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = self.server_side.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def give(self, starts):
        work = {"LRPs": [dict(s, instance_guid="", index=i, state="") for s in starts for i in s["indices"]],
                "Tasks": None, "cell_id": self.cell}
        with urllib.request.urlopen(self.rep + "/work", json.dumps(work).encode(), timeout=10, context=self.client_side):
            pass


@case("with certificates: BBS, auctioneer and rep speak TLS, and show theirs to each other")
def _(bench):
    folder = certificates(bench.path("certs"))
    auctioneer = Auctioneer(folder)
    cert, key, ca = (str(folder / name) for name in ("cell.pem", "cell.key", "ca.pem"))
    own = ["--tls-cert", str(folder / "cell.pem"), "--tls-key", str(folder / "cell.key"), "--tls-ca", str(folder / "ca.pem")]
    bbs = bench.start("diego-bbs", [
        program("diego-local"), "bbs", "--listen", "127.0.0.1:0", "--door", "127.0.0.1:0", "--auctioneer", auctioneer.url, *own,
        *[flag.replace("--tls", "--client") for flag in own]], env=clean_environment())
    url, door = wait_for("the BBS ready", lambda: re.search(r"bbs (https://\S+) door (http://\S+) ready", bbs.text())).groups()
    rep = f"https://127.0.0.1:{free_port()}"
    bench.start("rep", [program("diego-local"), "rep", "--listen", rep.removeprefix("https://"), "--cell-id", "cell-tls", *own,
                        "--bbs-url", url, "--bbs-door", door], env=clean_environment())

    def cells():
        return [cell["rep_url"] for cell in web.get_json(door + "/cells")["cells"]]

    def states():
        return [row["state"] for row in web.get_json(door + "/actual/lrps")["actual_lrps"]]
    wait_for("the cell at the BBS", lambda: cells() == [rep])
    auctioneer.rep, auctioneer.cell = rep, "cell-tls"
    web.request("PUT", door + "/desired/lrps/app", b'{"instances":2}')
    wait_for("both instances running", lambda: states() == ["RUNNING", "RUNNING"])
    web.request("DELETE", door + "/desired/lrps/app")
    wait_for("both stopped", lambda: states() == [])

    stranger = ssl.create_default_context(cafile=folder / "ca.pem")  # Without a certificate of its own.
    try:
        urllib.request.urlopen(urllib.request.Request(url + "/v1/ping", method="POST", data=b""), timeout=10, context=stranger)
        refused = False
    except OSError:
        refused = True
    expect(refused, "a client without a certificate to be refused", "an answer")
    auctioneer.server.shutdown()


if __name__ == "__main__":
    main(__doc__)
