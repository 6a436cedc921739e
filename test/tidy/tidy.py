#!/usr/bin/env python3
"""Holds the repository against the house rules. One case per rule."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import documents
import rules
from cases import add_case, main
from programs import ROOT, Failed, Skipped

SHOWN = 20

RULES = [
    ("includes are rooted at the repository and point one way", rules.layering),
    ("the pure rooms name no clock, thread, file, socket, logger or protobuf", rules.purity),
    ("generated and HTTP headers stay out of headers", rules.heavy_headers),
    (f"no source file is longer than {rules.LINES_MAX} lines", rules.lengths),
    ("nothing is marked as unfinished", rules.marks),
    ("every script parses", rules.scripts),
    ("every test that the conformance table names is there", documents.named_tests),
    ("every flag that the page about replacing the auctioneer names is there", documents.named_flags),
]


def hold(violations):
    if violations:
        print("\n".join(violations), file=sys.stderr)
        more = f" ... and {len(violations) - SHOWN} more" if len(violations) > SHOWN else ""
        raise Failed(f"no violation, found {len(violations)}", "; ".join(violations[:SHOWN]) + more)


def formatted(_bench):
    formatter = rules.clang_format()
    if formatter is None:
        raise Skipped("clang-format 14 is not installed (package clang-format-14)")
    hold(rules.formatting(ROOT, formatter))


for name, rule in RULES:
    add_case(name, lambda _bench, rule=rule: hold(rule(ROOT)))
add_case("every C++ file is as clang-format has it", formatted)

if __name__ == "__main__":
    main(__doc__)
