"""Runs suites and counts test cases, for test/run and .ci/run. A Catch2 program counts by its test cases,
every other program by the lines `ok NAME`, `FAIL NAME: why`, `SKIP NAME: why` that it prints."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

from programs import ROOT

PROGRAM_LIMIT_S = 900
# What counts seconds or processors, or takes all of them: run with nothing else beside it.
ALONE = {f"integration-{name}" for name in
         ("bench_compare", "bridge_load", "crash", "crash_restart", "failover", "locket", "page", "quickstart", "scale_small")}
SEEDS = 1000  # Of the simulation.
LINE = re.compile(r"^(ok|FAIL|SKIP) (.+?)(?:: (.*))?$")


class Count:
    """One thread each; the whole is their sum."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

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


def count_lines(name, argv, count, build, lines_wanted=True):
    """Counts lines as they come and shows what failed: these programs take a while. All they say is
    kept in a log. A program that need not print such lines is one case by itself; the last it said is shown."""
    log = build / "test-logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    cases = failed = 0
    text = ""
    with open(log, "wb") as told:
        # The limit is the program's own: every case bounds its waits.
        env = {**os.environ, "DIEGO_MESOS_BIN": str(build / "bin")}
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=told, cwd=ROOT, env=env)
        for raw in process.stdout:
            told.write(raw)
            told.flush()
            text = raw.decode(errors="replace").rstrip("\n")
            found = LINE.match(text)
            if not lines_wanted:
                print(f"  {text}", flush=True)
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
    elif cases == 0 and lines_wanted:
        count.fail(name, f"printed no case; see {log}")
    elif cases == 0:
        count.ok()


def listed(suites, build, only):
    """The test programs Meson knows, of some suites; `only` those rooms, if it names any."""
    known = json.loads(subprocess.run(["meson", "introspect", "--tests", str(build)], capture_output=True, text=True,
                                      cwd=ROOT, check=True).stdout)
    # "platform-io" is of the room platform.
    return [test for test in known if {suite.split(":")[-1] for suite in test["suite"]} & suites
            and (not only or test["name"] in only or test["name"].partition("-")[0] in only)]


def all_of(jobs, many, one):
    with concurrent.futures.ThreadPoolExecutor(max(1, many)) as pool:
        for _ in pool.map(one, jobs):
            pass


def built(count, suites, build, only, jobs):
    """The test programs of a build, as many at a time as `jobs`."""
    told = threading.Lock()

    def one(test):
        mine, begun = Count(), time.monotonic()
        env = {**os.environ, **(test["env"] if isinstance(test["env"], dict) else {})}
        if not count_catch(test["name"], test["cmd"], env, mine):
            code, out, err = run(test["cmd"], env=env)
            if code == 0:
                mine.ok()
            else:
                mine.fail(test["name"], f"{ending(code)}: {(err or out)[-400:].strip()}")
        with told:
            count.add(mine)
            report(test["name"], mine, begun)

    all_of(listed(suites, build, only), jobs, one)


def scripts(folder):
    """The executables of a folder and of those below it, named by their path."""
    return sorted(p for p in pathlib.Path(ROOT, "test", folder).rglob("*.py") if os.access(p, os.X_OK))


def programs_of(suite, count, build, only, jobs):
    """The scripts of a folder, as many at a time as `jobs`; then those that want to be alone."""
    chosen = []
    for script in scripts(suite):
        name = script.relative_to(ROOT / "test").with_suffix("").as_posix().replace("/", "-")
        if not only or name.removeprefix(f"{suite}-") in only:
            chosen.append((name, script))
    told = threading.Lock()

    def one(job):
        name, script = job
        mine, begun = Count(), time.monotonic()
        with told:
            print(f"{name} ...", flush=True)
        count_lines(name, [sys.executable, str(script)], mine, build)
        with told:
            count.add(mine)
            report(name, mine, begun)

    all_of([job for job in chosen if job[0] not in ALONE], jobs, one)
    for job in chosen:
        if job[0] in ALONE:
            one(job)


def program(name, argv, count, build, lines_wanted=True):
    mine, begun = Count(), time.monotonic()
    print(f"{name} ...", flush=True)
    count_lines(name, argv, mine, build, lines_wanted)
    count.add(mine)
    report(name, mine, begun)


def report(name, count, begun):
    print(f"{name}: {closing(count.passed, count.failed, count.skipped)} ({time.monotonic() - begun:.0f} s)", flush=True)


def closing(passed, failed, skipped):
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="+", choices=("unit", "tidy", "simulation", "integration", "smoke"))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="the build directory")
    parser.add_argument("--unit", default="", help="only these rooms' unit tests, with commas")
    parser.add_argument("--integration", default="", help="only these integration tests, with commas")
    parser.add_argument("--targets", action="store_true", help="print what is to be built of those tests, and end")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of the simulation")
    parser.add_argument("--jobs", type=int, default=min(2 * (os.cpu_count() or 1), 4),
                        help="integration tests at a time; most of their time they wait")
    return parser.parse_args()


def words(text):
    return {word for word in text.split(",") if word}


def main():
    chosen = options()
    build, count = chosen.build.resolve(), Count()
    if chosen.targets:
        tests = listed(set(chosen.suite), build, words(chosen.unit))
        print("\n".join(sorted({str(pathlib.Path(test["cmd"][0]).relative_to(build)) for test in tests})))
        return
    if "unit" in chosen.suite:
        built(count, {"unit"}, build, words(chosen.unit), os.cpu_count() or 1)
    if "tidy" in chosen.suite:
        programs_of("tidy", count, build, set(), os.cpu_count() or 1)
    if "simulation" in chosen.suite:
        for test in listed({"simulation"}, build, set()):
            program(f"simulation-{test['name']}", test["cmd"], count, build, lines_wanted=False)
        program("simulation", [str(ROOT / "test" / "simulation" / "run"), "--seeds", str(chosen.seeds)], count, build,
                lines_wanted=False)
    if "integration" in chosen.suite:
        built(count, {"integration"}, build, words(chosen.unit), 1)
        programs_of("integration", count, build, words(chosen.integration), chosen.jobs)
    if "smoke" in chosen.suite:
        program("smoke", [str(ROOT / "test" / "smoke" / "run")], count, build)
    for failure in count.failures:
        print(failure)
    if count.failures:
        print(f"logs of the failed programs: {build}/test-logs")
    print(closing(count.passed, count.failed, count.skipped), flush=True)
    sys.exit(1 if count.failed else 0)


if __name__ == "__main__":
    main()
