"""The smallest test runner: each case is a function named by a sentence and prints one line,
`ok NAME`, `FAIL NAME: why` or `SKIP NAME: why`, which test/run counts."""
import argparse
import sys
import time
import traceback

from programs import Bench, Failed, Skipped

_cases = []


def case(name):
    def register(function):
        _cases.append((name, function))
        return function
    return register


def add_case(name, function):
    _cases.append((name, function))


def one_line(text):
    return " ".join(str(text).split())


def run_one(name, function):
    """The verdict of one case: True, False, or None where it was skipped."""
    bench = Bench("test")
    begun = time.monotonic()
    try:
        function(bench)
    except Skipped as reason:
        print(f"SKIP {name}: {one_line(reason)}", flush=True)
        return None
    except Exception as problem:  # pylint: disable=broad-except
        if not isinstance(problem, Failed):
            traceback.print_exc()
        print(bench.tails(), file=sys.stderr)
        text = str(problem) if isinstance(problem, Failed) else f"{type(problem).__name__}: {problem}"
        print(f"FAIL {name}: {one_line(text)}", flush=True)
        return False
    finally:
        bench.close()
        print(f"    {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
    print(f"ok {name}", flush=True)
    return True


def run_story(prefix, set_up, steps, finish):
    """Cases that build on each other in one world: `set_up(bench)` makes it, each step gets it, and
    `finish(world)` is a case too. After a failure the rest is skipped, except finish."""
    bench = Bench("story")
    world, broken = None, None

    def attempt(name, function):
        try:
            function()
        except Exception as problem:  # pylint: disable=broad-except
            if not isinstance(problem, Failed):
                traceback.print_exc()
            print(bench.tails(), file=sys.stderr)
            print(f"FAIL {prefix}{name}: {one_line(problem)}", flush=True)
            return False
        print(f"ok {prefix}{name}", flush=True)
        return True

    try:
        def begin():
            nonlocal world
            world = set_up(bench)
        if not attempt("it starts", begin):
            return False
        for name, step in steps:
            if broken:
                print(f"SKIP {prefix}{name}: after the failure of '{broken}'", flush=True)
            elif not attempt(name, lambda step=step: step(world)):
                broken = name
        return attempt(finish[0], lambda: finish[1](world)) and not broken
    finally:
        bench.close()


def main(about=""):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("only", nargs="*", help="run only cases whose name contains one of these words")
    parser.add_argument("--list", action="store_true", help="print the names")
    options = parser.parse_args()
    chosen = [(n, f) for n, f in _cases if not options.only or any(word in n for word in options.only)]
    if options.list:
        print("\n".join(name for name, _ in chosen))
        return
    verdicts = [run_one(name, function) for name, function in chosen]
    sys.exit(1 if False in verdicts else 0)
