#!/usr/bin/env python3
"""What a running scheduler exports, against Prometheus's format and conventions, docs/metrics.md, the alerts and the
dashboard: names, types, labels and their values."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "lib"))
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import Failed, Skipped, expect, expect_equal
from prometheus_text import parse, wrong_names

RULES = ROOT / "docs" / "alerts" / "diego-mesos.rules.yml"
STORIES = ROOT / "test" / "data" / "alerts" / "diego-mesos.test.yml"
DASHBOARD = ROOT / "docs" / "grafana" / "diego-mesos.json"
METRICS, ALERTS = ROOT / "docs" / "metrics.md", ROOT / "docs" / "alerts.md"
# PyYAML comes with Debian's own python3, which need not be the one that runs this.
LOAD = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"


def scheduler_on(bench):
    return Scheduler(bench, LocalCluster(bench).master, idle_timeout="30s")


def scraped(scheduler):
    answer = web.get(scheduler.bridge + "/metrics")
    expect_equal(answer.status, 200, "GET /metrics")
    expect_equal(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8", "Content-Type")
    return answer.body.decode()


def worked(scheduler):
    """After an app, a Task and one that is too big, so that not all is 0."""
    scheduler.post_lrps(lrp("app", [0, 1]), lrp("huge", [0], memory_mb=10_000_000))
    scheduler.post_tasks(task("job"))
    scheduler.wait_states({"app.0": "running", "app.1": "running", "huge.0": "queued"})
    return scraped(scheduler)


def rules():
    loaded = subprocess.run(["/usr/bin/python3", "-c", LOAD, RULES], capture_output=True, text=True, check=False)
    if loaded.returncode != 0:
        raise Skipped("python3-yaml is not installed")
    return [rule for group in json.loads(loaded.stdout)["groups"] for rule in group["rules"]]


def panels():
    return json.loads(DASHBOARD.read_text())["panels"]


def queries():
    """Every expression of the dashboard, with its variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found += [one["expr"] for one in dashboard["annotations"]["list"] if "expr" in one]
    return [text.replace("$__rate_interval", "5m").replace("$job", ".*") for text in found]


GOOD = """# HELP a_total A
# TYPE a_total counter
a_total{kind="x"} 1
# HELP b_seconds B
# TYPE b_seconds histogram
b_seconds_count 2
b_seconds_sum 0.5
b_seconds_bucket{le="1"} 1
b_seconds_bucket{le="+Inf"} 2
"""


@case("what reads the text and the queries sees each thing that can be wrong")
def _(_bench):
    families = parse(GOOD)
    for old, new in (("# TYPE a_total counter\n", ""), ("# HELP a_total A\n", ""), ("counter", "meter"), ('{kind="x"} 1', '{kind="x} 1'),
                     ("a_total{", "a{"), ('b_seconds_bucket{le="+Inf"} 2\n', ""), ('le="1"} 1', 'le="1"} 3'), ("_count 2", "_count 3"),
                     ('a_total{kind="x"} 1\n', ""), ("b_seconds_sum 0.5\n", ""), ("# HELP b", 'a_total{kind="x"} 1\n# HELP b'),
                     ("0.5", "NaN"), ('"+Inf"} 2\n', '"+Inf"} 2')):
        try:
            parse(GOOD.replace(old, new, 1))
        except Failed:
            continue
        raise Failed(f"{new!r} in the place of {old!r} to be seen", "nothing")
    recorded = {"job:a:rate5m": {"job", "kind"}}
    for query in ('rate(a_total{kind="x"}[5m]) > 0 and on (job) b_seconds_count', "sum by (kind) (job:a:rate5m)",
                  'histogram_quantile(0.9, sum by (le) (rate(b_seconds_bucket[1m])))', 'a_total{kind=~"x", job="j"}'):
        expect_equal(wrong_names(query, families, recorded), [], query)
    for query in ("rate(c_total[5m])", 'a_total{kind="y"}', 'a_total{sort="x"}', "sum by (le) (a_total)", "b_seconds", "summ(a_total)",
                  'a_total{kind=~"x|y"}', "job:b:rate5m", "sum by (state) (job:a:rate5m)"):
        expect(len(wrong_names(query, families, recorded)) > 0, f"{query} to be wrong")


