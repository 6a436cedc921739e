"""Captured exchanges: reading them, playing them against a live server, and comparing what came back,
ids and times aside."""
import base64
import json
import pathlib
import re
import socket
import threading
import time

from programs import expect
from wire import SCHEMA, records

PROTOBUF = "application/x-protobuf"
MARK = re.compile(rb"^======== ([A-Z ]+) ========\r?\n", re.M)
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Exchange:
    """One NN-what.txt."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        parts = self.path.with_suffix("").parts
        self.name = "/".join(parts[len(parts) - parts[::-1].index("mesos"):])  # Below captures/mesos.
        parts = MARK.split(self.path.read_bytes())
        sections = dict(zip(parts[1::2], parts[2::2]))
        self.request = sections.get(b"REQUEST", b"").removesuffix(b"\n")
        self.response = sections.get(b"RESPONSE", b"").removesuffix(b"\n")
        self.streams = self.path.with_suffix(".stream").exists()
        body_file = self.path.with_suffix(".request.pb")
        head, _, body = self.request.partition(b"\r\n\r\n")
        if body_file.exists():
            body = body_file.read_bytes()
        self.head, self.body = head, body
        self.protobuf = header(parse_head(b"HTTP/1.1 0\r\n" + head)[1], "Content-Type") == PROTOBUF
        self.api = "executor" if b"/executor" in head.partition(b"\r\n")[0] else "scheduler"

    def json(self):
        """The call, if the body is one, whatever its content type."""
        try:
            return SCHEMA.decode(call_kind(self.api), self.body) if self.protobuf else json.loads(self.body)
        except ValueError:
            return None

    def request_for(self, names):
        """The request as recorded but for the ids, which are the live ones."""
        call = self.json() if self.protobuf else None
        if call is None:
            return assemble(names.live(self.head), names.live(self.body))
        expect(SCHEMA.encode(call_kind(self.api), call) == self.body, f"{self.name} to be the same after decoding and encoding")
        live = json.loads(names.live(json.dumps(call).encode()))
        return assemble(names.live(self.head), SCHEMA.encode(call_kind(self.api), live))

    def answer(self):
        """(status line's code, headers, body) as recorded."""
        head, _, body = self.response.partition(b"\r\n\r\n")
        return parse_head(head) + (b"" if self.streams else body,)

    def events(self):
        found, rest = records(self.path.with_suffix(".stream").read_bytes())
        expect(not rest, f"{self.name}.stream to end with a whole record", rest)
        decode = event_decoder(self.answer()[1], self.api)
        return [decode(record) for record in found]


def call_kind(api):
    return f"mesos.v1.{api}.Call"


def encoded(call, protobuf, api):
    """(content type, body) of a call."""
    return (PROTOBUF, SCHEMA.encode(call_kind(api), call)) if protobuf else ("application/json", json.dumps(call).encode())


def event_decoder(headers, api):
    """What makes an event of a record, by the content type of the answer."""
    if header(headers, "Content-Type") == PROTOBUF:
        return lambda record: SCHEMA.decode(f"mesos.v1.{api}.Event", record)
    return json.loads


def parse_head(head):
    lines = head.decode("latin-1").split("\r\n")
    headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]
    return int(lines[0].split(" ")[1]), headers


def header(headers, name):
    return next((value for key, value in headers if key.lower() == name.lower()), None)


