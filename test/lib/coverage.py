"""Builds with gcc --coverage, runs unit tests and simulation, and prints the share of lines that they reach
in the rooms that must not lose anything: `ok` or `FAIL` for each, and `N passed, N failed`.
test/run coverage."""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

from programs import ROOT

PERCENT_MIN = 95.0
ROOMS = {
    "scheduler/core": "scheduler/core/",
    "scheduler/engine": "scheduler/engine/",
    "scheduler/placement": "scheduler/placement/",
    "scheduler/store": "scheduler/store/",
    "mesos codec": "mesos/(codec|events|json_|record_decoder|calls|call_writer)",
}
TESTS = {"core", "engine", "placement", "placement-properties", "mesos", "store", "fuzz"}
SEEDS = 200
# Every line is reached by the first thousands of the random ones, and unoptimised they are slow.
SETTINGS = {"DIEGO_MESOS_CASES": "5000"}


def run(command, **more):
    print(f"  {' '.join(str(word) for word in command)}", file=sys.stderr, flush=True)
    return subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, **SETTINGS}, **more)


def tests_of(build):
    known = json.loads(run(["meson", "introspect", "--tests", str(build)], stdout=subprocess.PIPE).stdout)
    return [test for test in known if test["name"] in TESTS]


def reached(build):
    """room -> (lines reached, lines, {file: lines missed})"""
    done = run(["gcovr", "-r", str(ROOT), str(build), "--json", "--exclude-unreachable-branches"]
               + [word for pattern in ROOMS.values() for word in ("--filter", str(ROOT) + "/" + pattern)],
               stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"gcovr failed; it does so on objects of different versions: remove {build} and try again")
    rooms = {room: [0, 0, collections.defaultdict(list)] for room in ROOMS}
    for file in json.loads(done.stdout)["files"]:
        room = next(room for room, prefix in ROOMS.items() if file["file"].startswith(prefix.partition("(")[0]))
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            rooms[room][1] += 1
            rooms[room][0] += line["count"] > 0
            if line["count"] == 0:
                rooms[room][2][file["file"]].append(line["line_number"])
    return rooms


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-coverage", help="a build with -Db_coverage=true")
    parser.add_argument("--as-it-is", action="store_true", help="neither build nor run anything, only count")
    parser.add_argument("--missed", action="store_true", help="name the lines that are not reached")
    options = parser.parse_args()
    build = options.build.resolve()
    failures = []
    if not options.as_it_is:
        if run([".ci/build", "--kind", "coverage", "--configure"]).returncode != 0:
            sys.exit("the build failed")
        tests = tests_of(build)
        targets = sorted({str(pathlib.Path(test["cmd"][0]).relative_to(build)) for test in tests})
        if run([".ci/build", "--kind", "coverage", *targets, "test/simulation/simulation"]).returncode != 0:
            sys.exit("the build failed")
        for old in build.rglob("*.gcda"):
            old.unlink()
        commands = [test["cmd"] for test in tests] + [[build / "test/simulation/simulation", "--seeds", str(SEEDS)]]
        for command in commands:
            if run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
                failures.append(f"{pathlib.Path(command[0]).name} fails")
    for failure in failures:
        print(f"FAIL coverage: {failure}")
    failed = len(failures)
    for room, (hit, lines, missed) in reached(build).items():
        percent = 100.0 * hit / lines if lines else 0.0
        enough = percent >= PERCENT_MIN
        failed += not enough
        print(f"ok coverage of {room}: {percent:.1f} % of {lines} lines" if enough else
              f"FAIL coverage of {room}: {percent:.1f} % of {lines} lines, wanted {PERCENT_MIN:g} %", flush=True)
        if options.missed or not enough:
            for file, numbers in sorted(missed.items()):
                print(f"    {file}: {', '.join(str(number) for number in numbers)}")
    print(f"{len(ROOMS) - (failed - len(failures))} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
