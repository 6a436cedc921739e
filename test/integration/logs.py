#!/usr/bin/env python3
"""What operators of Diego grep for: the log as Diego's programs write it, and the request's id on its way
from the BBS's header to the rep."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import expect, expect_equal, wait_for

REQUEST = "7f461654-74d1-1ee5-8367-77d85df2cdab"
TRACE = REQUEST.replace("-", "")


def lines_of(text):
    """Every line, as it must be: one JSON object of lager's shape."""
    found = []
    for line in text.splitlines():
        if line.startswith("diego-scheduler: bridge "):  # On stdout: where it listens, for whoever started it.
            continue
        entry = json.loads(line)
        expect(isinstance(entry["data"], dict), "data to be an object", line)
        expect(entry["message"].startswith(entry["source"] + "."), "a message under its source", line)
        found.append(entry)
    return found


def messages(scheduler):
    return {entry["message"].removeprefix("auctioneer."): entry for entry in lines_of(scheduler.program.text())}


def post(scheduler, path, items):
    answer = web.request("POST", scheduler.bridge + path, body=json.dumps(items),
                         headers={"Content-Type": "application/json", "X-Vcap-Request-Id": REQUEST})
    expect_equal(answer.status, 202, f"POST {path}")


@case("every line is Diego's JSON, and the names are there when an app is placed and one is refused")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s",
                          flags=["--log-format", "lager", "--placement-timeout", "500ms"])
    post(scheduler, "/v1/lrps", [lrp("app", [0, 1])])
    post(scheduler, "/v1/tasks", [task("job")])
    post(scheduler, "/v1/lrps", [lrp("big", [0], memory_mb=10_000_000)])
    post(scheduler, "/v1/tasks", [task("huge", memory_mb=10_000_000)])
    scheduler.wait_states({"app.0": "running", "app.1": "running"})
    wait_for("both refusals", lambda: {"auction.lrp-auction-failed", "auction.task-auction-failed"} <= set(messages(scheduler)))
    seen = messages(scheduler)
    wanted = ["started", "request.serving", "request.done", "request.lrp-auction-handler.create.submitted",
              "request.task-auction-handler.create.submitted", "auction.fetching-auctions", "auction.fetched-auctions",
              "auction.scheduling", "auction.lrp-added-to-cell", "auction.task-added-to-cell", "auction.scheduled",
              "auction.lrp-auction-failed", "auction.task-auction-failed"]
    expect_equal([name for name in wanted if name not in seen], [], "names that are missing")

    cell = scheduler.cells()[0]["cell_id"]
    added = seen["auction.lrp-added-to-cell"]
    expect_equal(added["data"]["cell-guid"], cell, "cell-guid")
    expect(added["data"]["lrp-guid"] in ("app.0", "app.1"), "lrp-guid of the app", added)
    expect_equal(added["data"]["trace-id"], TRACE, "trace-id")
    expect(re.fullmatch(r"[0-9a-f]{16}", added["data"]["span-id"]), "a span of 64 bits", added)
    failed = seen["auction.lrp-auction-failed"]
    expect_equal((failed["log_level"], failed["data"]["lrp-guid"]), (2, "big.0"), "level and guid of the refused one")
    expect("insufficient resources" in failed["data"]["error"], "Diego's words", failed)
    expect(re.fullmatch(r"\d{10}\.\d{9}", added["timestamp"]), "seconds since 1970 with nine digits", added["timestamp"])
    submitted = [entry["data"]["lrps"] for entry in lines_of(scheduler.program.text())
                 if entry["message"].endswith("lrp-auction-handler.create.submitted")]
    expect_equal(submitted, [[{"guid": "app", "indices": [0, 1]}], [{"guid": "big", "indices": [0]}]], "what was submitted")

    scheduler.program.stop()
    expect("exited" in messages(scheduler), "exited to be the end", sorted(messages(scheduler)))


@case("a flood of what is not fit to be a line stays one line each")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, flags=["--log-format", "lager", "--log-time-format", "rfc3339"])
    evil = "x\n{\"message\":\"auctioneer.forged\"}\r\u2028\"\\ a=b reason=\"c\" \u0000\u001b[31m" + "é" * 200
    post(scheduler, "/v1/lrps", [{**lrp(evil, [0]), "domain": ""}, lrp(evil, [-1]), lrp(evil, [0], memory_mb=10_000_000)])
    web.request("POST", scheduler.bridge + "/v1/lrps", body=b"\xff\xfe{")
    wait_for("the request to be done", lambda: "request.lrp-auction-handler.create.malformed-json" in messages(scheduler))
    lines = lines_of(scheduler.program.text())
    expect(not any("forged" in entry["message"] for entry in lines), "no forged message", lines)
    for entry in lines:
        expect(entry["level"] in ("debug", "info", "error"), "a level by name", entry)
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", entry["timestamp"]), "a time of RFC 3339", entry)


@case("debug lines are JSON too, and the request's id reaches the rep's side")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s", flags=[
        "--log-format", "lager", "--log-level", "debug", "--cell-env", "DIEGO_MESOS_LOG_FORMAT=lager"])
    post(scheduler, "/v1/lrps", [lrp("app", [0])])
    scheduler.wait_states({"app.0": "running"})
    expect("call-accept" in messages(scheduler), "our own events under their words", sorted(messages(scheduler)))
    sandboxes = list(pathlib.Path(bench.path("diego-local-work")).rglob("stderr"))
    said = [entry for file in sandboxes for entry in lines_of(file.read_text()) if entry["source"] == "diego-executor"]
    posted = [entry for entry in said if entry["message"] == "diego-executor.post-work"]
    expect_equal([entry["data"].get("trace-id") for entry in posted], [TRACE], "traces of what was posted to the rep")
    item = scheduler.instances()["app.0"]
    expect_equal(item["trace_id"], REQUEST, "trace_id of the instance")


@case("the text format stays as it was")
def _(bench):
    cluster = LocalCluster(bench, agents=1)
    scheduler = Scheduler(bench, cluster.master)
    post(scheduler, "/v1/lrps", [lrp("app", [0])])
    scheduler.wait_states({"app.0": "running"})
    text = scheduler.program.text()
    expect("request.serving" not in text and "auction." not in text, "none of Diego's names", text[-500:])
    for line in text.splitlines():
        if not line.startswith("diego-scheduler: bridge "):
            expect(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z diego-scheduler (info|warning|error) ", line), "a text line", line)


main(__doc__)
