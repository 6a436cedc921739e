#!/usr/bin/env python3
"""docs/dns: the one rule that finds every cell by its name, taken out of the very file that operators are given, and the
changes to BOSH's files beside it. With a real CoreDNS (`COREDNS=/path/to/coredns`, or one in PATH) it is asked too."""
import ipaddress
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import corefile
from cases import add_case, case, main
from cluster import LocalCluster, Scheduler, lrp
from programs import ROOT, Skipped, expect, expect_equal, free_port, wait_for

FOLDER = ROOT / "docs" / "dns"
ZONE = "cell.service.cf.internal."
RUN = "o33e42lg"  # Eight of [a-z2-7], as base::Random::letters makes them.

ADDRESSES = ["10.0.16.7", "127.0.0.1", "0.0.0.0", "255.255.255.255", "192.168.1.10", "172.16.254.99", "9.90.199.200",
             "249.250.100.1"]
# Names in the zone that are no cell's, and why.
STRANGERS = {
    f"cell-256-0-0-1-{RUN}": "a number above 255",
    f"cell-10-0-0-300-{RUN}": "a number above 255",
    f"cell-10-0-0-1000-{RUN}": "a number of four digits",
    f"cell-010-0-0-1-{RUN}": "a leading zero",
    f"cell-10-0-00-1-{RUN}": "a leading zero",
    f"cell-10-0-1-{RUN}": "three numbers",
    f"cell-10-0-0-0-1-{RUN}": "five numbers",
    f"cell--0-0-1-{RUN}": "a number that is missing",
    f"cell-10-0-0-x-{RUN}": "no number",
    "cell----1--e": "an agent on IPv6",
    "cell-10-0-0-1": "no run",
    "cell-10-0-0-1-": "an empty run",
    "cell-10-0-0-1-o33e42l": "a run of seven letters",
    "cell-10-0-0-1-o33e42lgg": "a run of nine letters",
    "cell-10-0-0-1-o33e42l8": "a letter that no run has",
    "cell-10-0-0-1-o33e-2lg": "a dash within the run",
    f"xcell-10-0-0-1-{RUN}": "something before",
    f"my-cell-10-0-0-1-{RUN}": "something before",
    f"a.cell-10-0-0-1-{RUN}": "a name below a cell's",
    f"cell_10_0_0_1_{RUN}": "underscores, which the rep has made dashes of in its URL",
    f"cell.10.0.0.1.{RUN}": "dots",
    "4d2b6c1e-09aa-4d6c-8f4f-0a7f2d3c9e11": "a cell of BOSH's",
    "diego-cell": "another name",
    "mesos": "the zone within",
}


def zone():
    zones = corefile.read((FOLDER / "Corefile").read_text())
    expect_equal([(one.name, one.port) for one in zones], [(ZONE, "53")], "server blocks")
    return zones[0]


def cell_id(address):
    return f"cell-{address.replace('.', '-')}-{RUN}"


def check_answers(ask):
    """`ask(name, record)` answers (rcode, addresses, whether there is an SOA)."""
    for address in ADDRESSES:
        for domain in (ZONE, "mesos." + ZONE):
            expect_equal(ask(f"{cell_id(address)}.{domain}", "A"), ("NOERROR", [address], False), f"A of {address} in {domain}")
            expect_equal(ask(f"{cell_id(address)}.{domain}", "AAAA"), ("NOERROR", [], True), f"AAAA of {address} in {domain}")
    # Resolvers mix the case of questions on purpose.
    expect_equal(ask("CELL-10-0-16-7-O33e42LG.Cell.Service.CF.internal.", "A"), ("NOERROR", ["10.0.16.7"], False), "in mixed case")
    for stranger, why in STRANGERS.items():
        for record in ("A", "AAAA"):
            expect_equal(ask(f"{stranger}.{ZONE}", record), ("NXDOMAIN", [], True), f"{record} of {stranger}: {why}")
    expect_equal(ask(ZONE, "A")[0], "NXDOMAIN", "the zone itself")


@case("a cell's name has its agent's address, and what is no cell's name does not exist")
def _(_bench):
    rule = zone()

    def ask(name, record):
        rcode, answers, authorities = rule.ask(name, record)
        for line in answers:
            found = re.fullmatch(r"(\S+) 60 IN A (\S+)", line)
            expect(found and found[1] == name.lower(), f"an A record of {name.lower()}", line)
            ipaddress.IPv4Address(found[2])
        expect(all(re.fullmatch(rf"{re.escape(ZONE)} 60 IN SOA \S+ \S+ \(1 3600 600 86400 60\)", line) for line in authorities),
               "an SOA record", authorities)
        return rcode, [line.split()[-1] for line in answers], bool(authorities)
    check_answers(ask)
    expect_equal(rule.ask(f"{cell_id('10.0.0.1')}.service.cf.internal.")[0], "REFUSED", "a name outside the zone")


@case("an id with underscores is found under the name that its rep announces")
def _(_bench):
    # rep_url has a dash for each underscore of the cell's id.
    announced = f"cell_10_0_0_1_{RUN}".replace("_", "-")
    expect_equal(zone().ask(f"{announced}.{ZONE}")[1], [f"{announced}.{ZONE} 60 IN A 10.0.0.1"], announced)


@case("the cells of a running scheduler are found by the rule")
def _(bench):
    cluster = LocalCluster(bench)
    scheduler = Scheduler(bench, cluster.master, strategy="spread", idle_timeout="30s")
    scheduler.post_lrps(lrp("app", range(3)))
    scheduler.wait_states({f"app.{i}": "running" for i in range(3)})
    ids = [cell["cell_id"] for cell in scheduler.cells()]
    expect_equal(len(ids), 3, "cells")
    for one in ids:
        expect_equal(zone().ask(f"{one}.{ZONE}")[1], [f"{one}.{ZONE} 60 IN A 127.0.0.1"], one)


