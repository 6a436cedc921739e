#!/usr/bin/env python3
"""The bridge under load and attack, in small: test/bench/bridge with fewer auctions. It checks that every 202 is
accounted for, that slow clients are cut off, and that memory and threads stay bounded; not the clock."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import case, main
from programs import ROOT, expect, expect_equal

BRIDGE = ROOT / "test" / "bench" / "bridge"
DEADLINE_S = 120


def bridge(*flags):
    """(exit code, what the last line of stdout says)"""
    done = subprocess.run([BRIDGE, *flags], capture_output=True, text=True, timeout=DEADLINE_S + 120, check=False)
    print(done.stderr, file=sys.stderr)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else None


@case("5,000 auctions over 200 connections beside 50 slow clients and garbage: every 202 runs, memory stays bounded")
def _(_bench):
    code, told = bridge("--agents", "50", "--auctions", "5000", "--limit-s", str(DEADLINE_S), "--rss-max-mb", "200",
                        "--scheduler-flag=--bridge-request-timeout=300ms", "--slow-every-ms", "100")
    expect_equal(code, 0, "exit code")
    expect_equal(told["statuses"], {"202": 5000}, "the answers to valid posts")
    expect_equal((told["states"], told["unaccounted"]), ({"running": 5000}, 0), "what became of them")
    expect(told["slow"]["cut_off"] >= 50, "slow clients to be cut off", told["slow"])
    expect(told["garbage"]["sent"] > 0, "garbage to be sent", told["garbage"])
    expect(told["scheduler_threads"] < 100, "fewer threads than connections", told["scheduler_threads"])
    expect(told["log_lines"] < 1000 + 3 * 5000, "no line for each piece of garbage", told["log_lines"])


@case("what does not fit waits with a reason, and the bench says so of every 202")
def _(_bench):
    code, told = bridge("--agents", "1", "--auctions", "2000", "--connections", "50", "--slow", "10", "--limit-s",
                        str(DEADLINE_S), "--agent-mem-mb", "8192", "--settle-s", "20")
    expect_equal(code, 0, "exit code")
    expect(told["states"].get("running", 0) > 0 and told["states"].get("queued", 0) > 0, "some to run and some to wait",
           told["states"])
    expect_equal((sum(told["states"].values()), told["unaccounted"]), (2000, 0), "instances known, unaccounted")


if __name__ == "__main__":
    main(__doc__)
