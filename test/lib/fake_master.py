"""Mesos masters that misbehave, for what diego-scheduler must survive. Each connection is handled on
a thread of its own by a function that gets the parsed request and the socket."""
import json
import socket
import threading
import time


def record(event):
    body = json.dumps(event).encode() if not isinstance(event, bytes) else event
    return b"%d\n%s" % (len(body), body)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


STREAM_HEAD = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: 5a4b3c2d-0000-4000-8000-000000000001\r\n"
               b"Content-Type: application/json\r\n\r\n")
SUBSCRIBED = {"type": "SUBSCRIBED", "subscribed": {
    "framework_id": {"value": "7d0e2c4a-0000-4000-8000-00000000beef-0000"}, "heartbeat_interval_seconds": 15.0}}


class Request:
    def __init__(self, head, body):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = (first + "  ").split(" ", 2)
        self.headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        self.body = body
        try:
            self.call = json.loads(body).get("type")
        except (ValueError, AttributeError):
            self.call = None


class BadMaster:
    """`answer(request, peer)` writes whatever it likes and returns; the connection is then closed,
    unless it returns True: then the next request of the connection is awaited."""

    def __init__(self, bench, port, answer):
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.calls = []   # (time, type) of every call
        self.bodies = []  # (type, body)
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", port))
        self._closing = False
        self._peers = set()
        bench.on_close(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._peers.add(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            try:
                rest = b""
                while not self._closing:
                    request, rest = self._read(peer, rest)
                    if request is None:
                        return
                    self.calls.append((time.monotonic(), request.call))
                    self.bodies.append((request.call, request.body))
                    if not self._answer(request, peer):
                        return
            except OSError:
                return
            finally:
                self._peers.discard(peer)

    @staticmethod
    def _read(peer, data):
        """A request, and what has come behind it: calls are pipelined."""
        while b"\r\n\r\n" not in data:
            some = peer.recv(65536)
            if not some:
                return None, b""
            data += some
        head, _, body = data.partition(b"\r\n\r\n")
        request = Request(head, b"")
        length = int(request.headers.get("content-length", 0))
        while len(body) < length:
            some = peer.recv(65536)
            if not some:
                return None, b""
            body += some
        return Request(head, body[:length]), body[length:]

    def subscribes(self):
        return [at for at, call in self.calls if call == "SUBSCRIBE"]

    def close(self):
        """Gives the port free: wakes the thread that accepts, and cuts every connection."""
        self._closing = True
        for one in [self._listener, *self._peers]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()


def plain(status, text, headers=b""):
    body = text.encode()
    return (b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n%sContent-Length: %d\r\n\r\n%s" %
            (status.encode(), headers, len(body), body))


def refuse_with(status, text, headers=b""):
    """Answers every request so."""
    def answer(_request, peer):
        peer.sendall(plain(status, text, headers))
        return True
    return answer


def stream(*pieces, hold_s=0.0):
    """SUBSCRIBE gets a stream of these pieces (sent as chunks as they are), other calls 202."""
    def answer(request, peer):
        if request.call != "SUBSCRIBE":
            peer.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            return True
        peer.sendall(STREAM_HEAD)
        for piece in pieces:
            peer.sendall(chunk(piece))
        time.sleep(hold_s)
        return False
    return answer