@case("the text is what Prometheus reads: HELP and TYPE before samples, no series twice, whole histograms")
def _(bench):
    families = parse(worked(scheduler_on(bench)))
    expect(len(families) > 40, "more than 40 metrics", sorted(families))
    running = families["diego_scheduler_instances"].series[
        ("diego_scheduler_instances", (("kind", "lrp"), ("state", "running")))]
    expect_equal(running, 2, "running instances")
    expect_equal(families["diego_scheduler_auction_to_running_seconds"].series[
        ("diego_scheduler_auction_to_running_seconds_count", ())] >= 2, True, "instances that came to run were measured")


@case("names follow Prometheus's conventions: base units, _total of counters, words with underscores")
def _(bench):
    for name, family in parse(scraped(scheduler_on(bench))).items():
        expect(re.fullmatch(r"(diego_scheduler|process)(_[a-z][a-z0-9]*)+", name), "a name of ours", name)
        expect_equal(name.endswith("_total"), family.kind == "counter", f"{name} is a counter")
        expect(family.kind != "histogram" or name.endswith(("_seconds", "_bytes")), "a unit at the end", name)
        words = set(name.split("_"))
        expect(not words & {"ms", "us", "ns", "millis", "milliseconds", "minutes", "hours", "kb", "mb", "gb", "mib", "megabytes",
                            "percent"}, "base units", name)
        expect(not {"count", "sum", "bucket", "counter", "gauge"} & {name.rsplit("_", 1)[1]}, "no suffix of another type", name)
        for label in family.labels():
            expect(re.fullmatch(r"[a-z]+(_[a-z]+)*", label), "a label of words", f"{name} {label}")
        if name.endswith("_info"):
            expect_equal(set(family.series.values()), {1}, name)


@case("all series are there from the start, and none comes with an app, a Task, a cell or an agent")
def _(bench):
    scheduler = scheduler_on(bench)

    def series(text):
        return {one for family in parse(text).values() for one in family.series}
    first = series(scraped(scheduler))
    expect_equal(series(worked(scheduler)) ^ first, set(), "series that came or went")
    expect(len(first) < 300, "fewer than 300 series", len(first))


DOCUMENTED = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ?(.*?) \| (.+) \|$", re.M)


def documented():
    """Name -> (type, label -> values), as docs/metrics.md has it."""
    found = {}
    for name, kind, labels, _ in DOCUMENTED.findall(METRICS.read_text()):
        expect(name not in found, "each metric once", name)
        pairs = [part.split(":") for part in labels.split(";") if part.strip()]
        found[name] = (kind, {label.strip().strip("`"): {value.strip() for value in values.split(",")} for label, values in pairs})
    return found


@case("docs/metrics.md has every metric with its type, its labels and all their values, and no other")
def _(bench):
    families, known = parse(scraped(scheduler_on(bench))), documented()
    expect_equal(set(families) - set(known), set(), "exported and not documented")
    expect_equal(set(known) - set(families), set(), "documented and not exported")
    for name, family in families.items():
        kind, labels = known[name]
        expect_equal(kind, family.kind, f"the type of {name}")
        expect_equal({label: values if labels.get(label) != {"*"} else {"*"} for label, values in family.labels().items()}, labels,
                     f"labels of {name}")


@case("every name, label and value in rules and dashboard is exported")
def _(bench):
    families = parse(scraped(scheduler_on(bench)))
    recorded, wrong = {}, []
    for rule in rules():
        wrong += [f"{rule.get('alert') or rule['record']}: {text}" for text in wrong_names(rule["expr"], families, recorded)]
        if "record" in rule:
            grouping = re.search(r"by \(([^)]*)\)", rule["expr"])[1]
            recorded[rule["record"]] = {label.strip() for label in grouping.split(",")}
    for query in queries():
        wrong += [f"{query}: {text}" for text in wrong_names(query, families)]
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    wrong += [text for one in variables if one["type"] == "query" for text in wrong_names(one["definition"], families)]
    expect_equal(wrong, [], "wrong names")


