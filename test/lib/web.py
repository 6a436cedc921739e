"""Plain HTTP/1.1 requests, and raw bytes for what a client library would not send."""
import collections
import http.client
import json
import socket
import time
import urllib.parse

Answer = collections.namedtuple("Answer", "status headers body")


def request(method, url, body=None, headers=None, timeout=10):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    except http.client.HTTPException as problem:
        raise OSError(f"{method} {url}: {type(problem).__name__} {problem}") from problem
    finally:
        connection.close()


def get(url, **more):
    return request("GET", url, **more)


def get_json(url, **more):
    answer = get(url, **more)
    if answer.status != 200:
        raise ValueError(f"GET {url} answered {answer.status} {answer.body[:200]!r}")
    return json.loads(answer.body)


def post_json(url, value, **more):
    body = value if isinstance(value, (bytes, str)) else json.dumps(value)
    return request("POST", url, body=body, headers={"Content-Type": "application/json"}, **more)


def raw(host, port, data, timeout=10):
    """Sends bytes as they are and returns what comes until the peer closes, a whole head with its
    body has come, or the time is up."""
    received = b""
    with socket.create_connection((host, port), timeout=timeout) as peer:
        deadline = time.monotonic() + timeout
        try:
            peer.sendall(data)
        except OSError:
            pass  # It may refuse early and close: its answer is still to be read.
        while time.monotonic() < deadline:
            peer.settimeout(max(0.05, deadline - time.monotonic()))
            try:
                some = peer.recv(65536)
            except (TimeoutError, OSError):
                break
            if not some:
                break
            received += some
            head, gap, body = received.partition(b"\r\n\r\n")
            if gap:
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if length and len(body) >= int(length[0].split(b":")[1]):
                    break
    return received


def status_of(received):
    """The status of a raw answer, None where there was none."""
    words = received.split(b" ", 2)
    return int(words[1]) if received.startswith(b"HTTP/1.1 ") and len(words) > 1 else None
