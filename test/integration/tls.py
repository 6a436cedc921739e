#!/usr/bin/env python3
"""TLS of the programs: what they say at start about certificates that cannot work, and how diego-scheduler's bridge
speaks, refuses and renews. Certificates are made here by the openssl program."""
import pathlib
import signal
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import add_case, case, main
from certificates import Certificates
from cluster import clean_environment, own_user
from programs import Failed, expect, expect_equal, free_port, program, wait_for

USAGE = 2


class Bridge:
    """A diego-scheduler whose bridge speaks TLS. There is no master."""

    def __init__(self, bench, made, flags=()):
        self.made, self.port = made, free_port()
        argv = [program("diego-scheduler"), "--master", "http://127.0.0.1:1", "--state-dir", str(bench.path("state")),
                "--user", own_user(), "--executor", program("diego-executor"), "--cell-containerizer", "none",
                "--cell-command", "exec true", "--bridge-listen", f"127.0.0.1:{self.port}", "--bridge-cert",
                made("server.pem"), "--bridge-key", made("server.key"), "--bridge-ca", made("ca.pem"), *flags]
        self.program = bench.start("diego-scheduler", argv, env=clean_environment())
        def speaks():
            if not self.program.running():
                raise Failed("diego-scheduler to run", self.program.lines()[-3:])
            return self.status() == 200
        wait_for("the bridge to answer over TLS", speaks)

    def connect(self, own="client", name="auctioneer.service.cf.internal"):
        context = ssl.create_default_context(cafile=self.made("ca.pem"))
        if own:
            context.load_cert_chain(self.made(f"{own}.pem"), self.made(f"{own}.key"))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return context.wrap_socket(plain, server_hostname=name)

    @staticmethod
    def ask(peer):
        """The status of GET /healthz on this connection."""
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = b""
        while b'"}' not in answer:
            some = peer.recv(4096)
            if not some:
                raise OSError("closed")
            answer += some
        return int(answer.split()[1])

    def status(self, **how):
        """Of one request, or None where there is no answer."""
        try:
            with self.connect(**how) as peer:
                return self.ask(peer)
        except OSError:
            return None

    def lines(self, *words):
        return [line for line in self.program.lines() if all(word in line for word in words)]

    def renew(self):
        self.program.process.send_signal(signal.SIGHUP)


@case("only clients of the authority are served; the log says why another is not")
def _(bench):
    bridge = Bridge(bench, Certificates(bench))
    expect_equal(bridge.status(), 200, "a client of the authority")
    expect_equal(bridge.status(own=None), None, "a client without a certificate")
    expect_equal(bridge.status(own="stranger"), None, "a stranger")
    expect_equal(bridge.status(name="other.test"), None, "a client that wants another name")
    wait_for("a line about those refused", lambda: bridge.lines("TLS: connection refused", "reason="))
    expect(len(bridge.lines("TLS: connection refused")) == 1, "one line for all within ten seconds", bridge.program.lines())


@case("SIGHUP renews the certificates; a connection that is open goes on")
def _(bench):
    made = Certificates(bench)
    made.make("renewed", names="DNS:renewed.test", usage="serverAuth")
    bridge = Bridge(bench, made)
    with bridge.connect() as before:
        expect_equal(bridge.ask(before), 200, "a request before")
        made.replace("server.pem", "renewed.pem")
        made.replace("server.key", "renewed.key")
        bridge.renew()
        wait_for("the renewed certificate", lambda: bridge.status(name="renewed.test") == 200)
        expect_equal(bridge.ask(before), 200, "a request on the connection of before")
    expect_equal(bridge.status(), None, "a client that wants the old name")
    expect_equal(len(bridge.lines("certificates read again")), 1, "lines that say so")


