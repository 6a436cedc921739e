"""Prometheus's text format, read strictly, and what a PromQL expression names. Standard library alone."""
import math
import re

from programs import Failed, expect

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")  # We write no timestamps.
COMMENT = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


class Family:
    def __init__(self, name, about):
        self.name, self.about, self.kind = name, about, None
        self.series = {}  # (sample's name, its labels sorted) -> value

    def labels(self):
        """Label -> all its values; without a histogram's own."""
        found = {}
        for _, labels in self.series:
            for name, value in labels:
                if name != "le":
                    found.setdefault(name, set()).add(value)
        return found


def parse_labels(text, line):
    labels, at = [], 0
    while at < len(text):
        found = LABEL.match(text, at)
        expect(found, "a label", f"{text[at:]!r} in {line!r}")
        labels.append(found.groups())
        at = found.end()
        if at < len(text):
            expect(text[at] == ",", "a comma between labels", line)
            at += 1
    names = [name for name, _ in labels]
    expect(len(set(names)) == len(names), "no label twice", line)
    return tuple(sorted(labels))


def parse(text):
    """Name -> Family. Each has HELP, then TYPE, then all its samples, and nothing stands between."""
    expect(text.endswith("\n"), "a line feed at the end")
    families, current = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("#"):
            found = COMMENT.fullmatch(line)
            expect(found, "HELP or TYPE", line)
            what, name, rest = found.groups()
            if what == "HELP":
                expect(name not in families, "one HELP a family", line)
                expect(current is None or current.series, "samples before the next family", line)
                current = families[name] = Family(name, rest)
            else:
                expect(current and current.name == name and current.kind is None, "TYPE right after HELP", line)
                expect(rest in SUFFIXES, f"one of {sorted(SUFFIXES)}", line)
                current.kind = rest
            continue
        found = SAMPLE.fullmatch(line)
        expect(found, "a sample", line)
        name, labels, value = found.groups()
        expect(current and current.kind, "HELP and TYPE before samples", line)
        expect(name in [current.name + suffix for suffix in SUFFIXES[current.kind]], f"a sample of {current.name}", line)
        series = (name, parse_labels(labels or "", line))
        expect(series not in current.series, "no series twice", line)
        number = float(value.replace("Inf", "inf"))
        expect(not math.isnan(number), "a number", line)
        current.series[series] = number
    for family in families.values():
        expect(family.series, f"samples of {family.name}")
        if family.kind == "histogram":
            check_histogram(family)
    return families


def check_histogram(family):
    """Each of its label sets has buckets that rise to +Inf, which is the count, and a sum."""
    sets = {tuple(pair for pair in labels if pair[0] != "le") for _, labels in family.series}
    for labels in sets:
        buckets = [(float(dict(found)["le"].replace("Inf", "inf")), value) for (name, found), value in family.series.items()
                   if name.endswith("_bucket") and tuple(pair for pair in found if pair[0] != "le") == labels]
        bounds, counts = [bound for bound, _ in buckets], [count for _, count in buckets]
        expect(bounds == sorted(set(bounds)) and bounds[-1] == math.inf, f"rising buckets of {family.name}", bounds)
        expect(counts == sorted(counts), f"cumulative buckets of {family.name}", counts)
        expect(family.series.get((family.name + "_count", labels)) == counts[-1], f"the count of {family.name}", counts)
        expect((family.name + "_sum", labels) in family.series, f"a sum of {family.name}")


# ---- PromQL

FUNCTIONS = set("""absent avg changes count histogram_quantile increase max max_over_time min rate sum time label_values
by without on ignoring and or unless group_left bool offset""".split())
SELECTOR = re.compile(rf"({NAME})\s*(\{{[^}}]*\}})?")
MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"([^"]*)"\s*')
GROUPING = re.compile(r"\b(by|without|on|ignoring)\s*\(([^)]*)\)")
OF_EVERY_TARGET = {"job", "instance"}


class Named:
    """What an expression names: (metric, [(label, operator, value)]), labels it groups by, and the rest."""

    def __init__(self, expression):
        self.metrics, self.grouping, self.unknown = [], set(), set()
        rest = expression
        for found in GROUPING.finditer(expression):
            self.grouping |= {label.strip() for label in found[2].split(",") if label.strip()}
        rest = GROUPING.sub(" ", rest)
        rest = re.sub(r"\[[^\]]*\]", " ", rest)  # Ranges.
        rest = re.sub(r"label_values\((.*),\s*\w+\)", r"\1", rest)
        for found in SELECTOR.finditer(rest):
            name, braces = found.groups()
            if name in FUNCTIONS or (found.start() and rest[found.start() - 1].isdigit()):
                continue
            matchers, at = [], 0
            inner = (braces or "{}")[1:-1]
            while at < len(inner):
                one = MATCHER.match(inner, at)
                if not one:
                    raise Failed(f"matchers in {found[0]!r}", inner[at:])
                matchers.append(one.groups())
                at = one.end() + 1  # The comma.
            self.metrics.append((name, matchers))


def wrong_names(expression, families, recorded=frozenset(), whole=False):
    """What an expression names that is not there, as texts. `recorded`: name -> labels of recording rules. `whole`: a
    histogram may be named by its family, as documents do and no query can."""
    wrong, labels_there = [], set()
    named = Named(expression)
    for name, matchers in named.metrics:
        if name in recorded:
            labels_there |= recorded[name]
            continue
        family = next((families[name[:len(name) - len(suffix)]] for suffix in ("", "_bucket", "_sum", "_count")
                       if name.endswith(suffix) and name[:len(name) - len(suffix)] in families), None)
        if family is None or not (name in {series for series, _ in family.series} or (whole and name == family.name)):
            wrong.append(f"{name} is not exported")
            continue
        values = family.labels()
        labels_there |= set(values) | ({"le"} if name.endswith("_bucket") else set())
        for label, operator, value in matchers:
            if label in OF_EVERY_TARGET:
                continue
            if label not in values:
                wrong.append(f"{name} has no label {label}")
                continue
            for one in value.split("|") if "~" in operator else [value]:
                if one not in values[label]:
                    wrong.append(f"{name} has no {label}={one!r}")
    for label in named.grouping - OF_EVERY_TARGET - labels_there:
        wrong.append(f"nothing in {expression!r} has the label {label}")
    return wrong
