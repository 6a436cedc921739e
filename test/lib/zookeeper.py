"""A ZooKeeper server of Debian's packages (libzookeeper-java, a headless JRE) on loopback, and a client
just good enough to stand in for masters: it speaks the wire protocol, so that tests need no binding."""
import pathlib
import shutil
import socket
import struct
import threading

from programs import Failed, Skipped, expect, free_port, wait_for

JAR = pathlib.Path("/usr/share/java/zookeeper.jar")
TICK_MS = 200  # Sessions are two ticks long at least.
START_S = 60   # A JVM on a busy machine.

OPEN_ACL = [(31, "world", "anyone")]
EPHEMERAL_SEQUENTIAL = 3


def needed():
    java = shutil.which("java")
    if not java or not JAR.exists():
        raise Skipped("no ZooKeeper server: apt-get install libzookeeper-java default-jre-headless")
    return java


class ZooKeeper:
    """One server; its data survives stop() and start(), but not wipe()."""

    def __init__(self, bench):
        self.bench = bench
        self.java = needed()
        self.port = free_port()
        self.dir = bench.path(f"zookeeper-{self.port}")
        self.data = self.dir / "data"
        self.data.mkdir(parents=True)
        self.config = self.dir / "zoo.cfg"
        self.config.write_text(
            f"tickTime={TICK_MS}\ndataDir={self.data}\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            "maxSessionTimeout=60000\nadmin.enableServer=false\nmaxClientCnxns=0\n")
        (self.dir / "log4j.properties").write_text(
            "log4j.rootLogger=WARN, OUT\nlog4j.appender.OUT=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.OUT.layout=org.apache.log4j.PatternLayout\nlog4j.appender.OUT.layout.ConversionPattern=%d %p %m%n\n")
        self.program = None
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        libraries = ":".join(["/usr/share/java/slf4j-log4j12.jar", "/usr/share/java/log4j-1.2.jar"])
        self.program = self.bench.start(f"zookeeper-{self.port}", [
            self.java, "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
            "-cp", f"{self.dir}:{JAR}:{libraries}",
            "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.config])
        wait_for("ZooKeeper to serve", self.serves, seconds=START_S, every=0.05)

    def serves(self):
        expect(self.program.running(), "ZooKeeper to run", self.program.text()[-500:])
        # It answers "ruok" before it takes sessions; and one asked for too early may never be answered.
        Client(self.port, 2000, None, patience_s=1).close()
        return True

    def kill(self):
        self.program.kill()

    def wipe(self):
        shutil.rmtree(self.data)
        self.data.mkdir()

    def client(self, timeout_ms=2000, auth=None):
        made = Client(self.port, timeout_ms, auth)
        self.bench.on_close(made.drop)
        return made


class Wire:
    """A way to the server that can be frozen: nothing is lost, nothing arrives."""

    def __init__(self, bench, port):
        self.target = port
        self.thawed = threading.Event()
        self.thawed.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        bench.on_close(self.listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self):
        self.thawed.clear()

    def thaw(self):
        self.thawed.set()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                return
            far.settimeout(None)
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source, target):
        try:
            while data := source.recv(65536):
                self.thawed.wait()
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">i", len(data)) + data


def _acls(acls):
    return struct.pack(">i", len(acls)) + b"".join(struct.pack(">i", perms) + _text(scheme) + _text(who)
                                                   for perms, scheme, who in acls)


class ZooKeeperError(Failed):
    def __init__(self, code):
        super().__init__(f"ZooKeeper's code {code}")
        self.code = code


class Client:
    """One session, kept alive by a thread. close() ends it and its nodes; drop() leaves them to time out."""

    def __init__(self, port, timeout_ms, auth, patience_s=20):
        self.peer = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
        self.lock = threading.Lock()
        self.xid = 0
        self._send(struct.pack(">iqiq", 0, 0, timeout_ms, 0) + _text(b"\0" * 16) + b"\0")
        self.timeout_ms = struct.unpack(">ii", self._receive()[:8])[1]
        self.stopped = threading.Event()
        threading.Thread(target=self._keep_alive, daemon=True).start()
        if auth:
            self._call(100, struct.pack(">i", 0) + _text("digest") + _text(auth), xid=-4)

    def _send(self, body):
        self.peer.sendall(struct.pack(">i", len(body)) + body)

    def _receive(self):
        def exactly(count):
            data = b""
            while len(data) < count:
                more = self.peer.recv(count - len(data))
                if not more:
                    raise OSError("ZooKeeper closed the connection")
                data += more
            return data
        return exactly(struct.unpack(">i", exactly(4))[0])

    def _call(self, kind, body=b"", xid=None):
        with self.lock:
            self.xid += 1
            self._send(struct.pack(">ii", xid or self.xid, kind) + body)
            answer = self._receive()
        code = struct.unpack(">i", answer[12:16])[0]
        if code:
            raise ZooKeeperError(code)
        return answer[16:]

    def _keep_alive(self):
        while not self.stopped.wait(self.timeout_ms / 4000):
            try:
                self._call(11, xid=-2)
            except (OSError, Failed, struct.error):
                return

    def create(self, path, data=b"", flags=0, acls=None):
        answer = self._call(1, _text(path) + _text(data) + _acls(acls or OPEN_ACL) + struct.pack(">i", flags))
        return answer[4:].decode()

    def delete(self, path):
        self._call(2, _text(path) + struct.pack(">i", -1))

    def get(self, path):
        answer = self._call(4, _text(path) + b"\0")
        size = max(0, struct.unpack(">i", answer[:4])[0])
        return answer[4:4 + size]

    def set(self, path, data):
        self._call(5, _text(path) + _text(data) + struct.pack(">i", -1))

    def acl(self, path):
        """[(permissions, scheme, who)]"""
        answer = self._call(6, _text(path))
        at, found = 4, []
        for _ in range(struct.unpack(">i", answer[:4])[0]):
            entry = [struct.unpack(">i", answer[at:at + 4])[0]]
            at += 4
            for _ in range(2):
                size = struct.unpack(">i", answer[at:at + 4])[0]
                entry.append(answer[at + 4:at + 4 + size].decode())
                at += 4 + size
            found.append(tuple(entry))
        return found

    def children(self, path):
        answer = self._call(8, _text(path) + b"\0")
        at, names = 4, []
        for _ in range(struct.unpack(">i", answer[:4])[0]):
            size = struct.unpack(">i", answer[at:at + 4])[0]
            names.append(answer[at + 4:at + 4 + size].decode())
            at += 4 + size
        return sorted(names)

    def close(self):
        self.stopped.set()
        self._call(-11)
        self.peer.close()

    def drop(self):
        self.stopped.set()
        self.peer.close()
