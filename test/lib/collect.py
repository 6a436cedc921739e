"""Runs suites and counts test cases, for test/run. A Catch2 program counts by its test cases, every
other program by the lines `ok NAME`, `FAIL NAME: why`, `SKIP NAME: why` that it prints."""
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

from programs import ROOT

PROGRAM_LIMIT_S = 900
LINE = re.compile(r"^(ok|FAIL|SKIP) (.+?)(?:: (.*))?$")


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def ok(self):
        self.passed += 1

    def fail(self, name, why):
        self.failed += 1
        self.failures.append(f"FAIL {name}: {why}")

    def skip(self, name, why):
        self.skipped += 1
        print(f"  SKIPPED {name}: {why}", flush=True)


def run(argv, **more):
    """(exit code or None at the limit, stdout, stderr)"""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=PROGRAM_LIMIT_S,
                              cwd=ROOT, check=False, **more)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        def text(part):
            return part.decode(errors="replace") if isinstance(part, bytes) else part or ""
        return None, text(late.stdout), text(late.stderr)


def ending(code):
    return f"did not end within {PROGRAM_LIMIT_S} s" if code is None else \
        f"killed by signal {-code}" if code < 0 else f"exit {code}"


def skip_reason(case):
    """Catch2 v2 has no skipping: a test that cannot run warns of it with this word."""
    for warning in case.iter("Warning"):
        if "SKIPPED" in (warning.text or ""):
            return " ".join(warning.text.split())
    return None


def first_failure(case):
    for expression in case.iter("Expression"):
        if expression.get("success") == "false":
            where = f"{expression.get('filename')}:{expression.get('line')}"
            return f"{where}: {' '.join((expression.findtext('Expanded') or '').split())}"
    for kind in ("Failure", "Exception", "FatalErrorCondition"):
        for problem in case.iter(kind):
            return " ".join((problem.text or "").split())
    return "failed"


def count_catch(name, argv, env, count):
    """True if the program spoke Catch2's XML."""
    code, out, err = run([*argv, "-r", "xml"], env=env)
    begin = out.find("<?xml")
    if begin < 0:
        return False
    cases = 0
    try:
        document = xml.etree.ElementTree.fromstring(out[begin:])
    except xml.etree.ElementTree.ParseError:
        count.fail(name, f"{ending(code)}; last words: {(err or out)[-400:].strip()}")
        return True
    for case in document.iter("TestCase"):
        cases += 1
        label = f"{name}: {case.get('name')}"
        if case.find("OverallResult").get("success") != "true":
            count.fail(label, first_failure(case))
        elif skip_reason(case):
            count.skip(label, skip_reason(case))
        else:
            count.ok()
    failed = any(f.startswith(f"FAIL {name}: ") for f in count.failures)
    if code != 0 and not failed:
        count.fail(name, f"{ending(code)} although no case failed; {err[-400:].strip()}")
    elif cases == 0:
        count.fail(name, "has no test case")
    return True


def count_lines(name, argv, count):
    """Counts lines as they come and shows what failed: these programs take a while. All they say is
    kept in a log."""
    log = ROOT / "build" / "test-logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    cases = failed = 0
    with open(log, "wb") as told:
        # The limit is the program's own: every case bounds its waits.
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=told, cwd=ROOT)
        for raw in process.stdout:
            told.write(raw)
            told.flush()
            found = LINE.match(raw.decode(errors="replace").rstrip("\n"))
            if not found:
                continue
            cases += 1
            verdict, label, why = found.groups()
            if verdict == "ok":
                count.ok()
            elif verdict == "SKIP":
                count.skip(f"{name}: {label}", why)
            else:
                failed += 1
                count.fail(f"{name}: {label}", why)
                print(f"  FAIL {label}: {why}", flush=True)
        code = process.wait()
    if code != 0 and not failed:
        count.fail(name, f"{ending(code)} although no case failed; see {log}")
    elif cases == 0:
        count.fail(name, f"printed no case; see {log}")


def built(count, suites):
    """The test programs Meson knows, of some suites."""
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", "build"], capture_output=True, text=True,
                                       cwd=ROOT, check=True).stdout)
    for test in listed:
        if not {suite.split(":")[-1] for suite in test["suite"]} & suites:
            continue
        before = count.passed, count.failed, count.skipped
        env = {**os.environ, **(test["env"] if isinstance(test["env"], dict) else {})}
        if not count_catch(test["name"], test["cmd"], env, count):
            code, out, err = run(test["cmd"], env=env)
            if code == 0:
                count.ok()
            else:
                count.fail(test["name"], f"{ending(code)}: {(err or out)[-400:].strip()}")
        report(test["name"], count, before)


def scripts(folder):
    """The executables of a folder and of those below it, named by their path."""
    return sorted(p for p in pathlib.Path(ROOT, "test", folder).rglob("*.py") if os.access(p, os.X_OK))


def programs_of(suite, count):
    for script in scripts(suite):
        name = script.relative_to(ROOT / "test").with_suffix("").as_posix().replace("/", "-")
        before = count.passed, count.failed, count.skipped
        print(f"{name} ...", flush=True)
        count_lines(name, [sys.executable, str(script)], count)
        report(name, count, before)


def report(name, count, before):
    passed, failed, skipped = count.passed - before[0], count.failed - before[1], count.skipped - before[2]
    print(f"{name}: {closing(passed, failed, skipped)}", flush=True)


def closing(passed, failed, skipped):
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def main():
    what = sys.argv[1]
    count = Count()
    if what in ("unit", "all"):
        built(count, {"unit", "simulation"})
        programs_of("tidy", count)
    if what in ("integration", "all"):
        built(count, {"integration"})
        programs_of("integration", count)
    if what in ("smoke", "all"):
        before = count.passed, count.failed, count.skipped
        print("smoke ...", flush=True)
        count_lines("smoke", [str(ROOT / "test" / "smoke" / "run")], count)
        report("smoke", count, before)
    for failure in count.failures:
        print(failure)
    if count.failures:
        print(f"logs of the failed programs: {ROOT}/build/test-logs")
    print(closing(count.passed, count.failed, count.skipped), flush=True)
    sys.exit(1 if count.failed else 0)


if __name__ == "__main__":
    main()
