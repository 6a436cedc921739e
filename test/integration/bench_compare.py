#!/usr/bin/env python3
"""The hot paths cost no more instructions than test/bench/baseline.json allows; and test/bench/compare,
which says so, does notice."""
import functools
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from cases import case, main
from programs import ROOT, Failed, Skipped, bin_dir, expect, expect_equal

BASELINE = ROOT / "test" / "bench" / "baseline.json"
CHEAP = "placement-reject"  # The case on which compare itself is tried.
ABOVE, UNFIT = 1, 2


def compare(*flags):
    """(exit code, what the last line of stdout says, stderr)"""
    done = subprocess.run([ROOT / "test" / "bench" / "compare", "--build", bin_dir().parent, *flags], capture_output=True,
                          text=True, timeout=600, check=False)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else None, done.stderr


def is_debian_12():
    try:
        text = pathlib.Path("/etc/os-release").read_text()
    except OSError:
        return False
    return bool(re.search(r'^ID=debian$', text, re.M) and re.search(r'^VERSION_ID="12"$', text, re.M))


@case("no hot path costs more than a tenth above its baseline")
def _(_bench):
    code, told, story = compare()
    print(story, file=sys.stderr)
    if code == UNFIT and "NOT COMPARED" in story and not is_debian_12():
        raise Skipped(story)  # The baseline is Debian 12's; there it must compare.
    expect(code in (0, ABOVE), "compare to compare", story)
    worse = {name: entry for name, entry in told["cases"].items() if not entry["ok"]}
    expect(code == 0 and not worse, "every case within 1.1 of its baseline", worse or story)


@functools.cache
def cost_of_cheap_case():
    _, measured, story = compare("--only", CHEAP)
    if measured is None:
        if "NOT COMPARED" in story and not is_debian_12():
            raise Skipped(story)
        raise Failed("compare to compare", story)
    return measured["cases"][CHEAP]["now"]


def with_baseline(bench, change):
    """compare on the cheap case alone, its baseline what it costs here, then changed."""
    baseline = json.loads(BASELINE.read_text())
    count = baseline["cases"][CHEAP]["count"]
    baseline["cases"] = {CHEAP: {"count": count, "instructions": cost_of_cheap_case()}}
    change(baseline)
    path = bench.path("baseline.json")
    path.write_text(json.dumps(baseline))
    return compare("--only", CHEAP, "--baseline", path)


@case("compare lets a case pass that costs 8 % more, and counts alike twice")
def _(bench):
    def cheaper(baseline):
        baseline["cases"][CHEAP]["instructions"] /= 1.08
    code, told, story = with_baseline(bench, cheaper)
    expect_equal(code, 0, f"exit code ({story})")
    expect(1.075 < told["cases"][CHEAP]["ratio"] < 1.085, "a ratio of 1.08", told)


@case("compare fails for a case that costs 12 % more")
def _(bench):
    def cheaper(baseline):
        baseline["cases"][CHEAP]["instructions"] /= 1.12
    code, told, story = with_baseline(bench, cheaper)
    expect_equal(code, ABOVE, f"exit code ({story})")
    expect(not told["ok"] and "more than 10% above" in story, "the case named", story)


@case("compare fails for a case without a baseline, and for a baseline without its case")
def _(bench):
    def renamed(baseline):
        baseline["cases"] = {CHEAP + "-of-old": baseline["cases"][CHEAP]}
    code, told, story = with_baseline(bench, renamed)
    expect_equal(code, ABOVE, f"exit code ({story})")
    expect_equal({name: entry["ok"] for name, entry in told["cases"].items()},
                 {CHEAP: False, CHEAP + "-of-old": False}, "verdicts")


@case("compare refuses, and says so, where the baseline is another compiler's")
def _(bench):
    def other(baseline):
        baseline["versions"]["compiler"] = "g++ 2.95"
    code, told, story = with_baseline(bench, other)
    expect_equal((code, told), (UNFIT, None), f"outcome ({story})")
    expect("NOT COMPARED" in story and "g++ 2.95" in story, "the reason", story)


if __name__ == "__main__":
    main(__doc__)
