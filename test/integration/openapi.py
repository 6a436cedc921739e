#!/usr/bin/env python3
"""schemas/bridge.openapi.yaml against the bridge that serves: every operation is asked, its status must
be described and its body fit the schema, and what the file does not describe must not be there."""
import http.client
import json
import pathlib
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "lib"))
import web
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from programs import Skipped, expect, expect_equal, wait_for

# PyYAML comes with Debian's own python3, which need not be the one that runs this.
LOAD = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


def described():
    loaded = subprocess.run(["/usr/bin/python3", "-c", LOAD, ROOT / "schemas" / "bridge.openapi.yaml"],
                            capture_output=True, text=True, check=False)
    if loaded.returncode != 0:
        raise Skipped("python3-yaml is not installed")
    return json.loads(loaded.stdout)


def resolve(document, node):
    while "$ref" in node:
        found = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def mismatch(document, schema, value, at="body"):
    """Why `value` does not fit, or ''. Knows what our file uses of JSON Schema."""
    schema = resolve(document, schema)
    for part in schema.get("allOf", []):
        if why := mismatch(document, part, value, at):
            return why
    if value is None and schema.get("nullable"):
        return ""
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is {value!r}, not one of {schema['enum']}"
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        return f"{at} is {value!r}, not {kind}"
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                return f"{at} has no {name}"
        if len(value) > schema.get("maxProperties", len(value)):
            return f"{at} has too many fields: {sorted(value)}"
        for name, inner in schema.get("properties", {}).items():
            if name in value and (why := mismatch(document, inner, value[name], f"{at}.{name}")):
                return why
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            if why := mismatch(document, schema["items"], item, f"{at}[{index}]"):
                return why
    return ""


def check(document, operation, what, answer):
    """`answer` is one that the operation describes."""
    expect(str(answer.status) in operation["responses"], f"{what}: one of {sorted(operation['responses'])}", answer.status)
    response = resolve(document, operation["responses"][str(answer.status)])
    content = response.get("content", {})
    kind = answer.headers.get("content-type", "")
    expect(kind in content, f"{what} {answer.status}: Content-Type one of {sorted(content)}", kind)
    value = json.loads(answer.body) if kind == "application/json" else answer.body.decode()
    expect_equal(mismatch(document, content[kind]["schema"], value), "", f"{what} {answer.status}")


def fields(document, schema):
    schema = resolve(document, schema)
    names = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        names |= fields(document, part)
    return names


