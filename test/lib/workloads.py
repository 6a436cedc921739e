"""Placement workloads in the format of schemas/workload.schema.json, the same ones on every machine, and
checks of what a scheduler made of them.

Everything random comes from one 64-bit linear congruential generator with a fixed seed for each workload,
drawn from in a fixed order, so that two programs in two languages get the same files.
"""
import collections
import dataclasses
import json
import pathlib

MASK = (1 << 64) - 1
MEMORY_SIZES_MB = (64, 128, 256, 512, 1024, 2048)
INSTANCES_PER_APP = 10
ZONES = 4


class Draws:
    """Numbers from the upper half of the state, whose lower bits repeat soon."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % bound

    def memory(self):
        return MEMORY_SIZES_MB[self.below(len(MEMORY_SIZES_MB))]


def plain_cell(number):
    return {
        "id": f"cell-{number:05}", "index": number, "zone": f"z{1 + number % ZONES}",
        "memory_mb": 64 << 10, "disk_mb": 512 << 10, "containers": 250,
        "rootfs": ["cflinuxfs4"], "rootfs_schemes": ["docker"],
        "placement_tags": [], "optional_placement_tags": [], "volume_drivers": [],
        "starting_containers": 0, "proxy_memory_mb": 0,
    }


def plain_work(domain, memory_mb):
    return {"domain": domain, "memory_mb": memory_mb, "disk_mb": 1024, "max_pids": 1024,
            "rootfs": "preloaded:cflinuxfs4", "placement_tags": [], "volume_drivers": []}


def varied_cell(number):
    """A tenth each of two isolation segments, one of which has GPUs; two stacks on every other cell."""
    cell = plain_cell(number)
    segment = {3: "iso-a", 7: "iso-b"}.get(number % 10)
    if segment:
        cell["placement_tags"] = [segment]
    if segment == "iso-b":
        cell["optional_placement_tags"] = ["gpu"]
    if number % 2 == 0:
        cell["rootfs"] = ["cflinuxfs4", "cflinuxfs3"]
    if number % 5 == 0:
        cell["volume_drivers"] = ["nfsv3driver"]
    return cell


# What an app of the varied workload asks for besides, by a die of twenty sides.
VARIED_WISHES = {
    0: {"placement_tags": ["iso-a"]},
    1: {"placement_tags": ["iso-b"]},
    2: {"placement_tags": ["iso-b", "gpu"]},
    3: {"rootfs": "preloaded:cflinuxfs3"},
    4: {"volume_drivers": ["nfsv3driver"]},
    5: {"rootfs": "docker:///library/busybox"},
    6: {"placement_tags": ["nowhere"]},
    7: {"rootfs": "preloaded:windows"},
    8: {"volume_drivers": ["smbdriver"]},
    9: {"placement_tags": ["gpu"]},
    10: {"memory_mb": 70000},
}


def no_wishes(_draws):
    return {}


def varied_wishes(draws):
    return VARIED_WISHES.get(draws.below(20), {})


@dataclasses.dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    cells: int
    apps: int = 0
    tasks: int = 0
    cell: object = plain_cell
    wishes: object = no_wishes
    note: str = ""

    def text_of_note(self, lrps):
        if self.note:
            return self.note.format(wanted=sum(lrp["memory_mb"] for lrp in lrps), there=self.cells * (64 << 10))
        if self.apps:
            return f"{self.cells} cells in {ZONES} zones, {self.apps} apps x {INSTANCES_PER_APP} instances"
        return f"{self.cells} cells in {ZONES} zones, {self.tasks} tasks"


RECIPES = {
    "a": Recipe("a_100c_5000i", 1, cells=100, apps=500),
    "b": Recipe("b_1000c_50000i", 2, cells=1000, apps=5000),
    "c1": Recipe("c1_1000c_25000i", 3, cells=1000, apps=2500),
    "c2": Recipe("c2_2000c_50000i", 4, cells=2000, apps=5000),
    "c3": Recipe("c3_10000c_250000i", 5, cells=10000, apps=25000),
    "d": Recipe("d_1000c_10000t", 6, cells=1000, tasks=10000),
    "d0": Recipe("d0_100c_1000t", 7, cells=100, tasks=1000),
    "e": Recipe("e_100c_11500i_oversubscribed", 8, cells=100, apps=1150,
                note="demand exceeds memory: {wanted} MB wanted, {there} MB there"),
    "f": Recipe("f_100c_4000i_500t_constraints", 9, cells=100, apps=400, tasks=500, cell=varied_cell,
                wishes=varied_wishes,
                note="isolation segments, optional tags, two stacks, volume driver, docker rootfs, impossible requests"),
}


def lrps_of(draws, recipe):
    for app in range(recipe.apps):
        work = plain_work("cf-apps", draws.memory()) | recipe.wishes(draws)
        for index in range(INSTANCES_PER_APP):
            yield {"process_guid": f"app-{app:06}", "index": index} | work


def tasks_of(draws, recipe):
    for number in range(recipe.tasks):
        yield {"task_guid": f"task-{number:06}"} | plain_work("cf-tasks", draws.memory())


def make(letter):
    """The workload as a dict."""
    recipe = RECIPES[letter]
    draws = Draws(recipe.seed)
    lrps = list(lrps_of(draws, recipe))
    return {"format": "diego-place/1", "name": recipe.name, "seed": recipe.seed, "note": recipe.text_of_note(lrps),
            "cells": [recipe.cell(number) for number in range(recipe.cells)],
            "lrps": lrps, "tasks": list(tasks_of(draws, recipe))}


def write(workload, path):
    """A cell, LRP or Task a line: such a file can be read, searched and compared by line."""
    with open(path, "w", encoding="utf-8") as out:
        for part, (key, value) in enumerate(workload.items()):
            out.write(("," if part else "{") + json.dumps(key) + ":")
            if isinstance(value, list):
                out.write("[\n" + ",\n".join(json.dumps(item, separators=(",", ":")) for item in value) + "\n]")
            else:
                out.write(json.dumps(value))
        out.write("}\n")


def make_file(letter, folder):
    path = pathlib.Path(folder) / f"{RECIPES[letter].name}.json"
    write(make(letter), path)
    return path


def key_of(item):
    return item["task_guid"] if "task_guid" in item else f"{item['process_guid']}.{item['index']}"


def named(element, field):
    return set(element.get(field, ()))


def mismatch(item, cell):
    """Why the cell may not have the item whatever its room, or ''."""
    scheme, _, rest = item["rootfs"].partition(":")
    stack = rest.partition("?")[0]
    if scheme not in cell.get("rootfs_schemes", []) and not (scheme == "preloaded" and stack in cell["rootfs"]):
        return "rootfs"
    if named(item, "volume_drivers") - named(cell, "volume_drivers"):
        return "volume drivers"
    wanted, required = named(item, "placement_tags"), named(cell, "placement_tags")
    if required - wanted or wanted - required - named(cell, "optional_placement_tags"):
        return "placement tags"
    return ""


def violations(workload, lines):
    """What is wrong with a plan of lines `key cell`, as (what, on whom). Proxies are charged to LRPs."""
    items = {key_of(item): item for item in workload["lrps"] + workload["tasks"]}
    cells = {cell["id"]: cell for cell in workload["cells"]}
    used = collections.defaultdict(collections.Counter)
    found, seen = [], set()
    for line in lines:
        key, _, cell_id = line.rstrip("\n").partition(" ")
        if key not in items or cell_id not in cells:
            found.append(("unknown", line))
            continue
        if key in seen:
            found.append(("placed twice", key))
            continue
        seen.add(key)
        item, cell = items[key], cells[cell_id]
        if why := mismatch(item, cell):
            found.append((why, line))
        proxy = cell.get("proxy_memory_mb", 0) if "process_guid" in item else 0
        used[cell_id].update(memory_mb=item["memory_mb"] + proxy, disk_mb=item["disk_mb"], containers=1)
    for cell_id, amounts in used.items():
        found += [(f"over {what}", cell_id) for what, amount in amounts.items() if amount > cells[cell_id][what]]
    return found