@case("every name and label in the documents is exported")
def _(bench):
    families, wrong = parse(scraped(scheduler_on(bench))), []
    recorded = {rule["record"]: set() for rule in rules() if "record" in rule}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for name, selector in re.findall(r"\b((?:job:)?diego_scheduler_[a-z_:0-9]*[a-z0-9]\b)(\{[^}\n]*\})?(?![_(*])", path.read_text()):
            text = (name + selector).replace("\\|", "|")
            wrong += [f"{path.name}: {text}: {why}" for why in wrong_names(text, families, recorded, whole=True)]
    expect_equal(wrong, [], "wrong names")


@case("every alert has its section in docs/alerts.md, and every section its alert")
def _(bench):
    sections = set(re.findall(r"^### (\w+)$", ALERTS.read_text(), re.M))
    alerts = [rule for rule in rules() if "alert" in rule]
    names = [rule["alert"] for rule in alerts]
    expect_equal(sorted(set(names)), sorted(names), "each alert once")
    expect_equal(set(names) ^ sections, set(), "alerts without a section, or sections without an alert")
    for rule in alerts:
        expect_equal(rule["annotations"]["runbook"], f"docs/alerts.md#{rule['alert'].lower()}", "where it points")
        expect(rule["labels"]["severity"] in ("critical", "warning") and rule["annotations"]["summary"], "severity and summary", rule)


@case("the dashboard is one that Grafana imports: its schema, its source a variable, ids and places of panels")
def _(bench):
    dashboard = json.loads(DASHBOARD.read_text())
    # 39 is that of Grafana 10.4 and 11; later ones read it and bring it forward.
    expect_equal(dashboard["schemaVersion"], 39, "schemaVersion")
    expect("id" not in dashboard and "__inputs" not in dashboard, "nothing of one installation", list(dashboard))
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    expect(variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus", "a variable for the source")
    ids = [panel["id"] for panel in panels()]
    expect_equal(len(set(ids)), len(ids), "ids, each once")
    taken = set()
    for panel in panels():
        place = panel["gridPos"]
        expect(place["x"] + place["w"] <= 24 and place["h"] > 0, "within the 24 columns", panel["title"])
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        expect(not cells & taken, "panels that do not overlap", panel["title"])
        taken |= cells
        if panel["type"] == "row":
            continue
        expect(panel["targets"] and panel["title"], "a title and queries", panel)
        for target in [panel, *panel["targets"]]:
            expect_equal(target["datasource"], {"type": "prometheus", "uid": "${datasource}"}, f"the source of {panel['title']}")
        references = [target["refId"] for target in panel["targets"]]
        expect_equal(len(set(references)), len(references), f"refIds of {panel['title']}")


def promtool(*words, text=None):
    found = subprocess.run([ROOT / ".ci" / "promtool"], capture_output=True, text=True, timeout=300, check=False)
    if found.returncode != 0:
        print(f"!!! NO PROMTOOL: rules and metrics are not checked by Prometheus's own tool. {found.stderr.strip()}", file=sys.stderr)
        raise Skipped(found.stderr.strip())
    done = subprocess.run([found.stdout.strip(), *words], input=text, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise Failed(f"promtool {' '.join(map(str, words))} to accept it", done.stdout + done.stderr)
    return done.stdout + done.stderr


@case("promtool accepts the rules, and their stories come out as told")
def _(bench):
    told = promtool("check", "rules", RULES)
    expect_equal(int(re.search(r"SUCCESS: (\d+) rules found", told)[1]), len(rules()), "rules")
    promtool("test", "rules", STORIES)
    broken = bench.path("broken.yml")
    broken.write_text(STORIES.read_text().replace("../../../", f"{ROOT}/").replace("for ten minutes", "for a year"))
    try:
        promtool("test", "rules", broken)
    except Failed:
        return
    raise Failed("a story with another end to fail", "success")


@case("promtool can read every query of the dashboard, and finds nothing to say of the metrics")
def _(bench):
    wrapped = bench.path("queries.yml")
    wrapped.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
        {"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]}]}))
    promtool("check", "rules", wrapped)
    expect_equal(promtool("check", "metrics", text=worked(scheduler_on(bench))), "", "what promtool says of the metrics")


main(__doc__)
