#!/usr/bin/env python3
"""./quickstart as a user runs it."""
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import case, main
from programs import ROOT, expect, expect_equal, listens, wait_for

RUNNING = ("hello.0", "hello.1", "hello.2", "migrate")


def ports(text):
    return sorted({int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)", text)})


def clean(bench, text):
    wait_for("no process left", lambda: not bench.leftovers(), 5)
    expect_equal([port for port in ports(text) if listens(port)], [], "ports still open")


@case("quickstart --once shows an app and a Task running on three cells, exits 0 and leaves nothing")
def _(bench):
    run = bench.start("quickstart", [ROOT / "quickstart", "--once"])
    expect_equal(run.wait(900), 0, "exit code")
    text = run.text()
    for key in RUNNING:
        expect(re.search(rf"{re.escape(key)}\s+RUNNING\s+cell-", text), f"{key} RUNNING on a cell", text)
    table = text.partition("HOLDS")[2].partition("Go on with")[0]
    expect_equal(len(re.findall(r"^\s+cell-", table, re.M)), 3, "cells in the table")
    expect(all(key in table for key in RUNNING), "every instance in the table", table)
    expect(text.count("202 {}") == 2, "two auctions accepted", text)
    expect(len(ports(text)) == 2 and "/v1/instances" in text and ".log" in text, "where to go on, and logs", text)
    clean(bench, text)


@case("quickstart --diego desires an app and a Task at the BBS stand-in, which sees them running")
def _(bench):
    run = bench.start("quickstart-diego", [ROOT / "quickstart", "--diego", "--once"])
    expect_equal(run.wait(900), 0, "exit code")
    text = run.text()
    for key in RUNNING:
        expect(re.search(rf"{re.escape(key)}\s+RUNNING\s+cell-", text), f"{key} RUNNING on a cell", text)
    table = text.partition("HOLDS")[2].partition("Go on with")[0]
    expect(all(key in table for key in RUNNING), "every instance in the table", table)
    expect(text.count("201 {}") == 2, "two wishes accepted", text)
    expect(len(ports(text)) == 4 and "/desired/lrps/hello" in text.partition("Go on with")[2],
           "master, bridge, BBS and door, and where to go on", text)
    clean(bench, text)


@case("a second quickstart starts within seconds, beside a first one, and Ctrl-C leaves nothing of either")
def _(bench):
    first = bench.start("quickstart", [ROOT / "quickstart"])
    wait_for("the first one to run", lambda: "Running until Ctrl-C" in first.text(), 900)
    begun = time.monotonic()
    second = bench.start("quickstart-second", [ROOT / "quickstart"])
    wait_for("the second one to run", lambda: "Running until Ctrl-C" in second.text(), 30)
    expect(time.monotonic() - begun < 15, "up within 15 s", f"{time.monotonic() - begun:.1f} s")
    expect(not set(ports(first.text())) & set(ports(second.text())), "ports of its own", ports(second.text()))
    expect(all(listens(port) for port in ports(first.text())), "the first one still up")
    for one in (second, first):
        os.killpg(one.pid, signal.SIGINT)  # As a terminal does it: to the whole foreground group.
        expect_equal(one.wait(30), 0, f"exit code of {one.name} after Ctrl-C")
    clean(bench, first.text() + second.text())


@case("quickstart refuses arguments it does not know")
def _(bench):
    run = bench.start("quickstart", [ROOT / "quickstart", "--twice"])
    expect_equal(run.wait(10), 2, "exit code")
    expect(len(run.lines()) == 1 and "--twice" in run.text(), "one line that names it", run.lines())


if __name__ == "__main__":
    main(__doc__)
