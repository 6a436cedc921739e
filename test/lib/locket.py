"""The Locket stand-in as a process, certificates for it, and a way to it that goes dead."""
import re
import socket
import subprocess
import threading

from cluster import clean_environment
from programs import Failed, Skipped, program, wait_for


class Locket:
    """A `diego-local locket`. Its port outlives it, so that it may be started again (without its locks)."""

    def __init__(self, bench, tls=None):
        if "locket" not in subprocess.run([program("diego-local"), "--help"], capture_output=True, text=True, check=True).stdout:
            raise Skipped("this build has no gRPC, so neither Locket nor a lock in it (Meson: -Dlocket=enabled)")
        self.bench = bench
        self.tls = tls
        self.port = 0
        self.start()

    def start(self):
        flags = ["--ca", self.tls.cert("ca"), "--cert", self.tls.cert("server"), "--key", self.tls.key("server")] if self.tls else []
        self.program = self.bench.start(
            f"locket-{len(self.bench.programs)}",
            [program("diego-local"), "locket", "--listen", f"127.0.0.1:{self.port}", *flags], env=clean_environment())
        self.port = int(wait_for("the Locket to be ready", self._ready).group(1))

    def _ready(self):
        if not self.program.running():
            raise Failed("diego-local locket to run", self.program.lines()[-1:])
        return re.search(r"locket 127\.0\.0\.1:(\d+) ready", self.program.text())

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


class Certificates:
    """An authority, what it signed for server and client, and a stranger's, made by the openssl program."""

    def __init__(self, bench):
        self.folder = bench.path("certificates")
        self.folder.mkdir()
        for authority in ("ca", "stranger-ca"):
            self._openssl("req", "-x509", *self._new_key(authority), "-days", "2", "-out", self.cert(authority))
        for name, authority in (("server", "ca"), ("client", "ca"), ("stranger", "stranger-ca")):
            request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
            extensions.write_text("subjectAltName=IP:127.0.0.1\n")
            self._openssl("req", *self._new_key(name), "-out", request)
            self._openssl("x509", "-req", "-in", request, "-CA", self.cert(authority), "-CAkey", self.key(authority),
                          "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", self.cert(name))

    def cert(self, name):
        return str(self.folder / f"{name}.pem")

    def key(self, name):
        return str(self.folder / f"{name}.key")

    def _new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key(name), "-subj", f"/CN={name}"]

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Way:
    """A way to a port. deaden(): what is connected now carries nothing any more, in neither direction, and
    nobody is told; new connections are as good as ever."""

    def __init__(self, bench, port):
        self.target = port
        self.dead = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        bench.on_close(self.listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def deaden(self):
        self.dead.set()
        self.dead = threading.Event()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                return
            far.settimeout(None)
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(*ends, self.dead), daemon=True).start()

    @staticmethod
    def _carry(source, target, dead):
        try:
            while data := source.recv(65536):
                if not dead.is_set():
                    target.sendall(data)
            if dead.is_set():
                return
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
