#!/usr/bin/env python3
"""What the bridge answers to input that is wrong, hostile or too much, and that it lives on."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import add_case, case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import cpu_seconds, expect, expect_equal, wait_for

JSON = {"Content-Type": "application/json"}

# (what, path, body, status, exact body or None). Texts are those of Diego's own auctioneer.
BODIES = [
    ("an empty body", "/v1/lrps", b"", 400, b'{"error":"unexpected end of JSON input"}'),
    ("a body cut short", "/v1/lrps", b"{", 400, b'{"error":"unexpected end of JSON input"}'),
    ("a body cut short", "/v1/tasks", b"{", 400, b'{"error":"unexpected end of JSON input"}'),
    ("an object for an array", "/v1/lrps", b"{}", 400,
     b'{"error":"json: cannot unmarshal object into Go value of type []auctioneer.LRPStartRequest"}'),
    ("an object for an array", "/v1/tasks", b"{}", 400,
     b'{"error":"json: cannot unmarshal object into Go value of type []auctioneer.TaskStartRequest"}'),
    ("a number for a guid", "/v1/lrps", b'[{"process_guid":1}]', 400,
     b'{"error":"json: cannot unmarshal number into Go struct field LRPStartRequest.process_guid of type string"}'),
    ("a number for a state", "/v1/tasks", b'[{"TaskGuid":"t","state":1}]', 400,
     b'{"error":"json: cannot unmarshal number into Go struct field TaskStartRequest.state of type string"}'),
    ("a string for a number", "/v1/lrps", b'[{"process_guid":"a","MemoryMB":"1"}]', 400, None),
    ("a fraction for a number", "/v1/lrps", b'[{"process_guid":"a","MemoryMB":1.5}]', 400, None),
    ("a number out of range", "/v1/lrps", b'[{"process_guid":"a","MemoryMB":99999999999}]', 400, None),
    ("an object for indices", "/v1/lrps", b'[{"process_guid":"a","indices":{}}]', 400, None),
    ("text after the array", "/v1/lrps", b"[] x", 400, None),
    ("bytes that are no JSON", "/v1/lrps", bytes(range(256)), 400, None),
    ("an empty array", "/v1/lrps", b"[]", 202, b"{}"),
    ("an empty array", "/v1/tasks", b"[]", 202, b"{}"),
    ("null", "/v1/lrps", b"null", 202, b"{}"),
    ("an array of null", "/v1/lrps", b"[null]", 202, b"{}"),
    ("elements that are invalid, which are dropped", "/v1/lrps",
     b'[{"process_guid":"","indices":[0],"RootFs":"preloaded:x"},{"process_guid":"a","domain":"d","indices":[],"RootFs":"x"}]',
     202, b"{}"),
    ("a negative size, which is dropped", "/v1/tasks", b'[{"TaskGuid":"t","RootFs":"preloaded:x","MemoryMB":-1}]', 202,
     b"{}"),
    ("a guid too long for a Mesos task id, which is dropped", "/v1/lrps",
     json.dumps([lrp("g" * 300, [0])]).encode(), 202, b"{}"),
]

# (method, path, status, Allow, body)
ROUTES = [
    ("GET", "/v1/lrps", 405, "POST", b"Method Not Allowed"),
    ("PUT", "/v1/lrps", 405, "POST", b"Method Not Allowed"),
    ("GET", "/v1/tasks", 405, "POST", b"Method Not Allowed"),
    ("DELETE", "/v1/tasks", 405, "POST", b"Method Not Allowed"),
    ("GET", "/nosuch", 404, None, None),
    ("POST", "/v1/nosuch", 404, None, None),
    ("GET", "/v1/lrps/none", 404, None, None),
    ("GET", "/v1/lrps/none/0", 404, None, None),
    ("GET", "/v1/tasks/none", 404, None, None),
    ("DELETE", "/v1/lrps/none", 404, None, None),
    ("DELETE", "/v1/lrps/none/7", 404, None, None),
    ("DELETE", "/v1/tasks/none", 404, None, None),
    ("POST", "/v1/instances", 405, None, None),
    ("DELETE", "/v1/cells", 405, None, None),
    ("POST", "/healthz", 405, None, None),
]


def started(bench, **more):
    cluster = LocalCluster(bench, agents=1)
    return cluster, Scheduler(bench, cluster.master, **more)


def still_works(scheduler, guid="after"):
    scheduler.post_lrps(lrp(guid, [0]))
    scheduler.wait_states({f"{guid}.0": "running"})


@case("bodies that are wrong get Diego's answers, and nothing comes of them")
def _(bench):
    _, scheduler = started(bench)
    wrong = []
    for what, path, body, status, exact in BODIES:
        answer = web.request("POST", scheduler.bridge + path, body=body, headers=JSON)
        good = answer.status == status and (answer.body == exact if exact is not None else
                                            list(json.loads(answer.body)) == ["error"])
        if not good:
            wrong.append(f"{what} to {path}: {answer.status} {answer.body[:200]!r}, wanted {status} {exact!r}")
    expect_equal(wrong, [], "answers that differ")
    expect_equal(scheduler.instances(), {}, "instances")
    still_works(scheduler)


@case("routes that are not there and methods that are wrong are told apart")
def _(bench):
    _, scheduler = started(bench)
    wrong = []
    for method, path, status, allow, body in ROUTES:
        answer = web.request(method, scheduler.bridge + path, body=b"" if method in ("POST", "PUT") else None)
        if (answer.status != status or (allow and answer.headers.get("allow") != allow)
                or (body is not None and answer.body.strip() != body)):
            wrong.append(f"{method} {path}: {answer.status} {answer.headers.get('allow')} {answer.body[:100]!r}, "
                         f"wanted {status} {allow} {body!r}")
    expect_equal(wrong, [], "answers that differ")
    still_works(scheduler)


@case("a body of 64 MB is refused with 413 and not kept")
def _(bench):
    _, scheduler = started(bench)
    host = ("127.0.0.1", scheduler.bridge_port)
    size = 64 << 20
    head = f"POST /v1/lrps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    expect_equal(web.status_of(web.raw(*host, head.encode() + b"[" + b" " * (2 << 20))), 413, "answer to 64 MB announced")
    resident = int(pathlib.Path(f"/proc/{scheduler.program.pid}/statm").read_text().split()[1]) * 4096
    expect(resident < 256 << 20, "under 256 MB resident", f"{resident >> 20} MB")
    still_works(scheduler)


@case("a chunked body without end is refused with 413")
def _(bench):
    _, scheduler = started(bench)
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = b"POST /v1/lrps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    expect_equal(web.status_of(web.raw("127.0.0.1", scheduler.bridge_port, head + piece * 64)), 413, "answer")
    still_works(scheduler)


@case("a header of 200 kB is refused and the bridge lives on")
def _(bench):
    _, scheduler = started(bench)
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n"
    seen = web.raw("127.0.0.1", scheduler.bridge_port, head, timeout=5)
    expect(web.status_of(seen) in (None, 400, 431), "400, 431 or a closed connection", seen[:100])
    still_works(scheduler)


NOT_HTTP = [
    ("noise", bytes(range(256)) * 16),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500),
    ("a request line without end", b"GET /" + b"a" * 100_000),
    ("a negative length", b"POST /v1/lrps HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    ("length and chunks together", b"POST /v1/lrps HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("a chunk size that is no number", b"POST /v1/lrps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ("a path that climbs", b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a path with broken escapes", b"GET /v1/lrps/%zz%/0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("an index that is no number", b"GET /v1/lrps/a/99999999999999999999 HTTP/1.1\r\nHost: x\r\n\r\n"),
]


def survives(data):
    def check(bench):
        _, scheduler = started(bench)
        seen = web.raw("127.0.0.1", scheduler.bridge_port, data, timeout=2)
        status = web.status_of(seen)
        expect(status is None or 400 <= status < 500, "4xx or a closed connection", seen[:200])
        expect_equal(web.get(scheduler.bridge + "/healthz").status, 200, "GET /healthz after it")
        still_works(scheduler)
    return check


for name, bytes_sent in NOT_HTTP:
    add_case(f"the bridge survives {name}", survives(bytes_sent))


@case("a hundred silent connections do not keep others out for long")
def _(bench):
    import socket
    _, scheduler = started(bench)
    idle = [socket.create_connection(("127.0.0.1", scheduler.bridge_port)) for _ in range(100)]
    try:
        wait_for("GET /healthz 200", lambda: web.get(scheduler.bridge + "/healthz", timeout=15).status == 200, 30)
    finally:
        for one in idle:
            one.close()
    still_works(scheduler)


@case("JSON nested a hundred thousand deep is refused")
def _(bench):
    _, scheduler = started(bench)
    answer = web.request("POST", scheduler.bridge + "/v1/lrps", body=b"[" * 100_000, headers=JSON)
    expect_equal(answer.status, 400, "status")
    still_works(scheduler)


@case("bad input costs no rest: the scheduler is idle afterwards")
def _(bench):
    _, scheduler = started(bench)
    for what, path, body, _, _ in BODIES:
        web.request("POST", scheduler.bridge + path, body=body, headers=JSON)
    for _, data in NOT_HTTP:
        web.raw("127.0.0.1", scheduler.bridge_port, data, timeout=0.3)
    def idle():
        import time
        before = cpu_seconds(scheduler.program.pid)
        time.sleep(1)  # The measure itself: processor time over one second.
        return cpu_seconds(scheduler.program.pid) - before < 0.1
    wait_for("under 0.1 s of processor time in a second", idle, 20)
    still_works(scheduler)


@case("nothing that was accepted is lost beside what was refused")
def _(bench):
    _, scheduler = started(bench)
    for i in range(10):
        web.request("POST", scheduler.bridge + "/v1/lrps", body=b"[{", headers=JSON)
        scheduler.post_lrps(lrp("", [0]), lrp(f"app{i}", [0], memory_mb=8, disk_mb=8), lrp("x", [], memory_mb=-1))
        scheduler.post_tasks(task(f"job{i}", memory_mb=8, disk_mb=8), task(""))
    scheduler.wait_states({**{f"app{i}.0": "running" for i in range(10)}, **{f"job{i}": "stopped" for i in range(10)}}, 30)


if __name__ == "__main__":
    main(__doc__)