@case("SIGHUP with certificates that cannot work is one line, and the old ones stay")
def _(bench):
    made = Certificates(bench)
    bridge = Bridge(bench, made)
    made.replace("server.key", "client.key")
    bridge.renew()
    wait_for("a line that says so", lambda: bridge.lines("TLS: --bridge-key " + made("server.key"), "stay in use"))
    expect_equal(len(bridge.lines(" error ", "TLS: ")), 1, "lines about what is wrong")
    expect_equal(bridge.status(), 200, "a client of the authority")
    expect(bridge.program.running(), "the scheduler to live")


@case("plain HTTP on the TLS port gets the hint of Go's server")
def _(bench):
    bridge = Bridge(bench, Certificates(bench))
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=10) as peer:
        peer.sendall(b"POST /v1/lrps HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n[]")
        answer = b""
        while some := peer.recv(4096):
            answer += some
    expect_equal(answer, b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", "the answer")


def refused_at_start(argv, words):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False, env=clean_environment() | {
        "MESOS_FRAMEWORK_ID": "f", "MESOS_EXECUTOR_ID": "e-1", "MESOS_SLAVE_PID": "slave(1)@127.0.0.1:1"})
    expect_equal(done.returncode, USAGE, f"exit code ({done.stderr})")
    lines = done.stderr.splitlines()
    complaints = [line for line in lines if all(word in line for word in words)]
    expect(len(complaints) == 1 and complaints[0].startswith(pathlib.Path(argv[0]).name), f"one line with {words}", lines)


def scheduler_refuses(prepare, flags, words):
    def check(bench):
        made = Certificates(bench)
        prepare(made)
        refused_at_start(
            [program("diego-scheduler"), "--master", "http://127.0.0.1:1", "--state-dir", str(bench.path("state")),
             "--executor", "e", "--cell-containerizer", "none", "--cell-command", "c", "--bridge-listen", "127.0.0.1:0",
             *(made(flag) if flag.endswith((".pem", ".key")) else flag for flag in flags)], words)
    return check


PAIR = ["--bridge-cert", "server.pem", "--bridge-key", "server.key"]
for what, how, given, said in (
        ("a certificate that has expired", lambda made: made.make("server", days="-1"), PAIR,
         ["--bridge-cert", "server.pem: expired on "]),
        ("a certificate that is not there", lambda made: (made.folder / "server.pem").unlink(), PAIR,
         ["--bridge-cert", "server.pem: cannot be read: no such file"]),
        ("a key of another certificate", lambda made: made.replace("server.key", "client.key"), PAIR,
         ["--bridge-key", "server.key: is not the key of"]),
        ("an authority without a certificate", lambda made: (made.folder / "ca.pem").write_text("none\n"),
         [*PAIR, "--bridge-ca", "ca.pem"], ["--bridge-ca", "ca.pem: holds no certificate in PEM"]),
        ("an empty authority for the master", lambda made: (made.folder / "ca.pem").write_text(""), ["--mesos-ca", "ca.pem"],
         ["--mesos-ca", "ca.pem: is empty"])):
    add_case(f"diego-scheduler with {what} is one line with flag and file, and exit {USAGE}",
             scheduler_refuses(how, given, said))


@case(f"diego-executor with a rep certificate that has expired is one line with flag and file, and exit {USAGE}")
def _(bench):
    made = Certificates(bench)
    made.make("rep-client", days="-1")
    refused_at_start([program("diego-executor"), "--rep-cert", made("rep-client.pem"), "--rep-key",
                      made("rep-client.key"), "--cell-command", "exec true"], ["--rep-cert", "rep-client.pem: expired on "])


@case("a certificate that ends within a week is a warning of the log at start and after SIGHUP")
def _(bench):
    made = Certificates(bench)  # All of them end in two days.
    bridge = Bridge(bench, made)
    expect(bridge.lines("--bridge-cert " + made("server.pem"), "expires soon"), "a line at start", bridge.program.lines())
    expect(bridge.lines("--bridge-ca " + made("ca.pem"), "expires soon"), "a line at start", bridge.program.lines())


if __name__ == "__main__":
    main(__doc__)
