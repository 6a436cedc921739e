"""stages.py 'NAME: COMMAND' ...: runs commands one after the other, each of which ends with a line
`N passed, N failed[, N skipped]`, and ends with their sum; before it a table of the minutes of each.
A command that ends otherwise counts as one failure. The next one runs all the same."""
import re
import shlex
import subprocess
import sys
import time

from programs import ROOT

CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def run(name, command):
    """Shows what it says, but for the closing line; (passed, failed, skipped, minutes)."""
    print(f"==== {name}: {command}", flush=True)
    begun, last = time.monotonic(), None
    process = subprocess.Popen(shlex.split(command), cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace")
    for line in process.stdout:
        found = CLOSING.match(line)
        if last:
            print(last.group(0), flush=True)  # It was not the closing line after all.
        last = found
        if not found:
            print(line, end="", flush=True)
    code = process.wait()
    passed, failed, skipped = (int(n or 0) for n in last.groups()) if last else (0, 0, 0)
    if not last or (code != 0 and not failed):
        print(f"FAIL {name}: exit {code}" + ("" if last else " without a closing line"), flush=True)
        failed += 1
    return passed, failed, skipped, (time.monotonic() - begun) / 60


def main():
    stages = [argument.split(": ", 1) for argument in sys.argv[1:]]
    done = [(name, *run(name, command)) for name, command in stages]
    print(f"{'stage':<12} {'minutes':>8} {'passed':>7} {'failed':>7} {'skipped':>8}")
    for name, passed, failed, skipped, minutes in done:
        print(f"{name:<12} {minutes:>8.1f} {passed:>7} {failed:>7} {skipped:>8}")
    passed, failed, skipped = (sum(row[i] for row in done) for i in (1, 2, 3))
    print(f"{'all':<12} {sum(row[4] for row in done):>8.1f} {passed:>7} {failed:>7} {skipped:>8}")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
