#!/usr/bin/env python3
"""The bench of a restart in small: a scheduler killed with 5,000 instances in its store knows them all
when it comes again, launches none a second time, and answers at once."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import add_case, main
from programs import ROOT, expect, expect_equal

INSTANCES, AGENTS, RESTARTS = 5000, 200, 2


def knows_all(codec):
    def check(_bench):
        done = subprocess.run(
            [ROOT / "test" / "bench" / "restart", "--instances", str(INSTANCES), "--agents", str(AGENTS), "--codec", codec,
             "--restarts", str(RESTARTS), "--limit-s", "60"], capture_output=True, text=True, timeout=180, check=False)
        print(done.stderr, file=sys.stderr)
        expect_equal(done.returncode, 0, f"exit code; {done.stderr.splitlines()[-1:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        print(json.dumps(found), flush=True)
        expect_equal((found["instances"], found["violations"], found["subscriptions"], len(found["restarts"])),
                     (INSTANCES, 0, 1 + RESTARTS, RESTARTS), "instances, violations, subscriptions, restarts")
        for one in found["restarts"]:
            expect("ACCEPT" in one["calls"] and "RECONCILE" in one["calls"], "it to place and to reconcile", one["calls"])
    return check


for a_codec in ("json", "protobuf"):
    add_case(f"{INSTANCES} instances survive {RESTARTS} restarts, each answering within 5 s ({a_codec})", knows_all(a_codec))


if __name__ == "__main__":
    main(__doc__)