def assemble(head, body):
    """The request with a Content-Length that fits (ids were exchanged), where it has one."""
    head = re.sub(rb"(?im)^Content-Length: \d+", b"Content-Length: " + str(len(body)).encode(), head)
    return head + b"\r\n\r\n" + body


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self.data = b""

    def send(self, raw):
        self.socket.sendall(raw)

    def more(self):
        some = self.socket.recv(65536)
        if not some:
            raise EOFError("the connection was closed")
        self.data += some

    def until(self, mark):
        while mark not in self.data:
            self.more()
        part, _, self.data = self.data.partition(mark)
        return part

    def exactly(self, count):
        while len(self.data) < count:
            self.more()
        part, self.data = self.data[:count], self.data[count:]
        return part

    def answer(self):
        """(status, headers, body or None if a stream begins)"""
        status, headers = parse_head(self.until(b"\r\n\r\n"))
        if (header(headers, "Transfer-Encoding") or "").lower() == "chunked":
            return status, headers, None
        return status, headers, self.exactly(int(header(headers, "Content-Length") or 0))

    def chunk(self):
        """One chunk; b"" is the end of the body."""
        size = int(self.until(b"\r\n"), 16)
        chunk = self.exactly(size)
        self.exactly(2)
        return chunk

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Stream:
    """The events of a streamed answer, read in a thread as they come."""

    def __init__(self, connection, headers, api="scheduler"):
        self.connection = connection
        self.decode = event_decoder(headers, api)
        self.events, self.times = [], []
        self.ended = None  # "last chunk" or "closed"
        self.watchers = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._read, daemon=True)

    def start(self):
        self.connection.socket.settimeout(60)
        self.thread.start()
        return self

    def _read(self):
        buffer, ended = b"", "closed"
        try:
            while True:
                chunk = self.connection.chunk()
                if not chunk:
                    ended = "last chunk"
                    break
                found, buffer = records(buffer + chunk)
                for record in found:
                    event = self.decode(record)
                    for watcher in self.watchers:
                        watcher(event)
                    with self.changed:
                        self.events.append(event)
                        self.times.append(time.monotonic())
                        self.changed.notify_all()
        except (OSError, EOFError, ValueError):
            pass
        with self.changed:
            self.ended = ended
            self.changed.notify_all()

    def wait(self, probe, seconds):
        """True as soon as probe() holds (asked whenever something arrives)."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not probe():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(left)
        return True

    def close(self):
        self.connection.close()
        self.thread.join(5)


# ---- comparing

# Keys that the stand-in leaves out or fills in its own way, everywhere; reasons in local/DIFFERENCES.md.
DROPPED_KEYS = {"domain"}
TIMES = {"timestamp", "executor_pid", "nanoseconds", "registered_time", "start_time", "elected_time"}


def normal_text(text):
    text = re.sub(UUID + r"-(S\d+)", r"AGENT-\1", text)
    text = re.sub(UUID + r"-O\d+", "OFFER", text)
    text = re.sub(UUID + r"-\d{4}\b", "FRAMEWORK", text)
    text = re.sub(UUID, "UUID", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)


def order_of(item):
    return json.dumps(item, sort_keys=True)


def normal(value, key=None, parent=None):
    """Without ids, times and orders that mean nothing."""
    if isinstance(value, dict):
        dropped = DROPPED_KEYS if "failover_timeout" in value else DROPPED_KEYS | {"checkpoint"}  # Of AgentInfo.
        return {k: normal(v, k, value) for k, v in value.items() if k not in dropped}
    if isinstance(value, list):
        items = [normal(item, key, parent) for item in value]
        if key in ("resources", "executor_ids", "offers", "tasks", "capabilities"):
            items.sort(key=order_of)
        return items
    if key in TIMES and isinstance(value, (int, float)):
        return 0
    if key == "port":
        return "PORT"
    if key == "uuid" and isinstance(value, str):
        try:
            return "UUID" if len(base64.b64decode(value)) == 16 else value
        except ValueError:
            return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return normal_text(value) if isinstance(value, str) else value


def normal_body(body):
    text = body.decode("utf-8", "replace")
    try:
        return normal(json.loads(text))
    except ValueError:
        return normal_text(text)


def normal_headers(headers):
    """Names and values that matter: which there are, and what they say."""
    out = {}
    for name, value in headers:
        name = name.lower()
        if name == "date":
            continue
        out[name] = "..." if name in ("mesos-stream-id", "content-length") and value != "0" else normal_text(value)
        if name == "location":
            out[name] = re.sub(r":\d+", ":PORT", value)
    return out


def difference(recorded, live):
    """What differs between two answers, or None."""
    if recorded[0] != live[0]:
        return f"status {live[0]}, recorded {recorded[0]}"
    if normal_headers(recorded[1]) != normal_headers(live[1]):
        return f"headers {normal_headers(live[1])}, recorded {normal_headers(recorded[1])}"
    if normal_body(recorded[2]) != normal_body(live[2] or b""):
        return f"body {normal_body(live[2] or b'')!r}, recorded {normal_body(recorded[2])!r}"
    return None


class Tally:
    """How many exchanges were compared, how many are equal, which differ on purpose."""

    def __init__(self, purposes):
        self.purposes = purposes  # name -> its line in DIFFERENCES.md
        self.compared, self.equal = 0, 0
        self.on_purpose, self.problems = [], []

    def note(self, name, problem):
        self.compared += 1
        if problem is None:
            self.equal += 1
            if name in self.purposes:
                self.problems.append(f"{name}: listed as different on purpose, but equal")
        elif name in self.purposes:
            self.on_purpose.append(name)
        else:
            self.problems.append(f"{name}: {problem}")

    def text(self):
        lines = [f"{self.compared} exchanges compared, {self.equal} equal, {len(self.on_purpose)} different on purpose, {len(self.problems)} wrong"]
        lines += [f"  on purpose: {name} ({self.purposes[name]})" for name in self.on_purpose]
        lines += [f"  WRONG {problem}" for problem in self.problems]
        return "\n".join(lines)