def loaded(path):
    # PyYAML comes with Debian's own python3, which need not be the one that runs this.
    program = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"
    done = subprocess.run(["/usr/bin/python3", "-c", program, path], capture_output=True, text=True, check=False)
    if "No module named" in done.stderr:
        raise Skipped("python3-yaml is not installed")
    expect_equal(done.returncode, 0, f"{path} is YAML ({done.stderr.strip()})")
    return json.loads(done.stdout)


def step(node, part, last):
    """Where one part of an ops-file's path leads; `last` is what an absent one (`name?`) would be."""
    name, optional = part.removesuffix("?"), part.endswith("?")
    if "=" in name:
        key, _, value = name.partition("=")
        found = [one for one in node if one[key] == value]
        expect_equal(len(found), 1, f"one {name}")
        return found[0]
    if optional:
        return node.setdefault(name, last)
    expect(name in node, name, sorted(node))
    return node[name]


def apply(document, operations):
    """An ops-file on a document, as `bosh interpolate -o` does it: as much as ours use."""
    for operation in operations:
        *parts, end = operation["path"].removeprefix("/").split("/")
        node = document
        for part in parts:
            node = step(node, part, [])
        if operation["type"] == "remove":
            node.remove(step(node, end, None))
        else:
            expect_equal((operation["type"], end), ("replace", "-"), "an operation that appends")
            node.append(operation["value"])


@case("BOSH DNS is told whom to ask for names of cells, on every stemcell line")
def _(_bench):
    # The shape of the Director's runtime config for BOSH DNS.
    config = {"addons": [{"name": name, "jobs": [{"name": "bosh-dns", "release": "bosh-dns", "properties": dict(properties)}]}
                         for name, properties in (("bosh-dns", {"cache": {"enabled": True}}),
                                                  ("bosh-dns-systemd", {"disable_recursors": True}))]}
    apply(config, loaded(FOLDER / "bosh-runtime-config-ops.yml"))
    for addon in config["addons"]:
        expect_equal(addon["jobs"][0]["properties"]["handlers"],
                     [{"domain": "((cell_names_domain))", "cache": {"enabled": True},
                       "source": {"type": "dns", "recursors": "((cell_names_servers))"}}], f"handlers of {addon['name']}")
    told = re.findall(r"\b(?:mesos\.)?cell\.service\.cf\.internal\.", (FOLDER / "bosh-runtime-config-ops.yml").read_text())
    expect_equal(sorted(set(told)), [ZONE, "mesos." + ZONE], "domains that the file says")


@case("the alias of BOSH's own cells is taken away, and no other")
def _(_bench):
    aliases = [{"domain": name, "targets": []} for name in ("_.cell.service.cf.internal", "auctioneer.service.cf.internal")]
    manifest = {"addons": [{"name": "bosh-dns-aliases", "jobs": [{"name": "bosh-dns-aliases", "properties": {"aliases": aliases}}]}]}
    apply(manifest, loaded(FOLDER / "cf-deployment-ops.yml"))
    expect_equal([one["domain"] for one in aliases], ["auctioneer.service.cf.internal"], "aliases left")


@case("what the reader of Corefiles does not know it does not pass over")
def _(_bench):
    for line in ('match "(?!cell)"', 'match "(.)\\1"', "additional \"x\"", "fallthrough example.", "upstream"):
        try:
            corefile.read(f"example. {{\n template IN A {{\n  {line}\n }}\n}}\n")
        except corefile.Unknown as problem:
            expect(str(problem).startswith("line 3:"), "the line's number", problem)
        else:
            expect(False, f"{line} to be refused")


RECORDS = {"A": 1, "AAAA": 28}
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


def skip_name(packet, at):
    while packet[at]:
        if packet[at] >= 0xC0:
            return at + 2
        at += packet[at] + 1
    return at + 1


def ask_server(port, name, record):
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", port))
        client.send(struct.pack(">6H", 4711, 0x0100, 1, 0, 0, 0) + question + struct.pack(">2H", RECORDS[record], 1))
        packet = client.recv(4096)
    _, flags, questions, answers, authorities, _ = struct.unpack(">6H", packet[:12])
    at = 12
    for _ in range(questions):
        at = skip_name(packet, at) + 4
    addresses = []
    for _ in range(answers):
        at = skip_name(packet, at)
        kind, _, _, length = struct.unpack(">2HIH", packet[at:at + 10])
        expect_equal(kind, RECORDS[record], "the record's type")
        addresses.append(socket.inet_ntoa(packet[at + 10:at + 10 + length]))
        at += 10 + length
    return RCODES[flags & 15], addresses, authorities == 1


COREDNS = os.environ.get("COREDNS") or shutil.which("coredns")


def with_coredns(bench):
    port = free_port()
    text = (FOLDER / "Corefile").read_text()
    expect_equal(text.count(":53 {"), 1, "places for a port")
    bench.path("Corefile").write_text(text.replace(":53 {", f":{port} {{\n    bind 127.0.0.1"))
    bench.start("coredns", [COREDNS, "-conf", str(bench.path("Corefile"))])
    wait_for("CoreDNS to answer", lambda: ask_server(port, ZONE, "A"))
    check_answers(lambda name, record: ask_server(port, name, record))


# Debian has no package of it: a check for who has one, and no test that is skipped everywhere else.
if COREDNS:
    add_case("a real CoreDNS answers the same", with_coredns)
else:
    print("no coredns in PATH: it is not asked (COREDNS=/path/to/coredns)", file=sys.stderr)


if __name__ == "__main__":
    main(__doc__)