def served(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s")
    scheduler.post_lrps(lrp("app", [0]))
    scheduler.post_tasks(task("job"))
    scheduler.wait_states({"app.0": "running"})
    return f"http://127.0.0.1:{scheduler.bridge_port}"


GOOD = {("POST", "/v1/lrps"): [lrp("more", [0])], ("POST", "/v1/tasks"): [task("other")],
        ("PUT", "/v1/policy"): {"cells_max": 100, "offer_linger_ms": None},
        ("POST", "/v1/rebalance"): {"goal": "spread", "max_moves": 3},
        ("POST", "/v1/explain/lrps"): [lrp("asked", [0, 1])], ("POST", "/v1/explain/tasks"): [task("asked")]}
NAMES = {"{process_guid}": "app", "{index}": "0", "{task_guid}": "job"}


def streams(operation):
    return "text/event-stream" in operation["responses"].get("200", {}).get("content", {})


def first_of_stream(url):
    """Of an answer that does not end: its status, and what comes first."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""))
    answer = connection.getresponse()
    text = answer.fp.readline() + answer.fp.readline() if answer.status == 200 else b""
    kind = answer.getheader("content-type")
    connection.close()
    return answer.status, kind, text


def concrete(path, names):
    for placeholder, name in names.items():
        path = path.replace(placeholder, name)
    return path


@case("every operation of the OpenAPI file answers as it is described")
def _(bench):
    document = described()
    bridge = served(bench)
    known = {**NAMES, "{agent_id}": web.get_json(bridge + "/v1/cells")["cells"][0]["agent_id"]}
    asked = 0
    for path, item in document["paths"].items():
        for method in sorted(set(item) & {"get", "post", "put", "delete"}, key=["get", "post", "put", "delete"].index):
            operation, verb = item[method], method.upper()
            if streams(operation):
                status, kind, text = first_of_stream(bridge + path)
                expect_equal((status, kind), (200, "text/event-stream"), f"GET {path}")
                expect(b": events" in text, "a comment first", text)
                asked += 1
                continue
            for names in (known, {"{agent_id}": "none", "{process_guid}": "none", "{index}": "7", "{task_guid}": "none"}):
                body = json.dumps(GOOD[verb, path]) if (verb, path) in GOOD else None
                check(document, operation, f"{verb} {path}", web.request(verb, bridge + concrete(path, names), body=body))
                asked += 1
            if verb == "POST":
                check(document, operation, f"{verb} {path} of nonsense", web.request(verb, bridge + path, body="{"))
        wrong = web.request("PATCH", bridge + concrete(path, NAMES))
        expect_equal(wrong.status, 405, f"PATCH {path}")
        allowed = {method.upper() for method in set(item) & {"get", "post", "put", "delete"}}
        expect_equal(set(wrong.headers["allow"].replace(" ", "").split(",")) - {"HEAD"}, allowed, f"Allow of {path}")
    expect(asked >= 20, "20 requests at least", asked)


@case("what instances and cells show is all described")
def _(bench):
    document = described()
    bridge = served(bench)
    schemas = document["components"]["schemas"]
    for what, schema in (("instances", "Instance"), ("cells", "Cell"), ("zones", "Zone")):
        for item in web.get_json(f"{bridge}/v1/{what}")[what]:
            expect_equal(set(item) - fields(document, schemas[schema]), set(), f"fields of {schema} that are not described")


@case("an explanation has nothing that is not described")
def _(bench):
    document = described()
    bridge = served(bench)
    schemas = document["components"]["schemas"]
    body = json.dumps([lrp("small", [0]), lrp("big", [0], memory_mb=10_000_000)])
    told = json.loads(web.request("POST", bridge + "/v1/explain/lrps", body=body).body)["explanations"]
    expect_equal(told[0]["outcome"], "refused", "the outcome of the bigger, which is told first")
    expect(told[1]["outcome"] in ("placed", "awaits_offer"), "a place for the smaller", told[1]["outcome"])
    for one in told:
        expect_equal(set(one) - fields(document, schemas["Explanation"]), set(), "fields of Explanation")
        expect_equal(set(one["cells"]) - fields(document, schemas["CellVerdicts"]), set(), "fields of CellVerdicts")
        for miss in one["cells"]["misses"]:
            known = fields(document, schemas["CellVerdicts"]["properties"]["misses"]["items"])
            expect_equal(set(miss) - known, set(), "fields of a miss")


@case("a rebalance has nothing that is not described")
def _(bench):
    document = described()
    cluster = LocalCluster(bench, agents=3)
    scheduler = Scheduler(bench, cluster.master, idle_timeout="30s", strategy="spread")
    bridge = f"http://127.0.0.1:{scheduler.bridge_port}"
    scheduler.post_lrps(*(lrp(name, [0]) for name in "abc"))
    scheduler.wait_states({f"{name}.0": "running" for name in "abc"})
    expect_equal(web.request("PUT", bridge + "/v1/policy", body='{"strategy":"binpack"}').status, 200, "PUT /v1/policy")
    operation = document["paths"]["/v1/rebalance"]["post"]

    def preview():
        answer = web.request("POST", bridge + "/v1/rebalance?dry_run=true", body="")
        check(document, operation, "POST /v1/rebalance?dry_run=true", answer)
        return answer if "seen yet" not in json.loads(answer.body)["reason"] else None

    answer = wait_for("every agent to have been seen", preview)
    told, schema = json.loads(answer.body), document["components"]["schemas"]["Rebalance"]
    expect_equal((answer.status, told["state"], len(told["moves"])), (200, "preview", 2), "a preview of two moves")
    expect_equal(set(told) - fields(document, schema), set(), "fields of Rebalance")
    move = schema["properties"]["moves"]["items"]
    expect_equal(set(told["moves"][0]) - fields(document, move), set(), "fields of a move")
    instance = move["properties"]["instances"]["items"]
    expect_equal(set(told["moves"][0]["instances"][0]) - fields(document, instance), set(), "fields of an instance")
    expect_equal(web.get(bridge + "/v1/rebalance").status, 404, "nothing came of it")


@case("routes that are not described are not there")
def _(bench):
    document = described()
    bridge = served(bench)
    for path in ("/page", "/v1", "/v1/cell", "/v1/explain", "/v2/lrps", "/v1/instances/app"):
        expect(path not in document["paths"], f"{path} not described", "described")
        expect_equal(web.get(bridge + path).status, 404, f"GET {path}")


main(__doc__)
