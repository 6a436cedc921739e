#!/usr/bin/env python3
"""What must be so of the simulation itself, or its silence would mean nothing.

  self_test.py SIMULATION

A seed gives the same bytes each time; a world without faults has nothing to complain of; every mutant (a
defect at a seam of the simulation) is caught within its seeds, by what it breaks, and its line replays it.
"""
import json
import re
import subprocess
import sys

# Within how many seeds each is to be found. A late auction for what runs is rare.
MUTANTS = {"ack-before-save": 200, "resend-accept": 200, "forget-rescind": 200, "idle-exit": 200, "ignore-rows": 1000}


def run(program, *flags):
    done = subprocess.run([program, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(flags)}: exit {done.returncode}")
    return done


def summary(done):
    return json.loads(done.stdout.splitlines()[-1])


def transcript(done):
    """All but the last line, which tells how long it took."""
    return done.stdout[: done.stdout.rstrip("\n").rfind("\n")]


def same_bytes(program):
    for seed in (1, 7, 23, 104):
        first = transcript(run(program, "--seed", str(seed), "--verbose"))
        again = transcript(run(program, "--seed", str(seed), "--verbose"))
        assert first.count("\n") > 200, f"the transcript of seed {seed} has {first.count(chr(10))} lines"
        assert first == again, f"seed {seed} gave two transcripts"
        yield f"seed {seed}: {len(first)} bytes, twice the same"


def all_is_well_without_faults(program):
    done = run(program, "--seeds", "20", "--no-faults")
    sums = summary(done)
    assert sums["violations"] == 0, done.stdout
    # Narrowed offers are counted there, too, and are none.
    assert sums["faults"]["total"] == sums["faults"].get("offer_constraints", 0), sums
    yield "20 seeds without faults: no violation"


def mutants_are_caught(program):
    for mutant, seeds in MUTANTS.items():
        done = run(program, "--seeds", str(seeds), "--mutant", mutant)
        sums = summary(done)
        found = re.search(r"^VIOLATION seed (\d+) at [\d.]+ s: (.*) \| replay: test/simulation/run (.*) --verbose$",
                          done.stdout, re.M)
        assert sums["violations"] == 1 and found, f"{mutant} is not caught within {seeds} seeds: {done.stdout}"
        seed, text, flags = found.groups()
        again = run(program, *flags.split(), "--verbose")
        assert found.group(0) in again.stdout, f"{mutant}: {flags} does not show it again"
        healthy = run(program, "--seed", seed)
        assert summary(healthy)["violations"] == 0, f"seed {seed} fails without a mutant too: {healthy.stdout}"
        yield f"{mutant}: seed {seed}, {text}"


def main():
    program = sys.argv[1]
    for case in (same_bytes, all_is_well_without_faults, mutants_are_caught):
        for line in case(program):
            print(f"ok   {line}", flush=True)


if __name__ == "__main__":
    main()
