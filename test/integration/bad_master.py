#!/usr/bin/env python3
"""A master that misbehaves: one clear line each, no crash, no spin, nothing lost, and the scheduler
works as soon as a good master takes the place of the bad one."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from fake_master import STREAM_HEAD, SUBSCRIBED, BadMaster, chunk, plain, record, refuse_with, stream
from cases import add_case, case, main
from cluster import Scheduler, lrp
from programs import cpu_seconds, expect, expect_equal, free_port, program, wait_for

HEARTBEAT = record({"type": "HEARTBEAT"})
GOOD = record(SUBSCRIBED) + HEARTBEAT
WATCHED_S = 4.0


def redirect_to_itself(request, peer):
    peer.sendall(plain("307 Temporary Redirect", "", b"Location: //127.0.0.1:1/master/api/v1/scheduler\r\n"))
    return True


def closes_at_once(_request, _peer):
    return False


def no_http(_request, peer):
    peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(range(256)))
    return False


def head_without_end(_request, peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 1_000_000)
    return False


def broken_chunks(request, peer):
    if request.call != "SUBSCRIBE":
        return refuse_with("202 Accepted", "")(request, peer)
    peer.sendall(STREAM_HEAD + chunk(GOOD) + b"not a length\r\nabc")
    return False


def no_stream_id(request, peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n" + chunk(GOOD))
    time.sleep(0.2)
    return False


# (what the master does, how, words of which the log must have one)
EVILS = [
    ("answers 500", refuse_with("500 Internal Server Error", "boom"), ["500"]),
    ("answers 503", refuse_with("503 Service Unavailable", "No leader elected"), ["503", "leader"]),
    ("answers 404", refuse_with("404 Not Found", "404 Not Found."), ["404"]),
    ("redirects to a dead leader", redirect_to_itself, ["refused", "redirect", "127.0.0.1:1", "307"]),
    ("closes at once", closes_at_once, ["closed", "answer", "end"]),
    ("does not speak HTTP", no_http, ["answer", "HTTP", "read", "clos"]),
    ("sends a head without end", head_without_end, ["answer", "head", "clos", "HTTP"]),
    ("sends no Mesos-Stream-Id", no_stream_id, ["Mesos-Stream-Id", "stream"]),
    ("sends garbage for records", stream(b"\x00\xff\x13garbage" * 50), ["record", "length"]),
    ("sends garbage after SUBSCRIBED", stream(GOOD, b"xyz\n{}{}{}", hold_s=0.3), ["record", "length"]),
    ("cuts a record", stream(GOOD, b"1000\n{\"type\":\"OFF", hold_s=0.3), ["record", "cut", "closed", "end"]),
    ("announces a record of 4 GB", stream(GOOD, b"4294967296\n{", hold_s=0.3), ["longer", "record", "length"]),
    ("breaks its chunks", broken_chunks, ["stream", "chunk", "clos", "end", "answer"]),
    ("ends the stream before SUBSCRIBED", stream(), ["end", "clos", "SUBSCRIBED", "before"]),
    ("sends OFFERS before SUBSCRIBED", stream(record({"type": "OFFERS", "offers": {"offers": []}}), hold_s=0.3),
     ["SUBSCRIBED", "OFFERS", "stream", "end", "clos"]),
]


# What no retry can cure, before we were ever subscribed: the settings are wrong.
FINAL = [
    ("answers 403 with claims", refuse_with("403 Forbidden", "The request's authenticated principal contains claims"),
     "principal contains claims"),
    ("answers 415", refuse_with("415 Unsupported Media Type", "Expecting 'Content-Type' of application/json"), "415"),
    ("refuses with an ERROR event", stream(record({"type": "ERROR", "error": {"message": "Role not allowed"}})),
     "Role not allowed"),
]


def ends(answer, words):
    def check(bench):
        master = BadMaster(bench, free_port(), answer)
        scheduler = Scheduler(bench, master.address, wait_ready=False)
        expect_equal(scheduler.program.wait(15), 2, "exit code")
        last = scheduler.program.lines()[-1]
        expect(words in last and last.startswith("diego-scheduler: "), f"a last line with '{words}'",
               scheduler.program.lines())
    return check


def good_master(bench, port):
    """diego-local where the bad master was."""
    return bench.start("diego-local", [program("diego-local"), "--port", str(port), "--agents", "1",
                                       "--work-dir", bench.path("local-work")])


def endures(answer, words):
    def check(bench):
        port = free_port()
        master = BadMaster(bench, port, answer)
        scheduler = Scheduler(bench, master.address, wait_ready=False)
        wait_for("an attempt to subscribe", master.subscribes)
        wait_for("the bridge", lambda: web.get(scheduler.bridge + "/healthz").status == 200)
        scheduler.post_lrps(lrp("waiting", [0]))
        wait_for(f"a line with one of {words}", lambda: any(
            word in line for line in scheduler.program.lines() for word in words))

        before, lines_before, tries_before = cpu_seconds(scheduler.program.pid), len(scheduler.program.lines()), \
            len(master.subscribes())
        time.sleep(WATCHED_S)  # The measure itself: what it does in this time.
        expect(scheduler.program.running(), "it to live on", f"exit {scheduler.program.process.returncode}")
        used = cpu_seconds(scheduler.program.pid) - before
        tries = len(master.subscribes()) - tries_before
        lines = len(scheduler.program.lines()) - lines_before
        expect(used < 0.1 * WATCHED_S, "little processor time", f"{used:.2f} s in {WATCHED_S} s")
        expect(tries <= 8 * WATCHED_S, "attempts with backoff", f"{tries} in {WATCHED_S} s")
        expect(lines <= 10 * max(tries, 1) + 10, "a line or two per attempt", f"{lines} lines for {tries} attempts")
        expect_equal(set(scheduler.states()), {"waiting.0"}, "what waits")

        master.close()
        good_master(bench, port)
        scheduler.wait_ready(40)
        scheduler.wait_states({"waiting.0": "running"}, 30)
    return check


for what, how, wanted in EVILS:
    add_case(f"a master that {what}", endures(how, wanted))

for what, how, wanted in FINAL:
    add_case(f"a master that {what} ends it with one line and exit 2", ends(how, wanted))


@case("a record that is no JSON is skipped and the stream goes on")
def _(bench):
    master = BadMaster(bench, free_port(), stream(GOOD, record(b"{not json"), record(b'{"type":"NEWS"}'),
                                                  record(b"[]"), record(b""), record({"type": "UPDATE"}), HEARTBEAT,
                                                  hold_s=20))
    scheduler = Scheduler(bench, master.address)
    wait_for("a line about it", lambda: any("record" in line or "JSON" in line or "event" in line
                                            for line in scheduler.program.lines()))
    time.sleep(2)  # The measure itself: it must not have dropped the stream in this time.
    expect_equal(len(master.subscribes()), 1, "subscriptions")
    expect(scheduler.ready(), "GET /readyz 200")


@case("a master that takes calls and never answers them does not stop the bridge")
def _(bench):
    def answer(request, peer):
        if request.call == "SUBSCRIBE":
            return stream(GOOD, hold_s=30)(request, peer)
        time.sleep(30)
        return False
    master = BadMaster(bench, free_port(), answer)
    scheduler = Scheduler(bench, master.address)
    scheduler.post_lrps(lrp("a", [0]))
    for i in range(20):
        begun = time.monotonic()
        scheduler.post_lrps(lrp(f"b{i}", [0]))
        expect(time.monotonic() - begun < 1, "an answer within a second", time.monotonic() - begun)
    expect_equal(len(scheduler.states()), 21, "instances waiting")


@case("offers that make no sense are not used, and a good one beside them is")
def _(bench):
    framework = SUBSCRIBED["subscribed"]["framework_id"]
    def offer(number, resources, **more):
        return {"id": {"value": f"O{number}"}, "framework_id": framework, "agent_id": {"value": f"S{number}"},
                "hostname": "h", "resources": resources, "allocation_info": {"role": "*"}, **more}
    def scalar(name, value, **more):
        return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": "*"}, **more}
    whole = [scalar("cpus", 4.0), scalar("mem", 4096.0), scalar("disk", 8192.0)]
    offers = [
        offer(1, []),
        offer(2, [scalar("cpus", -4.0), scalar("mem", -1.0), scalar("disk", -1.0)]),
        offer(3, [{"name": "cpus", "type": "SCALAR"}, {"name": "mem", "type": "RANGES", "ranges": {"range": []}}]),
        offer(4, [scalar("cpus", 4.0, revocable={}), scalar("mem", 4096.0, revocable={}),
                  scalar("disk", 8192.0, revocable={})]),
        offer(5, whole),
    ]
    sent = []
    def answer(request, peer):
        if request.call == "SUBSCRIBE":
            peer.sendall(STREAM_HEAD + chunk(GOOD))
            while not any(call == "REVIVE" for _, call in master.calls):
                time.sleep(0.02)
            peer.sendall(chunk(record({"type": "OFFERS", "offers": {"offers": offers}})))
            sent.append(True)
            time.sleep(30)
            return False
        return refuse_with("202 Accepted", "")(request, peer)
    master = BadMaster(bench, free_port(), answer)
    scheduler = Scheduler(bench, master.address, wait_ready=False)
    wait_for("the bridge", lambda: web.get(scheduler.bridge + "/healthz").status == 200)
    scheduler.post_lrps(lrp("app", [0]))
    wait_for("an ACCEPT", lambda: any(call == "ACCEPT" for _, call in master.calls))
    bodies = [body for call, body in master.bodies if call == "ACCEPT"]
    expect(len(bodies) == 1 and b'"O5"' in bodies[0] and not any(
        f'"O{n}"'.encode() in bodies[0] for n in range(1, 5)), "one ACCEPT, of offer O5 alone", bodies)
    expect(scheduler.program.running(), "it to live on")


if __name__ == "__main__":
    main(__doc__)
